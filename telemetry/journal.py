"""What an ingest did, told in order, so that it can be kept and done again.

Four kinds of entry are all that the state depends on: readings that arrived and were taken, a source that caught up (idle,
or ended), where a replay begins again, and moments at which what was due was applied. Entries retold to an ingest of the
same contract, in the same order, give the same state, bit by bit (`Ingest.retell`).

Nothing is acknowledged to a source before `commit` has returned: then what was told so far is as safe as the journal is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from twinstage.telemetry.columns import NOTHING, EventColumns


@dataclass(frozen=True, slots=True)
class Arrived:
    """Readings of a source that came in at `ingest_ns`, in SI: `taken` wait for the watermark, `history_only` came too
    late to move the state. `counts`: by how much each of the source's counts rises, those of what is not here included."""

    source: str
    ingest_ns: int
    taken: EventColumns = NOTHING
    history_only: EventColumns = NOTHING
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A source fell silent or ended, so what waited waits no longer."""

    source: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class BeganAgain:
    """A replay begins again with the reading of event time `boundary_ns`."""

    source: str
    boundary_ns: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """At `now_ns` everything due was applied: `count` readings."""

    now_ns: int
    count: int


Entry: TypeAlias = Arrived | CaughtUp | BeganAgain | Advanced


class Journal(Protocol):
    """Keeps entries."""

    def tell(self, entry: Entry) -> None:
        """Take one entry. Must not block for long; never raises for what the entry says."""
        ...

    def commit(self) -> None:
        """Return when all that was told is safe. Raises OSError where it cannot be (a full disk)."""
        ...

    def close(self) -> None:
        """Commit and let go of files; may be called more than once."""
        ...


class JournalMemory:
    """Keeps everything in a list: the fake for tests, and what a short replay needs."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def tell(self, entry: Entry) -> None:
        self.entries.append(entry)

    def commit(self) -> None:
        """Memory is as safe as it gets."""

    def close(self) -> None:
        """Nothing to let go of."""
