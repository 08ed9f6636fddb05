"""Archive, questions, seeks and playback, judged by plain lists of what was told to the journal."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twinstage.telemetry.history.archive as archive_module
import twinstage.telemetry.history.recorder as recorder_module
from twinstage.base.errors import UserError
from twinstage.telemetry.columns import kinds_of, unpack
from twinstage.telemetry.history.archive import (
    archived_upto,
    compact,
    parts_of,
    retain,
    store_of,
    use_archive,
)
from twinstage.telemetry.history.checkpoint import checkpoint_bytes
from twinstage.telemetry.history.hotlog import LogReader
from twinstage.telemetry.history.moments import iso_ns, moment_ns
from twinstage.telemetry.history.playback import Playback, boundary_before
from twinstage.telemetry.history.query import History
from twinstage.telemetry.history.recorder import open_recorder
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import Arrived

S = made.S
Told = list[dict[str, Any]]


def told(folder: Path) -> Told:
    """Every reading of a hot log as the journal had it, with no code of the archive or the queries."""
    contract = made.contract()
    kinds, out = kinds_of([s.type for s in contract.signals]), []
    reader = LogReader(made.path(folder))
    for logged in reader.entries():
        entry = logged.entry
        if isinstance(entry, Arrived):
            for columns, late in ((entry.taken, False), (entry.history_only, True)):
                for time, signal, sequence, arrival, value, quality in unpack(columns, kinds):
                    out.append(
                        {
                            "signal": contract.signals[signal].id,
                            "event_ns": time,
                            "key": (time, sequence, arrival),
                            "ingest_ns": entry.ingest_ns,
                            "value": value,
                            "quality": quality,
                            "late": late,
                        }
                    )
    reader.close()
    return out


def value_of(row: dict[str, Any]) -> Any:
    vector = None if row["vector"] is None else tuple(row["vector"])
    return next((v for v in (row["value"], row["whole"], row["text"], vector) if v is not None), None)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told, str]:
    """A history, half in the archive, half in the hot log: its folder, all readings, and the live hash at its end."""
    folder = tmp_path_factory.mktemp("lived")
    ingest, recorder = made.live(folder, 60)
    recorder.close()
    rows = told(folder)
    reader = LogReader(made.path(folder))
    before = archive_module.PART, archive_module.KEEP_HOT
    try:
        archive_module.PART, archive_module.KEEP_HOT = 100, 50
        assert compact(reader) > 500
    finally:
        archive_module.PART, archive_module.KEEP_HOT = before
    assert 0 < reader.waiting(archived_upto(reader)) < 150
    reader.close()
    assert any(row["late"] for row in rows) and len({row["signal"] for row in rows}) == 5
    return folder, rows, ingest.state.digest()


def test_a_range_is_what_was_told(lived: tuple[Path, Told, str]) -> None:
    folder, rows, _ = lived
    with History(folder) as history:
        for names in (["oven.x"], ["oven.note", "axis"], []):
            first, last = made.T0 + 10 * S, made.T0 + 55 * S
            got = history.range(names, first, last).to_pylist()
            want = [r for r in rows if first <= r["event_ns"] <= last and (not names or r["signal"] in names)]
            want.sort(key=lambda r: (r["signal"], *r["key"]))
            assert [(r["signal"], r["event_ns"], value_of(r), r["history_only"]) for r in got] == [
                (r["signal"], r["event_ns"], r["value"], r["late"]) for r in want
            ]


@settings(deadline=None, max_examples=15)
@given(at=st.floats(-1, 61), lag=st.floats(-1, 5))
def test_as_of_and_as_known_at(lived: tuple[Path, Told, str], at: float, lag: float) -> None:
    folder, rows, _ = lived
    at_ns, known_ns = made.T0 + round(at * S), made.T0 + round((at + lag) * S)
    want: dict[str, dict[str, Any]] = {}
    for row in rows:
        known = row["event_ns"] <= at_ns and row["ingest_ns"] <= known_ns
        if known and (row["signal"] not in want or want[row["signal"]]["key"] < row["key"]):
            want[row["signal"]] = row
    with History(folder) as history:
        got = history.as_of(at_ns, known_ns=known_ns).to_pylist()
    assert {r["signal"]: (r["event_ns"], value_of(r)) for r in got} == {
        name: (r["event_ns"], r["value"]) for name, r in want.items()
    }


def test_a_chart_keeps_its_peaks_and_its_gaps(tmp_path: Path) -> None:
    recorder = made.live(tmp_path, 5)[1]
    recorder.close()
    recorder = made.live(tmp_path, 5, start_s=20)[1]
    recorder.close()
    rows = [r for r in told(tmp_path) if r["signal"] == "oven.x"]
    with History(tmp_path) as history:
        first, last = made.T0, made.T0 + 25 * S
        chart = history.downsampled("oven.x", first, last, 25).to_pylist()
    assert len(chart) == 25
    empty = 0
    for k, bucket in enumerate(chart):
        end = chart[k + 1]["start_ns"] if k < 24 else last + 1
        inside = sorted(
            (r for r in rows if bucket["start_ns"] <= r["event_ns"] < end), key=lambda r: r["key"]
        )
        values = [r["value"] for r in inside]
        assert bucket["count"] == len(values)
        assert (bucket["min"], bucket["max"]) == (min(values, default=None), max(values, default=None))
        assert bucket["last"] == (values[-1] if values else None)
        empty += not values
    assert empty >= 10


def test_a_state_at_any_moment_is_the_one_the_twin_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One source, so that the live state at a watermark is that of a moment; snapshots lie between most seeks."""
    monkeypatch.setattr(recorder_module, "SNAPSHOT_READINGS", 40)
    states: dict[int, str] = {}

    def note(tick: int, now: int, ingest: Ingest, recorder: object) -> None:
        if tick % 7 == 0 and "a" in ingest.watermarks:
            states[ingest.watermarks["a"]] = _only_a(ingest)

    made.live(tmp_path, 40, on_tick=note)[1].close()
    contract = made.contract()
    with History(tmp_path) as history:
        assert history.log.query("SELECT count(*) FROM snapshots")[0][0] > 5
        for compacted in (False, True):
            if compacted:
                compact(history.log, all_=True)
            for at, digest in states.items():
                past = Ingest(contract)
                past.state.take_parts(history.state_at(contract, at).parts())
                assert _only_a(past) == digest
    assert len(set(states.values())) > 50


