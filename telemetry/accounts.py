"""Counts of one source: where every reading went.

    received = applied + history_only + late + duplicate + quarantined + pending

A line that cannot be read counts as one. Beside these, `unmapped` counts rows that no signal asks for, `blank` cells
without a value, and `contradicting` those of the duplicates that say something else than the first reading, which stands.
"""

from collections.abc import Mapping

OUTCOMES = ("applied", "history_only", "late", "duplicate", "quarantined")
"""What becomes of a reading in the end; until then it is pending."""

COUNTS = ("received", *OUTCOMES, "unmapped", "blank", "contradicting")


class Accounts:
    """Counts of a source, rising only."""

    def __init__(self) -> None:
        self.total = dict.fromkeys(COUNTS, 0)
        self._told = dict(self.total)

    def add(self, **counts: int) -> None:
        """Raise some of them."""
        for name, count in counts.items():
            self.total[name] += count

    def news(self) -> dict[str, int]:
        """By how much each count rose since this was last asked; those that did not are left out."""
        out = {
            name: count - self._told[name] for name, count in self.total.items() if count != self._told[name]
        }
        self._told = dict(self.total)
        return out

    def add_known(self, counts: Mapping[str, int]) -> None:
        """Raise some of them by what a journal knows already; that is no news."""
        for name, count in counts.items():
            self.total[name] += count
            self._told[name] += count
