"""What the pages on pictures, labels and sensors say to type works as it stands there, on a stage of a few shapes."""

import re
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage import render
from twinstage.cli.app import run
from twinstage.live.twin import open_files
from twinstage.render.engines import EngineSettings

STAGE = """#usda 1.0
(
    startTimeCode = 0
    endTimeCode = 1
    timeCodesPerSecond = 24
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "World" {
    def Camera "Main" {
        double3 xformOp:translate = (0, 0, 9)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Camera "Side" {
        double3 xformOp:translate = (1, 0, 9)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Camera "Overview" {
        double3 xformOp:translate = (2, 0, 9)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Cube "Robot" (
        prepend apiSchemas = ["SemanticsLabelsAPI:class"]
    ) {
        token[] semantics:labels:class = ["robot"]
        double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 48: (2, 0, 0) }
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
}
"""


def blocks(root: Path, page: str, language: str) -> list[str]:
    """The code blocks of a page in that language, "" for plain ones."""
    text = (root / "docs" / f"{page}.md").read_text("utf-8")
    return [body for found, body in re.findall(r"```(\w*)\n(.*?)```", text, re.S) if found == language]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("twinstage.live.twin.open_files", partial(open_files, probe=False))
    for name in ("cell.usda", "pot.usda"):
        (tmp_path / name).write_text(STAGE)
    return tmp_path


def test_the_commands_of_the_page_on_pictures(
    root: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scan,) = blocks(root, "sensors", "yaml")
    (folder / "lidar.yaml").write_text(scan)
    commands = [line.split("#")[0] for line in blocks(root, "render", "")[0].splitlines() if line.strip()]
    assert len(commands) >= 7
    for command in commands:
        name, *words = shlex.split(command)
        assert name == "twinstage"
        # Fewer and plainer pixels than the page asks for: what is tried is the command, not the renderer.
        assert run([*words, "--engine", "null", "--size", "32x24"]) == 0, (command, capsys.readouterr().err)
    made = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"render.png", "main.png", "labels.json", "film.mp4", "pot.mp4", "sheet.png"} <= made
    assert {"Main_lidar_0000.pcd", "Main_lidar_0001.label", "Side_semantic_0000.png"} <= made


@pytest.mark.parametrize("page", ["render", "pictures", "label-pass", "sensors"])
def test_the_python_of_the_pages(
    root: Path, folder: Path, page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = render.open("cell.usda")
    picture = scene.picture("Main", size=(64, 48), engine="null", aovs=("rgb", "linear"))
    later = scene.at(1)
    names: dict[str, Any] = {
        "snapshot": scene.snapshot,
        "now": scene.snapshot,
        "later": later.snapshot,
        "camera": picture.camera,
        "camera_then": picture.camera,
        "motion": None,
        "picture": picture,
        "folder": folder,
        "pose": np.eye(4),
    }
    if page == "render":  # its pictures, by an engine that makes none
        settings = partial(EngineSettings, kind="null")
        monkeypatch.setattr(
            "twinstage.render.api.engine_settings",
            lambda **fields: settings(**{k: v for k, v in fields.items() if k != "kind"}),
        )
    for block in blocks(root, page, "python"):
        exec(compile(block, f"docs/{page}.md", "exec"), names)
    if page == "render":
        assert {"main.png", "main.json", "main.exr"} <= {path.name for path in folder.iterdir()}
    if page == "label-pass":
        assert capsys.readouterr().out.startswith("/World/Robot ")
        assert names["capture"].aovs["flow"].shape == (480, 640, 2)
    if page == "sensors":
        assert len(names["cloud"]["xyz"]) and list(folder.glob("000123_stereo*"))
    if page == "pictures":
        assert names["capture"].aovs["linear"].shape == (48, 64, 3)
