"""One field's memory: what kind of values it has, how often they come, how large they are."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from twinstage.telemetry.drift.cadence import Cadence, Paced
from twinstage.telemetry.drift.factors import Change
from twinstage.telemetry.drift.magnitude import F8, NEAR, Judge, changed_at
from twinstage.telemetry.drift.rows import Row, Value

What = Literal["new", "missing", "retyped", "cadence", "unit"]

FEW = 4
"""Windows that a field has before it is judged, also where it only came after the clean stretch."""
LONG = 4
"""Windows in a long window: an axis that rests now and then moves in each of them."""

_LARGEST = 1e60
"""Values beyond are no measurements, and their squares would overflow."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """What a window of one field showed. `line` and `time`: of the reading since which it is so; `scale`, `offset`: what
    became of a value, or of the time between two readings."""

    what: What
    line: int
    time: int
    detail: str
    scale: float = 1.0
    offset: float = 0.0


@dataclass(slots=True)
class _Window:
    lines: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def last(self, count: int) -> "_Window":
        """A window that begins with the last of this one; their kinds count as judged."""
        at = len(self.lines) - count
        return _Window(self.lines[at:], self.times[at:], self.values[at:])


class FieldWatch:
    """Fed with the readings of one field, tells what changed, a window of `size` readings at a time."""

    def __init__(
        self,
        size: int,
        changes: tuple[Change, ...],
        period_ns: int | None = None,
        record: str = "",
        bounds: tuple[float, float] | None = None,
        lateness_ns: int = 0,
    ) -> None:
        """`period_ns`, `bounds`, `lateness_ns`: what the contract says of cadence, range, and of being overtaken."""
        self._size = size
        self._bounds = bounds
        self._changes = changes
        self._window = _Window()
        self._before: F8 = np.empty(0)
        self._short, self._long = Judge(unsure=4), Judge(unsure=3)
        self._parts: list[F8] = []
        self._kind = ""
        self._kinds: Counter[str] = Counter()
        self._cadence = Cadence(size, lateness_ns, period_ns)
        self.record = record
        self.first_line = 0
        self.last_row = 0
        self.widest = 0
        """Most rows between two of its readings, in the clean stretch."""
        self.learned = 0
        """Readings in the clean stretch."""
        self.seen = 0
        self.told_missing = False

    @property
    def kind(self) -> str:
        """Of most of its values, once learned."""
        return self._kind

    def take(self, row: Row, number: int, value: Value, learning: bool) -> list[Noticed]:
        """One reading, in the row of that number."""
        if learning:
            self.learned += 1
        if learning and self.seen:
            self.widest = max(self.widest, number - self.last_row)
        self.first_line = self.first_line or row.line
        self.last_row, self.seen, self.told_missing = number, self.seen + 1, False
        window, (kind, number_value) = self._window, value
        window.kinds[kind] += 1
        window.lines.append(row.line)
        window.times.append(row.time)
        window.values.append(number_value)
        paced = self._paced(self._cadence.take(row.line, row.time, learning))
        return paced + (self._judge(learning, NEAR) if len(window.lines) >= self._size + NEAR else [])

    def begin_again(self) -> list[Noticed]:
        """The source begins again: its times may be any, and its lines count from 1."""
        return self._paced(self._cadence.begin_again())

    def finish(self, learning: bool) -> list[Noticed]:
        """The stream is over."""
        return self._paced(self._cadence.close()) + self.close(learning)

    def close(self, learning: bool) -> list[Noticed]:
        """Judge the window as it stands, if there is enough in it: the stretch, or the stream, ends here."""
        if len(self._window.lines) < max(2 * NEAR, self._size // 2):
            return []
        return self._judge(learning, 0)

    def _judge(self, learning: bool, keep: int) -> list[Noticed]:
        """Judge the window; its last `keep` readings begin the next one, since an edge is told by both its sides."""
        window = self._window
        self._window = window.last(keep)
        found = self._judge_kind(window, learning)
        if self._kind == "number":
            found += self._judge_size(window, learning, keep)
        return found

    # kind

    def _judge_kind(self, window: _Window, learning: bool) -> list[Noticed]:
        kind, count = window.kinds.most_common(1)[0]
        if learning or not self._kind:
            self._kinds.update(window.kinds)
            self._kind = self._kinds.most_common(1)[0][0]
            return []
        if kind == self._kind or 2 * count <= window.kinds.total():
            return []
        was, self._kind = self._kind, kind
        if kind == "none":
            return [Noticed("missing", window.lines[0], window.times[0], "it has no value any more")]
        return [Noticed("retyped", window.lines[0], window.times[0], f"{_NAMES[was]} became {_NAMES[kind]}")]

    # cadence

    def _paced(self, found: list[Paced]) -> list[Noticed]:
        return [Noticed("cadence", line, time, words, factor) for line, time, words, factor in found]

    # size

    def _judge_size(self, window: _Window, learning: bool, keep: int) -> list[Noticed]:
        values = np.array(window.values)
        good = np.flatnonzero(np.abs(values) < _LARGEST)  # no NaN either
        values = values[good]
        if len(values) < max(2 * NEAR, self._size // 3):
            return []
        judged = values[: len(values) - keep]
        learning = learning or len(self._short.memory) < FEW
        if not learning and len(self._before) >= NEAR:
            edge = changed_at(self._before, values, self._short.memory, self._changes)
            if edge is not None:
                place = max(0, edge[0])
                return self._changed(window, int(good[place]), edge[1], judged[place:])
        change = self._short.judge(judged, self._changes, learning) or self._judge_long(judged, learning)
        if change is not None:
            return self._changed(window, 0, change, judged)
        self._before = judged[-4 * NEAR :]
        return self._judge_bounds(window)

    def _judge_bounds(self, window: _Window) -> list[Noticed]:
        """Whether the first few windows lie outside of the contract's range, and inside of it in one other unit."""
        if self._bounds is None or len(self._short.memory) < FEW:
            return []
        (low, high), self._bounds = self._bounds, None
        levels = self._short.memory.levels
        if not ((levels < low) | (levels > high)).all():
            return []
        fits = []
        for change in self._changes:
            back = (levels - change.offset) / change.scale
            fits += [change] if ((back >= low) & (back <= high)).all() else []
        if len(fits) != 1:
            return []  # the quarantine tells what is outside
        (change,) = fits
        self._changes = tuple(_after(change, self._changes))
        detail = f"the contract's range fits if {change.words}"
        return [Noticed("unit", self.first_line, window.times[0], detail, change.scale, change.offset)]

    def _judge_long(self, values: F8, learning: bool) -> Change | None:
        self._parts.append(values)
        if len(self._parts) < LONG:
            return None
        joined, self._parts = np.concatenate(self._parts), []
        return self._long.judge(joined, self._changes, learning or len(self._long.memory) < 3)

    def _changed(self, window: _Window, place: int, change: Change, values: F8) -> list[Noticed]:
        self._short.convert(change)
        self._long.convert(change)
        self._changes = tuple(_after(change, self._changes))
        self._parts = []
        self._before = values[-4 * NEAR :]
        line, time = window.lines[place], window.times[place]
        return [Noticed("unit", line, time, change.words, change.scale, change.offset)]


def _after(change: Change, changes: tuple[Change, ...]) -> list[Change]:
    """Changes from the new unit: back, and on to all others."""
    out = [
        Change(1 / change.scale, -change.offset / change.scale, change.unit if change.was else "", change.was)
    ]
    if not change.was:
        out = [Change(1 / change.scale, 0.0, "", f"{1 / change.scale:g}")]
    for other in changes:
        if other != change and other.was == change.was != "":
            scale = other.scale / change.scale
            out.append(Change(scale, other.offset - scale * change.offset, change.unit, other.unit))
    return out


_NAMES = {"number": "numbers", "bool": "true and false", "text": "text", "list": "lists", "none": "empty"}
