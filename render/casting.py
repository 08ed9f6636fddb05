"""Rays against prototypes: BVHs built once per geometry, shared by all its instances.

Each instance is cast alone in its own space: the rays are moved by the inverse of world_from_gprim, in float64, and
their directions are not normalised, so the ray parameter t stays the depth along the optical axis. Nothing is rebuilt
when things move, memory is needed for prototypes only, and precision does not suffer far from the world's origin
(Embree computes in float32): positions enter as differences between the camera and the instance.

Open3D's RaycastingScene (Embree) is loaded at the first cast.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.bounds import PixelRect, pixel_rects, screen_bounds
from twinstage.render.capture import Camera
from twinstage.scene.columns import F4, F8, U4
from twinstage.scene.snapshot import Prototype, Snapshot


class Bvh:
    """The triangles of a prototype, without some of its slots, around the middle of their bounding box.

    `centre` f8[3] and `half` f8[3] state that box in the frame of the gprim [m]; `triangle` maps the BVH's triangles to
    the prototype's, or is None where they are the same.
    """

    def __init__(self, prototype: Prototype, hidden_slots: tuple[int, ...] = ()) -> None:
        self.prototype = prototype
        keep = ~np.isin(prototype.slot, hidden_slots) if hidden_slots else np.ones(len(prototype.slot), bool)
        self.triangle = None if keep.all() else np.flatnonzero(keep)
        self.triangles: U4 = prototype.triangles if self.triangle is None else prototype.triangles[keep]
        points = prototype.points.astype(np.float64)
        used = points[np.unique(self.triangles)] if self.triangle is not None else points
        low, high = (used.min(0), used.max(0)) if len(used) else (np.zeros(3), np.zeros(3))
        self.centre: F8 = (low + high) / 2
        self.half: F8 = (high - low) / 2
        self._points: F4 = (points - self.centre).astype(np.float32)
        self._scene: Any = None

    def __len__(self) -> int:
        return len(self.triangles)

    def cast(self, rays: F4) -> dict[str, Any]:
        """Open3D's answer for rays f4[..., 6] (origin, direction) in the box's frame: t_hit, primitive_ids, ..."""
        from open3d.core import Tensor

        answer: dict[str, Any] = self._embree().cast_rays(Tensor.from_numpy(rays))
        return answer

    def occluded(self, rays: F4, far: float) -> np.ndarray:
        """Whether anything is hit before t = far, bool[...]."""
        from open3d.core import Tensor

        hit: np.ndarray = self._embree().test_occlusions(Tensor.from_numpy(rays), 0.0, far).numpy()
        return hit

    def _embree(self) -> Any:
        if self._scene is None:
            from open3d.core import Tensor
            from open3d.t.geometry import RaycastingScene

            self._scene = RaycastingScene()
            self._scene.add_triangles(Tensor(self._points), Tensor(np.ascontiguousarray(self.triangles)))
        return self._scene


class BvhCache:
    """BVHs by content hash, the least recently used dropped when they hold more than `triangles` in total."""

    def __init__(self, triangles: int = 20_000_000) -> None:
        self._limit = triangles
        self._held = 0
        self._bvhs: OrderedDict[tuple[str, tuple[int, ...]], Bvh] = OrderedDict()

    def get(self, prototype: Prototype, hidden_slots: tuple[int, ...] = ()) -> Bvh:
        """The BVH of those triangles, built now where it is not known."""
        key = (prototype.hash, hidden_slots)
        bvh = self._bvhs.get(key)
        if bvh is None:
            bvh = self._bvhs[key] = Bvh(prototype, hidden_slots)
            self._held += len(bvh)
            while self._held > self._limit and len(self._bvhs) > 1:
                self._held -= len(self._bvhs.popitem(last=False)[1])
        else:
            self._bvhs.move_to_end(key)
        return bvh


SHARED_BVHS = BvhCache()
"""One cache a process: entries are found by content, so sharing it cannot change a result."""


@dataclass(frozen=True, slots=True)
class Part:
    """One instance as the caster sees it.

    instance: its row; object: its object or -1; world_from_box f8[4, 4]; rect: pixels it may cover, not clipped to the
    image; nearest: no point of it is closer to the camera's plane than this [m].
    """

    instance: int
    object: int
    bvh: Bvh
    world_from_box: F8
    rect: PixelRect
    nearest: float


def hidden_slots(snapshot: Snapshot) -> list[tuple[int, ...]]:
    """Slots that nobody sees, for each material set: those of a material with a constant opacity of 0."""
    gone = [m.opacity == 0.0 and m.texture("opacity") is None for m in snapshot.materials]
    return [tuple(s for s, m in enumerate(row) if gone[m]) for row in snapshot.material_sets]


def drawn_instances(snapshot: Snapshot) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Visible instances that have a triangle to show, each with its hidden slots, in table order."""
    hidden = hidden_slots(snapshot)
    table = snapshot.instances
    for i in np.flatnonzero(table.visible).tolist():
        slots = hidden[table.material_set[i]]
        prototype = snapshot.prototypes[table.prototype[i]]
        if len(prototype.triangles) and len(slots) < len(prototype.slots):
            yield i, slots


