"""The weights of one refinement step and of the limit surface.

Sources: Catmull and Clark 1978; Loop 1987; DeRose, Kass and Truong 1998 (semi-sharp creases); OpenSubdiv's Sdc for
what happens between a sharp parent and a soft child. A step is `Step.apply`: new vertices are the old ones, then the
edges, then (not for Loop) the faces.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8, I8
from twinstage.scene.subdivide.topology import Level, scatter, soften

SMOOTH_TRIANGLE = 0.470
"""Face weight of an edge beside a triangle under `triangleSubdivisionRule = "smooth"` (OpenSubdiv's Sdc)."""


@dataclass(frozen=True, slots=True)
class Step:
    """Weights of one step over a level: see `apply`. `faces`: whether faces get a vertex and weigh in."""

    level: Level
    faces: bool
    across: I8
    edge_end: F8
    edge_across: F8
    own: F8
    neighbour: F8
    face: F8

    def apply(self, values: np.ndarray) -> F8:
        """Values f8[n, k] at the level's vertices -> at the next level's."""
        level = self.level
        ends = level.ends
        middles = face_means(level, values) if self.faces else values
        edges = self.edge_end[:, None] * (values[ends[:, 0]] + values[ends[:, 1]])
        soft = np.flatnonzero(self.edge_across)
        if len(soft):
            pair = self.across[soft]
            edges[soft] += self.edge_across[soft, None] * (middles[pair[:, 0]] + middles[pair[:, 1]])
        points = self.own[:, None] * values
        where = np.concatenate([ends[:, 0], ends[:, 1]])
        other = np.concatenate([ends[:, 1], ends[:, 0]])
        used = np.flatnonzero(self.neighbour)
        if len(used):
            points += scatter(where[used], self.neighbour[used, None] * values[other[used]], level.size)
        if self.faces and self.face.any():
            points += self.face[:, None] * scatter(level.indices, middles[level.corner_face], level.size)
        return np.concatenate([points, edges, middles] if self.faces else [points, edges])


def face_means(level: Level, values: np.ndarray) -> F8:
    """The mean of the corners of each face, f8[f, k]."""
    at = values[level.indices]
    n = int(level.counts[0]) if len(level.counts) else 0
    if n and (level.counts == n).all():
        return np.asarray(at.reshape(-1, n, values.shape[1]).mean(1))
    start = np.cumsum(level.counts) - level.counts
    return np.asarray(np.add.reduceat(at, start, axis=0) / level.counts[:, None])


def linear_step(level: Level, *, faces: bool) -> Step:
    """Bilinear refinement: points stay, edges and faces get their middles."""
    n_edges = len(level.ends)
    return Step(
        level=level,
        faces=faces,
        across=np.zeros((n_edges, 2), np.int64),
        edge_end=np.full(n_edges, 0.5),
        edge_across=np.zeros(n_edges),
        own=np.ones(level.size),
        neighbour=np.zeros(2 * n_edges),
        face=np.zeros(level.size),
    )


def catmull_clark_step(level: Level, *, smooth_triangles: bool = False) -> Step:
    """One step of Catmull-Clark over faces of any number of corners."""
    faces = level.corner_face[np.maximum(level.sides, 0)]
    across = np.full(len(level.ends), 0.25)
    if smooth_triangles:
        triangle = level.counts[faces] == 3
        across = np.where(triangle, SMOOTH_TRIANGLE, 0.25).mean(1)
    n = np.maximum(level.valence, 1.0)
    return _step(level, faces, across, own=(n - 2) / n, around=1 / n**2, with_faces=True)


def loop_step(level: Level) -> Step:
    """One step of Loop over triangles."""
    opposite = level.indices[level.previous[np.maximum(level.sides, 0)]]
    around = _loop_beta(level)
    own = 1 - np.maximum(level.valence, 1.0) * around
    return _step(level, opposite, np.full(len(level.ends), 0.125), own=own, around=around, with_faces=False)


def _loop_beta(level: Level) -> F8:
    n = np.maximum(level.valence, 1.0)
    return np.asarray((0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / n)) ** 2) / n)


