"""The past of a twin, told again: an ingest whose readings come from a history.

    ingest = Playback(history, contract, start_ns, speed=10)
    ingest.advance(now_ns)      # as often as one likes: the state is that of the moment that has been reached

The first `advance` is the start; later ones move on by the time that passed, times `speed`. The moment is event time, the
same for all sources; so the same history gives the same states, however often one asks. What came too late then does not
move the state now. No clock is read, and nothing waits.

Ages are those of the past, at any speed: they count from event times to the moment. Whoever has to see the states between
two calls, as alarms do, is a `watch`: it looks at moments of one grid, whatever the calls are, so it sees the same every time.
"""

import math
from typing import Any, Protocol

import numpy as np

from twinstage.base.clock import NS
from twinstage.telemetry.columns import NOTHING, EventColumns
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.query import History
from twinstage.telemetry.ingest import Ingest

FIRST_WINDOW_NS = 10_000_000_000
FEW, MANY = 20_000, 200_000
"""A window of reading ahead grows below so many readings, and shrinks above."""


JUDGE_NS = NS // 20
"""The grid of moments at which a watch looks."""


class Watch(Protocol):
    """Somebody who looks at the states of a playback."""

    def look(self, at_ns: int) -> None:
        """It is that moment, and readings were applied since the last look, or it is time for `wake_ns`."""
        ...

    def wake_ns(self, looked_ns: int) -> int:
        """When something may change though nothing is told, after the last look."""
        ...


class Playback(Ingest):
    """An ingest without sources.

    Attributes:
        moment_ns: event time that has been reached [ns].
        end_ns: of the last reading.
        watch: who looks at the states, or None.
        grid_ns: the moments at which it does are the multiples of this, and the end.
    """

    fed_by_sources = False

    def __init__(
        self, history: History, contract: Contract, start_ns: int, *, speed: float = 1.0, **more: Any
    ) -> None:
        """`speed`: event time per time of the caller; inf goes to the end at the second `advance`."""
        super().__init__(contract, **more)
        span = history.span()
        self.end_ns = span[1] if span is not None else start_ns
        self.moment_ns = start_ns
        self._history = history
        self._start_ns = start_ns
        self._speed = speed
        self.watch: Watch | None = None
        self.grid_ns = JUDGE_NS
        self._looked_ns = start_ns
        self._touched = True
        self._begun = False
        self._zero_ns: int | None = None
        self._ahead: EventColumns = NOTHING
        self._ahead_ns = start_ns
        self._window_ns = FIRST_WINDOW_NS
        self._boundaries = [time for time in history.begun_again() if time > start_ns]
        names = list(contract.sources)
        self._names = names
        self._source_of = np.array([names.index(signal.source) for signal in contract.signals], np.int64)

    @property
    def ended(self) -> bool:
        """Whether the last reading has been told."""
        return self.moment_ns >= self.end_ns

    @property
    def watermark_ns(self) -> int:
        return self.moment_ns

    def advance(self, now_ns: int) -> int:
        if self._zero_ns is None:
            self._zero_ns = now_ns
            return self._begin()
        if math.isinf(self._speed):
            return self.play_to(self.end_ns)
        passed = now_ns - self._zero_ns
        if self._speed != 1.0:
            passed = int(passed * self._speed)
        return self.play_to(min(self._start_ns + passed, self.end_ns))

    def time_ns(self, now_ns: int) -> int:
        return self.moment_ns

    def pace(self, speed: float) -> None:
        """The next `advance` is where the caller's time begins anew, and from then on time passes at that speed."""
        self._zero_ns, self._start_ns, self._speed = None, self.moment_ns, speed

    def play_to(self, moment_ns: int) -> int:
        """Apply all up to a moment of event time; returns how many readings."""
        applied = 0
        wake = None if self.watch is None else self.watch.wake_ns(self._looked_ns)
        while self.moment_ns < moment_ns:
            if self.moment_ns >= self._ahead_ns:
                self._read_ahead()
            until = min(moment_ns, self._ahead_ns)
            if self.watch is None or wake is None:
                applied += self._apply(until)
                self.moment_ns = until
                continue
            until = min(until, self._next_look(wake))
            count = self._apply(until)
            self._touched |= count > 0
            self.moment_ns, applied = until, applied + count
            if until == self.end_ns or (until % self.grid_ns == 0 and (self._touched or until >= wake)):
                self._touched, self._looked_ns = False, until
                self.watch.look(until)
                wake = self.watch.wake_ns(until)
        while self._boundaries and self._boundaries[0] <= self.moment_ns:
            self._boundaries.pop(0)
            self.restarts += 1
        return applied

    def close(self) -> None:
        super().close()
        self._history.close()

    def _next_look(self, wake_ns: int) -> int:
        """The next moment of the grid at which there may be something to see."""
        soonest = self.moment_ns + 1
        if not self._touched:
            told = int(self._ahead.event_ns[0]) if len(self._ahead) else self._ahead_ns
            soonest = max(soonest, min(told, wake_ns))
        return -(-soonest // self.grid_ns) * self.grid_ns

    def _begin(self) -> int:
        if not self._begun:
            self._begun = True
            self.state.take_parts(self._history.state_at(self.contract, self._start_ns).parts())
            self.state.arrived_in_time()
        return int(np.count_nonzero(self.state.usable))

    def _read_ahead(self) -> None:
        since = self._ahead_ns + 1
        upto = min(self._ahead_ns + self._window_ns, max(self.end_ns, self._ahead_ns + 1))
        self._ahead = self._history.taken(self.contract, dict.fromkeys(self.contract.sources, since), upto)
        self._ahead_ns = upto
        if len(self._ahead) < FEW:
            self._window_ns *= 2
        elif len(self._ahead) > MANY:
            self._window_ns = max(self._window_ns // 2, 1)

    def _apply(self, until_ns: int) -> int:
        end = int(np.searchsorted(self._ahead.event_ns, until_ns, side="right"))
        due, self._ahead = self._ahead.take(slice(0, end)), self._ahead.take(slice(end, None))
        if end:
            self.state.apply(due)
            self.state.derive()
            for k, count in enumerate(np.bincount(self._source_of[due.signal], minlength=len(self._names))):
                intake = self._intake(self._names[k])
                intake.accounts.add_known({"received": int(count), "applied": int(count)})
        return end


def boundary_before(history: History, at_ns: int) -> int:
    """The latest moment up to `at_ns` at which a replay began again, else that of the first reading: whoever keeps
    state of their own across readings (attached parts, counters) is told everything from there on."""
    span = history.span()
    begun = [time for time in history.begun_again() if time <= at_ns]
    return max(begun, default=span[0] if span is not None else at_ns)
