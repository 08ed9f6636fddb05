"""The upward triangles of prims: points drawn on them by area, and whether they bear what stands on them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from twinstage.render.extents import instances_below, transform
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Stream


@dataclass(frozen=True, slots=True)
class Surface:
    """Triangles in the world [m].

    Attributes:
        corners: f8[t, 3, 3]; normals: unit, upward, f8[t, 3].
        until: area up to and including each triangle [m2], f8[t].
    """

    corners: F8
    normals: F8
    until: F8

    def __len__(self) -> int:
        return len(self.until)

    def spot(self, stream: Stream) -> tuple[F8, F8]:
        """A point f8[3] and the normal there, uniform over the area."""
        row = int(np.searchsorted(self.until, stream.unit() * self.until[-1], side="right"))
        row = min(row, len(self) - 1)
        root, share = np.sqrt(stream.unit()), stream.unit()
        weights = np.array(
            [1 - root, root * (1 - share), root * share]
        )  # R. Osada et al. 2002, uniform in a triangle
        return np.asarray(weights @ self.corners[row]), self.normals[row]

    def heights(self, x: float, y: float) -> F8:
        """Heights of all triangles above or below that place [m], f8[n], ascending."""
        a, b, c = (self.corners[:, k] for k in range(3))
        u, v, w = (_edge(p, q, x, y) for p, q in ((b, c), (c, a), (a, b)))
        area = u + v + w
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.stack([u, v, w], -1) / area[:, None]
            inside = np.all(shares >= -1e-9, axis=1) & (np.abs(area) > 1e-15)
        return np.sort(np.einsum("tk,tk->t", shares[inside], self.corners[inside][:, :, 2]))

    def bears(self, points: np.ndarray, gap: float) -> bool:
        """Whether each of the points f8[n, 3] has the surface within `gap` [m] above or below it."""
        return all(bool(np.any(np.abs(self.heights(x, y) - z) <= gap)) for x, y, z in np.asarray(points))


def _edge(p: F8, q: F8, x: float, y: float) -> F8:
    """Twice the signed area of (p, q, (x, y)) seen from above, f8[t]."""
    out: F8 = (p[:, 0] - x) * (q[:, 1] - y) - (q[:, 0] - x) * (p[:, 1] - y)
    return out


def surface_of(snapshot: Snapshot, prims: Iterable[int], slope: float) -> Surface:
    """All visible triangles at or below the prims that face up and are no steeper than `slope` [degrees]."""
    rows = sorted({int(row) for prim in prims for row in instances_below(snapshot, prim)})
    parts = [_triangles(snapshot, row) for row in rows]
    corners = np.concatenate([np.zeros((0, 3, 3)), *(c for c, _ in parts)])
    both = np.concatenate([np.zeros(0, bool), *(np.full(len(c), d) for c, d in parts)])
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(cross, axis=1)
    cross[both & (cross[:, 2] < 0)] *= -1
    keep = (
        (length > 1e-15)
        & (cross[:, 2] > 0)
        & (cross[:, 2] >= np.cos(np.radians(slope)) * length - 1e-12 * length)
    )
    return Surface(corners[keep], cross[keep] / length[keep, None], np.cumsum(length[keep] / 2))


def _triangles(snapshot: Snapshot, row: int) -> tuple[F8, bool]:
    """Triangles f8[t, 3, 3] of one instance in the world, counter-clockwise from outside; whether both sides count."""
    prototype = snapshot.prototypes[int(snapshot.instances.prototype[row])]
    world = snapshot.instance_world[row]
    corners = transform(world, prototype.points)[prototype.triangles.astype(np.int64)]
    if np.linalg.det(world[:3, :3]) < 0:
        corners = corners[:, ::-1]
    return corners.reshape(-1, 3, 3), prototype.double_sided
