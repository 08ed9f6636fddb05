"""Rays against prototypes: each instance is cast alone in its own space.

The rays are moved by the inverse of world_from_gprim, in float64, and their directions are not normalised, so the ray
parameter t stays the camera's own: the depth along the optical axis, or the range. Nothing is rebuilt when things
move, memory is needed for prototypes only, and precision does not suffer far from the world's origin (Embree computes
in float32): positions enter as differences between the camera and the instance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twinstage.render.bounds import PixelRect, local_bounds, pixel_rects
from twinstage.render.bvh import SHARED_BVHS as SHARED_BVHS
from twinstage.render.bvh import Bvh as Bvh
from twinstage.render.bvh import BvhCache as BvhCache
from twinstage.render.capture import Camera
from twinstage.render.cones import cone_rects
from twinstage.render.footprints import WORTH, Footprint, footprints
from twinstage.render.motion import Motion
from twinstage.render.opacity import Cutouts, Transparency, cutouts, hidden_slots
from twinstage.render.posing import Moment, moments
from twinstage.render.rays import RayGrid, View
from twinstage.render.thin import flat, moved_out, solid
from twinstage.scene.columns import F8, Bool
from twinstage.scene.snapshot import Prototype, Snapshot


@dataclass(frozen=True, slots=True)
class Part:
    """One instance as the caster sees it.

    instance: its row; object: its object or -1; prototype: its geometry; materials: row of the material of each slot;
    grid: the camera's rays in the frame of the BVH's box; rect: pixels it may cover, not clipped to the image; nearest: no
    point of it has a smaller ray parameter [m]; world_from_box: f8[4, 4], or f8[height, 4, 4] where it moves while the
    shutter is open; rows: first and last + 1 row of the image that see it so; cutouts: its holes; footprint: where in its
    rectangle it may be, of what covers much of the image alone.
    """

    instance: int
    object: int
    prototype: Prototype
    materials: tuple[int, ...]
    bvh: Bvh
    grid: RayGrid
    rect: PixelRect
    nearest: float
    world_from_box: F8
    rows: tuple[int, int]
    cutouts: Cutouts | None = None
    footprint: Footprint | None = None


_Placed = tuple[int, F8, F8, PixelRect, float]
"""An instance's number, pose, inverse of the pose's linear part, rectangle and least ray parameter."""


def shown_instances(snapshot: Snapshot, transparent: Transparency = "surface") -> Bool:
    """Which instances are visible and have a triangle to show, bool[k]."""
    hidden = hidden_slots(snapshot, transparent)
    table = snapshot.instances
    filled = np.array([len(p.slots) if len(p.triangles) else -1 for p in snapshot.prototypes] or [0])
    gone = np.array([len(slots) for slots in hidden] or [0])
    out: Bool = table.visible & (gone[table.material_set] < filled[table.prototype])
    return out


def drawn_instances(
    snapshot: Snapshot, transparent: Transparency = "surface"
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Visible instances that have a triangle to show, each with its hidden slots, in table order."""
    hidden = hidden_slots(snapshot, transparent)
    rows = np.flatnonzero(shown_instances(snapshot, transparent))
    for i, worn in zip(rows.tolist(), snapshot.instances.material_set[rows].tolist(), strict=True):
        yield i, hidden[worn]


def parts_in_view(
    snapshot: Snapshot,
    camera: Camera,
    canvas: PixelRect,
    cache: BvhCache = SHARED_BVHS,
    *,
    transparent: Transparency = "surface",
    motion: Motion | None = None,
) -> list[Part]:
    """The parts that may cover a pixel of `canvas`, nearest first (ties: table order).

    Where things move while rows are exposed one after the other, an instance has one part for each stretch of rows.
    """
    view = View(camera)
    parts = [
        part
        for moment in moments(snapshot, camera, motion)
        for part in _parts_of(moment, view, canvas, cache, transparent)
    ]
    return sorted(parts, key=lambda part: (part.nearest, part.instance, part.rect.y0))


