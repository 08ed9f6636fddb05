"""Rays against gprims in closed form: float64, numpy only, nothing of twinstage.

A shape lives in its own frame and has faces. `crossings` gives all places where rays cross it, by face; `normal` the
outward normal there; `distance` how far a point is from the true surface. `first_hits` finds what each ray meets first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np


class Shape(Protocol):
    """A surface in its own frame; points and directions are f8[n, 3]."""

    def crossings(self, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ray parameters f8[k, n], NaN where a face is missed, and the face i[k] of each row."""
        ...

    def normal(self, points: np.ndarray, face: np.ndarray) -> np.ndarray:
        """Outward normals f8[n, 3] at points on those faces, not of unit length."""
        ...

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Distance f8[n] to the surface."""
        ...

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest corner f8[3]."""
        ...


@dataclass(frozen=True)
class Quad:
    """A rectangle of half sides a, b in the plane z = 0: face 0."""

    a: float
    b: float

    def crossings(self, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = -origin[:, 2] / direction[:, 2]
            at = origin + t[:, None] * direction
            hit = (np.abs(at[:, 0]) <= self.a) & (np.abs(at[:, 1]) <= self.b)
        return np.where(hit, t, np.nan)[None], np.zeros(1, np.int64)

    def normal(self, points: np.ndarray, face: np.ndarray) -> np.ndarray:
        return np.broadcast_to([0.0, 0.0, 1.0], points.shape)

    def distance(self, points: np.ndarray) -> np.ndarray:
        beyond = np.maximum(np.abs(points[:, :2]) - (self.a, self.b), 0)
        return np.sqrt((beyond**2).sum(1) + points[:, 2] ** 2)

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        high = np.array([self.a, self.b, 0.0])
        return -high, high


@dataclass(frozen=True)
class Box:
    """A box of half extents `half`; faces 0 to 5: -x, +x, -y, +y, -z, +z."""

    half: tuple[float, float, float]

    def crossings(self, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out = np.full((6, len(origin)), np.nan)
        half = np.array(self.half)
        for face in range(6):
            axis, sign = face // 2, face % 2 * 2 - 1
            others = [k for k in range(3) if k != axis]
            with np.errstate(divide="ignore", invalid="ignore"):
                t = (sign * half[axis] - origin[:, axis]) / direction[:, axis]
                at = origin[:, others] + t[:, None] * direction[:, others]
                hit = (np.abs(at) <= half[others]).all(1)
            out[face] = np.where(hit, t, np.nan)
        return out, np.arange(6)

    def normal(self, points: np.ndarray, face: np.ndarray) -> np.ndarray:
        out = np.zeros(points.shape)
        out[np.arange(len(face)), face // 2] = face % 2 * 2 - 1
        return out

    def distance(self, points: np.ndarray) -> np.ndarray:
        q = np.abs(points) - self.half
        outside = np.linalg.norm(np.maximum(q, 0), axis=1)
        return np.abs(outside + np.minimum(q.max(1), 0))

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        return -np.array(self.half), np.array(self.half)


@dataclass(frozen=True)
class Sphere:
    """A sphere about `centre`; face 0. With `low`/`high` only the part between those z."""

    radius: float
    centre: float = 0.0
    low: float = -np.inf
    high: float = np.inf

    def crossings(self, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        o = origin - (0.0, 0.0, self.centre)
        dd = (direction**2).sum(1)
        middle = -(o * direction).sum(1) / dd  # from the closest approach on, so that little is lost far away
        closest = o + middle[:, None] * direction
        with np.errstate(invalid="ignore"):
            reach = np.sqrt((self.radius**2 - (closest**2).sum(1)) / dd)
        t = np.stack([middle - reach, middle + reach])
        z = origin[:, 2] + t * direction[:, 2]
        with np.errstate(invalid="ignore"):
            return np.where((z >= self.low) & (z <= self.high), t, np.nan), np.zeros(2, np.int64)

    def normal(self, points: np.ndarray, face: np.ndarray) -> np.ndarray:
        return points - (0.0, 0.0, self.centre)

    def distance(self, points: np.ndarray) -> np.ndarray:
        return np.abs(np.linalg.norm(points - (0.0, 0.0, self.centre), axis=1) - self.radius)

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        return np.full(3, -self.radius), np.full(3, self.radius)


@dataclass(frozen=True)
class Turned:
    """The profile (radius, z) turned about z: faces are its pieces (walls, cones, discs), outside on their right."""

    profile: tuple[tuple[float, float], ...]

    def crossings(self, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, faces = [], []
        for face, ((r0, z0), (r1, z1)) in enumerate(self._pieces()):
            found = (
                [_disc(origin, direction, z0, min(r0, r1), max(r0, r1))]
                if z0 == z1
                else _wall(origin, direction, (r0, z0), (r1, z1))
            )
            rows += found
            faces += [face] * len(found)
        return np.array(rows), np.array(faces)

    def _pieces(self) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        return list(zip(self.profile[:-1], self.profile[1:], strict=True))

    def normal(self, points: np.ndarray, face: np.ndarray) -> np.ndarray:
        along = np.array([(r1 - r0, z1 - z0) for (r0, z0), (r1, z1) in self._pieces()])[face]
        rho = np.linalg.norm(points[:, :2], axis=1)
        outward = points[:, :2] / np.where(rho == 0, 1, rho)[:, None]
        return np.column_stack([outward * along[:, 1:], -along[:, 0]])

    def distance(self, points: np.ndarray) -> np.ndarray:
        at = np.column_stack([np.linalg.norm(points[:, :2], axis=1), points[:, 2]])
        best = np.full(len(points), np.inf)
        for start, end in self._pieces():
            a, ab = np.array(start), np.array(end) - start
            share = np.clip((at - a) @ ab / (ab @ ab), 0, 1)
            best = np.minimum(best, np.linalg.norm(at - a - share[:, None] * ab, axis=1))
        return best

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        r, z = np.array(self.profile).T
        return np.array([-r.max(), -r.max(), z.min()]), np.array([r.max(), r.max(), z.max()])


def _disc(origin: np.ndarray, direction: np.ndarray, z: float, inner: float, outer: float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (z - origin[:, 2]) / direction[:, 2]
        rho = np.linalg.norm(origin[:, :2] + t[:, None] * direction[:, :2], axis=1)
        return np.where((rho >= inner) & (rho <= outer), t, np.nan)


def _wall(
    origin: np.ndarray, direction: np.ndarray, start: tuple[float, float], end: tuple[float, float]
) -> list[np.ndarray]:
    """Both crossings of x^2 + y^2 = (a + b z)^2 between two heights."""
    b = (end[0] - start[0]) / (end[1] - start[1])
    a = start[0] - b * start[1]
    shift = -(origin * direction).sum(1) / (direction**2).sum(1)
    o = origin + shift[:, None] * direction
    radius, slope = a + b * o[:, 2], b * direction[:, 2]
    qa = (direction[:, :2] ** 2).sum(1) - slope**2
    qb = (o[:, :2] * direction[:, :2]).sum(1) - slope * radius
    qc = (o[:, :2] ** 2).sum(1) - radius**2
    low, high = sorted((start[1], end[1]))
    out = []
    for sign in (-1, 1):
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (-qb + sign * np.sqrt(qb**2 - qa * qc)) / qa
            z = o[:, 2] + t * direction[:, 2]
            ok = (z >= low) & (z <= high) & (a + b * z >= 0)
        out.append(np.where(ok, t + shift, np.nan))
    return out


@dataclass(frozen=True)
class Joined:
    """Several shapes as one; faces are numbered on. `distance` is that to the nearest."""

    parts: tuple[Shape, ...]

    def crossings(self, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, faces = zip(*(part.crossings(origin, direction) for part in self.parts), strict=True)
        return np.concatenate(rows), np.concatenate([f + 10 * k for k, f in enumerate(faces)])

    def normal(self, points: np.ndarray, face: np.ndarray) -> np.ndarray:
        out = np.zeros(points.shape)
        for k, part in enumerate(self.parts):
            mine = face // 10 == k
            out[mine] = part.normal(points[mine], face[mine] % 10)
        return out

    def distance(self, points: np.ndarray) -> np.ndarray:
        return np.min([part.distance(points) for part in self.parts], axis=0)

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        boxes = [part.box() for part in self.parts]
        return np.min([b[0] for b in boxes], 0), np.max([b[1] for b in boxes], 0)


def cylinder(radius: float, height: float) -> Turned:
    """Along z, closed by discs."""
    h = height / 2
    return Turned(((0, -h), (radius, -h), (radius, h), (0, h)))


def cone(radius: float, height: float) -> Turned:
    """Along z, its tip up, closed by a disc."""
    h = height / 2
    return Turned(((0, -h), (radius, -h), (0, h)))


@dataclass(frozen=True)
class Capsule(Joined):
    """A cylinder along z of that height without its caps, and two half spheres."""

    parts: tuple[Shape, ...] = ()
    radius: float = 1.0
    height: float = 1.0

    def __post_init__(self) -> None:
        h, r = self.height / 2, self.radius
        ends = (Sphere(r, -h, high=-h), Sphere(r, h, low=h))
        object.__setattr__(self, "parts", (Turned(((r, -h), (r, h))), *ends))

    def distance(self, points: np.ndarray) -> np.ndarray:
        h = self.height / 2
        return np.abs(
            np.linalg.norm(points - np.clip(points[:, 2:], -h, h) * np.array([[0.0, 0.0, 1.0]]), axis=1)
            - self.radius
        )

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        high = np.array([self.radius, self.radius, self.height / 2 + self.radius])
        return -high, high


@dataclass(frozen=True)
class Thing:
    """A shape where it stands. world f8[4, 4]: world_from_shape [m], any affine map."""

    path: str
    shape: Shape
    world: np.ndarray
    own: np.ndarray = field(default_factory=lambda: np.eye(4))
    """gprim_from_shape: a cylinder along x is one along z, turned."""

    @property
    def placed(self) -> np.ndarray:
        """world_from_shape with `own`."""
        return self.world @ self.own


def turn(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """matrix f8[3, 3] times each of f8[n, 3], without BLAS: its threads cost more than they bring here."""
    return np.einsum("ij,nj->ni", matrix, vectors)


@dataclass(frozen=True)
class FirstHits:
    """What rays met first. thing i[n] (-1 nothing), t f8[n] (inf), face i[n], local f8[n, 3] in the shape's frame, point
    f8[n, 3] and unit normal f8[n, 3], towards the viewer, in the world; hit bool[things, n]: met at all, amodal."""

    thing: np.ndarray
    t: np.ndarray
    face: np.ndarray
    local: np.ndarray
    point: np.ndarray
    normal: np.ndarray
    hit: np.ndarray


def first_hits(
    things: Sequence[Thing], origin: np.ndarray, direction: np.ndarray, near: float = 0.0, far: float = np.inf
) -> FirstHits:
    """The first crossing of each ray f8[n, 3] with near <= t <= far; of equal t the earlier thing's."""
    n = len(origin)
    best, thing, face = np.full(n, np.inf), np.full(n, -1), np.zeros(n, np.int64)
    local, normal, hit = np.zeros((n, 3)), np.zeros((n, 3)), np.zeros((len(things), n), bool)
    for k, item in enumerate(things):
        inverse = np.linalg.inv(item.placed[:3, :3])
        o = turn(inverse, origin - item.placed[:3, 3])
        d = turn(inverse, direction)
        t, faces = item.shape.crossings(o, d)
        with np.errstate(invalid="ignore"):
            t = np.where((t >= near) & (t <= far), t, np.inf)
        row = t.argmin(0)
        nearest = t[row, np.arange(n)]
        hit[k] = np.isfinite(nearest)
        won = np.flatnonzero(nearest < best)
        best[won], thing[won], face[won] = nearest[won], k, faces[row[won]]
        local[won] = o[won] + nearest[won, None] * d[won]
        normal[won] = turn(inverse.T, item.shape.normal(local[won], face[won]))
    met = thing >= 0
    point = np.full((n, 3), np.nan)
    point[met] = origin[met] + best[met, None] * direction[met]
    length = np.linalg.norm(normal, axis=1)
    normal[met] /= length[met, None]
    normal *= -np.sign(np.einsum("ij,ij->i", normal, direction))[:, None]
    return FirstHits(thing, best, face, local, point, normal, hit)
