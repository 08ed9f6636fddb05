"""Reads files of a dataset that nobody vouches for: sizes are bounded, paths stay inside, damage becomes ValueError."""

import io
import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MOST_FILES = 5_000_000
MOST_BYTES = 1 << 30
MOST_TEXT = 256 << 20
MOST_PIXELS = 1 << 27
"""More than any camera's image: a PNG of a few kilobytes may promise a terabyte."""

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
"""Pictures that datasets have; Pillow knows others, of which PostScript is a program that runs."""


@dataclass
class Folder:
    """A dataset's folder; every name is relative to it, with forward slashes.

    `only`: the one file that is meant, where the user named a file and not a folder.
    """

    root: Path
    only: str | None = None
    _names: list[str] | None = field(default=None, repr=False)

    @classmethod
    def at(cls, path: Path) -> "Folder":
        """The folder itself; or, for a file, the folder two levels up where it lies in `annotations/`-like company."""
        path = path.resolve()
        return cls(path.parent, path.name) if path.is_file() else cls(path)

    def sub(self, name: str) -> "Folder":
        """A folder inside this one. Raises ValueError where it would lie outside."""
        return Folder(self.path(name))

    def parent(self) -> "Folder":
        """The folder around this one: exports keep their images beside themselves."""
        return Folder(self.root.parent)

    def path(self, name: str) -> Path:
        """Where a file lies. Raises ValueError for a name that leads out of the folder."""
        if not isinstance(name, str) or not name or "\0" in name:
            raise ValueError(f"{name!r:.80} is no file name")
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise ValueError(f"{name!r:.80} leads out of the dataset's folder")
        return path

    def has(self, name: str) -> bool:
        """Whether there is such a file inside the folder."""
        try:
            return self.path(name).is_file()
        except (ValueError, OSError):
            return False

    def has_folder(self, name: str) -> bool:
        """Whether there is such a folder inside this one."""
        try:
            return self.path(name).is_dir()
        except (ValueError, OSError):
            return False

    def names(self) -> list[str]:
        """All files, sorted; links to folders are not followed. Raises ValueError where there are too many."""
        if self._names is None:
            self._names = sorted(self._walk())
        return self._names

    def _walk(self) -> Iterator[str]:
        count = 0
        for here, folders, files in os.walk(self.root):
            folders.sort()
            for name in files:
                count += 1
                if count > MOST_FILES:
                    raise ValueError(f"there are more than {MOST_FILES} files")
                yield (Path(here) / name).relative_to(self.root).as_posix()

    def files_in(self, folder: str, *suffixes: str) -> list[str]:
        """Names of the files directly in a folder with one of these suffixes (any, if none is given), sorted."""
        try:
            entries = sorted(p.name for p in self.path(folder).iterdir() if p.is_file())
        except (OSError, ValueError):
            return []
        return [n for n in entries if not suffixes or n.lower().endswith(suffixes)]

    def folders(self, folder: str = ".") -> list[str]:
        """Names of the folders directly in a folder, sorted."""
        try:
            return sorted(p.name for p in self.path(folder).iterdir() if p.is_dir())
        except (OSError, ValueError):
            return []

    # --- files ----------------------------------------------------------------------------------------------------

    def bytes(self, name: str, most: int = MOST_BYTES) -> bytes:
        """A file's bytes. Raises ValueError where it is not there, or larger than `most`."""
        path = self.path(name)
        try:
            size = path.stat().st_size
            if size > most:
                raise ValueError(f"{size} bytes are more than the {most} that such a file may have")
            return path.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None

    def text(self, name: str) -> str:
        """A UTF-8 text. Raises ValueError."""
        return self.bytes(name, MOST_TEXT).decode("utf-8")

    def json(self, name: str) -> Any:
        """Strict JSON: NaN and infinity are refused. Raises ValueError."""

        def refuse(text: str) -> Any:
            raise ValueError(f"{text} is not JSON")

        try:
            return json.loads(self.bytes(name, MOST_TEXT), parse_constant=refuse)
        except RecursionError:
            raise ValueError("is nested too deeply") from None

    def image(self, name: str) -> np.ndarray:
        """Pixels [height, width] or [height, width, channels] of a PNG, JPEG, ... Raises ValueError."""
        return image_pixels(self.bytes(name))

    def image_size(self, name: str) -> tuple[int, int]:
        """(width, height), from the header alone. Raises ValueError."""
        from PIL import Image

        path = self.path(name)
        try:
            with Image.open(path, formats=FORMATS) as image:
                return int(image.size[0]), int(image.size[1])
        except Exception as error:  # Pillow's decoders raise whatever they like
            raise ValueError(f"is no readable image ({type(error).__name__})") from None

    def npy(self, name: str) -> np.ndarray:
        """A .npy array of plain numbers. Raises ValueError (objects would run code, so they are refused)."""
        data = self.bytes(name)
        stream = io.BytesIO(data)
        try:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
            shape, _, dtype = (read or np.lib.format.read_array_header_2_0)(stream)
        except (ValueError, SyntaxError, RecursionError) as error:
            raise ValueError(f"is no .npy file ({str(error).splitlines()[0][:80]})") from None
        count = 1
        for n in shape:
            count *= int(n)
        if dtype.hasobject or count * dtype.itemsize > len(data):
            raise ValueError(f"promises {count} values of {dtype}, more than the file holds")
        stream.seek(0)
        return np.asarray(np.load(stream, allow_pickle=False))


def image_pixels(data: bytes) -> np.ndarray:
    """Decode an image file; `MOST_PIXELS` bounds it before a pixel is decoded. Raises ValueError."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise ValueError(f"an image of {width} x {height} pixels")
        if image.mode == "P":
            return np.array(image.convert("RGB"))
        return np.array(image)
    except ValueError:
        raise
    except (OSError, SyntaxError, struct.error, zlib.error, IndexError, KeyError, MemoryError) as error:
        raise ValueError(f"is no readable image ({type(error).__name__})") from None
    except Exception as error:  # DecompressionBombError and what decoders of odd formats raise
        raise ValueError(f"is no readable image ({type(error).__name__})") from None
