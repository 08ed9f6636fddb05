"""Findings about faults that were made on purpose, one at a time, and none about what is right."""

from pathlib import Path

import pytest

from twinstage.assets.check import check_stage
from twinstage.assets.check_child import examine
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding, in_order
from twinstage.scene.probe import ProbeLimits

HEAD = '#usda 1.0\n(\n    defaultPrim = "A"\n    upAxis = "Z"\n    metersPerUnit = 1\n)\n'
MESH = """def Mesh "M" {
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    float3[] extent = [(0, 0, 0), (1, 1, 0)]
    EXTRA
}
"""
LABELLED = (
    'def Xform "A" (kind = "component"\n prepend apiSchemas = ["SemanticsLabelsAPI:class"]) {\n'
    ' token[] semantics:labels:class = ["a"]\n BODY\n}\n'
)
MDL = """def Material "M" {
 token outputs:mdl:surface.connect = </A/M/Shader.outputs:out>
 def Shader "Shader" {
  uniform token info:implementationSource = "sourceAsset"
  uniform asset info:mdl:sourceAsset = @OmniPBR.mdl@
  uniform token info:mdl:sourceAsset:subIdentifier = "OmniPBR"
  token outputs:out
 }
}
"""


def write(folder: Path, text: str, name: str = "s.usda") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def codes(folder: Path, body: str, head: str = HEAD) -> dict[str, Finding]:
    """Findings by code, examined in this process (the child's own function)."""
    return {f.code: f for f in examine(str(write(folder, head + body)), [])}


def with_mesh(**changes: str) -> str:
    text = MESH
    for name, value in changes.items():
        lines = [line for line in text.splitlines() if f" {name} =" not in line]
        lines.insert(1, f"    {_TYPES[name]} {name} = {value}")
        text = "\n".join(lines) + "\n"
    return LABELLED.replace("BODY", text.replace("EXTRA", ""))


_TYPES = {
    "faceVertexCounts": "int[]",
    "faceVertexIndices": "int[]",
    "points": "point3f[]",
    "holeIndices": "int[]",
}


def test_one_broken_reference_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path, '#usda 1.0\ndef Cube "C" {\n double size = \n}\n', "typo.usda")
    body = 'def "T" (references = @typo.usda@) {\n}\ndef "N" (references = @none.usda@) {\n}\n'
    found = examine(str(write(tmp_path, HEAD + LABELLED.replace("BODY", body))), [])
    assert "stage.unreadable" not in {f.code for f in found}
    broken = [f for f in found if f.code == "asset.unreadable"]
    assert len(broken) == 1 and broken[0].severity == "error" and "typo.usda:3" in broken[0].message
    assert any("none.usda" in f.message and f.path == "/A/N" for f in found)


def test_what_readers_leave_out_is_told_once(tmp_path: Path) -> None:
    body = 'def Sphere "S" {\n rel material:binding = </A/M>\n}\n def Volume "V" {\n}\n' + MDL
    found = examine(str(write(tmp_path, HEAD + LABELLED.replace("BODY", body))), [])
    told = {(f.code, f.path) for f in found}
    assert ("material.mdl", "/A/M/Shader") in told, "the nearest material is told"
    assert any("Volume" in f.message for f in found), "so is what is not drawn"
    assert {f.severity for f in found if "OmniPBR.mdl" in f.message} == {"info"}, "an MDL renderer's own file"
    assert len([f for f in found if f.path.startswith("/A/S")]) == 1, (
        "the missing schema, by its validator alone"
    )


def test_shaders_that_only_the_library_does_not_know_are_no_findings(tmp_path: Path) -> None:
    body = (
        'def Sphere "S" (prepend apiSchemas = ["MaterialBindingAPI"]) {\n rel material:binding = </A/M>\n}\n'
        'def Material "M" {\n token outputs:mtlx:surface.connect = </A/M/Shader.outputs:out>\n def Shader "Shader" {\n'
        ' uniform token info:id = "ND_standard_surface_surfaceshader"\n token outputs:out\n}\n}\n'
    )
    assert codes(tmp_path, LABELLED.replace("BODY", body)) == {}
    found = codes(
        tmp_path, LABELLED.replace("BODY", body.replace("ND_standard_surface_surfaceshader", "ND_nothing"))
    )
    assert set(found) == {"material.shader"}


