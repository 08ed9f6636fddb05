"""Where alarm records are kept: in memory, or in a table of the history's SQLite file.

    alarm_records  the records in order, each as JSON with its time and its alarm for who asks

`tell` costs nothing and may be called at every tick; `commit` writes what was told, all or nothing, and may be called from
another thread. A commit that fails keeps what was told, and the next one writes it.
"""

import errno
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from twinstage.base.errors import UserError
from twinstage.telemetry.alarms.records import AlarmRecord

MOST_IN_MEMORY = 10_000
"""Records that a journal without a file remembers, and that a journal whose file fails may hold back."""

MOST_IN_FILE = 1_000_000
"""Records that a file keeps when it is opened: the newest, and whatever the states of alarms rest on."""

_TABLE = """
CREATE TABLE IF NOT EXISTS alarm_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, alarm TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS alarm_records_of ON alarm_records (alarm, id);
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record with its number; numbers rise."""

    number: int
    record: AlarmRecord


class AlarmJournal(Protocol):
    """Keeps records in order."""

    def tell(self, records: Sequence[AlarmRecord]) -> None:
        """Take records; they are safe after the next `commit`. Raises OSError where too many wait."""
        ...

    def commit(self) -> None:
        """Return when what was told is as safe as it gets. Raises OSError where it cannot be written."""
        ...

    def page(self, *, before: int | None = None, alarm: str | None = None, limit: int = 100) -> list[Kept]:
        """Committed records, the newest first: those before a number, of one alarm or of all."""
        ...

    def records(self) -> Iterator[AlarmRecord]:
        """All of them, the oldest first."""
        ...

    def close(self) -> None:
        """Commit and let go. May be called more than once."""
        ...


class MemoryJournal:
    """The newest `MOST_IN_MEMORY` records, gone with the process."""

    def __init__(self) -> None:
        self._kept: deque[Kept] = deque(maxlen=MOST_IN_MEMORY)
        self._last = 0

    def tell(self, records: Sequence[AlarmRecord]) -> None:
        for record in records:
            self._last += 1
            self._kept.append(Kept(self._last, record))

    def commit(self) -> None:
        pass

    def page(self, *, before: int | None = None, alarm: str | None = None, limit: int = 100) -> list[Kept]:
        fits = (
            kept
            for kept in reversed(self._kept)
            if (before is None or kept.number < before) and alarm in (None, kept.record.alarm)
        )
        return [kept for kept, _ in zip(fits, range(limit), strict=False)]

    def records(self) -> Iterator[AlarmRecord]:
        return iter([kept.record for kept in self._kept])

    def close(self) -> None:
        pass


class FileJournal:
    """A table in an SQLite file that others may use as well."""

    def __init__(self, path: Path, *, keep: int = MOST_IN_FILE) -> None:
        """Open or create it, and shorten it to about `keep` records. Raises UserError where that cannot be done."""
        self.path = path
        self._lock = threading.Lock()
        self._waiting: list[AlarmRecord] = []
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
            self._db.executescript(_TABLE)
            self._shorten(keep)
        except (sqlite3.Error, OSError) as error:
            raise UserError(f"the alarms' journal {str(path)!r} cannot be opened: {error}") from None

    def tell(self, records: Sequence[AlarmRecord]) -> None:
        if len(self._waiting) + len(records) > MOST_IN_MEMORY:
            self.commit()
        self._waiting.extend(records)

    def commit(self) -> None:
        with self._lock:
            if self._closed or not self._waiting:
                return
            count = len(self._waiting)  # more may be told by another thread while these are written
            rows = [(r.at_ns, r.alarm, msgspec.json.encode(r).decode()) for r in self._waiting[:count]]
            try:
                with self._db:
                    self._db.executemany(
                        "INSERT INTO alarm_records (at_ns, alarm, record) VALUES (?, ?, ?)", rows
                    )
            except sqlite3.Error as error:
                code = errno.ENOSPC if "full" in str(error) else errno.EIO
                raise OSError(
                    code, f"the alarms' journal {str(self.path)!r} cannot be written: {error}"
                ) from error
            del self._waiting[:count]

    def page(self, *, before: int | None = None, alarm: str | None = None, limit: int = 100) -> list[Kept]:
        sql = "SELECT id, record FROM alarm_records WHERE id < ? AND (? IS NULL OR alarm = ?) ORDER BY id DESC LIMIT ?"
        last = (1 << 62) if before is None else before
        with self._lock:
            rows = self._db.execute(sql, (last, alarm, alarm, limit)).fetchall()
        return [Kept(number, self._read(number, text)) for number, text in rows]

    def records(self) -> Iterator[AlarmRecord]:
        for number, text in self._db.execute("SELECT id, record FROM alarm_records ORDER BY id"):
            yield self._read(number, text)

    def close(self) -> None:
        try:
            self.commit()
        finally:
            with self._lock:
                self._closed = True
                self._db.close()

    def _shorten(self, keep: int) -> None:
        """Old records go, but for the last of each kind of each alarm: they say what state it is in."""
        last = self._db.execute("SELECT coalesce(max(id), 0) FROM alarm_records").fetchone()[0]
        if last <= keep:
            return
        with self._db:
            self._db.execute(
                "DELETE FROM alarm_records WHERE id <= ? AND id NOT IN "
                "(SELECT max(id) FROM alarm_records GROUP BY alarm, json_extract(record, '$.what'))",
                (last - keep,),
            )

    def _read(self, number: int, text: str) -> AlarmRecord:
        try:
            return msgspec.json.decode(text, type=AlarmRecord)
        except msgspec.MsgspecError as error:
            raise UserError(
                f"the alarms' journal {str(self.path)!r} is damaged: record {number}: {error}"
            ) from None


def open_journal(path: Path | None) -> AlarmJournal:
    """The journal of that file, or one in memory for None."""
    return MemoryJournal() if path is None else FileJournal(path)
