"""A twin with a history: it goes on where it ended, and its past is shown again and starts datasets."""

import asyncio
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from test_states import ARM, joints_in_pxr, recipe, recorded
from typer.testing import CliRunner

from twinstage.base.clock import ManualClock, SystemClock
from twinstage.base.errors import UserError
from twinstage.cli.app import app
from twinstage.live.replay import ReplayClock, replay
from twinstage.live.server import status_of
from twinstage.live.states import start_of, state_text, with_moment
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.telemetry.history.query import History

T0 = 1_790_000_000_000_000_000
S = 1_000_000_000
run_cli = CliRunner().invoke


def files(shared: Path, **more: object) -> TwinFiles:
    return TwinFiles(
        stage=ARM / "palletizer.usda",
        bindings=ARM / "bindings.yaml",
        asset_roots=(shared / "assets",),
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def lived(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A history of 13 s of the palletizer; the state hash at its end and the pose then, as USD."""
    folder = tmp_path_factory.mktemp("history")
    clock = ReplayClock(T0)
    live = open_twin(files(shared, history=folder), clock=clock)
    replay(live, clock, [13.0], lambda frame, time: None)
    assert live.recorder is not None and live.ingest is not None
    live.recorder.close()
    return folder, live.ingest.state.digest(), state_text(live, {"seconds": 13})


def test_a_dataset_starts_from_a_moment_of_a_history(
    shared: Path, lived: tuple[Path, str, str], tmp_path: Path
) -> None:
    state = {"bindings": "bindings.yaml", "history": os.path.relpath(lived[0], ARM), "at": 1}
    start = start_of(with_moment(recipe(shared, state=state), "6.5"), ARM)
    assert start is not None
    off = np.array(joints_in_pxr(shared, start.text, tmp_path)) - recorded(shared, 6.5)
    assert np.abs((off + 180) % 360 - 180).max() < 0.02
    with pytest.raises(UserError, match="outside the history"):
        start_of(with_moment(recipe(shared, state=state), "60"), ARM)


def test_the_past_is_shown_again(shared: Path, lived: tuple[Path, str, str]) -> None:
    """Told again from the middle, at the twin's own ticks, for grips are within a tick: the same state, the same poses."""
    folder, digest, text = lived
    clock = ManualClock(77 * S)
    live = open_twin(files(shared, past=folder, past_from="4.000001"), clock=clock)
    live.tick(clock.now_ns())
    assert live.ingest is not None and live.ingest.watermark_ns == T0 + 4 * S + 1000
    for _ in range(9 * 60):
        clock.advance(S // 60)
        live.tick(clock.now_ns())
    live.flush()
    assert live.ingest.state.digest() == digest
    assert state_text(live, {"seconds": 13}) == text
    live.ingest.close()
    fast = open_twin(files(shared, past=folder, past_from="4"), clock=clock, past_speed=100)
    fast.tick(clock.now_ns())
    clock.advance(S // 10)
    fast.tick(clock.now_ns())
    assert fast.ingest is not None and fast.ingest.state.digest() == digest
    fast.ingest.close()


def run_for(live: LiveTwin, seconds: float) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        await live.run(stop)

    asyncio.run(run())


def test_a_second_run_goes_on_where_the_first_ended(shared: Path, tmp_path: Path) -> None:
    first = open_twin(files(shared, history=tmp_path), clock=SystemClock())
    with pytest.raises(UserError, match="another twin writes it"):
        open_twin(files(shared, history=tmp_path), clock=SystemClock())
    run_for(first, 0.7)
    told = status_of(first)["history"]
    assert (told["waiting"], told["failure"]) == (0, "") and told["committed"] > 20
    assert first.ingest is not None
    counts = first.ingest.counters["robot"]
    assert counts["applied"] > 50
    second = open_twin(files(shared, history=tmp_path), clock=SystemClock())
    assert second.ingest is not None
    assert second.ingest.counters["robot"] == counts
    welcome = next(finding.message for finding in second.findings if finding.code == "history.goes_on")
    assert f"goes on after {counts['received']} readings" in welcome
    assert second.ingest.state.digest() == first.ingest.state.digest()
    run_for(second, 0.3)
    with History(tmp_path) as history:
        total = sum(row["count"] for row in history.counts().to_pylist())
        assert total == second.ingest.counters["robot"]["received"] > counts["received"]
        assert len(history.log.begun_again()) == 1


def test_commits_are_off_the_tick(shared: Path, tmp_path: Path) -> None:
    live = open_twin(files(shared, history=tmp_path), clock=SystemClock())
    assert live.recorder is not None
    threads, commit = set(), live.recorder.journal.commit

    def told() -> None:
        threads.add(threading.current_thread() is threading.main_thread())
        commit()

    live.recorder.journal.commit = told  # type: ignore[method-assign]
    asyncio.run(_beside(live))
    assert threads == {False}
    live.recorder.close()


async def _beside(live: LiveTwin) -> None:
    assert live.recorder is not None
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.4, stop.set)
    await live.recorder.run(stop)


def test_a_disk_that_refuses_is_told_once_and_the_twin_lives(shared: Path, tmp_path: Path) -> None:
    live = open_twin(files(shared, history=tmp_path), clock=SystemClock())
    assert live.recorder is not None
    told: list[str] = []

    def refuse() -> None:
        raise OSError(28, "the history cannot be written: disk is full")

    commit = live.recorder.journal.commit
    live.recorder.journal.commit = refuse  # type: ignore[method-assign]

    async def run() -> None:
        assert live.recorder is not None
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, stop.set)
        await live.recorder.run(stop, on_failure=told.append)

    asyncio.run(run())
    assert told == ["the history cannot be written: disk is full"]
    live.recorder.journal.commit = commit  # type: ignore[method-assign]
    live.recorder.close()


def test_the_commands_answer(lived: tuple[Path, str, str], tmp_path: Path) -> None:
    folder, digest, _ = lived
    ask = lambda *words: run_cli(app, ["telemetry", *map(str, words)], catch_exceptions=False)  # noqa: E731
    assert "8 signals, 1 run, 2026-09-21T" in ask("history", folder).output
    assert "robot.j1" in ask("history", folder, "--at", 3).output
    assert len(ask("history", folder, "--signal", "robot.j1", "--buckets", 4).output.splitlines()) == 4
    out = tmp_path / "rows.csv"
    assert (
        "rows" in ask("history", folder, "--signal", "robot.j1", "--from", 1, "--to", 2, "--out", out).output
    )
    assert out.read_text().startswith("source,signal,event_ns")
    assert digest in ask("replay", folder).output
    assert digest in ask("replay", folder, "--from", 5, "--every", 3, "--json").output
    assert "readings moved" in ask("archive", folder).output
    assert digest in ask("replay", folder, "--from", 5).output
    assert "0 files" in ask("retain", folder, "--days", 1).output
    with pytest.raises(UserError, match=r"expected a name that ends in"):
        ask("history", folder, "--signal", "robot.j1", "--out", tmp_path / "rows.xls")
