"""The judge's own lenses, from the published formulas: camera axes (OpenCV, x right, y down, z forward) -> normalised places.

K then takes normalised places to pixels. Sources: OpenCV, "Camera Calibration and 3D Reconstruction" (Brown-Conrady with
rational, thin-prism and tilted-sensor terms) and "Fisheye camera model" (Kannala and Brandt); equirectangular: longitude
and latitude; orthographic: metres. The way back is found by Newton's method on those formulas, with differences for slopes.
"""

from functools import lru_cache
from typing import Any

import numpy as np

ALONG_AXIS = frozenset({"pinhole", "opencv", "orthographic"})
"""Kinds whose near and far are planes across the optical axis; of the others they are spheres."""

KINDS = ALONG_AXIS | {"fisheye", "equirectangular"}
COUNTS = (4, 5, 8, 12, 14)
"""How many coefficients OpenCV's lens may have."""

_STEP = 1e-7
_ROUNDS = 40


def checked(projection: dict[str, Any]) -> tuple[str, np.ndarray]:
    """Kind and numbers of a record's `projection`: f8[14] for opencv, k1 to k4 and the greatest angle for a fisheye.

    Raises ValueError for what is no lens.
    """
    kind = projection["kind"]
    if kind not in KINDS:
        raise ValueError(f"there is no lens of kind {kind!r}")
    given = np.array(projection.get("coefficients", []), np.float64)
    if given.ndim != 1 or not np.isfinite(given).all():
        raise ValueError(f"the coefficients of a lens are finite numbers, not {given.tolist()}")
    if kind == "opencv" and len(given) not in COUNTS:
        raise ValueError(f"an opencv lens has 4, 5, 8, 12 or 14 coefficients, not {len(given)}")
    if kind == "fisheye" and len(given) != 4:
        raise ValueError(f"a fisheye has 4 coefficients, not {len(given)}")
    size = {"opencv": 14, "fisheye": 4}.get(kind, 0)
    if len(given) > size:
        raise ValueError(f"a {kind} lens has no coefficients")
    out = np.zeros(size)
    out[: len(given)] = given
    if kind == "fisheye":
        out = np.append(out, float(projection.get("max_angle", np.pi)))
    return kind, out


def project(kind: str, c: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Normalised places f8[n, 2] of points f8[n, 3] in camera axes; NaN where that kind of lens cannot see."""
    x, y, z = np.asarray(points, np.float64).T
    with np.errstate(all="ignore"):
        if kind == "orthographic":
            return np.stack([x, y], -1)
        if kind == "equirectangular":
            level = np.sqrt(x * x + z * z)
            return np.stack([np.arctan2(x, z), np.arctan2(y, level)], -1)
        if kind == "fisheye":
            across = np.sqrt(x * x + y * y)
            theta = np.arctan2(across, z)
            share = np.where(across > 0, theta_d(c, theta) / across, np.where(z > 0, 0.0, np.nan))
            share = np.where(theta <= _rising(c)[0][-1], share, np.nan)
            return np.stack([x * share, y * share], -1)
        front = np.where(z > 0, z, np.nan)
        tangents = np.stack([x / front, y / front], -1)
        if kind != "opencv":
            return tangents
        seen = np.hypot(tangents[:, 0], tangents[:, 1]) < reach(tuple(c.tolist()))
        return np.where(seen[:, None], distort(c, tangents), np.nan)


def distort(c: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    """OpenCV's forward distortion of tangents f8[n, 2] by k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 tx ty."""
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, tx, ty = c
    x, y = tangents.T
    r2 = x**2 + y**2
    r4, r6 = r2**2, r2**3
    below = 1 + k4 * r2 + k5 * r4 + k6 * r6
    radial = (1 + k1 * r2 + k2 * r4 + k3 * r6) / np.where(below > 0, below, np.nan)
    u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2) + s1 * r2 + s2 * r4
    v = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y + s3 * r2 + s4 * r4
    if tx == 0 and ty == 0:
        return np.stack([u, v], -1)
    # OpenCV: s (x''', y''', 1) = [[R33, 0, -R13], [0, R33, -R23], [0, 0, 1]] R(tx, ty) (x'', y'', 1)
    about_x = np.array([[1, 0, 0], [0, np.cos(tx), np.sin(tx)], [0, -np.sin(tx), np.cos(tx)]])
    about_y = np.array([[np.cos(ty), 0, -np.sin(ty)], [0, 1, 0], [np.sin(ty), 0, np.cos(ty)]])
    R = about_y @ about_x
    tilt = np.array([[R[2, 2], 0, -R[0, 2]], [0, R[2, 2], -R[1, 2]], [0, 0, 1]]) @ R
    tilted = np.stack([u, v, np.ones_like(u)], -1) @ tilt.T
    out: np.ndarray = tilted[:, :2] / tilted[:, 2:]
    return out


