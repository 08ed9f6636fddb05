"""The journal of edits: order, all or nothing, a file that fails, one row in place of many."""

import sqlite3
from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.telemetry.history import edits as module
from twinstage.telemetry.history.edits import EditJournal


def rows(path: Path) -> list[tuple[int, str]]:
    with EditJournal(path).closing() as journal:
        return list(journal.rows())


def test_what_was_committed_is_there_again_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.db"
    journal = EditJournal(path)
    journal.tell(1, 10, "one")
    journal.commit()
    journal.tell(2, 20, "two")
    assert [version for version, _ in journal.rows()] == [1], "a row is told, not kept, before its commit"
    journal.close()  # which commits
    journal.close()
    assert rows(path) == [(1, "one"), (2, "two")]


def test_a_commit_that_fails_keeps_what_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.db"
    journal = EditJournal(path)
    journal._db.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")  # somebody else holds the file
    journal.tell(1, 0, "one")
    with pytest.raises(OSError, match="cannot be written"):
        journal.commit()
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    journal.tell(2, 0, "two")
    assert journal.full
    with pytest.raises(OSError, match="2 edits wait"):
        journal.tell(3, 0, "three")
    other.rollback()
    other.close()
    journal.commit()
    assert not journal.full and len(journal) == 2
    journal.close()
    assert rows(path) == [(1, "one"), (2, "two")]


def test_one_row_stands_for_many(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with EditJournal(path).closing() as journal:
        for version in range(1, 6):
            journal.tell(version, 0, str(version))
        journal.commit()
        journal.replace(4, 9, "up to 4")
        assert len(journal) == 2
    assert rows(path) == [(4, "up to 4"), (5, "5")]


def test_a_file_that_is_no_database_is_a_users_mistake(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(UserError, match="cannot be opened"):
        EditJournal(path)
