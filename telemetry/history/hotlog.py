"""The journal of a running ingest in an SQLite file: append-only, in write-ahead mode, safe once `commit` has returned.

    sessions  one a run: its contract, and the ids of its signals, which the numbers in blobs count
    entries   the journal's entries in order, each a blob with its CRC-32, the span of its event times and their number
    checkpoints  all of an ingest after an entry, for `recovery`
    snapshots    states at moments, for `seek`
    parts        what lies in the archive, see `archive`; entries up to `archived` in `meta` are there

One thread tells while another commits. Other processes may read while one writes. A commit that fails (a full disk) keeps
what was told, and the next one writes it.
"""

import errno
import sqlite3
import threading
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from twinstage.base.errors import UserError
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.blobs import bytes_entry, entry_bytes
from twinstage.telemetry.history.faults import HistoryFault
from twinstage.telemetry.journal import Arrived, BeganAgain, Entry

FORMAT = 1
DATABASE = "history.db"
"""The log's name in a history folder."""

MOST_WAITING = 1_000_000
"""Most readings told but not yet committed."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY, contract TEXT NOT NULL, signals TEXT NOT NULL, types TEXT NOT NULL, units TEXT NOT NULL,
    text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
    name TEXT PRIMARY KEY, session INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
    count INTEGER NOT NULL, sources TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL REFERENCES sessions, source TEXT NOT NULL, first_ns INTEGER,
    last_ns INTEGER, count INTEGER NOT NULL, crc INTEGER NOT NULL, blob BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS checkpoints (
    after INTEGER PRIMARY KEY, session INTEGER NOT NULL, crc INTEGER NOT NULL, blob BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS snapshots (
    id INTEGER PRIMARY KEY, contract TEXT NOT NULL, at_ns INTEGER NOT NULL, crc INTEGER NOT NULL, blob BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS moments ON snapshots (contract, at_ns);
CREATE INDEX IF NOT EXISTS spans ON entries (last_ns, first_ns) WHERE count > 0;
"""

_NEWEST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0)"
"""Number of the newest entry, also where it lies in the archive by now."""


