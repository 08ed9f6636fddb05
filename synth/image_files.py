"""Image files that a recipe names: textures, maps of the sky, backgrounds. Touches files.

Names are relative to the recipe's folder: a file, a pattern (`hdri/*.hdr`) or a folder, whose images count. A frame's layer
names the same file relative to the stage's folder, so every file has to lie in a folder that the stage may reach.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinstage.base.errors import UserError
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.edits import ImageFile
from twinstage.scene.read.image_facts import read_header
from twinstage.scene.safe.images import read_image
from twinstage.scene.snapshot import Texture
from twinstage.synth.canonical import sha256_hex

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tga", ".tif", ".tiff", ".bmp", ".exr", ".hdr")
"""Names of a folder's images end so."""
MOST_FILES = 20_000
"""Files that one entry of a recipe may name."""
KEPT_BYTES = 256 << 20
"""Encoded images that a process keeps; the least recently used go first."""


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The image files of one field of a recipe, by the names that draws choose among (relative to the recipe's folder)."""

    names: tuple[str, ...]
    recipe_folder: Path
    stage_folder: Path
    allowed: AllowedFolders
    who: str

    def load(self, name: str) -> ImageFile:
        """The file. Raises UserError for one that is gone, too large, or no image."""
        path = self.recipe_folder / name
        data = _CACHE.read(path, self)
        folders = [os.path.realpath(folder) for folder in (self.recipe_folder, self.stage_folder)]
        relative = os.path.relpath(os.path.join(folders[0], name), folders[1]).replace(os.sep, "/")
        return ImageFile(relative, data)


def image_folder(
    names: Sequence[str], recipe_folder: Path, stage_folder: Path, allowed: AllowedFolders, who: str
) -> ImageFolder:
    """The files of those names. Raises UserError for a name that means no file, or one that the stage may not reach."""
    found: dict[str, None] = {}
    for name in names:
        hits = list(_expanded(name, recipe_folder, who))
        if not hits:
            raise UserError(f"{who}: {name!r} names no image in the recipe's folder")
        found |= dict.fromkeys(hits)
        if len(found) > MOST_FILES:
            raise UserError(f"{who} names more than {MOST_FILES:,} files")
    out = ImageFolder(tuple(found), recipe_folder, stage_folder, allowed, who)
    for name in found:
        if not allowed.allows(str(recipe_folder / name)):
            raise UserError(f"{who}: {name} lies outside the stage's folder and the recipe's asset_roots")
    return out


def _expanded(name: str, folder: Path, who: str) -> Iterator[str]:
    """Names of files, relative to the recipe's folder, sorted."""
    if Path(name).is_absolute():
        raise UserError(f"{who}: {name!r} is absolute; expected a path relative to the recipe's folder")
    base = os.path.normpath(name).replace(os.sep, "/")
    if (folder / name).is_dir():
        yield from sorted(f"{base}/{n}" for n in os.listdir(folder / name) if n.lower().endswith(SUFFIXES))
    elif any(c in name for c in "*?["):
        parent, pattern = base.rpartition("/")[::2]
        files = (folder / parent).glob(pattern) if (folder / parent).is_dir() else ()
        prefix = f"{parent}/" if parent else ""
        yield from sorted(f"{prefix}{p.name}" for p in files if p.is_file())
    elif (folder / name).is_file():
        yield base


class _Files:
    """Encoded images by path, as long as the file does not change."""

    def __init__(self) -> None:
        self._held = 0
        self._kept: OrderedDict[tuple[str, int, int], Texture] = OrderedDict()

    def read(self, path: Path, folder: ImageFolder) -> Texture:
        try:
            real = os.path.realpath(path)
            stamp = os.stat(real)
        except OSError:
            raise UserError(f"{folder.who}: the image {path.name} is gone") from None
        key = (real, stamp.st_size, stamp.st_mtime_ns)
        texture = self._kept.get(key)
        if texture is not None:
            self._kept.move_to_end(key)
            return texture
        data, fault = read_image(real, folder.allowed, folder.who, path.name)
        if data is None or read_header(data).bits == 0:
            raise UserError(fault.message if fault is not None else f"{folder.who}: {path.name} is no image")
        texture = self._kept[key] = Texture(str(path), sha256_hex(data), data)
        self._held += len(data)
        while self._held > KEPT_BYTES and len(self._kept) > 1:
            self._held -= len(self._kept.popitem(last=False)[1].data)
        return texture


_CACHE = _Files()
