"""Where edits are kept: a table of the history's SQLite file, one row a transaction, its text as the owner wrote it.

`tell` costs nothing; `commit` writes what was told, all or nothing, and may be called from another thread. A commit that fails
keeps what was told, and the next one writes it.
"""

import errno
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from twinstage.base.errors import UserError

MOST_WAITING = 10_000
"""Transactions that a file that fails may hold back."""
MOST_IN_FILE = 50_000
"""Rows after which the owner should fold them at the next start."""

_TABLE = "CREATE TABLE IF NOT EXISTS edits (version INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, record TEXT NOT NULL);"


class EditJournal:
    """Rows (version, at_ns, text) in the order of their versions."""

    def __init__(self, path: Path) -> None:
        """Open or create it. Raises UserError where that cannot be done."""
        self.path = path
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, int, str]] = []
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
            self._db.execute(_TABLE)
            self._db.commit()
        except (sqlite3.Error, OSError) as error:
            raise UserError(f"the journal of edits {str(path)!r} cannot be opened: {error}") from None

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM edits").fetchone()[0])

    @property
    def full(self) -> bool:
        """Whether as much waits as may."""
        return len(self._waiting) >= MOST_WAITING

    def rows(self) -> Iterator[tuple[int, str]]:
        """Version and text of all rows, the oldest first."""
        yield from self._db.execute("SELECT version, record FROM edits ORDER BY version")

    def tell(self, version: int, at_ns: int, text: str) -> None:
        """Take a row; it is safe after the next `commit`. Raises OSError where too many wait."""
        if self.full:
            raise OSError(errno.ENOSPC, f"{MOST_WAITING} edits wait to be written to {str(self.path)!r}")
        self._waiting.append((version, at_ns, text))

    def commit(self) -> None:
        """Return when what was told is on the disk. Raises OSError where it cannot be written."""
        with self._lock:
            if self._closed or not self._waiting:
                return
            rows = self._waiting[:]  # more may be told by another thread while these are written
            try:
                with self._db:
                    self._db.executemany("INSERT INTO edits (version, at_ns, record) VALUES (?, ?, ?)", rows)
            except sqlite3.Error as error:
                code = errno.ENOSPC if "full" in str(error) else errno.EIO
                raise OSError(
                    code, f"the journal of edits {str(self.path)!r} cannot be written: {error}"
                ) from error
            del self._waiting[: len(rows)]

    def replace(self, version: int, at_ns: int, text: str) -> None:
        """One row in place of all those up to its version. Raises OSError."""
        with self._lock:
            try:
                with self._db:
                    self._db.execute("DELETE FROM edits WHERE version <= ?", (version,))
                    self._db.execute("INSERT INTO edits VALUES (?, ?, ?)", (version, at_ns, text))
            except sqlite3.Error as error:
                raise OSError(
                    errno.EIO, f"the journal of edits {str(self.path)!r} cannot be written: {error}"
                ) from error

    def closing(self) -> "closing[EditJournal]":
        """For a `with`: closed at its end."""
        return closing(self)

    def close(self) -> None:
        """Commit and let go. May be called more than once."""
        try:
            self.commit()
        finally:
            with self._lock:
                if not self._closed:
                    self._closed = True
                    self._db.close()
