"""Rate tiers: each tells the same state at its own pace, encoded once for all of its clients.

A tier holds the state as it was at its last emission, so that who takes it late still gets exactly that tick and stays in
step. The fastest tier tells every tick and needs no copy of its own. A tier without clients costs nothing.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from twinstage.sync.state import Moved, State, joined
from twinstage.sync.view import Masks, View

_SLACK_NS = 4_000_000
"""A tick that comes this much early is not kept for the next one [ns]."""
_CHAIN = 4
"""Ticks back to which a client still gets deltas: those in between are added up."""

_MOST_KEPT = 16
"""Encodings of one tick that are kept for others."""


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
        self._chain: deque[tuple[int, Moved]] = deque(maxlen=_CHAIN)
        """The last ticks told: the one that each builds on, and how the poses changed."""
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

    def tell(
        self, previous: int, moved: Moved | None, now_ns: int, ready: tuple[View, list[bytes]] | None = None
    ) -> None:
        """Its state stands at another tick than `previous`; `moved`: the poses that changed in between.

        `ready`: a view and the messages of the tick for who stands at `previous` and takes deltas and zstd, where another
        server has encoded them.
        """
        self.previous, self._told_ns = previous, now_ns
        if moved is None:
            self._chain.clear()
        else:
            self._chain.append((previous, moved))
        self.received_ns, self._pending_received_ns = self._pending_received_ns, None
        self._cache.clear()
        if ready is not None and moved is not None:
            self._cache[previous, True, True, ready[0]] = ready[1]
        for listener in self.listeners:
            listener.changed(self)

    def messages(
        self, base: int | None, view: View, *, delta: bool, zstd: bool, also: Masks | None = None
    ) -> list[bytes]:
        """Messages of its tick for a client that stands at `base` (None: nowhere), encoded once for all alike."""
        linked = delta and also is None and any(base == begin for begin, _ in self._chain)
        key = (base, linked, zstd, view)
        if also is None and key in self._cache:
            return self._cache[key]
        moved = self._since(base) if linked else None
        messages = self.state.encode(self._epoch_crc, base, view, moved=moved, also=also, zstd=zstd)
        kind = "keyframe" if base is None else "absolute" if moved is None else "delta"
        self._on_encoded(kind, sum(map(len, messages)))
        if also is None:
            if (
                len(self._cache) >= _MOST_KEPT
            ):  # clients that each lag in their own way must not pile up memory
                del self._cache[next(iter(self._cache))]
            self._cache[key] = messages
        return messages

    def _since(self, base: int | None) -> Moved:
        """How poses changed since a tick of the chain."""
        start = next(i for i, (begin, _) in enumerate(self._chain) if begin == base)
        parts = [moved for _, moved in islice(self._chain, start, None)]
        return parts[0] if len(parts) == 1 else joined(parts)
