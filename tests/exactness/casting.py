"""Mitsuba's first hits on triangles in camera space: the second opinion. Nothing of the label pass.

Mitsuba (Embree, float32) says which triangle a ray meets first; how far it is, is computed here in float64 from that
triangle's plane. Triangles are moved into the camera's axes in float64 before they are rounded, so that nothing is lost
far from the world's origin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Piece:
    """Triangles of one owner in the world: points f8[v, 3] [m], triangles i[t, 3], and the material's number of each i[t].

    Where they are known: texture coordinates f4[v, 2], outward normals f8[v, 3] of any length, slots i[t]; `mirrored`:
    triangles turn the other way round.
    """

    owner: int
    points: np.ndarray
    triangles: np.ndarray
    material: np.ndarray
    uv: np.ndarray | None = None
    normals: np.ndarray | None = None
    slot: np.ndarray | None = None
    mirrored: bool = False


@dataclass(frozen=True)
class Soup:
    """Triangles of many owners: points f8[v, 3] in camera axes [m], triangles i8[t, 3]; owner, material, slot i[t]; uv
    f4[v, 2], NaN where there are none."""

    points: np.ndarray
    triangles: np.ndarray
    owner: np.ndarray
    material: np.ndarray
    slot: np.ndarray
    uv: np.ndarray

    @classmethod
    def of(cls, pieces: Sequence[Piece], view: np.ndarray) -> "Soup":
        """Pieces seen from camera_from_world f8[4, 4]."""
        first = np.cumsum([0, *(len(piece.points) for piece in pieces)])
        points = np.concatenate([piece.points for piece in pieces])
        return cls(
            points @ view[:3, :3].T + view[:3, 3],
            np.concatenate([p.triangles.astype(np.int64) + k for p, k in zip(pieces, first, strict=False)]),
            np.repeat([piece.owner for piece in pieces], [len(piece.triangles) for piece in pieces]),
            np.concatenate([piece.material for piece in pieces]),
            np.concatenate([np.zeros(len(p.triangles), int) if p.slot is None else p.slot for p in pieces]),
            np.concatenate([np.full((len(p.points), 2), np.nan) if p.uv is None else p.uv for p in pieces]),
        )

    def kept(self, which: np.ndarray) -> "Soup":
        """Some of the triangles, bool[t]."""
        columns = (values[which] for values in (self.triangles, self.owner, self.material, self.slot))
        return Soup(self.points, *columns, self.uv)

    @cached_property
    def _scene(self) -> Any:
        mi = mitsuba()
        used, corners = np.unique(self.triangles, return_inverse=True)
        mesh = mi.Mesh("soup", len(used), len(self.triangles))
        values = mi.traverse(mesh)
        values["vertex_positions"] = mi.Float(self.points[used].astype(np.float32).ravel())
        values["faces"] = mi.UInt32(corners.astype(np.uint32).ravel())
        values.update()
        return mi.load_dict({"type": "scene", "mesh": mesh})

    def cast(self, origin: np.ndarray, direction: np.ndarray, near: np.ndarray | float = 0.0) -> "Cast":
        """First hits of rays f8[n, 3] in camera axes with t >= near; directions need not be of unit length."""
        n = len(origin)
        if not len(self.triangles):
            return Cast(self, np.full(n, -1), np.full(n, np.inf))
        start = origin + np.broadcast_to(near, n)[:, None] * direction
        found = _scalar if mitsuba().variant().startswith("scalar") else _together
        sees = np.isfinite(direction).all(1)  # a lens may see nothing at its corners
        safe = np.where(sees[:, None], direction, (0.0, 0.0, 1.0)), np.where(sees[:, None], start, 0.0)
        hit, index = found(self._scene, safe[1].astype(np.float32), safe[0].astype(np.float32))
        hit &= sees
        triangle = np.where(hit, index, -1)
        t = np.full(n, np.inf)
        t[hit] = self.plane(triangle[hit], origin[hit], direction[hit])
        return Cast(self, triangle, t)

    def plane(self, triangle: np.ndarray, origin: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Where rays cross the planes of those triangles, f8[n]."""
        a, b, c = np.moveaxis(self.points[self.triangles[triangle]], 1, 0)
        normal = np.cross(b - a, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            across = np.einsum("ij,ij->i", normal, a - origin) / np.einsum("ij,ij->i", normal, direction)
        return across


@dataclass(frozen=True)
class Cast:
    """Of each ray the triangle of the soup, -1 for none, and the ray parameter, inf for none."""

    soup: Soup
    triangle: np.ndarray
    t: np.ndarray

    @property
    def owner(self) -> np.ndarray:
        """Owner of each ray's hit, -1 for none."""
        return np.append(self.soup.owner, -1)[self.triangle]


def _together(scene: Any, start: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each ray hits, bool[n], and which triangle, i8[n]."""
    mi = mitsuba()
    ray = mi.Ray3f(mi.Point3f(np.ascontiguousarray(start.T)), mi.Vector3f(np.ascontiguousarray(direction.T)))
    found = scene.ray_intersect_preliminary(ray)
    return np.isfinite(np.array(found.t)), np.array(found.prim_index).astype(np.int64)


def _scalar(scene: Any, start: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same, ray by ray: where there is no LLVM."""
    mi = mitsuba()
    hit, index = np.zeros(len(start), bool), np.zeros(len(start), np.int64)
    for k, (at, to) in enumerate(zip(start.tolist(), direction.tolist(), strict=True)):
        found = scene.ray_intersect_preliminary(mi.Ray3f(at, to))
        hit[k], index[k] = np.isfinite(found.t), found.prim_index
    return hit, index


@cache
def mitsuba() -> Any:
    """Mitsuba in the variant that runs on this machine; the product's own look for LLVM is used, nothing more of it."""
    from twinstage.render.mi.runtime import load_mitsuba

    return load_mitsuba().mi


def pieces_of(snapshot: Any) -> list[Piece]:
    """Visible instances of a snapshot; the owner is the row of the instance."""
    out = []
    for row in np.flatnonzero(snapshot.instances.visible).tolist():
        prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
        if not len(prototype.triangles):
            continue
        world = snapshot.instance_world[row]
        points = prototype.points.astype(np.float64) @ world[:3, :3].T + world[:3, 3]
        materials = np.array(snapshot.material_sets[snapshot.instances.material_set[row]])
        linear = world[:3, :3]
        mirrored = bool(np.linalg.det(linear) < 0)
        solid = abs(np.linalg.det(linear)) > 1e-30
        normals = prototype.normals.astype(np.float64) @ np.linalg.inv(linear) if solid else None
        out.append(
            Piece(
                row,
                points,
                prototype.triangles,
                materials[prototype.slot],
                prototype.uv,
                normals,
                prototype.slot,
                mirrored,
            )
        )
    return out
