"""benchmarks/render.py prints what the agreed figures ask for; nothing is timed here."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FIGURES = (
    "labels_50_instances",
    "direct_4spp_with_labels",
    "path_16spp",
    "path_ratio_to_cycles_equal_samples",
    "path_ratio_to_cycles_equal_error",
    "time_ratio_10m_to_100k_triangles",
    "memory_slope_per_1000_frames",
)


def _printed(text: str) -> set[str]:
    """Names of figures in the source; what a scene's name is added to stands without it."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= set(re.findall(r"^render\.\w+$", node.value))
    return names


def test_every_agreed_figure_is_printed(root: Path) -> None:
    text = (root / "benchmarks" / "render.py").read_text("utf-8")
    assert {f"render.{name}" for name in FIGURES} <= _printed(text)


def test_the_list_is_the_agreed_one(shared: Path) -> None:
    listed = json.loads((shared / "figures.json").read_text("utf-8"))
    assert {row["figure"] for row in listed if row["script"] == "render"} == {f"render.{n}" for n in FIGURES}


def test_arguments_are_understood(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks" / "render.py"), "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--quick" in done.stdout


@pytest.mark.parametrize(("instances", "triangles"), [(7, 200), (30, 2000)])
def test_balls_have_the_triangles_that_they_claim(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instances: int, triangles: int
) -> None:
    """Counted by pxr in the stage: native instances of ten prototypes, and the floor."""
    from pxr import Usd, UsdGeom

    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import _render_scenes as scenes

    snapshot, drawn = scenes.balls(tmp_path, instances, triangles)
    stage = Usd.Stage.Open(str(next(tmp_path.glob("*.usdc"))))
    counts = [
        len(UsdGeom.Mesh(prim).GetFaceVertexCountsAttr().Get())
        for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies())
        if prim.IsA(UsdGeom.Mesh)
    ]
    assert drawn == sum(counts) + 1  # the floor's quad is two triangles
    assert len(counts) == instances + 1
    assert abs(drawn / instances - triangles) < 0.1 * triangles
    moved = scenes.moved(snapshot, snapshot.instances.node[1:], 3)
    assert (moved.instance_world[1:] != snapshot.instance_world[1:]).any((1, 2)).all()