def _only_a(ingest: Ingest) -> str:
    state = ingest.state
    return repr(
        [(state.numeric[k], state.event_ns[k], state.quality[k]) for k in (0, 1, 2, 5)]
        + [state.text("oven.note")]
    )


def test_playback_ends_in_the_live_state_at_any_pace(lived: tuple[Path, Told, str]) -> None:
    folder, rows, _ = lived
    taken = [r for r in rows if not r["late"]]
    for step in (S // 7, 13 * S, 1000 * S):
        past = Playback(History(folder), made.contract(), made.T0 - 10 * S)
        now = 5 * S
        while not past.ended:
            past.advance(now)
            now += step
        counts = past.counters
        past.close()
        assert sum(c["applied"] for c in counts.values()) == len(taken)
        final = Ingest(made.contract())
        recover_all(final, folder)
        assert past.state.digest() == final.state.digest()


def recover_all(ingest: Ingest, folder: Path) -> None:
    """The live ingest at its end, and then all that still waited."""
    recorder = open_recorder(folder, ingest)
    recorder.journal.tell = lambda entry: None  # type: ignore[method-assign]
    for name in made.TAGS:
        ingest.finish(name, made.T0 + 100 * S)
    ingest.advance(made.T0 + 100 * S)
    recorder.journal.close()
    recorder._lock.close()


def test_a_playback_from_the_middle_meets_one_from_the_start(lived: tuple[Path, Told, str]) -> None:
    folder, _, _ = lived
    moment = made.T0 + 41 * S
    digests = []
    for start in (made.T0 - S, made.T0 + 17 * S, moment):
        past = Playback(History(folder), made.contract(), start)
        past.advance(0)
        past.play_to(moment)
        digests.append(past.state.digest())
        past.close()
    assert len(set(digests)) == 1


def test_a_run_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    first, recorder = made.live(tmp_path, 10)
    recorder.close()
    second = Ingest(made.contract())
    again = open_recorder(tmp_path, second)
    assert (second.state.digest(), second.counters) == (first.state.digest(), first.counters)
    with pytest.raises(UserError, match="another twin writes it"):
        open_recorder(tmp_path, Ingest(made.contract()))
    again.close()
    again.close()
    open_recorder(tmp_path, Ingest(made.contract())).close()


def test_the_archive_lets_recovery_live(tmp_path: Path) -> None:
    """After archiving and checkpoints, old entries are gone, numbers are not given twice, and the next run goes on."""
    first, recorder = made.live(tmp_path, 10)
    recorder.checkpoint()
    recorder.close()
    reader = LogReader(made.path(tmp_path))
    total = reader.waiting(0)
    assert compact(reader, all_=True) == total
    newest = archived_upto(reader)
    assert compact(reader, all_=True) == 0
    assert len(list(reader.entries())) < 5
    reader.close()
    second = Ingest(made.contract())
    again = open_recorder(tmp_path, second)
    assert second.counters == first.counters
    assert again.journal.committed >= newest
    second.offer("b", b'{"t": %d, "tag": "door", "v": true}\n' % (made.T0 + 11 * S), made.T0 + 11 * S)
    again.close()
    with History(tmp_path) as history:
        assert history.range([], 0, 1 << 62).num_rows == total + 1


def test_what_no_checkpoint_holds_stays_in_the_hot_log(tmp_path: Path) -> None:
    """Archived before any checkpoint, and the twin never said goodbye: it still comes back."""
    first, recorder = made.live(tmp_path, 10)
    reader = LogReader(made.path(tmp_path))
    compact(reader, all_=True)
    reader.close()
    recorder.journal.close()
    recorder._lock.close()
    second = Ingest(made.contract())
    open_recorder(tmp_path, second).close()
    assert (second.state.digest(), second.counters) == (first.state.digest(), first.counters)


def test_a_checkpoint_covers_what_was_told_when_it_was_taken(tmp_path: Path) -> None:
    """It is written later, in another thread, when more has been told."""
    ingest, recorder = made.live(tmp_path, 5)
    ingest.offer("b", b'{"t": %d, "tag": "door", "v": true}\n' % (made.T0 + 6 * S), made.T0 + 6 * S)
    blob, told = checkpoint_bytes(ingest), recorder.journal.told
    for k in range(7, 20):
        ingest.offer("b", b'{"t": %d, "tag": "door", "v": false}\n' % (made.T0 + k * S), made.T0 + k * S)
        ingest.advance(made.T0 + k * S)
    recorder.journal.keep_checkpoint(blob, told)
    recorder.commit()
    recorder.journal.close()
    recorder._lock.close()
    second = Ingest(made.contract())
    open_recorder(tmp_path, second).close()
    assert (second.state.digest(), second.counters) == (ingest.state.digest(), ingest.counters)


def test_a_crash_between_file_and_mark_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.live(tmp_path, 10)[1].close()
    reader = LogReader(made.path(tmp_path))
    total = reader.waiting(0)

    def crash(*_: object) -> None:
        raise OSError("power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(reader, "change", crash)
        with pytest.raises(OSError, match="power"):
            compact(reader, all_=True)
    assert list(tmp_path.rglob("*.parquet")) and not parts_of(reader)
    with History(tmp_path) as history:
        assert history.range([], 0, 1 << 62).num_rows == total
    compact(reader, all_=True)
    with History(tmp_path) as history:
        assert history.range([], 0, 1 << 62).num_rows == total
    assert len(list(tmp_path.rglob("*.parquet"))) == len(parts_of(reader))
    reader.close()


def test_parts_are_hourly_sorted_and_name_their_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "HOURLY", 10)
    import pyarrow.parquet as pq

    made.live(tmp_path, 3)[1].close()
    made.live(tmp_path, 3, start_s=3600)[1].close()
    reader = LogReader(made.path(tmp_path))
    compact(reader, all_=True)
    hours = set()
    for part in parts_of(reader):
        file = pq.ParquetFile(tmp_path / "archive" / part.name)
        rows = file.read().to_pylist()
        assert file.schema_arrow.metadata[b"twinstage.contract"].decode() == made.contract().hash
        order = [(r["signal"], r["event_ns"]) for r in rows]
        assert order == sorted(order) and len(rows) == part.count
        assert len({r["event_ns"] // (3600 * S) for r in rows}) == 1
        hours.add(part.name.rsplit("/", 1)[0])
    assert len(hours) == 2
    reader.close()


@pytest.mark.parametrize("hourly", [True, False])
def test_complete_hours_move_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hourly: bool
) -> None:
    """Nobody asks for all: what is more than an hour behind the newest hour goes, the rest stays; days where all is few."""
    if hourly:
        monkeypatch.setattr(archive_module, "HOURLY", 10)
    made.live(tmp_path, 3)[1].close()
    made.live(tmp_path, 3, start_s=3 * 3600)[1].close()
    with History(tmp_path) as history:
        old = history.range([], 0, made.T0 + 3600 * S).num_rows
        assert compact(history.log) == (old if hourly else 0) and old > 0
    if not hourly:
        made.live(tmp_path, 3, start_s=26 * 3600)[1].close()
    with History(tmp_path) as history:
        if not hourly:
            assert compact(history.log) >= old
            assert len(parts_of(history.log)) == 2  # one a run
        assert compact(history.log) == 0
        assert history.log.waiting(archived_upto(history.log)) > 0


def test_an_hour_in_many_pieces_becomes_one(tmp_path: Path) -> None:
    folder = tmp_path
    ingest, recorder = made.live(folder, 0.1)
    reader = LogReader(made.path(folder))
    for k in range(archive_module.PIECES + 1):
        now = made.T0 + k * S
        ingest.offer("a", b'{"t": %d, "tag": "s", "v": "note %d"}\n' % (now, k), now)
        ingest.advance(now)
        recorder.commit()
        compact(reader, all_=True)
    recorder.close()
    with History(folder) as history:
        assert len(parts_of(history.log)) == 2  # the last one came after the others were put together
        rows = history.range(["oven.note"], made.T0, made.T0 + 60 * S).to_pylist()
        notes = [row["text"] for row in rows if row["event_ns"] % S == 0]
        assert notes == [f"note {k}" for k in range(archive_module.PIECES + 1)]
        assert len(list(folder.rglob("*.parquet"))) == 2
        state = history.state_at(made.contract(), made.T0 + 60 * S)
        assert state.text("oven.note") == notes[-1]
    reader.close()


def test_retention_removes_whole_files(tmp_path: Path) -> None:
    made.live(tmp_path, 3)[1].close()
    made.live(tmp_path, 3, start_s=7200)[1].close()
    with History(tmp_path) as history:
        compact(history.log, all_=True)
        late = history.range([], made.T0 + 3600 * S, 1 << 62).num_rows
        files, readings = retain(history.log, made.T0 + 3600 * S)
        assert files >= 1 and readings > 0
        assert history.range([], 0, 1 << 62).num_rows == late
        assert len(list(tmp_path.rglob("*.parquet"))) == len(parts_of(history.log))


def test_an_object_store_holds_the_archive(tmp_path: Path) -> None:
    import fsspec

    made.live(tmp_path, 10)[1].close()
    with History(tmp_path) as history:
        want = history.counts().to_pylist()
        use_archive(history.log, "memory://plant")
        compact(history.log, all_=True)
        assert not list(tmp_path.rglob("*.parquet"))
        assert history.counts().to_pylist() == want
        assert fsspec.filesystem("memory").find("/plant")
        contract = made.contract()
        assert history.state_at(contract, made.T0 + 9 * S).has_value("oven.x")
        with pytest.raises(UserError, match="move them first"):
            use_archive(history.log, str(tmp_path / "elsewhere"))
        assert store_of(history.log).url == "memory://plant"


def test_a_store_that_refuses_keeps_readings_in_the_hot_log(tmp_path: Path) -> None:
    made.live(tmp_path, 3)[1].close()
    (tmp_path / "archive").write_text("a file is in the way")
    with History(tmp_path) as history:
        total = history.range([], 0, 1 << 62).num_rows
        with pytest.raises(OSError):
            compact(history.log, all_=True)
        assert history.range([], 0, 1 << 62).num_rows == total


def test_a_contract_that_grew_reads_the_old_archive(tmp_path: Path) -> None:
    made.live(tmp_path, 5)[1].close()
    with History(tmp_path) as history:
        compact(history.log, all_=True)
        grown = made.contract(
            made.CONTRACT.replace(
                "  - {id: oven.x,", "  - {id: new, source: a, field: new}\n  - {id: oven.x,"
            )
        )
        old, new = (history.state_at(c, made.T0 + 4 * S) for c in (made.contract(), grown))
    for name in ("oven.x", "oven.count", "door.open", "twice"):
        assert old.numeric[old.index(name)] == new.numeric[new.index(name)]
    assert not new.has_value("new")


def test_boundaries_are_kept_for_those_with_a_memory(tmp_path: Path) -> None:
    ingest, recorder = made.live(tmp_path, 3)
    ingest.begin_again("a", made.T0 + 3 * S)
    ingest.offer("a", b'{"t": %d, "tag": "x", "v": 1}\n' % made.T0, made.T0 + 4 * S)
    recorder.close()
    with History(tmp_path) as history:
        begun = history.log.begun_again()
        assert len(begun) == 1
        compact(history.log, all_=True)
        assert boundary_before(history, begun[0]) == begun[0]
        assert boundary_before(history, begun[0] - 1) == history.span()[0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("12.5", made.T0 + 12_500_000_000),
        ("2026-11-24T09:14:00Z", 1_795_511_640 * S),
        ("2026-11-24T10:14:00.25+01:00", 1_795_511_640_250_000_000),
    ],
)
def test_moments_are_read(text: str, want: int) -> None:
    assert moment_ns(text, made.T0, where="--at") == want
    assert moment_ns(iso_ns(want), 0, where="--at") == want


@pytest.mark.parametrize(
    ("text", "match"), [("yesterday", "is no moment"), ("2026-11-24", "names no zone"), ("1e300", "outside")]
)
def test_other_moments_are_refused(text: str, match: str) -> None:
    with pytest.raises(UserError, match=match):
        moment_ns(text, 0, where="--at")


@pytest.mark.parametrize(
    "ask",
    [
        lambda h: h.range(["oven.y"], 0, 1),
        lambda h: h.as_of(0, ["oven.y' OR 1=1 --"]),
        lambda h: h.downsampled("oven.y", 0, 9, 3),
    ],
)
def test_unknown_signals_are_refused(lived: tuple[Path, Told, str], ask: Callable[[History], object]) -> None:
    with History(lived[0]) as history, pytest.raises(UserError, match="no signal"):
        ask(history)


def test_a_damaged_name_cannot_leave_the_archive(tmp_path: Path) -> None:
    made.live(tmp_path, 3)[1].close()
    with History(tmp_path) as history:
        compact(history.log, all_=True)
    with sqlite3.connect(made.path(tmp_path)) as db:
        db.execute("UPDATE parts SET name = '../../x.parquet'")
    with History(tmp_path) as history, pytest.raises(UserError, match="outside its archive"):
        history.counts()


def test_a_twin_that_starts_again_hears_little_of_its_past_however_long_it_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "COMMIT_S", 0.001)
    monkeypatch.setattr(recorder_module, "CHECKPOINT_ENTRIES", 100)
    ingest = Ingest(made.contract())
    recorder = open_recorder(tmp_path, ingest)

    async def lives() -> None:
        stop = asyncio.Event()
        beside = asyncio.create_task(recorder.run(stop))
        for k in range(1500):
            now = made.T0 + k * made.MS
            ingest.offer("a", b'{"t": %d, "tag": "x", "v": 1}\n' % now, now)
            recorder.after_advance(ingest.advance(now))
            if k % 5 == 0:
                await asyncio.sleep(0.003)
        stop.set()
        await beside
        recorder.commit()

    asyncio.run(lives())
    assert recorder.journal.told > 2000
    recorder.journal._db.close()  # killed: no last checkpoint
    recorder._lock.close()
    again = Ingest(made.contract())
    second = open_recorder(tmp_path, again)
    assert second.recovered.retold < 400, "it was told nearly everything again"
    assert again.state.digest() == ingest.state.digest() and again.counters == ingest.counters
    assert second._much_to_retell() == (second.recovered.retold >= 100)  # one that dies at once counts on
    second.close()