def test_a_good_file_has_no_findings(tmp_path: Path) -> None:
    assert codes(tmp_path, with_mesh()) == {}


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (with_mesh(faceVertexIndices="[0, 1, 2, 9]"), "mesh.index-range", "/A/M"),
        (with_mesh(faceVertexCounts="[4, 4]"), "mesh.counts", "/A/M"),
        (with_mesh(points="[]"), "mesh.empty", "/A/M"),
        (with_mesh(points="[(0,0,0),(0,0,0),(0,0,0),(0,0,0)]"), "mesh.degenerate", "/A/M"),
        (with_mesh(points="[(0,0,0),(1,0,0),(2,0,0),(3,0,0)]"), "mesh.zero-area", "/A/M"),
        (with_mesh(points="[(0,0,0),(inf,0,0),(2,1,0),(3,0,0)]"), "mesh.not-finite", "/A/M"),
        (with_mesh(points="[(0,0,0),(1e30,0,0),(1e30,1e30,0),(0,1,0)]"), "mesh.huge", "/A/M"),
        (with_mesh(holeIndices="[5]"), "mesh.hole-range", "/A/M"),
        (
            LABELLED.replace("BODY", MESH.replace(
                "EXTRA", 'texCoord2f[] primvars:st = [(0, 0)] (interpolation = "faceVarying")')),
            "primvar.length", "/A/M.primvars:st",
        ),
        (
            LABELLED.replace("BODY", MESH.replace(
                "EXTRA", 'texCoord2f[] primvars:st = [(0, 0)] (interpolation = "faceVarying")\n'
        ' int[] primvars:st:indices = [0, 0, 0, 1]')),
            "primvar.index-range", "/A/M.primvars:st",
        ),
        (
            LABELLED.replace("BODY", MESH.replace(
                "EXTRA", 'def GeomSubset "S" {\n uniform token elementType = "face"\n'
        ' uniform token familyName = "materialBind"\n int[] indices = [4]\n}')),
            "subset.range", "/A/M/S",
        ),
        (LABELLED.replace("BODY", 'def PointInstancer "P" {\n point3f[] positions = [(0, 0, 0)]\n'
        ' int[] protoIndices = [0, 0]\n rel prototypes = </A/P/B>\n def Cube "B" {\n}\n}'), "instancer.lengths", "/A/P"),
        (LABELLED.replace("BODY", 'def PointInstancer "P" {\n point3f[] positions = [(0, 0, 0)]\n int[] protoIndices = [3]\n'
        ' rel prototypes = </A/P/B>\n def Cube "B" {\n}\n}'), "instancer.prototype-range", "/A/P"),
        (LABELLED.replace("BODY", 'def PointInstancer "P" {\n point3f[] positions = [(0, 0, 0), (1, 0, 0)]\n'
        ' int[] protoIndices = [0, 0]\n int64[] ids = [4, 4]\n rel prototypes = </A/P/B>\n'
        ' def Cube "B" {\n}\n}'), "instancer.ids", "/A/P"),
        (LABELLED.replace("BODY", 'def Xform "X" {\n uniform token[] xformOpOrder = ["xformOp:scale"]\n}'),
            "xform.missing-op", "/A/X"),
        (LABELLED.replace("BODY", 'def Xform "X" {\n float3 xformOp:scale = (1, 0, 1)\n'
        ' uniform token[] xformOpOrder = ["xformOp:scale"]\n}'), "xform.flat", "/A/X"),
        (LABELLED.replace("BODY", 'double3 xformOp:translate = (7e6, 0, 0)\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]'), "stage.far", "/A"),
        (LABELLED.replace("BODY", 'def Shader "S" {\n asset inputs:file = @./none.png@\n}'), "asset.unresolved",
            "/A/S.inputs:file"),
        ('def Xform "A" {\n}\n', "labels.none", ""),
    ],
)  # fmt: skip
def test_one_fault_one_finding(tmp_path: Path, body: str, code: str, path: str) -> None:
    found = codes(tmp_path, body)
    assert code in found, sorted(found)
    assert found[code].path == path
    assert found[code].message
    assert "\n" not in found[code].message


