"""docs/designers.md is run: every command, in order, in an empty folder, against one `serve --watch`."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(400)


def test_the_designers_page_from_stl_to_review(tutorial: Any) -> None:
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


def tutorial_text(tutorial: Any) -> str:
    root = Path(__file__).resolve().parents[2]
    return (root / "docs" / "designers.md").read_text()
