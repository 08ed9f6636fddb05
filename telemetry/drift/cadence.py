"""How often a field's readings come, judged in the order of their times: one that is merely late changes no cadence."""

from bisect import bisect_right

import numpy as np

CADENCE = 1.4
"""Times faster or slower from which a cadence counts as changed."""

_MOST = 4000
"""Readings of a field held back at most."""

Stamp = tuple[int, int]
"""A reading's time [ns] and line."""


class Ordered:
    """Puts readings in the order of their times: holds them back for the source's lateness, and `keep` of them always."""

    def __init__(self, lateness_ns: int, keep: int) -> None:
        self._lateness, self._keep = lateness_ns, keep
        self._held: list[Stamp] = []
        self._look_at = 2 * keep
        self._last = -(1 << 62)
        self._behind: list[Stamp] = []

    def take(self, line: int, time: int) -> list[Stamp]:
        """Readings that are in order now, each time once; those that come later than that are left out."""
        if time <= self._last:
            self._behind.append((time, line))
            return self._set_back() if len(self._behind) >= self._keep else []
        self._held.append((time, line))
        if len(self._held) < self._look_at:
            return []
        self._held.sort()
        upto = bisect_right(self._held, (self._held[-1][0] - self._lateness, 1 << 62))
        upto = max(min(upto, len(self._held) - self._keep), len(self._held) - _MOST)
        self._look_at = len(self._held) - upto + self._keep
        out, self._held = self._held[:upto], self._held[upto:]
        return self._given(out)

    def rest(self) -> list[Stamp]:
        """What is held back; the stream is over, or begins again with any time."""
        out = self._given(sorted(self._held))
        self._held, self._behind, self._look_at, self._last = [], [], 2 * self._keep, -(1 << 62)
        return out

    def _set_back(self) -> list[Stamp]:
        """As many as are judged together, and none newer among them: not late, the clock was set back."""
        behind, self._behind = self._behind, []
        if self._held and self._held[-1][1] > behind[0][1]:
            return []
        out = self.rest()
        self._held = behind
        return out

    def _given(self, stamps: list[Stamp]) -> list[Stamp]:
        out = []
        for time, line in stamps:
            if time > self._last:
                out.append((time, line))
                self._last = time
        self._behind = [] if out else self._behind
        return out


class Cadence:
    """Judges `size` readings at a time; tells (line, time, words, times slower) of a change.

    declared_ns: the period that the contract names, if it does.
    """

    def __init__(self, size: int, lateness_ns: int, declared_ns: int | None) -> None:
        self._size, self._declared = size, declared_ns
        self._order = Ordered(lateness_ns, size)
        self._window: list[Stamp] = []
        self._periods: list[float] = []
        self._learn_upto = 0
        self._first_line = 0

    def take(self, line: int, time: int, learning: bool) -> list["Paced"]:
        """One reading, as it comes."""
        self._first_line = self._first_line or line
        if learning:
            self._learn_upto = line
        return self._judge_all(self._order.take(line, time))

    def close(self) -> list["Paced"]:
        """The stream is over: judge what was held back."""
        out = self._judge_all(self._order.rest())
        if len(self._window) >= max(8, self._size // 2):
            out += self._judge(self._window)
        self._window = []
        return out

    def begin_again(self) -> list["Paced"]:
        """Another stream of the same source: its times may begin anywhere, and its lines count from 1."""
        out = self.close()
        self._learn_upto = 0
        return out

    def _judge_all(self, stamps: list[Stamp]) -> list["Paced"]:
        out = []
        for stamp in stamps:
            self._window.append(stamp)
            if len(self._window) > self._size:
                out += self._judge(self._window)
                self._window = [stamp]
        return out

    def _judge(self, window: list[Stamp]) -> list["Paced"]:
        period = _period([time for time, _ in window])
        time, line = window[0]
        if line <= self._learn_upto or not self._periods:
            self._periods.append(period)
            return self._against_declared(time)
        low, high = min(self._periods), max(self._periods)
        if low / CADENCE < period < high * CADENCE:
            self._periods = [*self._periods[-100:], period]
            return []
        was = float(np.median(self._periods))
        self._periods = [period]
        words = f"a reading every {seconds(was)} became one every {seconds(period)}"
        return [(line, time, words, period / was)]

    def _against_declared(self, time: int) -> list["Paced"]:
        """Against the contract's period, once, after the first few windows."""
        period, declared = float(np.median(self._periods)), self._declared
        if declared is None or len(self._periods) < 3:
            return []
        self._declared = None
        if 1 / CADENCE < period / declared < CADENCE:
            return []
        words = (
            f"the contract says a reading every {seconds(declared)}, and there is one every {seconds(period)}"
        )
        return [(self._first_line, time, words, period / declared)]


Paced = tuple[int, int, str, float]


def _period(times: list[int]) -> float:
    """The usual distance of readings [ns]; of the later half, where both halves differ."""
    steps = np.diff(times)
    early, late = (float(np.median(half)) for half in (steps[: len(steps) // 2], steps[len(steps) // 2 :]))
    return late if not early / CADENCE < late < early * CADENCE else float(np.median(steps))


def seconds(ns: float) -> str:
    """A duration for people."""
    for unit, size in (("d", 86_400e9), ("h", 3600e9), ("min", 60e9), ("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.4g} {unit}"
    return f"{ns:.0f} ns"
