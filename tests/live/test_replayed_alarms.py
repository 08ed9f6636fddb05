"""Alarms of a past that is told again: judged in its own time, the same at any speed and however the ticks fall."""

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from pxr import Usd, UsdGeom

from twinstage.base.clock import NS, ManualClock
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.telemetry.alarms.records import AlarmRecord
from twinstage.telemetry.history.playback import JUDGE_NS, Playback

START = 1_700_000_000 * NS
TODAY = START + 90 * 86_400 * NS
CONTRACT = """
contract: 1
mode: mode
sources:
  plc: {uri: "tcp://127.0.0.1:9", reader: {format: jsonl, layout: wide, time: {field: t, unit: ns}}, lateness: 0}
signals:
  - {id: door, source: plc, field: door, unit: mm, max_age: 2}
  - {id: motor, source: plc, field: motor, unit: Cel, max_age: 5, gap: bad}
  - {id: mode, source: plc, field: mode, type: enum, values: [auto, manual]}
derived:
  - {id: ratio, expr: 1 / (door - 0.5), unit: /m}
alarms:
  - {id: hot, signal: motor, above: 80, hysteresis: 5, priority: high}
  - {id: hot.long, signal: motor, above: 80, on_delay: 3, off_delay: 2}
  - {id: leap, signal: door, rise: 400, suppress_in: [manual]}
  - {id: silent, signal: door, stale: true}
  - {id: lost, signal: motor, quality: bad}
  - {id: unsure, signal: ratio, quality: uncertain, latch: false}
  - {id: near, expr: "door > 0.9 and motor > 300", on_delay: 0.7}
"""
BINDINGS = (
    "bindings: 1\ncontract: contract.yaml\nbindings:\n  - {kind: pose, prim: /Door, position: {x: door}}\n"
)


