"""Gaps: injected ones are found, none is invented."""

import numpy as np
import pytest

from twinstage.telemetry.gaps import FACTOR, gaps, period_of

MS = 1_000_000


def told(seed: int) -> tuple[np.ndarray, list[tuple[int, int]], int]:
    """Readings with jitter, some missing; where at least three in a row are, from and to."""
    rng = np.random.default_rng(seed)
    period = int(rng.choice([10, 100, 1005]) * MS)
    times = np.arange(3000) * period + (rng.uniform(-0.3, 0.3, 3000) * period).astype(np.int64)
    kept = np.ones(3000, bool)
    wide = []
    for start in rng.choice(np.arange(20, 2900, 60), 20, replace=False).tolist():
        count = int(rng.integers(3, 30))
        kept[start : start + count] = False
        wide.append((int(times[start - 1]), int(times[start + count])))
    return times[kept], sorted(wide), period


@pytest.mark.parametrize("declared", [True, False])
def test_injected_gaps_are_found_and_none_is_invented(declared: bool) -> None:
    found_right, injected, invented = 0, 0, 0
    for seed in range(100, 130):
        times, wide, period = told(seed)
        found = {(gap.start_ns, gap.end_ns) for gap in gaps(times, period_ns=period if declared else None)}
        found_right += len(found & set(wide))
        invented += len(found - set(wide))
        injected += len(wide)
    assert found_right >= 0.99 * injected
    assert invented == 0


def test_the_number_that_is_missing_and_the_silence_at_the_end() -> None:
    times = np.array([0, 10, 20, 70, 80]) * MS
    (gap,) = gaps(times, period_ns=10 * MS)
    assert (gap.start_ns, gap.end_ns, gap.missing) == (20 * MS, 70 * MS, 4)
    assert [g.start_ns for g in gaps(times, period_ns=10 * MS, until_ns=200 * MS)] == [20 * MS, 80 * MS]
    assert gaps(times, period_ns=10 * MS, until_ns=int(80 * MS + FACTOR * 10 * MS)) == [gap]


def test_few_readings_tell_no_period() -> None:
    assert period_of(np.arange(5) * MS) is None
    assert gaps(np.array([0, 1, 2, 50]) * MS) == []
    assert gaps(np.zeros(0, np.int64)) == []
    assert period_of(np.repeat(np.arange(20) * MS, 3)) == MS
