"""Poses between readings, where a binding declares it. numpy only.

    linear   what is shown is `delay` behind: on the straight way between two readings, and along the shortest arc
    filter   what is shown approaches the newest reading exponentially, by 63 % in `time`

Readings count from the tick at which they arrived, so a replay under a logical clock shows the same. Nothing is shown that was
not told: beyond the newest reading it stays there. Scales are not smoothed. Values, qualities and labels never are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8, I8, Bool
from twinstage.scene.movers import Trs

KEPT = 32
"""Readings a row that are kept: at 60 ticks a second enough for a delay of half a second."""

MOST_DELAY = 0.5
"""Longest delay and filter time [s]."""

_CLOSE = 1e-6
"""Metres and radians from which on a filter has arrived."""


@dataclass(frozen=True, slots=True)
class Smoothing:
    """What a binding declares: `kind` linear or filter, seconds of its delay or time."""

    kind: str
    seconds: float


class Smoother:
    """Rows of one mover; most of them are not smoothed at all."""

    def __init__(self, declared: Sequence[Smoothing | None]) -> None:
        rows = [row for row, smoothing in enumerate(declared) if smoothing is not None]
        told = [smoothing for smoothing in declared if smoothing is not None]
        self._place = np.full(len(declared), -1, np.int64)
        self._place[rows] = np.arange(len(rows))
        self._linear: Bool = np.array([s.kind == "linear" for s in told], bool)
        self._ns: I8 = np.array([round(s.seconds * 1e9) for s in told], np.int64)
        self.moving: Bool = np.zeros(len(declared), bool)
        self.reset()

    def __bool__(self) -> bool:
        return len(self._ns) > 0

    def reset(self) -> None:
        """Forget all readings."""
        count = len(self._ns)
        self.moving[:] = False
        self._times: I8 = np.full((count, KEPT), np.iinfo(np.int64).min, np.int64)  # the newest last
        self._translation: F8 = np.zeros((count, KEPT, 3))
        self._rotation: F8 = np.zeros((count, KEPT, 4))
        self._shown: tuple[F8, F8] = np.zeros((count, 3)), np.zeros((count, 4))
        self._looked: I8 = np.zeros(count, np.int64)

    def apply(self, rows: np.ndarray, trs: Trs, told: np.ndarray, now_ns: int) -> None:
        """Put what is shown in place of what was told, for those rows (told: bool[rows]) that are smoothed; in place."""
        chosen = np.flatnonzero(self._place[rows] >= 0)
        if not len(chosen):
            return
        place = self._place[rows[chosen]]
        self._take(place[told[chosen]], trs[0][chosen[told[chosen]]], trs[1][chosen[told[chosen]]], now_ns)
        linear = self._linear[place]
        for which, show in ((linear, self._between), (~linear, self._towards)):
            if which.any():
                translation, rotation, moving = show(place[which], now_ns)
                trs[0][chosen[which]], trs[1][chosen[which]] = translation, rotation
                self.moving[rows[chosen[which]]] = moving

    def _take(self, place: np.ndarray, translation: F8, rotation: F8, now_ns: int) -> None:
        """New readings. The first one of a row holds for all time before it, so nothing flies in from the origin."""
        first = self._times[place, -1] == np.iinfo(np.int64).min
        for store, value in ((self._translation, translation), (self._rotation, rotation)):
            store[place, :-1] = store[place, 1:]
            store[place, -1] = value
            store[place[first]] = value[first][:, None]
        self._times[place, :-1] = self._times[place, 1:]
        self._times[place, -1] = now_ns
        self._shown[0][place[first]], self._shown[1][place[first]] = translation[first], rotation[first]
        self._looked[place[first]] = now_ns

    def _between(self, place: np.ndarray, now_ns: int) -> tuple[F8, F8, Bool]:
        at = now_ns - self._ns[place]
        times = self._times[place]
        after = np.minimum((times <= at[:, None]).sum(1), KEPT - 1)  # the first reading later than that
        before = np.maximum(after - 1, 0)
        row = np.arange(len(place))
        start, end = times[row, before], times[row, after]
        known = start > np.iinfo(np.int64).min
        with np.errstate(all="ignore"):
            share = np.where(known, (at - start) / np.maximum(end - start, 1), 1.0)
        share = np.clip(share, 0.0, 1.0)[:, None]
        a, b = self._translation[place, before], self._translation[place, after]
        turned = slerp(self._rotation[place, before], self._rotation[place, after], share[:, 0])
        return a + share * (b - a), turned, at < times[:, -1]

    def _towards(self, place: np.ndarray, now_ns: int) -> tuple[F8, F8, Bool]:
        gone = np.maximum(now_ns - self._looked[place], 0)
        share = 1 - np.exp(-gone / np.maximum(self._ns[place], 1))
        position, rotation = self._shown[0][place], self._shown[1][place]
        target, turn = self._translation[place, -1], self._rotation[place, -1]
        position = position + share[:, None] * (target - position)
        rotation = slerp(rotation, turn, share)
        left = np.abs(target - position).max(1)
        angle = 2 * np.arccos(np.clip(np.abs((rotation * turn).sum(1)), 0.0, 1.0))
        there = (left < _CLOSE) & (angle < _CLOSE)
        position[there], rotation[there] = target[there], turn[there]
        self._shown[0][place], self._shown[1][place] = position, rotation
        self._looked[place] = now_ns
        return position, rotation, ~there


def slerp(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> F8:
    """From quaternions a to b f8[n, 4] by shares f8[n], along the shorter arc (Shoemake 1985)."""
    dot = (a * b).sum(1)
    b = np.where(dot[:, None] < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    sine = np.sin(angle)
    small = sine < 1e-9
    with np.errstate(all="ignore"):
        first = np.where(small, 1 - share, np.sin((1 - share) * angle) / sine)
        second = np.where(small, share, np.sin(share * angle) / sine)
    out = first[:, None] * a + second[:, None] * b
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))
