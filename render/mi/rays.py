"""Rays from a camera, on the device: the same `Camera -> rays` that the labels use, for samples anywhere in a pixel.

A lens that is affine in the pixel needs a few numbers. Any other one is a table that the host fills in float64 by
`Camera.local_rays`: the rays through all pixel corners and all pixel centres. Inside a pixel they are interpolated,
bilinearly between the corners, with a bump that meets the centre: exact where labels look, off by far less than a
hundredth of a pixel elsewhere. A pixel is seen as its centre is: where the lens sees nothing there, it is black, and a
corner that the lens does not see is continued from the pixels that need it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.mi.runtime import Mitsuba
from twinstage.scene.columns import F8, Bool

MOST_TABLES = 8


@dataclass(frozen=True, slots=True)
class RayTable:
    """Rays in camera axes as device arrays (mi.Float, three a place): through corners and, as bumps, centres.

    `seen` mi.Bool[h * w], None where all pixels are seen; `origins` None where all rays start in the camera.
    """

    directions: tuple[Any, Any]
    origins: tuple[Any, Any] | None
    seen: Any


class LensTables:
    """Tables of the lenses in use, the latest `MOST_TABLES`."""

    def __init__(self, runtime: Mitsuba) -> None:
        self._mi = runtime.mi
        self._known: list[tuple[Camera, RayTable]] = []

    def get(self, camera: Camera) -> RayTable:
        """The table of the camera's lens, intrinsics and size."""
        for known, table in self._known:
            same = (known.width, known.height) == (camera.width, camera.height) and known.lens == camera.lens
            if same and np.array_equal(known.K, camera.K):
                return table
        table = self._made(camera)
        self._known = [*self._known[-MOST_TABLES + 1 :], (camera, table)]
        return table

    def _made(self, camera: Camera) -> RayTable:
        (origins, directions), seen = lens_rays(camera)
        mi = self._mi
        pair = tuple(mi.Float(part.astype(np.float32).ravel()) for part in directions)
        starts = None
        if not camera.lens.central:
            starts = tuple(mi.Float(part.astype(np.float32).ravel()) for part in origins)
        return RayTable(pair, starts, None if seen.all() else mi.Bool(seen.ravel()))


def lens_rays(camera: Camera) -> tuple[tuple[tuple[F8, F8], tuple[F8, F8]], Bool]:
    """Origins and directions in camera axes, each (corners f8[h + 1, w + 1, 3], bumps f8[h, w, 3]); seen bool[h, w].

    A bump is what a centre differs by from the mean of its corners. Directions of a lens that measures by length are
    unit ones at corners and centres.
    """
    x, y = np.meshgrid(np.arange(camera.width + 1.0), np.arange(camera.height + 1.0))
    corners = camera.local_rays(np.stack([x, y], -1))
    centres = camera.local_rays(np.stack([x, y], -1)[:-1, :-1] + 0.5)
    seen = _whole(np.concatenate(centres, -1))
    out: list[tuple[F8, F8]] = []
    for corner, centre in zip(corners, centres, strict=True):
        full = _continued(corner, np.where(seen[..., None], centre, np.nan))
        mean = (full[:-1, :-1] + full[:-1, 1:] + full[1:, :-1] + full[1:, 1:]) / 4
        out.append((full, np.where(seen[..., None], centre - mean, 0.0)))
    return (out[0], out[1]), seen


def _continued(corner: F8, centre: F8) -> F8:
    """The corners, those that are NaN continued from the seen centres around them; 0 where there is none."""
    missing = ~_whole(corner)
    if not missing.any():
        return corner
    h, w = centre.shape[:2]
    total, count = np.zeros(corner.shape), np.zeros(corner.shape[:2])
    for down in (0, 1):
        for right in (0, 1):
            # The corner at (down, right) of each pixel lies as far from the centre as the one across.
            across = corner[1 - down : h + 1 - down, 1 - right : w + 1 - right]
            guess = np.where(np.isfinite(across), 2 * centre - across, centre)
            known = _whole(guess)
            window = slice(down, down + h), slice(right, right + w)
            total[window] += np.where(known[..., None], guess, 0.0)
            count[window] += known
    out: F8 = np.where(missing[..., None], total / np.maximum(count, 1)[..., None], corner)
    return out


