"""A user's mistake is answered by one sentence and exit code 2, never by a traceback."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pxr import Usd, UsdGeom

Run = Callable[..., Any]

CONTRACT = {
    "contract": 1,
    "sources": {
        "plc": {
            "uri": "file:plc.jsonl",
            "reader": {"format": "jsonl", "layout": "wide", "time": {"field": "t", "unit": "ms"}},
        }
    },
    "signals": [
        {"id": "door", "source": "plc", "field": "door", "unit": "mm", "type": "f64", "range": [0, 1000]},
        {"id": "motor", "source": "plc", "field": "motor", "unit": "Cel", "type": "f64"},
    ],
}
# The version and the list share a name, as docs/conventions.md says.
BINDINGS = """\
bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, prim: /Hall/Door, position: {x: door}}
"""


def _run(
    *arguments: object, timeout: float = 60, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twinstage", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)


def _one_sentence(done: Any, *parts: str) -> None:
    text = done.stderr.strip()
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in text
    assert text.startswith("twinstage: ")
    assert len(text.splitlines()) == 1
    for part in parts:
        assert part in text


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    """A folder with a small twin that holds together."""
    stage = Usd.Stage.CreateNew(str(tmp_path / "hall.usda"))
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Hall").GetPrim())
    UsdGeom.Cube.Define(stage, "/Hall/Door")
    stage.Save()
    (tmp_path / "contract.yaml").write_text(yaml.safe_dump(CONTRACT))
    (tmp_path / "bindings.yaml").write_text(BINDINGS)
    (tmp_path / "plc.jsonl").write_text('{"t": 0, "door": 100}\n{"t": 10, "door": \n{"t": 20, "door": 300}\n')
    return tmp_path


def _serving(cell: Path, *more: object) -> tuple[object, ...]:
    return (
        *("serve", cell / "hall.usda", "--bindings", cell / "bindings.yaml"),
        *("--port", 0, "--duration", 1, *more),
    )


def test_a_twin_that_holds_together_is_served(cell: Path) -> None:
    done = _run(*_serving(cell))
    assert done.returncode == 0, done.stderr
    assert re.search(r"serving hall\.usda \(2 prims\) at http://127\.0\.0\.1:\d+", done.stdout)


def test_missing_stage(tmp_path: Path) -> None:
    _one_sentence(_run("serve", tmp_path / "nowhere.usda"), "nowhere.usda")


def test_a_link_that_leads_nowhere(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cell.usda").symlink_to("gone.usda")
    _one_sentence(
        run("assets", "check", tmp_path / "cell.usda"), "is a link to gone.usda, which does not exist"
    )


def test_truncated_crate(run: Run, cell: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.usdc"
    Usd.Stage.Open(str(cell / "hall.usda")).Export(str(whole))
    cut = tmp_path / "cut.usdc"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    _one_sentence(run("serve", cut, "--port", 0), "cut.usdc")


def test_unknown_prim_in_a_binding(run: Run, cell: Path) -> None:
    text = (cell / "bindings.yaml").read_text().replace("/Hall/Door", "/Hall/Dor")
    (cell / "bindings.yaml").write_text(text)
    _one_sentence(run(*_serving(cell)), "/Hall/Dor", "/Hall/Door")


def test_unknown_signal_in_a_binding(run: Run, cell: Path) -> None:
    (cell / "bindings.yaml").write_text((cell / "bindings.yaml").read_text().replace("x: door", "x: doors"))
    _one_sentence(run(*_serving(cell)), "doors", "'door'")


def test_unit_of_the_wrong_dimension(run: Run, cell: Path) -> None:
    (cell / "bindings.yaml").write_text((cell / "bindings.yaml").read_text().replace("x: door", "x: motor"))
    _one_sentence(run(*_serving(cell)), "motor", "/Hall/Door")


def test_malformed_line_is_quarantined_and_the_rest_applied(cell: Path) -> None:
    done = _run(*_serving(cell, "--quarantine", cell / "refused.jsonl"))
    assert done.returncode == 0, done.stderr
    records = (cell / "refused.jsonl").read_text().splitlines()
    assert len(records) == 1
    assert '"plc"' in records[0]


def test_port_in_use(cell: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _run("serve", cell / "hall.usda", "--port", port)
    _one_sentence(done, str(port), "in use")


def test_output_folder_not_empty(run: Run, tmp_path: Path, root: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "holiday.txt").write_text("mine")
    recipe = root / "assets" / "library" / "workcell" / "recipe.yaml"
    done = run("synth", "generate", recipe, "--out", tmp_path / "out", "--frames", 1)
    _one_sentence(done, "not empty")
    assert (tmp_path / "out" / "holiday.txt").read_text() == "mine"


def test_contract_without_bindings(run: Run, cell: Path) -> None:
    _one_sentence(run("serve", cell / "hall.usda", "--contract", cell / "contract.yaml"), "--bindings")


def test_names_that_are_not_utf_8(cell: Path) -> None:
    """One such file among others is told of, and the others are checked; as an argument it is a mistake."""
    odd = cell / os.fsdecode(b"odd\xff.usda")
    try:
        odd.write_bytes((cell / "hall.usda").read_bytes())
    except OSError:
        pytest.skip("this file system takes no such name")
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = _run("assets", "check", cell, env=strict)
    assert done.returncode == 1, done.stderr
    assert "has a name that is not UTF-8, which USD cannot read; rename it" in done.stdout
    assert "2 files, 1 without an error" in done.stdout and "odd\\udcff.usda" in done.stdout
    _one_sentence(_run("assets", "check", odd), "odd\\udcff.usda' is not UTF-8")


def test_a_place_where_nothing_can_be_written(cell: Path) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("no /proc, where nobody makes files")
    _one_sentence(
        _run("export", cell / "hall.usda", "--out", "/proc/x.usda"), "/proc/x.usda cannot be written"
    )
    (cell / "t.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    _one_sentence(_run("assets", "import", cell / "t.obj", "--out", "/proc/x"), "/proc/x cannot be written")


def test_what_is_asked_for_past_the_end_of_the_recordings_is_told(cell: Path) -> None:
    given = ["export", cell / "hall.usda", "--bindings", cell / "bindings.yaml"]
    said = "the recordings end by"
    for number, (asked, expected) in enumerate(
        (
            (["--at", 5], 1),
            (["--at", 0.01], 0),
            (["--window", 0, 3, "--fps", 2], 1),
            (["--window", 0, 0.02, "--fps", 100], 0),
        )
    ):
        done = _run(*given, *asked, "--out", cell / f"out{number}.usda")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(said) == expected, asked


def test_unknown_camera(run: Run, cell: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.usda"
    bare.write_text('#usda 1.0\ndef Xform "A" {\n}\n')
    _one_sentence(run("render", bare, "--out", tmp_path / "x.png"), "bare.usda draws nothing")
    for choice, words in (("/A", "not of the form"), ("/A{size}=big", "/A has no variant set 'size'")):
        done = run("render", bare, "--variant", choice, "--out", tmp_path / "x.png")
        _one_sentence(done, words)


def test_unknown_flag_is_exit_2(run: Run) -> None:
    done = run("serve", "x.usda", "--no-such-flag")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--seed", "-1"], "the engine's seed is -1"),
        (["--exposure", "nan"], "the engine's exposure is nan"),
        (["--engine", "cycles"], "no engine named 'cycles'"),
        (["--out", "x.tiff"], ".tiff is no kind of picture; known: .png"),
        (["--time", "nan"], "--time is nan"),
    ],
)
def test_render_flags_out_of_range(run: Run, root: Path, flags: list[str], text: str) -> None:
    cell = root / "assets" / "library" / "workcell" / "workcell.usda"
    _one_sentence(run("render", cell, *flags), text)


def test_telemetry_file_missing(run: Run, cell: Path) -> None:
    (cell / "plc.jsonl").unlink()
    done = run(*_serving(cell))
    _one_sentence(done, "plc.jsonl")
    assert "serving" not in done.stdout
    checked = run("doctor", cell / "hall.usda", "--bindings", cell / "bindings.yaml", "--json")
    assert checked.returncode == 1
    assert "plc.jsonl" in checked.stdout


def test_doctor_with_bindings_but_no_stage(run: Run, cell: Path) -> None:
    _one_sentence(run("doctor", "--bindings", cell / "bindings.yaml"), "name it first")


def test_demo_into_a_foreign_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = run("demo", "--port", 0, "--out", tmp_path)
    _one_sentence(done, "not empty")
    assert "serving" not in done.stdout


def test_demo_over_a_damaged_dataset(run: Run, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[]")
    _one_sentence(run("demo", "--port", 0, "--out", tmp_path), "manifest.json is damaged")
