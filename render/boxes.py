"""Boxes of objects in a picture: of masks, of whole silhouettes, oriented, and 3D boxes with their corners in pixels.

All are in pixel edges: a mask of the single pixel in the upper left corner has the box (0, 0, 1, 1). Corners and outlines
go through the camera's own lens, so with a distorted lens they are distorted, too.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.extents import SHARED_BOUNDS, Bounds, object_world, transform
from twinstage.render.hull import convex_hull, smallest_rectangle
from twinstage.render.rim import rim_pixels
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot

EDGES = np.array([[a, b] for a in range(8) for b in range(a + 1, 8) if (a ^ b) in (1, 2, 4)])
"""The 12 edges of a box by corners, i8[12, 2]; corners as `extents.Box.corners` has them."""

SAG = 0.01
"""Farthest that an outline may stray from the straight line between the points that it is judged by [px]."""
_HALVINGS = 8
_BISECTIONS = 40
_MOST_EDGES = 2_000_000


def tight_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """(x0, y0, x1, y1) around the pixels of a mask bool[h, w], in pixel edges; None for an empty mask.

    Of the visible mask it is the tight box, of the amodal mask the box of the whole silhouette inside the image.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def mask_hull(mask: np.ndarray) -> F8:
    """The convex hull f8[n, 2] [px] of all pixels (their corners) of a mask bool[h, w]; empty for an empty mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return np.empty((0, 2))
    first, last = int(rows[0]), int(rows[-1]) + 1
    inside = mask[first:last]
    filled = inside.any(axis=1)
    far = mask.shape[1] + 1
    left = np.where(filled, inside.argmax(axis=1), far)
    right = np.where(filled, mask.shape[1] - inside[:, ::-1].argmax(axis=1), -1)
    # On the line between two rows only the outermost corner of both can be on the hull.
    left = np.minimum(np.append(left, far), np.append(far, left))
    right = np.maximum(np.append(right, -1), np.append(-1, right))
    y = np.flatnonzero(right >= 0)
    corners = np.concatenate([np.stack([x[y], y + first], -1) for x in (left, right)])
    return convex_hull(corners)


@dataclass(frozen=True, slots=True)
class OrientedBox:
    """A turned rectangle in the image.

    Attributes:
        corners: f8[4, 2] [px], counter-clockwise with y up, that is clockwise as seen.
        centre: f8[2] [px]; size: (length, breadth) [px], length the greater.
        angle: of the longer side, from +x towards +y (down), in [-pi/2, pi/2) [rad].
    """

    corners: F8
    centre: F8
    size: tuple[float, float]
    angle: float


def oriented_box(mask: np.ndarray) -> OrientedBox | None:
    """The rectangle of least area around the pixels of a mask bool[h, w]; None for an empty mask."""
    hull = mask_hull(mask)
    return oriented_box_of(hull) if len(hull) else None


def oriented_box_of(hull: np.ndarray) -> OrientedBox:
    """The rectangle of least area around a convex hull [n, 2] [px]."""
    corners = smallest_rectangle(hull)
    first, second = corners[1] - corners[0], corners[3] - corners[0]
    long, short = (first, second) if np.linalg.norm(first) >= np.linalg.norm(second) else (second, first)
    angle = float(np.arctan2(long[1], long[0]))
    angle = (angle + np.pi / 2) % np.pi - np.pi / 2
    size = float(np.linalg.norm(long)), float(np.linalg.norm(short))
    return OrientedBox(corners, corners.mean(0), size, angle)


@dataclass(frozen=True, slots=True)
class Box3D:
    """An object's box in its own axes, as a camera sees it.

    Attributes:
        object: row of `Snapshot.objects`.
        world_from_object: f8[4, 4] [m].
        low, high: f8[3], in the object's own units of length.
        corners: in the world f8[8, 3] [m]; corner i is at high instead of low in x for bit 2, y for bit 1, z for bit 0.
        pixels: f8[8, 2], NaN where the lens does not see; depth: z along the optical axis f8[8] [m].
    """

    object: int
    world_from_object: F8
    low: F8
    high: F8
    corners: F8
    pixels: F8
    depth: F8

    @property
    def size(self) -> F8:
        """Edge lengths along the object's x, y, z in the world, f8[3] [m]."""
        out: F8 = np.linalg.norm(self.corners[[4, 2, 1]] - self.corners[0], axis=1)
        return out

    @property
    def centre(self) -> F8:
        """The middle in the world, f8[3] [m]."""
        out: F8 = self.corners.mean(0)
        return out


def box_3d(snapshot: Snapshot, camera: Camera, index: int, bounds: Bounds = SHARED_BOUNDS) -> Box3D | None:
    """The 3D box of an object; None where it has no vertex."""
    box = bounds.of_object(snapshot, index)
    if box is None:
        return None
    world = object_world(snapshot, index)
    corners = transform(world, box.corners)
    pixels, depth = camera.project(corners)
    return Box3D(index, world, box.low, box.high, corners, pixels, depth)


def box_outline(camera: Camera, box: Box3D, points: int = 33) -> F8:
    """The 12 edges of a 3D box in the picture, f8[12, points, 2] [px], bent by the lens; NaN where it does not see."""
    share = np.linspace(0, 1, points)[None, :, None]
    a, b = box.corners[EDGES[:, 0], None], box.corners[EDGES[:, 1], None]
    places = (a + share * (b - a)).reshape(-1, 3)
    pixels, depth = camera.project(places)
    if camera.lens.along_axis:
        pixels[depth < camera.near] = np.nan
    return pixels.reshape(len(EDGES), points, 2)


