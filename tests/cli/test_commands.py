"""Each command does its work on real input, says so, and gives JSON to a program that asks."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

COMMANDS = [
    ["demo"],
    ["serve"],
    ["export"],
    ["doctor"],
    ["render"],
    ["synth", "generate"],
    ["synth", "verify"],
    ["synth", "convert"],
    ["synth", "frame"],
    ["synth", "merge"],
    ["synth", "report"],
    ["synth", "schema"],
    ["assets", "check"],
    ["assets", "coverage"],
    ["assets", "label"],
    ["assets", "upgrade-labels"],
]


def _run(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twinstage", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope="module")
def cell(root: Path) -> Path:
    return root / "assets" / "library" / "workcell"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches(run: Callable[..., Any], command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "Usage: twinstage" in done.stdout
    assert len(done.stdout) > 400


def test_help_keeps_what_stands_in_brackets(run: Callable[..., Any]) -> None:
    assert "recording [s]" in " ".join(run("export", "--help").stdout.replace("│", " ").split())
    assert "[label, ...]" in " ".join(run("assets", "check", "--help").stdout.replace("│", " ").split())


def test_version() -> None:
    from twinstage import __version__

    assert _run("--version").stdout.strip() == f"twinstage {__version__}"


def test_doctor_finds_this_machine_fit() -> None:
    done = _run("doctor", "--json")
    assert done.returncode == 0, done.stdout
    checks = {check["name"]: check["status"] for check in json.loads(done.stdout)}
    assert checks["label rays"] == checks["viewer"] == checks["usd-core"] == checks["films"] == "ok"


def test_doctor_checks_a_twin(cell: Path) -> None:
    done = _run("doctor", cell / "workcell.usda", "--bindings", cell / "bindings.yaml", "--json")
    assert done.returncode == 0, done.stderr
    details = {check["name"]: check["detail"] for check in json.loads(done.stdout)}
    assert "4 cameras" in details["stage"]
    assert "bound to" in details["bindings"]


def test_assets_check_of_the_bundled_cell(cell: Path) -> None:
    done = _run("assets", "check", cell / "workcell.usda", "--json")
    assert done.returncode == 0, done.stdout
    (file,) = json.loads(done.stdout)["files"]
    assert [f for f in file["findings"] if f["severity"] == "error"] == []


def test_assets_check_finds_faults_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "bad.usda").write_text(
        '#usda 1.0\n(defaultPrim = "A")\ndef Xform "A"\n{\n'
        '    def Mesh "M"\n    {\n        point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]\n'
        "        int[] faceVertexCounts = [3]\n        int[] faceVertexIndices = [0, 1, 7]\n    }\n}\n"
    )
    done = _run("assets", "check", tmp_path / "bad.usda")
    assert done.returncode == 1
    assert "/A/M" in done.stdout


def test_assets_label_takes_answers_from_a_pipe_and_check_agrees(tmp_path: Path) -> None:
    file, out = tmp_path / "yard.usda", tmp_path / "labels.usda"
    file.write_text(
        '#usda 1.0\n(defaultPrim = "Yard"\nupAxis = "Z"\nmetersPerUnit = 1)\ndef Xform "Yard"\n{\n'
        + "".join(f'    def Cube "Crate_{k}"\n    {{\n    }}\n' for k in range(2))
        + '    def Sphere "Tank"\n    {\n    }\n}\n'
    )
    command = [
        sys.executable,
        "-m",
        "twinstage",
        "assets",
        "label",
        str(file),
        "--out",
        str(out),
        "--interactive",
    ]
    done = subprocess.run(
        [*command, "--json"], input="crate\n=\n", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    labels = {row["path"]: row["labels"] for row in json.loads(done.stdout)["labels"]}
    assert labels == {"/Yard/Crate_0": ["crate"], "/Yard/Crate_1": ["crate"], "/Yard/Tank": ["tank"]}
    checked = _run("assets", "check", out, "--json")
    assert checked.returncode == 0, checked.stdout
    (file,) = json.loads(checked.stdout)["files"]
    assert not [f for f in file["findings"] if f["code"].startswith("label")]


def test_render_writes_a_picture(cell: Path, tmp_path: Path) -> None:
    out = tmp_path / "cell.png"
    flags = ["--camera", "RobotView", "--engine", "raycast", "--spp", 1, "--width", 160, "--height", 90]
    flags += ["--refine", 1, "--time", 0]
    done = _run("render", cell / "workcell.usda", "--out", out, *flags, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["camera"].endswith("/RobotView")
    picture = np.asarray(Image.open(out))
    assert picture.shape == (90, 160, 3)
    assert picture.std() > 20, "a place, not a flat colour"


def test_render_frames_a_stage_without_a_camera_and_takes_a_variant(tmp_path: Path) -> None:
    stage, out = tmp_path / "lamp.usda", tmp_path / "lamp.png"
    stage.write_text(
        '#usda 1.0\ndef Xform "Lamp" (variants = {string paint = "red"}\n prepend variantSets = "paint") {\n'
        ' variantSet "paint" = {\n'
        '  "red" {\n def Cube "Shade" {\n color3f[] primvars:displayColor = [(1, 0, 0)]\n }\n }\n'
        '  "blue" {\n def Cube "Shade" {\n color3f[] primvars:displayColor = [(0, 0, 1)]\n }\n }\n }\n}\n'
    )
    flags = ["--engine", "raycast", "--width", "64", "--height", "48", "--out", out]
    for paint, channel in (("red", 0), ("blue", 2)):
        done = _run("render", stage, *flags, "--variant", f"/Lamp{{paint}}={paint}")
        assert done.returncode == 0 and "the whole scene" in done.stdout, done.stderr
        middle = np.asarray(Image.open(out))[24, 32]
        assert middle.argmax() == channel and middle[channel] > 2 * middle[2 - channel]


def test_render_tells_what_it_leaves_out_and_why_it_is_dark(tmp_path: Path) -> None:
    stage = tmp_path / "s.usda"
    stage.write_text(
        '#usda 1.0\n(\n metersPerUnit = 1\n upAxis = "Z"\n)\ndef Camera "C" {\n}\ndef Volume "V" {\n}\n'
        'def SphereLight "L" {\n token visibility = "invisible"\n}\n'
    )
    flags = ["--engine", "raycast", "--spp", 1, "--width", 8, "--height", 8]
    done = _run("render", stage, "--out", tmp_path / "x.png", *flags)
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stdout.splitlines() if line.startswith("note: ")]
    assert any("Volume" in line for line in notes)
    assert any("every light of the stage is hidden" in line for line in notes)


def test_render_names_a_near_miss(cell: Path, tmp_path: Path) -> None:
    done = _run("render", cell / "workcell.usda", "--camera", "RobotVew", "--out", tmp_path / "x.png")
    assert done.returncode == 2
    assert "did you mean 'RobotView'?" in done.stderr
