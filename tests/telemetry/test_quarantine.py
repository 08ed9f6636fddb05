"""The quarantine file: exact, bounded, and never in the way."""

import json
from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.quarantine import REASONS, QuarantineFile, QuarantineRecord, read_quarantine

CONTRACT = parse_contract("""
contract: 1
sources: {s: {uri: "memory:s", reader: {format: csv, time: {column: t}}}}
signals: [{id: x, source: s, field: x, unit: "%", range: [0, 100]}]
""")


def record(got: str = "1") -> QuarantineRecord:
    return QuarantineRecord("range", "s", 3, "x", "x", "0 to 100 %", got, "MiwxMDE=", 9, "hash")


def test_records_are_json_lines_that_hold_the_raw_bytes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "quarantine.jsonl"
    sink = QuarantineFile(path)
    ingest = Ingest(CONTRACT, sink)
    ingest.offer("s", b"t,x\n1,5\n2,101\n", 77)
    sink.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [
        {
            "reason": "range", "source": "s", "line": 3, "field": "x", "signal": "x", "expected": "0 to 100 %",
            "got": "101", "raw_b64": "MiwxMDE=", "received_ns": 77, "contract": CONTRACT.hash,
        }
    ]  # fmt: skip
    assert read_quarantine(path)[0].raw == b"2,101"
    assert lines[0]["reason"] in REASONS


def test_the_file_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    sink = QuarantineFile(path, max_bytes=4000)
    for number in range(500):
        sink.put([record(str(number))])
    sink.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 4000
    kept = [int(r.got) for r in read_quarantine(path)]
    assert kept == list(range(500 - len(kept), 500))
    assert len(kept) > 5
    again = QuarantineFile(path, max_bytes=4000)
    again.put([record("500")])
    again.close()
    assert read_quarantine(path)[-1].got == "500"
    assert again.total == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [(".", "is a folder"), ("file/q.jsonl", "cannot be written"), ("a\0b", "cannot be written")],
)
def test_a_path_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=words):
        QuarantineFile(tmp_path / name)


def test_closing_twice_is_fine_and_later_records_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    ingest = Ingest(CONTRACT, QuarantineFile(path))
    ingest.close()
    ingest.offer("s", b"t,x\n1,5\n2,101\n", 77)
    ingest.close()
    ingest.close()
    assert [r.got for r in read_quarantine(path)] == ["101"]
    Ingest(CONTRACT).close()


def test_a_place_that_is_lost_later_loses_records_but_not_the_twin(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = QuarantineFile(tmp_path / "q.jsonl")
    (tmp_path / "q.jsonl").unlink()
    (tmp_path / "q.jsonl").mkdir()
    sink.put([record(), record()])
    sink.put([record()])
    assert (sink.total, sink.lost) == (3, 3)
    assert len(caplog.records) == 1