def _parts_of(
    moment: Moment, view: View, canvas: PixelRect, cache: BvhCache, transparent: Transparency
) -> Iterator[Part]:
    snapshot, table = moment.snapshot, moment.snapshot.instances
    drawn = list(drawn_instances(snapshot, transparent))
    if not drawn:
        return
    index = np.array([i for i, _ in drawn])
    moving = moment.moves(table.node[index])
    sheets = flat(snapshot.instance_world[index][:, :3, :3]) & ~moving
    bvhs = [
        _bvh(snapshot, i, slots, cache, bool(sheet))
        for (i, slots), sheet in zip(drawn, sheets.tolist(), strict=True)
    ]
    holes: dict[tuple[int, int], Cutouts | None] = {}
    rows = moment.first, moment.last
    limits = _rows_of(moment, view.camera.height, canvas)
    for group in (np.flatnonzero(~moving), np.flatnonzero(moving)):
        placed = _placed(moment, view, canvas, index[group], [bvhs[g] for g in group.tolist()])
        prints = _footprints(view, canvas, placed, [bvhs[g] for g in group.tolist()])
        for k, world, inverse, rect, nearest in placed:
            rect = rect.clipped(limits)
            if rect.area == 0:
                continue
            i, bvh = int(index[group[k]]), bvhs[int(group[k])]
            kind = int(table.prototype[i]), int(table.material_set[i])
            prototype, materials = snapshot.prototypes[kind[0]], snapshot.material_sets[kind[1]]
            if kind not in holes:
                holes[kind] = cutouts(snapshot, prototype, materials, transparent)
            owner, grid = int(table.object[i]), RayGrid(view, world, inverse)
            yield Part(
                i, owner, prototype, materials, bvh, grid, rect, nearest, world, rows, holes[kind], prints.get(k)
            )


def _bvh(snapshot: Snapshot, row: int, slots: tuple[int, ...], cache: BvhCache, sheet: bool) -> Bvh:
    """The BVH of an instance: its prototype's, or where it is squashed flat one of its own, all but shifted into the world."""
    prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
    if sheet:
        prototype = moved_out(prototype, snapshot.instance_world[row][:3, :3])
    return cache.get(prototype, slots)


def _rows_of(moment: Moment, height: int, canvas: PixelRect) -> PixelRect:
    """The rows of the canvas that a moment holds for."""
    above = canvas.y0 if moment.first == 0 else moment.first
    below = canvas.y1 if moment.last == height else moment.last
    return replace(canvas, y0=above, y1=below)


def _placed(
    moment: Moment, view: View, canvas: PixelRect, index: np.ndarray, bvhs: list[Bvh]
) -> list[_Placed]:
    """Those of some instances that may be on the canvas. Either all of them move or none does."""
    if index.size == 0:
        return []
    moving = bool(moment.moves(moment.snapshot.instances.node[index[:1]])[0])
    if moving:
        world = np.stack([moment.instance(i) for i in index.tolist()], 1)
    else:
        world = np.array(moment.snapshot.instance_world[index])[None]
        sheets = np.flatnonzero(flat(world[0, :, :3, :3]))
        world[0, sheets, :3, :3] = np.eye(3)
    centre = np.array([bvh.centre for bvh in bvhs])
    world[..., :3, 3] += np.einsum("pnij,nj->pni", world[..., :3, :3], centre)
    # A sheet has no inverse: see `_bvh`. One that moves while rows are exposed is left out, and what is no more than a line.
    whole = solid(world[..., :3, :3]).all(0)
    rects, nearest, seen = part_rects(view, canvas, world, np.array([bvh.half for bvh in bvhs]))
    kept = np.flatnonzero(seen & whole)
    inverse = np.linalg.inv(world[:, kept, :3, :3])
    return [
        (
            k,
            world[:, k] if moving else world[0, k],
            inverse[:, place] if moving else inverse[0, place],
            rects[k],
            float(nearest[k]),
        )
        for place, k in enumerate(kept.tolist())
    ]


