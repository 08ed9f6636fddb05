"""docs/designers.md is run: every command, in order, in an empty folder, against one `serve --watch`."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(400)
_BLOCK = re.compile(r"```(sh background|sh|python)\n(.*?)```", re.S)
ASCII = """solid part
{facets}endsolid part
"""


class Tutorial:
    """Runs the blocks of the page one after the other."""

    def __init__(self, page: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        text = page.replace("8123", str(self.port))
        self.blocks = [(match[1], match[2]) for match in _BLOCK.finditer(text)]
        self.folder = folder
        self.server: subprocess.Popen[str] | None = None
        self.output: list[str] = []
        (folder / "bin").mkdir()
        program = folder / "bin" / "twinstage"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m twinstage "$@"\n')
        program.chmod(0o755)
        (folder / "bin" / "python3").symlink_to(sys.executable)
        self.environment = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
            "COLUMNS": "160",
        }

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status", timeout=5) as answer:
            return dict(json.load(answer)["watch"])

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 90
        while True:
            try:
                if holds(now := self.status()):
                    return now
            except OSError:
                now = {}
            assert time.monotonic() < deadline, now
            time.sleep(0.05)

    def scene(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/scene", timeout=5) as answer:
            return dict(json.load(answer))

    def place(self, path: str) -> list[float]:
        nodes = self.scene()["nodes"]
        row = 12 * nodes["path"].index(path)
        return [nodes["local"][row + k] for k in (3, 7, 11)]

    def run(self, number: int) -> str:
        """A block; its output."""
        kind, text = self.blocks[number]
        if kind == "sh background":
            command = ["twinstage", *text.split()[1:]]
            self.server = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.until(lambda now: now["state"] == "watching")
            return ""
        command = ["bash", "-euc", text] if kind == "sh" else ["python3", "-c", text]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def end(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(20)


def box() -> str:
    """An STL of two triangles, where the shared files are not at hand."""
    corners = [((0, 0, 0), (5, 0, 0), (5, 2, 0)), ((0, 0, 0), (5, 2, 0), (0, 2, 1))]
    facets = ""
    for three in corners:
        points = "".join(f"vertex {x} {y} {z}\n" for x, y, z in three)
        facets += f"facet normal 0 0 1\nouter loop\n{points}endloop\nendfacet\n"
    return ASCII.format(facets=facets)


@pytest.fixture
def tutorial(root: Path, tmp_path: Path) -> Iterator[Tutorial]:
    part = root.parent / "shared" / "assets" / "convert" / "trimesh" / "featuretype.STL"
    if part.exists():
        shutil.copy(part, tmp_path / "bracket.stl")
    else:
        (tmp_path / "bracket.stl").write_text(box())
    made = Tutorial((root / "docs" / "designers.md").read_text(), tmp_path)
    yield made
    made.end()


def test_the_designers_page_from_stl_to_review(tutorial: Tutorial) -> None:
    kinds = [kind for kind, _ in tutorial.blocks]
    assert kinds == [
        "sh",
        "sh",
        "sh background",
        "sh",
        "sh",
        "python",
        "sh",
        "sh",
        "sh",
        "python",
        "sh",
        "sh",
    ]
    tutorial.run(0)
    assert (tutorial.folder / "bracket" / "bracket.usda").exists()
    tutorial.run(1)
    tutorial.run(2)
    assert tutorial.scene()["nodes"]["label"][tutorial.scene()["nodes"]["path"].index("/Hall/Bracket_1")] == [
        "bracket"
    ]

    before = tutorial.status()["saves"]
    tutorial.run(3)
    tutorial.until(lambda now: now["saves"] > before)
    tutorial.until(lambda now: tutorial.place("/Hall/Bracket_2") == pytest.approx([0.05, 0.09, 0]))

    told = tutorial.run(4)
    assert "the last save is not shown: hall.usda, line" in told
    tutorial.until(lambda now: now["state"] == "watching")

    tutorial.run(5)
    review = tutorial.run(6)
    page = re.search(r"```\n(over \"Hall\".*?)```", tutorial_text(tutorial), re.S)
    assert page is not None
    assert page[1].strip() in review
    changed = tutorial.run(7)
    assert [line for line in changed.splitlines() if line[:1] in "<>"] == [
        "<         double3 xformOp:translate = (0.1, -0.06, 0)",
        ">         double3 xformOp:translate = (0.12, -0.06, 0)",
    ]
    tutorial.run(8)
    assert tutorial.run(9).startswith("/Hall/Pallet")
    handed = tutorial.run(10)
    page = re.search(r"```\n(    def Xform \"Pallet\".*?)```", tutorial_text(tutorial), re.S)
    assert page is not None
    assert page[1].strip() in handed, handed
    assert (
        "pallet.usda" in handed.splitlines()
        and (tutorial.folder / "handed" / "starter" / "textures").is_dir()
    )
    tutorial.run(11)
    for name in ("reviewed.usda", "hall.usdz", "flat.usda"):
        assert plainly(tutorial.folder / name) == [[0.12, -0.06, 0.0], "invisible"], name


def plainly(file: Path) -> list[Any]:
    """What pxr alone says of the file, in another process."""
    text = (
        "import sys, json; from pxr import Usd, UsdGeom; s = Usd.Stage.Open(sys.argv[1]); "
        "m = UsdGeom.XformCache().GetLocalToWorldTransform(s.GetPrimAtPath('/Hall/Bracket_1')); "
        "print(json.dumps([[round(v, 6) for v in m.ExtractTranslation()], "
        "UsdGeom.Imageable(s.GetPrimAtPath('/Hall/Table')).ComputeVisibility()]))"
    )
    done = subprocess.run([sys.executable, "-c", text, str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def tutorial_text(tutorial: Tutorial) -> str:
    root = Path(__file__).resolve().parents[2]
    return (root / "docs" / "designers.md").read_text()
