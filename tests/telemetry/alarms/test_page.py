"""The page about alarms shows files that are accepted."""

import re
from pathlib import Path

import pytest

from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.sinks import load_sinks

HEAD = """
contract: 1
sources: {a: {uri: "memory:a", reader: {format: jsonl, time: {field: t, unit: s}}}}
signals:
  - {id: mixer.temperature, source: a, field: a, unit: Cel, max_age: 5}
  - {id: drive.state, source: a, field: b, type: enum, values: [idle, running, fault]}
  - {id: line.speed, source: a, field: c, unit: m/s}
  - {id: line.running, source: a, field: d, type: bool}
  - {id: line.mode, source: a, field: e, type: string}
"""


def block(root: Path, begins: str) -> str:
    text = (root / "docs" / "alarms.md").read_text("utf-8")
    return next(b for b in re.findall(r"```yaml\n(.*?)```", text, re.S) if b.startswith(begins))


def test_the_contract_of_the_page_is_one(root: Path) -> None:
    made = parse_contract(HEAD + block(root, "mode:"), where="alarms.md")
    assert [alarm.condition for alarm in made.alarms] == ["above", "stale", "equals", "above", "expr"]


def test_the_settings_of_the_page_are_some(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "x")
    (tmp_path / "smtp").write_text("y")
    (tmp_path / "notify.yaml").write_text(
        block(root, "notify: 1").replace("/run/secrets/smtp", str(tmp_path / "smtp"))
    )
    assert [sink.kind for sink in load_sinks(tmp_path / "notify.yaml")] == ["webhook", "email"]
