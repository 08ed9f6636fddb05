"""Random arrays against the standard library's quantile and the Poisson distribution written out."""

import math
from statistics import NormalDist

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twinstage.render.sensors.noise import Noise, normal_quantile, poisson_quantile


@given(st.floats(1e-15, 1 - 1e-15))
def test_normal_quantile_is_the_standard_librarys(p: float) -> None:
    assert math.isclose(
        normal_quantile(np.array([p]))[0], NormalDist().inv_cdf(p), rel_tol=1e-12, abs_tol=1e-14
    )


@given(st.floats(0.01, 400.0), st.integers(0, 2**32))
def test_poisson_counts_are_at_most_one_off_the_exact_ones(mean: float, seed: int) -> None:
    p = Noise(seed, "t").uniform("p", 64)
    counts = np.arange(int(mean + 12 * math.sqrt(mean) + 30))
    log = -mean + counts * math.log(mean) - np.array([math.lgamma(k + 1) for k in counts])
    exact = np.searchsorted(np.cumsum(np.exp(log)), p)
    ours = poisson_quantile(p, np.full(64, mean))
    assert np.abs(ours - exact).max() <= (1 if mean >= 30 else 0)


def test_moments() -> None:
    noise = Noise(3, "t")
    u, z = noise.uniform("u", 200_000), noise.normal("z", 200_000)
    assert abs(u.mean() - 0.5) < 0.003 and abs(u.var() - 1 / 12) < 0.001
    assert abs(z.mean()) < 0.01 and abs(z.var() - 1) < 0.015
    for mean in (0.3, 7.0, 50.0, 4000.0):
        k = noise.poisson(f"k{mean}", np.full(200_000, mean))
        assert abs(k.mean() - mean) < 5 * math.sqrt(mean / 200_000)
        assert abs(k.var() / mean - 1) < 0.02


def test_keys_decide_and_nothing_else() -> None:
    a = Noise(1, "lidar").uniform("x", (10, 3))
    assert np.array_equal(a, Noise(1, "lidar").uniform("x", (10, 3)))
    assert np.array_equal(a.ravel()[:12], Noise(1, "lidar").uniform("x", 12))
    for other in (Noise(2, "lidar").uniform("x", (10, 3)), Noise(1, "rgb").uniform("x", (10, 3))):
        assert not np.isin(a, other).any()
    assert not np.isin(a, Noise(1, "lidar").uniform("y", (10, 3))).any()
    assert (a > 0).all() and (a < 1).all()
