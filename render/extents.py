"""How large things are and where: boxes of objects in their own axes, boxes of prims in the world. numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.recent import Recent
from twinstage.render.thin import inverses
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Prototype, Snapshot

_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float64)
"""Corner i of a box takes max instead of min in x for bit 2, y for bit 1, z for bit 0 of i."""


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box in some frame: `low` and `high` f8[3] [m]."""

    low: F8
    high: F8

    @property
    def corners(self) -> F8:
        """f8[8, 3]; corner i is at max instead of min in x for bit 2, y for bit 1, z for bit 0 of i."""
        return self.low + _CORNERS * (self.high - self.low)

    def contains(self, points: np.ndarray, margin: float = 0.0) -> bool:
        """Whether the point f8[3], or all of several f8[n, 3], lie in the box grown by `margin` [m]."""
        return bool((points >= self.low - margin).all() and (points <= self.high + margin).all())


def transform(matrix: np.ndarray, points: np.ndarray) -> F8:
    """Points f8[n, 3] taken through a column-vector matrix f8[4, 4]."""
    out: F8 = np.asarray(points, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return out


class Bounds:
    """Boxes of the parts of one scene; boxes of prototypes are kept by content hash, so one `Bounds` serves all frames.

    What stands still stays; poses that come once are forgotten."""

    def __init__(self) -> None:
        self._recent: Recent[tuple[str, bytes], tuple[F8, F8]] = Recent(256)

    def of_instances(self, snapshot: Snapshot, rows: np.ndarray, frame: np.ndarray) -> Box | None:
        """The box of these instances in the axes of `frame` (world_from_frame f8[4, 4]); None where there is no vertex."""
        return self.of_each(snapshot, [rows], np.asarray(frame)[None])[0]

    def of_each(
        self, snapshot: Snapshot, parts: Sequence[np.ndarray], frames: np.ndarray
    ) -> list[Box | None]:
        """The same of several sets of instances, each in a frame of its own, f8[n, 4, 4]."""
        rows = np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)
        owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        # Rounded, so that the same relative pose reached by way of different worlds is found again. The rounded
        # matrix is also what the box is computed with: the result must not depend on which frame came first.
        matrices = np.round(inverses(frames)[owner] @ snapshot.instance_world[rows], 9) + 0.0
        low, high = np.full((len(parts), 3), np.inf), np.full((len(parts), 3), -np.inf)
        kinds = snapshot.instances.prototype[rows].tolist()
        for part, kind, matrix in zip(owner.tolist(), kinds, matrices, strict=True):
            prototype = snapshot.prototypes[kind]
            if len(prototype.points):
                near, far = self._of_prototype(prototype, matrix, len(snapshot.instances))
                np.minimum(low[part], near, out=low[part])
                np.maximum(high[part], far, out=high[part])
        return [None if a[0] > b[0] else Box(a, b) for a, b in zip(low, high, strict=True)]

    def of_prim(self, snapshot: Snapshot, prim: int) -> Box | None:
        """The world box of all that is drawn at or below the prim."""
        return self.of_instances(snapshot, instances_below(snapshot, prim), np.eye(4))

    def of_object(self, snapshot: Snapshot, index: int) -> Box | None:
        """The box of an object in its own axes (`object_world`), in the object's own units of length."""
        return self.of_instances(
            snapshot, np.flatnonzero(snapshot.instances.object == index), object_world(snapshot, index)
        )

    def _of_prototype(self, prototype: Prototype, matrix: F8, room: int) -> tuple[F8, F8]:
        key = (prototype.hash, matrix.tobytes())
        return self._recent.get(key, lambda: _measured(prototype, matrix), room)


def _measured(prototype: Prototype, matrix: F8) -> tuple[F8, F8]:
    points = transform(matrix, prototype.points)
    margin = prototype.chord_error * np.linalg.norm(matrix[:3, :3], axis=1)
    return points.min(0) - margin, points.max(0) + margin


SHARED_BOUNDS = Bounds()
"""One cache for the whole process: its keys are contents, so scenes cannot mix."""


def object_world(snapshot: Snapshot, index: int) -> F8:
    """world_from_object f8[4, 4] [m] of an object: its prim's, or its point's."""
    return np.asarray(snapshot.node_world[object_node(snapshot, index)], np.float64)


def object_node(snapshot: Snapshot, index: int) -> int:
    """The node that carries an object."""
    prim, point_id = int(snapshot.objects.prim[index]), int(snapshot.objects.point_id[index])
    return prim if point_id < 0 else len(snapshot.prims) + snapshot.points.row(prim, point_id)


def object_nodes(snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
    """The nodes that carry those objects, i8[n]."""
    nodes: np.ndarray = snapshot.objects.prim[rows].astype(np.int64)
    for k in np.flatnonzero(snapshot.objects.point_id[rows] >= 0).tolist():
        nodes[k] = object_node(snapshot, int(rows[k]))
    return nodes


def below(snapshot: Snapshot, prim: int) -> np.ndarray:
    """bool[n_prims]: the prim itself and all its descendants."""
    inside = np.zeros(len(snapshot.prims), bool)
    beyond = np.flatnonzero(snapshot.prims.parent[prim + 1 :] < prim)  # rows are in depth-first order
    inside[prim : prim + 1 + int(beyond[0]) if len(beyond) else None] = True
    return inside


def instances_below(snapshot: Snapshot, prim: int) -> np.ndarray:
    """Rows of the visible instances at or below the prim, ascending."""
    rows: np.ndarray = np.flatnonzero(
        below(snapshot, prim)[snapshot.instances.prim] & snapshot.instances.visible
    )
    return rows