def full_box(snapshot: Snapshot, camera: Camera, index: int) -> tuple[float, float, float, float] | None:
    """(x0, y0, x1, y1) [px] of an object's whole silhouette, whatever hides it, beyond the image too; None where unseen.

    From the vertices of what is drawn, and where a lens bends edges, from as many points on them as keep within `SAG`.
    What lies before the near plane does not count. Of a triangle that reaches beyond what the lens sees, those points on
    the edge of sight count that see it.
    """
    table = snapshot.instances
    return full_box_of(snapshot, camera, np.flatnonzero((table.object == index) & table.visible))


def full_box_of(
    snapshot: Snapshot, camera: Camera, rows: np.ndarray
) -> tuple[float, float, float, float] | None:
    """The same of those instances, rows of `Snapshot.instances`."""
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    table = snapshot.instances
    for row in np.asarray(rows).tolist():
        prototype = snapshot.prototypes[int(table.prototype[row])]
        if not len(prototype.triangles):
            continue
        points = transform(snapshot.instance_world[row], prototype.points)
        pixels = _outline(camera, points, prototype.triangles)
        pixels = pixels[np.isfinite(pixels).all(1)]
        if len(pixels):
            low, high = np.minimum(low, pixels.min(0)), np.maximum(high, pixels.max(0))
    return None if low[0] > high[0] else (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _outline(camera: Camera, points: F8, triangles: np.ndarray) -> F8:
    """Pixels f8[n, 2] that bound those of all triangles, NaN for what is not seen."""
    pixels, depth = camera.project(points)
    if camera.lens.along_axis:
        behind = depth < camera.near
        pixels[behind] = np.nan
    else:
        behind = np.zeros(len(points), bool)
    used = np.zeros(len(points), bool)
    used[triangles.ravel()] = True
    if camera.lens.affine and behind.all() == behind.any():
        return pixels[used]  # no edge is bent, and none goes through the near plane
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    crossing = behind[edges[:, 0]] != behind[edges[:, 1]]
    found = [pixels[used]]
    if crossing.any():
        found.append(_cut(camera, points, depth, np.unique(edges[crossing], axis=0)))
    if not camera.lens.affine:
        straight = np.unique(edges[~crossing & ~behind[edges[:, 0]]], axis=0)
        found += _bent(camera, points[straight[:, 0]], points[straight[:, 1]])
        partly = (np.isnan(pixels[triangles]).any(2) & ~behind[triangles]).any(1)
        found.append(rim_pixels(camera, points[triangles[partly]]))
    return np.concatenate(found)


def _cut(camera: Camera, points: F8, depth: F8, edges: np.ndarray) -> F8:
    """Where edges go through the near plane, f8[n, 2] [px]."""
    a, b = edges[:, 0], edges[:, 1]
    share = (camera.near - depth[a]) / (depth[b] - depth[a])
    return camera.project(points[a] + share[:, None] * (points[b] - points[a]))[0]


def _bent(camera: Camera, a: F8, b: F8) -> list[F8]:
    """Pixels of middles of edges that the lens bends, halved again until they keep within `SAG`."""
    pa, pb = camera.project(a)[0], camera.project(b)[0]
    first, second = _finite(pa), _finite(pb)
    half = np.flatnonzero(first != second)
    found = [_ends(camera, a[half], b[half], first[half])] if len(half) else []
    for _ in range(_HALVINGS):
        if not 0 < len(a) <= _MOST_EDGES:
            break
        middle = (a + b) / 2
        pm = camera.project(middle)[0]
        found.append(pm)
        off = np.abs(pm - (pa + pb) / 2).max(1)
        # An edge of which something is not seen counts as bent; one of which nothing is seen, as unseen.
        more = ~(off <= SAG) & (np.isfinite(pa) | np.isfinite(pb) | np.isfinite(pm)).all(1)
        a, b, pa, pb = (
            np.concatenate([a[more], middle[more]]),
            np.concatenate([middle[more], b[more]]),
            np.concatenate([pa[more], pm[more]]),
            np.concatenate([pm[more], pb[more]]),
        )
    return found


def _ends(camera: Camera, a: F8, b: F8, first: np.ndarray) -> F8:
    """The last points f8[n, 2] [px] that are seen of edges of which one end is: a where `first`, else b."""
    seen, unseen = np.where(first[:, None], a, b), np.where(first[:, None], b, a)
    for _ in range(_BISECTIONS):
        middle = (seen + unseen) / 2
<<<<<<< HEAD
        good = np.isfinite(camera.project(middle)[0]).all(1, keepdims=True)
        seen, unseen = np.where(good, middle, seen), np.where(good, unseen, middle)
=======
        good = _finite(camera.project(middle)[0])
        seen = np.where(good[:, None], middle, seen)
        unseen = np.where(good[:, None], unseen, middle)
>>>>>>> w/judge
    return camera.project(seen)[0]


def _finite(pixels: F8) -> np.ndarray:
    return np.asarray(np.isfinite(pixels).all(axis=1))
