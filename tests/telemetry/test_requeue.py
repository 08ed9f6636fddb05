"""Quarantined lines after a fix: each refused reading passes once, and nothing that had passed passes again."""

import json
from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.cli.app import run
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.quarantine import QuarantineMemory, QuarantineRecord, read_quarantine
from twinstage.telemetry.requeue import requeue

WRONG = """
contract: 1
sources:
  pump: {uri: "file:pump.csv", lateness: 3600, reader: {format: csv, time: {column: time, unit: iso8601}}}
signals:
  - {id: t, source: pump, field: t, unit: Cel, range: [0, 50]}
  - {id: p, source: pump, field: p, unit: bar, range: [0, 10]}
  - {id: on, source: pump, field: on, type: bool}
"""
RIGHT = WRONG.replace("range: [0, 50]", "range: [0, 100]").replace("reader:", "clock: {zone: UTC}, reader:")
ROWS = """time,t,p,on
2026-03-01T10:00:00Z,20,1,1
2026-03-01T10:00:01Z,70,2,1
2026-03-01T10:00:02,21,3,1
2026-03-01T10:00:03Z,80,99,1
2026-03-01T10:00:04Z,22
2026-03-01T10:00:05Z,23,5,maybe
"""
HEADER = {"pump": b"time,t,p,on"}


def refused(contract: str = WRONG) -> list[QuarantineRecord]:
    quarantine = QuarantineMemory()
    ingest = Ingest(parse_contract(contract), quarantine)
    ingest.offer("pump", ROWS.encode(), 1)
    ingest.finish("pump", 1)
    ingest.advance(1)
    assert ingest.counters["pump"]["applied"] == 8
    return list(quarantine.records)


def test_each_refused_reading_is_told_once_and_others_are_left_alone() -> None:
    records = refused()
    assert [(r.line, r.signal, r.reason) for r in records] == [
        (3, "t", "range"), (4, "", "time_zone"), (5, "t", "range"), (5, "p", "range"), (6, "", "columns"),
        (7, "on", "type"),
    ]  # fmt: skip
    quarantine = QuarantineMemory()
    ingest = Ingest(parse_contract(RIGHT), quarantine)
    done = requeue(ingest.contract, records, ingest, now_ns=2, headers=HEADER)
    # Lines 3 and 5 give t, line 4 all three; p of line 5, line 6 and `on` of line 7 stay refused.
    counts = done.counts["pump"]
    assert {k: n for k, n in counts.items() if n} == {"received": 8, "applied": 5, "quarantined": 3}
    assert (done.records, done.lines) == (6, 5)
    assert done.known == 2 + 1 + 2  # of lines 3, 5, 7
    assert [(r.signal, r.reason) for r in quarantine.records] == [
        ("p", "range"),
        ("", "columns"),
        ("on", "type"),
    ]
    assert all(r.raw for r in quarantine.records)  # so that they may be tried again
    assert ingest.state.numeric[ingest.state.index("t")] == pytest.approx(80 + 273.15)
    again = requeue(ingest.contract, records, ingest, now_ns=3, headers=HEADER)
    assert again.counts["pump"]["duplicate"] == 5
    assert again.counts["pump"]["applied"] == 0


def test_a_signal_may_have_another_name_by_now() -> None:
    ingest = Ingest(parse_contract(RIGHT.replace("id: t,", "id: pump.t,")))
    done = requeue(ingest.contract, refused(), ingest, now_ns=2, headers=HEADER)
    assert done.counts["pump"]["applied"] == 5


@pytest.mark.parametrize(
    ("contract", "headers", "said"),
    [
        (
            RIGHT.replace("pump:", "pumps:").replace("source: pump", "source: pumps"),
            HEADER,
            "did you mean 'pumps'",
        ),
        (RIGHT, {}, "pump=FILE"),
        (RIGHT, {"pump": b"time,temp,p,on"}, "header of source 'pump' lacks"),
        (
            RIGHT.replace("unit: iso8601}", "epoch: relative}").replace("zone: UTC", "epoch: now"),
            HEADER,
            "time zero",
        ),
    ],
)
def test_mistakes_are_told_in_one_sentence(contract: str, headers: dict[str, bytes], said: str) -> None:
    ingest = Ingest(parse_contract(contract))
    with pytest.raises(UserError, match=said):
        requeue(ingest.contract, refused(), ingest, now_ns=2, headers=headers)


def test_records_without_a_line_are_named() -> None:
    record = refused()[0]
    bare = QuarantineRecord(**{f: getattr(record, f) for f in record.__struct_fields__} | {"raw_b64": ""})
    ingest = Ingest(parse_contract(RIGHT))
    done = requeue(ingest.contract, [bare], ingest, now_ns=2, headers=HEADER)
    assert done.unread == {"range": 1}
    assert done.lines == 0


def test_from_the_command_line_into_a_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from twinstage.telemetry.history.recorder import open_recorder

    (tmp_path / "pump.csv").write_text(ROWS)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    (tmp_path / "right.yaml").write_text(RIGHT)
    history, queue, still = tmp_path / "history", tmp_path / "q.jsonl", tmp_path / "still.jsonl"
    ingest = Ingest(parse_contract(WRONG))
    recorder = open_recorder(history, ingest)
    ingest.offer("pump", ROWS.encode(), 1)
    ingest.finish("pump", 1)
    ingest.advance(1)
    recorder.close()
    assert run(["telemetry", "ingest", str(tmp_path / "wrong.yaml"), "--quarantine", str(queue)]) == 1
    capsys.readouterr()
    command = ["telemetry", "requeue", str(queue), "--contract", str(tmp_path / "right.yaml"), "--json"]
    assert run([*command, "--history", str(history), "--quarantine", str(still)]) == 1
    counts = json.loads(capsys.readouterr().out)["sources"]["pump"]
    assert counts["history_only"] == 5  # all of them older than the newest, so the state does not move
    assert len(read_quarantine(still)) == counts["quarantined"] == 3
    assert run([*command, "--history", str(history)]) == 1
    assert (
        json.loads(capsys.readouterr().out)["sources"]["pump"]["duplicate"] == 5
    )  # kept, and known the second time
