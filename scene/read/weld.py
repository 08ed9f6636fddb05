"""Corners -> vertices: one for each distinct combination of point, normal, uv and colour."""

import numpy as np

from twinstage.scene.columns import F8, I8
from twinstage.scene.distinct import combine, distinct, distinct_integers, distinct_rows
from twinstage.scene.read.channels import Channel
from twinstage.scene.read.geometry import MeshData
from twinstage.scene.read.topology import Topology


def weld(
    topology: Topology,
    channels: tuple[Channel, Channel | None, Channel | None],
    corners: I8,
    *,
    scale: float,
    slot: np.ndarray,
    subsets: tuple[str, ...] = (),
    double_sided: bool = False,
    chord_error: float = 0.0,
) -> MeshData | None:
    """Triangles i8[t, 3] of corner numbers as arrays a vertex; channels: normals, uv, colour. None without triangles."""
    if len(corners) == 0:
        return None
    used, triangles = distinct_integers(corners.reshape(-1), len(topology.indices))
    point = topology.indices[used]
    keys: list[np.ndarray] = [point]
    merged: list[tuple[F8, I8] | None] = []
    for channel in channels:
        if channel is None:
            merged.append(None)
            continue
        if channel.index is topology.indices:  # one value a point: no seam
            merged.append((channel.values, point))
            continue
        values, index = _canonical(channel, used)
        merged.append((values, index))
        keys.append(index)
    if len(keys) == 1:
        points, number = distinct_integers(point, len(topology.points))
        first = np.empty(len(points), np.int64)
        first[number[::-1]] = np.arange(len(point))[::-1]
    else:
        first, number = distinct(combine(keys))

    def pick(entry: "tuple[F8, I8] | None") -> "np.ndarray | None":
        return None if entry is None else entry[0][entry[1][first]].astype(np.float32)

    normals = pick(merged[0])
    assert normals is not None
    return MeshData(
        point=point[first],
        points=(topology.points[point[first]] * scale).astype(np.float32),
        normals=normals,
        triangles=number[triangles].reshape(corners.shape).astype(np.uint32),
        uv=pick(merged[1]),
        color=pick(merged[2]),
        slot=slot,
        subsets=subsets,
        double_sided=double_sided,
        chord_error=chord_error,
    )


def _canonical(channel: Channel, used: np.ndarray) -> tuple[F8, I8]:
    """Equal values get equal numbers, so that seams appear only where values differ."""
    values = channel.values.astype(np.float32)
    place, number = distinct_rows(values)
    return values[place].astype(np.float64), number[channel.index[used]]
