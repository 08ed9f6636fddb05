"""Questions to a history: the archive and the hot log as one table.

    history = History(folder)
    history.range(["oven.temp"], first_ns, last_ns)              # every reading
    history.as_of(at_ns)                                         # the last reading of each signal
    history.as_of(at_ns, known_ns=monday)                        # ... as far as was known then
    history.downsampled("oven.temp", first_ns, last_ns, 1000)    # min, max, last for a chart; gaps stay gaps
    history.state_at(contract, at_ns)                            # the state as the twin had it

Answers are Arrow tables, computed by DuckDB. Other processes may write meanwhile: each answer is of one moment.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.columns import EventColumns, joined, kinds_of
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.archive import archived_upto, parts_of, store_of
from twinstage.telemetry.history.changed import changed_state
from twinstage.telemetry.history.derived import derived_rows, with_inputs
from twinstage.telemetry.history.faults import HistoryFault
from twinstage.telemetry.history.hotlog import DATABASE, LogReader, Session
from twinstage.telemetry.history.rename import Renumbering
from twinstage.telemetry.history.rows import rows_of, schema, table_of
from twinstage.telemetry.history.snapshots import bytes_snapshot, state_of
from twinstage.telemetry.history.taken import FIRST, LAST, renumberings, taken_hot, taken_parts
from twinstage.telemetry.journal import Arrived
from twinstage.telemetry.state import StateTable

if TYPE_CHECKING:
    import pyarrow as pa

MOST_INPUTS = 5_000_000
"""Readings of which derived signals are computed at once."""

_ROWS = "source, signal, event_ns, ingest_ns, sequence, value, whole, text, vector, quality, history_only"
_NUMBER = "coalesce(value, CAST(whole AS DOUBLE))"
_BAD = 0x80000000


@dataclass(frozen=True, slots=True)
class SignalSummary:
    """What a history knows of a signal, of its newest session that has it."""

    id: str
    type: str
    unit: str


class History:
    """Reads one history folder. Close it, or use it in a `with`."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError where there is none."""
        if not (folder / DATABASE).is_file():
            raise HistoryFault(
                f"there is no history in {str(folder)!r}; `twinstage serve --history` makes one"
            )
        self.folder = folder
        self.log = LogReader(folder / DATABASE)

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self.log.close()

    def signals(self) -> dict[str, SignalSummary]:
        """All signals by id."""
        out: dict[str, SignalSummary] = {}
        for session in self.log.sessions().values():
            for name, kind, unit in zip(session.signals, session.types, session.units, strict=True):
                out[name] = SignalSummary(name, kind, unit)
        return out

    def derived(self) -> dict[str, SignalSummary]:
        """Derived signals of the newest contract by id. They are computed from their inputs when they are asked for."""
        if not self.log.sessions():
            return {}
        contract = self.contract()
        return {s.id: SignalSummary(s.id, "f64", contract.si_unit(s.id)) for s in contract.derived}

    def span(self) -> tuple[int, int] | None:
        """First and last event time [ns]; None where there are no readings."""
        return self.log.span()

    def begun_again(self) -> list[int]:
        """Event times at which replays began again, rising [ns]."""
        return self.log.begun_again()

    def contract(self) -> Contract:
        """The contract of the newest run. Raises UserError where there was none."""
        sessions = self.log.sessions()
        if not sessions:
            raise HistoryFault(f"the history {str(self.folder)!r} is empty")
        return Contract.model_validate_json(sessions[max(sessions)].text)

    # tables

    def range(
        self,
        signals: Sequence[str],
        first_ns: int,
        last_ns: int,
        *,
        known_ns: int = LAST,
        limit: int | None = None,
        offset: int = 0,
    ) -> "pa.Table":
        """Readings of signals (none: of all) in a span of event time, ends included, sorted by signal and time.

        `known_ns`: only what had arrived by then. Derived signals of the newest contract may be named, see `derived`.
        `limit`, `offset`: so many rows, from that one on.
        """
        part = "" if limit is None else f" LIMIT {int(limit)} OFFSET {int(offset)}"
        where = f"WHERE {self._where(signals, first_ns, last_ns, known_ns)}"
        return self._ask(
            f"SELECT {_ROWS} FROM readings {where} ORDER BY signal, event_ns, sequence, arrival{part}",
            first_ns,
            last_ns,
            self._derived(signals, first_ns, last_ns, known_ns),
        )

    def as_of(self, at_ns: int, signals: Sequence[str] = (), *, known_ns: int = LAST) -> "pa.Table":
        """The last reading of each signal up to a moment of event time, late ones included; see `range`.

        A derived signal that is named has the value and the quality that it had when one of its inputs was told last.
        """
        where = self._where(signals, FIRST, at_ns, known_ns)
        sql = (
            f"WITH newest AS (SELECT signal AS s, max(event_ns) AS e FROM readings WHERE {where} GROUP BY signal) "
            f"SELECT {_ROWS} FROM readings JOIN newest ON signal = s AND event_ns = e WHERE {where} "
            "QUALIFY row_number() OVER (PARTITION BY signal ORDER BY sequence DESC, arrival DESC) = 1 ORDER BY signal"
        )
        return self._ask(sql, FIRST, at_ns, self._derived_as_of(signals, at_ns, known_ns))

    def downsampled(
        self, signal: str, first_ns: int, last_ns: int, buckets: int, *, known_ns: int = LAST
    ) -> "pa.Table":
        """For a chart: of each bucket of event time its start, how many readings it has, min, max and last in SI, the worst
        quality. Buckets without readings are there, with nulls: nothing is drawn over a gap. Bad readings count, and have
        no value."""
        if buckets < 1 or last_ns <= first_ns:
            raise UserError("a downsampled range needs at least one bucket and an end after its start")
        step = -(-(last_ns - first_ns + 1) // buckets)
        where = self._where([signal], first_ns, last_ns, known_ns)
        sql = (
            f"WITH found AS (SELECT (event_ns - {first_ns}) // {step} AS k, count(*) AS count, min(n) AS min, max(n) AS max, "
            "last(n ORDER BY event_ns, sequence, arrival) FILTER (n IS NOT NULL) AS last, max(quality) AS quality "
            f"FROM (SELECT *, {_NUMBER} AS n FROM readings WHERE {where}) GROUP BY k) "
            f"SELECT {first_ns} + b * {step} AS start_ns, coalesce(count, 0) AS count, min, max, last, quality "
            f"FROM range({-(-(last_ns - first_ns + 1) // step)}) t(b) LEFT JOIN found ON k = b ORDER BY b"
        )
        return self._ask(sql, first_ns, last_ns, self._derived([signal], first_ns, last_ns, known_ns))

    def changes(self, signals: Sequence[str], first_ns: int, last_ns: int) -> list[int]:
        """Event times [ns], rising, at which a signal's number became another one; its first in the span counts, too."""
        where = self._where(signals, first_ns, last_ns, LAST)
        sql = (
            "SELECT DISTINCT event_ns FROM (SELECT event_ns, n, lag(n) OVER (PARTITION BY signal ORDER BY event_ns, sequence, "
            f"arrival) AS before FROM (SELECT *, {_NUMBER} AS n FROM readings WHERE {where}) WHERE n IS NOT NULL) "
            "WHERE n IS DISTINCT FROM before ORDER BY event_ns"
        )
        table = self._ask(sql, first_ns, last_ns, self._derived(signals, first_ns, last_ns, LAST))
        times: list[int] = table["event_ns"].to_pylist()
        return times

    def keys(self, signals: Sequence[str], first_ns: int, last_ns: int) -> "pa.Table":
        """What tells readings apart: signal, event_ns, sequence; in no order."""
        where = self._where(signals, first_ns, last_ns, LAST)
        return self._ask(f"SELECT signal, event_ns, sequence FROM readings WHERE {where}", first_ns, last_ns)

    def counts(self) -> "pa.Table":
        """Of each signal: number of readings, of late ones, first and last event time, worst quality."""
        sql = (
            "SELECT signal, count(*) AS count, count(*) FILTER (history_only) AS late, min(event_ns) AS first_ns, "
            "max(event_ns) AS last_ns, max(quality) AS quality FROM readings GROUP BY signal ORDER BY signal"
        )
        return self._ask(sql, FIRST, LAST)

    # states

    def state_at(self, contract: Contract, at_ns: int) -> StateTable:
        """The state as the twin had it when its watermarks were at a moment of event time.

        Signals are found by id, as in `recovery`. From the newest snapshot, and what was taken since.
        """
        table, marks = self._from_snapshot(contract, at_ns)
        due = self.taken(contract, {name: marks.get(name, FIRST) for name in contract.sources}, at_ns)
        if len(due):
            table.apply(due, at_ns)
        table.derive(at_ns)
        return table

    def _from_snapshot(self, contract: Contract, at_ns: int) -> tuple[StateTable, dict[str, int]]:
        """A state before a moment, and by source up to where its readings are in it."""
        found = self.log.snapshot(self._serving(contract), at_ns)
        if found is None:
            return StateTable(contract), {}
        name, snapshot = found[0], bytes_snapshot(found[1])
        if name == contract.hash:
            return state_of(snapshot, contract), snapshot.marks
        known = {session.contract: session for session in self.log.sessions().values()}
        past = state_of(snapshot, Contract.model_validate_json(known[name].text))
        return changed_state(past, contract, Renumbering(known[name], contract)), snapshot.marks

    def _serving(self, contract: Contract) -> tuple[str, ...]:
        """Hashes of the contracts whose snapshots serve it."""
        sessions = self.log.sessions().values()
        return tuple({contract.hash, *(one.contract for one in sessions if self._covers(one, contract))})

    def _covers(self, session: Session, contract: Contract) -> bool:
        """Whether the states of an older contract have all that is known of today's signals: one that it lacks, no other
        run had either."""
        try:
            Contract.model_validate_json(session.text)
        except ValueError:  # written by another version
            return False
        number = np.arange(len(contract.signals))
        lacking = np.setdiff1d(number, Renumbering(session, contract).pairs[1])
        others = (Renumbering(other, contract).pairs[1] for other in self.log.sessions().values())
        return not any(np.isin(lacking, kept).any() for kept in others)

    def taken(self, contract: Contract, since: dict[str, int], last_ns: int) -> EventColumns:
        """What moved the state, by source from a moment on (it included) up to another, in the order of `advance`."""
        kinds = kinds_of([signal.type for signal in contract.quantities])
        with self.log.one_view():
            renumber = renumberings(self.log, contract)
            found = [
                *taken_hot(self.log, renumber, since, last_ns),
                *taken_parts(self.log, renumber, since, last_ns),
            ]
        return joined(found, kinds).in_order()

    # inside

    def _where(self, signals: Sequence[str], first_ns: int, last_ns: int, known_ns: int) -> str:
        parts = [f"event_ns BETWEEN {int(first_ns)} AND {int(last_ns)}"]
        if known_ns != LAST:
            parts.append(f"ingest_ns <= {int(known_ns)}")
        if signals:
            known = self.signals() | self.derived()
            for name in signals:
                if name not in known:
                    raise UserError(f"the history has no signal {name!r}{did_you_mean(name, known)}")
            quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in signals)
            parts.append(f"signal IN ({quoted})")
        return " AND ".join(parts)

    def _derived(
        self, signals: Sequence[str], first_ns: int, last_ns: int, known_ns: int
    ) -> "pa.Table | None":
        """Rows of those signals that are derived; None where none is."""
        part, wanted, inputs = self._made_of(signals)
        if part is None:
            return None
        import pyarrow as pa

        since = self.as_of(first_ns - 1, inputs, known_ns=known_ns)
        rows = self.range(inputs, first_ns, last_ns, known_ns=known_ns)
        if rows.num_rows > MOST_INPUTS:
            raise UserError(
                f"{wanted[0]!r} is derived from {rows.num_rows} readings in that span, and at most {MOST_INPUTS} are computed "
                "at once; ask for a shorter one"
            )
        return derived_rows(part, pa.concat_tables([since, rows]), wanted, first_ns)

    def _derived_as_of(self, signals: Sequence[str], at_ns: int, known_ns: int) -> "pa.Table | None":
        """The same, from the last readings of their inputs; it is complete at the newest of these moments."""
        part, wanted, inputs = self._made_of(signals)
        if part is None:
            return None
        return derived_rows(part, self.as_of(at_ns, inputs, known_ns=known_ns), wanted, FIRST)

    def _made_of(self, signals: Sequence[str]) -> tuple[Contract | None, list[str], list[str]]:
        """Those signals that are derived, with a contract of them alone, and which inputs the history has; None without."""
        read = self.signals()
        wanted = [name for name in signals if name not in read and name in self.derived()]
        part = with_inputs(self.contract(), wanted) if wanted else None
        inputs = [signal.id for signal in part.signals if signal.id in read] if part is not None else []
        return (part if inputs else None), wanted, inputs

    def _ask(self, sql: str, first_ns: int, last_ns: int, more: "pa.Table | None" = None) -> "pa.Table":
        """The answer to a question about `readings`, and rows like them that are computed."""
        with self._readings(first_ns, last_ns, more) as (db, _):
            return db.sql(sql).to_arrow_table()

    @contextmanager
    def _readings(
        self, first_ns: int, last_ns: int, more: "pa.Table | None" = None
    ) -> Iterator[tuple[Any, Any]]:
        """A DuckDB connection whose view `readings` holds what may lie in a span of event time, and more."""
        import duckdb

        with self.log.one_view():
            hot = self._hot(first_ns, last_ns)
            parts = [p for p in parts_of(self.log) if p.first_ns <= last_ns and p.last_ns >= first_ns]
            store = store_of(self.log)
        db = duckdb.connect(":memory:", config={"threads": 2, "autoinstall_known_extensions": False})
        try:
            db.register("hot", hot)
            if not store.local:
                db.register_filesystem(store.fs)
            union = _union([store.duck_path(part.name) for part in parts])
            if more is not None:
                db.register("computed", more)
                union = f"{union} UNION ALL SELECT * FROM computed"
            db.execute(f"CREATE TEMP VIEW readings AS {union}")
            yield db, hot
        finally:
            db.close()

    def _hot(self, first_ns: int, last_ns: int) -> "pa.Table":
        import pyarrow as pa

        sessions = self.log.sessions()
        found: dict[int, list[Arrived]] = {}
        for logged in self.log.overlapping(first_ns, last_ns, archived_upto(self.log)):
            if isinstance(logged.entry, Arrived):
                found.setdefault(logged.session, []).append(logged.entry)
        tables = [table_of(rows_of(entries, sessions[number])) for number, entries in found.items()]
        return pa.concat_tables(tables).unify_dictionaries() if tables else schema().empty_table()


def _union(paths: Sequence[str]) -> str:
    hot = "SELECT CAST(source AS VARCHAR) AS source, CAST(signal AS VARCHAR) AS signal, * EXCLUDE (source, signal) FROM hot"
    if not paths:
        return hot
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"{hot} UNION ALL SELECT * FROM read_parquet([{quoted}])"
