"""The edits of a served twin as files of a designer: the layer, and the assets that it refers to. Writes files."""

import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.library import open_library, split

MOST_BYTES = 1 << 30
"""Bytes of all files of a zip, unpacked."""


def layer_for(text: str, out: Path, folders: Iterable[Path]) -> tuple[str, list[str]]:
    """The layer's text for a file `out`, and the assets that lie neither in those libraries nor beside the file."""
    from twinstage.scene.export.placed import relocated

    roots = open_library(folders, starter=False).roots
    text, assets = relocated(text, out, roots)
    beside = out.absolute().parent
    lost = []
    for asset in assets:
        library, file = split(asset)
        if not roots.get(library, beside / library).joinpath(file).is_file():
            lost.append(asset)
    return text, lost


def unpack_assets(data: bytes, folder: Path, *, force: bool) -> list[Path]:
    """The files of a zip below a folder; those that are there with other bytes are replaced with `force` alone."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            rows = archive.infolist()
            if sum(row.file_size for row in rows) > MOST_BYTES:
                raise UserError(
                    f"the placed assets have more than {MOST_BYTES >> 20} MiB; copy the libraries by hand"
                )
            files = {_inside(folder, row.filename): archive.read(row) for row in rows if not row.is_dir()}
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise TwinstageError(f"what the server gave for the assets is no zip: {error}") from None
    for path, content in files.items():
        if path.exists() and not force and (not path.is_file() or path.read_bytes() != content):
            raise UserError(f"{path} is already there and is another file; --force replaces it")
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror or error}") from None
    return [*files]


def _inside(folder: Path, name: str) -> Path:
    """Where a file of the zip goes; whatever its name, below the folder when all links are followed."""
    parts = name.split("/")
    path = folder.joinpath(*parts)
    plain = all(part not in ("", ".", "..") for part in parts) and "\\" not in name and len(parts) > 1
    if not plain or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise TwinstageError(f"the server's zip names {name[:100]!r}, which leads out of the folder")
    return path