def parts_in_view(
    snapshot: Snapshot, camera: Camera, canvas: PixelRect, cache: BvhCache = SHARED_BVHS
) -> list[Part]:
    """The parts that may cover a pixel of `canvas`, nearest first (ties: table order)."""
    drawn = list(drawn_instances(snapshot))
    if not drawn:
        return []
    index = np.array([i for i, _ in drawn])
    bvhs = [cache.get(snapshot.prototypes[snapshot.instances.prototype[i]], slots) for i, slots in drawn]
    world = np.array(snapshot.instance_world[index])
    centre = np.array([bvh.centre for bvh in bvhs])
    world[:, :3, 3] += np.einsum("nij,nj->ni", world[:, :3, :3], centre)
    # An instance scaled flat in any direction has no inverse; it has no volume either, and its outline is left out.
    solid = np.abs(np.linalg.det(world[:, :3, :3])) > 1e-30
    bounds, nearest = screen_bounds(camera, world, np.array([bvh.half for bvh in bvhs]))
    rects, seen = pixel_rects(bounds, canvas)
    order = np.lexsort((index, nearest))
    objects = snapshot.instances.object
    return [
        Part(int(index[k]), int(objects[index[k]]), bvhs[k], world[k], rects[k], float(nearest[k]))
        for k in order.tolist()
        if seen[k] and solid[k]
    ]


class RayGrid:
    """The rays of a camera through pixel centres, in the box frame of one part, starting on the near plane."""

    def __init__(self, camera: Camera, world_from_box: F8) -> None:
        inverse = np.linalg.inv(world_from_box[:3, :3])
        pose = camera.world_from_camera
        # Directions are affine in the pixel position: column 0 for x, 1 for y, 2 for the constant.
        self._direction = inverse @ pose[:3, :3] @ np.linalg.inv(camera.K)
        self._origin = inverse @ (pose[:3, 3] - world_from_box[:3, 3])
        self._near = camera.near

    def over(self, rect: PixelRect, stride: int = 1) -> F4:
        """Rays f4[rows, columns, 6] through every `stride`-th pixel centre of a rectangle."""
        x = np.arange(rect.x0 + stride // 2, rect.x1, stride) + 0.5
        y = np.arange(rect.y0 + stride // 2, rect.y1, stride) + 0.5
        across = np.outer(self._direction[:, 0], x)
        down = np.outer(self._direction[:, 1], y) + self._direction[:, 2:]
        start = across * self._near, down * self._near + self._origin[:, None]
        rays = np.empty((len(y), len(x), 6), np.float32)
        # One axis at a time and in float32: numpy's inner loop then runs over columns, which is six times faster than
        # over the three components.
        for k in range(3):
            _outer_sum(start[1][k], start[0][k], rays[..., k])
            _outer_sum(down[k], across[k], rays[..., 3 + k])
        return rays


def _outer_sum(rows: np.ndarray, columns: np.ndarray, out: np.ndarray) -> None:
    np.add(rows.astype(np.float32)[:, None], columns.astype(np.float32)[None, :], out=out)
