"""When readings arrived, by their number: what latency is measured from. Not part of any state, and lost with the process."""

from collections import deque

_KEPT = 4096


class Arrivals:
    """Of one source. Readings are numbered in order of arrival, so a few marks tell when each of them came."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int]] = deque(maxlen=_KEPT)

    def note(self, last: int, ingest_ns: int) -> None:
        """Readings up to that number had arrived at that time of day [ns since 1970, UTC]."""
        self._marks.append((last, ingest_ns))

    def when(self, number: int, *, waiting: bool) -> int | None:
        """When that reading arrived; None where it is not known. `waiting`: whether older ones may be asked for later."""
        found = next((ingest_ns for last, ingest_ns in self._marks if last >= number), None)
        if not waiting:
            self._marks.clear()
        return found
