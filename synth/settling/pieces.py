"""Drawn geometry -> convex pieces that a physics engine can collide, each in its body's rigid frame [m].

Cubes, spheres, cylinders and capsules stay what they are where scale allows; what else moves is the convex hull of each
gprim (or of each connected part of it). What stands still and is not convex becomes slabs behind its faces (`slabs`).
"""

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from twinstage.render.extents import transform
from twinstage.scene.columns import F8
from twinstage.scene.mechanics import rigid_part, thin_box
from twinstage.scene.snapshot import Prototype, Snapshot
from twinstage.scene.transforms import decompose_trs, quat_to_matrix

_KEPT = 2048
_SAME = 1e-6
"""Lengths that differ by less, relative to the whole, count as equal."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A convex shape. `kind`: box, sphere, ellipsoid, cylinder, capsule (along z) or mesh; `size` as MuJoCo has it.

    `frame`: body_from_piece, rigid f8[4, 4]; `points`: of a mesh, in the body's frame f8[n, 3].
    """

    kind: str
    size: tuple[float, ...]
    frame: F8
    points: F8 | None = None

    @property
    def key(self) -> bytes:
        """Equal for equal pieces."""
        points = b"" if self.points is None else self.points.tobytes()
        return b"|".join([self.kind.encode(), np.array(self.size).tobytes(), self.frame.tobytes(), points])

    @property
    def round(self) -> bool:
        """Whether it can roll."""
        return self.kind in ("sphere", "ellipsoid", "cylinder", "capsule")

    def outline(self) -> F8:
        """Points in the body's frame whose hull holds the piece, f8[n, 3]."""
        if self.points is not None:
            return self.points
        if self.kind == "box":
            half = np.array(self.size)
        elif self.kind in ("sphere", "ellipsoid"):
            half = np.broadcast_to(np.array(self.size), (3,)) if len(self.size) == 1 else np.array(self.size)
        else:
            radius, length = self.size
            half = np.array([radius, radius, length + (radius if self.kind == "capsule" else 0.0)])
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
        return transform(self.frame, corners * half)


@dataclass
class Hulls:
    """Vertices of convex hulls, kept by content."""

    _cache: "OrderedDict[tuple[str, int], F8]" = field(default_factory=OrderedDict)

    def of(self, prototype: Prototype, part: int, rows: np.ndarray) -> F8:
        """The corners of the hull of those points of a prototype, f8[n, 3]."""
        key = (prototype.hash, part)
        if key not in self._cache:
            if len(self._cache) >= _KEPT:
                self._cache.popitem(last=False)
            self._cache[key] = hull_corners(np.asarray(prototype.points[rows], np.float64))
        return self._cache[key]


_HULLS = Hulls()


def hull_corners(points: np.ndarray) -> F8:
    """The points that are corners of the convex hull (MuJoCo's qhull finds them); all where they lie in a plane. f8[n, 3]."""
    distinct = np.unique(points, axis=0)
    if len(distinct) < 5 or flat(distinct):
        return distinct
    import mujoco

    spec = mujoco.MjSpec()
    mesh = spec.add_mesh(name="hull")
    mesh.uservert = np.ascontiguousarray(distinct, np.float32).reshape(-1)
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="hull")
    graph = spec.compile().mesh_graph
    count = int(graph[0])
    return np.asarray(distinct[np.sort(graph[2 + count : 2 + 2 * count])], np.float64)


def flat(points: np.ndarray) -> bool:
    """Whether the points lie in a plane (or in less)."""
    if len(points) < 4:
        return True
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    return bool(spread[2] <= 1e-5 * max(float(spread[0]), 1e-12))


def body_frame(snapshot: Snapshot, prim: int) -> F8:
    """world_from_body f8[4, 4]: where the prim stands, without its scale."""
    return rigid_part(snapshot.node_world[prim])


def pieces_of(snapshot: Snapshot, rows: np.ndarray, frame: F8, *, split: bool = False) -> list[Piece]:
    """Convex pieces of those instances in the rigid frame `frame` (world_from_body); flat ones become thin boxes.

    `split`: each connected part of a mesh is a piece of its own.
    """
    back, out = np.linalg.inv(frame), []
    for row in rows.tolist():
        prototype = snapshot.prototypes[int(snapshot.instances.prototype[row])]
        if len(prototype.points):
            matrix = back @ snapshot.instance_world[row]
            primitive = primitive_of(snapshot, prototype, matrix)
            out += [primitive] if primitive is not None else _hulls(prototype, matrix, split)
    return out


