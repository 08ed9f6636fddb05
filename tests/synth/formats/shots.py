"""Little scenes with known answers, made by brute force: every label by its definition, none by the product's code.

Objects are triangle meshes (boxes, and frames with a hole). Rays through pixel centres meet triangles; the first hit is
what is seen; each object alone on a canvas around the image is its silhouette.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

WIDTH, HEIGHT = 96, 72
MARGIN = 48
CLASSES = ("crate", "frame")
KEYPOINTS = ("near", "far", "side")
SIGMAS = (0.05, 0.08, 0.1)


@dataclass(frozen=True)
class Model:
    """A mesh in metres about its own origin: vertices f8[n, 3], triangles i8[m, 3]."""

    name: str
    vertices: np.ndarray
    triangles: np.ndarray


@dataclass
class Thing:
    """An object in an image and all that is known about it."""

    model: int
    yaw: float
    R: np.ndarray
    t: np.ndarray
    amodal: np.ndarray
    visible: np.ndarray
    total: int
    full_box: tuple[int, int, int, int]
    """First and last column and row of the whole silhouette [x0, y0, x1, y1], outside the image too."""
    keypoints: list[tuple[float, float, int]] = field(default_factory=list)


@dataclass
class Shot:
    """One image: K with the pixel-edge origin, depth z [m] (inf where nothing is), things by index."""

    K: np.ndarray
    depth: np.ndarray
    index: np.ndarray
    things: list[Thing]
    rgb: np.ndarray


def _box(
    size: tuple[float, float, float], at: tuple[float, float, float] = (0, 0, 0)
) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[(i >> 2) & 1, (i >> 1) & 1, i & 1] for i in range(8)], float) - 0.5
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return corners * size + at, np.array(triangles)


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    vertices, triangles, at = [], [], 0
    for v, t in parts:
        vertices.append(v)
        triangles.append(t + at)
        at += len(v)
    return np.concatenate(vertices), np.concatenate(triangles)


@cache
def models() -> tuple[Model, ...]:
    """A crate of three different edges, and an upright frame whose hole one looks through."""
    crate = _box((0.5, 0.3, 0.4))
    bar = 0.14
    frame = _joined(
        [
            _box((0.8, bar, 0.1), (0, -0.33, 0)),
            _box((0.8, bar, 0.1), (0, 0.33, 0)),
            _box((bar, 0.52, 0.1), (-0.33, 0, 0)),
            _box((bar, 0.52, 0.1), (0.33, 0, 0)),
        ]
    )
    return Model("crate", *crate), Model("frame", *frame)


def _rays(K: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    xs, ys = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    places = np.stack([xs.ravel(), ys.ravel(), np.ones(xs.size)], -1)
    return places @ np.linalg.inv(K).T


def _hit(corners: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Depth z of the first of triangles [m, 3, 3] along rays of z = 1: planes, then sides of edges."""
    best = np.full(len(rays), np.inf)
    for a, b, c in corners:
        normal = np.cross(b - a, c - a)
        down = rays @ normal
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (a @ normal) / down
        point = rays * np.where(np.isfinite(z), z, 0)[:, None]
        inside = np.isfinite(z) & (z > 0.05)
        for p, q in ((a, b), (b, c), (c, a)):
            inside &= np.einsum("ij,j->i", np.cross(q - p, point - p), normal) >= -1e-12
        best = np.where(inside & (z < best), z, best)
    return best


