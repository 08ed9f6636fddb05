"""Places in an object's own 3D box: normalised object coordinates (NOCS; Wang et al. 2019, per axis)."""

import numpy as np

from twinstage.render.casting import Part
from twinstage.render.extents import SHARED_BOUNDS, object_node
from twinstage.render.thin import flat, inverse
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot

FLAT = 0.5
"""Every place along an axis in which the object has no extent."""


class ObjectFrames:
    """Boxes of a scene's objects in their own axes: the frame of the object's prim, or of its point."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._boxes: dict[int, tuple[F8, F8]] = {}

    def node(self, row: int) -> int:
        """The node that carries an object."""
        return object_node(self._snapshot, row)

    def box(self, row: int) -> tuple[F8, F8]:
        """Least and greatest coordinates f8[3] of all drawn or hidden parts of an object, in its own frame [m].

        Round shapes reach `chord_error` beyond their triangles.
        """
        if row not in self._boxes:
            found = SHARED_BOUNDS.of_object(self._snapshot, row)
            low, high = np.full(3, np.inf), np.full(3, -np.inf)
            self._boxes[row] = (low, high) if found is None else (found.low, found.high)
        return self._boxes[row]

    def nocs(self, part: Part, points: F8, rows: np.ndarray) -> F8:
        """Places f8[3, n] in the box of the part's object, from 0 to 1 an axis, of points f8[3, n] in the part's box."""
        low, high = self.box(part.object)
        frame = inverse(self._snapshot.node_world[self.node(part.object)])
        matrix = frame @ self._rest(part)
        local = matrix[:3, :3] @ points + matrix[:3, 3:]
        size = high - low
        flat = size <= 0
        share = (local - low[:, None]) / np.where(flat, 1.0, size)[:, None]
        return np.where(flat[:, None], FLAT, np.clip(share, 0.0, 1.0))

    def _rest(self, part: Part) -> F8:
        """world_from_box of the part at the snapshot's own time."""
        out = np.array(self._snapshot.instance_world[part.instance])
        if flat(out[None, :3, :3])[0] and part.bvh.prototype is not part.prototype:
            out[:3, :3] = np.eye(3)  # a sheet's points are moved out already
        out[:3, 3] += out[:3, :3] @ part.bvh.centre
        return out
