"""Layers that mend: they never touch the file, pass the check again, and show the same picture."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from twinstage.assets.check import Asked, check_file
from twinstage.assets.fixes.apply import Mended, mend_all
from twinstage.base.errors import UserError

HEAD = '#usda 1.0\n(\n    defaultPrim = "A"\n    upAxis = "Z"\n    metersPerUnit = 1\n)\n'
QUAD = (
    "int[] faceVertexCounts = [4]\n int[] faceVertexIndices = [0, 1, 2, 3]\n"
    " point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]\n"
)


def mend(file: Path, out: Path, *roots: Path) -> Mended | None:
    asked = Asked(tuple(map(str, roots)))
    return next(iter(mend_all([check_file(file, asked)], out, asked)), None)


def write(folder: Path, text: str, name: str = "s.usda") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_an_extent_is_written_over_the_file(tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom

    file = write(
        tmp_path,
        HEAD + f'def Xform "A" {{\n def Mesh "M" {{\n {QUAD} float3[] extent = [(5,5,5),(6,6,6)]\n }}\n}}\n',
    )
    before = file.read_bytes()
    done = mend(file, tmp_path / "out")
    assert done is not None
    assert ("extent.wrong", "/A/M") in {row[:2] for row in done.done}
    assert not [f for f in done.again.findings if f.code.startswith("extent")]
    assert file.read_bytes() == before
    stage = Usd.Stage.Open(done.out)
    extent = UsdGeom.Mesh(stage.GetPrimAtPath("/A/M")).GetExtentAttr().Get()
    assert np.allclose(extent, [(0, 0, 0), (1, 1, 0)])


def test_what_is_not_certain_is_left(tmp_path: Path) -> None:
    two = '#usda 1.0\ndef Xform "A" {\n def Cube "C" {\n }\n}\ndef Xform "B" {\n def Cube "C" {\n }\n}\n'
    done = mend(write(tmp_path, two), tmp_path / "out")
    assert done is None, "two roots, no units anywhere: nobody knows"
    assert not (tmp_path / "out").exists()


def test_units_come_from_the_files_it_uses_where_nothing_changes_size(tmp_path: Path) -> None:
    write(
        tmp_path,
        '#usda 1.0\n(\n defaultPrim = "P"\n metersPerUnit = 0.01\n upAxis = "Y"\n)\ndef Cube "P" {\n}\n',
        "p.usda",
    )
    bare = '#usda 1.0\n(\n defaultPrim = "A"\n)\ndef Xform "A" (references = @p.usda@) {\n}\n'
    done = mend(write(tmp_path, bare), tmp_path / "out")
    assert done is not None
    assert {what for *_, what, _ in done.done} >= {"metersPerUnit = 0.01", "upAxis = Y"}
    write(
        tmp_path,
        '#usda 1.0\n(\n defaultPrim = "P"\n metersPerUnit = 1\n upAxis = "Z"\n)\ndef Cube "P" {\n}\n',
        "p.usda",
    )
    assert mend(write(tmp_path, bare, "t.usda"), tmp_path / "out2") is None, (
        "1 m would make it a hundred times as big"
    )


def test_a_path_with_backslashes_finds_its_file_again(tmp_path: Path) -> None:
    from PIL import Image
    from pxr import Usd

    (tmp_path / "a" / "tex").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "a" / "tex" / "wood.png")
    shader = 'def Shader "S" {\n uniform token info:id = "UsdUVTexture"\n asset inputs:file = @.\\tex\\wood.png@\n}\n'
    done = mend(
        write(tmp_path / "a", HEAD + f'def Material "A" {{\n {shader} }}\n'), tmp_path / "b", tmp_path
    )
    assert done is not None
    stage = Usd.Stage.Open(done.out)
    value = stage.GetPrimAtPath("/A/S").GetAttribute("inputs:file").Get()
    assert os.path.samefile(value.resolvedPath, tmp_path / "a" / "tex" / "wood.png")
    assert not [f for f in done.again.findings if f.code.startswith("asset")]


@pytest.mark.parametrize("written", ["./tex/wood.PNG", "tex/wood.PNG"])
def test_a_path_in_other_letters_is_not_told_of_the_layer_below(written: str, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "tex").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "tex" / "Wood.png")
    shader = 'def Shader "S" {\n uniform token info:id = "UsdUVTexture"\n asset inputs:file = @WRITTEN@\n}\n'.replace(
        "WRITTEN", written
    )
    done = mend(write(tmp_path, HEAD + f'def Material "A" {{\n {shader} }}\n'), tmp_path / "out")
    assert done is not None and done.changes_picture == 1
    assert not [f for f in done.again.findings if f.code.startswith("asset")]


def test_an_existing_layer_is_not_overwritten(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + f'def Xform "A" {{\n def Mesh "M" {{\n {QUAD} }}\n}}\n')
    assert mend(file, tmp_path / "out") is not None
    with pytest.raises(UserError, match="exists already"):
        mend(file, tmp_path / "out")


def test_repeated_values_are_written_once_with_indices(tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom

    n = 3000  # triangles in a row, all with the same three coordinates
    points = ", ".join(f"({k}, {k % 2}, 0)" for k in range(n + 2))
    corners = ", ".join(f"{k}, {k + 1 + k % 2}, {k + 2 - k % 2}" for k in range(n))
    st = ", ".join("(0, 0), (1, 0), (0.5, 1)" for _ in range(n))
    mesh = (
        f"int[] faceVertexCounts = [{', '.join('3' for _ in range(n))}]\n int[] faceVertexIndices = [{corners}]\n"
        f" point3f[] points = [{points}]\n float3[] extent = [(0, 0, 0), ({n + 1}, 1, 0)]\n"
        f' texCoord2f[] primvars:st = [{st}] (interpolation = "faceVarying")\n'
    )
    done = mend(
        write(tmp_path, HEAD + f'def Xform "A" {{\n def Mesh "M" {{\n {mesh} }}\n}}\n'), tmp_path / "out"
    )
    assert done is not None
    assert [row[:2] for row in done.done] == [("primvar.repeated", "/A/M.primvars:st")]
    stage = Usd.Stage.Open(done.out)
    primvar = UsdGeom.PrimvarsAPI(stage.GetPrimAtPath("/A/M")).GetPrimvar("st")
    assert len(primvar.Get()) == 3
    assert np.array_equal(primvar.ComputeFlattened(), np.tile([(0, 0), (1, 0), (0.5, 1)], (n, 1)))
    assert primvar.GetInterpolation() == "faceVarying"
    assert not [f for f in done.again.findings if f.code.startswith("primvar")]


def test_files_that_differ_by_their_suffix_get_layers_of_their_own(tmp_path: Path) -> None:
    body = HEAD + f'def Xform "A" {{\n def Mesh "M" {{\n {QUAD} }}\n}}\n'
    files = [
        write(tmp_path, body, "s.usda"),
        write(tmp_path, body, "s.usd"),
        write(tmp_path, body, "sub/s.usda"),
    ]
    done = mend_all([check_file(file, Asked()) for file in files], tmp_path / "out", Asked())
    assert {Path(row.out).relative_to(tmp_path / "out").as_posix() for row in done} == {
        "s_usda.fixed.usda", "s_usd.fixed.usda", "sub/s.fixed.usda",
    }  # fmt: skip


REAL = (
    "features/tinyusdz/geomsubset-001.usda",
    "features/usd_optimize/geomSubset_materialBinding.usda",
    "full/Teapot/geo/UtahTeapot.usd",
    "industrial/usd_optimize/pointInstancer.usda",
    "features/pixar/lefthanded/lefthandedMesh.usda",
    "features/usdz/RiggedSimple/RiggedSimple.usdz",
)


@pytest.mark.parametrize("name", REAL)
def test_real_files_look_the_same_and_pass_again(name: str, shared: Path, tmp_path: Path) -> None:
    source = shared / "assets" / name
    shutil.copytree(source.parent, tmp_path / "in", ignore=shutil.ignore_patterns("meshes"))
    file = tmp_path / "in" / source.name
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    said = {(f.code, f.path) for f in check_file(file, Asked()).findings}
    done = mend(file, tmp_path / "in" / "mended")
    assert done is not None, "nothing to mend: choose another file"
    assert not done.changes_picture
    mended = {row[:2] for row in done.done}
    assert {(f.code, f.path) for f in done.again.findings} <= said - mended, (
        "nothing new, nothing mended in vain"
    )
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert np.array_equal(picture(file, tmp_path), picture(Path(done.out), tmp_path / "in"))


def picture(file: Path, root: Path) -> np.ndarray:
    """A small picture of the whole scene, by first hits."""
    from twinstage import render

    scene = render.open(file, asset_roots=[root])
    return np.asarray(
        scene.picture(scene.turntable(3, size=(96, 72))[0], size=(96, 72), engine="raycast", spp=1).rgb
    )
