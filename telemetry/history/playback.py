"""The past of a twin, told again: an ingest whose readings come from a history.

    ingest = Playback(history, contract, start_ns, speed=10)
    ingest.advance(now_ns)      # as often as one likes: the state is that of the moment that has been reached

The first `advance` is the start; later ones move on by the time that passed, times `speed`. The moment is event time, the
same for all sources; so the same history gives the same states, however often one asks. What came too late then does not
move the state now. No clock is read, and nothing waits.
"""

import math
from typing import Any

import numpy as np

from twinstage.telemetry.columns import NOTHING, EventColumns
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.query import History
from twinstage.telemetry.ingest import Ingest

FIRST_WINDOW_NS = 10_000_000_000
FEW, MANY = 20_000, 200_000
"""A window of reading ahead grows below so many readings, and shrinks above."""


class Playback(Ingest):
    """An ingest without sources.

    Attributes:
        moment_ns: event time that has been reached [ns].
        end_ns: of the last reading.
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
        self._begun = False
        self._zero_ns: int | None = None
        self._ahead: EventColumns = NOTHING
        self._ahead_ns = start_ns
        self._window_ns = FIRST_WINDOW_NS
        self._boundaries = [time for time in history.log.begun_again() if time > start_ns]
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
            self.state.by_arrival[:] = (
                now_ns != self._start_ns
            )  # ages by event time only where the caller lives in it
            return self._begin(now_ns)
        if math.isinf(self._speed):
            return self.play_to(self.end_ns, now_ns)
        passed = now_ns - self._zero_ns
        if self._speed != 1.0:
            passed = int(passed * self._speed)
        return self.play_to(min(self._start_ns + passed, self.end_ns), now_ns)

    def pace(self, speed: float) -> None:
        """The next `advance` is where the caller's time begins anew, and from then on time passes at that speed."""
        self._zero_ns, self._start_ns, self._speed = None, self.moment_ns, speed

    def play_to(self, moment_ns: int, now_ns: int | None = None) -> int:
        """Apply all up to a moment of event time; returns how many readings. `now_ns`: when they count as arrived."""
        applied = 0
        while self.moment_ns < moment_ns:
            if self.moment_ns >= self._ahead_ns:
                self._read_ahead()
            until = min(moment_ns, self._ahead_ns)
            applied += self._apply(until, until if now_ns is None else now_ns)
            self.moment_ns = until
        while self._boundaries and self._boundaries[0] <= self.moment_ns:
            self._boundaries.pop(0)
            self.restarts += 1
        return applied

    def close(self) -> None:
        super().close()
        self._history.close()

    def _begin(self, now_ns: int) -> int:
        if not self._begun:
            self._begun = True
            live_by = self.state.by_arrival.copy()
            self.state.take_parts(self._history.state_at(self.contract, self._start_ns).parts())
            self.state.by_arrival[:] = live_by
        self.state.arrived_at(now_ns)
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

    def _apply(self, until_ns: int, now_ns: int) -> int:
        end = int(np.searchsorted(self._ahead.event_ns, until_ns, side="right"))
        due, self._ahead = self._ahead.take(slice(0, end)), self._ahead.take(slice(end, None))
        if end:
            self.state.apply(due, now_ns)
            self.state.derive(now_ns)
            for k, count in enumerate(np.bincount(self._source_of[due.signal], minlength=len(self._names))):
                intake = self._intake(self._names[k])
                intake.accounts.add_known({"received": int(count), "applied": int(count)})
        return end


def boundary_before(history: History, at_ns: int) -> int:
    """The latest moment up to `at_ns` at which a replay began again, else that of the first reading: whoever keeps
    state of their own across readings (attached parts, counters) is told everything from there on."""
    span = history.span()
    begun = [time for time in history.log.begun_again() if time <= at_ns]
    return max(begun, default=span[0] if span is not None else at_ns)
