"""Boxes of whole silhouettes of many objects at once: the same numbers as `boxes.full_box_of` gives for each.

Where no lens bends edges and nothing reaches to the near plane, such a box is that of the pixels of the vertices, and few
vertices can be outermost. So those of a prototype are kept in cells of neighbours; cells whose bounds in the picture lie
within what others reach are left out, and the rest are projected together. The price hardly grows with the triangles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.boxes import full_box_of
from twinstage.render.capture import Camera
from twinstage.render.recent import Recent
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Prototype, Snapshot
from twinstage.scene.transforms import rigid_inverse

Limits = tuple[float, float, float, float]

_CELL = 16
"""Vertices of a cell."""
_MOST_CELLS = 1 << 16
"""Cells that are looked at together."""
_AT_ONCE = 256
"""Cells that are projected together; of larger products, numpy's BLAS wakes its threads, which costs more than it saves."""
_SLACK = 1e-3
"""What bounds of cells are worth [px]: rounding is a millionth of it. In metres, of depths, a thousandth of it."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Vertices of a prototype by place: rows i4[c, 16] of its points, some twice where there are too few.

    `middle` and `half` f8[c, 3]: the box around each cell's.
    """

    rows: np.ndarray
    middle: F8
    half: F8


_CELLS: Recent[str, Cells] = Recent(256)
"""By content hash, so one cache serves all scenes."""


def cells_of(prototype: Prototype) -> Cells:
    """The vertices that triangles use."""
    used = np.unique(prototype.triangles)
    points = prototype.points[used].astype(np.float64)
    low = points.min(0)
    steps = ((points - low) / np.maximum(np.ptp(points, axis=0), 1e-300) * 1023).astype(np.int64)
    code = np.zeros(len(used), np.int64)  # Morton's: bits of x, y and z in turns
    for bit in range(10):
        for axis in range(3):
            code |= (steps[:, axis] >> bit & 1) << (3 * bit + axis)
    order = np.argsort(code, kind="stable")
    # Where normals are not smooth, several vertices are in one place: most of them follow one another now.
    order = order[np.append(True, (np.diff(points[order], axis=0) != 0).any(1))]
    order = used[order]
    rows = np.append(order, np.repeat(order[-1:], -len(order) % _CELL)).reshape(-1, _CELL).astype(np.int32)
    corners = prototype.points[rows].astype(np.float64)
    low, high = corners.min(1), corners.max(1)
    return Cells(rows, (low + high) / 2, (high - low) / 2)


def full_boxes(snapshot: Snapshot, camera: Camera, parts: Sequence[np.ndarray]) -> list[Limits | None]:
    """(x0, y0, x1, y1) [px] of each object, given by its instances (rows of `Snapshot.instances`); None where unseen."""
    if not (camera.simple and camera.lens.along_axis):
        return [full_box_of(snapshot, camera, rows) for rows in parts]
    low, high = np.full((len(parts), 2), np.inf), np.full((len(parts), 2), -np.inf)
    close: dict[int, list[int]] = {}
    for chunk in _chunks(snapshot, parts):
        owner, pixels, near = _outermost(snapshot, camera, chunk)
        np.minimum.at(low, owner, pixels.min(-1))
        np.maximum.at(high, owner, pixels.max(-1))
        for part, row in near:
            close.setdefault(part, []).append(row)
    for part, rows in close.items():
        found = full_box_of(snapshot, camera, np.array(rows))
        if found is not None:
            low[part], high[part] = np.minimum(low[part], found[:2]), np.maximum(high[part], found[2:])
    return [
        None if a[0] > b[0] else (a[0], a[1], b[0], b[1])
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]


def _chunks(snapshot: Snapshot, parts: Sequence[np.ndarray]) -> Iterator[list[tuple[int, int, Cells]]]:
    """Part, instance and its cells, in portions of limited size."""
    chunk: list[tuple[int, int, Cells]] = []
    cells = 0
    prototypes = snapshot.instances.prototype
    for part, rows in enumerate(parts):
        for row, kind in zip(np.asarray(rows).tolist(), prototypes[rows].tolist(), strict=True):
            prototype = snapshot.prototypes[kind]
            if len(prototype.triangles):
                found = _CELLS.get(prototype.hash, lambda: cells_of(prototype), len(prototypes))  # noqa: B023
                chunk.append((part, row, found))
                cells += len(found.rows)
            if cells > _MOST_CELLS:
                yield chunk
                chunk, cells = [], 0
    if chunk:
        yield chunk


