"""Sources of a running twin, watched: what is told, when watching ends, and that nothing in it reaches the source."""

import asyncio
import math
from pathlib import Path

import pytest

from twinstage.base.clock import NS, ManualClock, SystemClock
from twinstage.live.drift import drift_listener
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.drift.watch import FASTEST, DriftWatch
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.pump import pump
from twinstage.telemetry.sources import Restart

TEXT = """
contract: 1
sources:
  s: {uri: "file:log.csv", reader: {format: csv, time: {column: t, unit: s, epoch: relative}}, clock: {epoch: now}}
signals:
  - {id: pressure, source: s, field: p, unit: bar}
"""


def contract() -> Contract:
    return parse_contract(TEXT)


def level(k: int) -> float:
    return 6 + math.sin(k / 9) + 0.1 * math.sin(k * 1.7)


def rows(first: int, last: int, factor: float = 1.0) -> bytes:
    return "".join(f"{k},{level(k) * factor:.5f}\n" for k in range(first, last)).encode()


def test_a_unit_that_changes_in_a_running_stream_is_told_once_at_its_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = DriftWatch(contract())
    data = b"t,p\n" + rows(0, 700) + rows(700, 1000, 14.503773773)
    told = []
    for k in range(0, len(data), 100):
        told += watch.offer("s", data[k : k + 100], k * NS)
    (drift,) = told
    assert (drift.what, drift.line, drift.signals) == ("unit", 702, ("pressure",))
    assert list(watch.drifts) == told
    assert "source 's', line 702: field 'p' changed its unit: bar became psi" in caplog.text


def test_a_replay_that_begins_again_without_a_column_is_told() -> None:
    watch = DriftWatch(contract())
    assert (
        watch.offer("s", b"t,p,q\n" + b"".join(b"%d,%d,%d\n" % (k, k % 7, k % 5) for k in range(600)), 0)
        == []
    )
    watch.restart("s")
    (drift,) = watch.offer("s", b"t,p\n1,2\n", 1)
    assert (drift.what, drift.fields, drift.line) == ("missing", ("q",), 2)


def test_a_source_that_is_too_fast_is_left_alone_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    watch = DriftWatch(contract())
    watch.offer("s", b"t,p\n" + rows(0, 10 * FASTEST + 1), 5 * NS)
    assert watch.watched == []
    assert "no longer watched for drift" in caplog.text
    assert watch.offer("s", rows(0, 5), 6 * NS) == []


def test_a_defect_in_the_watch_never_reaches_the_source(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(text: str) -> None:
        raise RuntimeError("no one listens")

    listen = drift_listener(contract(), ManualClock(0), refuse)
    listen("s", b"t,p\n" + rows(0, 700) + rows(700, 1000, 100.0))
    listen("s", Restart(1))
    assert "sources are no longer watched for drift" in caplog.text


def test_the_pump_hands_over_what_the_source_brought(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(b"t,p\n" + rows(0, 700) + rows(700, 1000, 100.0))
    made, told = contract(), list[str]()
    ingest = Ingest(made)

    async def main() -> None:
        listen = drift_listener(made, SystemClock(), told.append)
        await pump(made, ingest, base_dir=tmp_path, clock=SystemClock(), seed=0, speed=math.inf,
                   stop=asyncio.Event(), on_chunk=listen)  # fmt: skip

    asyncio.run(main())
    assert told == ["source 's': field 'p' changed its unit: bar became kPa (x 100)"]
    assert ingest.counters["s"]["received"] == 1000


WIDE = """
contract: 1
sources:
  s: {{uri: "memory:", reader: {{format: csv, header: false, columns: [{columns}], time: {{column: t, unit: s}}}}}}
signals: [{signals}]
"""


def wide(count: int) -> Contract:
    names = [f"f{k}" for k in range(count)]
    signals = ", ".join(f"{{id: {name}, source: s, field: {name}}}" for name in names)
    return parse_contract(WIDE.format(columns=", ".join(["t", *names]), signals=signals))


def ticks(times: list[float], fields: int) -> bytes:
    cells = "".join(f",{k % 7}" for k in range(fields))
    return "".join(f"{time:.4f}{cells}\n" for time in times).encode()


def test_a_cadence_that_goes_to_and_fro_is_logged_once_a_minute_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch, time, told = DriftWatch(wide(1)), 0.0, []
    for chunk in range(300):  # 100 rows each, in turns a hundred and a thousand a second
        times = [time + k * (0.01 if chunk % 2 or chunk < 10 else 0.001) for k in range(100)]
        time = times[-1] + 0.001
        told += watch.offer("s", ticks(times, 1), round(chunk * 0.5 * NS))
    lines = [record.message for record in caplog.records]
    assert 1 <= len(lines) <= 4 == len(told) + 1  # 150 s
    assert "more like it" in lines[-1]
    assert watch.counts["s"]["cadence"] > 50


def test_fields_that_change_together_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    watch = DriftWatch(wide(40))
    watch.offer("s", ticks([k * 0.5 for k in range(600)], 40), 0)
    (drift,) = watch.offer("s", ticks([300 + k * 2.0 for k in range(300)], 40), NS)
    assert (drift.what, len(drift.fields)) == ("cadence", 40)
    assert len(caplog.records) == 1
    assert watch.counts == {"s": {"cadence": 40}}


def test_many_fields_that_change_one_by_one_are_ten_lines_a_minute_and_all_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = DriftWatch(wide(40))
    rows = [[6 + math.sin(k / 9 + j) for j in range(40)] for k in range(2700)]
    for k, row in enumerate(rows):
        cells = ",".join(f"{value:.4f}" if k < 600 + 50 * j else "off" for j, value in enumerate(row))
        watch.offer("s", f"{k},{cells}\n".encode(), k * NS // 100)
    assert watch.counts == {"s": {"retyped": 40}}
    assert len(watch.drifts) == 40
    assert len(caplog.records) == 10


def test_fields_of_which_little_was_heard_are_not_missing_when_their_turn_is_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A thousand signals in turns, each told twice: the clean stretch has seen few of them, and at one place only."""
    made = parse_contract(
        "contract: 1\nsources:\n"
        "  s: {uri: 'memory:', reader: {format: csv, layout: long, header: false, columns: [t, tag, v],\n"
        "      time: {column: t, unit: s}, name: tag, value: v}}\n"
        "signals:\n" + "".join(f"  - {{id: s{k}, source: s, field: s{k}}}\n" for k in range(1000))
    )
    watch, told = DriftWatch(made), []
    for turn in range(5):
        lines = [f"{turn},s{k},{(turn * 7 + k) % 10}\n" for k in range(1000) for _ in range(2)]
        told += watch.offer("s", "".join(lines).encode(), turn * NS)
    assert told == [] and not caplog.records


def test_a_source_that_begins_again_with_other_times_changes_no_cadence() -> None:
    watch = DriftWatch(contract())
    for _ in range(6):
        assert watch.offer("s", b"t,p\n" + rows(0, 130), 0) == []
        watch.restart("s")
