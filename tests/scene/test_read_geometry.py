"""Meshes and gprims: n-gons, orientation, holes, interpolations, subsets, sharing, faults."""

from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Prototype, Snapshot

SQUARE = """
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(0, 0, 0), (2, 0, 0), (2, 1, 0), (0, 1, 0)]
    uniform token subdivisionScheme = "none"
"""
GRID = """
    int[] faceVertexCounts = [4, 4]
    int[] faceVertexIndices = [0, 1, 4, 3, 1, 2, 5, 4]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0), (1, 1, 0), (2, 1, 0)]
    uniform token subdivisionScheme = "none"
"""


def mesh(body: str, name: str = "M") -> str:
    return f'def Mesh "{name}" {{{body}\n}}\n'


@pytest.fixture
def read(open_text: Any) -> Any:
    def make(body: str, **stage: Any) -> Snapshot:
        return read_snapshot(open_text(body, **stage))

    return make


def face_up(p: Prototype) -> np.ndarray:
    a, b, c = (p.points[p.triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a)[:, 2]


def test_quad_becomes_two_triangles(read: Any) -> None:
    (p,) = read(mesh(SQUARE)).prototypes
    assert len(p.triangles) == 2
    assert face_up(p).tolist() == [2.0, 2.0]
    assert np.allclose(p.normals, [0, 0, 1])
    assert p.chord_error == 0


def test_left_handed_is_turned_round(read: Any) -> None:
    text = SQUARE.replace("[0, 1, 2, 3]", "[3, 2, 1, 0]") + 'uniform token orientation = "leftHanded"\n'
    (p,) = read(mesh(text)).prototypes
    assert face_up(p).tolist() == [2.0, 2.0]
    assert np.allclose(p.normals, [0, 0, 1])


def test_holes_are_left_out(read: Any) -> None:
    (p,) = read(mesh(GRID + "int[] holeIndices = [1]\n")).prototypes
    assert len(p.triangles) == 2
    assert p.points[:, 0].max() == 1


def test_units_and_axes_at_the_door(read: Any) -> None:
    snapshot = read('def Xform "R" { double3 xformOp:translate = (100, 200, 300)\n'
                    'uniform token[] xformOpOrder = ["xformOp:translate"]\n' + mesh(SQUARE) + "}\n",
                    up="Y", units=0.01)  # fmt: skip
    (p,) = snapshot.prototypes
    assert p.points.max() == pytest.approx(0.02)
    corners = p.points @ snapshot.instance_world[0][:3, :3].T + snapshot.instance_world[0][:3, 3]
    assert np.allclose(corners.min(0), [1.0, -3.0, 2.0], atol=1e-6)
    assert np.allclose(corners.max(0), [1.02, -3.0, 2.01], atol=1e-6)


@pytest.mark.parametrize(
    ("interpolation", "values", "vertices"),
    [
        ("vertex", "[(0,0),(1,0),(2,0),(0,1),(1,1),(2,1)]", 6),
        ("faceVarying", "[(0,0),(1,0),(1,1),(0,1),(1,0),(2,0),(2,1),(1,1)]", 6),
        ("faceVarying", "[(0,0),(1,0),(1,1),(0,1),(0,0),(1,0),(1,1),(0,1)]", 8),
        ("uniform", "[(0,0),(1,1)]", 8),
        ("constant", "[(0.5,0.5)]", 6),
    ],
)
def test_uv_interpolations_split_only_at_seams(
    read: Any, interpolation: str, values: str, vertices: int
) -> None:
    (p,) = read(
        mesh(GRID + f'texCoord2f[] primvars:st = {values} (interpolation = "{interpolation}")\n')
    ).prototypes
    assert len(p.points) == vertices
    assert p.uv is not None
    if interpolation == "vertex":
        assert np.allclose(p.uv, p.points[:, :2])


def test_indexed_uv_equals_flattened(read: Any) -> None:
    flat = GRID + (
        'texCoord2f[] primvars:st = [(0,0),(1,0),(1,1),(0,1),(0,0),(1,0),(1,1),(0,1)] (interpolation = "faceVarying")\n'
    )
    indexed = GRID + (
        'texCoord2f[] primvars:st = [(0,0),(1,0),(1,1),(0,1)] (interpolation = "faceVarying")\n'
        "int[] primvars:st:indices = [0, 1, 2, 3, 0, 1, 2, 3]\n"
    )
    (p,) = read(mesh(flat) + mesh(indexed, "N")).prototypes  # one prototype: the arrays are equal
    assert len(p.points) == 8


def test_authored_normals_by_corner(read: Any) -> None:
    text = (
        GRID + "normal3f[] normals = [(0,0,2),(0,0,2),(0,0,2),(0,0,2),(0,2,0),(0,2,0),(0,2,0),(0,2,0)] "
        '(interpolation = "faceVarying")\n'
    )
    (p,) = read(mesh(text)).prototypes
    assert len(p.points) == 8
    assert sorted({tuple(n) for n in p.normals.tolist()}) == [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("int[] faceVertexIndices = [0, 1, 2, 9]", "run from 0 to 9, but there are 4 points"),
        ("int[] faceVertexCounts = [4, 4]", "add up to 8, but there are 4"),
        ("point3f[] points = []", "no points or no faces"),
        ("point3f[] points = [(0,0,0),(nan,0,0),(1,1,0),(0,1,0)]", "not all finite"),
    ],
)
def test_faulty_meshes_are_not_drawn_but_told(read: Any, line: str, words: str) -> None:
    name = line.split(" = ")[0]
    text = "\n".join(row for row in SQUARE.splitlines() if not row.strip().startswith(name)) + f"\n{line}\n"
    snapshot = read(mesh(text))
    assert len(snapshot.instances) == 0
    assert any(words in str(finding) and "/M" in str(finding) for finding in snapshot.findings)


