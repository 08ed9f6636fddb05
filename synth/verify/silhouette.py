"""The silhouette of a triangle mesh, found again: pixel centres' rays against the triangles near them, in float64.

Seen from one point, a triangle is the cone between the planes through that point and its edges; a ray's distance from
each is an angle (across parallel rays: pixels). What lies closer to an edge than `CLOSE` pixels is not decided. Triangles
of few pixels are compared with the pixels of their rectangles; large ones, and those whose rectangles are unclear, with
tiles first, which they miss, cover, or have to be looked at pixel by pixel in. A pixel that sees the mesh is done.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.synth.verify.eye import Eye
from twinstage.synth.verify.outlines import CLOSE, Outlines, hits, outlines, rectangles

PAIRS = 200_000
"""Pairs of rays and triangles looked at at once."""

TILE = 16
"""Pixels along a tile."""


@dataclass(frozen=True, slots=True)
class Silhouette:
    """`inside`: pixels whose centre certainly sees the mesh; `possible`: those that may. bool[rows, columns]."""

    inside: np.ndarray
    possible: np.ndarray


def silhouette(eye: Eye, corners: np.ndarray, window: tuple[int, int, int, int]) -> Silhouette:
    """Of world triangles f8[n, 3, 3] in a window (x0, y0, x1, y1) [px], which may reach beyond the image."""
    canvas = _Canvas(eye, window)
    if eye.moving:
        _each_pixel(canvas, corners, None, rectangles(eye, corners, window), np.arange(len(corners)))
        return canvas.silhouette()
    shapes = outlines(eye, corners)
    corners, shapes = corners[shapes.reached], shapes.some(shapes.reached)
    boxes = rectangles(eye, corners, window)
    sizes = _areas(boxes)
    large = sizes > TILE * TILE
    _tiles(canvas, corners, shapes, boxes, np.flatnonzero(large))
    small = np.flatnonzero((sizes > 0) & ~large)
    small = small[np.argsort(-sizes[small], kind="stable")]
    _each_pixel(canvas, corners, shapes, boxes, small)
    return canvas.silhouette()


class _Canvas:
    """A window's rays and what is decided of them; pixels are numbered row by row."""

    def __init__(self, eye: Eye, window: tuple[int, int, int, int]) -> None:
        x0, y0, x1, y1 = window
        self.eye, self.window, self.shape = eye, window, (y1 - y0, x1 - x0)
        x, y = (part.ravel() for part in np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5))
        self.origins, self.directions = eye.rays(x, y)
        self.seen = np.isfinite(self.directions).all(1)
        if eye.kind == "orthographic":
            self.places = np.stack([x, y, np.ones_like(x)], -1)
        else:
            self.places = self.directions / np.linalg.norm(self.directions, axis=1)[:, None]
        self.inside, self.possible = np.zeros(len(x), bool), np.zeros(len(x), bool)

    def silhouette(self) -> Silhouette:
        return Silhouette(self.inside.reshape(self.shape), self.possible.reshape(self.shape))

    def look(
        self, pixel: np.ndarray, triangle: np.ndarray, corners: np.ndarray, shapes: Outlines | None
    ) -> None:
        """Decide pairs of pixels and triangles, i8[n] each; those that are decided already are passed over."""
        keep = self.seen[pixel] & ~self.inside[pixel]
        pixel, triangle = pixel[keep], triangle[keep]
        if shapes is None:
            sure, may = hits(self.eye, self.origins[pixel], self.directions[pixel], corners[triangle])
        else:
            at = self.places[pixel]
            least = shapes.least(triangle, at)
            sure, may = least > shapes.close, least > -shapes.close
            edge = np.flatnonzero(may & ~sure)
            may[edge] = shapes.around(triangle[edge], at[edge])
            cut = np.flatnonzero(may & shapes.cut[triangle])
            if len(cut):
                at_cut = pixel[cut]
                given = self.origins[at_cut], self.directions[at_cut], corners[triangle[cut]]
                sure[cut], may[cut] = hits(self.eye, *given)
        self.inside[pixel[sure]] = True
        self.possible[pixel[sure | may]] = True


