"""The topology of a face-varying primvar: a vertex for each (point, value), seams where neighbours use different values.

Its edges take the mesh's sharpness; seams are boundaries. `faceVaryingLinearInterpolation` decides which values stay in
place, as in OpenSubdiv's FVarLevel.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import I8, Bool
from twinstage.scene.subdivide.cage import Cage, non_manifold_edges
from twinstage.scene.subdivide.topology import INFINITE, Level, find_edges


@dataclass(frozen=True, slots=True)
class Seams:
    """`level`: base level over the values; `value`: the primvar's value of each of its vertices, i8[level.size]."""

    level: Level
    value: I8


def seams(cage: Cage, base: Level, index: I8) -> Seams:
    """The base level of a face-varying channel whose corners use the values `index` i8[c]."""
    number = int(index.max()) + 1
    pairs, vertex = np.unique(base.indices * number + index, return_inverse=True)
    vertex = vertex.reshape(-1)
    point = pairs // number
    edge, ends = find_edges(base.counts, vertex, len(pairs))
    sharpness = np.zeros(len(ends))
    sharpness[edge] = base.edge_sharpness[base.edge]
    level = Level(
        counts=base.counts,
        indices=vertex,
        size=len(pairs),
        edge=edge,
        ends=ends,
        edge_sharpness=sharpness,
        corner_sharpness=base.corner_sharpness[point].copy(),
        face=base.face,
    )
    open_edges = level.uses == 1
    np.maximum(sharpness, np.where(open_edges | non_manifold_edges(level), INFINITE, 0.0), out=sharpness)
    sharp = _stay(cage.face_varying, base, level, point, open_edges)
    level.corner_sharpness[sharp] = INFINITE
    return Seams(level, pairs % number)


def _stay(option: str, base: Level, level: Level, point: I8, open_edges: Bool) -> Bool:
    """Values that stay where they are, bool[size]."""
    borders = level.at_vertices(open_edges)
    if option == "none":
        return np.zeros(level.size, bool)
    if option == "boundaries":
        return np.asarray(borders > 0)
    faces = np.bincount(level.indices, minlength=level.size)
    values = np.bincount(point, minlength=base.size)[point]
    stay = faces == 1
    if option in ("cornersPlus1", "cornersPlus2"):
        stay |= values > 2
        infinite = level.at_vertices(level.edge_sharpness >= INFINITE)
        stay |= (values == 2) & _any_at_point(point, infinite > 2, base.size)
    if option == "cornersPlus2":
        inside = base.at_vertices(base.uses == 1)[point] == 0
        stay |= (values == 1) & inside & (borders > 0)
        stay |= (values == 2) & _any_at_point(point, faces == 1, base.size)
    return np.asarray(stay)


def _any_at_point(point: I8, flag: np.ndarray, size: int) -> Bool:
    number = np.bincount(point, flag.astype(np.float64), minlength=size)
    return np.asarray(number[point] > 0)
