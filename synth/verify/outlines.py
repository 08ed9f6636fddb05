"""Triangles as one eye sees them: the lines or planes of their edges, the pixels they may cover, and single rays' hits."""

from dataclasses import dataclass

import numpy as np

from twinstage.synth.verify.eye import Eye

CLOSE = 0.02
"""Pixels from an edge within which float32 rays may go either way."""

MOST_SAG = 4.0
"""Pixels by which edges may bend before a triangle is looked for everywhere."""

SLACK = 1e-5
"""Share of near and far within which they are not decided."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """Edges of triangles as vectors f8[n, 3, 3] whose product with a place is the distance inwards.

    Places are unit directions and distances angles; across parallel rays places are (x, y, 1) and distances pixels.
    `middles` f8[n, 3] and `reaches` f8[n]: a ball around each triangle's places. `cut`: near or far may cut it.
    `reached`: something of it lies between near and far.
    """

    edges: np.ndarray
    middles: np.ndarray
    reaches: np.ndarray
    cut: np.ndarray
    reached: np.ndarray
    close: float

    def some(self, chosen: np.ndarray) -> "Outlines":
        """Those of some of the triangles."""
        return Outlines(
            self.edges[chosen],
            self.middles[chosen],
            self.reaches[chosen],
            self.cut[chosen],
            self.reached[chosen],
            self.close,
        )

    def least(self, triangle: np.ndarray, places: np.ndarray) -> np.ndarray:
        """How far places f8[n, 3] lie inside of their triangles: the least of three distances."""
        lines = self.edges[triangle]
        out: np.ndarray = (lines @ places[:, :, None])[:, :, 0].min(1)
        return out

    def around(self, triangle: np.ndarray, places: np.ndarray, more: np.ndarray | float = 0.0) -> np.ndarray:
        """Whether places lie in the ball around their triangle, made wider by `more`."""
        off = np.linalg.norm(places - self.middles[triangle], axis=1)
        out: np.ndarray = off <= self.reaches[triangle] + more + self.close
        return out


def outlines(eye: Eye, corners: np.ndarray) -> Outlines:
    """Of world triangles f8[n, 3, 3], as an eye that rests sees them."""
    pixels, local = eye.project(corners.reshape(-1, 3))
    local = local.reshape(-1, 3, 3)
    focal = min(abs(eye.K[0, 0]), abs(eye.K[1, 1]))
    if eye.kind == "orthographic":
        flat = np.concatenate([pixels, np.ones((len(pixels), 1))], 1).reshape(-1, 3, 3)
        edges = np.cross(flat, np.roll(flat, -1, axis=1))
        lengths = np.linalg.norm(edges[..., :2], axis=2)
        middles, close = flat.mean(1), CLOSE + 1e-6 * focal * float(np.abs(local).max(initial=0.0))
    else:
        flat = _unit(corners - eye.pose[:3, 3])
        edges = np.cross(flat, np.roll(flat, -1, axis=1))
        lengths = np.linalg.norm(edges, axis=2)
        middles, close = _unit(flat.sum(1)), CLOSE / focal + 1e-6
    reaches = np.linalg.norm(flat - middles[:, None], axis=2).max(1)
    if eye.kind != "orthographic":  # half a sphere holds the triangles of corners in it, no more does
        reaches = np.where(reaches < 1.41, reaches, np.inf)
    turned = np.sign(np.einsum("ni,ni->n", flat[:, 0], np.cross(flat[:, 1], flat[:, 2])))
    edges = edges * (np.where(turned == 0, 1, turned)[:, None] / np.where(lengths > 0, lengths, 1))[..., None]
    low, high = _depths(eye, local)
    cut = (low <= eye.near * (1 + SLACK)) | (high >= eye.far * (1 - SLACK)) | (low <= 0)
    reached = (high >= eye.near * (1 - SLACK)) & (low <= eye.far * (1 + SLACK))
    return Outlines(edges, middles, reaches, cut, reached, close)


def _depths(eye: Eye, local: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of what near and far are compared with, f8[n] each, of triangles in camera axes f8[n, 3, 3]."""
    if eye.along_axis:
        return local[..., 2].min(1), local[..., 2].max(1)
    ranges = np.linalg.norm(local, axis=2)
    longest = np.linalg.norm(local - np.roll(local, -1, axis=1), axis=2).max(1)
    return np.maximum(ranges.min(1) - longest, 0.0), ranges.max(1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    out: np.ndarray = vectors / np.where(lengths > 0, lengths, 1.0)
    return out


def hits(eye: Eye, o: np.ndarray, d: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether rays certainly, and possibly, meet their triangles between near and far; bool[n] each.

    A ray passes edge i at a distance of d . ((a - o) x (b - o)) / |d x (b - a)| (two lines in space), which has the same
    sign for all three edges where it goes through.
    """
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
    sure[near] = through & plane & (t > eye.near * (1 + SLACK)) & (t < eye.far * (1 - SLACK))
    reach = (along.max(1) >= eye.near * (1 - SLACK)) & (along.min(1) <= eye.far * (1 + SLACK))
    may[near] = np.where(through, (t >= eye.near * (1 - SLACK)) & (t <= eye.far * (1 + SLACK)), reach)
    return sure, may


def rectangles(eye: Eye, corners: np.ndarray, window: tuple[int, int, int, int]) -> np.ndarray:
    """Pixels (x0, y0, x1, y1) that triangles may cover within the window, i8[n, 4]; all of it where that is unclear."""
    n = len(corners)
    bent = eye.kind not in ("pinhole", "orthographic")
    corners = _in_front(eye, corners) if not bent and not eye.moving else corners
    middles = (corners[:, :3] + np.roll(corners[:, :3], -1, axis=1)) / 2
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
            unclear |= (local[..., 2] < 1e-9 if not bent and not eye.moving else local[:, :3, 2] < 1e-3).any(
                1
            )
        if bent:  # how far middles of edges stray from straight ones
            straight = (pixels[:, :3] + np.roll(pixels[:, :3], -1, axis=1)) / 2
            sag = np.maximum(sag, np.abs(pixels[:, 3:] - straight).max((1, 2))[:, None])
        low, high = np.minimum(low, pixels.min(1)), np.maximum(high, pixels.max(1))
    unclear |= ~(sag <= MOST_SAG)[:, 0]
    x0, y0, x1, y1 = window
    margin = 4 * CLOSE + 3 * sag + (3 if eye.moving else 0)
    with np.errstate(invalid="ignore"):  # the first and last pixel centres within
        left = np.ceil(np.nan_to_num(low - margin, posinf=1e9, neginf=-1e9) - 0.5)
        right = np.floor(np.nan_to_num(high + margin, posinf=1e9, neginf=-1e9) - 0.5) + 1
    out = np.concatenate([np.clip(part, [x0, y0], [x1, y1]) for part in (left, right)], 1).astype(np.int64)
    out[unclear] = window
    return out


def _in_front(eye: Eye, corners: np.ndarray) -> np.ndarray:
    """Corners f8[n, 6, 3] of what of each triangle lies beyond the near plane; some of them twice."""
    axis, place = eye.pose[:3, 2], eye.pose[:3, 3]
    plane = max(eye.near * (1 - 2 * SLACK), 1e-6) if eye.kind == "pinhole" else -np.inf
    depth = (corners - place) @ axis
    front = depth >= plane
    ahead, behind = np.roll(corners, -1, axis=1), np.roll(depth, -1, axis=1)
    with np.errstate(all="ignore"):
        share = np.clip((plane - depth) / (behind - depth), 0, 1)
    cuts = np.where(
        (front != np.roll(front, -1, axis=1))[..., None],
        corners + np.nan_to_num(share)[..., None] * (ahead - corners),
        np.nan,
    )
    points = np.concatenate([np.where(front[..., None], corners, np.nan), cuts], 1)
    some = np.nanmax(np.where(np.isfinite(points), np.arange(6)[None, :, None], -1), axis=(1, 2)).astype(int)
    spare = points[np.arange(len(points)), np.maximum(some, 0)]
    spare = np.where((some >= 0)[:, None], spare, corners[:, 0])
    return np.where(np.isfinite(points), points, spare[:, None])
