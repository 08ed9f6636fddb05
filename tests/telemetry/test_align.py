"""One grid for signals of different rates: analytic signals, causality, gaps, and what may be called good."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.quality import BAD, BAD_NO_DATA, GOOD, UNCERTAIN_LAST_USABLE, is_bad, level
from twinstage.telemetry.align import INTERPOLATED, Method, Series, align, grid

MS = 1_000_000
S = 1000 * MS


def series(times: np.ndarray, values: np.ndarray) -> Series:
    return Series(times.astype(np.int64), values.astype(np.float64), np.zeros(len(times), np.uint32))


def sampled(
    period_ns: int, jitter: float, function: object, seed: int, offset_ns: int = 0, drift: float = 0.0
) -> Series:
    """A signal that is told every period, give or take; its clock is off by an offset and a drift, which are known."""
    rng = np.random.default_rng(seed)
    true = np.cumsum(np.maximum(period_ns * (1 + jitter * rng.uniform(-1, 1, 400)), 1)).astype(np.int64)
    shown = true + offset_ns + (true * drift).astype(np.int64)
    corrected = ((shown - offset_ns) / (1 + drift)).round().astype(np.int64)
    return series(corrected, function(true / S))  # type: ignore[operator]


@pytest.mark.parametrize(("method", "delay"), [("linear", 500), ("extrapolate", 0)])
@pytest.mark.parametrize("jitter", [0.0, 0.4])
def test_the_recovered_time_is_right_to_half_the_fastest_period(
    method: Method, delay: int, jitter: float
) -> None:
    fastest, rate = 20 * MS, 0.9 if method == "linear" else 0.25  # a line onward errs with the curvature
    for number, period in enumerate((fastest, 50 * MS, 330 * MS)):
        ramp = sampled(period, jitter, lambda t: 3.0 * t, number, offset_ns=137 * MS, drift=5e-5)
        times = grid(2 * S, 6 * S, 7 * MS)
        found = align(ramp, times, method=method, delay_ns=delay * MS, period_ns=2 * period)
        lag = np.abs(found.value / 3.0 * S - times)
        assert np.median(lag) <= 0.5 * fastest
        sine = sampled(period, jitter, lambda t: np.sin(rate * t), number, offset_ns=-90 * MS, drift=-2e-5)
        wave = align(sine, times, method=method, delay_ns=delay * MS, period_ns=2 * period)
        error = np.abs(wave.value - np.sin(rate * times / S)) / (
            0.9 * np.maximum(np.abs(np.cos(rate * times / S)), 0.1)
        )
        assert np.median(error) <= 0.5 * fastest / S


FINITE = st.floats(-1e6, 1e6)
READINGS = st.lists(
    st.tuples(st.integers(0, 300), FINITE, st.sampled_from([GOOD, BAD])), min_size=1, max_size=25
)


@settings(deadline=None, max_examples=300)
@given(
    READINGS,
    READINGS,
    st.sampled_from(["hold", "linear", "extrapolate"]),
    st.integers(0, 60),
    st.integers(0, 300),
)
def test_nothing_later_than_the_delay_counts(
    one: list[tuple[int, float, int]],
    other: list[tuple[int, float, int]],
    method: Method,
    delay: int,
    at: int,
) -> None:
    both = []
    for extra in (one, other):
        known = [r for r in one if r[0] <= at + delay] + [r for r in extra if r[0] > at + delay]
        known = sorted({r[0]: r for r in known}.values())
        times, values, quality = (
            (np.array(column) for column in zip(*known, strict=True)) if known else [np.empty(0)] * 3
        )
        told = Series(times.astype(np.int64), values.astype(np.float64), quality.astype(np.uint32))
        both.append(align(told, np.array([at]), method=method, delay_ns=delay, period_ns=20, max_age_ns=70))
    np.testing.assert_array_equal(both[0].value, both[1].value)
    assert both[0].quality.tolist() == both[1].quality.tolist()


@settings(deadline=None, max_examples=200)
@given(READINGS, st.sampled_from(["hold", "linear", "extrapolate"]), st.integers(0, 60))
def test_only_a_reading_itself_or_one_within_its_period_is_good(
    readings: list[tuple[int, float, int]], method: Method, delay: int
) -> None:
    known = sorted({r[0]: r for r in readings}.values())
    times, values, quality = (np.array(column) for column in zip(*known, strict=True))
    told = Series(times.astype(np.int64), values.astype(np.float64), quality.astype(np.uint32))
    points = np.arange(-5, 330)
    found = align(told, points, method=method, delay_ns=delay, period_ns=10, max_age_ns=40)
    for point, value, status in zip(points.tolist(), found.value, found.quality.tolist(), strict=True):
        before = [r for r in known if r[0] <= point]
        assert np.isnan(value) == is_bad(status)
        if level(status) == "good":
            assert before
            assert value == before[-1][1]
            assert point - before[-1][0] <= 10
        if not before:
            assert status == BAD_NO_DATA


def test_no_value_crosses_a_gap_and_a_bad_reading_ends_what_was_held() -> None:
    told = Series(
        np.array([0, 10, 100, 110, 120]) * MS,
        np.array([0.0, 1.0, 10.0, 11.0, 12.0]),
        np.array([GOOD, GOOD, GOOD, BAD, GOOD], np.uint32),
    )
    points = np.array([5, 10, 18, 25, 60, 105, 112, 120]) * MS
    held = align(told, points, period_ns=10 * MS, max_age_ns=20 * MS)
    assert held.value[[0, 1, 2, 3]].tolist() == [0.0, 1.0, 1.0, 1.0]
    assert np.isnan(held.value[[4, 6]]).all()
    assert held.quality[[0, 2, 3, 4, 6]].tolist() == [GOOD, GOOD, UNCERTAIN_LAST_USABLE, BAD_NO_DATA, BAD]
    line = align(told, points, method="linear", delay_ns=500 * MS, period_ns=10 * MS, max_age_ns=20 * MS)
    assert (line.value[0], line.quality[0]) == (0.5, INTERPOLATED)
    assert (line.value[1], line.quality[1]) == (1.0, GOOD)
    assert np.isnan(line.value[[4, 6]]).all()
    assert (line.value[5], line.quality[5]) == (10.0, GOOD)  # the next one is bad, so this one is held


def test_a_grid_has_steps() -> None:
    assert grid(0, 10, 5).tolist() == [0, 5, 10]
    with pytest.raises(ValueError, match="steps"):
        grid(0, 10, 0)
