"""Where a box may appear in an image: conservative pixel rectangles, also for boxes that cross the near plane."""

from dataclasses import dataclass

import numpy as np

from twinstage.render.capture import Camera
from twinstage.scene.columns import F8, Bool

_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
_EDGES = np.array([[a, b] for a in range(8) for b in range(a + 1, 8) if (a ^ b) in (1, 2, 4)])
_SLACK = 0.05
"""Pixels added on every side: far more than float32 rays can stray."""


@dataclass(frozen=True, slots=True)
class PixelRect:
    """Whole pixels x0 <= x < x1, y0 <= y < y1; may lie outside of the image."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return max(self.x1 - self.x0, 0)

    @property
    def height(self) -> int:
        return max(self.y1 - self.y0, 0)

    @property
    def area(self) -> int:
        return self.width * self.height

    def clipped(self, other: "PixelRect") -> "PixelRect":
        """The part inside the other one; may be empty."""
        # Without min and max, which take twice as long; this is asked thousands of times a picture.
        x0 = self.x0 if self.x0 > other.x0 else other.x0
        y0 = self.y0 if self.y0 > other.y0 else other.y0
        x1 = self.x1 if self.x1 < other.x1 else other.x1
        y1 = self.y1 if self.y1 < other.y1 else other.y1
        return PixelRect(x0, y0, x1 if x1 > x0 else x0, y1 if y1 > y0 else y0)

    def united(self, other: "PixelRect") -> "PixelRect":
        """The smallest rectangle around both."""
        return PixelRect(
            min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1)
        )

    def slices(self, origin: "PixelRect") -> tuple[slice, slice]:
        """Rows and columns of an array that covers `origin`."""
        return slice(self.y0 - origin.y0, self.y1 - origin.y0), slice(
            self.x0 - origin.x0, self.x1 - origin.x0
        )


def places(mask: Bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of what is true in a mask bool[h, w], row by row: `np.nonzero`, ten times as fast."""
    flat = np.flatnonzero(mask)
    row = flat // mask.shape[1]
    return row, flat - row * mask.shape[1]


def image_rect(camera: Camera) -> PixelRect:
    """All pixels of the image."""
    return PixelRect(0, 0, camera.width, camera.height)


def canvas_rect(camera: Camera, margin: float) -> PixelRect:
    """The image with `margin` of its width and height added on each side."""
    dx, dy = round(camera.width * margin), round(camera.height * margin)
    return PixelRect(-dx, -dy, camera.width + dx, camera.height + dy)


def box_corners(linear: np.ndarray, middle: np.ndarray, half: np.ndarray) -> F8:
    """Corners f8[n, 8, 3] of boxes with axes `linear` f8[n, 3, 3] around `middle` f8[n, 3], half extents f8[n, 3]."""
    out: F8 = middle[:, None, :] + _CORNERS @ np.swapaxes(linear * half[:, None, :], 1, 2)
    return out


def local_bounds(camera: Camera, linear: np.ndarray, middle: np.ndarray, half: np.ndarray) -> tuple[F8, F8]:
    """Bounds f8[n, 4] (x0, y0, x1, y1) [px] of boxes in camera axes and the least depth f8[n] [m] of each.

    For pinholes and orthographic lenses; other lenses have `render.cones`. Depths are not below `near`. Only what lies
    beyond the near plane counts; boxes wholly before it get x0 > x1.
    """
    planes = _corner_planes(linear, middle, half)
    closest = planes[2].min(0)
    count = len(closest)
    low, high, nearest = np.full((2, count), np.inf), np.full((2, count), -np.inf), np.full(count, np.inf)
    before = closest >= camera.near
    whole = np.flatnonzero(before)
    pixels = _flat_pixels(camera, planes.take(whole, axis=-1))
    low[:, whole], high[:, whole], nearest[whole] = pixels.min(1), pixels.max(1), closest[whole]
    some = np.flatnonzero(~before & (planes[2].max(0) > camera.near))
    if some.size:
        points, valid = _cut_by_near(box_corners(linear[some], middle[some], half[some]), camera.near)
        pixels = _flat_pixels(camera, points.T)
        low[:, some] = np.where(valid.T, pixels, np.inf).min(1)
        high[:, some] = np.where(valid.T, pixels, -np.inf).max(1)
        nearest[some] = camera.near
    return np.concatenate([low, high]).T, nearest


def _corner_planes(linear: np.ndarray, middle: np.ndarray, half: np.ndarray) -> F8:
    """The corners of boxes as planes f8[3, 8, n], an axis at a time: of thousands of boxes numpy finds extremes so fastest."""
    steps = (linear * half[:, None, :]).transpose(2, 1, 0).copy()
    out: F8 = middle.T[:, None, :]
    for step in steps[:, :, None]:
        out = np.concatenate([out - step, out + step], axis=1)
    return out


def _flat_pixels(camera: Camera, points: F8) -> F8:
    """Pixel positions f8[2, k, n] of points f8[3, k, n] in camera axes, before a pinhole or in an orthographic view."""
    x, y = points[:2] / points[2] if camera.lens.central else points[:2]
    return np.stack([row[0] * x + row[1] * y + row[2] for row in camera.K[:2]])


def _cut_by_near(corners: F8, near: float) -> tuple[F8, Bool]:
    """Corners of boxes f8[n, 8, 3] and where edges cross the near plane, f8[n, 20, 3], and which of them count."""
    a, b = corners[:, _EDGES[:, 0]], corners[:, _EDGES[:, 1]]
    za, zb = a[..., 2] - near, b[..., 2] - near
    crossing = (za > 0) != (zb > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(crossing, za / (za - zb), 0.0)
    points = np.concatenate([corners, a + share[..., None] * (b - a)], 1)
    valid = np.concatenate([corners[..., 2] >= near, crossing], 1)
    points[..., 2] = np.where(valid, np.maximum(points[..., 2], near), 1.0)
    return points, valid


def pixel_rects(bounds: F8, canvas: PixelRect) -> tuple[np.ndarray, Bool]:
    """Rectangles (x0, y0, x1, y1) i8[n, 4] of pixel centres inside the bounds, on `canvas`; which hold any pixel."""
    limits = np.array([[canvas.x0, canvas.y0, canvas.x1, canvas.y1]], np.float64)
    inside = np.clip(np.nan_to_num(bounds, posinf=1e9, neginf=-1e9), -1e9, 1e9)
    low = np.maximum(np.ceil(inside[:, :2] - 0.5 - _SLACK), limits[:, :2])
    high = np.minimum(np.floor(inside[:, 2:] - 0.5 + _SLACK) + 1, limits[:, 2:])
    seen = (low < high).all(1)
    return np.concatenate([low, np.maximum(low, high)], 1).astype(np.int64), seen