def test_uv_of_the_wrong_length_is_left_out(read: Any) -> None:
    snapshot = read(
        mesh(SQUARE + 'texCoord2f[] primvars:st = [(0,0),(1,0)] (interpolation = "faceVarying")\n')
    )
    assert snapshot.prototypes[0].uv is None
    assert any("primvar st is left out: 2 values, 4 were expected" in str(f) for f in snapshot.findings)


def test_subsets_give_slots_and_materials(read: Any) -> None:
    material = (
        'def Material "{n}" {{ token outputs:surface.connect = </{n}/S.outputs:surface>\n'
        'def Shader "S" {{ uniform token info:id = "UsdPreviewSurface"\n color3f inputs:diffuseColor = ({c}, 0, 0)\n'
        "token outputs:surface\n}}\n}}\n"
    )
    subset = (
        'def GeomSubset "Right" (prepend apiSchemas = ["MaterialBindingAPI"]) { uniform token elementType = "face"\n'
        'uniform token familyName = "materialBind"\n int[] indices = [1]\n rel material:binding = </B>\n}\n'
    )
    body = f'def Mesh "M" (prepend apiSchemas = ["MaterialBindingAPI"]) {{{GRID}\nrel material:binding = </A>\n{subset}}}\n'
    snapshot = read(material.format(n="A", c=0.25) + material.format(n="B", c=0.75) + body)
    (p,) = snapshot.prototypes
    assert p.slots == ("", "Right")
    assert p.slot.tolist() == [0, 0, 1, 1]
    materials = [snapshot.materials[i] for i in snapshot.material_sets[snapshot.instances.material_set[0]]]
    assert [m.path for m in materials] == ["/A", "/B"]
    assert [m.diffuse_color[0] for m in materials] == [0.25, 0.75]


def test_display_colour_constant_is_a_material_and_shares_geometry(read: Any) -> None:
    snapshot = read(
        mesh(SQUARE + "color3f[] primvars:displayColor = [(1, 0, 0)]\n", "A")
        + mesh(SQUARE + "color3f[] primvars:displayColor = [(0, 1, 0)]\n", "B")
    )
    assert len(snapshot.prototypes) == 1
    colors = [
        snapshot.materials[snapshot.material_sets[s][0]].diffuse_color
        for s in snapshot.instances.material_set
    ]
    assert colors == [(1, 0, 0), (0, 1, 0)]