def _footprints(
    view: View, canvas: PixelRect, placed: Sequence[_Placed], bvhs: Sequence[Bvh]
) -> dict[int, Footprint]:
    """Footprints by number, of those that cover much of the canvas before a camera with affine rays and one pose."""
    if view.basis is None or view.rolling:
        return {}
    wide = [(k, world) for k, world, _, rect, _ in placed if world.ndim == 2 and rect.area >= WORTH]
    made = footprints(
        view, canvas, np.array([w for _, w in wide]).reshape(-1, 4, 4), [bvhs[k] for k, _ in wide]
    )
    return dict(zip([k for k, _ in wide], made, strict=True))


def part_rects(view: View, canvas: PixelRect, world: F8, half: F8) -> tuple[list[PixelRect], F8, Bool]:
    """Rectangles on `canvas`, least ray parameters [m] and which of them hold any pixel, of boxes at `world`.

    `world`: f8[1, n, 4, 4], or f8[height, n, 4, 4] of boxes that move; `half` f8[n, 3].
    """
    poses = view.poses if view.rolling else view.poses[None]
    linear = np.einsum("pji,pnjk->pnik", poses[:, :3, :3], world[..., :3, :3])
    middle = np.einsum("pji,pnj->pni", poses[:, :3, :3], world[..., :3, 3] - poses[:, None, :3, 3])
    if view.basis is None:
        rects, seen = cone_rects(view, canvas, linear, middle, half)
        return rects, np.maximum(_least(view.camera, linear, middle, half).min(0), view.near), seen
    p, n = middle.shape[:2]
    bounds, nearest = local_bounds(
        view.camera, linear.reshape(-1, 3, 3), middle.reshape(-1, 3), np.tile(half, (p, 1))
    )
    if p > 1:
        bounds = _over_rows(bounds.reshape(p, n, 4), view.camera.height)
    rects, seen = pixel_rects(bounds, canvas)
    return rects, nearest.reshape(p, n).min(0), seen


def _least(camera: Camera, linear: F8, middle: F8, half: F8) -> F8:
    """No point of the boxes has a smaller ray parameter than f8[p, n]: z along the axis, or the distance."""
    if camera.lens.along_axis:
        return np.asarray(middle[..., 2] - np.einsum("pnj,nj->pn", np.abs(linear[..., 2, :]), half))
    reach = np.linalg.norm(np.einsum("pnij,nj->pni", np.abs(linear), half), axis=-1)
    return np.asarray(np.linalg.norm(middle, axis=-1) - reach)


def _over_rows(bounds: F8, height: int) -> F8:
    """Bounds f8[n, 4] of boxes over an image whose row r sees them within `bounds[r]`, f8[height, n, 4].

    A row counts where it lies within its own bounds. What lies above the image is seen from the first row's pose,
    what lies below from the last one's.
    """
    row = np.arange(height)[:, None]
    low, high = bounds[..., 1], bounds[..., 3]
    there = (low <= row + 1) & (high >= row)
    above, below = (low[0] < 0) & (low[0] <= high[0]), (high[-1] > height) & (low[-1] <= high[-1])
    wide = there.copy()
    wide[0] |= above
    wide[-1] |= below
    y0 = np.where(there, row, np.inf).min(0)
    y1 = np.where(there, row + 1.0, -np.inf).max(0)
    y0 = np.where(above, np.minimum(y0, low[0]), y0)
    y1 = np.where(above, np.maximum(y1, np.minimum(high[0], 0.0)), y1)
    y1 = np.where(below, np.maximum(y1, high[-1]), y1)
    y0 = np.where(below, np.minimum(y0, np.maximum(low[-1], height)), y0)
    x0 = np.where(wide, bounds[..., 0], np.inf).min(0)
    x1 = np.where(wide, bounds[..., 2], -np.inf).max(0)
    return np.stack([x0, y0, x1, y1], -1)
