"""Records of a dataset -> rows with what browsing needs of them. Masks and poses are passed over, which is most of a file.

Touches files.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec

MOST_RECORD = 32 << 20
"""Largest record that is read [B]."""

# What columns can hold and work with; a record that says anything beyond is not readable.
Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Side = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
Number = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
Box = tuple[Number, Number, Number, Number]


class Item(msgspec.Struct):
    """An object of a picture."""

    instance_id: Id
    prim_path: str
    kind: str = msgspec.field(name="class")
    visible_px: Count
    amodal_px_total: Count
    occlusion: Number
    truncation: Number
    bbox_visible: Box | None
    bbox_amodal: Box | None
    bbox_3d: list[tuple[Number, Number, Number]]


class Picture(msgspec.Struct):
    """What one camera saw."""

    name: str
    resolution: tuple[Side, Side]
    world_from_camera: list[list[Number]]
    images: dict[str, str]
    objects: list[Item]


class Refused(msgspec.Struct):
    """An attempt that was given up."""

    reason: str
    rule: str = ""


class Row(msgspec.Struct):
    """A record."""

    frame: Count
    rejected: bool = False
    attempt: Count = 0
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
