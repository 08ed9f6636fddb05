"""Derived signals in the answers of the API: as of a moment, in a span, and in a chart."""

from pathlib import Path

import pytest

from twinstage.live.api.history import HistoryDesk
from twinstage.sync.api.history import AsOfAsk, ChartAsk, RangeAsk
from twinstage.sync.api.operation import Refused
from twinstage.telemetry.batch import ingest_files
from twinstage.telemetry.contract import parse_contract

TEXT = """
contract: 1
sources:
  a: {uri: "file:x.csv", reader: {format: csv, time: {column: time, unit: s}}}
signals:
  - {id: volts, source: a, field: v, unit: V}
  - {id: amps, source: a, field: i, unit: A}
derived:
  - {id: power, expr: volts * amps, unit: W}
"""


@pytest.fixture
def desk(tmp_path: Path) -> HistoryDesk:
    (tmp_path / "x.csv").write_text("time,v,i\n100,2,3\n101,4,\n102,,5\n")
    ingest_files(parse_contract(TEXT), tmp_path, now_ns=0, history=tmp_path / "history")
    return HistoryDesk(tmp_path / "history")


def test_derived_signals_are_answered_like_others(desk: HistoryDesk) -> None:
    (at,) = desk.get_as_of(AsOfAsk(at="1.5", signal=("power",))).readings
    assert (at.value, at.unit, at.level, at.event_ns) == (12.0, "W", "good", "101000000000")
    rows = desk.get_range(RangeAsk.model_validate({"signal": ("power",), "limit": 2}))
    assert [row.value for row in rows.readings] == [6.0, 12.0] and rows.next == "2"
    chart = desk.get_chart(ChartAsk(signal="power", buckets=1))
    assert (chart.unit, chart.min, chart.max, chart.last) == ("W", (6.0,), (20.0,), (20.0,))
    with pytest.raises(Refused, match="has no signal 'powder'"):
        desk.get_as_of(AsOfAsk(signal=("powder",)))
