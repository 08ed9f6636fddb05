"""Faces, edges and their sharpness; the next level of a level. A child's numbers follow from its parent's."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twinstage.scene.columns import F8, I8, Bool
from twinstage.scene.triangulate import next_corner

INFINITE = 10.0
"""Sharpness from which on a feature never softens (UsdGeomMesh.SHARPNESS_INFINITE)."""


def scatter(index: np.ndarray, values: np.ndarray, size: int) -> F8:
    """Sums of the rows of `values` f8[n, k] that name the same `index`, f8[size, k]."""
    if values.ndim == 1:
        return np.asarray(np.bincount(index, values, minlength=size), np.float64)
    out = np.empty((size, values.shape[1]))
    for k in range(values.shape[1]):
        out[:, k] = np.bincount(index, values[:, k], minlength=size)
    return out


@dataclass(frozen=True)
class Level:
    """One level of refinement.

    Attributes:
        counts, indices: faces as in UsdGeomMesh, i8[f], i8[c].
        size: number of vertices.
        edge: the edge from each corner to the next of its face, i8[c].
        ends: vertices of each edge, i8[e, 2].
        edge_sharpness: f8[e], boundaries and non-manifold edges at least INFINITE.
        corner_sharpness: f8[size].
        face: the cage's face that each face comes from, i8[f].
    """

    counts: I8
    indices: I8
    size: int
    edge: I8
    ends: I8
    edge_sharpness: F8
    corner_sharpness: F8
    face: I8

    @cached_property
    def following(self) -> I8:
        """The next corner of each corner."""
        return next_corner(self.counts)

    @cached_property
    def previous(self) -> I8:
        """The corner before each corner."""
        out = np.empty_like(self.following)
        out[self.following] = np.arange(len(out))
        return out

    @cached_property
    def corner_face(self) -> I8:
        """The face of each corner."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def sides(self) -> I8:
        """First and last corner whose edge it is, i8[e, 2]; -1 where an edge has none."""
        out = np.full((len(self.ends), 2), -1, np.int64)
        corners = np.arange(len(self.edge))
        out[self.edge[::-1], 0] = corners[::-1]
        out[self.edge, 1] = corners
        return out

    @cached_property
    def uses(self) -> I8:
        """How many faces meet at each edge, i8[e]."""
        return np.bincount(self.edge, minlength=len(self.ends))

    def at_vertices(self, per_edge: np.ndarray) -> F8:
        """Sums over the edges of each vertex, f8[size]."""
        both = np.concatenate([self.ends[:, 0], self.ends[:, 1]])
        return scatter(both, np.concatenate([per_edge, per_edge]).astype(np.float64), self.size)

    @cached_property
    def valence(self) -> F8:
        """The number of edges of each vertex."""
        return self.at_vertices(self.uses > 0)

    def turned(self, blocked: Bool) -> I8:
        """The corner of the same vertex one face further round, across the corner's own edge.

        Itself where that edge is `blocked` (bool[e]), a boundary, or not shared by two faces of one sense.
        """
        corners = np.arange(len(self.edge))
        sides = self.sides[self.edge]
        other = np.where(sides[:, 0] == corners, sides[:, 1], sides[:, 0])
        landing = self.following[other]
        fits = (
            (self.uses[self.edge] == 2)
            & ~blocked[self.edge]
            & (self.indices[landing] == self.indices)
            & (other != corners)
        )
        return np.where(fits, landing, corners)

    def fans(self, blocked: Bool) -> I8:
        """A number for each corner, equal for the corners of a vertex that hang together without crossing `blocked` edges."""
        turn = self.turned(blocked)
        lowest = np.minimum(np.arange(len(turn)), turn)
        for _ in range(max(1, int(np.ceil(np.log2(max(2.0, float(self.valence.max(initial=2)))))) + 1)):
            lowest = np.minimum(lowest, lowest[turn])
            turn = turn[turn]
        ends_here = self.turned(blocked)[turn] == turn  # an open fan ends where turning stops
        return np.where(ends_here, turn, lowest)