def test_much_in_few_entries_is_kept_early_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "CHECKPOINT_READINGS", 50)
    ingest = Ingest(made.contract())
    recorder = open_recorder(tmp_path, ingest)
    assert not recorder._much_to_retell()
    ingest.offer(
        "a", b"".join(b'{"t": %d, "tag": "x", "v": 1}\n' % (made.T0 + k) for k in range(60)), made.T0
    )
    assert recorder._much_to_retell()
    recorder.checkpoint()
    assert not recorder._much_to_retell()
    recorder.close()


def test_commits_do_not_wait_for_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "COMMIT_S", 0.005)
    monkeypatch.setattr(recorder_module, "COMPACT_S", 0.005)
    ingest = Ingest(made.contract())
    recorder = open_recorder(tmp_path, ingest)
    begun, free = threading.Event(), threading.Event()

    def slow(*_: object) -> int:
        begun.set()
        free.wait(10)
        return 0

    monkeypatch.setattr(recorder_module, "compact_file", slow)

    async def lives() -> None:
        stop = asyncio.Event()
        beside = asyncio.create_task(recorder.run(stop))
        await asyncio.to_thread(begun.wait, 10)
        ingest.offer("a", b'{"t": %d, "tag": "x", "v": 1}\n' % made.T0, made.T0)
        for _ in range(400):
            await asyncio.sleep(0.005)
            if recorder.journal.written == recorder.journal.told:
                break
        committed = recorder.journal.written == recorder.journal.told
        free.set()
        stop.set()
        await beside
        assert committed

    asyncio.run(lives())
    recorder.close()


