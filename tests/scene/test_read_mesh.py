"""Subdivision and faulty meshes through the reader: what is drawn, with which values, and what is told."""

from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Prototype, Snapshot

CUBE = """
    int[] faceVertexCounts = [4, 4, 4, 4, 4, 4]
    int[] faceVertexIndices = [0, 1, 3, 2, 4, 6, 7, 5, 0, 4, 5, 1, 2, 3, 7, 6, 0, 2, 6, 4, 1, 5, 7, 3]
    point3f[] points = [(-1,-1,-1), (-1,-1,1), (-1,1,-1), (-1,1,1), (1,-1,-1), (1,-1,1), (1,1,-1), (1,1,1)]
"""
GRID = """
    uniform token subdivisionScheme = "{scheme}"
    int[] faceVertexCounts = [4, 4, 4]
    int[] faceVertexIndices = [0, 1, 5, 4, 1, 2, 6, 5, 2, 3, 7, 6]
    point3f[] points = [(0,0,0), (1,0,0), (2,0,0), (3,0,0), (0,1,0), (1,1,0), (2,1,0), (3,1,0)]
"""


@pytest.fixture
def read(open_text: Any) -> Any:
    """The snapshot of a mesh from its attributes."""

    def make(body: str, refine: int | None = None, time: float | None = None) -> Snapshot:
        return read_snapshot(open_text(f'def Mesh "M" {{\n{body}\n}}\n'), time, refine=refine)

    return make


def codes(snapshot: Snapshot) -> set[str]:
    return {f.code for f in snapshot.findings}


def signed_volume(p: Prototype) -> float:
    a, b, c = (p.points[p.triangles[:, k]].astype(float) for k in range(3))
    return float(np.einsum("ni,ni->n", a, np.cross(b, c)).sum() / 6)


def test_the_fallback_scheme_is_refined_to_its_limit(read: Any) -> None:
    snapshot = read(CUBE)
    (p,) = snapshot.prototypes
    assert len(p.triangles) == 6 * 16 * 2
    corner = np.abs(p.points).min(1).max()
    assert corner == pytest.approx(0.5), "the limit of a cube's corner is half of it"
    assert np.abs(p.points).max() == pytest.approx(68 / 81), "and its face's middle goes to 68/81"
    assert 0 < p.chord_error < 0.06
    assert signed_volume(p) > 0
    assert len(p.points) == 6 * 16 + 2


@pytest.mark.parametrize(("refine", "triangles"), [(0, 12), (1, 48), (3, 768)])
def test_levels(read: Any, refine: int, triangles: int) -> None:
    snapshot = read(CUBE, refine)
    assert len(snapshot.prototypes[0].triangles) == triangles
    assert ("mesh.subdivision" in codes(snapshot)) == (refine == 0)
    if refine == 0:
        (p,) = snapshot.prototypes
        assert np.abs(p.points).min() == 1
        assert p.chord_error == pytest.approx(0.5 * 3**0.5), "a cube's corner is that far from the surface"


def test_a_mesh_may_ask_for_its_level(read: Any) -> None:
    own = "bool refinementEnableOverride = 1\nint refinementLevel = 1\n"
    assert len(read(CUBE + own).prototypes[0].triangles) == 48
    assert len(read(CUBE + own.replace("= 1\nint", "= 0\nint")).prototypes[0].triangles) == 192


