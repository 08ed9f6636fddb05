"""How far the server's clock is from this one: from pings, by the shortest of the last round trips. Pure."""

from collections import deque

_KEPT = 8


class ClockOffset:
    """Server time minus local time; half of the shortest round trip is the greatest error."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=_KEPT)

    def add(self, sent_ns: int, received_ns: int, server_ns: int) -> None:
        """A ping that left and whose answer came at those local times of day; the server wrote its own into it."""
        trip = received_ns - sent_ns
        if trip >= 0:
            self._samples.append((trip, server_ns - (sent_ns + received_ns) // 2))

    @property
    def offset_ns(self) -> int | None:
        """None before the first answer."""
        return min(self._samples)[1] if self._samples else None

    @property
    def round_trip_ns(self) -> int | None:
        """The shortest of the last round trips."""
        return min(self._samples)[0] if self._samples else None

    def clear(self) -> None:
        """Another server may have another clock."""
        self._samples.clear()