CHANGED = (
    made.CONTRACT.replace(
        "signals:\n",
        "signals:\n  - {id: new, source: a, field: new}\n  - {id: oven.limit, source: b, field: x}\n",
    )
    .replace("{id: oven.count, source: a, field: n, type: i64}", "{id: oven.count, source: a, field: n}")
    .replace("  - {id: door.open, source: b, field: door, type: bool}\n", "")
    .replace("oven.x * 2", "oven.x * 3")
)


def test_a_contract_that_changed_goes_on_from_the_checkpoint_and_says_so(tmp_path: Path) -> None:
    """Its entries are in the archive by now, so they cannot be told again."""
    first, recorder = made.live(tmp_path, 20)
    recorder.checkpoint()
    recorder.close()
    reader = LogReader(made.path(tmp_path))
    compact(reader, all_=True)
    assert len(list(reader.entries())) < 5
    reader.close()
    second = Ingest(made.contract(CHANGED))
    again = open_recorder(tmp_path, second)
    for name in ("oven.x", "oven.note", "axis"):
        was, now = first.state.index(name), second.state.index(name)
        assert second.state.event_ns[now] == first.state.event_ns[was]
        assert second.state.quality[now] == first.state.quality[was]
    assert (
        second.state.numeric[second.state.index("oven.x")] == first.state.numeric[first.state.index("oven.x")]
    )
    assert second.state.text("oven.note") == first.state.text("oven.note") is not None
    assert (second.state.vector("axis") == first.state.vector("axis")).all()
    for name in ("oven.count", "new", "oven.limit"):
        assert not second.state.has_value(name)
    x = second.state.numeric[second.state.index("oven.x")]
    assert second.state.numeric[second.state.index("twice")] == pytest.approx(3 * x)
    said = again.welcome
    assert "the contract has changed since: 3 of 5 signals go on where they were" in said
    assert "begun anew, of another type, unit or values now: oven.count;" in said
    assert "no longer asked for: door.open;" in said
    assert "; new: new, oven.limit" in said
    assert second.watermarks == first.watermarks
    for counts in second.counters.values():
        parts = ("applied", "history_only", "late", "duplicate", "quarantined", "pending")
        assert counts["received"] == sum(counts[part] for part in parts)
    pending = first.counters["a"]["pending"]
    assert 0 < second.counters["a"]["pending"] <= pending
    now = made.T0 + 30 * S
    newest = int(first.state.event_ns[first.state.index("oven.x")])
    second.offer("a", b'{"t": %d, "tag": "x", "v": 77}\n' % newest, now)
    assert second.counters["a"]["duplicate"] == first.counters["a"]["duplicate"] + 1, (
        "what came before is known"
    )
    second.finish("a", now)
    second.finish("b", now)
    second.advance(now)
    again.close()
    third = Ingest(made.contract(CHANGED))
    once_more = open_recorder(tmp_path, third)
    assert third.state.digest() == second.state.digest() and not once_more.recovered.changed
    once_more.close()


