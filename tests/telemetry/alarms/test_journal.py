"""The alarms' journal: order, pages, restarts, another writer in the same file, a disk that does not take it."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.telemetry.alarms.journal import AlarmJournal, FileJournal, MemoryJournal, open_journal
from twinstage.telemetry.alarms.records import AlarmRecord


def record(k: int, alarm: str = "hot") -> AlarmRecord:
    return AlarmRecord(k, "raised", alarm, "high", value=k / 3, comment=f"nö. {k}")


@pytest.fixture(params=["memory", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AlarmJournal:
    return open_journal(None if request.param == "memory" else tmp_path / "deep" / "log.sqlite")


def test_records_come_back_exactly_in_order_and_in_pages(journal: AlarmJournal) -> None:
    told = [record(k, "hot" if k % 2 else "low") for k in range(25)]
    journal.tell(told[:10])
    journal.tell(told[10:])
    journal.commit()
    assert list(journal.records()) == told
    newest = journal.page(limit=10)
    assert [kept.record for kept in newest] == told[:14:-1]
    older = journal.page(limit=100, before=newest[-1].number)
    assert [kept.record for kept in older] == told[14::-1]
    assert [kept.record.at_ns for kept in journal.page(alarm="low", limit=3)] == [24, 22, 20]
    assert journal.page(alarm="none") == []
    journal.close()
    journal.close()


def test_memory_is_bounded() -> None:
    journal = MemoryJournal()
    journal.tell([record(k) for k in range(10_050)])
    assert len(list(journal.records())) == 10_000
    assert journal.page(limit=1)[0].number == 10_050


def test_what_was_committed_outlives_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    program = f"""
import os, signal
from pathlib import Path
from twinstage.telemetry.alarms.journal import FileJournal
from twinstage.telemetry.alarms.records import AlarmRecord
journal = FileJournal(Path({str(path)!r}))
journal.tell([AlarmRecord(1, "raised", "hot")])
journal.commit()
journal.tell([AlarmRecord(2, "returned", "hot")])
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert [r.at_ns for r in FileJournal(path).records()] == [1]


def test_it_shares_its_file_with_another_writer(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    other = sqlite3.connect(path, timeout=10)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, blob BLOB)")
    journal = FileJournal(path)
    for k in range(20):
        with other:
            other.execute("INSERT INTO entries (blob) VALUES (?)", (b"x" * 1000,))
        journal.tell([record(k)])
        journal.commit()
    assert len(journal.page(limit=100)) == 20
    assert other.execute("SELECT count(*) FROM entries").fetchone() == (20,)
    other.close()


def test_a_commit_that_fails_keeps_what_was_told(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "log.sqlite")
    pages = int(journal._db.execute("PRAGMA page_count").fetchone()[0])
    journal._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own full disk
    journal.tell([record(k) for k in range(200)])
    with pytest.raises(OSError, match="cannot be written"):
        journal.commit()
    assert journal.page() == []
    journal._db.execute("PRAGMA max_page_count = 100000")
    journal.tell([record(200)])
    journal.commit()
    assert [r.at_ns for r in journal.records()] == list(range(201))


def test_a_file_that_is_none_and_a_damaged_record_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite").write_text("this is no database, and it is long enough to be seen as none")
    with pytest.raises(UserError, match=r"text\.sqlite' cannot be opened"):
        FileJournal(tmp_path / "text.sqlite")
    journal = FileJournal(tmp_path / "log.sqlite")
    journal.tell([record(1)])
    journal.commit()
    with journal._db:
        journal._db.execute("UPDATE alarm_records SET record = '{}'")
    with pytest.raises(UserError, match="damaged: record 1"):
        list(journal.records())


def test_a_long_file_is_shortened_but_keeps_what_states_rest_on(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    journal = FileJournal(path)
    kinds = ["raised", "returned"] * 50
    rows = [AlarmRecord(k, what, "hot") for k, what in enumerate(kinds)]  # type: ignore[arg-type]
    journal.tell([AlarmRecord(0, "out_of_service", "pump"), *rows])
    journal.close()
    kept = list(FileJournal(path, keep=10).records())
    assert [r.at_ns for r in kept] == [0, *range(90, 100)]
    assert kept[0].what == "out_of_service"