def _whole(vectors: F8) -> Bool:
    """Which vectors are numbers all through."""
    return np.asarray(np.isfinite(vectors).all(-1))


@dataclass(frozen=True, slots=True)
class Rays:
    """mi.Ray3f a sample, and which of them the lens sees (None: all)."""

    ray: Any
    seen: Any


def camera_rays(
    runtime: Mitsuba,
    tables: LensTables,
    camera: Camera,
    poses: F8,
    origin: F8,
    sampler: Any,
    spp: int,
    rows: tuple[int, int],
    *,
    centred: bool = False,
) -> Rays:
    """One ray a sample of rows [first, last), all samples of a pixel next to each other, from near to far.

    `poses` f8[k, r, 4, 4]: see `exposure.Part`. `centred`: all samples in the middle of the pixel.
    """
    mi, dr = runtime.mi, runtime.dr
    index = dr.arange(mi.UInt32, camera.width * (rows[1] - rows[0]) * spp) // spp
    row = index // camera.width
    column = index - row * camera.width
    if rows[0] > 0:
        row += dr.opaque(mi.UInt32, rows[0])
    jitter = mi.Point2f(0.5) if centred else sampler.next_2d()
    seen = None
    if camera.lens.affine:
        x, y = mi.Float(column) + jitter.x, mi.Float(row) + jitter.y
        if poses.shape[:2] == (1, 1) and camera.aperture_radius == 0:
            return Rays(_straight(runtime, camera, poses[0, 0], origin, x, y), None)
        start, along = _affine(runtime, camera, np.eye(4), x, y)
    else:
        table = tables.get(camera)
        start, along, seen = _looked_up(runtime, camera, table, row, column, jitter)
    if camera.aperture_radius > 0:
        start, along = _through_lens(runtime, camera, sampler, start, along)
    start, along = _posed(runtime, poses, origin, sampler, spp, row, start, along)
    return Rays(_between(runtime, camera, start, along), seen)


def _straight(runtime: Mitsuba, camera: Camera, pose: F8, origin: F8, x: Any, y: Any) -> Any:
    """The short way of most cameras: pose and lens in one."""
    start, along = _affine(runtime, camera, pose, x, y, origin)
    return _between(runtime, camera, start, along)


def _between(runtime: Mitsuba, camera: Camera, start: Any, along: Any) -> Any:
    """The ray from near to far, both in the parameter of `along`."""
    mi, dr = runtime.mi, runtime.dr
    length = dr.norm(along)
    near, far = dr.opaque(mi.Float, camera.near), dr.opaque(mi.Float, camera.far)
    ray = mi.Ray3f(start + along * near, along / length, 0.0, mi.Color0f())
    ray.maxt = (far - near) * length
    return ray


def _affine(
    runtime: Mitsuba, camera: Camera, pose: F8, x: Any, y: Any, origin: F8 | None = None
) -> tuple[Any, Any]:
    """Origins and directions of an affine lens, turned by a pose; opaque numbers: one kernel serves every pose."""
    places = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    starts, alongs = camera.local_rays(places)
    at = pose[:3, 3] - (np.zeros(3) if origin is None else origin)
    columns = _columns(pose[:3, :3] @ alongs.T)
    along = _vector(runtime, columns[:, 0]) * x + _vector(runtime, columns[:, 1]) * y
    along = along + _vector(runtime, columns[:, 2])
    shifts = _columns(pose[:3, :3] @ starts.T)
    start = runtime.mi.Point3f(_vector(runtime, shifts[:, 2] + at))
    if not camera.lens.central:
        start = start + _vector(runtime, shifts[:, 0]) * x + _vector(runtime, shifts[:, 1]) * y
    return start, along


def _columns(values: F8) -> F8:
    """From values at (0, 0), (1, 0), (0, 1): what a step in x adds, what one in y, and the constant."""
    return np.stack([values[:, 1] - values[:, 0], values[:, 2] - values[:, 0], values[:, 0]], 1)


