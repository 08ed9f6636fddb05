"""Values that stand alone: far from what came just before and just after them."""

import numpy as np

from twinstage.telemetry.columns import F8, I8

WINDOW = 11
"""Readings that a value is judged among; what lasts for half of them is no outlier but an event."""
LIMIT = 12.0
"""Distance from the median of the window, in standard deviations as the median absolute deviation tells them."""
MOST_SHARE = 0.01
"""What happens more often than that is how the signal is."""
LEAST = 30
LEAST_LEVELS = 8
"""A signal of fewer different values is a state; it jumps by nature."""


def outliers(values: F8) -> I8:
    """Places of values f8[n] that stand alone, ascending; NaN is none.

    Hampel's rule: the distance from the median of a sliding window, against the spread of all such distances, and of those
    near by, so that a lively stretch is judged by its own measure.
    """
    at = np.flatnonzero(np.isfinite(values))
    found = values[at]
    if len(found) < LEAST:
        return np.zeros(0, np.int64)
    low, high = np.quantile(found, (0.01, 0.99))
    floor = max((high - low) * 0.02, float(np.spacing(np.abs(found).max())) * 16)
    if len(np.unique(np.round(found / floor))) < LEAST_LEVELS:
        return np.zeros(0, np.int64)
    half = WINDOW // 2
    padded = np.pad(found, half, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    middle = np.median(windows, axis=1)
    distance = np.abs(found - middle)
    near = np.median(np.abs(windows - middle[:, None]), axis=1)
    spread = 1.4826 * np.maximum(near, np.median(distance))
    out: I8 = at[distance > LIMIT * np.maximum(spread, floor)]
    return out if len(out) <= max(3, MOST_SHARE * len(found)) else out[:0]