def test_an_enum_whose_codes_mean_something_else_begins_anew(tmp_path: Path) -> None:
    text = made.CONTRACT.replace("type: i64}", "type: enum, values: [IDLE, RUN]}")
    first = Ingest(made.contract(text))
    recorder = open_recorder(tmp_path, first)
    first.offer("a", b'{"t": %d, "tag": "n", "v": "RUN"}\n' % made.T0, made.T0)
    first.finish("a", made.T0)
    first.advance(made.T0)
    recorder.close()
    assert first.state.text("oven.count") == "RUN"
    for values, goes_on in (("[IDLE, RUN]", True), ("[RUN, IDLE]", False)):
        second = Ingest(made.contract(text.replace("[IDLE, RUN]", values) + "\nversion: b"))
        again = open_recorder(tmp_path, second)
        assert second.state.text("oven.count") == ("RUN" if goes_on else None)
        assert ("begun anew" in again.welcome) == (not goes_on)
        again.journal.close()
        again._lock.close()


def test_a_source_whose_clock_is_read_in_another_way_begins_anew(tmp_path: Path) -> None:
    first, recorder = made.live(tmp_path, 5)
    recorder.close()
    text = made.CONTRACT.replace("lateness: 0.1,", "lateness: 0.1, clock: {epoch: now},")
    second = Ingest(
        made.contract(
            text.replace(
                "unit: ns}, name: tag, value: v}}\nsignals",
                "unit: ns, epoch: relative}, name: tag, value: v}}\nsignals",
            )
        )
    )
    open_recorder(tmp_path, second).close()
    parts = second.parts()["intakes"]
    assert parts["b"]["first_ns"] is None and parts["b"]["base_ns"] is None
    assert parts["a"]["first_ns"] == first.parts()["intakes"]["a"]["first_ns"]


