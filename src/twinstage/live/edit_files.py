"""The edits of a served twin as files of a designer: the layer, and the assets that it refers to. Writes files."""

import io
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.library import open_library, split
from twinstage.scene.stage import EXTENSIONS

TASK = "twinstage.scene.export.placed:relocated_task"
MOST_BYTES = 1 << 30
"""Bytes of all files of a zip, unpacked."""
SUFFIXES = (
    *(*EXTENSIONS, ".mtlx", ".mdl", ".ies", ".abc", ".obj", ".vdb", ".wav", ".mp3", ".m4a"),
    *(
        ".png",
        ".jpg",
        ".jpeg",
        ".exr",
        ".hdr",
        ".tga",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".avif",
        ".dds",
        ".ktx2",
    ),
)
"""What assets are made of."""
_NO_ZIP = (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError, zlib.error)
"""Damaged, encrypted, or packed in a way that is not known here."""


_HEADS = re.compile(rb"^ *(?:def|class) [^\n]*(?:\n(?! *[{}])[^\n]*)*", re.MULTILINE)
"""Prims that a usda layer defines, up to their brace."""
_DESIGNED = re.compile(rb"^ *(?:(?:prepend |append |add )?subLayers = \[|variantSet )", re.MULTILINE)
"""What a layer of edits never says."""


def check_replaced(out: Path) -> None:
    """UserError where `out` is there and is no layer of edits: a scene of a designer is never replaced, --force or not.

    A layer of edits holds overs, the default prim among them; what it defines, at any depth, are references to assets that were
    placed. It has no sublayers and no variants of its own.
    """
    try:
        if not out.is_file():
            return
        text = out.read_bytes()
    except OSError as error:
        raise UserError(f"{out} cannot be read: {error.strerror or error}") from None
    if (
        text.startswith(b"#usda")
        and not _DESIGNED.search(text)
        and all(map(_placed(text), _HEADS.findall(text)))
    ):
        return
    raise UserError(f"{out} is there and is no layer of edits, so it is not replaced; choose another --out")


def _placed(text: bytes) -> Callable[[bytes], bool]:
    """Whether the head of a prim that the layer defines is that of a placed asset."""
    named = re.search(rb'^ *defaultPrim = ("[^"]*")', text, re.MULTILINE)

    def placed(head: bytes) -> bool:
        is_scene = named is not None and not head.startswith(b" ") and named[1] in head
        return b"references = @" in head and not is_scene

    return placed


def layer_for(data: bytes, out: Path, folders: Iterable[Path]) -> tuple[str, list[str]]:
    """The layer of a server for a file `out`, with references into those libraries; and the assets that it names.

    It is read in the limited child: who serves is not trusted. TwinstageError for what is no layer.
    """
    from twinstage.scene.probe import ProbeLimits
    from twinstage.scene.safe.examiner import shared_examiner

    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise TwinstageError("what the server gave for the layer is no text in UTF-8") from None
    roots = open_library(folders, starter=False).roots
    request = {
        "path": str(out.absolute()),
        "roots": [],
        "text": text,
        "libraries": {name: str(root) for name, root in roots.items()},
    }
    done = shared_examiner().examine(TASK, request, ProbeLimits())
    if done.outcome != "ok":
        raise TwinstageError("what the server gave for the layer is no USD layer that could be read")
    assets: list[str] = done.answer["assets"]
    for asset in assets:
        try:
            split(asset)
        except UserError as error:
            raise TwinstageError(f"the server's layer refers to what is no asset: {error}") from None
    return done.answer["text"], assets


def lost_assets(assets: Iterable[str], out: Path, folders: Iterable[Path]) -> list[str]:
    """Those assets of a layer that lie neither in those libraries nor beside the file."""
    roots, beside = open_library(folders, starter=False).roots, out.absolute().parent
    lost = []
    for asset in assets:
        library, file = split(asset)
        if not roots.get(library, beside / library).joinpath(file).is_file():
            lost.append(asset)
    return lost


def unpack_assets(data: bytes, folder: Path, assets: Iterable[str], *, force: bool) -> list[Path]:
    """The files of a zip below a folder; those that are there with other bytes are replaced with `force` alone.

    `assets`: which the layer names; only files of their libraries are taken, and only such as assets are made of.
    """
    libraries = {split(asset)[0] for asset in assets}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            rows = archive.infolist()
            if sum(row.file_size for row in rows) > MOST_BYTES:
                raise UserError(
                    f"the placed assets have more than {MOST_BYTES >> 20} MiB; copy the libraries by hand"
                )
            places = {row: _inside(folder, row.filename, libraries) for row in rows if not row.is_dir()}
            files = {path: archive.read(row) for row, path in places.items()}
    except _NO_ZIP as error:
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


def _inside(folder: Path, name: str, libraries: Collection[str]) -> Path:
    """Where a file of the zip goes; whatever its name, below the folder when all links are followed."""
    parts = name.split("/")
    path = folder.joinpath(*parts)
    plain = all(part not in ("", ".", "..") for part in parts) and "\\" not in name and len(parts) > 1
    if not plain or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise TwinstageError(f"the server's zip names {name[:100]!r}, which leads out of the folder")
    hidden = any(part.startswith(".") for part in parts) or not name.isprintable()
    if hidden or parts[0] not in libraries or not parts[-1].lower().endswith(SUFFIXES):
        raise TwinstageError(
            f"the server's zip names {name[:100]!r}, which is no file of an asset of this layer"
        )
    return path
