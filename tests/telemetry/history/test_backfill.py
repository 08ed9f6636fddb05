"""Readings that were missed come into the history, once, and change no state of the past."""

from pathlib import Path

import made
import pytest

from twinstage.base.errors import UserError
from twinstage.telemetry.history.archive import compact
from twinstage.telemetry.history.backfill import Backfilled, backfill, read_chunks
from twinstage.telemetry.history.hotlog import LogReader
from twinstage.telemetry.history.query import History
from twinstage.telemetry.history.recorder import open_recorder
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.quarantine import QuarantineMemory

S, T0 = made.S, made.T0
NOW = T0 + 100_000 * S


def line(seconds: float, tag: str = "x", value: str = "7000") -> bytes:
    return b'{"t": %d, "tag": "%s", "v": %s}\n' % (T0 + round(seconds * S), tag.encode(), value.encode())


@pytest.fixture
def lived(tmp_path: Path) -> Path:
    """Ten seconds, an outage of twenty, ten seconds more."""
    made.live(tmp_path, 10)[1].close()
    made.live(tmp_path, 10, start_s=30)[1].close()
    return tmp_path


MISSED = [line(t) + line(t, "s", '"note"') for t in range(11, 27)]


def test_a_gap_is_filled_once(lived: Path) -> None:
    with History(lived) as history:
        before, digest = (
            history.range([], 0, 1 << 62).num_rows,
            history.state_at(made.contract(), T0 + 20 * S).digest(),
        )
    assert backfill(lived, made.contract(), "a", MISSED, NOW) == Backfilled(32, stored=32)
    with History(lived) as history:
        rows = history.range(["oven.x"], T0 + 11 * S, T0 + 27 * S).to_pylist()
        assert [row["value"] for row in rows] == [7.0] * 16  # mm in, m kept
        assert all(row["history_only"] and row["ingest_ns"] == NOW for row in rows)
        assert history.range([], 0, 1 << 62).num_rows == before + 32
        assert history.range([], 0, 1 << 62, known_ns=NOW - 1).num_rows == before
        assert history.as_of(T0 + 20 * S, ["oven.note"]).to_pylist()[0]["text"] == "note"
        assert history.state_at(made.contract(), T0 + 20 * S).digest() == digest
    assert backfill(lived, made.contract(), "a", MISSED, NOW + 1) == Backfilled(32, known=32)


def test_what_the_twin_had_is_known(lived: Path) -> None:
    """Its own readings again: some from the hot log, then all from the archive."""
    for archived in (False, True):
        if archived:
            reader = LogReader(made.path(lived))
            compact(reader, all_=True)
            reader.close()
        with History(lived) as history:
            rows = [r for r in history.range(["oven.x"], 0, 1 << 62).to_pylist()]

        lines = [b'{"t": %d, "tag": "x", "v": 1}\n' % r["event_ns"] for r in rows]
        done = backfill(lived, made.contract(), "a", lines, NOW)
        assert (done.stored, done.known) == (0, len(rows))


def test_accounts_are_exact_and_refusals_are_told(lived: Path) -> None:
    sink = QuarantineMemory()
    lines = [*MISSED, MISSED[0], b"no json\n", line(12.5, "n", '"text"')]
    done = backfill(lived, made.contract(), "a", lines, NOW, quarantine=sink)
    assert done == Backfilled(36, stored=32, known=2, refused=2)
    assert len(sink.records) == 2


def test_the_next_run_of_the_twin_is_not_touched(lived: Path) -> None:
    def recovered() -> tuple[str, object]:
        ingest = Ingest(made.contract())
        open_recorder(lived, ingest).close()
        return ingest.state.digest(), ingest.counters

    before = recovered()
    backfill(lived, made.contract(), "a", [line(500)], NOW)  # even what is newer than all that the twin has
    assert recovered() == before


def test_mistakes_are_one_sentence(lived: Path, tmp_path: Path) -> None:
    now = made.contract(made.CONTRACT.replace("lateness: 0.5,", "lateness: 0.5, clock: {epoch: now},"))
    with pytest.raises(UserError, match="happens when it is played"):
        backfill(lived, now, "a", MISSED, NOW)
    with pytest.raises(UserError, match="no source 'aa'"):
        backfill(lived, made.contract(), "aa", MISSED, NOW)
    with pytest.raises(UserError, match="cannot be read"):
        list(read_chunks(tmp_path / "none.csv"))
