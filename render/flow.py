"""Optical flow: where what a pixel sees is at another moment, in the world and in that moment's image.

A pixel sees a point of a triangle of an instance. That very point (the same weights of the same corners) is looked up
in the other moment's geometry, and projected by the other moment's camera: no depths are compared and no colours are
matched. Prototypes may deform as long as their triangles stay the same; where they do not, or the instance is gone,
flow and motion are NaN, and such pixels are counted.

Occlusion. A ray of the other camera is sent to the carried point. The point is hidden where anything is hit before it:
with a ray parameter below its own times (1 - 1e-6), on another triangle; or, on another instance, within 1e-6 where
that instance wins ties. It is hidden, too, outside of the other image, beyond near and far, and where its instance is
invisible. With a rolling shutter a point is seen by the row that looks at it when it passes.

The background of central lenses lies at infinity and moves by the camera's rotation only.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.casting import Part
from twinstage.render.hits import cast_rays, exact_weights, plane_t
from twinstage.render.instants import Instant as Instant
from twinstage.render.instants import Other, same_instances, same_topology
from twinstage.render.opacity import Transparency
from twinstage.render.ties import TIE, owner_key
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import F4, F8, Bool
from twinstage.scene.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Flow:
    """flow f4[h, w, 2] (dx, dy) [px], occluded bool[h, w], motion f4[h, w, 3] [m]; lost: pixels without a counterpart."""

    flow: F4
    occluded: Bool
    motion: F4
    lost: int


@dataclass(slots=True)
class Carried:
    """What each pixel of an image sees, as the other moment's camera would look at it; arrays over flat pixels.

    place f8[n, 2]: pixel position there, NaN where its lens does not see; row i8[n]: that row's pose holds; origin,
    direction f8[3, n]: the ray in camera axes; t f8[n]: ray parameter of the point, inf for the background; instance
    i8[n]: row there, -1 for the background; triangle i8[n] of its prototype; move f8[3, n]: way in the world [m].
    """

    place: F8
    row: np.ndarray
    origin: F8
    direction: F8
    t: F8
    instance: np.ndarray
    triangle: np.ndarray
    move: F8

    @staticmethod
    def empty(n: int) -> "Carried":
        """Nothing known yet of n pixels."""
        return Carried(
            place=np.full((n, 2), np.nan),
            row=np.zeros(n, np.int64),
            origin=np.zeros((3, n)),
            direction=np.zeros((3, n)),
            t=np.full(n, np.inf),
            instance=np.full(n, -1),
            triangle=np.full(n, -1),
            move=np.full((3, n), np.nan),
        )


def flow_to(
    snapshot: Snapshot, zbuffer: ZBuffer, instant: Instant, transparent: Transparency = "surface"
) -> Flow:
    """Flow of everything in a filled depth buffer, made from that snapshot, to another moment, before or after."""
    other = Other(instant, transparent)
    carried, lost = _carried(snapshot, zbuffer, other)
    height, width = zbuffer.camera.height, zbuffer.camera.width
    y, x = np.divmod(np.arange(height * width), width)
    flow = carried.place - np.stack([x + 0.5, y + 0.5], -1)
    occluded = _occluded(carried, other)
    return Flow(
        flow.astype(np.float32).reshape(height, width, 2),
        occluded.reshape(height, width),
        np.ascontiguousarray(carried.move.T.astype(np.float32)).reshape(height, width, 3),
        lost,
    )


def _carried(snapshot: Snapshot, zbuffer: ZBuffer, other: Other) -> tuple[Carried, int]:
    out = Carried.empty(zbuffer.depth.size)
    there = same_instances(snapshot, other.snapshot)
    lost = 0
    for index, pixels in zbuffer.groups():
        part = zbuffer.parts[index]
        row = int(there[part.instance])
        if row < 0 or not same_topology(part.prototype, other.prototype(row)):
            lost += len(pixels)
            out.t[pixels] = -np.inf  # nowhere: no ray is sent, and it counts as hidden
            continue
        _carry_part(zbuffer, part, pixels, other, row, out)
    sky = np.flatnonzero(zbuffer.part.ravel() < 0)
    if sky.size and zbuffer.camera.lens.central and other.camera.lens.central:
        _carry_sky(zbuffer.camera, sky, other, out)
    else:
        out.t[sky] = -np.inf
    return out, lost


def _carry_part(
    zbuffer: ZBuffer, part: Part, pixels: np.ndarray, other: Other, row: int, out: Carried
) -> None:
    width = zbuffer.camera.width
    y = pixels // width
    triangle = zbuffer.box_triangle.ravel()[pixels].astype(np.intp)
    origin, direction = part.grid.exact((pixels - y * width) + 0.5, y + 0.5)
    point = origin + direction * plane_t(part, origin, direction, triangle, zbuffer.depth.ravel()[pixels])
    weights = exact_weights(part, triangle, point)
    if part.bvh.triangle is not None:
        triangle = part.bvh.triangle[triangle]
    prototype = other.prototype(row)
    corners = prototype.triangles[triangle]
    local = sum(prototype.points[corners[:, k]].T.astype(np.float64) * weights[k] for k in range(3))
    place, at, seen, world = other.look(other.world(row), np.asarray(local), 1.0)
    box = part.world_from_box
    before = box[:3, :3] @ point + box[:3, 3:] if box.ndim == 2 else _by_row(box[y], point)
    lens = other.camera.lens
    t = seen[2] if lens.along_axis else np.linalg.norm(seen, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rays = np.zeros_like(seen), seen / t
    if not lens.central:
        inverse = np.linalg.inv(other.camera.K)
        made = lens.rays(place @ inverse[:2, :2].T + inverse[:2, 2])
        rays = made[0].T, made[1].T
    place[~(t > 0)] = np.nan
    out.place[pixels], out.row[pixels], out.t[pixels] = place, at, t
    out.origin[:, pixels], out.direction[:, pixels] = rays
    out.instance[pixels], out.triangle[pixels] = row, triangle
    out.move[:, pixels] = world - before


def _by_row(box: F8, points: F8) -> F8:
    return np.asarray(np.einsum("nij,jn->in", box[:, :3, :3], points) + box[:, :3, 3].T)


def _carry_sky(camera: Camera, pixels: np.ndarray, other: Other, out: Carried) -> None:
    """Directions keep; only how the camera is turned matters."""
    y, x = np.divmod(pixels, camera.width)
    direction = camera.rays_at(np.stack([x + 0.5, y + 0.5], -1))[1].T
    place, row, local, _ = other.look(np.eye(4), direction, 0.0)
    length = local[2] if other.camera.lens.along_axis else np.linalg.norm(local, axis=0)
    place[~(length > 0)] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        out.direction[:, pixels] = local / length
    out.place[pixels], out.row[pixels] = place, row
    out.move[:, pixels] = 0.0


def _occluded(carried: Carried, other: Other) -> Bool:
    """Which of the carried points the other camera does not see, bool[n]."""
    camera, place, t = other.camera, carried.place, carried.t
    with np.errstate(invalid="ignore"):
        inside = ((place >= 0) & (place < [camera.width, camera.height])).all(1)
        inside &= np.isinf(t) & (t > 0) | (t >= camera.near) & (t <= camera.far)
    owned = carried.instance >= 0
    inside[owned] &= other.snapshot.instances.visible[carried.instance[owned]]
    hidden = ~inside
    order = np.flatnonzero(inside)
    order = order[np.argsort(place[order, 1], kind="stable")]  # so that a rectangle's rows are one stretch
    height = place[order, 1]
    for part in other.parts:
        # The rectangle holds pixel centres; a place between them may lie half a pixel further out.
        first, last = np.searchsorted(height, [part.rect.y0 - 1.0, part.rect.y1 + 1.0])
        near = order[first:last]
        x, row = place[near, 0], carried.row[near]
        fits = (x >= part.rect.x0 - 1) & (x <= part.rect.x1 + 1) & ~hidden[near]
        fits &= (row >= part.rows[0]) & (row < part.rows[1]) & (t[near] * (1 + 4 * TIE) >= part.nearest)
        rays = near[fits]
        if rays.size:
            hidden[rays] |= _before(carried, part, rays, other)
    return hidden


def _before(carried: Carried, part: Part, rays: np.ndarray, other: Other) -> Bool:
    """Whether that part is hit before the carried points, bool[n]."""
    origin, direction = part.grid.moved(
        carried.origin[:, rays], carried.direction[:, rays], carried.row[rays]
    )
    packed = np.empty((len(rays), 6), np.float32)
    packed[:, :3] = (origin + direction * other.camera.near).T
    packed[:, 3:] = direction.T
    hits = cast_rays(other.camera, part, packed)
    out = np.zeros(len(rays), bool)
    hit = np.flatnonzero(np.isfinite(hits.t))
    if hit.size == 0:
        return out
    triangle = hits.triangle[hit].astype(np.intp)
    exact = plane_t(part, origin[:, hit], direction[:, hit], triangle, hits.t[hit])
    mine, t = carried.instance[rays[hit]], carried.t[rays[hit]]
    if part.bvh.triangle is not None:
        triangle = part.bvh.triangle[triangle]
    same = (mine == part.instance) & (triangle == carried.triangle[rays[hit]])
    before = (exact < t * (1 - TIE)) & ~same
    close = (mine >= 0) & (mine != part.instance) & (exact <= t * (1 + TIE))
    if close.any():
        owners = other.snapshot.instances.object[mine]
        keys = [owner_key(int(o), int(m)) for o, m in zip(owners[close], mine[close], strict=True)]
        wins = np.array([owner_key(part.object, part.instance) < key for key in keys])
        before[close] |= wins
    out[hit] = before
    return out