def _outermost(
    snapshot: Snapshot, camera: Camera, chunk: Sequence[tuple[int, int, Cells]]
) -> tuple[np.ndarray, F8, list[tuple[int, int]]]:
    """Parts i8[n] and pixels f8[n, 2, 16] of the cells that may be outermost; part and instance of what is too near."""
    parts, instances = (np.array([item[k] for item in chunk]) for k in (0, 1))
    world = snapshot.instance_world[instances]
    sizes = np.array([len(cells.rows) for _, _, cells in chunk], np.int64)
    start: np.ndarray = np.cumsum(sizes) - sizes
    owner = np.repeat(np.arange(len(chunk)), sizes)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number is told apart below
        low, high, depth = _cell_bounds(camera, world, owner, [cells for _, _, cells in chunk])
    near = ~(np.minimum.reduceat(depth, start) > max(camera.near, 0.0) + 1e-3 * _SLACK)
    low[near[owner]], high[near[owner]] = -np.inf, np.inf
    # All vertices of a cell lie between its limits, so the part reaches at least as far as the cell's farther side.
    begin = start[np.flatnonzero(np.diff(parts, prepend=-1))]
    part = np.cumsum(np.diff(parts, prepend=-1) > 0)[owner] - 1
    least, most = np.minimum.reduceat(high, begin)[part], np.maximum.reduceat(low, begin)[part]
    outer = ((low <= least + _SLACK) | (high >= most - _SLACK)).any(1) & ~near[owner]
    wanted = np.flatnonzero(outer)
    points = np.empty((len(wanted), _CELL, 3))
    limits = np.searchsorted(wanted, [*start.tolist(), len(owner)]).tolist()
    for (_, row, cells), first, end, own in zip(chunk, limits, limits[1:], start.tolist(), strict=False):
        if first < end:
            prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
            points[first:end] = prototype.points[cells.rows[wanted[first:end] - own]]
    owner = owner[wanted]
    # To the bit as `extents.transform` has it.
    placed = points @ np.swapaxes(world[owner, :3, :3], 1, 2) + world[owner, None, :3, 3]
    pixels = np.empty((len(placed), 2, _CELL))
    for first in range(0, len(placed), _AT_ONCE):
        some = placed[first : first + _AT_ONCE]
        seen = camera.project(some.reshape(-1, 3))[0].reshape(len(some), _CELL, 2)
        pixels[first : first + _AT_ONCE] = np.swapaxes(seen, 1, 2)
    return parts[owner], pixels, [chunk[k][:2] for k in np.flatnonzero(near).tolist()]


def _cell_bounds(camera: Camera, world: F8, owner: np.ndarray, cells: Sequence[Cells]) -> tuple[F8, F8, F8]:
    """Pixels f8[n, 2] between which each cell lies, and its least depth f8[n] [m]."""
    local = (rigid_inverse(camera.world_from_camera) @ world)[owner]
    middle = np.concatenate([c.middle for c in cells])
    half = np.concatenate([c.half for c in cells])
    middle = np.einsum("nij,nj->ni", local[:, :3, :3], middle) + local[:, :3, 3]
    half = np.einsum("nij,nj->ni", np.abs(local[:, :3, :3]), half)
    low, high = middle - half, middle + half
    near = low[:, 2]
    if camera.lens.central:
        # Shares of depth are greatest at one end of it: which, depends on the side. Cells that are too near are not used.
        z = np.maximum(np.stack([near, high[:, 2]]), 1e-9)[..., None]
        low, high = (low[:, :2] / z).min(0), (high[:, :2] / z).max(0)
    else:
        low, high = low[:, :2], high[:, :2]
    centre, reach = (
        (low + high) / 2 @ camera.K[:2, :2].T + camera.K[:2, 2],
        (high - low) / 2 @ np.abs(camera.K[:2, :2]).T,
    )
    return centre - reach, centre + reach, near
