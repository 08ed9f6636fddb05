"""A stage that is read with what an earlier reading found is the stage that is read without."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.read.memo import ShapeMemo
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage, open_stage

TEXT = """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Hall"
{
    texCoord2f[] primvars:st = [(0.5, 0.5)] (interpolation = "constant")
    def Mesh "A"
    {
        color3f[] primvars:displayColor = [(1, 0, 0), (0, 1, 0), (0, 0, 1)] (interpolation = "vertex")
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0, 1, 2]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
        uniform token subdivisionScheme = "none"
        def GeomSubset "Part" (prepend apiSchemas = ["MaterialBindingAPI"])
        {
            uniform token elementType = "face"
            uniform token familyName = "materialBind"
            int[] indices = [0]
        }
    }
    def Sphere "B"
    {
        double radius = 1
    }
    def Mesh "Bad"
    {
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0, 1, 9]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    }
}
"""


def same(a: Any, b: Any, where: str = "") -> None:
    if isinstance(a, np.ndarray):
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), where
    elif is_dataclass(a):
        for field in fields(a):
            same(getattr(a, field.name), getattr(b, field.name), f"{where}.{field.name}")
    elif isinstance(a, (tuple, list)):
        assert len(a) == len(b), where
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{where}[{k}]")
    else:
        assert a == b or repr(a) == repr(b), (where, a, b)


def with_memo(opened: OpenedStage, memo: ShapeMemo, same_layers: set[str]) -> Snapshot:
    memo.begin(opened.stage, same_layers)
    found = read_snapshot(opened, memo=memo)
    memo.end()
    return found


def layers(opened: OpenedStage) -> set[str]:
    return {layer.identifier for layer in opened.stage.GetUsedLayers()}


def test_what_is_remembered_is_what_would_be_read(tmp_path: Path) -> None:
    path = tmp_path / "hall.usda"
    path.write_text(TEXT)
    memo = ShapeMemo()
    opened = open_stage(path, probe=False)
    plain = read_snapshot(opened)
    same(with_memo(opened, memo, set()), plain)
    assert memo.read == 3
    same(with_memo(opened, memo, layers(opened)), plain)
    assert (memo.read, memo.compared) == (0, 0)
    same(with_memo(opened, memo, set()), plain)  # the layers count as new: values are compared
    assert (memo.read, memo.compared) == (0, 3)


@pytest.mark.parametrize(
    ("before", "after", "read"),
    [
        ("(0, 1, 0)]\n        uniform", "(0, 2, 0)]\n        uniform", 1),
        ("(0.5, 0.5)]", "(0.5, 0.75)]", 3),  # inherited by all
        ("(0, 0, 1)] (inter", "(0, 1, 1)] (inter", 1),
        ("int[] indices = [0]", "int[] indices = []", 1),
        ('def GeomSubset "Part"', 'def GeomSubset "Other"', 1),
        ("double radius = 1", "double radius = 2", 1),
        ('(interpolation = "vertex")', '(interpolation = "varying")', 1),
        ("metersPerUnit = 1", "metersPerUnit = 0.5", 3),
        ('def Xform "Hall"\n{', 'def Xform "Hall"\n{\n    double3 xformOp:translate = (1, 0, 0)', 0),
    ],
)
def test_every_change_that_matters_is_seen(tmp_path: Path, before: str, after: str, read: int) -> None:
    path = tmp_path / "hall.usda"
    path.write_text(TEXT)
    memo = ShapeMemo()
    opened = open_stage(path, probe=False)
    with_memo(opened, memo, set())
    assert before in TEXT
    path.write_text(TEXT.replace(before, after))
    layer = opened.stage.GetRootLayer()
    del opened
    assert layer.Reload(True)
    opened = open_stage(path, probe=False)
    found = with_memo(opened, memo, set())
    assert memo.read == read
    same(found, read_snapshot(opened))


def test_an_edit_in_a_session_layer_is_seen(tmp_path: Path) -> None:
    from pxr import Usd

    path = tmp_path / "hall.usda"
    path.write_text(TEXT)
    memo = ShapeMemo()
    opened = open_stage(path, probe=False)
    with_memo(opened, memo, set())
    known = {name for name in layers(opened) if not name.startswith("anon:")}
    with Usd.EditContext(opened.stage, opened.layers.ui):
        opened.stage.GetPrimAtPath("/Hall/B").GetAttribute("radius").Set(3.0)
    found = with_memo(opened, memo, known)
    assert memo.read == 1
    same(found, read_snapshot(opened))


def test_real_stages_are_read_the_same(shared: Path) -> None:
    tried = 0
    for stage in sorted((shared / "assets" / "features").rglob("*.usd*"))[::23][:14]:
        try:
            opened = open_stage(stage, probe=True)
        except Exception:
            continue
        memo = ShapeMemo()
        plain = read_snapshot(opened)
        with_memo(opened, memo, set())
        same(with_memo(opened, memo, layers(opened)), plain, stage.name)
        same(with_memo(opened, memo, set()), plain, stage.name)
        tried += 1
    assert tried >= 4


def test_a_layer_that_says_nothing_of_shapes_above_them_leaves_them_alone(tmp_path: Path) -> None:
    """As where a small layer of looks over a large crate is saved: nothing of the crate is even looked at."""
    from pxr import Sdf

    (tmp_path / "hall.usda").write_text(TEXT)
    crate = Sdf.Layer.FindOrOpen(str(tmp_path / "hall.usda"))  # open all the time
    root, above = tmp_path / "site.usda", "subLayers = [@hall.usda@]\n    metersPerUnit = 1\n"
    look = '#usda 1.0\n(\n    %s)\nover "Hall"\n{\n%s    over "Looks"\n    {\n        float shine = %d\n    }\n}\n'
    memo = ShapeMemo()

    def reading(primvar: str, shine: int) -> tuple[int, int]:
        root.write_text(look % (above, primvar, shine))
        opened = open_stage(root, probe=False)
        opened.stage.GetRootLayer().Reload(True)
        same_layers = {name for name in layers(opened) if name.endswith("hall.usda")}
        found = with_memo(opened, memo, same_layers)
        counts = memo.read, memo.compared
        same(found, read_snapshot(opened))
        return counts

    inherited = '    texCoord2f[] primvars:st = [(0.1, 0.2)] (interpolation = "constant")\n'
    assert reading("", 1) == (3, 3)
    assert reading("", 2) == (0, 0)
    assert reading(inherited, 2) == (3, 3), "a primvar that all inherit is another now"
    assert reading(inherited, 3) == (0, 3), "a layer that hands one down is looked at"
    assert reading("", 3) == (3, 3), "it is gone again"
    assert crate


def test_prims_that_stayed_in_a_layer_that_was_read_anew(tmp_path: Path) -> None:
    """Told of as the same, they are not looked at; over several readings, too."""
    path = tmp_path / "hall.usda"
    path.write_text(TEXT)
    memo = ShapeMemo()
    opened = open_stage(path, probe=False)
    name = opened.stage.GetRootLayer().identifier
    with_memo(opened, memo, set())
    everything = {"/Hall", "/Hall/A", "/Hall/A/Part", "/Hall/B", "/Hall/Bad"}
    counts = []
    for stayed in (
        everything - {"/Hall/B"},
        everything,
        everything - {"/Hall/A/Part"},
        everything - {"/Hall"},
        set(),
    ):
        memo.begin(opened.stage, set(), {name: stayed})
        read_snapshot(opened, memo=memo)
        memo.end()
        counts.append(memo.compared)
    # /Hall hands a primvar down to all three gprims
    assert counts == [1, 0, 1, 3, 3]
    memo.begin(opened.stage, {name})
    read_snapshot(opened, memo=memo)
    assert memo.compared == 0


def test_what_stayed_counts_from_the_last_reading_that_was_ended(tmp_path: Path) -> None:
    path = tmp_path / "hall.usda"
    path.write_text(TEXT)
    memo = ShapeMemo()
    opened = open_stage(path, probe=False)
    name = opened.stage.GetRootLayer().identifier
    with_memo(opened, memo, set())
    memo.begin(opened.stage, set(), {name: {"/Hall", "/Hall/B"}})  # broken off
    memo.begin(opened.stage, set(), {name: {"/Hall", "/Hall/A", "/Hall/A/Part", "/Hall/Bad"}})
    read_snapshot(opened, memo=memo)
    memo.end()
    assert memo.compared == 1