def _hulls(prototype: Prototype, matrix: F8, split: bool) -> list[Piece]:
    parts = connected(prototype) if split else [np.arange(len(prototype.points))]
    return [
        hull_piece(transform(matrix, _HULLS.of(prototype, i if split else -1, rows)))
        for i, rows in enumerate(parts)
    ]


def hull_piece(points: F8, thickness: float = 1e-3) -> Piece:
    """The hull of points in the body's frame; a flat one is a box of that thickness."""
    if not flat(points):
        return Piece("mesh", (), np.eye(4), points)
    centre = points.mean(0)
    _, _, axes = np.linalg.svd(np.vstack([points - centre, np.zeros((3, 3))]), full_matrices=False)
    half, frame = thin_box(points, centre, axes, thickness)
    return Piece("box", half, frame)


def connected(prototype: Prototype) -> list[np.ndarray]:
    """Rows of points of each connected part of a mesh; points at the same place are one (seams of normals and uv)."""
    _, place = np.unique(prototype.points, axis=0, return_inverse=True)
    label = np.arange(place.max() + 1)
    corners = place.reshape(-1)[prototype.triangles.astype(np.int64)]
    while True:  # each pass gives all corners of a triangle the least label that any of them has
        least = label[corners].min(1)
        new = label.copy()
        np.minimum.at(new, corners.ravel(), np.repeat(least, 3))
        new = new[new]
        if np.array_equal(new, label):
            break
        label = new
    own = label[place.reshape(-1)]
    used = np.zeros(len(own), bool)
    used[prototype.triangles.ravel()] = True
    return [np.flatnonzero((own == part) & used) for part in np.unique(own[used])]


# --- primitives ---------------------------------------------------------------------------------------------------


def primitive_of(snapshot: Snapshot, prototype: Prototype, matrix: F8) -> Piece | None:
    """The primitive that a gprim is at that scale; None for meshes and for what scale has bent.

    Sizes come from the prototype's points: tessellations of quadrics have their corners on the true surface.
    """
    prim = snapshot.prims.index_of.get(prototype.source, -1)
    kind = snapshot.prims.type_name[prim] if prim >= 0 else ""
    if kind not in ("Cube", "Sphere", "Cylinder", "Capsule"):
        return None
    translation, quat, scale, shear = decompose_trs(matrix[None])
    size = np.abs(scale[0])
    if shear[0] > 1e-6 * max(1e-9, float(size.max())):
        return None
    frame = np.eye(4)
    frame[:3, :3], frame[:3, 3] = quat_to_matrix(quat[0]), translation[0]
    points = np.asarray(prototype.points, np.float64)
    middle, half = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0) / 2
    frame[:3, 3] += frame[:3, :3] @ (scale[0] * middle)
    if kind == "Cube":
        return Piece("box", tuple((half * size).tolist()), frame)
    if kind == "Sphere":
        radii = float(np.linalg.norm(points, axis=1).max()) * size
        even = bool(np.ptp(radii) <= _SAME * radii.max())
        return Piece(
            "sphere" if even else "ellipsoid", (float(radii[0]),) if even else tuple(radii.tolist()), frame
        )
    return _along(kind, points - middle, half, size, frame)


def _along(kind: str, points: F8, half: F8, size: F8, frame: F8) -> Piece | None:
    """A cylinder or capsule: its axis is the one about which all outermost points are equally far."""
    for axis in (2, 0, 1):
        across = [a for a in range(3) if a != axis]
        reach = np.linalg.norm(points[:, across], axis=1)
        radius = float(reach.max())
        outermost = np.isclose(np.abs(points[:, axis]), half[axis], rtol=1e-5)
        ring = bool(
            np.isclose(reach[outermost].max(), radius if kind == "Cylinder" else 0.0, atol=1e-4 * radius)
        )
        if not ring or not np.isclose(half[across[0]], half[across[1]], rtol=2e-2):
            continue
        even = np.isclose(size[across[0]], size[across[1]], rtol=_SAME)
        if not even or (kind == "Capsule" and not np.isclose(size[axis], size[across[0]], rtol=_SAME)):
            return None
        wide, long = radius * float(size[across[0]]), float(half[axis] * size[axis])
        turned = frame.copy()
        turned[:3, :3] = frame[:3, :3] @ _Z_TO[axis]
        return Piece(kind.lower(), (wide, long - (wide if kind == "Capsule" else 0.0)), turned)
    return None


_Z_TO = {
    0: np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    1: np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    2: np.eye(3),
}
"""Rotations that take Z to that axis."""
