"""Time as an argument: int64 nanoseconds since the Unix epoch, UTC."""

import time
from typing import Protocol

NS = 1_000_000_000


class Clock(Protocol):
    """Whoever needs the time is handed one of these."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        ...


class SystemClock:
    """The wall clock. Only the wiring creates one."""

    def now_ns(self) -> int:
        return time.time_ns()


class ManualClock:
    """A clock that moves when told: for tests, replays and generators."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now = start_ns

    def now_ns(self) -> int:
        return self._now

    def set(self, now_ns: int) -> None:
        """Move to `now_ns`; time may not run backwards."""
        if now_ns < self._now:
            raise ValueError(f"time may not run backwards: {now_ns} < {self._now}")
        self._now = now_ns

    def advance(self, delta_ns: int) -> None:
        """Move forward by `delta_ns`."""
        self.set(self._now + delta_ns)