def theta_d(c: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Kannala and Brandt: theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)."""
    out: np.ndarray = theta * (1 + c[0] * theta**2 + c[1] * theta**4 + c[2] * theta**6 + c[3] * theta**8)
    return out


def rays(kind: str, c: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origins and directions f8[n, 3] in camera axes through normalised places f8[n, 2].

    Directions have z = 1 for kinds of `ALONG_AXIS` and length 1 for the others; NaN where nothing is seen that way.
    """
    x, y = np.asarray(places, np.float64).T
    zero, one = np.zeros_like(x), np.ones_like(x)
    if kind == "orthographic":
        return np.stack([x, y, zero], -1), np.stack([zero, zero, one], -1)
    origins = np.stack([zero, zero, zero], -1)
    if kind == "equirectangular":
        inside = (np.abs(x) <= np.pi + 1e-9) & (np.abs(y) <= np.pi / 2 + 1e-9)
        out = np.stack([np.cos(y) * np.sin(x), np.sin(y), np.cos(y) * np.cos(x)], -1)
        return origins, np.where(inside[:, None], out, np.nan)
    if kind == "fisheye":
        return origins, _fisheye_rays(c, x, y)
    tangents = undistort(c, np.stack([x, y], -1)) if kind == "opencv" else np.stack([x, y], -1)
    return origins, np.concatenate([tangents, one[:, None]], 1)


def _rising(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angles from 0 to the greatest that the lens sees, and their distances from the middle: as long as those rise."""
    table = np.linspace(0, c[4], 4097)
    values = theta_d(c, table)
    falling = np.flatnonzero(np.diff(values) <= 0)
    end = int(falling[0]) + 1 if len(falling) else len(table)
    return table[:end], values[:end]


def _fisheye_rays(c: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    distance = np.hypot(x, y)
    table, values = _rising(c)
    theta = np.interp(distance, values, table)
    for _ in range(6):
        slope = (theta_d(c, theta + _STEP) - theta_d(c, theta - _STEP)) / (2 * _STEP)
        theta = theta - (theta_d(c, theta) - distance) / slope
    with np.errstate(all="ignore"):
        share = np.where(distance > 0, np.sin(theta) / distance, 1.0)
    out = np.stack([x * share, y * share, np.cos(theta)], -1)
    return np.where((distance <= values[-1])[:, None], out, np.nan)


def undistort(c: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Tangents f8[n, 2] whose distortion gives these places; NaN where none was found."""
    target = np.asarray(places, np.float64)
    at = _start(c, target)
    with np.errstate(all="ignore"):
        for _ in range(_ROUNDS):
            off = distort(c, at) - target
            if not (np.abs(off) > 1e-13).any():
                break
            step = _newton(c, at, off)
            # A step longer than the place itself leads out of where the formula holds.
            longest = 0.5 * (1 + np.hypot(at[:, 0], at[:, 1]))
            length = np.hypot(step[:, 0], step[:, 1])
            at = at - step * np.minimum(1.0, longest / np.where(length > 0, length, 1.0))[:, None]
        good: np.ndarray = np.abs(distort(c, at) - target).max(1) < 1e-9
    good &= np.hypot(at[:, 0], at[:, 1]) < reach(tuple(c.tolist()))
    return np.where(good[:, None], at, np.nan)


@lru_cache(maxsize=64)
def reach(coefficients: tuple[float, ...]) -> float:
    """The radius of tangents within which the distortion is one to one: its Jacobian is positive all round.

    Beyond it the polynomials fold back, and no real lens of that kind shows anything.
    """
    c = np.array(coefficients)
    angle = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    around = np.stack([np.cos(angle), np.sin(angle)], -1)

    def folds(radius: float) -> bool:
        determinant = _slopes(c, radius * around)[4]
        return not bool((determinant > 0).all())

    tried = np.tan(np.linspace(0, np.pi / 2 - 1e-3, 800)[1:])
    with np.errstate(all="ignore"):
        first = next((k for k, radius in enumerate(tried.tolist()) if folds(radius)), None)
        if first is None:
            return float("inf")
        low, high = (float(tried[first - 1]) if first else 0.0), float(tried[first])
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (low, middle) if folds(middle) else (middle, high)
    return low


def _start(c: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Where to begin: the radial part alone, undone by a table up to where it stops rising."""
    r = np.linspace(0, 6, 6001)
    radial = c.copy()
    radial[2:4], radial[8:] = 0.0, 0.0
    with np.errstate(all="ignore"):
        rd = distort(radial, np.stack([r, np.zeros_like(r)], -1))[:, 0]
    stop = [k for k in range(len(r) - 1) if not rd[k + 1] > rd[k]][:1]
    end = stop[0] + 1 if stop else len(r)
    distance = np.hypot(target[:, 0], target[:, 1])
    share = np.interp(distance, rd[:end], r[:end]) / np.where(distance > 0, distance, 1.0)
    out: np.ndarray = target * share[:, None]
    return out


def _newton(c: np.ndarray, at: np.ndarray, off: np.ndarray) -> np.ndarray:
    a, b, d, e, determinant = _slopes(c, at)
    out: np.ndarray = (
        np.stack([e * off[:, 0] - b * off[:, 1], a * off[:, 1] - d * off[:, 0]], -1) / determinant[:, None]
    )
    return out


def _slopes(c: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, ...]:
    """The Jacobian a b / d e of the distortion by differences, and its determinant, f8[n] each."""
    slopes = []
    for axis in range(2):
        shift = np.zeros(2)
        shift[axis] = _STEP
        slopes.append((distort(c, at + shift) - distort(c, at - shift)) / (2 * _STEP))
    (a, d), (b, e) = slopes[0].T, slopes[1].T
    return a, b, d, e, a * e - b * d
