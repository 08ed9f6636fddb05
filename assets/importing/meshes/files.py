"""Files that a foreign file names: textures, material libraries, meshes. Inside its folder or a root, bounded, or a note.

Names come from other machines: backslashes, percent escapes, `file://`, absolute paths, other case. An absolute path whose
last parts are found beside the file is taken from there, with a note.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

from twinstage.assets.importing.document import note
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding

MAX_FILE_BYTES = 1 << 30
"""A model or mesh file, as stored."""
MAX_IMAGE_BYTES = 512 << 20
_MEDIA = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tga": "image/x-tga",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".gif": "image/gif",
    ".exr": "image/x-exr",
    ".hdr": "image/vnd.radiance",
    ".webp": "image/webp",
}


def read_bounded(file: Path, most: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a file. Raises UserError where it is missing, too large or cannot be read."""
    try:
        size = file.stat().st_size
        if size > most:
            raise UserError(f"{file} is {size >> 20:,} MiB large; at most {most >> 20:,} MiB are read")
        return file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{file} does not exist") from None
    except OSError as problem:
        raise UserError(f"{file} cannot be read: {problem.strerror}") from None


def media_type(name: str) -> str:
    """Of an image, by its name; "" for what is no image that USD's renderers know."""
    return _MEDIA.get(PurePosixPath(name.replace("\\", "/")).suffix.lower(), "")


class Files:
    """What lies below the folder of `home` (a file) and the roots; `notes` say what was not found."""

    def __init__(self, home: Path, roots: Iterable[Path] = ()) -> None:
        self.home = home
        self.folder = home.parent
        self.roots = [Path(root) for root in roots]
        self.notes: list[Finding] = []
        self._known: dict[str, Path | None] = {}

    def find(self, name: str, what: str, where: str = "", shown: str = "") -> Path | None:
        """The file of that name, or None with a note.

        `what`: "texture", ...; `where`: place in the file, for the note; `shown`: the name as the file has it.
        """
        if name not in self._known:
            self._known[name] = self._find(name, what, where or self.home.name, shown or name)
        return self._known[name]

    def image(self, name: str, where: str = "") -> tuple[bytes, str] | None:
        """Bytes and media type of an image, or None with a note."""
        file = self.find(name, "texture", where)
        if file is None:
            return None
        kind = media_type(file.name)
        if not kind:
            self._tell("texture-format", where, f"the texture {name!r} is of a kind that USD does not show")
            return None
        try:
            return read_bounded(file, MAX_IMAGE_BYTES), kind
        except UserError as problem:
            self._tell("texture", where, str(problem))
            return None

    def inside(self, file: Path) -> bool:
        """Whether a file lies below the folder or a root, links followed."""
        real = file.resolve()
        return any(real.is_relative_to(root.resolve()) for root in (self.folder, *self.roots))

    def _find(self, name: str, what: str, where: str, shown: str) -> Path | None:
        code = what.replace(" ", "-")
        text = name.strip().strip('"').replace("\\", "/")
        address = urlparse(text)
        if address.scheme in ("http", "https", "ftp", "data"):
            self._tell(f"{code}-address", where, f"the {what} {shown!r} is an address, which is not fetched")
            return None
        if address.scheme == "file":
            text = address.path
        for candidate in dict.fromkeys((text, unquote(text))):
            path = PurePosixPath(candidate)
            places = [self.folder / path, *(root / path for root in self.roots if not path.is_absolute())]
            outside = None
            for place in places:
                try:
                    if not self.inside(place):
                        outside = outside or place
                    elif (found := _any_case(place)) is not None and self.inside(found):
                        return found
                except (OSError, ValueError):
                    continue
        near = self._nearby(PurePosixPath(unquote(text)))
        if near is not None:
            self._tell(f"{code}-moved", where, f"the {what} {shown!r} was taken from {near}", severity="info")
            return near
        if outside is not None:
            root = Path(*outside.parts[: max(1, len(outside.parts) - len(_below(outside)))]).resolve()
            self._tell(
                f"{what}-outside",
                where,
                f"the {what} {shown!r} lies outside {self.folder}, so it was left out",
                f"give --asset-root {root}",
            )
        else:
            self._tell(f"{code}-missing", where, f"the {what} {shown!r} was not found")
        return None

    def _nearby(self, path: PurePosixPath) -> Path | None:
        """For an absolute path of another machine: its last parts, longest first, below the folder and the roots."""
        parts = [p for p in path.parts if p not in ("/", ".", "..")]
        if not (path.is_absolute() or (parts and parts[0].endswith(":"))):
            return None
        for length in range(min(len(parts), 6), 0, -1):
            for root in (self.folder, *self.roots):
                found = _any_case(root.joinpath(*parts[-length:]))
                if found is not None and self.inside(found):
                    return found
        return None

    def _tell(self, code: str, where: str, message: str, fix: str = "", severity: str = "warning") -> None:
        self.notes.append(note(code, where, message, fix, severity=severity))


def _below(path: Path) -> tuple[str, ...]:
    """The parts behind the last `..` of a path."""
    parts = path.parts
    last = max((n for n, part in enumerate(parts) if part == ".."), default=len(parts) - 2)
    return parts[last + 1 :]


def _any_case(path: Path) -> Path | None:
    """The file, or the one in the same folder whose name differs in case alone."""
    if path.is_file():
        return path
    if not path.parent.is_dir():
        return None
    wanted = path.name.lower()
    same = sorted(
        entry for entry in path.parent.iterdir() if entry.name.lower() == wanted and entry.is_file()
    )
    return same[0] if same else None
