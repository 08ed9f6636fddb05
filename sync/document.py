"""A scene document (section 2 of docs/protocol.md) as the snapshot that a hub needs: of geometry the bounds alone.

For servers that have the document and baked files, but no stage. Pure.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import msgspec
import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import (
    Frames,
    InstanceTable,
    ObjectTable,
    PointTable,
    PrimTable,
    Prototype,
    Snapshot,
    StageInfo,
)
from twinstage.sync.hub import SignalMeta

MOST_BYTES = 1 << 30
"""Longest document [B]."""
_WRONG = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)


def read_document(data: bytes, where: str) -> dict[str, Any]:
    """The document. Raises UserError where it is none; `where`: what it was taken from."""
    try:
        if len(data) > MOST_BYTES:
            raise ValueError
        document: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
        snapshot_of(document), signals_of(document)
        str(document["epoch"]), int(document["revision"])
    except (*_WRONG, msgspec.DecodeError) as error:
        raise UserError(f"{where} holds a scene that is not one ({type(error).__name__}: {error})") from None
    return document


def signals_of(document: Mapping[str, Any]) -> list[SignalMeta]:
    """What the document says of signals."""
    return [
        SignalMeta(
            str(row["id"]),
            str(row["unit"]),
            str(row["type"]),
            {int(code): str(name) for code, name in (row.get("labels") or {}).items()},
        )
        for row in document["signals"]
    ]


def bindings_of(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Signal ids by prim path."""
    return {str(path): tuple(map(str, ids)) for path, ids in document["bindings"].items()}


def snapshot_of(document: Mapping[str, Any]) -> Snapshot:
    """The tables; `prototypes` hold the corners of their bounds, and no materials, textures, lights or cameras are told."""
    nodes, points, rows, stage = (document[key] for key in ("nodes", "points", "instances", "stage"))
    n, k, m = (int(table["count"]) for table in (nodes, points, rows))
    prims = PrimTable(
        path=tuple(map(str, _sized(nodes["path"], n))),
        parent=_parents(nodes["parent"], n),
        type_name=tuple(_sized(nodes["type"], n)),
        kind=tuple(_sized(nodes["kind"], n)),
        labels=tuple(map(tuple, _sized(nodes["label"], n))),
        purpose=tuple(_sized(nodes["purpose"], n)),
        visible=frozen(np.array(_sized(nodes["visible"], n)), np.bool_),
        frames=Frames.of(_matrices(nodes["local"], n)),
        resets=frozen(np.array(_sized(nodes["resets"], n)), np.bool_),
        proxy=frozen(np.zeros(n), np.bool_),
    )
    table = PointTable(
        instancer=_ids(points["instancer"], k, n),
        point_id=frozen(np.array(_sized(points["id"], k)), np.int64),
        frames=Frames.of(_matrices(points["local"], k)),
        visible=frozen(np.array(_sized(points["visible"], k)), np.bool_),
    )
    prototypes = tuple(_prototype(row) for row in document["prototypes"])
    local = rows["local"]
    instances = InstanceTable(
        prototype=_ids(rows["prototype"], m, len(prototypes)),
        node=_ids(rows["node"], m, n + k),
        prim=_ids(rows["prim"], m, n),
        point_id=frozen(np.array(_sized(rows["point"], m)), np.int64),
        frames=Frames.identity(m) if local is None else Frames.of(_matrices(local, m)),
        material_set=frozen(np.zeros(m), np.int32),
        object=frozen(np.full(m, -1), np.int32),
        visible=frozen(np.array(_sized(rows["visible"], m)), np.bool_),
    )
    return Snapshot(
        stage=StageInfo(
            str(stage["name"]),
            float(stage["metersPerUnit"]),
            str(stage["upAxis"]),
            float(stage["timeCodesPerSecond"]),
            str(stage["hash"]),
        ),
        prims=prims,
        points=table,
        prototypes=prototypes,
        instances=instances,
        objects=ObjectTable.of((), prims.path),
        materials=(),
        material_sets=(),
        textures=(),
        lights=(),
        cameras=(),
    )


def _sized(column: Sequence[Any], n: int) -> Sequence[Any]:
    if len(column) != n:
        raise ValueError(f"a column of {len(column)} rows beside one of {n}")
    return column


def _ids(column: Sequence[int], n: int, below: int) -> Any:
    out = np.array(_sized(column, n), np.int64)
    if n and not (out.min() >= 0 and out.max() < below):
        raise ValueError(f"a row refers to one of {below} that is not there")
    return frozen(out, np.int32)


def _parents(column: Sequence[int], n: int) -> Any:
    """Parents come first, so that there is no circle."""
    out = np.array(_sized(column, n), np.int64)
    if not ((out >= -1) & (out < np.arange(n))).all():
        raise ValueError("a prim comes before its parent")
    return frozen(out, np.int32)


def _matrices(flat: Sequence[float], n: int) -> Any:
    out = np.zeros((n, 4, 4))
    out[:, :3, :] = np.array(_sized(flat, 12 * n), np.float64).reshape(n, 3, 4)
    out[:, 3, 3] = 1.0
    return out


def _prototype(row: Mapping[str, Any]) -> Prototype:
    low, high = row["bounds"][:3], row["bounds"][3:]
    corners = np.array(list(product(*zip(low, high, strict=True))), np.float64)
    return Prototype(
        source="",
        hash=str(row["hash"]),
        points=frozen(corners, np.float32),
        normals=frozen(np.zeros((8, 3)), np.float32),
        uv=None,
        color=None,
        triangles=frozen(np.empty((0, 3)), np.uint32),
        slot=frozen(np.empty(0), np.int32),
        slots=("",),
    )
