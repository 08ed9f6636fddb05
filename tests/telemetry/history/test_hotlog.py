"""The hot log: what was committed survives kill -9, a full disk loses nothing, damage is told, contracts may change."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.telemetry.columns import kinds_of, pack, unpack
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.history.blobs import bytes_entry, entry_bytes
from twinstage.telemetry.history.checkpoint import checkpoint_bytes
from twinstage.telemetry.history.hotlog import HotLog, LogReader
from twinstage.telemetry.history.recovery import recover
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import Advanced, Arrived, BeganAgain, CaughtUp

MS = 1_000_000
CONTRACT = """
contract: 1
sources:
  a: {uri: "memory:a", lateness: 0.02, reader: {format: jsonl, layout: long, time: {field: t, unit: ms}, name: tag, value: v}}
signals:
  - {id: x, source: a, field: x, unit: mm}
  - {id: s, source: a, field: s, type: string}
"""
KINDS = kinds_of(["f64", "string"])


def contract(text: str = CONTRACT) -> Contract:
    return parse_contract(text)


def line(t: int, tag: str = "x") -> bytes:
    return b'{"t": %d, "tag": "%s", "v": %s}\n' % (
        t,
        tag.encode(),
        b'"on"' if tag == "s" else b"%d" % (t % 7),
    )


def filled(path: Path, upto: int = 50, made: Contract | None = None) -> Ingest:
    made = made or contract()
    ingest = Ingest(made, journal=HotLog(path, made))
    for t in range(upto):
        ingest.offer("a", line(t) + (line(t, "s") if t % 5 == 0 else b""), t * MS)
        ingest.advance(t * MS)
    ingest.commit()
    return ingest


EVENT = st.tuples(
    st.integers(-(1 << 62), 1 << 62),
    st.just(0),
    st.integers(-3, 1 << 62),
    st.integers(1, 1 << 50),
    st.floats(allow_nan=False),
    st.sampled_from([0, 0x40000000]),
)
TEXTS = st.tuples(
    st.integers(0, 9), st.just(1), st.just(0), st.integers(1, 9), st.text(max_size=3), st.just(0)
)
COLUMNS = st.lists(st.one_of(EVENT, TEXTS), max_size=6).map(lambda events: pack(events, KINDS))


@settings(deadline=None, max_examples=100)
@given(COLUMNS, COLUMNS, st.dictionaries(st.sampled_from(["received", "late"]), st.integers(0, 9)))
def test_entries_come_back_from_their_bytes(taken: object, late: object, counts: dict[str, int]) -> None:
    entry = Arrived("a", 7, taken, late, counts)  # type: ignore[arg-type]
    back = bytes_entry(entry_bytes(entry))
    assert isinstance(back, Arrived)
    assert unpack(back.taken, KINDS) == unpack(entry.taken, KINDS)
    assert unpack(back.history_only, KINDS) == unpack(entry.history_only, KINDS)
    assert (back.source, back.ingest_ns, back.counts) == ("a", 7, counts)
    for other in (CaughtUp("a", 3), BeganAgain("a", -5), Advanced(1 << 60, 2)):
        assert bytes_entry(entry_bytes(other)) == other


@pytest.mark.parametrize("blob", [b"", b"\x00", b"\x92\xa1x\x80", b"\x92\xa8Advanced\x80"])
def test_bytes_that_are_no_entry_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="entry"):
        bytes_entry(blob)


def test_what_was_committed_comes_back(tmp_path: Path) -> None:
    live = filled(tmp_path / "log.db")
    other = Ingest(contract())
    assert recover(other, tmp_path / "log.db").last > 0
    assert (other.state.digest(), other.counters) == (live.state.digest(), live.counters)


def test_a_checkpoint_shortens_the_way_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    live = filled(path)
    log = live.journal
    assert isinstance(log, HotLog)
    log.keep_checkpoint(checkpoint_bytes(live))
    kept = log.committed
    for t in range(50, 60):
        live.offer("a", line(t), t * MS)
        live.advance(t * MS)
    live.commit()
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM entries WHERE id <= ?", (kept,))
    other = Ingest(contract())
    recover(other, path)
    assert (other.state.digest(), other.counters) == (live.state.digest(), live.counters)


def test_the_past_can_be_opened_at_any_entry(tmp_path: Path) -> None:
    path, digests = tmp_path / "log.db", {}
    made = contract()
    log = HotLog(path, made)
    ingest = Ingest(made, journal=log)
    for t in range(20):
        ingest.offer("a", line(t), t * MS)
        ingest.advance(t * MS)
        ingest.commit()
        digests[log.committed] = ingest.state.digest()
    for number, digest in digests.items():
        past = Ingest(made)
        assert recover(past, path, before=number).last == number
        assert past.state.digest() == digest


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    filled(path).close()
    with sqlite3.connect(path) as db:
        (blob,) = db.execute("SELECT blob FROM entries WHERE id = 9").fetchone()
        db.execute("UPDATE entries SET blob = ? WHERE id = 9", (blob[:-1] + b"!",))
    with pytest.raises(UserError, match="damaged: entry 9"):
        recover(Ingest(contract()), path)


def test_a_contract_that_changed_finds_its_signals_by_id(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    live = filled(path)
    changed = CONTRACT.replace("  - {id: x,", "  - {id: new, source: a, field: new}\n  - {id: x,").replace(
        "  - {id: s, source: a, field: s, type: string}\n", "  - {id: s, source: a, field: s}\n"
    )
    other = Ingest(contract(changed))
    recover(other, path)
    assert other.state.numeric[other.state.index("x")] == live.state.numeric[0]
    assert not other.state.has_value("s")  # a text then, a number now
    counts = other.counters["a"]
    assert counts["received"] == sum(
        counts[k] for k in ("applied", "history_only", "late", "duplicate", "quarantined", "pending")
    )
    assert counts["received"] == 50


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, but long enough to be read as one" * 40)
    with pytest.raises(UserError, match="cannot be opened"):
        HotLog(tmp_path / "text.db", contract())
    with pytest.raises(UserError, match="no history"):
        LogReader(tmp_path / "none.db")


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_hotlog import MS, contract, line
from twinstage.telemetry.history.hotlog import HotLog
from twinstage.telemetry.ingest import Ingest
made = contract()
ingest = Ingest(made, journal=HotLog(Path(sys.argv[1]), made))
for t in range(int(sys.argv[2]), 1_000_000):
    ingest.offer("a", line(t), t * MS)
    ingest.advance(t * MS)
    ingest.commit()
    print(t, flush=True)  # acknowledged
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, start = tmp_path / "log.db", 0
    for kill_after in (3, 40, 11):
        command = [sys.executable, "-c", WRITER, str(path), str(start), str(Path(__file__).parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged = [int(child.stdout.readline()) for _ in range(kill_after)]
            os.kill(child.pid, signal.SIGKILL)
            acknowledged += [int(text) for text in child.stdout.read().splitlines() if text.strip()]
        recovered = Ingest(contract())
        recover(recovered, path)
        assert recovered.counters["a"]["received"] >= acknowledged[-1] + 1
        start = recovered.counters["a"]["received"]
    clean = Ingest(contract())
    for t in range(start):
        clean.offer("a", line(t), t * MS)
    clean.advance(start * MS)
    recovered.advance(start * MS)
    assert recovered.state.digest() == clean.state.digest()


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import signal
from test_hotlog import MS, contract, line
from twinstage.telemetry.history.hotlog import HotLog
from twinstage.telemetry.ingest import Ingest
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
made = contract()
ingest = Ingest(made, journal=HotLog(Path(sys.argv[1]), made))
size = Path(sys.argv[1] + "-wal").stat().st_size + 20_000
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
failed = 0
for t in range(300):
    ingest.offer("a", line(t), t * MS)
    ingest.advance(t * MS)
    try:
        ingest.commit()
    except OSError as error:
        failed += 1
        assert "cannot be written" in str(error)
assert failed > 100, failed
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ingest.commit()
print(ingest.state.digest())
"""


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    command = [sys.executable, "-c", FULL, str(path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    recovered = Ingest(contract())
    recover(recovered, path)
    assert recovered.counters["a"]["received"] == 300
    assert recovered.state.digest() == done.stdout.strip()
