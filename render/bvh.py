"""BVHs of prototypes: built once per geometry, shared by all its instances, found by content.

Open3D's RaycastingScene (Embree) is loaded at the first cast.
"""

from collections import OrderedDict
from functools import cached_property
from typing import Any

import numpy as np

from twinstage.render.pieces import split
from twinstage.render.threads import thread_limit
from twinstage.scene.columns import F4, F8, U4, Bool
from twinstage.scene.snapshot import Prototype


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

        answer: dict[str, Any] = self._embree().cast_rays(Tensor.from_numpy(rays), thread_limit())
        return answer

    def occluded(self, rays: F4, far: float) -> np.ndarray:
        """Whether anything is hit before t = far, bool[...]."""
        from open3d.core import Tensor

        hit: np.ndarray = (
            self._embree().test_occlusions(Tensor.from_numpy(rays), 0.0, far, thread_limit()).numpy()
        )
        return hit

    def all_hits(self, rays: F4) -> dict[str, np.ndarray]:
        """Every hit of rays f4[n, 6], unordered: ray_ids, t_hit, primitive_ids, primitive_uvs."""
        from open3d.core import Tensor

        answer = self._embree().list_intersections(Tensor.from_numpy(rays), thread_limit())
        return {name: value.numpy() for name, value in answer.items()}

    @cached_property
    def points(self) -> F8:
        """The vertices in the box's frame, f8[n, 3]; also those that no triangle of it uses."""
        return self.prototype.points.astype(np.float64) - self.centre

    @cached_property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of vertices that edges of triangles join, each once, i8[n, 2]; and the two triangles that meet there, i8[n, 2].

        Vertices in one place are one. The triangles are -1 where not just two meet, or two that are wound differently.
        """
        _, row, place = np.unique(self.points, axis=0, return_index=True, return_inverse=True)
        corners = place.reshape(-1)[self.triangles.astype(np.int64)]
        begin, end = corners.reshape(-1), corners[:, [1, 2, 0]].reshape(-1)
        key = np.minimum(begin, end) * len(row) + np.maximum(begin, end)
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        one, count = order[first], np.diff(first, append=len(order))
        other = order[np.minimum(first + 1, len(order) - 1)]
        paired = (count == 2) & (begin[one] == end[other]) & (begin[one] != end[one])
        sides = np.where(paired[:, None], np.stack([one, other], 1) // 3, -1)
        return np.stack([row[begin[one]], row[end[one]]], 1), sides

    @cached_property
    def flat(self) -> Bool:
        """Which triangles have one normal at all three corners, bool[t]."""
        corners = self.corner_normals
        out: Bool = (corners == corners[:1]).all((0, 1))
        return out

    @cached_property
    def planes(self) -> F8:
        """Planes of the triangles in the box's frame, f8[4, t]: normal (as long as twice the area) and offset."""
        return self.planes_of(np.arange(len(self.triangles)))

    @cached_property
    def corner_normals(self) -> F4:
        """Shading normals at the corners of the triangles, f4[corner, axis, t]: an axis at a time is gathered fastest.

        One corner stands for all where every triangle has the same normal at its three (flat shading).
        """
        out = self.normals_of(np.arange(len(self.triangles)))
        return out[:1] if (out == out[:1]).all() else out

    @cached_property
    def pieces(self) -> tuple[F8, F8]:
        """Middles and half extents f8[n, 3] of a few boxes in the box's frame that hold all triangles (`render.footprints`)."""
        corners = np.stack(self.corners(np.arange(len(self.triangles))))
        return split(corners.min(0), corners.max(0))

    @cached_property
    def corner_uv(self) -> F4:
        """Texture coordinates at the corners of the triangles, f4[corner, axis, t]; only where the prototype has any."""
        assert self.prototype.uv is not None
        return np.ascontiguousarray(self.prototype.uv[self.triangles.T].transpose(0, 2, 1))

    def normals_of(self, triangles: np.ndarray) -> F4:
        """Shading normals at the three corners of some of the BVH's triangles, f4[3, 3, n]."""
        corners = self.prototype.normals[self.triangles[triangles].T]
        return np.ascontiguousarray(corners.transpose(0, 2, 1))

    def planes_of(self, triangles: np.ndarray) -> F8:
        """The same for some of the BVH's triangles."""
        a, b, c = self.corners(triangles)
        normal = np.cross(b - a, c - a, axis=0)
        return np.concatenate([normal, np.einsum("in,in->n", normal, a)[None]])

    def corners(self, triangles: np.ndarray) -> tuple[F8, F8, F8]:
        """Corners of some of the BVH's triangles in the box's frame, f8[3, n] each."""
        chosen = self.triangles[triangles]
        points = self.prototype.points
        a, b, c = (points[chosen[:, k]].T.astype(np.float64) - self.centre[:, None] for k in range(3))
        return a, b, c

    def _embree(self) -> Any:
        if self._scene is None:
            from open3d.core import Tensor
            from open3d.t.geometry import RaycastingScene

            self._scene = RaycastingScene(thread_limit())
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
