"""Which material a gprim wears: UsdShade's ComputeBoundMaterial, prim by prim, is the oracle."""

from pathlib import Path
from typing import Any

import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage, open_stage

LOOKS = "".join(
    f'def Material "{name}" {{ token outputs:surface.connect = </{name}/S.outputs:surface>\n'
    f' def Shader "S" {{ uniform token info:id = "UsdPreviewSurface"\n float inputs:roughness = 0.{i}\n token outputs:surface\n'
    "}\n}\n"
    for i, name in enumerate(("A", "B", "C", "D"), 1)
)
API = '(prepend apiSchemas = ["MaterialBindingAPI"])'


def worn(s: Snapshot) -> dict[str, list[str]]:
    """Material paths by slot, by gprim."""
    return {
        s.prims.path[prim]: [s.materials[m].path for m in s.material_sets[k]]
        for prim, k in zip(s.instances.prim, s.instances.material_set, strict=True)
    }


def expected(opened: OpenedStage, s: Snapshot) -> dict[str, str]:
    """What pxr binds to each drawn gprim for purpose preview, and where that is nothing, for purpose full."""
    from pxr import UsdShade

    found = {}
    for prim in dict.fromkeys(s.instances.prim.tolist()):
        path = s.prims.path[prim]
        api = UsdShade.MaterialBindingAPI(opened.stage.GetPrimAtPath(path))
        material, by = api.ComputeBoundMaterial(UsdShade.Tokens.preview)
        if not material and not by:
            material, _ = api.ComputeBoundMaterial(UsdShade.Tokens.full)
        found[path] = str(material.GetPath()) if material else ""
    return found