def find_edges(counts: I8, indices: I8, size: int) -> tuple[I8, I8]:
    """The edge of each corner i8[c], and the ends of each edge (lower vertex first) i8[e, 2]."""
    there = indices[next_corner(counts)]
    key = np.minimum(indices, there) * size + np.maximum(indices, there)
    unique, edge = np.unique(key, return_inverse=True)
    return edge.reshape(-1), np.stack([unique // size, unique % size], -1)


def soften(sharpness: np.ndarray) -> F8:
    """Sharpness one level down (uniform rule): one less, infinite stays."""
    return np.where(sharpness >= INFINITE, sharpness, np.maximum(sharpness - 1.0, 0.0))


def refine_quads(level: Level) -> Level:
    """Every face of n corners becomes n quads: (corner, its edge, face, edge before). Vertices, then edges, then faces."""
    n_edges, first_face = len(level.ends), level.size + len(level.ends)
    corners = np.arange(len(level.indices))
    before = level.previous
    quads = np.stack(
        [
            level.indices,
            level.size + level.edge,
            first_face + level.corner_face,
            level.size + level.edge[before],
        ],
        -1,
    )
    own = 2 * level.edge + (level.indices == level.ends[level.edge, 1])
    back = level.edge[before]
    last = 2 * back + (level.indices == level.ends[back, 1])
    edges = np.stack([own, 2 * n_edges + corners, 2 * n_edges + before, last], -1)
    spokes = np.stack([level.size + level.edge, first_face + level.corner_face], -1)
    return Level(
        counts=np.full(len(corners), 4, np.int64),
        indices=quads.reshape(-1),
        size=first_face + len(level.counts),
        edge=edges.reshape(-1),
        ends=np.concatenate([_halves(level), spokes]),
        edge_sharpness=np.concatenate([np.repeat(soften(level.edge_sharpness), 2), np.zeros(len(corners))]),
        corner_sharpness=np.concatenate(
            [soften(level.corner_sharpness), np.zeros(n_edges + len(level.counts))]
        ),
        face=np.repeat(level.face, level.counts),
    )


def refine_triangles(level: Level) -> Level:
    """Every triangle becomes four: one at each corner, then the middle one. Vertices, then edges."""
    n_edges, n_faces = len(level.ends), len(level.counts)
    corners = np.arange(len(level.indices))
    before = level.previous
    mid, mid_before = level.size + level.edge, level.size + level.edge[before]
    own = 2 * level.edge + (level.indices == level.ends[level.edge, 1])
    back = level.edge[before]
    last = 2 * back + (level.indices == level.ends[back, 1])
    inner = 2 * n_edges + corners
    outer = np.stack([level.indices, mid, mid_before], -1).reshape(n_faces, 3, 3)
    outer_edges = np.stack([own, inner, last], -1).reshape(n_faces, 3, 3)
    middle = mid.reshape(n_faces, 1, 3)
    middle_edges = np.roll(inner.reshape(n_faces, 1, 3), -1, 2)
    return Level(
        counts=np.full(4 * n_faces, 3, np.int64),
        indices=np.concatenate([outer, middle], 1).reshape(-1),
        size=level.size + n_edges,
        edge=np.concatenate([outer_edges, middle_edges], 1).reshape(-1),
        ends=np.concatenate([_halves(level), np.stack([mid, mid_before], -1)]),
        edge_sharpness=np.concatenate([np.repeat(soften(level.edge_sharpness), 2), np.zeros(len(corners))]),
        corner_sharpness=np.concatenate([soften(level.corner_sharpness), np.zeros(n_edges)]),
        face=np.repeat(level.face, 4),
    )


def _halves(level: Level) -> I8:
    """The two children of each edge: from its lower and from its higher end to its middle."""
    middle = level.size + np.arange(len(level.ends))
    return np.stack([level.ends, np.repeat(middle, 2).reshape(-1, 2)], -1).reshape(-1, 2)
