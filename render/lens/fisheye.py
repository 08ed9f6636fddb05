"""The fisheye of Kannala and Brandt, as OpenCV's `fisheye` module has it.

Source: OpenCV, "Fisheye camera model" (Kannala and Brandt 2006), with theta the angle to the optical axis:

    theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8),   xy = theta_d (cos phi, sin phi)

OpenCV takes theta from z > 0 only; here it runs to 180 degrees, so that a lens may look behind itself.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from twinstage.render.lens.opencv import first_root
from twinstage.scene.columns import F8

ROUNDS = 40
TOLERANCE = 1e-14


@dataclass(frozen=True, slots=True)
class Fisheye:
    """xy = theta_d times the direction about the axis. `coefficients`: k1 to k4; all 0 is the equidistant fisheye.

    `max_angle` [rad]: the image circle, as an angle to the axis. The lens sees no further than where theta_d stops
    rising (`limit`); rays and projections beyond are NaN.
    """

    coefficients: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    max_angle: float = float(np.pi)

    kind: ClassVar[str] = "fisheye"
    along_axis: ClassVar[bool] = False
    central: ClassVar[bool] = True
    affine: ClassVar[bool] = False

    def __post_init__(self) -> None:
        values = tuple(float(c) for c in self.coefficients)
        if len(values) != 4 or not np.isfinite(values).all():
            raise ValueError(f"a fisheye has four finite coefficients, not {self.coefficients}")
        if not 0 < self.max_angle <= np.pi:
            raise ValueError(f"a fisheye's greatest angle lies between 0 and pi, not at {self.max_angle}")
        object.__setattr__(self, "coefficients", values)

    @property
    def limit(self) -> float:
        """The greatest angle to the axis that the lens sees [rad]."""
        return min(_limit(self.coefficients), self.max_angle)

    def rays(self, xy: F8) -> tuple[F8, F8]:
        """See `Lens`; unit directions."""
        xy = np.asarray(xy, np.float64)
        distance = np.hypot(xy[..., 0], xy[..., 1])
        theta = self._angles(distance)
        with np.errstate(all="ignore"):
            across = xy * np.where(distance > 0, np.sin(theta) / distance, 1.0)[..., None]
        directions = np.concatenate([across, np.cos(theta)[..., None]], -1)
        directions[np.isnan(theta)] = np.nan
        return np.zeros_like(directions), directions

    def project(self, points: F8) -> F8:
        """See `Lens`; the direction straight back has no place."""
        across = np.hypot(points[:, 0], points[:, 1])
        theta = np.arctan2(across, points[:, 2])
        with np.errstate(all="ignore"):
            # On the axis theta_d / across tends to 1 / z.
            scale = np.where(across > 0, _distance(self.coefficients, theta)[0] / across, 0.0)
        seen = (theta <= self.limit) & ((across > 0) | (points[:, 2] > 0))
        out: F8 = points[:, :2] * np.where(seen, scale, np.nan)[:, None]
        return out

    def _angles(self, distance: F8) -> F8:
        """theta [rad] of theta_d, NaN beyond the limit: a table to start from, then Newton's method."""
        limit = self.limit
        theta = np.linspace(0.0, limit, 2048)
        table = _distance(self.coefficients, theta)[0]
        at = np.interp(distance, table, theta)
        for _ in range(ROUNDS):
            value, slope = _distance(self.coefficients, at)
            with np.errstate(all="ignore"):
                step = np.where(slope > 0, (value - distance) / slope, 0.0)
            at = np.clip(at - step, 0.0, limit)
            if not (np.abs(step) > TOLERANCE * (1 + at)).any():
                break
        out: F8 = np.where(distance <= table[-1], at, np.nan)
        return out


def _distance(c: tuple[float, ...], theta: F8) -> tuple[F8, F8]:
    """theta_d and its derivative."""
    s = theta * theta
    value = theta * (1 + s * (c[0] + s * (c[1] + s * (c[2] + s * c[3]))))
    slope = 1 + s * (3 * c[0] + s * (5 * c[1] + s * (7 * c[2] + s * 9 * c[3])))
    return value, slope


@lru_cache(maxsize=64)
def _limit(c: tuple[float, ...]) -> float:
    """The least angle where theta_d stops rising, at most pi [rad]."""
    slope = np.polynomial.Polynomial([1.0, 3 * c[0], 5 * c[1], 7 * c[2], 9 * c[3]])
    return min(float(np.sqrt(first_root(slope))), float(np.pi))
