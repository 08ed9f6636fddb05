"""Gaps: where a signal should have told something and did not.

Readings that should come every `period` leave a gap where two lie further apart than `factor` periods. Without a declared
period it is the median distance, which gaps do not move while they are fewer than half of all distances.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.telemetry.columns import I8

FACTOR = 2.5
"""Distances beyond this many periods are gaps: more than jitter makes, less than two readings that are missing."""

LEAST = 8
"""Distances that it takes to tell a period."""


@dataclass(frozen=True, slots=True)
class Gap:
    """From the last reading before to the first after [ns]; `missing`: readings that would fit in between."""

    start_ns: int
    end_ns: int
    missing: int


def period_of(time_ns: I8) -> int | None:
    """The usual distance between readings [ns]; None where there are too few to tell. Equal times count once."""
    steps = np.diff(np.unique(time_ns))
    return int(np.median(steps)) if len(steps) >= LEAST else None


def gaps(
    time_ns: I8, *, period_ns: int | None = None, factor: float = FACTOR, until_ns: int | None = None
) -> list[Gap]:
    """Gaps between readings by rising event time, and after the last one where `until_ns` says how long was listened."""
    time = np.unique(np.asarray(time_ns, np.int64))
    period = period_ns if period_ns is not None else period_of(time)
    if period is None or period <= 0:
        return []
    if until_ns is not None and len(time):
        time = np.append(time, max(until_ns, int(time[-1])))
    steps = np.diff(time)
    wide = np.flatnonzero(steps > factor * period)
    return [
        Gap(int(time[k]), int(time[k + 1]), max(1, round(int(steps[k]) / period) - 1)) for k in wide.tolist()
    ]
