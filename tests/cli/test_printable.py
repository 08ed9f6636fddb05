"""What files, servers and people say writes on no terminal: escape sequences are written out, whichever command prints them."""

import logging
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from twinstage.base.terminal import printable
from twinstage.cli import alarms
from twinstage.cli.app import app, run
from twinstage.observe import configure_logging

EVIL = "red \x1b[31m \x1b]0;title\x07 \u202e end"


def clean(text: str) -> bool:
    return "\x1b" not in text and "\x07" not in text and "\u202e" not in text


def test_orders_are_written_out_and_all_else_stays() -> None:
    assert printable("pump 1: 21 °C, 10 µm, 水") == "pump 1: 21 °C, 10 µm, 水"
    assert printable("a\tb\nc") == "a\tb\nc"
    assert printable(EVIL) == "red \\x1b[31m \\x1b]0;title\\x07 \\u202e end"


def test_findings_of_a_file(tmp_path: Path) -> None:
    stage = tmp_path / "stage.usda"
    stage.write_text(
        '#usda 1.0\n(\ndefaultPrim = "A"\nupAxis = "Z"\nmetersPerUnit = 1\n)\ndef Xform "A" (\nkind = "\\x1b[31mk"\n'
        'prepend references = @./\\x1b[31mgone.usda@\n)\n{\n    token purpose = "\\x1b[31mp"\n'
        '    uniform token[] xformOpOrder = ["\\x1b[31mx"]\n    asset inputs:file = @./\\x1b]0;t\\x07.png@\n}\n'
    )
    told = CliRunner().invoke(app, ["assets", "check", str(stage), "--notes"])
    assert "rror" in told.output and clean(told.output)


def test_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["assets", "search", "--library", EVIL]) == 2
    told = capsys.readouterr().err
    assert "there is no such folder" in told and clean(told)


def answers(monkeypatch: pytest.MonkeyPatch, found: Any) -> None:
    monkeypatch.setattr("twinstage.live.remote.ask", lambda *asked: found)


def test_edits_of_people(monkeypatch: pytest.MonkeyPatch) -> None:
    edit = {"version": 1, "author": "Anna", "path": "/A", "property": "userProperties:note", "value": EVIL}
    answers(monkeypatch, {"version": 1, "total": 1, "edits": [edit]})
    told = CliRunner().invoke(app, ["edits", "list"])
    assert told.exit_code == 0 and "note = red" in told.output and clean(told.output)
    one = {"version": 1, "at": "2026", "author": EVIL, "did": "edit", "of": None, "changes": [edit]}
    answers(monkeypatch, {"transactions": [one]})
    told = CliRunner().invoke(app, ["edits", "journal"])
    assert told.exit_code == 0 and clean(told.output)


def test_tables_of_alarms(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    alarms._table(("alarm", "comment"), [("pump", EVIL)], "none")
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    alarms._table(("alarm", "comment"), [("pump", f"[red]{EVIL}")], "none")
    told = capsys.readouterr().out
    assert told.count("pump") == 2 and "\x1b]0" not in told and "\x1b[31m" not in told and "\x07" not in told


def test_log_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("twinstage")
    before = logger.handlers[:], logger.level, logger.propagate
    try:
        configure_logging()
        logging.getLogger("twinstage.watch").warning("the last good scene stays: %s", EVIL)
    finally:
        logger.handlers[:], level, logger.propagate = before
        logger.setLevel(level)
    told = capsys.readouterr().err
    assert "stays: red" in told and clean(told)
