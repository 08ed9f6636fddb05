"""`twinstage telemetry ingest` on files that are made here."""

import json
from pathlib import Path

import pytest

from twinstage.cli.app import run

CONTRACT = """
contract: 1
sources:
  pump: {uri: "file:pump.csv", lateness: 10, reader: {format: csv, time: {column: time, unit: iso8601}}}
signals:
  - {id: pump.t, source: pump, field: t, unit: Cel, range: [-20, 120]}
"""
ROWS = """time,t
2026-03-01T10:00:00Z,20
2026-03-01T10:00:02Z,21
2026-03-01T10:00:01Z,20.5
2026-03-01T10:00:01Z,20.5
2026-03-01T10:00:03Z,nan
2026-03-01T10:00:04,22
2026-03-01T10:00:05Z,500
2026-03-01T10:00:06Z,23
"""
AT = ["--at", "2026-03-02T00:00:00Z"]


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    (tmp_path / "pump.csv").write_text(ROWS)
    path = tmp_path / "contract.yaml"
    path.write_text(CONTRACT)
    return path


def test_every_reading_is_accounted_for(contract: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quarantine = contract.parent / "q.jsonl"
    code = run(["telemetry", "ingest", str(contract), *AT, "--quarantine", str(quarantine)])
    out = capsys.readouterr().out
    assert code == 1  # something was quarantined
    assert "pump: 8 received = 4 applied + 1 duplicate + 3 quarantined" in out
    records = [json.loads(line) for line in quarantine.read_text().splitlines()]
    assert sorted(r["reason"] for r in records) == ["not_finite", "range", "time_zone"]


def test_the_same_files_give_the_same_state(contract: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hashes = []
    rows = ROWS.splitlines()
    for order in (rows, [rows[0], *reversed(rows[1:])]):
        (contract.parent / "pump.csv").write_text("\n".join(order))
        assert run(["telemetry", "ingest", str(contract), *AT, "--json"]) == 1
        hashes.append(json.loads(capsys.readouterr().out)["state"])
    assert hashes[0] == hashes[1]


def test_mistakes_are_told_in_one_sentence(contract: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["pumpp=missing.csv"], "no telemetry file"),
        (["--at", "yesterday"], "--at 'yesterday' cannot be read"),
        (["--quarantine", str(contract)], "exists already"),
    ):
        assert run(["telemetry", "ingest", str(contract), *arguments]) == 2
        assert said in capsys.readouterr().err
