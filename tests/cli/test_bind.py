"""`twinstage bind` and `doctor` as a user runs them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinstage.scene.bindings import load_bindings


@pytest.fixture(scope="module")
def cell(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bind") / "cell"
    shutil.copytree(root / "assets" / "library" / "workcell", folder)
    return folder


def test_suggest_then_check(cell: Path, run: Callable[..., Any]) -> None:
    out = cell / "suggested.yaml"
    done = run("bind", "suggest", cell / "workcell.usda", "--contract", cell / "contract.yaml", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    active = out.read_text().count("\n  - ")
    assert done.stdout.startswith(f"{out}: {active} bindings proposed, ")
    again = run("bind", "suggest", cell / "workcell.usda", "--contract", cell / "contract.yaml", "--out", out)
    assert again.returncode == 2 and "exists already" in again.stderr, "what a person edited is not replaced"
    done = run("bind", "check", cell / "workcell.usda", "--bindings", out, "--json")
    answer = json.loads(done.stdout)
    assert len(answer["bindings"]) > 30
    assert [f for f in answer["findings"] if f["severity"] == "error"] == [], "what is suggested holds"


def test_export_import_and_a_stage_that_carries_its_wiring(cell: Path, run: Callable[..., Any]) -> None:
    wired = cell / "wired.usda"
    done = run("bind", "export", cell / "bindings.yaml", cell / "workcell.usda", "--out", wired)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("bind", "import", wired, "--out", cell / "back.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert load_bindings(cell / "back.yaml").bindings == load_bindings(cell / "bindings.yaml").bindings
    done = run("doctor", wired, "--json")
    details = {check["name"]: check["detail"] for check in json.loads(done.stdout)}
    assert done.returncode == 0
    assert "29 prims bound to 44 signals" in details["bindings"]


def test_doctor_lists_all(cell: Path, run: Callable[..., Any]) -> None:
    text = (
        (cell / "bindings.yaml").read_text().replace("joint_1,", "joint_9,").replace("robot.j2}", "robot.k2}")
    )
    (cell / "bad.yaml").write_text(text)
    done = run("doctor", cell / "workcell.usda", "--bindings", cell / "bad.yaml")
    assert done.returncode == 1
    assert "FAIL  binding.prim: " in done.stdout
    assert "bad.yaml:7: joint binding of /WorkCell/Robot/Joints/joint_9: there is no prim" in done.stdout
    assert "FAIL  binding.signal: " in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["bind", "check", "workcell.usda", "--bindings", "bindings.yaml", "--data", "robot"],
            "is no SOURCE=FILE",
        ),
        (["bind", "import", "workcell.usda"], "holds no bindings"),
        (
            ["bind", "export", "bindings.yaml", "workcell.usda", "--out", "workcell.usda"],
            "is the stage itself",
        ),
        (["bind", "export", "bindings.yaml", "workcell.usda", "--out", "x.usdc"], "has to end in .usda"),
        (["bind", "suggest", "workcell.usda", "--contract", "nope.yaml"], "there is no contract"),
        (["bind", "suggest", "nope.usda", "--contract", "contract.yaml"], "there is no stage"),
    ],
)
def test_mistakes(cell: Path, run: Callable[..., Any], arguments: list[str], words: str) -> None:
    named = [str(cell / a) if a.endswith((".usda", ".yaml", ".usdc")) else a for a in arguments]
    done = run(*named)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
