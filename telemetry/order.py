"""Event-time order within one source.

The watermark is the newest event time seen, less the source's lateness. A reading older than the watermark is late; one
that is not waits until the watermark has reached it. Both are judged when a reading arrives, against what arrived before
it, so the outcome depends only on the order of arrival: neither on how the bytes were split, nor on when `release` runs.

A reading is a duplicate if one with the same signal, event time and sequence came before, among at least the last
`memory` readings; the first one counts.
"""

from bisect import bisect_right
from collections.abc import Sequence

from twinstage.telemetry.layouts import RawEvent
from twinstage.telemetry.reading import Event

NO_WATERMARK = -(1 << 63)


class SourceOrder:
    """Watermark, waiting room and memory of one source. Times are int64 nanoseconds."""

    def __init__(self, lateness_ns: int, *, max_pending: int, memory: int = 65_536) -> None:
        self.lateness_ns = lateness_ns
        self.max_pending = max_pending
        self.newest_ns = NO_WATERMARK
        self.watermark_ns = NO_WATERMARK
        self._memory = memory
        self._young: set[tuple[int, int, int]] = set()
        self._old: set[tuple[int, int, int]] = set()
        self._waiting: list[Event] = []  # sorted
        self._fresh: list[Event] = []  # as they came
        self._arrivals = 0

    @property
    def pending(self) -> int:
        """Readings that wait."""
        return len(self._waiting) + len(self._fresh)

    def accept(
        self, events: Sequence[RawEvent], base_ns: int, latest_ns: int
    ) -> tuple[list[Event], int, list[RawEvent], list[RawEvent]]:
        """Take readings in order of arrival; `base_ns` is added to their times.

        Returns (late, number of duplicates, dated after `latest_ns`, too many to wait).
        """
        late: list[Event] = []
        ahead: list[RawEvent] = []
        overflow: list[RawEvent] = []
        duplicates = 0
        newest, watermark, lateness = self.newest_ns, self.watermark_ns, self.lateness_ns
        young, old, fresh = self._young, self._old, self._fresh
        count = self._arrivals
        room = self.max_pending - self.pending
        forget_at = max(self._memory, self.pending)
        for raw in events:
            time, signal, sequence, value, quality = raw
            time += base_ns
            if time > latest_ns:
                ahead.append(raw)
                continue
            key = (signal, time, sequence)
            if key in young or key in old:
                duplicates += 1
                continue
            if time >= watermark and room <= 0:
                overflow.append(raw)
                continue
            young.add(key)
            if len(young) > forget_at:
                self._old = old = young
                self._young = young = set()
            count += 1
            if time < watermark:
                late.append((time, signal, sequence, count, value, quality))
                continue
            if time > newest:
                newest = time
                watermark = max(watermark, time - lateness)
            room -= 1
            fresh.append((time, signal, sequence, count, value, quality))
        self.newest_ns, self.watermark_ns, self._arrivals = newest, watermark, count
        return late, duplicates, ahead, overflow

    def catch_up(self) -> None:
        """Nothing older is expected any more (idle, or ended): the watermark moves to the newest time."""
        self.watermark_ns = max(self.watermark_ns, self.newest_ns)

    def release(self) -> list[Event]:
        """Readings that the watermark has reached, sorted by time, signal, sequence; they wait no longer."""
        self._settle()
        waiting = self._waiting
        if not waiting:
            return []
        if waiting[-1][0] <= self.watermark_ns:
            self._waiting = []
            return waiting
        end = bisect_right(waiting, self.watermark_ns, key=_time)
        out = waiting[:end]
        del waiting[:end]
        return out

    def _settle(self) -> None:
        """Merge what is fresh; only the part of the waiting room that it overlaps is sorted again."""
        fresh = self._fresh
        if not fresh:
            return
        self._fresh = []
        fresh.sort()
        waiting = self._waiting
        if not waiting or fresh[0] > waiting[-1]:
            waiting += fresh
            return
        start = bisect_right(waiting, fresh[0])
        tail = waiting[start:] + fresh
        tail.sort()
        waiting[start:] = tail


def _time(event: Event) -> int:
    return event[0]
