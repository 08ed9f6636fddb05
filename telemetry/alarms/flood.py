"""Floods: more annunciated alarms than people can follow.

ISA-18.2 and EEMUA 191 speak of a flood from ten alarms in ten minutes on, until there are fewer than five in ten minutes.
"""

from collections import deque

WINDOW_NS = 600 * 1_000_000_000
BEGINS = 10
ENDS = 5


class FloodWatch:
    """Counts alarms that were raised in the last ten minutes."""

    def __init__(self) -> None:
        self._raised: deque[int] = deque()
        self.flooded = False

    def raised(self, at_ns: int) -> None:
        """One more alarm."""
        self._raised.append(at_ns)

    def look(self, at_ns: int) -> bool | None:
        """Whether a flood began (True) or ended (False) by now; None where nothing changed."""
        while self._raised and self._raised[0] <= at_ns - WINDOW_NS:
            self._raised.popleft()
        count = len(self._raised)
        if not self.flooded and count >= BEGINS:
            self.flooded = True
            return True
        if self.flooded and count < ENDS:
            self.flooded = False
            return False
        return None

    @property
    def over_ns(self) -> int:
        """When the oldest one that counts no longer does; the largest int64 where none counts."""
        return self._raised[0] + WINDOW_NS if self._raised else (1 << 63) - 1

    @property
    def count(self) -> int:
        """Alarms in the last ten minutes, as of the last look."""
        return len(self._raised)
