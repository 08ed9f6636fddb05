"""Values of a running twin. Belongs to the server's event loop."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from twinstage.base.clock import NS
from twinstage.base.quality import level, status_name
from twinstage.live.api.paging import paged
from twinstage.live.past import ValueClock
from twinstage.sync.api.globs import id_matcher
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.values import Value, ValueAsk, ValuePage, ValuesAsk
from twinstage.telemetry.history.moments import iso_ns
from twinstage.telemetry.state import NEVER
from twinstage.telemetry.units import compile_unit

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin


class ValueDesk:
    """Implements `sync.api.values.ValueSource`."""

    def __init__(self, live: "LiveTwin") -> None:
        assert live.ingest is not None and live.contract is not None
        self._ingest = live.ingest
        self._clock = ValueClock(live.clock, live.ingest)
        quantities = live.contract.quantities
        self._sources = [getattr(quantity, "source", "") for quantity in quantities]
        self._descriptions = [quantity.description for quantity in quantities]
        self._written = [compile_unit(getattr(quantity, "unit", None) or "1") for quantity in quantities]

    def list_values(self, asked: ValuesAsk) -> ValuePage:
        """A page of values."""
        state, now = self._ingest.state, self._clock.now_ns()
        quality = state.effective_quality(now)
        matches = id_matcher(asked.id)
        rows = [
            i
            for i, name in enumerate(state.signal_ids)
            if (asked.id is None or matches(name))
            and (asked.source is None or self._sources[i] == asked.source)
            and (asked.level is None or level(int(quality[i])) == asked.level)
        ]
        page, after = paged(rows, asked.limit, asked.after, state.index_of)
        return ValuePage(
            total=len(rows),
            next=None if after is None else state.signal_ids[after],
            now_ns=str(now),
            values=tuple(self._told(page, quality, now)),
        )

    def get_value(self, asked: ValueAsk) -> Value:
        """One value."""
        return self.of([asked.signal])[0]

    def of(self, signals: Iterable[str]) -> list[Value]:
        """Values by id. Raises Refused (404)."""
        state, now = self._ingest.state, self._clock.now_ns()
        signals = list(signals)
        for name in signals:
            if name not in state.index_of:
                raise Refused(404, f"there is no signal {name!r}")
        return list(self._told([state.index_of[name] for name in signals], state.effective_quality(now), now))

    def qualities(self) -> tuple[np.ndarray, np.ndarray]:
        """Effective quality u4[n] and whether there is a usable value bool[n], by index."""
        state = self._ingest.state
        return state.effective_quality(self._clock.now_ns()), state.usable

    def index_of(self, signal: str) -> int:
        """Index of a signal that is there."""
        return self._ingest.state.index_of[signal]

    def _told(self, rows: list[int], quality: np.ndarray, now: int) -> Iterable[Value]:
        state, stale = self._ingest.state, self._ingest.state.stale(now)
        for row in rows:
            status = int(quality[row])
            event, heard = _time(state.event_ns[row]), _time(self._ingest.signal_heard_ns[row])
            applied = _time(state.applied_ns[row])
            yield Value(
                id=state.signal_ids[row],
                type=state.types[row],
                unit=state.units[row],
                value=state.value_at(row),
                quality=status,
                level=level(status),  # type: ignore[arg-type]
                quality_name=status_name(status),
                event_time=event[0],
                event_ns=event[1],
                heard_time=heard[0],
                heard_ns=heard[1],
                applied_time=applied[0],
                applied_ns=applied[1],
                age_seconds=None if event[1] is None else (now - int(event[1])) / NS,
                stale=bool(stale[row]),
                source=self._sources[row],
                description=self._descriptions[row],
                contract_unit=self._written[row].code,
                unit_scale=self._written[row].scale,
                unit_offset=self._written[row].offset,
            )


def _time(ns: np.int64) -> tuple[str | None, str | None]:
    return (None, None) if ns == NEVER else (iso_ns(int(ns)), str(ns))
