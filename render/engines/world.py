"""The shadows of the `raycast` engine: all visible triangles of the world in two BVHs.

One holds what has stood still since it was made, the other, made anew for each scene, the rest: in a work cell most of the
triangles never move. Which of the two holds a triangle changes no answer: Embree (in its robust mode) tests each ray against
each triangle near it by the same numbers, whatever else is in the BVH.
"""

from typing import Any

import numpy as np

from twinstage.render.casting import drawn_instances
from twinstage.render.threads import thread_limit
from twinstage.scene.columns import F4, F8, U4, Bool
from twinstage.scene.snapshot import Snapshot

CLEARANCE = 1e-4
"""How far from its surface a shadow ray starts, along the normal, and no nearer than this along the ray."""

_GRID = 64.0
"""The world's coordinates count from a multiple of this [m], so that what stands still keeps its numbers."""

_MOST_MOVING = 0.5
"""With a greater share of the triangles in motion one BVH for all is made anew, which is then cheaper than two."""

_Key = tuple[str, tuple[int, ...], bytes]


class WorldBvh:
    """What may stand in the way of light. `origin` f8[3]: the point of the world that positions count from."""

    def __init__(self) -> None:
        self.origin: F8 = np.zeros(3)
        self._still: set[_Key] = set()
        self._moving: set[_Key] = set()
        self._scenes: list[Any] = []

    def follow(self, snapshot: Snapshot) -> None:
        """Bring the BVHs to that snapshot's poses and visibility."""
        world = snapshot.instance_world
        placed: Bool = np.asarray(np.isfinite(world).all((1, 2)))
        drawn = [(row, hidden) for row, hidden in drawn_instances(snapshot) if placed[row]]
        prototypes = [snapshot.prototypes[i] for i in snapshot.instances.prototype.tolist()]
        known = {(prototypes[row].hash, hidden, world[row].tobytes()): (row, hidden) for row, hidden in drawn}
        count = {key: len(prototypes[row].triangles) for key, (row, _) in known.items()}
        middle = np.median(world[[row for row, _ in drawn], :3, 3], axis=0) if drawn else np.zeros(3)
        origin: F8 = np.round(middle / _GRID) * _GRID
        still = self._still & known.keys() if np.array_equal(origin, self.origin) else set()
        moving = known.keys() - still
        if sum(count[key] for key in moving) > _MOST_MOVING * sum(count.values()):
            still, moving = set(known), set()
        if still == self._still and moving == self._moving and self._scenes:
            return

        def scene(keys: set[_Key]) -> Any:
            rows = [known[key] for key in known if key in keys]  # in the table's order
            return _scene(*_triangles(snapshot, rows, origin))

        kept = self._scenes[0] if still == self._still and self._scenes else scene(still)
        self._scenes = [kept, *([scene(moving)] if moving else [])]
        self._still, self._moving, self.origin = still, moving, origin

    def blocked(self, start: F4, direction: F4, limit: float) -> Bool:
        """Whether anything lies between f4[3, n] (from `origin`) and so many times a direction f4[3, n] from there."""
        rays = np.empty((start.shape[1], 6), np.float32)
        for k in range(3):
            rays[:, k], rays[:, 3 + k] = start[k], direction[k]
        out = np.zeros(len(rays), bool)
        for scene in self._scenes:
            free = np.flatnonzero(~out)
            if len(free) == len(rays):
                out = _occluded(scene, rays, limit)
            elif len(free):
                out[free] = _occluded(scene, rays.take(free, axis=0), limit)
        return out


def _triangles(snapshot: Snapshot, rows: list[tuple[int, tuple[int, ...]]], origin: F8) -> tuple[F4, U4]:
    """Points f4[v, 3] and triangles u4[t, 3] of instances, each without its hidden slots, counted from `origin`."""
    points, triangles, start = [np.zeros((0, 3), np.float32)], [np.zeros((0, 3), np.uint32)], 0
    for row, hidden in rows:
        prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
        pose = snapshot.instance_world[row]
        keep = prototype.triangles[~np.isin(prototype.slot, hidden)] if hidden else prototype.triangles
        moved = prototype.points @ pose[:3, :3].T + (pose[:3, 3] - origin)
        points.append(moved.astype(np.float32))
        triangles.append(keep + np.uint32(start))
        start += len(moved)
    return np.concatenate(points), np.concatenate(triangles).astype(np.uint32)


def _scene(points: F4, triangles: U4) -> Any:
    from open3d.core import Tensor
    from open3d.t.geometry import RaycastingScene

    scene = RaycastingScene(thread_limit())
    scene.add_triangles(Tensor.from_numpy(points), Tensor.from_numpy(triangles))
    return scene


def _occluded(scene: Any, rays: F4, limit: float) -> Bool:
    from open3d.core import Tensor

    out: Bool = scene.test_occlusions(Tensor.from_numpy(rays), CLEARANCE, limit, thread_limit()).numpy()
    return out
