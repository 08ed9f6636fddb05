"""Which parts of an image a box may appear in, for any lens: cones about directions, and tiles of pixels.

A box that does not hold the camera is seen within the cone about its middle that holds its corners. Each tile of
16 x 16 pixels is seen within the cone that holds its rays. A box may cover a tile only where the two cones meet. So
nothing is asked of the lens but its rays: folds, poles, the seam of a panorama and fields of view beyond 180 degrees
need no rules of their own. Boxes around the camera may be anywhere.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from twinstage.render.bounds import PixelRect, box_corners, image_rect
from twinstage.render.capture import Camera
from twinstage.render.rays import View, image_rays
from twinstage.scene.columns import F8, Bool

TILE = 16
_COARSE = 4
"""Outside of the image every so many pixels are asked; the cone then grows by the widest step between neighbours."""

_SLACK = 1e-6
"""Added to each angle [rad]: far more than float32 rays can stray."""

_WIDE = 1.4
"""Half angle from which a cone of corners says nothing [rad]: the box may reach round the camera."""

_CHUNK = 4_000_000


@dataclass(frozen=True)
class Tiles:
    """Cones of the tiles of a canvas: axis f8[rows, columns, 3], angle f8[rows, columns] [rad], -1 where no ray is."""

    canvas: PixelRect
    axis: F8
    angle: F8

    def rect(self, seen: Bool) -> PixelRect:
        """The rectangle around those tiles, bool[rows, columns]."""
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        if rows.size == 0:
            return PixelRect(self.canvas.x0, self.canvas.y0, self.canvas.x0, self.canvas.y0)
        c = self.canvas
        full = PixelRect(
            c.x0 + int(columns[0]) * TILE,
            c.y0 + int(rows[0]) * TILE,
            c.x0 + int(columns[-1] + 1) * TILE,
            c.y0 + int(rows[-1] + 1) * TILE,
        )
        return full.clipped(c)


_KEPT: "OrderedDict[tuple[object, ...], Tiles]" = OrderedDict()


def tiles_of(camera: Camera, canvas: PixelRect) -> Tiles:
    """The tiles of a canvas; kept, as a lens rarely changes."""
    key = (camera.lens, camera.K.tobytes(), camera.width, camera.height, canvas)
    found = _KEPT.get(key)
    if found is None:
        found = _KEPT[key] = _tiles(camera, canvas)
        if len(_KEPT) > 8:
            _KEPT.popitem(last=False)
    return found


def _tiles(camera: Camera, canvas: PixelRect) -> Tiles:
    rows, columns = -(-canvas.height // TILE), -(-canvas.width // TILE)
    axis, angle = np.zeros((rows, columns, 3)), np.full((rows, columns), -1.0)
    image = image_rect(camera)
    for k in range(rows):
        y0 = canvas.y0 + k * TILE
        band = PixelRect(canvas.x0, y0, canvas.x1, min(y0 + TILE, canvas.y1))
        if canvas == image:
            directions = image_rays(camera)[1][band.y0 : band.y1]
            step = np.zeros(columns)
        else:
            directions, step = _coarse(camera, band, columns)
        axis[k], angle[k] = _cones(directions, columns)
        angle[k] = np.where(angle[k] < 0, -1.0, angle[k] + step + _SLACK)
    return Tiles(canvas, axis, angle)


def _coarse(camera: Camera, band: PixelRect, columns: int) -> tuple[F8, F8]:
    """Directions at the corners of cells of 4 x 4 pixels, by tile, and the widest step of each tile [rad]."""
    count = TILE // _COARSE
    y = np.append(np.arange(band.y0, band.y1, _COARSE), band.y1)
    x = band.x0 + np.arange(columns * count + 1) * _COARSE
    directions = camera.local_rays(np.stack(np.meshgrid(x, y), -1).astype(np.float64))[1]
    unit = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    across = np.linalg.norm(np.diff(unit, axis=1), axis=-1)
    down = np.linalg.norm(np.diff(unit, axis=0), axis=-1)
    widest = np.fmax(np.fmax.reduce(across, 0), np.fmax.reduce(down, 0)[:-1])
    step = np.nan_to_num(np.fmax.reduce(widest.reshape(columns, count), 1), nan=0.1)
    # Each tile gets its own five columns of samples: the last one is the next tile's first.
    index = np.arange(columns)[:, None] * count + np.arange(count + 1)
    return directions[:, index.ravel()], step * 1.6


def _cones(directions: F8, columns: int) -> tuple[F8, F8]:
    """Axis f8[columns, 3] and half angle f8[columns] [rad] of equal blocks of columns; -1 where all are NaN."""
    h, w = directions.shape[:2]
    each = -(-w // columns)
    unit = np.full((h, columns * each, 3), np.nan)
    unit[:, :w] = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    block = unit.reshape(h, columns, each, 3).swapaxes(0, 1).reshape(columns, -1, 3)
    seen = ~np.isnan(block[..., 0])
    axis = np.where(seen[..., None], block, 0.0).sum(1)
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    axis = np.where(length > 1e-9, axis / np.where(length > 1e-9, length, 1.0), [0.0, 0.0, 1.0])
    cosine = np.where(seen, np.einsum("nki,ni->nk", block, axis), 1.0).min(1)
    angle = np.where(seen.any(1), np.arccos(np.clip(cosine, -1.0, 1.0)), -1.0)
    return axis, np.where((length[:, 0] <= 1e-9) & seen.any(1), np.pi, angle)


def box_cones(linear: np.ndarray, middle: np.ndarray, half: np.ndarray) -> tuple[F8, F8]:
    """Axis f8[n, 3] and half angle f8[n] [rad] of the cones in which boxes in camera axes are seen; pi = anywhere."""
    corners = box_corners(linear, middle, half)
    distance = np.linalg.norm(middle, axis=1)
    axis = middle / np.maximum(distance, 1e-300)[:, None]
    length = np.linalg.norm(corners, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (np.einsum("nki,ni->nk", corners, axis) / length).min(1)
    angle = np.arccos(np.clip(np.nan_to_num(cosine, nan=-1.0), -1.0, 1.0)) + _SLACK
    return axis, np.where((distance > 0) & (angle < _WIDE), angle, np.pi)


def cone_rects(
    view: View, canvas: PixelRect, linear: np.ndarray, middle: np.ndarray, half: np.ndarray
) -> tuple[np.ndarray, Bool]:
    """Rectangles (x0, y0, x1, y1) i8[n, 4] on `canvas` where boxes may appear, and which of them hold any pixel.

    `linear` f8[p, n, 3, 3] and `middle` f8[p, n, 3] state the boxes in camera axes at each of p poses: one for all rows,
    or one a row of the image.
    """
    image = image_rect(view.camera)
    rects = _rects(view, tiles_of(view.camera, image), linear, middle, half)
    if canvas != image:
        wider = _rects(view, tiles_of(view.camera, canvas), linear, middle, half)
        rects = [
            a.united(b) if a.area and b.area else (a if a.area else b)
            for a, b in zip(rects, wider, strict=True)
        ]
    corners = [(rect.x0, rect.y0, rect.x1, rect.y1) for rect in rects]
    return np.array(corners, np.int64).reshape(-1, 4), np.array([rect.area > 0 for rect in rects], bool)


def _rects(view: View, tiles: Tiles, linear: F8, middle: F8, half: F8) -> list[PixelRect]:
    if len(middle) == 1:
        return [
            tiles.rect(one) for one in _meet(tiles.axis, tiles.angle, *box_cones(linear[0], middle[0], half))
        ]
    seen = np.zeros((middle.shape[1], *tiles.angle.shape), bool)
    for k in range(tiles.angle.shape[0]):
        y = tiles.canvas.y0 + k * TILE
        for p in np.unique(view.row(np.arange(y, min(y + TILE, tiles.canvas.y1)))).tolist():
            cones = box_cones(linear[p], middle[p], half)
            seen[:, k] |= _meet(tiles.axis[k : k + 1], tiles.angle[k : k + 1], *cones)[:, 0]
    return [tiles.rect(one) for one in seen]


def _meet(axis: F8, angle: F8, other: F8, width: F8) -> Bool:
    """Whether cones of tiles [rows, columns] and of boxes [n] share a direction, bool[n, rows, columns]."""
    out = np.empty((len(other), *angle.shape), bool)
    step = max(_CHUNK // max(angle.size, 1), 1)
    for first in range(0, len(other), step):
        part = slice(first, first + step)
        between = np.arccos(np.clip(np.einsum("rci,ni->nrc", axis, other[part]), -1.0, 1.0))
        out[part] = (between <= angle + width[part, None, None] + _SLACK) & (angle >= 0)
    return out
