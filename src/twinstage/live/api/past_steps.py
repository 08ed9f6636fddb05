"""When signals with a memory changed: the moments at which bindings have to look, on the way to another moment.

Found once, and further as they are asked for.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twinstage.base.clock import NS
from twinstage.telemetry.columns import I8, OTHER, EventColumns, kinds_of

if TYPE_CHECKING:
    from twinstage.telemetry.contract import Contract
    from twinstage.telemetry.history.kept import KeptHistory

AHEAD_NS = 20 * NS
"""How much further than asked is looked [ns]."""
_PIECE_NS = 300 * NS


@dataclass
class _Changes:
    """Of one signal: moments, rising, and what it became then (bits as in `EventColumns`)."""

    moments: list[int] = field(default_factory=list)
    bits: list[int] = field(default_factory=list)


class Steps:
    """Of one stretch of a history, from where a replay began.

    `names`: signals with a memory; those that are none of the contract's readings are derived, and asked of the history.
    """

    def __init__(self, contract: "Contract", names: list[str], began_ns: int) -> None:
        ids = [signal.id for signal in contract.signals]
        self._contract = contract
        self._plain = {ids.index(name): _Changes() for name in names if name in ids}
        self._derived: dict[str, _Changes] = {name: _Changes() for name in names if name not in ids}
        self._kinds = kinds_of([signal.type for signal in contract.quantities])
        self._began_ns = self._known_ns = began_ns
        self._all: I8 = np.empty(0, np.int64)

    def before(self, history: "KeptHistory", at_ns: int) -> I8:
        """Moments after the beginning and before another, rising. What is let go stays where it was just before, so each
        change has two, and the first one of a change at that very moment is among them."""
        if at_ns > self._known_ns:
            self._go_on(history, at_ns)
        return self._all[: int(np.searchsorted(self._all, at_ns))]

    def forget(self, since_ns: int) -> None:
        """Look again from a moment on: something was told that happened then."""
        if since_ns > self._known_ns:
            return
        self._known_ns = max(since_ns - 1, self._began_ns)
        for changes in (*self._plain.values(), *self._derived.values()):
            place = bisect_left(changes.moments, since_ns)
            del changes.moments[place:], changes.bits[place:]
        self._gather()

    def _go_on(self, history: "KeptHistory", at_ns: int) -> None:
        span = history.span()
        until = max(at_ns, min(at_ns + AHEAD_NS, span[1] if span is not None else at_ns))
        since = self._known_ns + 1
        while self._plain and since <= until:
            upto = min(since + _PIECE_NS, until)
            self._take(history.taken(self._contract, dict.fromkeys(self._contract.sources, since), upto))
            since = upto + 1
        for name, changes in self._derived.items():
            # Its first one of a span counts there, too, so the span begins with one that is known.
            first = changes.moments[-1] if changes.moments else self._began_ns + 1
            known = set(changes.moments)
            found = history.changes([name], first, until) if name in history.derived() else []
            changes.moments += [moment for moment in found if moment not in known]
            changes.bits += [0] * (len(changes.moments) - len(changes.bits))
        self._known_ns = until
        self._gather()

    def _take(self, columns: EventColumns) -> None:
        has = columns.good_enough
        for signal, changes in self._plain.items():
            own = np.flatnonzero((columns.signal == signal) & has)
            bits = columns.bits[own]
            other = np.ones(len(own), np.bool_)
            if self._kinds[signal] != OTHER and len(own):  # whatever is no number counts as another one
                other[1:] = bits[1:] != bits[:-1]
                other[0] = not changes.bits or changes.bits[-1] != bits[0]
            changes.moments += columns.event_ns[own[other]].tolist()
            changes.bits += bits[other].tolist()

    def _gather(self) -> None:
        found = [c.moments for c in (*self._plain.values(), *self._derived.values())]
        at = np.concatenate([np.array(moments, np.int64) for moments in found]) if found else self._all[:0]
        both = np.unique(np.concatenate([at - 1, at]))
        self._all = both[both > self._began_ns]
