"""A folder for a stage, one outside it, and a watch on what is opened there."""

import ctypes
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from twinstage.scene.stage import OpenedStage, open_stage

PART = '#usda 1.0\n(\n    defaultPrim = "P"\n)\ndef Xform "P" {\n    def Cube "C" {\n    }\n}\n'


class Yard:
    """`scene` may be read, `outside` may not; `opened()` names the files outside that any process has opened since."""

    def __init__(self, base: Path) -> None:
        self.scene, self.outside = base / "scene", base / "outside"
        self.scene.mkdir()
        self.outside.mkdir()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(0o4000)
        self._names: dict[int, str] = {}

    def secret(self, name: str, text: str = PART) -> Path:
        """A file outside, watched from now on."""
        path = self.outside / name
        path.write_text(text)
        number = self._libc.inotify_add_watch(self._fd, os.fsencode(path), 0x21)  # IN_ACCESS | IN_OPEN
        self._names[number] = name
        return path

    def write(self, text: str, name: str = "stage.usda") -> Path:
        """A file of the scene, its header added."""
        path = self.scene / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#usda 1.0\n" + text)
        return path

    def opened(self) -> set[str]:
        """Names of files outside that were opened."""
        found = set()
        while True:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                number, _, _, length = struct.unpack_from("iIII", data, at)
                found.add(self._names[number])
                at += 16 + length

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path)
    yield made
    made.close()


@pytest.fixture
def opens(yard: Yard) -> Callable[..., OpenedStage]:
    """Write stage text and open it in this process, where no kernel's wall helps."""

    def make(text: str, **options: object) -> OpenedStage:
        return open_stage(yard.write(text), probe=False, **options)  # type: ignore[arg-type]

    return make
