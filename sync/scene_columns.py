"""The scene document with its columns as bytes: what a page reads without making a number of each digit. Section 2 of
docs/protocol.md, `application/vnd.twinstage.scene-columns`. Pure and deterministic.

The same document as `scene_json`, but a column may stand as `{"column": KIND, "n": rows, ...}`; what the numbers of large
ones are lies behind the JSON. A million points take 30 MB so, and 180 MB as JSON.
"""

import struct
from typing import Any

import msgspec
import numpy as np

from twinstage.scene.tables import Frames, Interned
from twinstage.sync.hub import Scene
from twinstage.sync.scene_json import (
    ShapeRows,
    instance_columns,
    levels_json,
    node_columns,
    point_columns,
    scene_document,
)

MAGIC = b"twincol1"
MEDIA_TYPE = "application/vnd.twinstage.scene-columns"
_HEAD = struct.Struct("<8sQ")
_KINDS = {np.dtype(kind): kind for kind in ("u1", "u2", "i4", "f8")}


class _Columns:
    """Collects columns; what `add` returns stands for one in the JSON."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, values: np.ndarray) -> dict[str, Any]:
        """A column of numbers or truth values [n]."""
        n = len(values)
        if n == 0:
            return {"column": "constant", "n": 0, "value": 0}
        first = values[0]
        if (values == first).all():
            return {"column": "constant", "n": n, "value": first.item()}
        if values.dtype.kind in "iu" and (values == np.arange(n) + first).all():
            return {"column": "range", "n": n, "from": first.item()}
        return self._stored(_narrow(values))

    def affine(self, frames: Frames) -> dict[str, Any]:
        """A column of matrices: twelve columns, row after row of the upper three."""
        rows = frames.matrices if frames.index is None else frames.matrices[frames.index]
        return {
            "column": "affine",
            "n": len(rows),
            "parts": [self.add(np.ascontiguousarray(rows[:, r, c])) for r in range(3) for c in range(4)],
        }

    def _stored(self, values: np.ndarray) -> dict[str, Any]:
        data = values.tobytes()
        at = self.size
        self.parts.append(data + bytes(-len(data) % 8))
        self.size += len(self.parts[-1])
        return {"column": _KINDS[values.dtype], "n": len(values), "at": at}


def _narrow(values: np.ndarray) -> np.ndarray:
    """The same numbers in as few bytes as hold them, little-endian."""
    if values.dtype.kind == "f":
        return values.astype("<f8", copy=False)
    low, high = int(values.min()), int(values.max())
    if low >= 0:
        for kind, most in (("<u1", 0xFF), ("<u2", 0xFFFF)):
            if high <= most:
                return values.astype(kind)
    if low >= -(1 << 31) and high < 1 << 31:
        return values.astype("<i4")
    return values.astype("<f8")  # ids beyond 2^53 are no numbers in JSON either


def scene_columns(scene: Scene, known: ShapeRows | None = None) -> bytes:
    """The encoded document: magic, length of the JSON u64, the JSON padded with spaces to 8, the columns one by one.

    `known`: as in `scene_json.scene_document`.
    """
    snapshot, columns = scene.snapshot, _Columns()
    document = scene_document(scene, tables=False, known=known)
    document["nodes"] |= {name: columns.add(values) for name, values in node_columns(snapshot).items()}
    document["nodes"]["local"] = columns.affine(snapshot.prims.frames)
    document["points"] |= {name: columns.add(values) for name, values in point_columns(snapshot).items()}
    document["points"]["local"] = columns.affine(snapshot.points.frames)
    rows = snapshot.instances
    document["instances"] |= {
        name: columns.add(values) for name, values in instance_columns(snapshot).items()
    }
    document["instances"]["local"] = None if rows.frames.is_identity else columns.affine(rows.frames)
    objects = snapshot.objects
    sets: Interned[Any] = objects.label_set
    document["objects"] = {
        "count": len(objects),
        "prim": columns.add(objects.prim),
        "point": columns.add(objects.point_id),
        "set": columns.add(sets.code),
        "sets": [
            {"class": name, "labels": labels, "levels": levels_json(levels)}
            for name, labels, _, levels in sets.values
        ],
    }
    head = msgspec.json.encode(document)
    head += b" " * (-len(head) % 8)
    return b"".join((_HEAD.pack(MAGIC, len(head)), head, *columns.parts))
