"""What stands still, as convex pieces in the world: walls of bins, floors, shelves, machines, whatever their meshes.

A connected part of a mesh that is closed and convex is one hull. Of any other, each face becomes a slab behind it, as thick
as the part is there, so a bin that is one mesh stays hollow. Faces in a plane that form a convex outline share a slab.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.extents import Box, transform
from twinstage.render.hull import convex_hull, smallest_rectangle
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Prototype, Snapshot
from twinstage.synth.settling.pieces import Piece, connected, flat, hull_corners, hull_piece, primitive_of

MOST_FACES = 6000
"""Faces near the settling things that may become slabs."""

_THICK, _SHEET, _THIN = 0.05, 0.004, 5e-4
"""Thickness [m]: behind a face with nothing behind it, of a double-sided sheet, and the least of all."""

_KEPT: "OrderedDict[tuple[str, bytes, bytes, bytes], tuple[Piece, ...]]" = OrderedDict()
_MOST_KEPT = 1024

_CHECKED = 4_000_000
"""Pairs of faces and points up to which convexity is looked at."""


@dataclass(frozen=True, slots=True)
class _Faces:
    """Triangles f8[n, 3, 3] in the world with their unit normals and areas; those without area are left out."""

    corners: F8
    normal: F8
    area: F8

    @staticmethod
    def of(corners: np.ndarray) -> "_Faces":
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        length = np.linalg.norm(cross, axis=1)
        keep = length > 1e-14
        return _Faces(corners[keep], cross[keep] / length[keep, None], length[keep] / 2)

    def take(self, rows: np.ndarray) -> "_Faces":
        return _Faces(self.corners[rows], self.normal[rows], self.area[rows])


def static_pieces(snapshot: Snapshot, rows: np.ndarray, near: Box, *, who: str) -> list[Piece]:
    """Pieces of those instances that reach into the box `near`, in world axes.

    Raises UserError where more faces reach into it than a simulation should have to look at.
    """
    out: list[Piece] = []
    for row in rows.tolist():
        out += _of_instance(snapshot, row, near, who)
        if len(out) > MOST_FACES:
            raise UserError(_too_many(who, snapshot.prims.path[int(snapshot.instances.prim[row])], len(out)))
    return out


def _of_instance(snapshot: Snapshot, row: int, near: Box, who: str) -> tuple[Piece, ...]:
    """Pieces of one instance; what stands still from frame to frame is looked at once."""
    prototype = snapshot.prototypes[int(snapshot.instances.prototype[row])]
    world = snapshot.instance_world[row]
    key = (prototype.hash, world.tobytes(), near.low.tobytes(), near.high.tobytes())
    if key not in _KEPT:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.popitem(last=False)
        path = snapshot.prims.path[int(snapshot.instances.prim[row])]
        _KEPT[key] = tuple(_made(snapshot, prototype, world, near, who, path))
    _KEPT.move_to_end(key)
    return _KEPT[key]


def _made(
    snapshot: Snapshot, prototype: Prototype, world: np.ndarray, near: Box, who: str, path: str
) -> list[Piece]:
    if not len(prototype.points) or not _meets(transform(world, prototype.points), near):
        return []
    primitive = primitive_of(snapshot, prototype, world)
    if primitive is not None:
        return [primitive]
    out: list[Piece] = []
    triangles = prototype.triangles.astype(np.int64)
    turned = triangles[:, ::-1] if np.linalg.det(world[:3, :3]) < 0 else triangles
    points = transform(world, prototype.points)
    for part in connected(prototype):
        mine = points[turned[np.isin(triangles[:, 0], part)]]
        out += _part(_Faces.of(mine), near, prototype.double_sided, who, path)
    return out


def _too_many(who: str, path: str, count: int) -> str:
    return (
        f"{who}: {path} has too many faces near the falling things ({count}, at most {MOST_FACES}); name simpler things in "
        "static, or hide it"
    )


def _meets(points: F8, near: Box) -> bool:
    return bool(len(points)) and bool(
        (points.min(0) <= near.high).all() and (points.max(0) >= near.low).all()
    )


def _part(faces: _Faces, near: Box, double_sided: bool, who: str, path: str) -> list[Piece]:
    points = faces.corners.reshape(-1, 3)
    if not _meets(points, near):
        return []
    if not flat(points) and is_convex(faces.corners):
        return [hull_piece(hull_corners(points))]
    low, high = faces.corners.min(1), faces.corners.max(1)
    touched = np.flatnonzero((low <= near.high).all(1) & (high >= near.low).all(1))
    if len(touched) > MOST_FACES:
        raise UserError(_too_many(who, path, len(touched)))
    return [_slab(patch, normal, faces, double_sided) for patch, normal in _patches(faces.take(touched))]


def is_convex(corners: np.ndarray) -> bool:
    """Whether triangles f8[n, 3, 3] are the closed surface of a convex body, seen from outside."""
    points, place = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    if len(corners) * len(points) > _CHECKED or not _closed(place.reshape(-1, 3)):
        return False
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    above = (points @ normal.T).max(0) - (normal * corners[:, 0]).sum(1)
    return bool((above <= 1e-5 * np.ptp(points, axis=0).max()).all())


def _closed(triangles: np.ndarray) -> bool:
    """Whether each edge is walked once in each direction."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ahead = {tuple(edge) for edge in edges.tolist()}
    return len(ahead) == len(edges) and all((b, a) in ahead for a, b in ahead)


