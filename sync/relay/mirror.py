"""A snapshot from the scene document: as much of the scene as a hub needs that does no rendering. Pure.

Geometry stays in the files; a prototype has the corners of its bounds, so that a client's view can be filtered.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

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


@dataclass(frozen=True, slots=True)
class Mirror:
    """What a scene document says. `files`: (kind, hash) of geometry and textures, in the document's order."""

    epoch: str
    revision: int
    snapshot: Snapshot
    signals: tuple[SignalMeta, ...]
    bindings: dict[str, tuple[str, ...]]
    files: tuple[tuple[str, str], ...]


def read_mirror(data: bytes) -> Mirror:
    """Raises ValueError, KeyError or TypeError for what is no scene document."""
    document: dict[str, Any] = msgspec.json.decode(data)
    nodes, points, stage = document["nodes"], document["points"], document["stage"]
    count, rows = nodes["count"], points["count"]
    paths = tuple(nodes["path"])
    prims = PrimTable(
        path=paths,
        parent=frozen(np.array(nodes["parent"], np.int32), np.int32),
        type_name=tuple(nodes["type"]),
        kind=tuple(nodes["kind"]),
        labels=tuple(map(tuple, nodes["label"])),
        purpose=tuple(nodes["purpose"]),
        visible=frozen(np.array(nodes["visible"], np.bool_), np.bool_),
        frames=_frames(nodes["local"], count),
        resets=frozen(np.array(nodes["resets"], np.bool_), np.bool_),
        proxy=frozen(np.zeros(count), np.bool_),
    )
    table = PointTable(
        instancer=frozen(np.array(points["instancer"], np.int32), np.int32),
        point_id=frozen(np.array(points["id"], np.int64), np.int64),
        frames=_frames(points["local"], rows),
        visible=frozen(np.array(points["visible"], np.bool_), np.bool_),
    )
    snapshot = Snapshot(
        stage=StageInfo(
            stage["name"],
            stage["metersPerUnit"],
            stage["upAxis"],
            stage["timeCodesPerSecond"],
            stage["hash"],
        ),
        prims=prims,
        points=table,
        prototypes=tuple(map(_prototype, document["prototypes"])),
        instances=_instances(document["instances"]),
        objects=ObjectTable.of((), paths),
        materials=(),
        material_sets=(),
        textures=(),
        lights=(),
        cameras=(),
        revision=document["revision"],
    )
    signals = tuple(
        SignalMeta(s["id"], s["unit"], s["type"], {int(k): v for k, v in (s.get("labels") or {}).items()})
        for s in document["signals"]
    )
    files = [("glb", one["hash"]) for one in document["prototypes"]]
    files += [("texture", one["hash"]) for one in document["textures"]]
    bindings = {path: tuple(ids) for path, ids in document["bindings"].items()}
    return Mirror(document["epoch"], document["revision"], snapshot, signals, bindings, tuple(files))


def blank() -> Snapshot:
    """A scene of nothing, until there is one."""
    none = np.empty(0)
    return Snapshot(
        stage=StageInfo("", 1.0, "Z", 24.0, ""),
        prims=PrimTable(
            path=(),
            parent=frozen(none, np.int32),
            type_name=(),
            kind=(),
            labels=(),
            purpose=(),
            visible=frozen(none, np.bool_),
            frames=Frames.identity(0),
            resets=frozen(none, np.bool_),
            proxy=frozen(none, np.bool_),
        ),
        points=PointTable.empty(),
        prototypes=(),
        instances=_instances(None),
        objects=ObjectTable.of((), ()),
        materials=(),
        material_sets=(),
        textures=(),
        lights=(),
        cameras=(),
    )


def _frames(flat: list[float], count: int) -> Frames:
    return Frames(frozen(np.array(flat, np.float64).reshape(count, 3, 4), np.float64))


def _prototype(about: dict[str, Any]) -> Prototype:
    bounds = np.array(about["bounds"], np.float32).reshape(2, 3)
    corners = np.array(list(itertools.product(*bounds.T)), np.float32)
    return Prototype(
        source="",
        hash=about["hash"],
        points=frozen(corners, np.float32),
        normals=frozen(np.zeros((8, 3)), np.float32),
        uv=None,
        color=None,
        triangles=frozen(np.empty((0, 3)), np.uint32),
        slot=frozen(np.empty(0), np.int32),
        slots=(),
    )


def _instances(about: dict[str, Any] | None) -> InstanceTable:
    count = 0 if about is None else about["count"]
    columns: dict[str, Any] = about or dict.fromkeys(
        ("prototype", "node", "prim", "point", "materialSet", "object", "visible"), ()
    )
    local = None if about is None else about["local"]
    return InstanceTable(
        prototype=frozen(np.array(columns["prototype"]), np.int32),
        node=frozen(np.array(columns["node"]), np.int32),
        prim=frozen(np.array(columns["prim"]), np.int32),
        point_id=frozen(np.array(columns["point"]), np.int64),
        frames=Frames.identity(count) if local is None else _frames(local, count),
        material_set=frozen(np.array(columns["materialSet"]), np.int32),
        object=frozen(np.array(columns["object"]), np.int32),
        visible=frozen(np.array(columns["visible"]), np.bool_),
    )
