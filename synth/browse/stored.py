"""Records of a dataset -> rows with what browsing needs of them. Masks and poses are passed over, which is most of a file.

Touches files.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

MOST_RECORD = 32 << 20
"""Largest record that is read [B]."""

Box = tuple[float, float, float, float]


class Item(msgspec.Struct):
    """An object of a picture."""

    instance_id: int
    prim_path: str
    kind: str = msgspec.field(name="class")
    visible_px: int
    amodal_px_total: int
    occlusion: float
    truncation: float
    bbox_visible: Box | None
    bbox_amodal: Box | None
    bbox_3d: list[tuple[float, float, float]]


class Picture(msgspec.Struct):
    """What one camera saw."""

    name: str
    resolution: tuple[int, int]
    world_from_camera: list[list[float]]
    images: dict[str, str]
    objects: list[Item]


class Refused(msgspec.Struct):
    """An attempt that was given up."""

    reason: str
    rule: str = ""


class Row(msgspec.Struct):
    """A record."""

    frame: int
    rejected: bool = False
    attempt: int = 0
    split: str | None = None
    stage: str = ""
    rejected_attempts: list[Refused] = []
    draws: dict[str, dict[str, Any]] = {}
    cameras: list[Picture] = []


_DECODER = msgspec.json.Decoder(Row)


def rows_of(root: Path) -> Iterator[tuple[str, Row | None]]:
    """(name of the file, record), by rising frame; None for one that cannot be read."""
    for path in sorted((root / "records").glob("*.json")):
        yield path.name, _row(root, path)


def _row(root: Path, path: Path) -> Row | None:
    try:
        real = path.resolve()
        if not real.is_relative_to(root.resolve()) or real.stat().st_size > MOST_RECORD:
            return None
        return _DECODER.decode(real.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
