"""`twinstage telemetry schema`: the JSON Schema of contracts, and a contract's version and hash."""

import json
import re
from pathlib import Path

import pytest

from twinstage.cli.app import run
from twinstage.telemetry.contract import load_contract, parse_contract

PAGE = Path(__file__).parents[2] / "docs/contract.md"


def test_it_prints_the_schema_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["telemetry", "schema"]) == 0
    printed = capsys.readouterr().out
    schema = json.loads(printed)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"mode", "assets", "version", "signals"} <= set(schema["properties"])
    assert {"mode_range", "units"} <= set(schema["$defs"]["SignalSpec"]["properties"])
    out = tmp_path / "schema.json"
    assert run(["telemetry", "schema", "--out", str(out)]) == 0
    assert out.read_text() == printed
    assert run(["telemetry", "schema", "--out", str(tmp_path / "no/schema.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_it_prints_version_and_hash_of_a_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = next(
        b
        for b in re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.S)
        if b.startswith("contract: 1")
    )
    path = tmp_path / "contract.yaml"
    path.write_text(text)
    assert run(["telemetry", "schema", str(path)]) == 0
    found = load_contract(path)
    assert capsys.readouterr().out == f"{path}: version 2026-11, hash {found.hash}\n"
    assert parse_contract(text.replace("# for people", "# for all")).hash == found.hash
