"""The silhouette of a triangle mesh, found again: each pixel centre's ray against each triangle near it, in float64.

A ray passes edge i of a triangle at a distance of d . ((a - o) x (b - o)) / |d x (b - a)| (two lines in space), which has
the same sign for all three edges where it goes through. What lies closer to an edge than `CLOSE` pixels is not decided.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.synth.verify.eye import Eye

CLOSE = 0.02
"""Pixels from an edge within which float32 rays may go either way."""

MOST_SAG = 4.0
"""Pixels by which edges may bend before a triangle is looked for everywhere."""

PAIRS = 200_000
"""Pairs of rays and triangles looked at at once."""


@dataclass(frozen=True, slots=True)
class Silhouette:
    """`inside`: pixels whose centre certainly sees the mesh; `possible`: those that may. bool[rows, columns]."""

    inside: np.ndarray
    possible: np.ndarray


def silhouette(eye: Eye, corners: np.ndarray, window: tuple[int, int, int, int]) -> Silhouette:
    """Of world triangles f8[n, 3, 3] in a window (x0, y0, x1, y1) [px], which may reach beyond the image."""
    x0, y0, x1, y1 = window
    width, height = x1 - x0, y1 - y0
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    origins, directions = eye.rays(x.ravel(), y.ravel())
    seen = np.isfinite(directions).all(1)
    inside, possible = np.zeros(width * height, bool), np.zeros(width * height, bool)
    boxes = _rectangles(eye, corners, window)
    sizes = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    order = np.flatnonzero(sizes)
    ends = np.cumsum(sizes[order])
    for part in np.split(
        order, np.searchsorted(ends, np.arange(PAIRS, ends[-1], PAIRS)) if len(order) else []
    ):
        if not len(part):
            continue
        triangle = np.repeat(part, sizes[part])
        at = np.arange(len(triangle)) - np.repeat(np.cumsum(sizes[part]) - sizes[part], sizes[part])
        across = (boxes[:, 2] - boxes[:, 0])[triangle]
        pixel = (boxes[triangle, 1] - y0 + at // across) * width + boxes[triangle, 0] - x0 + at % across
        keep = seen[pixel]
        triangle, pixel = triangle[keep], pixel[keep]
        sure, may = _hits(eye, origins[pixel], directions[pixel], corners[triangle])
        inside[pixel[sure]] = True
        possible[pixel[may]] = True
    shape = height, width
    return Silhouette(inside.reshape(shape), possible.reshape(shape))


def _hits(eye: Eye, o: np.ndarray, d: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether rays certainly, and possibly, meet their triangles between near and far; bool[n] each."""
    sure, may = np.zeros(len(o), bool), np.zeros(len(o), bool)
    a = corners - o[:, None]
    b = np.roll(a, -1, axis=1)
    side = np.einsum("ni,nki->nk", d, np.cross(a, b))
    edge = b - a
    across = np.linalg.norm(np.cross(d[:, None], edge), axis=2)
    with np.errstate(all="ignore"):
        off = np.where(across > 0, side / across, 0.0)
    focal = min(abs(eye.K[0, 0]), abs(eye.K[1, 1]))
    far = np.linalg.norm(a, axis=2).max(1)
    close = (CLOSE / focal * (1.0 if eye.kind == "orthographic" else far) + 1e-6 * far)[:, None]
    near = np.flatnonzero((off > -close).all(1) | (off < close).all(1))
    if not len(near):
        return sure, may
    a, d, edge, off, close = a[near], d[near], edge[near], off[near], close[near]
    through = (off > close).all(1) | (off < -close).all(1)
    along = np.einsum("ni,nki->nk", d, a) / np.einsum("ni,ni->n", d, d)[:, None]
    normal = np.cross(edge[:, 0], edge[:, 1])
    slope = np.einsum("ni,ni->n", normal, d)
    with np.errstate(all="ignore"):
        t = np.einsum("ni,ni->n", normal, a[:, 0]) / slope
    plane = np.isfinite(t)
    # A triangle seen edge-on has no single parameter: what its corners span has to do.
    t = np.where(plane, np.clip(t, along.min(1), along.max(1)), along.max(1))
    slack = 1e-5
    sure[near] = through & plane & (t > eye.near * (1 + slack)) & (t < eye.far * (1 - slack))
    reach = (along.max(1) >= eye.near * (1 - slack)) & (along.min(1) <= eye.far * (1 + slack))
    may[near] = np.where(through, (t >= eye.near * (1 - slack)) & (t <= eye.far * (1 + slack)), reach)
    return sure, may


def _rectangles(eye: Eye, corners: np.ndarray, window: tuple[int, int, int, int]) -> np.ndarray:
    """Pixels (x0, y0, x1, y1) that triangles may cover within the window, i8[n, 4]; all of it where that is unclear."""
    n = len(corners)
    bent = eye.kind not in ("pinhole", "orthographic")
    middles = (corners + np.roll(corners, -1, axis=1)) / 2
    points = np.concatenate([corners, middles], 1) if bent else corners
    low, high = np.full((n, 2), np.inf), np.full((n, 2), -np.inf)
    unclear, sag = np.zeros(n, bool), np.zeros((n, 1))
    rows = np.unique(np.linspace(0, eye.height - 1, 5).astype(int)) if eye.moving else np.array([0])
    for row in rows.tolist():
        flat = points.reshape(-1, 3)
        pixels, local = eye.project(flat, np.full(len(flat), row))
        pixels, local = pixels.reshape(n, -1, 2), local.reshape(n, -1, 3)
        unclear |= ~np.isfinite(pixels).all((1, 2))
        if eye.kind in ("pinhole", "opencv"):
            unclear |= (local[:, :3, 2] < 1e-3).any(1)
        if bent:  # how far middles of edges stray from straight ones
            straight = (pixels[:, :3] + np.roll(pixels[:, :3], -1, axis=1)) / 2
            sag = np.maximum(sag, np.abs(pixels[:, 3:] - straight).max((1, 2))[:, None])
        low, high = np.minimum(low, pixels.min(1)), np.maximum(high, pixels.max(1))
    unclear |= (sag > MOST_SAG)[:, 0]
    x0, y0, x1, y1 = window
    margin = 1 + 3 * sag + (2 if eye.moving else 0)
    with np.errstate(invalid="ignore"):
        left = np.clip(np.nan_to_num(np.floor(low - margin), posinf=1e9, neginf=-1e9), [x0, y0], [x1, y1])
        right = np.clip(np.nan_to_num(np.ceil(high + margin), posinf=1e9, neginf=-1e9), [x0, y0], [x1, y1])
    out = np.concatenate([left, right], 1).astype(np.int64)
    out[unclear] = window
    return out