def _step(level: Level, across: I8, edge_across: F8, *, own: F8, around: F8, with_faces: bool) -> Step:
    crease = np.clip(level.edge_sharpness, 0.0, 1.0)
    smooth, by_parent, by_child, corner = _vertex_rules(level)
    parent, child = level.edge_sharpness > 0, soften(level.edge_sharpness) > 0
    smooth_around = smooth * around
    sharp_around = [0.125 * (by_parent[v] * parent + by_child[v] * child) for v in level.ends.T]
    return Step(
        level=level,
        faces=with_faces,
        across=across,
        edge_end=0.5 * crease + (1 - crease) * (0.5 - edge_across),
        edge_across=(1 - crease) * edge_across,
        own=smooth * own + 0.75 * (by_parent + by_child) + corner,
        neighbour=np.concatenate(
            [
                (smooth_around[v] + s) * (level.uses > 0)
                for v, s in zip(level.ends.T, sharp_around, strict=True)
            ]
        ),
        face=smooth_around if with_faces else np.zeros(level.size),
    )


SMOOTH, CREASE, CORNER = 0, 1, 2


def vertex_rule(level: Level, edge_sharpness: np.ndarray, corner_sharpness: np.ndarray) -> I8:
    """SMOOTH (darts, too), CREASE or CORNER for each vertex; vertices without faces are corners."""
    sharp = level.at_vertices(edge_sharpness > 0)
    rule = np.where(sharp == 2, CREASE, np.where(sharp > 2, CORNER, SMOOTH))
    return np.asarray(np.where((corner_sharpness > 0) | (level.valence < 1), CORNER, rule))


def _vertex_rules(level: Level) -> tuple[F8, F8, F8, F8]:
    """How much of each mask each vertex takes: smooth, crease by this level's edges, crease by the next level's, corner.

    Where the rule changes from this level to the next, the masks of both are mixed by the mean sharpness of what softens.
    """
    edge, corner = level.edge_sharpness, level.corner_sharpness
    edge_next, corner_next = soften(edge), soften(corner)
    here, after = vertex_rule(level, edge, corner), vertex_rule(level, edge_next, corner_next)
    mixed = (here != SMOOTH) & (here != after)
    softens = (edge > 0) & (edge_next <= 0)
    corner_softens = (corner > 0) & (corner_next <= 0)
    number = level.at_vertices(softens) + corner_softens
    total = level.at_vertices(np.where(softens, edge, 0.0)) + np.where(corner_softens, corner, 0.0)
    mean = np.minimum(np.divide(total, number, out=np.zeros_like(total), where=number > 0), 1.0)
    now = np.where(mixed, mean, 1.0)
    then = 1.0 - now
    return (
        now * (here == SMOOTH) + then * (after == SMOOTH),
        now * (here == CREASE),
        then * (after == CREASE),
        now * (here == CORNER) + then * (after == CORNER),
    )


@dataclass(frozen=True, slots=True)
class Limit:
    """Weights from the vertices of a refined level (quads or triangles) to their limit positions."""

    level: Level
    own: F8
    neighbour: F8
    opposite: F8

    def apply(self, values: np.ndarray) -> F8:
        """Values f8[n, k] at the level's vertices -> where they end after infinitely many steps."""
        level = self.level
        where = np.concatenate([level.ends[:, 0], level.ends[:, 1]])
        other = np.concatenate([level.ends[:, 1], level.ends[:, 0]])
        out = self.own[:, None] * values
        out += scatter(where, self.neighbour[:, None] * values[other], level.size)
        if self.opposite.any():
            far = level.indices[level.following[level.following]]
            out += self.opposite[:, None] * scatter(level.indices, values[far], level.size)
        return np.asarray(out)


def catmull_clark_limit(level: Level) -> Limit:
    """Halstead, Kass and DeRose 1993: (n^2 v + 4 sum of edges + sum of opposite corners) / (n (n + 5)); all faces are quads."""
    n = np.maximum(level.valence, 1.0)
    whole = n * (n + 5)
    return _limit(level, n**2 / whole, 4 / whole, 1 / whole)


def loop_limit(level: Level) -> Limit:
    """Loop 1987: neighbours weigh 1 / (n + 3 / (8 beta)) each."""
    n = np.maximum(level.valence, 1.0)
    around = 1 / (n + 3 / (8 * _loop_beta(level)))
    return _limit(level, 1 - n * around, around, np.zeros(level.size))


def _limit(level: Level, own: F8, around: F8, opposite: F8) -> Limit:
    rule = vertex_rule(level, level.edge_sharpness, level.corner_sharpness)
    smooth, crease = rule == SMOOTH, rule == CREASE
    sharp = level.edge_sharpness > 0
    neighbour = [smooth[v] * around[v] + (crease[v] & sharp) / 6 for v in level.ends.T]
    return Limit(
        level=level,
        own=np.where(smooth, own, np.where(crease, 2 / 3, 1.0)),
        neighbour=np.concatenate(neighbour) * np.concatenate([level.uses > 0] * 2),
        opposite=np.where(smooth, opposite, 0.0),
    )
