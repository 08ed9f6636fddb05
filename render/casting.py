"""Rays against prototypes: each instance is cast alone in its own space.

The rays are moved by the inverse of world_from_gprim, in float64, and their directions are not normalised, so the ray
parameter t stays the camera's own: the depth along the optical axis, or the range. Nothing is rebuilt when things
move, memory is needed for prototypes only, and precision does not suffer far from the world's origin (Embree computes
in float32): positions enter as differences between the camera and the instance.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

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
from twinstage.render.rays import RayGrid, View, ray_grids
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
    whole: Collection[int] | None = None,
) -> list[Part]:
    """The parts that may cover a pixel of `canvas`, nearest first (ties: table order).

    `whole`: objects of which all of the canvas matters, None for all; of others only what is inside the image.
    Where things move while rows are exposed one after the other, an instance has one part for each stretch of rows.
    """
    view = View(camera)
    wanted = None if whole is None else np.array(sorted(whole), np.int64)
    parts = [
        part
        for moment in moments(snapshot, camera, motion)
        for part in _parts_of(moment, view, canvas, cache, transparent, wanted)
    ]
    return sorted(parts, key=lambda part: (part.nearest, part.instance, part.rect.y0))


def _parts_of(
    moment: Moment,
    view: View,
    canvas: PixelRect,
    cache: BvhCache,
    transparent: Transparency,
    wanted: np.ndarray | None,
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
    limits = _limits(
        moment, view.camera, canvas, None if wanted is None else ~np.isin(table.object[index], wanted)
    )
    for group in (np.flatnonzero(~moving), np.flatnonzero(moving)):
        mine = [bvhs[g] for g in group.tolist()]
        for k, world, grid, rect, nearest, footprint in _placed(
            moment, view, canvas, index[group], mine, limits[group if len(limits) > 1 else [0]]
        ):
            i, bvh = int(index[group[k]]), mine[k]
            kind = int(table.prototype[i]), int(table.material_set[i])
            prototype, materials = snapshot.prototypes[kind[0]], snapshot.material_sets[kind[1]]
            if kind not in holes:
                holes[kind] = cutouts(snapshot, prototype, materials, transparent)
            owner = int(table.object[i])
            yield Part(
                i, owner, prototype, materials, bvh, grid, rect, nearest, world, rows, holes[kind], footprint
            )


def _bvh(snapshot: Snapshot, row: int, slots: tuple[int, ...], cache: BvhCache, sheet: bool) -> Bvh:
    """The BVH of an instance: its prototype's, or where it is squashed flat one of its own, all but shifted into the world."""
    prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
    if sheet:
        prototype = moved_out(prototype, snapshot.instance_world[row][:3, :3])
    return cache.get(prototype, slots)


def _limits(moment: Moment, camera: Camera, canvas: PixelRect, inside: Bool | None) -> np.ndarray:
    """The pixels that count, (x0, y0, x1, y1) i8[n or 1, 4]: the rows that a moment holds for, and no more than the image for
    those `inside` bool[n]."""
    rows = [canvas.x0, moment.first or canvas.y0, canvas.x1, moment.last]
    if moment.last == camera.height:
        rows[3] = canvas.y1
    if inside is None:
        return np.array([rows])
    image = [0, moment.first, camera.width, moment.last]
    return np.where(inside[:, None], image, rows)


def _placed(
    moment: Moment,
    view: View,
    canvas: PixelRect,
    index: np.ndarray,
    bvhs: list[Bvh],
    limits: np.ndarray,
) -> Iterator[tuple[int, F8, RayGrid, PixelRect, float, Footprint | None]]:
    """Those of some instances that may be within their limits: number, pose, rays, rectangle, least ray parameter,
    footprint. Either all of them move or none does.
    """
    if index.size == 0:
        return
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
    rects[:, :2], rects[:, 2:] = (
        np.maximum(rects[:, :2], limits[:, :2]),
        np.minimum(rects[:, 2:], limits[:, 2:]),
    )
    kept = np.flatnonzero(seen & whole & (rects[:, :2] < rects[:, 2:]).all(1))
    world = world.swapaxes(0, 1)[kept] if moving else world[0, kept]
    grids = ray_grids(view, world, np.linalg.inv(world[..., :3, :3]))
    prints: dict[int, Footprint] = {}
    if not moving and view.basis is not None and not view.rolling:
        wide = np.flatnonzero((rects[kept, 2:] - rects[kept, :2]).prod(1) >= WORTH)
        made = footprints(view, canvas, world[wide], [bvhs[k] for k in kept[wide].tolist()])
        prints = dict(zip(wide.tolist(), made, strict=True))
    for place, k in enumerate(kept.tolist()):
        rect = PixelRect(*rects[k].tolist())
        yield k, world[place], grids[place], rect, float(nearest[k]), prints.get(place)


def part_rects(view: View, canvas: PixelRect, world: F8, half: F8) -> tuple[np.ndarray, F8, Bool]:
    """Rectangles (x0, y0, x1, y1) i8[n, 4] on `canvas` of boxes at `world`, least ray parameters [m], which hold any pixel.

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
