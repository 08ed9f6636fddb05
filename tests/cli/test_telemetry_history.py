"""What people read on the terminal: of a history, and of what was refused."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twinstage.base.errors import UserError
from twinstage.cli.app import app
from twinstage.telemetry.quarantine import read_quarantine

run = CliRunner().invoke
CONTRACT = """
contract: 1
sources:
  a: {uri: "file:x.jsonl", reader: {format: jsonl, time: {field: t, unit: s}}}
signals:
  - {id: p, source: a, field: p, unit: bar, range: [0, 10]}
  - {id: share, source: a, field: s}
  - {id: on, source: a, field: o, type: bool}
  - {id: state, source: a, field: e, type: enum, values: {IDLE: 3, RUN: 7}}
"""
ROWS = [
    b'{"t": 1, "p": 2.5, "s": 0.5, "o": true, "e": "RUN"}',
    b'{"t": null, "p": 1}',
    b'{"t": 3, "p": 99}',
    b'{"t": 4, "p": true}',
    b'{"t": 5, "p": "\x1b[31mred"}',
    b'{"t": 6, "p": "\\u001b[31mred"}',
    b'{"t": 7, "p": {"deep": null}}',
    b'{"t": 8, "p": 1',
    b"\xff\xfe",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(ROWS) + b"\n")
    return tmp_path


def test_what_was_refused_is_told_as_the_file_has_it(folder: Path) -> None:
    refused = folder / "refused.jsonl"
    done = run(app, ["telemetry", "ingest", str(folder / "contract.yaml"), "--quarantine", str(refused)])
    assert done.exit_code == 1
    got = {record.line: record.got for record in read_quarantine(refused)}
    assert got[2] == "nothing"
    assert (got[3], got[4], got[7]) == ("99", "true", '{"deep":null}')
    assert got[8] == '{"t": 8, "p": 1'
    assert got[9] == "\\xff\\xfe"
    assert "1 time 't' was not as expected, first in line 2: nothing; expected" in done.output
    assert "'p' was not as expected, first in line 3: 99; expected 0 to 10 bar" in done.output
    assert "\x1b" not in done.output, "what a source sends writes on no terminal"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at", "1", "--from", "0"], "--at is one moment, and --from is of a span; give one of them"),
        (
            ["--at", "1", "--buckets", "3", "--signal", "p"],
            "--at is one moment, and --buckets is of a span; give one of",
        ),
        (["--known-at", "1"], "--known-at is for questions; add --at, or --signal with --from and --to"),
        (["--out", "x.csv"], "--out is for answers; add --at, or --signal with --from and --to"),
    ],
)
def test_questions_that_make_no_sense_are_refused(folder: Path, options: list[str], message: str) -> None:
    history = str(folder / "history")
    run(app, ["telemetry", "ingest", str(folder / "contract.yaml"), "--history", history])
    done = run(app, ["telemetry", "history", history, *options])
    assert isinstance(done.exception, UserError)
    assert message in str(done.exception)


def test_readings_of_a_history_in_words(folder: Path) -> None:
    history = str(folder / "history")
    run(app, ["telemetry", "ingest", str(folder / "contract.yaml"), "--history", history])
    told = run(app, ["telemetry", "history", history]).output
    assert ", 1 run, 1970" in told and "0 readings in 0 files" in told
    rows = run(app, ["telemetry", "history", history, "--at", "0"]).output.splitlines()
    assert [row.split("  ")[1:] for row in rows] == [
        ["on", "true", "good"],
        ["p", "250000.0 Pa", "good"],
        ["share", "0.5", "good"],
        ["state", "RUN", "good"],
    ]
    assert run(app, ["telemetry", "history", history, "--at", "-5"]).output == "no readings\n"
    moved = run(app, ["telemetry", "archive", history]).output
    assert "has 1 file of " in moved
    as_json = run(app, ["telemetry", "history", history, "--at", "0", "--json"]).output
    assert json.loads(as_json)["of"] == 4
