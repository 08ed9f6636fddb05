"""Parts of a zip archive that is a model, bounded and in memory: nothing is ever extracted."""

import io
import zipfile
from pathlib import Path

from twinstage.assets.importing.meshes.xml import Element, parse_xml
from twinstage.base.errors import UserError

MAX_PART_BYTES = 1 << 30


class Archive:
    """The archive of a file. `what`: "3MF", ..., for sentences. Parts are found whatever the case of their names."""

    def __init__(self, file: Path, data: bytes, what: str) -> None:
        self.file, self.what = file, what
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(data))
            self.names = self.zip.namelist()
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, OverflowError):
            raise UserError(
                f"{file} is no {what} file, because it is no zip archive that can be read"
            ) from None
        self._parsed: dict[str, Element] = {}

    def part(self, name: str) -> bytes:
        """The bytes of a part."""
        wanted = name.lstrip("/")
        found = wanted if wanted in self.names else None
        found = found or next((n for n in self.names if n.lower() == wanted.lower()), None)
        if found is None:
            raise UserError(f"{self.file}: the part {wanted!r} is missing")
        info = self.zip.getinfo(found)
        if info.file_size > MAX_PART_BYTES:
            raise UserError(
                f"{self.file}: {found} is {info.file_size >> 20:,} MiB large; at most {MAX_PART_BYTES >> 20:,} MiB are read"
            )
        try:
            return self.zip.read(found)
        except (
            zipfile.BadZipFile,
            OSError,
            NotImplementedError,
            RuntimeError,
            ValueError,
            EOFError,
        ) as problem:
            raise UserError(f"{self.file}: {found} cannot be unpacked ({str(problem)[:120]})") from None
        except Exception as problem:  # zlib.error, which has no base of its own
            raise UserError(f"{self.file}: {found} cannot be unpacked ({str(problem)[:120]})") from None

    def xml(self, name: str) -> Element:
        """A part as XML, parsed once."""
        if name not in self._parsed:
            self._parsed[name] = parse_xml(Path(f"{self.file}/{name}"), self.part(name), f"{self.what} model")
        return self._parsed[name]
