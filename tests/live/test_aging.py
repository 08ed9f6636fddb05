"""A source that falls silent: its values are told as stale, and come back good when it speaks again."""

from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from twinstage.base import quality
from twinstage.base.clock import NS, ManualClock
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin

START = 1_700_000_000 * NS


@pytest.fixture
def twin(tmp_path: Path) -> LiveTwin:
    stage = Usd.Stage.CreateNew(str(tmp_path / "cell.usda"))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.Cube.Define(stage, "/Door")
    stage.Save()
    (tmp_path / "contract.yaml").write_text(
        "contract: 1\nsources:\n  plc: {uri: 'tcp://127.0.0.1:9', reader: {format: jsonl, layout: wide, "
        "time: {field: t, unit: ns}}}\nsignals:\n"
        "  - {id: door, source: plc, field: door, unit: mm, type: f64, max_age: 2}\n"
    )
    (tmp_path / "bindings.yaml").write_text(
        "bindings: 1\ncontract: contract.yaml\nbindings:\n  - {kind: pose, prim: /Door, position: {x: door}}\n"
    )
    return open_twin(TwinFiles(tmp_path / "cell.usda", tmp_path / "bindings.yaml"), clock=ManualClock(START))


def _say(twin: LiveTwin, at: int, value: float) -> None:
    assert twin.ingest is not None
    twin.ingest.offer("plc", f'{{"t": {at}, "door": {value}}}\n'.encode(), at)


def test_a_silent_source_turns_stale_and_good_again(twin: LiveTwin) -> None:
    _say(twin, START, 500)
    first = twin.tick(START)
    assert first is not None
    assert first.signals.quality.tolist() == [quality.GOOD]
    assert twin.tick(START + NS) is None, "nothing is new after a second"
    stale = twin.tick(START + 3 * NS)
    assert stale is not None
    assert stale.signals.quality.tolist() == [quality.UNCERTAIN_LAST_USABLE]
    np.testing.assert_allclose(stale.signals.value, [0.5])
    assert len(stale.pose) == 0, "the pose is held"
    assert twin.tick(START + 4 * NS) is None, "it is told once"
    _say(twin, START + 5 * NS, 500)
    again = twin.tick(START + 5 * NS)
    assert again is not None
    assert again.signals.quality.tolist() == [quality.GOOD]


def test_a_bad_value_moves_nothing_and_is_told_as_bad(twin: LiveTwin) -> None:
    _say(twin, START, 500)
    twin.tick(START)
    assert twin.ingest is not None
    twin.ingest.state.set("door", 0.9, START + NS, quality.BAD)
    tick = twin.tick(START + NS)
    assert tick is not None
    assert tick.signals.quality.tolist() == [quality.BAD]
    np.testing.assert_allclose(tick.signals.value, [0.5])
    assert len(tick.pose) == 0, "the pose is held"