def _each_pixel(
    canvas: _Canvas, corners: np.ndarray, shapes: Outlines | None, boxes: np.ndarray, order: np.ndarray
) -> None:
    """Triangles against all pixels of their rectangles, in that order."""
    order = order[_areas(boxes)[order] > 0]
    x0, y0 = canvas.window[:2]
    wide = canvas.shape[1]
    begin, count = 0, 2_000
    while begin < len(order):
        part = order[begin : begin + count]
        begin, count = begin + count, 8_000
        for some in _batches(part[_undecided(canvas, boxes[part])], _areas(boxes)):
            sizes = _areas(boxes[some])
            triangle = np.repeat(some, sizes)
            at = np.arange(len(triangle)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            across = (boxes[:, 2] - boxes[:, 0])[triangle]
            pixel = (boxes[triangle, 1] - y0 + at // across) * wide + boxes[triangle, 0] - x0 + at % across
            canvas.look(pixel, triangle, corners, shapes)


def _batches(order: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
    if not len(order):
        return []
    ends = np.cumsum(sizes[order])
    parts = np.split(order, np.unique(np.searchsorted(ends, np.arange(PAIRS, ends[-1], PAIRS))))
    return [part for part in parts if len(part)]


def _undecided(canvas: _Canvas, boxes: np.ndarray) -> np.ndarray:
    """Rectangles with a pixel in them that is not inside yet, bool[n]: by a table of sums."""
    open_ = (~canvas.inside & canvas.seen).reshape(canvas.shape)
    sums = np.zeros((canvas.shape[0] + 1, canvas.shape[1] + 1), np.int64)
    sums[1:, 1:] = open_.cumsum(0).cumsum(1)
    x0, y0, x1, y1 = (boxes - np.tile(canvas.window[:2], 2)).T
    found: np.ndarray = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0] > 0
    return found


def _tiles(
    canvas: _Canvas, corners: np.ndarray, shapes: Outlines, boxes: np.ndarray, order: np.ndarray
) -> None:
    """Triangles against tiles, then against the pixels of those that they may reach and do not cover."""
    if not len(order):
        return
    pixels, middles, radii, spans = _tiling(canvas)
    covered = np.zeros(len(middles), bool)
    left: list[tuple[np.ndarray, np.ndarray]] = []
    step = max(1, PAIRS // len(middles))
    for begin in range(0, len(order), step):
        some = order[begin : begin + step]
        tile = np.flatnonzero(~covered)
        apart = (
            (boxes[some, None, 0] >= spans[tile, 2])
            | (boxes[some, None, 2] <= spans[tile, 0])
            | (boxes[some, None, 1] >= spans[tile, 3])
            | (boxes[some, None, 3] <= spans[tile, 1])
        )
        triangle, tile = (part for part in np.nonzero(~apart))
        triangle, tile = some[triangle], np.flatnonzero(~covered)[tile]
        least, radius = shapes.least(triangle, middles[tile]), radii[tile]
        covered[tile[(least > shapes.close + radius) & ~shapes.cut[triangle]]] = True
        reached = (least > -shapes.close - radius) & shapes.around(triangle, middles[tile], radius)
        left.append((triangle[reached], tile[reached]))
    whole = pixels[covered]
    done = whole[whole >= 0]
    done = done[canvas.seen[done]]
    canvas.inside[done] = canvas.possible[done] = True
    triangle, tile = (np.concatenate(part) for part in zip(*left, strict=True))
    triangle, tile = triangle[~covered[tile]], tile[~covered[tile]]
    step = PAIRS // TILE**2
    for begin in range(0, len(tile), step):
        pixel = pixels[tile[begin : begin + step]]
        pairs = np.repeat(triangle[begin : begin + step], TILE**2)[pixel.ravel() >= 0]
        canvas.look(pixel[pixel >= 0], pairs, corners, shapes)


def _tiling(canvas: _Canvas) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tiles with a ray in them: their pixels i8[t, TILE^2] (-1: none), middles f8[t, 3] with radii, bounds [px] i8[t, 4]."""
    rows, columns = (-(-side // TILE) for side in canvas.shape)
    table = np.full((rows * TILE, columns * TILE), -1)
    table[: canvas.shape[0], : canvas.shape[1]] = np.arange(len(canvas.inside)).reshape(canvas.shape)
    pixels = table.reshape(rows, TILE, columns, TILE).swapaxes(1, 2).reshape(rows * columns, TILE**2)
    pixels = np.where((pixels >= 0) & canvas.seen[pixels], pixels, -1)
    used = np.flatnonzero((pixels >= 0).any(1))
    pixels = pixels[used]
    there = (pixels >= 0)[:, :, None]
    places = np.where(there, canvas.places[pixels], 0.0)
    middles = places.sum(1) / there.sum(1)
    off = np.where(there[:, :, 0], np.linalg.norm(places - middles[:, None], axis=2), 0.0)
    left, top = canvas.window[0] + used % columns * TILE, canvas.window[1] + used // columns * TILE
    return pixels, middles, off.max(1), np.stack([left, top, left + TILE, top + TILE], -1)


def _areas(boxes: np.ndarray) -> np.ndarray:
    out: np.ndarray = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    return out


__all__ = ["CLOSE", "Silhouette", "silhouette"]