def _canvas(corners: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Depth on the canvas: the image with a margin on all sides; only the part around the object is traced."""
    out = np.full((HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN), np.inf)
    places = corners.reshape(-1, 3) @ K.T
    places = places[:, :2] / places[:, 2:]
    low = np.maximum(np.floor(places.min(0)).astype(int) - 1, -MARGIN)
    high = np.minimum(np.ceil(places.max(0)).astype(int) + 1, [WIDTH + MARGIN, HEIGHT + MARGIN])
    rays = _rays(K, low[0], low[1], high[0], high[1])
    part = _hit(corners, rays).reshape(high[1] - low[1], high[0] - low[0])
    out[low[1] + MARGIN : high[1] + MARGIN, low[0] + MARGIN : high[0] + MARGIN] = part
    return out


def make(seed: int, count: int = 4) -> Shot:
    """A shot of `count` upright objects, some behind each other, some cut by the border."""
    rng = np.random.Generator(np.random.Philox(seed))
    K = np.array([[90.0, 0, WIDTH / 2 + 3], [0, 90.0, HEIGHT / 2 - 2], [0, 0, 1]])
    placed = []
    for i in range(count):
        model = i % 2
        yaw = float(rng.uniform(-3.1, 3.1))
        z = float(rng.uniform(1.6, 3.2))
        x, y = float(rng.uniform(-0.45, 0.45) * z), float(rng.uniform(-0.3, 0.3) * z)
        if i == 0:
            x = float(rng.uniform(-0.2, 0.2) * z)
        c, s = np.cos(yaw), np.sin(yaw)
        R = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        placed.append((model, yaw, R, np.array([x, y, z])))
    canvases = [_canvas((models()[m].vertices @ R.T + t)[models()[m].triangles], K) for m, _, R, t in placed]
    stack = np.stack([c[MARGIN:-MARGIN, MARGIN:-MARGIN] for c in canvases])
    depth, first = stack.min(0), stack.argmin(0)
    index = np.where(np.isfinite(depth), first, -1)
    things = []
    for i, (m, yaw, R, t) in enumerate(placed):
        whole = np.isfinite(canvases[i])
        columns, rows = np.flatnonzero(whole.any(0)) - MARGIN, np.flatnonzero(whole.any(1)) - MARGIN
        thing = Thing(
            m,
            yaw,
            R,
            t,
            np.isfinite(stack[i]),
            index == i,
            int(whole.sum()),
            (int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])),
        )
        if m == 0:
            thing.keypoints = _points(thing, K)
        things.append(thing)
    # What shows less than a few pixels is left out of the picture altogether: no tests of slivers here.
    keep = [i for i, thing in enumerate(things) if thing.visible.sum() >= 12]
    renamed = np.full(len(things) + 1, -1)
    for new, old in enumerate(keep):
        renamed[old] = new
    if len(keep) < len(things):
        return _without(K, [things[i] for i in keep], [stack[i] for i in keep])
    return Shot(K, depth, renamed[index], things, _paint(index, depth))


def single(model: int, yaw: float, at: tuple[float, float, float]) -> Shot:
    """A shot of one object in a given pose."""
    K = np.array([[90.0, 0, WIDTH / 2], [0, 90.0, HEIGHT / 2], [0, 0, 1]])
    c, s = np.cos(yaw), np.sin(yaw)
    R, t = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]), np.array(at)
    canvas = _canvas((models()[model].vertices @ R.T + t)[models()[model].triangles], K)
    depth = canvas[MARGIN:-MARGIN, MARGIN:-MARGIN]
    mask, whole = np.isfinite(depth), np.isfinite(canvas)
    x0, y0, x1, y1 = box_of(whole)
    full = (x0 - MARGIN, y0 - MARGIN, x1 - MARGIN, y1 - MARGIN)
    thing = Thing(model, yaw, R, t, mask, mask, int(whole.sum()), full)
    if model == 0:
        thing.keypoints = _points(thing, K)
    index = np.where(mask, 0, -1)
    return Shot(K, depth, index, [thing], _paint(index, depth))


def _without(K: np.ndarray, things: list[Thing], depths: list[np.ndarray]) -> Shot:
    stack = np.stack(depths)
    depth, first = stack.min(0), stack.argmin(0)
    index = np.where(np.isfinite(depth), first, -1)
    for i, thing in enumerate(things):
        thing.visible = index == i
    return Shot(K, depth, index, things, _paint(index, depth))


def _paint(index: np.ndarray, depth: np.ndarray) -> np.ndarray:
    rgb = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    for i in range(index.max() + 1):
        shade = 255 / np.where(np.isfinite(depth), depth, 4) % 200
        rgb[index == i] = np.stack([shade, shade * 0.5 + 30 * i, 200 - shade], -1)[index == i].astype(
            np.uint8
        )
    return rgb


def _points(thing: Thing, K: np.ndarray) -> list[tuple[float, float, int]]:
    out = []
    for local in ((0.25, 0.15, 0.2), (-0.25, -0.15, -0.2), (0.25, -0.15, 0.2)):
        p = K @ (thing.R @ np.array(local) + thing.t)
        x, y = float(p[0] / p[2]), float(p[1] / p[2])
        if not (0 <= x < WIDTH and 0 <= y < HEIGHT):
            out.append((0.0, 0.0, 0))
        else:
            out.append((x, y, 2 if thing.visible[int(y), int(x)] else 1))
    return out


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """First column and row, last column and row."""
    rows, columns = np.nonzero(mask)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())