def test_levels_stop_at_the_limit(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.scene.read.subdivision.MAX_MESH_TRIANGLES", 100)
    snapshot = read(CUBE, 4)
    assert len(snapshot.prototypes[0].triangles) == 48
    assert any("refined 1 times instead of 4" in f.message for f in snapshot.findings)


def test_the_whole_stage_has_a_limit(open_text: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.scene.read.subdivision.MAX_STAGE_TRIANGLES", 250)
    moved = CUBE.replace("(1,1,1)", "(2,2,2)")
    snapshot = read_snapshot(open_text(f'def Mesh "A" {{{CUBE}\n}}\ndef Mesh "B" {{{moved}\n}}\n'))
    assert [len(p.triangles) for p in snapshot.prototypes] == [192, 48]


def test_left_handed_cages_face_out(read: Any) -> None:
    turned = CUBE.replace("[0, 1, 3, 2, 4, 6, 7, 5, 0, 4, 5, 1, 2, 3, 7, 6, 0, 2, 6, 4, 1, 5, 7, 3]",
                          "[2, 3, 1, 0, 5, 7, 6, 4, 1, 5, 4, 0, 6, 7, 3, 2, 4, 6, 2, 0, 3, 7, 5, 1]")  # fmt: skip
    (p,) = read(turned + 'uniform token orientation = "leftHanded"\n').prototypes
    assert signed_volume(p) > 0
    assert (np.einsum("nk,nk->n", p.normals, p.points) > 0).all()


def test_creases_corners_and_holes_are_read(read: Any) -> None:
    rim = (
        "int[] creaseIndices = [0, 1, 3, 2, 0]\nint[] creaseLengths = [5]\nfloat[] creaseSharpnesses = [10]\n"
    )
    (p,) = read(CUBE + rim).prototypes
    flat = p.points[np.abs(p.points[:, 0] + 1) < 1e-6]
    assert np.ptp(flat, axis=0)[1:].min() > 1.3, "the face x = -1 stays flat and large"
    (p,) = read(CUBE + "int[] cornerIndices = [7]\nfloat[] cornerSharpnesses = [10]\n").prototypes
    assert (p.points.max(0) == 1).all()
    (p,) = read(CUBE + "int[] holeIndices = [2]\n").prototypes
    assert len(p.triangles) == 5 * 16 * 2
    assert p.points.max() == pytest.approx(68 / 81), "a hole bears on its neighbours all the same"


@pytest.mark.parametrize(
    "lines",
    [
        "int[] creaseIndices = [0, 7]\nint[] creaseLengths = [2]\nfloat[] creaseSharpnesses = [10]",
        "int[] creaseIndices = [0, 1, 3]\nint[] creaseLengths = [2]\nfloat[] creaseSharpnesses = [10]",
        "int[] creaseIndices = [0, 99]\nint[] creaseLengths = [2]\nfloat[] creaseSharpnesses = [10]",
        "int[] creaseIndices = [0, 1]\nint[] creaseLengths = [2]",
        "int[] cornerIndices = [-1]\nfloat[] cornerSharpnesses = [10]",
        "int[] cornerIndices = [1, 2]\nfloat[] cornerSharpnesses = [10]",
    ],
)
def test_creases_that_do_not_fit_are_told(read: Any, lines: str) -> None:
    snapshot = read(CUBE + lines + "\n")
    assert codes(snapshot) & {"mesh.crease", "mesh.corner"}
    assert np.allclose(snapshot.prototypes[0].points, read(CUBE).prototypes[0].points)


def test_loop_and_bilinear(read: Any) -> None:
    scheme = 'uniform token subdivisionScheme = "{}"\n'
    snapshot = read(CUBE + scheme.format("loop"))
    assert any("loop wants triangles only" in f.message for f in snapshot.findings)
    assert len(snapshot.prototypes[0].triangles) == 12
    (p,) = read(CUBE + scheme.format("bilinear")).prototypes
    assert np.abs(p.points).max(1).min() == 1
    assert p.chord_error == 0
    tetra = (
        "int[] faceVertexCounts = [3, 3, 3, 3]\nint[] faceVertexIndices = [0, 2, 1, 0, 1, 3, 1, 2, 3, 0, 3, 2]\n"
        "point3f[] points = [(0,0,0), (1,0,0), (0,1,0), (0,0,1)]\n"
    )
    (p,) = read(tetra + scheme.format("loop")).prototypes
    assert len(p.triangles) == 4 * 16
    assert 0 < signed_volume(p) < 1 / 6


def test_unknown_tokens_are_told(read: Any) -> None:
    snapshot = read(CUBE + 'token interpolateBoundary = "sometimes"\n')
    assert "mesh.subdivision-token" in codes(snapshot)
    assert len(snapshot.prototypes) == 1


def test_normals_without_a_scheme_mean_polygons(read: Any) -> None:
    normals = 'normal3f[] normals = [(0,0,1)] (interpolation = "constant")\n'
    snapshot = read(CUBE + normals)
    assert "mesh.subdivision-unsaid" in codes(snapshot)
    assert len(snapshot.prototypes[0].triangles) == 12
    said = read(CUBE + normals + 'uniform token subdivisionScheme = "catmullClark"\n')
    assert len(said.prototypes[0].triangles) == 192
    assert (np.einsum("nk,nk->n", said.prototypes[0].normals, said.prototypes[0].points) > 0).all()


COLORS = {
    "uniform": "[(1,0,0), (0,1,0), (0,0,1)]",
    "vertex": "[(0,0,0), (1,0,0), (2,0,0), (3,0,0), (0,0,0), (1,0,0), (2,0,0), (3,0,0)]",
    "varying": "[(0,0,0), (1,0,0), (2,0,0), (3,0,0), (0,0,0), (1,0,0), (2,0,0), (3,0,0)]",
    "faceVarying": "[(0,0,0), (1,0,0), (1,0,0), (0,0,0), (5,0,0), (6,0,0), (6,0,0), (5,0,0), "
    "(2,0,0), (3,0,0), (3,0,0), (2,0,0)]",
}


@pytest.mark.parametrize("interpolation", COLORS)
def test_colours_follow_refined_faces(read: Any, interpolation: str) -> None:
    line = f'color3f[] primvars:displayColor = {COLORS[interpolation]} (interpolation = "{interpolation}")\n'
    (p,) = read(GRID.format(scheme="catmullClark") + line).prototypes
    assert p.color is not None
    x, red = p.points[:, 0], p.color[:, 0]
    if interpolation == "uniform":
        middle = p.points[p.triangles].mean(1)[:, 0]
        assert (p.color[p.triangles].min(1).argmax(1) == np.digitize(middle, [1, 2])).mean() > 0.9
        assert len(np.unique(p.color, axis=0)) == 3
    elif interpolation == "vertex":
        assert np.allclose(red, x, atol=1e-5), "colours go where points go"
    elif interpolation == "varying":
        assert np.abs(red * 4 - np.round(red * 4)).max() < 1e-5, "quarters of each edge"
        assert red.min() == 0
        assert red.max() == 3
    else:
        assert 4.9 < red.max() <= 6
        assert ((red > 4).sum(), (red < 3.1).sum()) == (25, 2 * 25)


def test_subsets_follow_refined_faces(read: Any) -> None:
    subset = (
        'def GeomSubset "S" (prepend apiSchemas = ["MaterialBindingAPI"])\n{\nuniform token elementType = "face"\n'
        'uniform token familyName = "materialBind"\nint[] indices = [1]\n}\n'
    )
    (p,) = read(GRID.format(scheme="catmullClark") + subset).prototypes
    middle = p.points[p.triangles].mean(1)[:, 0]
    assert p.slots == ("", "S")
    assert p.slot.sum() == 32
    assert 1 < middle[p.slot == 1].mean() < 2


def test_uv_seams_are_kept(read: Any) -> None:
    st = (
        'texCoord2f[] primvars:st = [(0,0), (1,0), (1,1), (0,1)] (interpolation = "faceVarying")\n'
        "int[] primvars:st:indices = [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]\n"
    )
    (p,) = read(GRID.format(scheme="catmullClark") + st).prototypes
    assert p.uv is not None
    assert len(p.points) == 3 * 25
    assert np.allclose([p.uv.min(0), p.uv.max(0)], [[0, 0], [1, 1]])


# --- faulty meshes ---------------------------------------------------------------------------------------------------

UV = (
    "texCoord2f[] primvars:st = [(0,0), (0,0), (0,0), (0,0), (0.5,0), (0.5,0), (0.5,0), (0.5,0), (1,0), (1,0), (1,0), (1,0)] "
    '(interpolation = "faceVarying")\n'
)
SUBSET = (
    'def GeomSubset "S" (prepend apiSchemas = ["MaterialBindingAPI"])\n{\nuniform token elementType = "face"\n'
    'uniform token familyName = "materialBind"\nint[] indices = [2]\n}\n'
)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("(0,1,0)", "(0,nan,0)", "mesh.not-finite"),
        ("[0, 1, 5, 4,", "[0, 1, 99, 4,", "mesh.topology"),
        ("[0, 1, 5, 4,", "[0, 1, -5, 4,", "mesh.topology"),
    ],
)
def test_faces_that_cannot_be_drawn_leave_the_others_alone(read: Any, old: str, new: str, code: str) -> None:
    snapshot = read(GRID.format(scheme="none").replace(old, new) + UV + SUBSET)
    (p,) = snapshot.prototypes
    assert len(p.triangles) == 4
    assert p.slot.tolist() == [0, 0, 1, 1]
    assert p.uv is not None
    right = p.uv[p.triangles[p.slot == 1].reshape(-1)]
    assert (right[:, 0] == 1).all(), "values of the corners that are left"
    assert any(f.code == code and "1 faces are left out" in f.message for f in snapshot.findings)


