"""Rate tiers: each tells the same state at its own pace, encoded once for all of its clients.

A tier holds the state as it was at its last emission, so that who takes it late still gets exactly that tick and stays in
step. The fastest tier tells every tick and needs no copy of its own. A tier without clients costs nothing.
"""

from collections.abc import Callable
from typing import Protocol

from twinstage.sync.state import Moved, State
from twinstage.sync.view import Masks, View

_SLACK_NS = 4_000_000
"""A tick that comes this much early is not kept for the next one [ns]."""


class Listener(Protocol):
    """A client of a tier."""

    def changed(self, tier: "Tier") -> None:
        """The tier has told a tick."""
        ...


class Tier:
    """One pace. `seq`: the tick told last; `listeners`: the clients that stream at this pace."""

    def __init__(
        self, hz: float, state: State, epoch_crc: int, on_encoded: Callable[[str, int], None]
    ) -> None:
        self.hz = hz
        self.state = state
        self.listeners: set[Listener] = set()
        self.previous = -1
        self.received_ns: int | None = None
        """Oldest arrival of what the last tick told, or None where nobody said [ns since 1970, UTC]."""
        self._pending_received_ns: int | None = None
        self._period_ns = int(1e9 / hz)
        self._told_ns = 0
        self._epoch_crc = epoch_crc
        self._moved: Moved | None = None
        self._cache: dict[tuple[int | None, bool, bool, View], list[bytes]] = {}
        self._on_encoded = on_encoded

    @property
    def seq(self) -> int:
        return self.state.seq

    def arrived(self, received_ns: int | None) -> None:
        """Something is to be told that arrived then."""
        waiting = self._pending_received_ns
        if received_ns is not None:
            self._pending_received_ns = received_ns if waiting is None else min(waiting, received_ns)

    def wait_ns(self, newest: State, now_ns: int) -> int | None:
        """Time until it has to tell what is new, 0 = now; None where there is nothing to tell, or nobody to tell it to."""
        if not self.listeners or newest.seq <= self.state.seq:
            return None
        wait = self._told_ns + self._period_ns - now_ns
        late_enough = wait <= _SLACK_NS or wait > self._period_ns  # the clock was set back
        return 0 if late_enough else wait

    def follow(self, newest: State, now_ns: int) -> None:
        """Tells what is new."""
        previous = self.state.seq
        self.tell(previous, self.state.follow(newest), now_ns)

    def tell(self, previous: int, moved: Moved | None, now_ns: int) -> None:
        """Its state stands at another tick than `previous`; `moved`: the poses that changed in between."""
        self.previous, self._moved, self._told_ns = previous, moved, now_ns
        self.received_ns, self._pending_received_ns = self._pending_received_ns, None
        self._cache.clear()
        for listener in self.listeners:
            listener.changed(self)

    def messages(
        self, base: int | None, view: View, *, delta: bool, zstd: bool, also: Masks | None = None
    ) -> list[bytes]:
        """Messages of its tick for a client that stands at `base` (None: nowhere), encoded once for all alike."""
        moved = self._moved if delta and base == self.previous and also is None else None
        key = (base, moved is not None, zstd, view)
        if also is None and key in self._cache:
            return self._cache[key]
        messages = self.state.encode(self._epoch_crc, base, view, moved=moved, also=also, zstd=zstd)
        kind = "keyframe" if base is None else "absolute" if moved is None else "delta"
        self._on_encoded(kind, sum(map(len, messages)))
        if also is None:
            self._cache[key] = messages
        return messages
