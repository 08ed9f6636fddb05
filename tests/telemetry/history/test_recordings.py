"""Every recording of the examples, kept in a history: told again it gives the hash of its ingest, from wherever it lies."""

from pathlib import Path

import pytest

from twinstage.telemetry.batch import ingest_files
from twinstage.telemetry.contract import load_contract
from twinstage.telemetry.history.archive import compact, parts_of
from twinstage.telemetry.history.playback import Playback
from twinstage.telemetry.history.query import History

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = sorted((ROOT / "examples" / "recordings").glob("*/contract.yaml"))
NOW = 1_795_000_000_000_000_000


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.parent.name)
def test_a_recording_told_again_gives_its_hash(path: Path, shared: Path, tmp_path: Path) -> None:
    contract = load_contract(path)
    done = ingest_files(contract, path.parent, now_ns=NOW, history=tmp_path)
    kept = sum(counts["applied"] + counts["history_only"] for counts in done.counters.values())
    for archived in (False, True):
        with History(tmp_path) as history:
            if archived:
                assert compact(history.log, all_=True) == kept and parts_of(history.log)
            first, last = history.span() or (0, 0)
            assert sum(row["count"] for row in history.counts().to_pylist()) == kept
            assert history.state_at(contract, last).digest() == done.digest
            past = Playback(history, history.contract(), (first + last) // 2)
            past.advance(0)
            past.play_to(last)
            assert past.state.digest() == done.digest


def test_a_second_reading_of_the_same_files_is_known(shared: Path, tmp_path: Path) -> None:
    path = next(path for path in CONTRACTS if path.parent.name == "uwb_robot")
    contract = load_contract(path)
    once = ingest_files(contract, path.parent, now_ns=NOW, history=tmp_path)
    twice = ingest_files(contract, path.parent, now_ns=NOW, history=tmp_path)
    assert twice.digest == once.digest
    for name, counts in twice.counters.items():
        assert counts["duplicate"] == once.counters[name]["received"]
        assert counts["received"] == 2 * once.counters[name]["received"]