def test_short_faces_keep_holes_and_subsets_in_place(read: Any) -> None:
    text = (
        GRID.format(scheme="none")
        .replace("[4, 4, 4]", "[2, 4, 4, 4]")
        .replace("[0, 1, 5, 4,", "[0, 1, 0, 1, 5, 4,")
    )
    snapshot = read(text + "int[] holeIndices = [1]\n" + SUBSET)
    (p,) = snapshot.prototypes
    middle = p.points[p.triangles].mean(1)[:, 0]
    assert middle.min() > 1, "face 1 is the first one that is drawn, and the hole"
    assert 1 < middle[p.slot == 1].mean() < 2
    assert "mesh.short-faces" in codes(snapshot)


def test_flat_faces_are_told(read: Any) -> None:
    snapshot = read(GRID.format(scheme="none").replace("[0, 1, 5, 4,", "[0, 1, 1, 0,"))
    assert any("1 faces name the same point twice in a row" in f.message for f in snapshot.findings)
    assert np.isfinite(snapshot.prototypes[0].normals).all()
    line = "[(0,0,0), (1,0,0), (2,0,0), (3,0,0), (4,0,0), (5,0,0), (6,0,0), (7,0,0)]"
    text = GRID.format(scheme="none").split("point3f[]")[0] + f"point3f[] points = {line}\n"
    assert any("none of its faces has an area" in f.message for f in read(text).findings)


