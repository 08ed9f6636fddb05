"""OpenCV's lens with distortion: Brown-Conrady, rational, thin prism, tilted sensor.

Source: OpenCV, "Camera Calibration and 3D Reconstruction", with x' = x/z, y' = y/z, s = x'^2 + y'^2:

    f  = (1 + k1 s + k2 s^2 + k3 s^3) / (1 + k4 s + k5 s^2 + k6 s^3)
    x" = x' f + 2 p1 x' y' + p2 (s + 2 x'^2) + s1 s + s2 s^2
    y" = y' f + p1 (s + 2 y'^2) + 2 p2 x' y' + s3 s + s4 s^2

and then the homography of a sensor tilted by tau_x, tau_y. Coefficients come in OpenCV's order.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from twinstage.scene.columns import F8, Bool

NAMES = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4", "tau_x", "tau_y")
"""The coefficients in OpenCV's order."""

COUNTS = (4, 5, 8, 12, 14)
"""How many of them OpenCV takes."""

ROUNDS = 60
TOLERANCE = 1e-13
"""Greatest difference, relative to 1 + |xy|, after which a place counts as undistorted."""

_QUICK = 4
_LEAST = 1e-4
"""A step that has been halved to this share gets nowhere."""

_ANGLES = 256
_RADII = 512


@dataclass(frozen=True, slots=True)
class OpenCV:
    """xy are distorted tangents; `coefficients`: the 14 of `NAMES`, shorter ones are filled with zeros.

    The lens sees where the distortion can be undone: inside the greatest circle about the optical axis (in tangents)
    in which its Jacobian stays positive, from the middle outwards. Beyond, real images of such a lens have nothing, and
    polynomials fold back; rays and projections there are NaN.
    """

    coefficients: tuple[float, ...] = ()

    kind: ClassVar[str] = "opencv"
    along_axis: ClassVar[bool] = True
    central: ClassVar[bool] = True
    affine: ClassVar[bool] = False

    def __post_init__(self) -> None:
        padded = tuple(float(c) for c in self.coefficients) + (0.0,) * (14 - len(self.coefficients))
        if len(padded) != 14 or not np.isfinite(padded).all():
            raise ValueError(f"an OpenCV lens has at most 14 finite coefficients, not {self.coefficients}")
        object.__setattr__(self, "coefficients", padded)

    @property
    def max_tangent(self) -> float:
        """Radius of the circle of undistorted tangents that the lens sees; may be inf."""
        return _domain(self.coefficients).radius

    def rays(self, xy: F8) -> tuple[F8, F8]:
        """See `Lens`."""
        xy = np.asarray(xy, np.float64)
        flat = xy.reshape(-1, 2)
        found = _undistorted(self.coefficients, _untilted(self.coefficients, flat))
        directions = np.concatenate([found, np.ones((len(found), 1))], 1)
        directions[np.isnan(found[:, 0])] = np.nan
        directions = directions.reshape(*xy.shape[:-1], 3)
        return np.zeros_like(directions), directions

    def project(self, points: F8) -> F8:
        """See `Lens`; NaN also for what is not before the camera."""
        z = np.asarray(points)[:, 2:]
        tangents = points[:, :2] / np.where(z > 0, z, np.nan)
        return self.distorted(tangents)

    def distorted(self, tangents: F8) -> F8:
        """Distorted tangents f8[n, 2] of undistorted ones; NaN outside of what the lens sees."""
        out, jacobian = _distorted(self.coefficients, tangents)
        radius = np.hypot(tangents[:, 0], tangents[:, 1])
        seen = (radius < self.max_tangent) & (_determinant(jacobian) > 0)
        out = _tilted(self.coefficients, out)
        out[~seen] = np.nan
        return out


class Domain(NamedTuple):
    """What a lens sees, and a table by which undistortion starts: tangents `r` rising, and their radial images `rd`.

    No distorted tangent is longer than `reach`.
    """

    radius: float
    reach: float
    r: F8
    rd: F8


def _radial(c: tuple[float, ...], s: F8) -> tuple[F8, F8, F8]:
    """The factor f, its derivative by s, and the denominator, of squared radii s."""
    k1, k2, k3, k4, k5, k6 = c[0], c[1], c[4], c[5], c[6], c[7]
    above = 1 + s * (k1 + s * (k2 + s * k3))
    below = 1 + s * (k4 + s * (k5 + s * k6))
    slope_above = k1 + s * (2 * k2 + s * 3 * k3)
    slope_below = k4 + s * (2 * k5 + s * 3 * k6)
    f = above / below
    return f, (slope_above - f * slope_below) / below, below


