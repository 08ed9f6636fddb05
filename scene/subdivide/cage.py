"""The base level of a cage: boundary rules and non-manifold features as OpenSubdiv's Far treats them."""

from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.columns import F8, I8, Bool
from twinstage.scene.subdivide.topology import INFINITE, Level, find_edges, scatter

NO_EDGES = np.empty((0, 2), np.int64)
NOTHING_F = np.empty(0)
NOTHING_I = np.empty(0, np.int64)


@dataclass(frozen=True)
class Cage:
    """What the subdivision attributes of a UsdGeomMesh say; tokens are USD's.

    counts i8[f], indices i8[c] below `size`; creases: edges i8[k, 2] with sharpness f8[k]; corners: vertices i8[m] with
    sharpness f8[m].
    """

    counts: I8
    indices: I8
    size: int
    scheme: str = "catmullClark"
    boundary: str = "edgeAndCorner"
    crease_edges: I8 = field(default_factory=lambda: NO_EDGES)
    crease_sharpness: F8 = field(default_factory=lambda: NOTHING_F)
    corners: I8 = field(default_factory=lambda: NOTHING_I)
    corner_sharpness: F8 = field(default_factory=lambda: NOTHING_F)
    face_varying: str = "cornersPlus1"
    smooth_triangles: bool = False


def base_level(cage: Cage) -> tuple[Level, Bool, int]:
    """The base level, which faces `boundary = "none"` takes out (bool[f]), and how many creases name no edge of the mesh."""
    edge, ends = find_edges(cage.counts, cage.indices, cage.size)
    sharpness, unknown = _crease_sharpness(cage, ends)
    level = Level(
        counts=cage.counts,
        indices=cage.indices,
        size=cage.size,
        edge=edge,
        ends=ends,
        edge_sharpness=sharpness,
        corner_sharpness=np.zeros(cage.size),
        face=np.arange(len(cage.counts)),
    )
    loose = (level.uses == 1) & (sharpness < INFINITE)
    odd = non_manifold_edges(level)
    np.maximum(sharpness, np.where((level.uses == 1) | odd, INFINITE, 0.0), out=sharpness)
    level.corner_sharpness[:] = _corner_sharpness(cage, level, odd)
    hidden = np.zeros(len(cage.counts), bool)
    if cage.boundary == "none" and cage.scheme != "bilinear":
        open_vertex = level.at_vertices(loose) > 0
        hidden[level.corner_face[open_vertex[level.indices]]] = True
    return level, hidden, unknown


def non_manifold_edges(level: Level) -> Bool:
    """Edges of three and more faces, of two faces that run the same way, and from a vertex to itself, bool[e]."""
    first, last = level.indices[np.maximum(level.sides, 0)].T
    same_way = (level.uses == 2) & (first == last)
    return np.asarray((level.uses > 2) | same_way | (level.ends[:, 0] == level.ends[:, 1]))


def _crease_sharpness(cage: Cage, ends: I8) -> tuple[F8, int]:
    sharpness = np.zeros(len(ends))
    if len(cage.crease_edges) == 0:
        return sharpness, 0
    low, high = cage.crease_edges.min(1), cage.crease_edges.max(1)
    keys, wanted = (
        ends[:, 0] * cage.size + ends[:, 1],
        low * cage.size + high,
    )  # `ends` are sorted by this key
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = keys[at] == wanted
    sharpness[at[found]] = np.maximum(cage.crease_sharpness[found], 0.0)
    return sharpness, int((~found).sum())


def _corner_sharpness(cage: Cage, level: Level, odd: Bool) -> F8:
    sharpness = np.zeros(cage.size)
    sharpness[cage.corners] = np.maximum(cage.corner_sharpness, 0.0)
    faces = np.bincount(level.indices, minlength=cage.size)
    if cage.boundary == "edgeAndCorner":
        sharpness[(faces == 1) & (level.valence == 2)] = INFINITE
    odd_edges = level.at_vertices(odd)
    broken = (odd_edges > 0) | (_fan_count(level) > 1)
    fin = (odd_edges == 2) & (level.at_vertices(level.uses == 1) == 0) & (faces > level.valence)
    sharpness[broken & ~fin] = INFINITE
    return sharpness


def _fan_count(level: Level) -> F8:
    """How many separate fans of faces meet at each vertex."""
    first = np.unique(level.fans(np.zeros(len(level.ends), bool)))
    return scatter(level.indices[first], np.ones(len(first)), level.size)