def opened(folder: Path, clock: ManualClock, speed: float = 1.0, **more: object) -> LiveTwin:
    files = TwinFiles(folder / "cell.usda", folder / "bindings.yaml", **more)  # type: ignore[arg-type]
    return open_twin(files, clock=clock, past_speed=speed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene and a history of a hundred seconds, with silences in it."""
    folder = tmp_path_factory.mktemp("past")
    stage = Usd.Stage.CreateNew(str(folder / "cell.usda"))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.Cube.Define(stage, "/Door")
    stage.Save()
    (folder / "contract.yaml").write_text(CONTRACT)
    (folder / "bindings.yaml").write_text(BINDINGS)
    draw, clock, at = random.Random(3), ManualClock(START), START
    twin = opened(folder, clock, history=folder / "history")
    assert twin.ingest is not None and twin.recorder is not None
    while at < START + 100 * NS:
        at += draw.choice([20, 50, 110, 300, 1700, 6300]) * NS // 1000 + draw.randrange(1000)
        cells: dict[str, object] = {"t": at}
        if draw.random() < 0.6:
            cells["door"] = draw.choice([100, 500, 500, 950, 920])
        if draw.random() < 0.5:
            cells["motor"] = draw.choice([60, 79, 90])
        if draw.random() < 0.1:
            cells["mode"] = draw.choice(["auto", "manual"])
        twin.ingest.offer("plc", (json.dumps(cells) + "\n").encode(), at)
        clock.set(at)
        twin.tick(at)
    twin.let_go()
    return folder


def told_again(
    folder: Path, speed: float, steps: Callable[[], int], *, past_from: str | None = None
) -> list[AlarmRecord]:
    clock = ManualClock(TODAY)
    twin = opened(folder, clock, speed, past=folder / "history", past_from=past_from)
    assert isinstance(twin.ingest, Playback) and twin.alarms is not None
    twin.tick(clock.now_ns())
    while not twin.ingest.ended:
        clock.advance(steps())
        twin.tick(clock.now_ns())
    for _ in range(30):  # what was the end stays the end
        clock.advance(NS)
        twin.tick(clock.now_ns())
    twin.alarms.commit()
    records = list(twin.alarms.journal.records())
    twin.let_go()
    return records


def even() -> int:
    return NS // 60


def uneven(seed: int) -> Callable[[], int]:
    draw = random.Random(seed)
    return lambda: draw.choice([1, NS // 200, NS // 60, NS // 7, 2 * NS])


def test_the_journal_is_the_same_at_any_speed(folder: Path) -> None:
    expected = told_again(folder, 1.0, even)
    kinds = {(record.alarm, record.what) for record in expected}
    assert {("hot", "raised"), ("hot", "returned"), ("hot.long", "raised"), ("leap", "raised"), ("silent", "raised"),
            ("leap", "suppressed"), ("lost", "raised"), ("unsure", "raised"), ("unsure", "returned")} <= kinds  # fmt: skip
    assert all(START <= record.at_ns <= START + 110 * NS for record in expected), (
        "the past's time, not today's"
    )
    for speed, steps in (
        (0.37, uneven(1)),
        (1.0, uneven(2)),
        (13.0, even),
        (500.0, even),
        (float("inf"), even),
    ):
        assert told_again(folder, speed, steps) == expected


def test_judging_only_where_something_can_change_is_as_good_as_judging_all_the_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = told_again(folder, 50.0, even)
    from twinstage.live.past import AlarmWatch

    monkeypatch.setattr(AlarmWatch, "wake_ns", lambda self, judged_ns: 0)
    assert told_again(folder, 50.0, even) == expected


def test_stale_is_raised_when_the_past_says_so(folder: Path) -> None:
    """A loop over the readings themselves says when the door was silent for more than two seconds."""
    from twinstage.telemetry.history.query import History

    with History(folder / "history") as history:
        first, last = history.span() or (0, 0)
        times = history.range(["door"], first, last)["event_ns"].to_pylist()
    due = [a + 2 * NS for a, b in zip(times, [*times[1:], last], strict=True) if b - a > 2 * NS + JUDGE_NS]
    raised = [r.at_ns for r in told_again(folder, 3.0, even) if (r.alarm, r.what) == ("silent", "raised")]
    assert len(due) > 5
    for moment in due:
        assert any(0 < at - moment <= JUDGE_NS for at in raised), "missed, or late"


def test_from_the_middle_at_any_speed(folder: Path) -> None:
    expected = told_again(folder, 4.0, even, past_from="60")
    assert expected and told_again(folder, 40.0, uneven(4), past_from="60") == expected


def test_an_operator_acts_in_the_time_of_the_past(folder: Path) -> None:
    clock = ManualClock(TODAY)
    twin = opened(folder, clock, past=folder / "history")
    assert twin.alarms is not None and twin.ingest is not None
    twin.tick(clock.now_ns())
    clock.advance(20 * NS)
    twin.tick(clock.now_ns())

    async def shelve() -> None:
        assert twin.alarms is not None
        await twin.alarms.act("shelve", "hot", by="anna", comment="", seconds=10)

    asyncio.run(shelve())
    clock.advance(11 * NS)
    twin.tick(clock.now_ns())
    twin.alarms.commit()
    (shelved, unshelved) = [r for r in twin.alarms.journal.records() if "shelved" in r.what]
    assert shelved.at_ns == twin.ingest.watermark_ns - 11 * NS
    assert 0 <= unshelved.at_ns - shelved.until_ns <= JUDGE_NS
    twin.let_go()


def test_values_have_the_age_that_they_had(folder: Path) -> None:
    """Slowed down a hundredfold nothing grows stale that was not, and sped up nothing stays fresh."""
    from twinstage.base.quality import UNCERTAIN_LAST_USABLE
    from twinstage.live.metrics import quality_counts

    seen = []
    for speed in (0.01, 1.0, 100.0):
        clock = ManualClock(TODAY)
        twin = opened(folder, clock, speed, past=folder / "history")
        assert twin.ingest is not None
        twin.tick(clock.now_ns())
        states = []
        for moment in (10, 25, 47, 90):
            clock.set(TODAY + round(moment / speed * NS))
            twin.tick(clock.now_ns())
            states.append((twin.ingest.state.reported.tolist(), quality_counts(twin)))
        seen.append(states)
        twin.let_go()
    assert seen[0] == seen[1] == seen[2]
    assert any(UNCERTAIN_LAST_USABLE in reported for reported, _ in seen[0])