def _distorted(c: tuple[float, ...], tangents: F8) -> tuple[F8, F8]:
    """Distorted tangents [n, 2] before the tilt, and the Jacobian f8[n, 2, 2]; NaN past a pole of f."""
    p1, p2, s1, s2, s3, s4 = c[2], c[3], c[8], c[9], c[10], c[11]
    with np.errstate(all="ignore"):
        x, y = tangents[:, 0], tangents[:, 1]
        s = x * x + y * y
        f, slope, below = _radial(c, s)
        out = np.stack(
            [
                x * f + 2 * p1 * x * y + p2 * (s + 2 * x * x) + s * (s1 + s * s2),
                y * f + p1 * (s + 2 * y * y) + 2 * p2 * x * y + s * (s3 + s * s4),
            ],
            -1,
        )
        prism_x, prism_y = s1 + 2 * s2 * s, s3 + 2 * s4 * s
        jacobian = np.empty((len(x), 2, 2))
        jacobian[:, 0, 0] = f + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x + 2 * x * prism_x
        jacobian[:, 0, 1] = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y + 2 * y * prism_x
        jacobian[:, 1, 0] = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y + 2 * x * prism_y
        jacobian[:, 1, 1] = f + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x + 2 * y * prism_y
        out[~(below > 0)] = np.nan
    return out, jacobian


def _determinant(jacobian: F8) -> F8:
    with np.errstate(all="ignore"):
        out: F8 = jacobian[:, 0, 0] * jacobian[:, 1, 1] - jacobian[:, 0, 1] * jacobian[:, 1, 0]
    return out


def _undistorted(c: tuple[float, ...], target: F8) -> F8:
    """Tangents whose distortion is `target` f8[n, 2]; NaN where there are none in the domain.

    The radial table gives the start. Newton's method then is done with nearly all places in a few rounds over all of them;
    what is left is searched with care.
    """
    domain = _domain(c)
    out = np.full(target.shape, np.nan)
    radius = np.hypot(target[:, 0], target[:, 1])
    todo = np.flatnonzero(radius <= domain.reach)
    target, radius = target[todo], radius[todo]
    start = target * (np.interp(radius, domain.rd, domain.r) / np.where(radius > 0, radius, 1.0))[:, None]
    at = np.array(start)
    for _ in range(_QUICK):
        value, jacobian = _distorted(c, at)
        at -= _step(jacobian, _determinant(jacobian), value - target)
    value, jacobian = _distorted(c, at)
    done = _found(domain, at, jacobian, value - target, radius)
    out[todo[done]] = at[done]
    left = ~done
    out[todo[left]] = _searched(c, domain, target[left], start[left])
    return out


def _found(domain: Domain, at: F8, jacobian: F8, wrong: F8, radius: F8) -> Bool:
    with np.errstate(invalid="ignore"):
        close = np.hypot(wrong[:, 0], wrong[:, 1]) <= TOLERANCE * (1 + radius)
        inside = np.hypot(at[:, 0], at[:, 1]) < domain.radius
    out: Bool = close & inside & (_determinant(jacobian) > 0)
    return out


def _searched(c: tuple[float, ...], domain: Domain, target: F8, trial: F8) -> F8:
    """Newton's method that halves a step which leaves the domain, or after which the answer is further off.

    It starts from the middle, where the distortion is the identity, if need be.
    """
    out = np.full(target.shape, np.nan)
    radius = np.hypot(target[:, 0], target[:, 1])
    todo = np.arange(len(target))
    base, step, error, share = np.zeros_like(target), -target, np.full(len(todo), np.inf), np.ones(len(todo))
    for _ in range(ROUNDS):
        if not len(todo):
            break
        value, jacobian = _distorted(c, trial)
        wrong, determinant = value - target, _determinant(jacobian)
        now = np.hypot(wrong[:, 0], wrong[:, 1])
        better = (now < error) & (np.hypot(trial[:, 0], trial[:, 1]) < domain.radius) & (determinant > 0)
        base[better], error[better] = trial[better], now[better]
        step[better] = _step(jacobian[better], determinant[better], wrong[better])
        share = np.where(better, np.minimum(2 * share, 1.0), share / 2)
        close = better & (now <= TOLERANCE * (1 + radius))
        out[todo[close]] = base[close]
        more = ~close & (share > _LEAST)
        todo, target, radius = todo[more], target[more], radius[more]
        base, step, error, share = base[more], step[more], error[more], share[more]
        trial = base - share[:, None] * step
    return out


