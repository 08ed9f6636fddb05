"""A history that keeps what it has read answers as one that has just been opened, whatever is written meanwhile."""

import random
from pathlib import Path

import made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twinstage.telemetry.history.kept as kept_module
import twinstage.telemetry.history.recorder as recorder_module
from twinstage.base.errors import UserError
from twinstage.telemetry.columns import kinds_of, unpack
from twinstage.telemetry.history.archive import compact, retain
from twinstage.telemetry.history.hotlog import LogReader
from twinstage.telemetry.history.kept import KeptHistory
from twinstage.telemetry.history.query import History
from twinstage.telemetry.history.taken import FIRST, LAST
from twinstage.telemetry.ingest import Ingest

S = made.S
KINDS = kinds_of([signal.type for signal in made.contract().quantities])


def same(kept: KeptHistory, folder: Path, at_ns: int, since_ns: int) -> None:
    """All that it answers of a moment is what a history says that was opened for it."""
    contract = made.contract()
    with History(folder) as fresh:
        assert kept.span() == fresh.span()
        assert kept.begun_again() == fresh.begun_again()
        assert kept.state_at(contract, at_ns).parts() == fresh.state_at(contract, at_ns).parts()
        for since in ({"a": since_ns, "b": since_ns}, {"a": since_ns, "b": since_ns + 3 * S}):
            got, want = (unpack(one.taken(contract, since, at_ns), KINDS) for one in (kept, fresh))
            assert got == want


@settings(deadline=None, max_examples=6)
@given(seed=st.integers(0, 10**6), every=st.sampled_from([7, 40, 100_000]), most=st.sampled_from([50, 10**6]))
def test_answers_are_those_of_a_history_just_opened(
    tmp_path_factory: pytest.TempPathFactory, seed: int, every: int, most: int
) -> None:
    """Seeks while a twin goes on, snapshots come and the archive is written."""
    folder, rng = tmp_path_factory.mktemp("kept"), random.Random(seed)
    kept: list[KeptHistory] = []
    lows: list[int] = []

    def now_and_then(tick: int, now: int, ingest: Ingest, recorder: recorder_module.Recorder) -> None:
        if rng.random() < 0.1:
            recorder.commit()
        if tick == 2:
            recorder.commit()
            kept.append(KeptHistory(folder, made.contract()))
        if tick in (90, 150):
            recorder.commit()
            recorder.checkpoint()
            compact(LogReader(made.path(folder)), all_=True)
        if tick > 2 and rng.random() < 0.3:
            lows.append(kept[0].look())
            at = now - round(rng.choice([0.01, 0.4, 3, 20, -5]) * rng.random() * S)
            same(kept[0], folder, at, at - round(rng.random() * 6 * S))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder_module, "SNAPSHOT_READINGS", every)
        patch.setattr(kept_module, "MOST_READINGS", most)
        patch.setattr(kept_module, "AHEAD_NS", rng.choice([0, S // 2, 20 * S]))
        made.live(folder, 10, seed=seed, on_tick=now_and_then)[1].close()
        kept[0].look()
        same(kept[0], folder, made.T0 + 5 * S, FIRST)
        with History(folder) as history:
            retain(history.log, made.T0 + 4 * S)
        kept[0].look()
        same(kept[0], folder, made.T0 + 9 * S, FIRST)
    kept[0].close()
    assert LAST in lows or any(low > FIRST for low in lows)


def test_a_look_says_from_where_on_something_is_new(tmp_path: Path) -> None:
    ingest, recorder = made.live(tmp_path, 3)
    kept = KeptHistory(tmp_path, made.contract())
    kept.look()
    assert kept.look() == LAST, "nothing has been written"
    late = made.T0 + 2 * S + 900_000_000
    ingest.offer("a", b'{"t": %d, "tag": "x", "v": 1.0}\n' % late, made.T0 + 4 * S)
    recorder.commit()
    assert kept.look() == late
    recorder.close()
    kept.close()


def test_what_was_read_once_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.live(tmp_path, 20)[1].close()
    kept, read = KeptHistory(tmp_path, made.contract()), list[int]()
    blobs = kept.log.blobs

    def counted(*asked: int) -> object:
        for row in blobs(*asked):
            read.append(row[0])
            yield row

    monkeypatch.setattr(kept.log, "blobs", counted)
    for k in range(200):
        kept.look()
        kept.state_at(made.contract(), made.T0 + 18 * S - k * S // 20)
    assert read and len(read) == len(set(read)), "each entry is read once"
    kept.close()


def test_a_damaged_entry_is_told(tmp_path: Path) -> None:
    import sqlite3

    made.live(tmp_path, 3)[1].close()
    with sqlite3.connect(made.path(tmp_path)) as db:
        db.execute("UPDATE entries SET crc = crc + 1 WHERE count > 0")
    kept = KeptHistory(tmp_path, made.contract())
    kept.look()
    with pytest.raises(UserError, match="is damaged: entry"):
        kept.state_at(made.contract(), made.T0 + 2 * S)
    kept.close()
