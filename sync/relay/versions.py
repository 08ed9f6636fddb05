"""One row of version numbers for the transactions of several twins. Pure.

Each transaction gets the next number of the whole when it is heard of. What cannot be known (a twin that was started anew,
numbers that are no longer kept) counts as older than everything: a conflict too many, never one too few.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

KEPT = 10_000
"""Transactions of each twin whose numbers are kept."""


@dataclass(slots=True)
class _Twin:
    """`wholes[i]`: number of its transaction `first + 1 + i`; who knows `since` knows its transactions up to `first`."""

    epoch: str
    first: int
    since: int
    wholes: list[int] = field(default_factory=list)

    @property
    def newest(self) -> int:
        return self.first + len(self.wholes)


class Versions:
    """`newest`: the number of the whole. Twins go by name."""

    def __init__(self) -> None:
        self.newest = 0
        self._twins: dict[str, _Twin] = {}

    def heard(self, name: str, epoch: str, version: int) -> None:
        """A twin is at that version, in that run."""
        twin = self._twins.get(name)
        if twin is None or twin.epoch != epoch or version - twin.newest > KEPT:
            self.newest += twin is not None
            self._twins[name] = _Twin(epoch, version, self.newest)
            return
        for _ in range(version - twin.newest):
            self.newest += 1
            twin.wholes.append(self.newest)
        too_many = len(twin.wholes) - KEPT
        if too_many > 0:
            twin.first += too_many
            twin.since = twin.wholes[too_many - 1]
            del twin.wholes[:too_many]

    def whole(self, name: str, version: int) -> int:
        """The number of a twin's transaction in the whole; 0 for one of before."""
        twin = self._twins[name]
        i = version - twin.first - 1
        return twin.wholes[i] if 0 <= i < len(twin.wholes) else 0

    def known(self, name: str, whole: int) -> int:
        """The newest transaction of a twin that is in the whole's version `whole`."""
        twin = self._twins[name]
        return twin.first + bisect_right(twin.wholes, whole) if whole >= twin.since else 0

    def named(self, whole: int) -> tuple[str, int] | None:
        """Twin and its version of the transaction of that number; None where none of them has it."""
        for name, twin in self._twins.items():
            i = bisect_left(twin.wholes, whole)
            if i < len(twin.wholes) and twin.wholes[i] == whole:
                return name, twin.first + 1 + i
        return None
