"""Recordings played in no time: the right values at the right moments, the same every time, and nothing else replayed."""

import asyncio
import time
from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.live.export import ExportOptions, export_files
from twinstage.live.replay import ReplayClock, replay, run_virtually
from twinstage.live.twin import TwinFiles, open_twin

STAGE = """#usda 1.0
(
    upAxis = "Z"
    metersPerUnit = 1
)
def Xform "Door"
{
}
"""
CONTRACT = """contract: 1
sources:
  plc:
    uri: "%s"
    reader: {format: csv, layout: wide, header: true, delimiter: ",", time: {column: t, unit: s, epoch: %s}}
    lateness: 0
signals:
  - {id: door, source: plc, field: x, unit: m, type: f64}
"""
BINDINGS = """bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, prim: /Door, position: {x: door}}
"""


@pytest.fixture
def files(tmp_path: Path) -> TwinFiles:
    """A door that stands at 10 m per second of recording, from 2 s after 2024-05-01T00:00:00Z on."""
    begin = 1_714_521_600
    rows = "".join(f"{begin + k / 10},{k}\n" for k in range(20, 61))
    (tmp_path / "run.csv").write_text("t,x\n" + rows)
    (tmp_path / "contract.yaml").write_text(CONTRACT % ("file:run.csv", "unix"))
    (tmp_path / "bindings.yaml").write_text(BINDINGS)
    (tmp_path / "stage.usda").write_text(STAGE)
    return TwinFiles(tmp_path / "stage.usda", tmp_path / "bindings.yaml")


def _x(files: TwinFiles, times: list[float]) -> list[float]:
    from pxr import UsdGeom

    clock = ReplayClock(0)
    live = open_twin(files, clock=clock)
    found: list[float] = []

    def look(frame: int, moment: float) -> None:
        prim = live.opened.stage.GetPrimAtPath("/Door")
        found.append(UsdGeom.XformCache().GetLocalToWorldTransform(prim).ExtractTranslation()[0])

    replay(live, clock, times, look)
    return found


def test_values_are_those_of_the_rows(files: TwinFiles) -> None:
    """Seconds count from the first row, which is k = 20; the door is in millimetres on the wire, so 1 mm off at most."""
    times = [0.0, 0.05, 0.1, 1.0, 1.99, 2.0, 3.9, 4.0, 9.0]
    expected = [20, 20, 21, 30, 39, 40, 59, 60, 60]
    assert _x(files, times) == pytest.approx(expected, abs=1e-3)


def test_a_replay_waits_for_nothing_and_repeats_itself(files: TwinFiles) -> None:
    began = time.monotonic()
    first = _x(files, [0.5, 60.0])
    assert _x(files, [0.5, 60.0]) == first
    assert time.monotonic() - began < 100  # two minutes of recording


def test_the_export_knows_the_time_of_the_recording(files: TwinFiles, tmp_path: Path) -> None:
    from pxr import Sdf

    export_files(files, ExportOptions(tmp_path / "w.usda"), window=(0.5, 2.5), fps=10)
    note = Sdf.Layer.FindOrOpen(str(tmp_path / "w.usda")).customLayerData["twinstage"]
    assert note["startTime"] == "2024-05-01T00:00:02.500Z"
    assert note["endTime"] == "2024-05-01T00:00:04.500Z"
    assert (note["startSeconds"], note["endSeconds"]) == (0.5, 2.5)


def test_live_sources_cannot_be_replayed(files: TwinFiles, tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text(CONTRACT % ("tcp:9123", "unix"))
    with pytest.raises(UserError, match=r"source 'plc' is live \(tcp:9123\)"):
        export_files(files, ExportOptions(tmp_path / "x.usda"), at=1.0)


def test_a_stage_alone_has_no_recording(tmp_path: Path) -> None:
    (tmp_path / "stage.usda").write_text(STAGE)
    live = open_twin(TwinFiles(tmp_path / "stage.usda"), clock=ReplayClock(0))
    with pytest.raises(UserError, match="add --bindings"):
        replay(live, ReplayClock(0), [1.0], lambda frame, moment: None)


def test_virtual_time_keeps_the_order_of_sleepers() -> None:
    clock, told = ReplayClock(5_000_000_000), []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        told.append((name, clock.now_ns()))

    async def main() -> None:
        await asyncio.gather(sleeper("late", 3600.0), sleeper("soon", 0.25), sleeper("mid", 60.0))

    run_virtually(main, clock)
    assert [name for name, _ in told] == ["soon", "mid", "late"]
    assert [at for _, at in told] == pytest.approx(
        [5_250_000_000, 65_000_000_000, 3_605_000_000_000], abs=1000
    )