@dataclass(frozen=True, slots=True)
class Session:
    """One run: the hash of its contract; ids, types and SI units of its signals, in the order that blobs count.

    `text`: the contract as JSON.
    """

    id: int
    contract: str
    signals: tuple[str, ...]
    types: tuple[str, ...]
    units: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry as it was kept. `number` rises; `session`: whose signals it counts."""

    number: int
    session: int
    entry: Entry


class HotLog:
    """Writes entries of one run.

    Attributes:
        path: the file.
        session: this run's.
        committed: number of the last entry that is safe; 0 before the first.
    """

    def __init__(self, path: Path, contract: Contract) -> None:
        """Open or create the file. Raises UserError where that cannot be done."""
        self.path = path
        self._db = _open(path)
        try:
            self.session = _begin(self._db, contract)
        except sqlite3.Error as error:
            self._db.close()
            raise UserError(f"the history {str(path)!r} cannot be opened to write: {error}") from None
        self.committed = self._newest()
        self._waiting: list[Entry] = []
        self._told = self._written = 0
        self._readings = 0
        self._writing = threading.Lock()

    @property
    def told(self) -> int:
        """How many entries this run has told."""
        return self._told

    @property
    def written(self) -> int:
        """How many of them are safe."""
        return self._written

    def tell(self, entry: Entry) -> None:
        """Take an entry; it is safe after the next `commit`. Raises OSError when too many wait, for commits keep failing."""
        self._waiting.append(entry)
        self._told += 1
        if isinstance(entry, Arrived):
            self._readings += len(entry.taken) + len(entry.history_only)
            if self._readings > MOST_WAITING:
                self.commit()

    def commit(self) -> None:
        """Write what was told, all or nothing. Raises OSError where the disk does not take it; nothing is lost then."""
        with self._writing:
            self._write(list(self._waiting), ())

    def keep_checkpoint(self, blob: bytes, told: int | None = None) -> None:
        """Keep all of the ingest as it is after what was told so far (or was, when `told` was read); older ones but one go.

        Raises OSError where the disk does not take it; nothing is lost then.
        """
        with self._writing:
            upto = (self._told if told is None else told) - self._written
            put = f"INSERT OR REPLACE INTO checkpoints VALUES (({_NEWEST}), ?, ?, ?)"
            trim = "DELETE FROM checkpoints WHERE after NOT IN (SELECT after FROM checkpoints ORDER BY after DESC LIMIT 2)"
            self._write(self._waiting[:upto], ((put, (self.session.id, zlib.crc32(blob), blob)), (trim, ())))

    def keep_snapshot(self, at_ns: int, blob: bytes) -> None:
        """Keep a state for `seek`; `at_ns`: the first moment that it serves. Raises OSError as `commit` does."""
        put = "INSERT INTO snapshots (contract, at_ns, crc, blob) VALUES (?, ?, ?, ?)"
        with self._writing:
            self._write((), ((put, (self.session.contract, at_ns, zlib.crc32(blob), blob)),))

    def _write(self, entries: Sequence[Entry], more: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        """Write entries that wait first in line, and more, all or nothing."""
        if not entries and not more:
            return
        rows = [self._row(entry) for entry in entries]
        try:
            with self._db:
                self._db.executemany(
                    "INSERT INTO entries (session, source, first_ns, last_ns, count, crc, blob) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
                for sql, values in more:
                    self._db.execute(sql, values)
                newest = self._newest()
        except sqlite3.Error as error:
            code = errno.ENOSPC if "full" in str(error) else errno.EIO
            raise OSError(code, f"the history {str(self.path)!r} cannot be written: {error}") from error
        del self._waiting[: len(entries)]  # others may have been told meanwhile
        self._written += len(entries)
        self._readings -= sum(_span(entry)[2] for entry in entries)
        self.committed = newest

    def close(self) -> None:
        """Commit and close. May be called more than once."""
        try:
            self.commit()
        finally:
            with suppress(sqlite3.Error):
                self._db.close()
            self._waiting = []

    def _row(self, entry: Entry) -> tuple[int, str, int | None, int | None, int, int, bytes]:
        blob = entry_bytes(entry)
        first, last, count = _span(entry)
        return self.session.id, getattr(entry, "source", ""), first, last, count, zlib.crc32(blob), blob

    def _newest(self) -> int:
        return int(self._db.execute(_NEWEST).fetchone()[0])


class LogReader:
    """Reads a log, while another process writes it or after."""

    def __init__(self, path: Path) -> None:
        """Raises UserError where there is no such log."""
        if not path.is_file():
            raise HistoryFault(f"there is no history {str(path)!r}")
        self.path = path
        self._db = _open(path)

    def sessions(self) -> dict[int, Session]:
        """All runs by number."""
        rows = self._db.execute(
            "SELECT id, contract, signals, types, units, text FROM sessions ORDER BY id"
        ).fetchall()
        return {
            number: Session(number, contract, _names(signals), _names(types), _names(units), text)
            for number, contract, signals, types, units, text in rows
        }

    def entries(self, after: int = 0, before: int | None = None) -> Iterator[Logged]:
        """Entries in order, those after a number and up to another. Raises UserError for one that was damaged."""
        last = (1 << 62) if before is None else before
        sql = "SELECT id, session, crc, blob FROM entries WHERE id > ? AND id <= ? ORDER BY id"
        yield from self._logged(sql, (after, last))

    def overlapping(self, first_ns: int, last_ns: int, after: int = 0) -> Iterator[Logged]:
        """Entries after a number with readings that may lie in a span of event time, both ends included."""
        inside = "count > 0 AND last_ns >= ? AND first_ns <= ? AND id > ?"
        sql = f"SELECT id, session, crc, blob FROM entries WHERE {inside} ORDER BY id"
        yield from self._logged(sql, (first_ns, last_ns, after))

    def blobs(
        self, first_ns: int, last_ns: int, after: int, upto: int
    ) -> Iterator[tuple[int, int, int, bytes]]:
        """The same up to a number, undecoded and unchecked: number, session, CRC-32, blob."""
        inside = "count > 0 AND last_ns >= ? AND first_ns <= ? AND id > ? AND id <= ?"
        sql = f"SELECT id, session, crc, blob FROM entries WHERE {inside} ORDER BY id"
        yield from self._db.execute(sql, (first_ns, last_ns, after, upto))

    def readings(self, after: int, most: int, upto: int = 1 << 62) -> Iterator[Logged]:
        """Entries with readings after a number and up to another, in order, until they hold `most` readings."""
        sql = "SELECT id, session, crc, blob, count FROM entries WHERE count > 0 AND id > ? AND id <= ? ORDER BY id"
        total = 0
        for number, session, crc, blob, count in self._db.execute(sql, (after, upto)):
            yield self._checked(number, session, crc, blob)
            total += count
            if total >= most:
                return

    def waiting(self, after: int) -> int:
        """How many readings lie in entries after a number."""
        sql = "SELECT coalesce(sum(count), 0) FROM entries WHERE count > 0 AND id > ?"
        return int(self._db.execute(sql, (after,)).fetchone()[0])

    def begun_again(self) -> list[int]:
        """Event times at which replays began again, rising [ns]."""
        sql = "SELECT first_ns FROM entries WHERE count = 0 AND first_ns IS NOT NULL ORDER BY first_ns"
        return [row[0] for row in self._db.execute(sql)]

    def snapshot(self, contracts: Collection[str], at_ns: int) -> tuple[str, bytes] | None:
        """The newest snapshot that serves a moment, of some contracts: the hash of its own, and its bytes."""
        marks = ", ".join("?" * len(contracts))
        sql = (
            f"SELECT contract, crc, blob FROM snapshots WHERE contract IN ({marks}) AND at_ns <= ? "
            "ORDER BY at_ns DESC, id DESC LIMIT 2"
        )
        for contract, crc, blob in self._db.execute(sql, (*contracts, at_ns)):
            if zlib.crc32(blob) == crc:
                return contract, bytes(blob)
        return None

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a question that writes nothing."""
        return self._db.execute(sql, values).fetchall()

    def change(self, *statements: tuple[str, Sequence[object]]) -> None:
        """Write all or nothing. Raises OSError where the disk does not take it."""
        try:
            with self._db:
                for sql, values in statements:
                    self._db.execute(sql, values)
        except sqlite3.Error as error:
            raise OSError(errno.EIO, f"the history {str(self.path)!r} cannot be written: {error}") from error

    def begin(self, contract: Contract) -> Session:
        """A new session."""
        return _begin(self._db, contract)

    @contextmanager
    def one_view(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever others write."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def checkpoint(self, before: int | None = None) -> tuple[int, int, bytes] | None:
        """The newest checkpoint, up to an entry: number of the last entry in it, its session, its bytes; or None."""
        last = (1 << 62) if before is None else before
        sql = "SELECT after, session, crc, blob FROM checkpoints WHERE after <= ? ORDER BY after DESC"
        for after, session, crc, blob in self._db.execute(sql, (last,)):
            if zlib.crc32(blob) == crc:
                return after, session, blob
        return None

    def span(self) -> tuple[int, int] | None:
        """First and last event time [ns], of the archive and the hot log; None where there are no readings."""
        low, high = self._db.execute(
            "SELECT min(a), max(b) FROM (SELECT min(first_ns) a, max(last_ns) b FROM entries WHERE count > 0"
            " UNION ALL SELECT min(first_ns), max(last_ns) FROM parts)"
        ).fetchone()
        return None if low is None else (low, high)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _logged(self, sql: str, values: Sequence[int]) -> Iterator[Logged]:
        for number, session, crc, blob in self._db.execute(sql, values):
            yield self._checked(number, session, crc, blob)

    def _checked(self, number: int, session: int, crc: int, blob: bytes) -> Logged:
        if zlib.crc32(blob) != crc:
            raise HistoryFault(
                f"the history {str(self.path)!r} is damaged: entry {number} is not what was written"
            )
        return Logged(number, session, bytes_entry(blob))


def session_of(reader: LogReader, contract: Contract) -> Session:
    """A session of that contract, a new one where there is none; for those who write parts without a run."""
    for session in reader.sessions().values():
        if session.contract == contract.hash:
            return session
    return reader.begin(contract)


def _begin(db: sqlite3.Connection, contract: Contract) -> Session:
    ids = [signal.id for signal in contract.signals]
    types, units = [s.type for s in contract.signals], [s.si for s in contract.signals]
    texts = [msgspec.json.encode(part).decode() for part in (ids, types, units)]
    whole = contract.model_dump_json(exclude_unset=True)
    with db:
        done = db.execute(
            "INSERT INTO sessions (contract, signals, types, units, text) VALUES (?, ?, ?, ?, ?)",
            (contract.hash, *texts, whole),
        )
    return Session(done.lastrowid or 0, contract.hash, tuple(ids), tuple(types), tuple(units), whole)


def _names(text: str) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(text, type=list[str]))


def _span(entry: Entry) -> tuple[int | None, int | None, int]:
    if isinstance(entry, BeganAgain):
        return entry.boundary_ns, entry.boundary_ns, 0
    if not isinstance(entry, Arrived):
        return None, None, 0
    times = [part.event_ns for part in (entry.taken, entry.history_only) if len(part)]
    if not times:
        return None, None, 0
    return int(min(t.min() for t in times)), int(max(t.max() for t in times)), sum(map(len, times))


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
        db.executescript(_TABLES)
        found = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
        if found is None:
            with db:
                db.execute("INSERT INTO meta VALUES ('format', ?)", (str(FORMAT),))
        elif found[0] != str(FORMAT):
            raise HistoryFault(
                f"the history {str(path)!r} has format {found[0]}; this version reads {FORMAT}"
            )
    except (sqlite3.Error, OSError) as error:
        raise HistoryFault(f"the history {str(path)!r} cannot be opened: {error}") from None
    return db
