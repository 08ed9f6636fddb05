"""The picture of an entry: the one it names, or one that is drawn and kept by content. Touches files, and the child that draws.

A picture that an asset names is untrusted: it is taken only as PNG or JPEG, no larger than `MOST_BYTES` and `MOST_SIDE`:
a few bytes may be a picture of gigabytes for whoever shows it.
"""

import base64
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twinstage.assets.catalogue.entry import Entry
from twinstage.assets.catalogue.scan import BESIDE
from twinstage.base.errors import UserError
from twinstage.render.whole import write_whole
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import Examiner

TASK = "twinstage.assets.catalogue.draw:draw_task"
LIMITS = ProbeLimits(time_s=60.0)
VERSION = 2
"""Of what is drawn; another one is drawn anew."""
MOST_BYTES = 2 << 20
MOST_KEPT = 256 << 20
"""Of all drawn pictures: some 20,000 [bytes]."""
ROOM = 0.9
MOST_SIDE = 4096
"""Width and height [px]."""
KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""First bytes -> media type."""
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's markers of a frame (SOF), ITU-T T.81 table B.1."""
BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG's markers without a length."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file's content and its media type."""

    data: bytes
    kind: str


def cache_folder() -> Path:
    """Where pictures and what was read of libraries are kept if no other folder is named: the user's cache."""
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "twinstage"


class Thumbnails:
    """Pictures of entries. `cache`: where drawn ones are kept, one a content, at most `most` bytes of them.

    `evicted`: how many had to go to make room, those first that nobody asked for longest. Several threads and programs may use
    one folder.
    """

    def __init__(self, cache: Path, most: int = MOST_KEPT) -> None:
        self.folder = cache / "thumbnails"
        self.evicted = 0
        self._most = most
        self._lock = threading.Lock()
        self._written = most  # what others wrote is not known: the first picture looks

    def named(self, entry: Entry, root: Path) -> Picture | None:
        """The one that the asset names, if it may be shown; `root`: the library's folder."""
        if not entry.thumbnail:
            return None
        path = (root / entry.thumbnail).resolve()
        if not path.is_relative_to(root.resolve()) or not path.is_file() or path.stat().st_size > MOST_BYTES:
            return None
        return picture_in(path.read_bytes())

    def kept(self, entry: Entry) -> Picture | None:
        """One that was drawn before."""
        path = self.place(entry)
        try:
            if path.stat().st_size > MOST_BYTES:
                return None
            found = picture_in(path.read_bytes())
        except OSError:
            return None
        with suppress(OSError):  # of a cache that may only be read
            os.utime(path)  # it was asked for now
        return found

    def keep(self, entry: Entry, data: bytes) -> None:
        """Keep a picture that was drawn; older ones go where there are too many. UserError where it cannot be written."""
        write_whole(self.place(entry), data)
        with self._lock:
            self._written += len(data)
            if self._written > self._most:
                self._make_room()

    def _make_room(self) -> None:
        """Down to `ROOM` of what may be kept, so that not each picture has to look through the folder."""
        try:
            found = sorted(_ages(self.folder))
        except OSError:  # it cannot be listed, or another program took it away; the next picture looks again
            return
        total = sum(size for _, size, _ in found)
        if total > self._most:
            for _, size, path in found:
                if total <= ROOM * self._most:
                    break
                with suppress(OSError):  # another program was faster
                    os.unlink(path)
                    self.evicted += 1
                total -= size
        self._written = total

    def place(self, entry: Entry) -> Path:
        """Where the drawn one is kept."""
        return self.folder / f"{entry.digest}-{VERSION}.png"

    def picture(self, entry: Entry, root: Path, roots: "list[Path]", child: Examiner) -> Picture | None:
        """Named, kept, or drawn now and then kept; None where there is nothing to be seen. UserError says why it cannot be."""
        found = self.named(entry, root) or self.kept(entry)
        if found is None and (found := drawn(root / entry.id, roots, child)) is not None:
            with suppress(UserError):  # next time it is drawn again
                self.keep(entry, found.data)
        return found


def _ages(folder: Path) -> Iterator[tuple[int, int, str]]:
    """Time of the newest use [ns], size and path of each picture that is kept."""
    with os.scandir(folder) as rows:
        for row in rows:
            with suppress(OSError):
                if row.name.endswith(".png"):
                    at = row.stat(follow_symlinks=False)
                    yield at.st_mtime_ns, at.st_size, row.path


def picture_in(data: bytes) -> Picture | None:
    """A picture of a safe kind; None for anything else."""
    kind = next((kind for begins, kind in KINDS.items() if data.startswith(begins)), None)
    if kind is None or len(data) > MOST_BYTES:
        return None
    size = _size_of_png(data) if kind == "image/png" else _size_of_jpeg(data)
    return Picture(data, kind) if size is not None and all(0 < side <= MOST_SIDE for side in size) else None


def _size_of_png(data: bytes) -> tuple[int, int] | None:
    """Width and height [px]; None where the header (IHDR) is not the first chunk."""
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    """Width and height [px] of the first frame; None where none comes before the pixels."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif marker in BARE:
            at += 2
        elif marker in FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def drawn(file: Path, roots: "list[Path]", child: Examiner) -> Picture | None:
    """The asset of a file, in the child; None where there is nothing to be seen. UserError says why it cannot be."""
    request = {"path": str(file), "roots": [str(root) for root in roots]}
    done = child.examine(TASK, request, LIMITS)
    if done.outcome == "ok":
        return picture_in(base64.b64decode(done.answer["png"])) if "png" in done.answer else None
    told = {"time": f"it was not drawn within {LIMITS.time_s:g} s", "memory": "it needs too much memory"}
    raise UserError(f"{file.name}: {told.get(done.outcome, done.message or 'it cannot be drawn')}")


def place_beside(file: Path) -> Path:
    """Where the picture of a file lies beside it, so that other programs find it, too."""
    return file.parent / BESIDE / f"{file.name}.png"