def test_a_checkpoint_that_this_version_cannot_read_is_told_from_the_log(tmp_path: Path) -> None:
    first, recorder = made.live(tmp_path, 5)
    recorder.close()
    with sqlite3.connect(made.path(tmp_path)) as db:
        db.execute("UPDATE sessions SET text = '{\"contract\": 0}'")
    second = Ingest(made.contract(made.CONTRACT + "\nversion: b"))
    again = open_recorder(tmp_path, second)
    assert second.state.digest() == first.state.digest()
    assert "its checkpoint cannot be read" in again.welcome
    again.close()


def test_seeking_under_a_changed_contract_starts_from_the_old_snapshots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, recorder = made.live(
        tmp_path,
        30,
        on_tick=lambda tick, now, ingest, recorder: recorder.snapshot() if tick % 100 == 99 else None,
    )
    recorder.close()
    at = made.T0 + 25 * S
    since = list[int]()
    with History(tmp_path) as history:
        taken = history.taken
        monkeypatch.setattr(
            history, "taken", lambda c, s, last: since.append(min(s.values())) or taken(c, s, last)
        )
        found = history.state_at(made.contract(CHANGED), at)
        monkeypatch.setattr(history.log, "snapshot", lambda *_: None)
        slow = history.state_at(made.contract(CHANGED), at)
    assert found.digest() == slow.digest() and found.has_value("oven.x") and found.has_value("twice")
    assert since[0] > made.T0 + 10 * S and since[1] < 0