def _step(jacobian: F8, determinant: F8, wrong: F8) -> F8:
    with np.errstate(all="ignore"):
        out: F8 = (
            np.stack(
                [
                    jacobian[:, 1, 1] * wrong[:, 0] - jacobian[:, 0, 1] * wrong[:, 1],
                    jacobian[:, 0, 0] * wrong[:, 1] - jacobian[:, 1, 0] * wrong[:, 0],
                ],
                -1,
            )
            / determinant[:, None]
        )
    return out


@lru_cache(maxsize=64)
def _domain(c: tuple[float, ...]) -> Domain:
    radius = _radial_limit(c)
    crooked = any(c[i] for i in (2, 3, 8, 9, 10, 11))
    if crooked:
        radius = _limit_all_round(c, radius)
    reach = np.inf
    if np.isfinite(radius):
        edge = np.hypot(*_distorted(c, radius * (1 - 1e-12) * _around())[0].T).max()
        # Between the directions tried the edge may bulge a little; what is let in too much finds no answer later.
        reach = float(edge * (1.002 if crooked else 1 + 1e-9))
    # Radii spread evenly in angle, up to a hundredth of a degree from a right angle; the last one may be a pole.
    top = min(np.arctan(radius), np.pi / 2 - 2e-4)
    r = np.tan(np.linspace(0.0, top, 2049)[:-1])
    rd = r * _radial(c, r * r)[0]
    return Domain(radius, reach, r, np.maximum.accumulate(rd))


def _radial_limit(c: tuple[float, ...]) -> float:
    """The least radius at which r f(r) stops rising, or its denominator becomes 0; inf where there is none."""
    above = np.polynomial.Polynomial([1.0, c[0], c[1], c[4]])
    below = np.polynomial.Polynomial([1.0, c[5], c[6], c[7]])
    s = np.polynomial.Polynomial([0.0, 1.0])
    slope = above * below + 2 * s * (above.deriv() * below - above * below.deriv())
    return float(np.sqrt(min(first_root(slope), first_root(below))))


def first_root(polynomial: np.polynomial.Polynomial) -> float:
    """The least positive real root of a polynomial whose constant is 1, or inf."""
    # Its coefficients, read backwards, are a polynomial of 1 / root, which has 1 in front: small coefficients do no harm.
    inverse = np.roots(polynomial.coef)
    real = np.real(inverse[(np.abs(np.imag(inverse)) <= 1e-9 * np.abs(inverse)) & (np.real(inverse) > 1e-12)])
    return float(1 / real.max()) if len(real) else np.inf


def _around() -> F8:
    """Unit vectors f8[n, 2] in many directions."""
    angle = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def _limit_all_round(c: tuple[float, ...], limit: float) -> float:
    """`limit`, or the least radius at which the Jacobian stops being positive in one of many directions."""
    around = _around()
    r = np.tan(np.linspace(0, min(np.arctan(limit), np.pi / 2 - 2e-4), _RADII + 1)[1:-1])

    def folded(radii: F8) -> Bool:
        tangents = radii[:, None, None] * around
        positive = _determinant(_distorted(c, tangents.reshape(-1, 2))[1]) > 0
        out: Bool = np.logical_not(positive.reshape(len(radii), -1).all(axis=1))
        return out

    bad = np.flatnonzero(folded(r))
    if not len(bad):
        return limit
    low, high = (r[bad[0] - 1] if bad[0] else 0.0), r[bad[0]]
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if folded(np.array([middle]))[0] else (middle, high)
    return float(low)


def _tilt(c: tuple[float, ...]) -> F8:
    """The homography f8[3, 3] of a tilted sensor (OpenCV's computeTiltProjectionMatrix)."""
    cx, sx, cy, sy = np.cos(c[12]), np.sin(c[12]), np.cos(c[13]), np.sin(c[13])
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    turn = about_y @ about_x
    down = np.array([[turn[2, 2], 0, -turn[0, 2]], [0, turn[2, 2], -turn[1, 2]], [0, 0, 1]])
    out: F8 = down @ turn
    return out


def _tilted(c: tuple[float, ...], xy: F8) -> F8:
    return _through(_tilt(c), xy) if c[12] or c[13] else xy


def _untilted(c: tuple[float, ...], xy: F8) -> F8:
    return _through(np.asarray(np.linalg.inv(_tilt(c)), np.float64), xy) if c[12] or c[13] else xy


def _through(homography: F8, xy: F8) -> F8:
    """Places taken through a homography; NaN where they are not before it."""
    out = xy @ homography[:, :2].T + homography[:, 2]
    w = out[:, 2:]
    result: F8 = out[:, :2] / np.where(w > 0, w, np.nan)
    return result