def test_topology_may_change_over_time(read: Any) -> None:
    text = """
    uniform token subdivisionScheme = "none"
    int[] faceVertexCounts.timeSamples = { 1: [3], 2: [4], }
    int[] faceVertexIndices.timeSamples = { 1: [0, 1, 2], 2: [0, 1, 2, 3], }
    point3f[] points.timeSamples = { 1: [(0,0,0), (1,0,0), (1,1,0)], 2: [(0,0,0), (1,0,0), (1,1,0), (0,1,0)], }
"""
    assert [len(read(text, time=t).prototypes[0].triangles) for t in (1.0, 2.0)] == [1, 2]


def test_primvar_normals_win_over_normals(read: Any) -> None:
    text = GRID.format(scheme="none") + (
        'normal3f[] normals = [(0,0,1)] (interpolation = "constant")\n'
        'normal3f[] primvars:normals = [(0,1,0)] (interpolation = "constant")\n'
    )
    (p,) = read(text).prototypes
    assert (p.normals == [0, 1, 0]).all()


def test_extents_that_are_too_small_are_told(open_text: Any) -> None:
    def told(extent: str, radius: float = 1.0) -> set[str]:
        return codes(
            read_snapshot(
                open_text(f'def Sphere "S" {{\ndouble radius = {radius}\nfloat3[] extent = {extent}\n}}\n')
            )
        )

    assert "gprim.extent" not in told("[(-1,-1,-1), (1,1,1)]")
    assert "gprim.extent" not in told("[(-9,-9,-9), (9,9,9)]")
    assert "gprim.extent" in told("[(-1,-1,-1), (1,1,1)]", 1.5)
    assert "gprim.extent" in told("[(1,1,1), (-1,-1,-1)]")