CASES = {
    "inheritance": f'def Xform "X" {API} {{ rel material:binding = </A>\n'
    f' def Cube "I" {{}}\n def Cube "O" {API} {{ rel material:binding = </B>\n}}\n}}\n',
    "strength": f'def Xform "X" {API} {{ rel material:binding = </A> (bindMaterialAs = "strongerThanDescendants")\n'
    f' def Cube "O" {API} {{ rel material:binding = </B>\n}}\n}}\n',
    "purposes": f'def Cube "P" {API} {{ rel material:binding:preview = </A>\n rel material:binding:full = </B>\n}}\n'
    f'def Cube "Q" {API} {{ rel material:binding = </C>\n rel material:binding:full = </B>\n}}\n'
    f'def Cube "R" {API} {{ rel material:binding:full = </B>\n}}\n',
    "collections": 'def Xform "X" (prepend apiSchemas = ["MaterialBindingAPI", "CollectionAPI:some"]) {\n'
    ' rel collection:some:includes = [</X/I>, </X/J>]\n rel collection:some:excludes = </X/J>\n'
    " rel material:binding:collection:b = [</X.collection:some>, </B>]\n rel material:binding = </A>\n"
    f' def Cube "I" {{}}\n def Cube "J" {{}}\n def Cube "O" {API} {{ rel material:binding = </C>\n}}\n}}\n',
    "collection strength": 'def Xform "X" (prepend apiSchemas = ["MaterialBindingAPI", "CollectionAPI:all"]) {\n'
    " rel collection:all:includes = </X>\n"
    ' rel material:binding:collection:b = [</X.collection:all>, </B>] (bindMaterialAs = "strongerThanDescendants")\n'
    f' def Cube "O" {API} {{ rel material:binding = </C>\n}}\n}}\n',
    "instances": f'class Xform "Proto" {{ def Cube "In" {{}}\n def Cube "Own" {API} {{ rel material:binding = </D>\n}}\n}}\n'
    f'def Xform "One" (instanceable = true\n inherits = </Proto>\n prepend apiSchemas = ["MaterialBindingAPI"])'
    " { rel material:binding = </A>\n}\n"
    f'def Xform "Two" {API} {{ rel material:binding = </B> (bindMaterialAs = "strongerThanDescendants")\n'
    ' def Xform "Inst" (instanceable = true\n inherits = </Proto>) {}\n}\n',
    "nothing": 'def Cube "N" {}\n',
    "unresolved": f'def Xform "X" {API} {{ rel material:binding = </A>\n'
    f' def Cube "O" {API} {{ rel material:binding = </Nowhere>\n}}\n'
    f' def Cube "T" {API} {{ rel material:binding = </X>\n}}\n}}\n',
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bindings_are_those_of_usd_shade(open_text: Any, case: str) -> None:
    opened = open_text(LOOKS + CASES[case])
    s = read_snapshot(opened)
    assert {path: slots[0] for path, slots in worn(s).items()} == expected(opened, s)
    assert len(worn(s)) > 0


def test_what_does_not_resolve_is_told(open_text: Any) -> None:
    s = read_snapshot(open_text(LOOKS + CASES["unresolved"]))
    told = {f.path: f.message for f in s.findings if f.code == "material.binding"}
    assert told == {
        "/X/O.material:binding": "/X/O.material:binding names /Nowhere, which is no material: it has no effect",
        "/X/T.material:binding": "/X/T.material:binding names /X, which is no material: it has no effect",
    }


def test_a_binding_over_a_payload(tmp_path: Path) -> None:
    inner = LOOKS.replace("/A/", "/P/L/").replace('"A"', '"L"', 1)
    (tmp_path / "part.usda").write_text(
        '#usda 1.0\n(defaultPrim = "P")\ndef Xform "P" { def Cube "Q" '
        f"{API} {{ rel material:binding = </P/L>\n}}\n {inner}}}\n"
    )
    path = tmp_path / "s.usda"
    path.write_text(
        f'#usda 1.0\n{LOOKS}def Xform "X" (payload = @./part.usda@) {{ over "Q" {{ rel material:binding = </B>\n}}\n}}\n'
        'def Xform "Y" (payload = @./part.usda@) {}\n'
    )
    opened = open_stage(path, probe=False)
    s = read_snapshot(opened)
    assert (
        {p: slots[0] for p, slots in worn(s).items()} == expected(opened, s) == {"/X/Q": "/B", "/Y/Q": "/Y/L"}
    )


def test_subsets_with_their_own_material(open_text: Any) -> None:
    mesh = (
        f'def Mesh "M" {API} {{ rel material:binding = </A>\n uniform token subdivisionScheme = "none"\n'
        " int[] faceVertexCounts = [3, 3, 3]\n"
        " int[] faceVertexIndices = [0, 1, 2, 0, 2, 3, 0, 3, 4]\n"
        " point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (-1, 1, 0)]\n"
        ' def GeomSubset "One" (prepend apiSchemas = ["MaterialBindingAPI"]) { uniform token elementType = "face"\n'
        '  uniform token familyName = "materialBind"\n int[] indices = [1]\n rel material:binding = </B>\n}\n'
        ' def GeomSubset "Bare" { uniform token elementType = "face"\n'
        '  uniform token familyName = "materialBind"\n int[] indices = [2]\n}\n}\n'
    )
    s = read_snapshot(open_text(LOOKS + mesh))
    slots = dict(zip(s.prototypes[0].slots, worn(s)["/M"], strict=True))
    assert slots["One"] == "/B"
    assert slots[""] == "/A" and slots["Bare"] == "/A"  # a subset without a binding inherits its mesh's
    faces = {name: int((s.prototypes[0].slot == i).sum()) for i, name in enumerate(s.prototypes[0].slots)}
    assert faces["One"] == 1


@pytest.mark.parametrize(("indices", "told"), [("[0]", 1), ("[0, 1]", 0), ("[0, 1, 7]", 1)])
def test_a_family_that_is_no_partition_is_told(open_text: Any, indices: str, told: int) -> None:
    from pxr import UsdGeom

    mesh = (
        'def Mesh "M" { int[] faceVertexCounts = [3, 3]\n int[] faceVertexIndices = [0, 1, 2, 0, 2, 3]\n'
        " point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]\n"
        ' uniform token subsetFamily:materialBind:familyType = "partition"\n'
        ' def GeomSubset "One" { uniform token elementType = "face"\n uniform token familyName = "materialBind"\n'
        f" int[] indices = {indices}\n}}\n}}\n"
    )
    opened = open_text(mesh)
    imageable = UsdGeom.Imageable(opened.stage.GetPrimAtPath("/M"))
    assert UsdGeom.Subset.ValidateFamily(imageable, "face", "materialBind")[0] == (not told)
    s = read_snapshot(opened)
    assert len([f for f in s.findings if f.code == "material.subsets"]) == told


@pytest.mark.parametrize(
    "name",
    [
        "features/pixar/geomsubsets/testUsdImagingGLGeomSubsets.usda",
        "features/usd_optimize/geomSubset_materialBinding.usda",
        "features/tinyusdz/geomsubset-material-001.usda",
        "features/pixar/previewsurface/testPreviewSurfaceInstancedMaterial.usda",
        "features/pixar/instancing/nestedInstance.usda",
        "industrial/f1tenth_ackermann/F1Tenth.usd",
        "full/Teapot/Teapot.usd",
        "full/Vehicles/assets/vehicles/sedan/asset/sedanFullAsset.usda",
    ],
)
def test_real_files_are_bound_as_usd_shade_says(shared: Path, name: str) -> None:
    opened = open_stage(shared / "assets" / name, asset_roots=[shared / "assets/full"], probe=False)
    s = read_snapshot(opened)
    from pxr import Usd

    def key(path: str) -> str:
        """A material's prim in its prototype: which proxy of it is named does not matter."""
        prim = opened.stage.GetPrimAtPath(path) if path else Usd.Prim()
        return str(prim.GetPrimInPrototype().GetPath()) if prim and prim.IsInstanceProxy() else path

    got = {path: key(slots[0]) for path, slots in worn(s).items() if ".points" not in path}
    points = {s.prims.path[p] for p, i in zip(s.instances.prim, s.instances.point_id, strict=True) if i >= 0}
    assert {p: m for p, m in got.items() if p not in points} == {
        p: key(m) for p, m in expected(opened, s).items() if p not in points
    }