def _patches(faces: _Faces) -> list[tuple[F8, F8]]:
    """Convex outlines f8[n, 3] with their normals: faces of a plane together where their outline is convex."""
    offset = (faces.normal * faces.corners[:, 0]).sum(1)
    keys = np.round(np.column_stack([faces.normal * 1e4, offset * 1e5])).astype(np.int64)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    out: list[tuple[F8, F8]] = []
    for number in range(int(group.max(initial=-1)) + 1):
        rows = np.flatnonzero(group.reshape(-1) == number)
        whole = faces.take(rows)
        outline = _outline(whole.corners.reshape(-1, 3), whole.normal[0])
        if (
            len(rows) > 1
            and abs(_area(outline, whole.normal[0]) - whole.area.sum()) <= 1e-4 * whole.area.sum()
        ):
            out.append((outline, whole.normal[0]))
        else:
            out += [(whole.corners[i], whole.normal[i]) for i in range(len(rows))]
    return out


def _basis(normal: F8) -> F8:
    """Two unit vectors across the normal, as rows f8[2, 3], right-handed with it."""
    helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
    u = np.cross(helper, normal)
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(normal, u)])


def _outline(points: F8, normal: F8) -> F8:
    basis, origin = _basis(normal), points[0]
    flat_hull = convex_hull(np.round((points - origin) @ basis.T, 7))
    out: F8 = origin + flat_hull @ basis
    return out


def _area(outline: F8, normal: F8) -> float:
    flat_points = outline @ _basis(normal).T
    x, y = flat_points[:, 0] - flat_points[0, 0], flat_points[:, 1] - flat_points[0, 1]
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)


def _slab(outline: F8, normal: F8, faces: _Faces, double_sided: bool) -> Piece:
    """The slab behind a convex outline."""
    depth = _depth(outline, normal, faces)
    front = 0.0
    if depth is None:
        depth, front = (_SHEET, _SHEET / 2) if double_sided else (_THICK, 0.0)
    depth = max(depth, _THIN)
    basis = _basis(normal)
    flat_points = outline @ basis.T
    height = float(outline[0] @ normal) + front
    rectangle = smallest_rectangle(convex_hull(flat_points)) if len(outline) > 3 else None
    if rectangle is not None and abs(_shoelace(rectangle) - _area(outline, normal)) <= 1e-4 * _shoelace(
        rectangle
    ):
        return _box(rectangle, basis, normal, height, depth)
    top = flat_points @ basis + normal * height
    return Piece("mesh", (), np.eye(4), np.concatenate([top, top - normal * depth]))


def _shoelace(corners: F8) -> float:
    x, y = corners[:, 0] - corners[0, 0], corners[:, 1] - corners[0, 1]
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)


def _box(rectangle: F8, basis: F8, normal: F8, height: float, depth: float) -> Piece:
    u, v = rectangle[1] - rectangle[0], rectangle[3] - rectangle[0]
    wide, tall = float(np.linalg.norm(u)), float(np.linalg.norm(v))
    frame = np.eye(4)
    frame[:3, 0] = (u / wide) @ basis
    frame[:3, 2] = normal
    frame[:3, 1] = np.cross(normal, frame[:3, 0])
    frame[:3, 3] = rectangle.mean(0) @ basis + normal * (height - depth / 2)
    return Piece("box", (wide / 2, tall / 2, depth / 2), frame)


def _depth(outline: F8, normal: F8, faces: _Faces) -> float | None:
    """How far behind the outline the part ends, at its middle and near its corners; None where nothing is behind it."""
    middle = outline.mean(0)
    found = []
    for start in (middle, *(middle + 0.9 * (outline - middle))):
        distance = _behind(start, normal, faces)
        if distance is not None:
            found.append(distance)
    return min(min(found), _THICK) if found else None


def _behind(start: F8, normal: F8, faces: _Faces) -> float | None:
    """Distance along -normal to the next face that looks the other way (Moeller and Trumbore 1997)."""
    away = np.flatnonzero(faces.normal @ normal < -1e-3)
    if not len(away):
        return None
    a, b, c = (faces.corners[away, i] for i in range(3))
    e1, e2, direction = b - a, c - a, -normal
    p = np.cross(direction, e2)
    det = (e1 * p).sum(1)
    safe = np.where(np.abs(det) < 1e-15, np.inf, det)
    to = start - a
    u = (to * p).sum(1) / safe
    q = np.cross(to, e1)
    v = (q @ direction) / safe
    t = (e2 * q).sum(1) / safe
    hit = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (t > 1e-7)
    return float(t[hit].min()) if hit.any() else None