@pytest.mark.parametrize(
    ("line", "code", "severity"),
    [
        ('defaultPrim = "B"', "stage.default-prim", "error"),
        ("", "stage.default-prim", "warning"),
        ("", "stage.units", "warning"),
        ("", "stage.up-axis", "warning"),
        ("metersPerUnit = -1", "stage.units", "error"),
        ('upAxis = "X"', "stage.up-axis", "error"),
        ("timeCodesPerSecond = 0", "stage.time-rate", "error"),
        ("startTimeCode = 5\n endTimeCode = 1", "stage.time-range", "error"),
    ],
)
def test_metadata(tmp_path: Path, line: str, code: str, severity: str) -> None:
    found = codes(tmp_path, 'def Xform "A" {\n}\n', head=f"#usda 1.0\n(\n {line}\n)\n")
    assert found[code].severity == severity


def test_instanced_faults_are_told_once_by_a_path_that_exists(tmp_path: Path) -> None:
    body = (
        'class "_P" {\n' + MESH.replace("[0, 1, 2, 3]", "[0, 1, 2, 9]").replace("EXTRA", "") + "}\n"
        + "".join(f'def Xform "I{k}" (instanceable = true\n prepend inherits = </_P>) {{\n}}\n' for k in range(3))
    )  # fmt: skip
    found = [f for f in examine(str(write(tmp_path, HEAD + body)), []) if f.code == "mesh.index-range"]
    assert [f.path for f in found] == ["/I0/M"]


def test_outside_files_are_findings(tmp_path: Path) -> None:
    write(tmp_path, "x", "secret.png")
    path = write(tmp_path, HEAD + 'def Shader "A" {\n asset inputs:file = @../secret.png@\n}\n', "in/s.usda")
    assert "asset.outside-root" in {f.code for f in examine(str(path), [])}
    assert "asset.outside-root" not in {f.code for f in examine(str(path), [str(tmp_path)])}


def test_child_process_and_order(tmp_path: Path) -> None:
    body = with_mesh(faceVertexIndices="[0, 1, 2, 9]").replace(
        "semantics:labels:class", "semantics:labels:other"
    )
    found = check_stage(write(tmp_path, '#usda 1.0\n(\n upAxis = "Z"\n)\n' + body))
    assert [f.severity for f in found] == sorted(
        (f.severity for f in found), key=["error", "warning", "info"].index
    )
    assert {"mesh.index-range", "stage.default-prim", "stage.units"} <= {f.code for f in found}


def test_broken_file_is_a_finding(tmp_path: Path) -> None:
    (found,) = check_stage(write(tmp_path, "#usda 1.0\ndef Xform {\n"))
    assert (found.code, found.severity) == ("stage.unreadable", "error")


def test_time_limit_is_a_finding(tmp_path: Path) -> None:
    (found,) = check_stage(write(tmp_path, HEAD + 'def Xform "A" {\n}\n'), limits=ProbeLimits(time_s=0.001))
    assert found.code == "stage.time-limit"


def test_missing_file_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no stage"):
        check_stage(tmp_path / "none.usda")


def test_findings_are_unique_and_ordered() -> None:
    a, b = Finding("x", "info", "/A", "m"), Finding("y", "error", "/B", "m")
    assert in_order([a, b, a]) == [b, a]


def test_real_files(shared: Path) -> None:
    folder = shared / "assets"
    found = check_stage(folder / "industrial/aws_small_warehouse/small_warehouse.usda", [folder])
    assert not [f for f in found if f.severity == "error"]
    hang = (
        folder / "features/usdwg/foundation/stage_configuration/timeCodesPerSecond/timeCodesPerSecond_0.usda"
    )
    assert "stage.time-rate" in {f.code for f in check_stage(hang, [folder])}
