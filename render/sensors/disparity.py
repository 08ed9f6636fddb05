"""Triangulation: depth and disparity, and what matching does to them. Pure, on f8[h, w].

disparity [px] = focal [px] * baseline [m] / depth [m], 0 for the background. So an error of disparity is an error of
depth of z^2 / (focal * baseline) times its size (Khoshelham and Elberink 2012, Sensors 12(2)).
"""

import numpy as np

from twinstage.scene.columns import F8, Bool


def disparity_of(depth: F8, strength: float) -> F8:
    """Disparity of depths; `strength` = focal * baseline [px m]."""
    with np.errstate(divide="ignore"):
        return np.where(np.isfinite(depth) & (depth > 0), strength / depth, 0.0)


def depth_of(disparity: F8, strength: float) -> F8:
    """Depth of disparities, inf where they are not above 0."""
    with np.errstate(divide="ignore"):
        return np.where(disparity > 0, strength / np.maximum(disparity, 1e-300), np.inf)


def stepped(disparity: F8, step: float) -> F8:
    """Disparities rounded to a sub-pixel step [px], 0 for none."""
    return disparity if step == 0 else np.asarray(np.rint(disparity / step) * step)


def fattened(disparity: F8, radius: int, jump: float = 1.0) -> F8:
    """Foreground fattening of a matching window: what is more than `jump` px nearer grows by `radius` px a side."""
    out = disparity.copy()
    for axis in (1, 0):
        grown = out.copy()
        for k in range(1, radius + 1):
            for shift in (k, -k):
                beside = _moved(out, shift, axis)
                np.maximum(grown, beside, out=grown, where=beside > out + jump)
        out = grown
    return out


def jittered(disparity: F8, dx: F8, dy: F8) -> F8:
    """Disparities read (dx, dy) [px] beside each pixel: bilinear, nearest where a neighbour is background."""
    height, width = disparity.shape
    x = np.clip(np.arange(width) + dx, 0, width - 1)
    y = np.clip(np.arange(height)[:, None] + dy, 0, height - 1)
    x0, y0 = (np.minimum(np.floor(v).astype(np.int64), max(n - 2, 0)) for v, n in ((x, width), (y, height)))
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    corners = [disparity[r, c] for r, c in ((y0, x0), (y0, x1), (y1, x0), (y1, x1))]
    u, v = x - x0, y - y0
    mixed = (corners[0] * (1 - u) + corners[1] * u) * (1 - v) + (corners[2] * (1 - u) + corners[3] * u) * v
    nearest = disparity[np.rint(y).astype(np.int64), np.rint(x).astype(np.int64)]
    return np.where(np.minimum.reduce(corners) > 0, mixed, nearest)


def texture_variance(luminance: F8, noise: float, window: int) -> F8:
    """Variance [px^2] of matching a window of an image against one with noise of that sigma, f8[h, w].

    2 noise^2 / (sum over the window of the squared horizontal derivative): Okutomi and Kanade 1993 (PAMI 15(4)), the
    limit for small errors. Inf where there is no texture.
    """
    slope = np.zeros_like(luminance)
    slope[:, 1:-1] = (luminance[:, 2:] - luminance[:, :-2]) / 2
    total = box_sum(slope**2, window)
    with np.errstate(divide="ignore"):
        return np.where(total > 1e-12, 2 * noise**2 / np.maximum(total, 1e-12), np.inf)


def box_sum(values: F8, window: int) -> F8:
    """Sum over a window of odd size around each pixel; nothing lies outside."""
    half = window // 2
    out = values
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (half + 1, half)
        total = np.cumsum(np.pad(out, padding), axis=axis)
        n = out.shape[axis]
        out = np.take(total, range(window, window + n), axis) - np.take(total, range(n), axis)
    return np.maximum(out, 0.0)


def nguyen_axial(depth: F8, angle: F8) -> F8:
    """Sigma of depth [m] of the first Kinect: Nguyen, Izadi, Lovell 2012 (3DIMPVT).

    0.0012 + 0.0019 (z - 0.4)^2 + 0.0001 / sqrt(z) * a^2 / (pi / 2 - a)^2 at the angle of incidence a.
    """
    z = np.where(np.isfinite(depth), np.maximum(depth, 1e-3), 1.0)
    steep = np.minimum(angle, np.radians(89.0))
    tilt = 1e-4 / np.sqrt(z) * steep**2 / (np.pi / 2 - steep) ** 2
    out: F8 = 0.0012 + 0.0019 * (z - 0.4) ** 2 + tilt
    return out


def nguyen_lateral(angle: F8) -> F8:
    """Sigma across the image [px] of the first Kinect: 0.8 + 0.035 a / (pi / 2 - a), same source."""
    steep = np.minimum(angle, np.radians(80.0))
    out: F8 = 0.8 + 0.035 * steep / (np.pi / 2 - steep)
    return out


def outside_other(disparity: F8, sign: float) -> Bool:
    """Pixels that the other image, shifted along the row, does not hold; `sign`: +1 where it stands to the right."""
    width = disparity.shape[1]
    column = np.arange(width) + 0.5 - sign * disparity
    return np.asarray((disparity > 0) & ((column < 0) | (column > width)))


def _moved(values: F8, by: int, axis: int) -> F8:
    """Values shifted by some pixels; 0 comes in."""
    out = np.zeros_like(values)
    n = values.shape[axis]
    if abs(by) >= n:
        return out
    into, of = [slice(None)] * 2, [slice(None)] * 2
    into[axis], of[axis] = (
        (slice(by, None), slice(0, n - by)) if by > 0 else (slice(0, n + by), slice(-by, None))
    )
    out[tuple(into)] = values[tuple(of)]
    return out