def test_a_snapshot_that_lacks_a_signal_which_an_earlier_run_had_serves_not(tmp_path: Path) -> None:
    """x was there, was taken out for a while, and is back."""
    made.live(tmp_path, 5)[1].close()
    without = made.contract(
        made.CONTRACT.replace("  - {id: oven.x, source: a, field: x, unit: mm}\n", "").partition("derived:")[
            0
        ]
    )
    second = Ingest(without)
    recorder = open_recorder(tmp_path, second)
    now = made.T0 + 9 * S
    for source, line in (("a", b'"n", "v": 5'), ("b", b'"door", "v": true')):
        second.offer(source, b'{"t": %d, "tag": %s}\n' % (now, line), now)
        second.finish(source, now)
    second.advance(now)
    recorder.snapshot()
    recorder.close()
    with History(tmp_path) as history:
        state = history.state_at(made.contract(), made.T0 + 10 * S)
    assert state.has_value("oven.x") and state.numeric[state.index("oven.count")] == 5


def test_the_archive_is_written_by_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that a thread has given back stays with it, so threads that take turns made a twin grow."""
    monkeypatch.setattr(recorder_module, "COMMIT_S", 0.001)
    monkeypatch.setattr(recorder_module, "COMPACT_S", 0.002)
    ingest, threads = Ingest(made.contract()), list[int]()
    recorder = open_recorder(tmp_path, ingest)

    def noted(*_: object) -> int:
        threads.append(threading.get_ident())
        return 0

    monkeypatch.setattr(recorder_module, "compact_file", noted)

    async def lives() -> None:
        stop = asyncio.Event()
        beside = asyncio.create_task(recorder.run(stop))
        while len(threads) < 20:
            await asyncio.gather(asyncio.sleep(0.002), asyncio.to_thread(threading.get_ident))
        stop.set()
        await beside

    asyncio.run(lives())
    recorder.close()
    assert len(set(threads)) == 1