def _vector(runtime: Mitsuba, values: F8) -> Any:
    mi, dr = runtime.mi, runtime.dr
    return mi.Vector3f(*(dr.opaque(mi.Float, float(v)) for v in values))


def _looked_up(
    runtime: Mitsuba, camera: Camera, table: RayTable, row: Any, column: Any, jitter: Any
) -> tuple[Any, Any, Any]:
    mi, dr = runtime.mi, runtime.dr
    pixel = row * camera.width + column
    along = _inside(runtime, table.directions, camera.width, row, column, pixel, jitter)
    if not camera.lens.along_axis:
        along = dr.normalize(along)
    start = mi.Point3f(0.0)
    if table.origins is not None:
        start = mi.Point3f(_inside(runtime, table.origins, camera.width, row, column, pixel, jitter))
    seen = None
    if table.seen is not None:
        seen = dr.gather(mi.Bool, table.seen, pixel)
        along = dr.select(seen, along, mi.Vector3f(0.0, 0.0, 1.0))
    return start, along, seen


def _inside(
    runtime: Mitsuba, pair: tuple[Any, Any], width: int, row: Any, column: Any, pixel: Any, jitter: Any
) -> Any:
    mi, dr = runtime.mi, runtime.dr
    corners, bumps = pair
    first = row * (width + 1) + column
    a, b = (dr.gather(mi.Vector3f, corners, first + k) for k in (0, 1))
    c, d = (dr.gather(mi.Vector3f, corners, first + (width + 1) + k) for k in (0, 1))
    x, y = jitter.x, jitter.y
    bump = 16.0 * x * (1.0 - x) * y * (1.0 - y)
    upper, lower = a * (1.0 - x) + b * x, c * (1.0 - x) + d * x
    return upper * (1.0 - y) + lower * y + bump * dr.gather(mi.Vector3f, bumps, pixel)


def _through_lens(runtime: Mitsuba, camera: Camera, sampler: Any, start: Any, along: Any) -> tuple[Any, Any]:
    """Through a place on the aperture to where the sharp ray meets what is in focus.

    That is a plane across the axis where rays are measured along it. Else it is a sphere, and the aperture's disc
    faces each ray.
    """
    mi, dr = runtime.mi, runtime.dr
    place = mi.warp.square_to_uniform_disk_concentric(sampler.next_2d())
    place *= dr.opaque(mi.Float, camera.aperture_radius)
    distance = dr.opaque(mi.Float, camera.focus_distance)
    if camera.lens.along_axis:
        offset = mi.Vector3f(place.x, place.y, 0.0)
        return start + offset, along - offset / distance
    offset = mi.Frame3f(along).to_world(mi.Vector3f(place.x, place.y, 0.0))
    return start + offset, dr.normalize(along * distance - offset)


def _posed(
    runtime: Mitsuba, poses: F8, origin: F8, sampler: Any, spp: int, row: Any, start: Any, along: Any
) -> tuple[Any, Any]:
    """Turned and moved to the world, by each row's pose and at each sample's moment."""
    mi, dr = runtime.mi, runtime.dr
    moved = np.array(poses[..., :3, :])
    moved[..., 3] -= origin
    moments, rows = poses.shape[:2]
    if moments == rows == 1:
        turned = [_vector(runtime, moved[0, 0, :, k]) for k in range(4)]
    else:
        at = dr.zeros(mi.UInt32, dr.width(row)) if rows == 1 else mi.UInt32(row)
        if moments > 1:
            # Samples share the exposure evenly among them; each has its own part of it, and a place by chance in there.
            sample = dr.arange(mi.UInt32, dr.width(row)) % spp
            share = (mi.Float(sample) + sampler.next_1d()) / spp
            at += dr.minimum(mi.UInt32(share * moments), moments - 1) * rows
        table = mi.Float(np.ascontiguousarray(np.swapaxes(moved, -1, -2), np.float32).ravel())
        turned = [dr.gather(mi.Vector3f, table, at * 4 + k) for k in range(4)]
    x, y, z, t = turned
    along = x * along.x + y * along.y + z * along.z
    return mi.Point3f(x * start.x + y * start.y + z * start.z + t), along
