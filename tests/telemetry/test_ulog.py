"""Flight logs as a source: a log made here byte by byte, the recorded one, and files that are none."""

import asyncio
import json
import math
import struct
import sys
from pathlib import Path

import pytest

from twinstage.base.clock import ManualClock
from twinstage.base.errors import UserError
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.pump import pump
from twinstage.telemetry.sources.ulog import ulog_lines

CONTRACT = """
contract: 1
sources:
  px4:
    uri: "ulog:made.ulg"
    reader: {format: jsonl, layout: record, record: {column: topic}, time: {field: timestamp, unit: us, epoch: relative}}
    clock: {epoch: "2026-01-01T00:00:00Z"}
signals:
  - {id: first, source: px4, record: baro, field: pressure, unit: mbar}
  - {id: second, source: px4, record: "baro:1", field: pressure, unit: mbar}
"""


def message(kind: bytes, body: bytes) -> bytes:
    return struct.pack("<Hc", len(body), kind) + body


def log(path: Path, readings: list[tuple[int, int, float]]) -> Path:
    """A log of one topic, `baro`, with (time [us], instance, pressure), as PX4's format description says."""
    data = b"ULog\x01\x12\x35\x01" + struct.pack("<Q", 0)
    data += message(b"F", b"baro:uint64_t timestamp;float pressure;")
    for instance in (0, 1):
        data += message(b"A", struct.pack("<BH", instance, instance) + b"baro")
    for time, instance, pressure in readings:
        data += message(b"D", struct.pack("<HQf", instance, time, pressure))
    path.write_bytes(data)
    return path


def test_messages_of_all_topics_in_the_order_of_their_times(tmp_path: Path) -> None:
    path = log(
        tmp_path / "made.ulg", [(300, 0, 1013.0), (100, 0, 1012.0), (200, 1, 990.5), (400, 1, math.nan)]
    )
    rows = [json.loads(line) for line in ulog_lines(path)]
    assert rows == [
        {"topic": "baro", "timestamp": 100, "pressure": 1012.0},
        {"topic": "baro:1", "timestamp": 200, "pressure": 990.5},
        {"topic": "baro", "timestamp": 300, "pressure": 1013.0},
        {"topic": "baro:1", "timestamp": 400},  # JSON has no word for NaN
    ]


def test_a_twin_replays_it(tmp_path: Path) -> None:
    log(tmp_path / "made.ulg", [(100, 0, 1012.0), (200, 1, 990.5), (300, 0, 1013.0)])
    contract = parse_contract(CONTRACT)
    ingest = Ingest(contract)
    run = pump(
        contract,
        ingest,
        base_dir=tmp_path,
        clock=ManualClock(1),
        seed=0,
        speed=math.inf,
        stop=asyncio.Event(),
    )
    asyncio.run(run)
    ingest.advance(1)
    assert ingest.counters["px4"]["applied"] == 3
    assert ingest.state.numeric.tolist() == [101_300.0, 99_050.0]
    assert ingest.state.event_ns.tolist() == [
        1_767_225_600 * 10**9 + 300_000,
        1_767_225_600 * 10**9 + 200_000,
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no ULog file"),
        (b"time,a\n1,2\n", "no ULog file"),
        (b"ULog\x01\x12\x35", "holds no message"),
    ],
)
def test_what_is_no_flight_log_is_told_in_one_sentence(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "x.ulg"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said):
        ulog_lines(path)
    with pytest.raises(UserError, match="no telemetry file"):
        ulog_lines(tmp_path / "absent.ulg")


def test_damaged_logs_never_raise_anything_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = log(tmp_path / "made.ulg", [(k, k % 2, float(k)) for k in range(50)]).read_bytes()
    path = tmp_path / "damaged.ulg"
    for cut in range(8, len(whole), 7):
        for data in (whole[:cut], whole[:cut] + b"\xff\x00" + whole[cut + 2 :]):
            path.write_bytes(data)
            try:
                lines = ulog_lines(path)
            except UserError:
                continue
            assert all(type(json.loads(line)["timestamp"]) is int for line in lines)
    assert capsys.readouterr().out == ""  # standard output is for results


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyulog", None)
    with pytest.raises(UserError, match=r"twinstage\[ulog\]"):
        ulog_lines(log(tmp_path / "made.ulg", [(1, 0, 1.0)]))
