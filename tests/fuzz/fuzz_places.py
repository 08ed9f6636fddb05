"""Where a fuzz case lives: a folder for the scene, one outside it with canaries, and every spelling of a way out.

inotify watches the canaries' inodes, so whichever process opens one, by whatever name, is noticed; what the kernel's wall
(Landlock) refuses is not noticed, so that part of the cases must run without it.
"""

import ctypes
import os
import random
import struct
from dataclasses import dataclass
from pathlib import Path

IN_ACCESS, IN_OPEN, IN_NONBLOCK = 0x1, 0x20, 0o4000
USD = '#usda 1.0\n(\n    defaultPrim = "Canary"\n)\ndef Xform "Canary" {\n    def Cube "Sings" {\n    }\n}\n'
MTLX = '<?xml version="1.0"?>\n<materialx version="1.38">\n</materialx>\n'
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
NAMES = (
    "canary.usda", "canary.usd", "canary.1.usda", "canary.2.usda", "canary.mtlx", "canary.png", "canary.1001.png",
    "canary.ies", "canary.exr",
)  # fmt: skip


class Watch:
    """Opens and reads of some files, by any process of this machine."""

    def __init__(self, files: list[Path]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(IN_NONBLOCK)
        if self._fd < 0:
            raise OSError("no inotify")
        self._names: dict[int, str] = {}
        for file in files:
            number = self._libc.inotify_add_watch(self._fd, os.fsencode(file), IN_OPEN | IN_ACCESS)
            if number < 0:
                raise OSError(f"cannot watch {file}")
            self._names[number] = file.name

    def taken(self) -> list[str]:
        """Names of the files opened or read since the last call."""
        found: dict[str, None] = {}
        while True:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return list(found)
            at = 0
            while at < len(data):
                number, _, _, length = struct.unpack_from("iIII", data, at)
                found[self._names.get(number, "?")] = None
                at += 16 + length

    def close(self) -> None:
        """Stop watching."""
        os.close(self._fd)


@dataclass(frozen=True)
class Places:
    """`scene` is what a case may read, `outside` what it may not."""

    scene: Path
    outside: Path

    @property
    def canaries(self) -> list[Path]:
        """All files that nobody may open."""
        return [self.outside / name for name in NAMES]


def make_places(base: Path) -> Places:
    """The two folders below `base`, canaries and links in place."""
    places = Places(base / "scene", base / "outside")
    places.outside.mkdir(parents=True, exist_ok=True)
    for file in places.canaries:
        text = {".mtlx": MTLX.encode(), ".png": PNG}.get(file.suffix, USD.encode())
        file.write_bytes(text)
    places.scene.mkdir(exist_ok=True)
    link(places.scene / "linked.usda", places.outside / "canary.usda")
    link(places.scene / "linked.png", places.outside / "canary.png")
    link(places.scene / "linked.mtlx", places.outside / "canary.mtlx")
    link(places.scene / "linked", places.outside)
    link(places.scene / "linked-twice.usda", places.scene / "linked.usda")
    (places.scene / "sub").mkdir(exist_ok=True)
    return places


def link(name: Path, target: Path) -> None:
    """A symbolic link, made once."""
    if not name.is_symlink():
        name.symlink_to(target)


def way_out(rng: random.Random, places: Places, name: str = "canary.usda") -> str:
    """A path to a canary from a layer in the scene's folder, in one of many spellings."""
    absolute = str(places.outside / name)
    suffix = Path(name).suffix
    return rng.choice(
        [
            f"../outside/{name}",
            absolute,
            f"./../outside/{name}",
            f"sub/../../outside/{name}",
            f"./sub/.././../outside/./{name}",
            f"linked/{name}",
            f"./linked/{name}",
            f"./linked{suffix}" if suffix in (".usda", ".png", ".mtlx") else f"./linked/{name}",
            "linked-twice.usda" if suffix == ".usda" else f"linked/../outside/{name}",
            f"file://{absolute}",
            f"file:{absolute}",
            f"..\\outside\\{name}",
            f"{absolute}:SDF_FORMAT_ARGS:target=usd",
            f"../outside/{name}:SDF_FORMAT_ARGS:a=b",
            name,  # the processes' working folder is the one outside
            f"/{absolute}",
            f"/proc/self/root{absolute}",
            f"/proc/self/cwd/{name}",
            f"nowhere.usdz[../../outside/{name}]",
            f"pack.usdz[../../outside/{name}]",
            f"%2e%2e/outside/{name}",
            f"../outside/../outside/{name}",
            f"{absolute} ",
        ]
    )
