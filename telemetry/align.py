"""Signals of different rates on one grid of times, without a look into the future.

What a grid point says may depend on readings up to a declared `delay` after it, and on nothing later: a twin that runs that
much behind the plant gets the same numbers live as from a recording. With a delay of 0 nothing after the point counts.

    hold         the newest reading at or before the point
    linear       between the readings before and after the point, where the one after lies within the delay; else as `hold`
    extrapolate  the line through the two newest readings at or before the point, no further than `reach` beyond the last

Nothing is filled across a gap: where the newest reading is older than `max_age`, or for `linear` where the two around the
point lie further apart than that, the point has no value. What was computed between readings is Uncertain, never Good
(`INTERPOLATED`); a held value keeps its quality while its age is within the signal's period, and is
Uncertain_LastUsableValue after that.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twinstage.base.quality import BAD, BAD_NO_DATA, UNCERTAIN, UNCERTAIN_LAST_USABLE
from twinstage.telemetry.columns import F8, I8, U4, Bool

Method = Literal["hold", "linear", "extrapolate"]

INTERPOLATED = UNCERTAIN | 0x0402
"""Uncertain with the historian's bits of OPC UA Part 11: InfoType DataValue, interpolated."""


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of one signal by rising event time: time_ns i8[n], value f8[n] in SI, quality u4[n]."""

    time_ns: I8
    value: F8
    quality: U4


@dataclass(frozen=True, slots=True)
class Aligned:
    """One signal on a grid: value f8[m], NaN where there is none; quality u4[m]; age_ns i8[m] of the newest reading that
    counts, the largest int64 where there is none."""

    value: F8
    quality: U4
    age_ns: I8


def grid(start_ns: int, end_ns: int, step_ns: int) -> I8:
    """Times from start to end, both included where they fall on a step."""
    if step_ns <= 0:
        raise ValueError(f"a grid has steps of at least 1 ns, not {step_ns}")
    return np.arange(start_ns, end_ns + 1, step_ns, dtype=np.int64)


def align(
    series: Series,
    times_ns: I8,
    *,
    method: Method = "hold",
    delay_ns: int = 0,
    period_ns: int | None = None,
    max_age_ns: int | None = None,
) -> Aligned:
    """A signal at those times, rising.

    `period_ns`: the usual distance between readings, None for unknown: then a held value stays as it is until `max_age_ns`,
    from which on there is none. Readings of bad quality have no value, but they end what was held before them.
    """
    last = np.searchsorted(series.time_ns, times_ns, side="right") - 1
    has = last >= 0
    at = np.maximum(last, 0)
    newest = series.time_ns[at] if len(series.time_ns) else np.zeros(len(times_ns), np.int64)
    age = np.where(has, times_ns - newest, np.iinfo(np.int64).max)
    if not len(series.time_ns):
        return _nothing(age)
    value, quality = series.value[at].copy(), series.quality[at].copy()
    late = has & (age > (period_ns if period_ns is not None else np.iinfo(np.int64).max))
    quality[late & (quality < UNCERTAIN)] = UNCERTAIN_LAST_USABLE
    good = has & (quality < BAD)
    gone = ~has | (age > (max_age_ns if max_age_ns is not None else np.iinfo(np.int64).max))
    if method == "linear":
        gone &= ~_between(series, times_ns, last, good, delay_ns, max_age_ns, value, quality)
    elif method == "extrapolate":
        _onward(series, times_ns, last, good & ~gone, period_ns, value, quality)
    value[gone | (quality >= BAD)] = np.nan
    quality[gone & (quality < BAD)] = BAD_NO_DATA
    quality[~has] = BAD_NO_DATA
    return Aligned(value, quality, age)


def _between(
    series: Series,
    times_ns: I8,
    last: NDArray[np.intp],
    good: Bool,
    delay_ns: int,
    max_age_ns: int | None,
    value: F8,
    quality: U4,
) -> Bool:
    """Interpolate where that may be done, in place; returns where."""
    count = len(series.time_ns)
    after = np.minimum(last + 1, count - 1)
    before = np.maximum(last, 0)
    span = series.time_ns[after] - series.time_ns[before]
    may = (
        good
        & (last + 1 < count)
        & (series.time_ns[after] <= times_ns + delay_ns)
        & (series.quality[after] < BAD)
    )
    may &= (times_ns > series.time_ns[before]) & (span > 0)
    if max_age_ns is not None:
        may &= span <= max_age_ns
    rows = np.flatnonzero(may)
    first, second = before[rows], after[rows]
    share = (times_ns[rows] - series.time_ns[first]) / span[rows]
    value[rows] = series.value[first] + share * (series.value[second] - series.value[first])
    quality[rows] = INTERPOLATED
    return may


def _onward(
    series: Series,
    times_ns: I8,
    last: NDArray[np.intp],
    may: Bool,
    reach_ns: int | None,
    value: F8,
    quality: U4,
) -> None:
    """Go on along the line of the last two readings, in place."""
    before = np.maximum(last - 1, 0)
    here = np.maximum(last, 0)
    span = series.time_ns[here] - series.time_ns[before]
    beyond = times_ns - series.time_ns[here]
    may = may & (last >= 1) & (span > 0) & (beyond > 0) & (series.quality[before] < BAD)
    beyond = np.minimum(beyond, reach_ns if reach_ns is not None else span)
    rows = np.flatnonzero(may)
    slope = (series.value[here[rows]] - series.value[before[rows]]) / span[rows]
    value[rows] = series.value[here[rows]] + slope * beyond[rows]
    quality[rows] = INTERPOLATED


def _nothing(age: I8) -> Aligned:
    return Aligned(np.full(len(age), np.nan), np.full(len(age), BAD_NO_DATA, np.uint32), age)
