"""Random arrays that depend on a key and on nothing else.

Each array comes from the stream (`render.keyed`) of (seed, sensor, what it is for); its raw words become numbers here.
"""

import numpy as np

from twinstage.render.keyed import philox
from twinstage.scene.columns import F8

SMALL_MEAN = 30.0
"""Poisson means below it are sampled by exact inversion, others by an expansion of the quantile."""


class Noise:
    """Streams of one sensor at one seed."""

    def __init__(self, seed: int, sensor: str) -> None:
        self._key = (seed, sensor)

    def uniform(self, name: str, shape: int | tuple[int, ...]) -> F8:
        """f8[shape] in the open interval (0, 1): the centres of 2^52 equal cells."""
        raw = np.asarray(philox(*self._key, name).random_raw(int(np.prod(shape))), np.uint64)
        # 52 bits, so that the half-cell offset is exact and the end 1 is never reached.
        out: F8 = (((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52).reshape(shape)
        return out

    def normal(self, name: str, shape: int | tuple[int, ...]) -> F8:
        """Standard normal f8[shape], by the inverse of its distribution function."""
        return normal_quantile(self.uniform(name, shape))

    def poisson(self, name: str, mean: np.ndarray) -> F8:
        """Poisson counts f8 of those means; see `poisson_quantile`."""
        return poisson_quantile(self.uniform(name, np.shape(mean)), mean)


def normal_quantile(p: F8) -> F8:
    """Standard normal quantile f8[...] of p in (0, 1): Wichura 1988, algorithm AS 241 (PPND16), 1e-16 relative."""
    q = p - 0.5
    r = 0.180625 - q * q
    out: F8 = q * _ratio(_A, _B, r)
    tail = np.abs(q) > 0.425
    if tail.any():
        at = q[tail]
        root = np.sqrt(-np.log(np.where(at < 0, p[tail], 1.0 - p[tail])))
        far = np.where(root <= 5.0, _ratio(_C, _D, root - 1.6), _ratio(_E, _F, root - 5.0))
        out[tail] = np.copysign(far, at)
    return out


def poisson_quantile(p: F8, mean: np.ndarray) -> F8:
    """Poisson counts f8[...] whose distribution function first exceeds p.

    Below `SMALL_MEAN` by summing the distribution. Above by the expansion of the quantile in 1/sqrt(mean), rounded
    down (Giles 2016, ACM TOMS 42(1)): mean and variance are right to parts in 1e4, a count is off by one at most.
    """
    mean = np.maximum(np.asarray(mean, np.float64), 0.0)
    w = normal_quantile(p)
    root = np.sqrt(np.maximum(mean, 1.0))
    wide = mean + root * w + (1 / 3 + w * w / 6) - (w / 36 + w**3 / 72) / root
    out: F8 = np.maximum(np.floor(wide), 0.0)
    small = np.flatnonzero(mean.ravel() < SMALL_MEAN)
    if small.size:
        out.ravel()[small] = _summed(p.ravel()[small], mean.ravel()[small])
    return out


def _summed(p: F8, mean: F8) -> F8:
    counts = np.zeros(len(p))
    term = np.exp(-mean)
    total = term.copy()
    active = np.flatnonzero(p > total)
    k = 0
    while active.size and k < 400:
        k += 1
        term[active] *= mean[active] / k
        total[active] += term[active]
        counts[active] = k
        active = active[p[active] > total[active]]
    return counts


def _ratio(above: tuple[float, ...], below: tuple[float, ...], x: F8) -> F8:
    out: F8 = np.polyval(np.array(above), x) / np.polyval(np.array(below), x)
    return out


_A = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0,
)  # fmt: skip
_B = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
)  # fmt: skip
_C = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
    3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0,
)  # fmt: skip
_D = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0,
)  # fmt: skip
_E = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
    2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0,
)  # fmt: skip
_F = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
)  # fmt: skip