def test_display_colour_inherits_and_varies(read: Any) -> None:
    snapshot = read(
        'def Xform "X" { color3f[] primvars:displayColor = [(0, 0, 1)] (interpolation = "constant")\n'
        + mesh(SQUARE) + "}\n"
        + mesh(SQUARE + 'color3f[] primvars:displayColor = [(1,0,0),(0,1,0),(0,0,1),(1,1,1)] (interpolation = "vertex")\n', "V")
    )  # fmt: skip
    by_path = {snapshot.prims.path[p]: k for k, p in enumerate(snapshot.instances.prim)}
    inherited = snapshot.materials[
        snapshot.material_sets[snapshot.instances.material_set[by_path["/X/M"]]][0]
    ]
    assert inherited.diffuse_color == (0, 0, 1)
    varying = snapshot.prototypes[snapshot.instances.prototype[by_path["/V"]]]
    assert varying.color is not None
    assert len(np.unique(varying.color, axis=0)) == 4


def test_purposes_and_visibility(read: Any) -> None:
    snapshot = read(
        'def Cube "Default" {}\ndef Cube "Render" { uniform token purpose = "render"\n}\n'
        'def Cube "Proxy" { uniform token purpose = "proxy"\n}\n'
        'def Xform "G" { uniform token purpose = "guide"\n def Cube "Below" {}\n}\n'
        'def Xform "H" { token visibility = "invisible"\n def Cube "Hidden" {}\n}\n'
    )
    drawn = {
        snapshot.prims.path[p]: bool(v)
        for p, v in zip(snapshot.instances.prim, snapshot.instances.visible, strict=True)
    }
    assert drawn == {"/Default": True, "/Render": True, "/H/Hidden": False}


def test_native_instances_share_and_can_be_told_apart(read: Any) -> None:
    snapshot = read(
        'class "_P" { def Sphere "Ball" {}\n}\n'
        'def "A" (instanceable = true\n prepend inherits = </_P>) {}\n'
        'def "B" (instanceable = true\n prepend inherits = </_P>) {}\n'
    )
    assert len(snapshot.prototypes) == 1
    assert [snapshot.prims.path[p] for p in snapshot.instances.prim] == ["/A/Ball", "/B/Ball"]
    assert snapshot.prims.proxy[snapshot.instances.prim].all()
    assert snapshot.prototypes[0].chord_error > 0


@pytest.mark.parametrize("axis", ["X", "Y", "Z"])
@pytest.mark.parametrize("kind", ["Cylinder", "Cone", "Capsule", "Plane"])
def test_axes_give_pxrs_extent(read: Any, kind: str, axis: str) -> None:
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.CreateInMemory()
    prim = stage.DefinePrim("/P", kind)
    prim.GetAttribute("axis").Set(axis)
    sizes = {"width": 2.0, "length": 3.0} if kind == "Plane" else {"height": 4.0, "radius": 0.5}
    for name, value in sizes.items():
        prim.GetAttribute(name).Set(value)
    lines = "\n".join(f"double {name} = {value}" for name, value in sizes.items())
    expected = np.array(
        UsdGeom.Boundable.ComputeExtentFromPlugins(UsdGeom.Boundable(prim), Usd.TimeCode.Default())
    )
    (p,) = read(f'def {kind} "P" {{ uniform token axis = "{axis}"\n{lines}\n}}\n').prototypes
    assert np.allclose(p.points.min(0), expected[0], atol=1e-3)
    assert np.allclose(p.points.max(0), expected[1], atol=1e-3)
    if kind == "Cone":  # the tip points along the axis
        along = p.points[:, "XYZ".index(axis)]
        assert np.ptp(p.points[along > along.max() - 1e-6], axis=0).max() < 1e-6


def test_same_named_shapes_share(read: Any) -> None:
    snapshot = read("".join(f'def Cube "C{i}" {{ double size = {1 + i % 2}\n}}\n' for i in range(6)))
    assert len(snapshot.prototypes) == 2
