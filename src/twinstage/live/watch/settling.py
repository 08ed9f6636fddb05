"""When files that somebody is writing may be read: once nothing changed for a moment, or after a while at the latest. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Stamp = tuple[int, int, int] | None
"""A file: inode, size [bytes], time of change [ns]; None where there is none."""

SETTLE_S = 0.04
"""Nothing changes for so long before a scene is told [s]: programs write several files, and a file in several portions."""
PATIENCE_S = 2.0
"""A file that changes for so long without a rest is tried all the same [s]."""
GRACE_S = 0.4
"""A file that cannot be read may still be growing: it is complained of after so long without a change [s]."""
SLACK_S = 0.02
"""Clocks of file systems are behind by as much [s]: two changes within it may have the same time."""


@dataclass
class Settling:
    """Told the stamps of all files again and again; says which changes are due.

    `read`: the stamps of what was read last, good or not.
    """

    read: dict[str, Stamp] = field(default_factory=dict)
    _seen: Mapping[str, Stamp] = field(default_factory=dict)
    _first: float = 0.0
    _last: float = 0.0
    _pending: bool = False

    def look(self, stamps: Mapping[str, Stamp], now: float) -> bool:
        """Whether something changed since the last reading and may be read now. `now` [s], of any clock that runs evenly."""
        changed = stamps != self._seen
        self._seen = dict(stamps)
        if all(self.read.get(path) == stamp for path, stamp in stamps.items()):
            self._pending = False
            return False
        if not self._pending:
            self._pending, self._first, self._last = True, now, now
        elif changed:
            self._last = now
        return now - self._last >= SETTLE_S or now - self._first >= PATIENCE_S

    @property
    def pending(self) -> bool:
        """Whether something changed that is not due yet."""
        return self._pending

    def left(self, now: float) -> float:
        """How long until it is, if nothing changes [s]."""
        return max(0.0, self._last + SETTLE_S - now)

    @property
    def first(self) -> float:
        """When the change that is due was first seen."""
        return self._first

    def taken(self, stamps: Mapping[str, Stamp]) -> None:
        """Those states were read; files that are watched from now on count as they are."""
        self.read, self._pending = dict(stamps), False


def young_for(stamps: Iterable[Stamp], wall: float) -> float:
    """How long until changed files of those states may be read, though not told of yet [s]; endless where one is missing.

    From then on a further change cannot bear the same time. `wall`: the clock of files now [s].
    """
    left = [math.inf if stamp is None else stamp[2] / 1e9 + SLACK_S - wall for stamp in stamps]
    return max([0.0, *left])
