"""The files that placed assets are made of, as one zip with the folders of their libraries. Reads files."""

import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from twinstage.base.errors import UserError
from twinstage.live.library import AssetLibrary, split
from twinstage.scene.generation import plain_name
from twinstage.scene.shelf import Asset

MOST_BYTES = 48 << 20
"""Bytes of all files together."""


def members(assets: Iterable[Asset], library: AssetLibrary) -> dict[str, Path]:
    """Files by their names in the zip, `LIBRARY/file`. UserError for one that lies outside of the asset's library."""
    found: dict[str, Path] = {}
    for asset in assets:
        root = library.roots[split(asset.name)[0]]
        real = os.path.realpath(root)
        for file in asset.files:
            path = Path(os.path.realpath(plain_name(file)))
            if not path.is_relative_to(real):
                raise UserError(
                    f"asset {asset.name} is made of {path.name}, too, which lies outside of its library; copy it by hand"
                )
            found[f"{root.name}/{path.relative_to(real).as_posix()}"] = path
    return found


def zipped(files: dict[str, Path]) -> bytes:
    """The files as a zip, the same bytes for the same files. UserError where it is too much, or one is gone."""
    try:
        size = sum(path.stat().st_size for path in files.values())
        if size > MOST_BYTES:
            raise UserError(
                f"the placed assets have {size >> 20} MiB, and {MOST_BYTES >> 20} MiB are the most; copy the libraries by hand"
            )
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in sorted(files.items()):
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
        return out.getvalue()
    except OSError as error:
        raise UserError(f"a file of a placed asset cannot be read: {error.strerror}") from None
