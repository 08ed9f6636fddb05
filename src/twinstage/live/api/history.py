"""Questions to the history of a running twin. Methods run on any thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinstage.base.quality import level
from twinstage.live.api.reading import reading
from twinstage.sync.api.history import (
    AsOfAsk,
    Chart,
    ChartAsk,
    HistorySummary,
    KeptReading,
    KeptSignal,
    RangeAsk,
    Readings,
)
from twinstage.sync.api.operation import Refused
from twinstage.telemetry.history.moments import iso_ns, moment_ns

if TYPE_CHECKING:
    from twinstage.telemetry.history.query import History


class HistoryDesk:
    """Implements `sync.api.history.HistorySource`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_history(self) -> HistorySummary:
        """What there is."""
        with self._opened() as history:
            span = history.span()
            signals = tuple(KeptSignal(id=s.id, type=s.type, unit=s.unit) for s in history.signals().values())
        first, last = (None, None) if span is None else span
        return HistorySummary(
            first_ns=_text(first),
            first_time=_iso(first),
            last_ns=_text(last),
            last_time=_iso(last),
            signals=signals,
        )

    def get_range(self, asked: RangeAsk) -> Readings:
        """A page of readings."""
        with self._opened() as history:
            ask = _Moments(history)
            self._known(history, asked.signal)
            start = int(asked.after or 0)
            table = history.range(
                asked.signal,
                ask.moment(asked.from_, "from", 0),
                ask.moment(asked.to, "to", 1),
                known_ns=ask.known(asked.known_at),
                limit=asked.limit + 1,
                offset=start,
            )
            rows = table.to_pylist()
            more = len(rows) > asked.limit
            return self._readings(history, rows[: asked.limit], str(start + asked.limit) if more else None)

    def get_as_of(self, asked: AsOfAsk) -> Readings:
        """Readings of a moment."""
        with self._opened() as history:
            ask = _Moments(history)
            self._known(history, asked.signal)
            at = ask.moment(asked.at, "at", 1)
            table = history.as_of(at, asked.signal, known_ns=ask.known(asked.known_at))
            start = int(asked.after or 0)
            more = start + asked.limit < table.num_rows
            rows = table.slice(start, asked.limit).to_pylist()
            return self._readings(history, rows, str(start + asked.limit) if more else None)

    def get_chart(self, asked: ChartAsk) -> Chart:
        """A signal for a chart."""
        with self._opened() as history:
            ask = _Moments(history)
            self._known(history, [asked.signal])
            first = ask.moment(asked.from_, "from", 0)
            last = ask.moment(asked.to, "to", 1)
            last = max(last, first + 1) if asked.to is None else last
            table = history.downsampled(
                asked.signal, first, last, asked.buckets, known_ns=ask.known(asked.known_at)
            )
            unit = (history.signals() | history.derived())[asked.signal].unit
            quantities = history.contract().quantities
        max_age = next((each.max_age for each in quantities if each.id == asked.signal), None)
        data = table.to_pydict()
        return Chart(
            signal=asked.signal,
            unit=unit,
            first_ns=str(first),
            step_ns=str(-(-(last - first + 1) // asked.buckets)),
            max_age_seconds=max_age,
            **{name: tuple(data[name]) for name in ("count", "min", "max", "last", "quality")},
        )

    @contextmanager
    def _opened(self) -> "Iterator[History]":
        from twinstage.telemetry.history.query import History

        with reading(self._folder), History(self._folder) as history:
            yield history

    def _known(self, history: "History", signals: Any) -> None:
        known = history.signals() | history.derived()
        for name in signals:
            if name not in known:
                raise Refused(404, f"the history has no signal {name!r}")

    def _readings(self, history: "History", rows: list[dict[str, Any]], after: str | None) -> Readings:
        units = {name: found.unit for name, found in (history.signals() | history.derived()).items()}
        told = tuple(_reading(row, units.get(row["signal"], "")) for row in rows)
        return Readings(total=len(rows), next=after, readings=told)


class _Moments:
    def __init__(self, history: "History") -> None:
        self._span = history.span() or (0, 0)

    def moment(self, text: str | None, where: str, end: int) -> int:
        if text is None:
            return self._span[end]
        return moment_ns(text.replace(" ", "+"), self._span[0], where=where)  # a + in a query is a blank

    def known(self, text: str | None) -> int:
        from twinstage.telemetry.history.taken import LAST

        return LAST if text is None else self.moment(text, "knownAt", 1)


def _reading(row: dict[str, Any], unit: str) -> KeptReading:
    value = next((row[key] for key in ("value", "whole", "text", "vector") if row[key] is not None), None)
    return KeptReading(
        signal=row["signal"],
        source=row["source"],
        event_ns=str(row["event_ns"]),
        event_time=iso_ns(row["event_ns"]),
        ingest_ns=str(row["ingest_ns"]),
        sequence=row["sequence"],
        value=tuple(value) if isinstance(value, list) else value,
        unit=unit,
        quality=row["quality"],
        level=level(row["quality"]),  # type: ignore[arg-type]
        late=row["history_only"],
    )


def _text(ns: int | None) -> str | None:
    return None if ns is None else str(ns)


def _iso(ns: int | None) -> str | None:
    return None if ns is None else iso_ns(ns)
