"""`twinstage alarms` against a server that is a process of its own, is killed, and is started again."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pxr import Usd, UsdGeom

from twinstage.cli.app import run

CONTRACT = """
contract: 1
sources:
  plc: {uri: "file:plc.jsonl", reader: {format: jsonl, layout: wide, time: {field: t, unit: s}}, lateness: 0}
signals:
  - {id: motor, source: plc, field: motor, unit: Cel, type: f64}
alarms:
  - {id: motor.hot, signal: motor, above: 80, priority: high, message: "Too [bold]hot"}
  - {id: motor.cold, signal: motor, below: 10}
"""
BINDINGS = """
bindings: 1
contract: contract.yaml
bindings:
  - {kind: attribute, prim: /Door, attribute: "twin:motor", signal: motor, unit: Cel}
"""

Start = Callable[[], "tuple[subprocess.Popen[str], str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    stage = Usd.Stage.CreateNew(str(tmp_path / "cell.usda"))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.Cube.Define(stage, "/Door")
    stage.Save()
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "bindings.yaml").write_text(BINDINGS)
    (tmp_path / "plc.jsonl").write_text('{"t": 0, "motor": 85.5}\n')
    running: list[subprocess.Popen[str]] = []

    def go() -> tuple[subprocess.Popen[str], str]:
        command = [
            *(sys.executable, "-m", "twinstage", "serve", str(tmp_path / "cell.usda"), "--port", "0"),
            *("--bindings", str(tmp_path / "bindings.yaml"), "--history", str(tmp_path / "history")),
            *("--camera-engine", "off"),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                return process, found.group()
        raise AssertionError("the server said nothing")

    yield go
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_raised_acknowledged_killed_and_still_acknowledged(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(["alarms", *arguments, "--server", url]) == code
        out = capsys.readouterr()
        return out.out if code == 0 else out.err

    process, url = start()
    for _ in range(100):
        if "motor.hot" in ask("list"):
            break
        subprocess.run(["sleep", "0.1"], check=True)
    line = ask("list")
    assert line.startswith("motor.hot\thigh\tunacknowledged\t")
    assert line.endswith("\t85.5 °C\tabove 80.0\tToo [bold]hot\n"), "what a contract says is no markup"
    assert ask("acknowledge", "motor.hot", "--by", "anna", "--comment", "mine") == "motor.hot: acknowledged\n"
    assert "nothing to acknowledge" in ask("acknowledge", "motor.hot", code=2)
    assert "did you mean 'motor.hot'" in ask("acknowledge", "motor.hat", code=2)
    assert ask("out-of-service", "motor.cold").startswith("motor.cold: out of service")
    process.kill()
    process.wait()
    assert f"no server answers at {url}" in ask("list", code=3)

    process, url = start()
    data = json.loads(ask("list", "--all", "--json"))
    told = {alarm["id"]: (alarm["state"], alarm["outOfService"]) for alarm in data["alarms"]}
    assert told == {"motor.hot": ("acknowledged", False), "motor.cold": ("normal", True)}
    journal = ask("journal", "--alarm", "motor.hot").splitlines()
    assert [row.split("\t")[4] for row in journal] == ["acknowledged", "raised"]
    assert journal[0].endswith("anna\tmine")


def test_an_address_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alarms", "list", "--server", "localhost"]) == 2
    assert "http://HOST:PORT was expected" in capsys.readouterr().err