@pytest.mark.parametrize("axis", ["X", "Y", "Z"])
@pytest.mark.parametrize("kind", ["Cylinder_1", "Capsule_1"])
def test_shapes_of_two_radii_fill_pxrs_extent(open_text: Any, kind: str, axis: str) -> None:
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.CreateInMemory()
    prim = stage.DefinePrim("/P", kind)
    prim.GetAttribute("axis").Set(axis)
    sizes = {"height": 4.0, "radiusBottom": 1.5, "radiusTop": 0.5}
    for name, value in sizes.items():
        prim.GetAttribute(name).Set(value)
    expected = np.array(
        UsdGeom.Boundable.ComputeExtentFromPlugins(UsdGeom.Boundable(prim), Usd.TimeCode.Default())
    )
    lines = "\n".join(f"double {name} = {value}" for name, value in sizes.items())
    (p,) = read_snapshot(
        open_text(f'def {kind} "P" {{ uniform token axis = "{axis}"\n{lines}\n}}\n')
    ).prototypes
    assert np.allclose([p.points.min(0), p.points.max(0)], expected, atol=2e-3)
    k = "XYZ".index(axis)
    wide = np.linalg.norm(np.delete(p.points, k, 1), axis=1)
    for at, radius in ((-2, 1.5), (2, 0.5)):
        assert np.allclose(wide[np.abs(p.points[:, k] - at) < 1e-6].max(), radius, atol=2e-3)
    assert signed_volume(p) > 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('def Capsule_1 "C" { double radiusTop = 0\n double radiusBottom = 0\n}\n', "gprim.empty"),
        (
            'def Mesh "M" { uniform token subdivisionScheme = "none"\n int[] faceVertexCounts = [3]\n'
            "int[] faceVertexIndices = [0, 1, 2]\n point3f[] points = [(0,0,0), (1e38,0,0), (0,1e38,0)]\n}\n",
            "gprim.not-finite",
        ),
        (
            'def NurbsCurves "C" { int[] curveVertexCounts = [3]\n int[] order = [3]\n double[] knots = [0, 0, 0, 1, 1, 1]\n'
            "point3f[] points = [(1,0,0), (1,1,0), (0,1,0)]\n double[] pointWeights = [1, nan, 1]\n}\n",
            "gprim.weights",
        ),
        (
            'def NurbsPatch "P" { int uVertexCount = 2\n int vVertexCount = 2\n int uOrder = 2\n int vOrder = 99\n'
            "double[] uKnots = [0, 0, 1, 1]\n double[] vKnots = [0, 0, 1, 1]\n"
            "point3f[] points = [(0,0,0), (1,0,0), (0,1,0), (1,1,0)]\n}\n",
            "patch.topology",
        ),
        (
            'def SkelRoot "R" { def Skeleton "S" { uniform token[] joints = ["a"]\n}\n'
            'def Mesh "M" (prepend apiSchemas = ["SkelBindingAPI"]) { rel skel:skeleton = </R/S>\n'
            'uniform token subdivisionScheme = "none"\n int[] faceVertexCounts = [3]\n int[] faceVertexIndices = [0, 1, 2]\n'
            "point3f[] points = [(0,0,0), (1,0,0), (0,1,0)]\n"
            'int[] primvars:skel:jointIndices = [0] (interpolation = "constant")\n'
            'float[] primvars:skel:jointWeights = [1] (interpolation = "constant")\n}\n}\n',
            "skel.binding",
        ),
    ],
)
def test_damage_is_told_and_never_raised(open_text: Any, body: str, code: str) -> None:
    units = 1000.0 if "1e38" in body else 1.0
    snapshot = read_snapshot(open_text(body, units=units))
    assert code in codes(snapshot)
    assert all(np.isfinite(p.points).all() for p in snapshot.prototypes)
