"""Curves, points, patches and tetrahedra: against closed forms, de Casteljau, pxr, and the declared chord error."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.scene.curves import full_knots, layout, parameters, spline_basis
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Prototype, Snapshot
from twinstage.scene.stage import open_stage
from twinstage.scene.tubes import tubes


@pytest.fixture
def read(open_text: Any) -> Any:
    """The snapshot of a stage from text."""

    def make(body: str, **stage: Any) -> Snapshot:
        return read_snapshot(open_text(body, **stage))

    return make


def volume(points: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = (points[triangles[:, k]].astype(float) for k in range(3))
    return float(np.einsum("ni,ni->n", a, np.cross(b, c)).sum() / 6)


def is_closed(points: np.ndarray, triangles: np.ndarray) -> bool:
    """Each directed edge, by position, has its opposite."""
    _, corner = np.unique(np.round(points / np.abs(points).max(), 6), axis=0, return_inverse=True)
    t = corner.reshape(-1)[triangles]
    t = t[(t[:, 0] != t[:, 1]) & (t[:, 1] != t[:, 2]) & (t[:, 2] != t[:, 0])]
    edges = Counter(map(tuple, np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]).tolist()))
    return all(edges[b, a] == n for (a, b), n in edges.items())


def normals_agree(p: Prototype) -> bool:
    a, b, c = (p.points[p.triangles[:, k]].astype(float) for k in range(3))
    face = np.cross(b - a, c - a)
    size = np.linalg.norm(face, axis=1)
    return bool(((face * p.normals[p.triangles].sum(1)).sum(1)[size > 1e-9 * size.max()] > 0).all())


def casteljau(points: np.ndarray, t: float) -> np.ndarray:
    while len(points) > 1:
        points = points[:-1] * (1 - t) + points[1:] * t
    return points[0]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_bezier_is_de_casteljau(seed: int, segments: int) -> None:
    points = np.random.default_rng(seed).normal(size=(1, 3 * segments + 1, 3))
    made = layout(3 * segments + 1, "bezier", "nonperiodic")
    assert made is not None
    found = made.samples(points, 5)[0]
    expected = [casteljau(points[0, 3 * s : 3 * s + 4], k / 5) for s in range(segments) for k in range(5)]
    assert np.allclose(found, [*expected, points[0, -1]], atol=1e-12)


def test_bspline_is_a_nurbs_of_even_knots() -> None:
    points = np.random.default_rng(1).normal(size=(1, 7, 3))
    made = layout(7, "bspline", "nonperiodic")
    assert made is not None
    knots = full_knots(np.arange(11.0), 4, 7)
    assert knots is not None
    index, weight = spline_basis(knots, 4, 7, parameters(knots, 4, 7, None, 4))
    assert np.allclose(np.einsum("mo,moc->mc", weight, points[0, index]), made.samples(points, 4)[0])


@pytest.mark.parametrize("wrap", ["nonperiodic", "periodic", "pinned"])
@pytest.mark.parametrize("basis", ["linear", "bezier", "bspline", "catmullRom"])
def test_segments_are_as_many_as_pxr_says(basis: str, wrap: str) -> None:
    from pxr import Usd, UsdGeom, Vt

    stage = Usd.Stage.CreateInMemory()
    for count in range(2, 14):
        curves = UsdGeom.BasisCurves.Define(stage, f"/C{count}")
        curves.CreateTypeAttr("linear" if basis == "linear" else "cubic")
        if basis != "linear":
            curves.CreateBasisAttr(basis)
        curves.CreateWrapAttr(wrap)
        curves.CreateCurveVertexCountsAttr([count])
        curves.CreatePointsAttr(Vt.Vec3fArray(count))
        made = layout(count, basis, wrap)
        if made is not None:
            assert [made.segments] == list(curves.ComputeSegmentCounts(Usd.TimeCode.Default()))
            assert made.samples(np.zeros((1, count, 3)), 3).shape[1] == 3 * made.segments + (
                wrap != "periodic"
            )


def test_catmull_rom_and_pinned_pass_through() -> None:
    points = np.random.default_rng(2).normal(size=(1, 6, 3))
    inner, pinned = layout(6, "catmullRom", "nonperiodic"), layout(6, "catmullRom", "pinned")
    ends = layout(6, "bspline", "pinned")
    assert inner and pinned and ends
    assert np.allclose(inner.samples(points, 4)[0, ::4], points[0, 1:-1])
    assert np.allclose(pinned.samples(points, 4)[0, ::4], points[0])
    assert np.allclose(ends.samples(points, 4)[0, [0, -1]], points[0, [0, -1]])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.booleans())
def test_tubes_are_closed_and_as_thick_as_asked(seed: int, closed: bool) -> None:
    rng = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    wave = rng.normal(size=(3, 3)) * 0.2
    line = np.stack([np.cos(turn), np.sin(turn), 0 * turn], -1) * 3
    line = (line + np.sin(2 * turn)[:, None] * wave[0] + np.cos(3 * turn)[:, None] * wave[1])[None]
    shape, sample = tubes(line, np.full((1, 40), 0.1), 12, closed=closed)
    assert is_closed(shape.points, shape.triangles)
    away = np.linalg.norm(shape.points - line[0, sample], axis=1)
    assert away.min() > 0.1 - 1e-9
    assert away.max() < 0.11  # mitres
    length = np.linalg.norm(np.diff(line[0], axis=0), axis=1).sum()
    length += np.linalg.norm(line[0, 0] - line[0, -1]) if closed else 0
    area = 12 / 2 * np.sin(2 * np.pi / 12) * 0.01
    assert volume(shape.points, shape.triangles) == pytest.approx(length * area, rel=0.02)
    assert np.allclose(np.linalg.norm(shape.normals, axis=1), 1)


def test_a_right_angle_keeps_its_width() -> None:
    line = np.array([[[0.0, 0, 0], [1, 0, 0], [1, 1, 0]]])
    shape, _ = tubes(line, np.full((1, 3), 0.1), 4, closed=False)
    first_leg = shape.points[(shape.points[:, 0] < 0.85) | (np.abs(shape.points[:, 1]) <= 0.1 + 1e-9)]
    assert np.abs(first_leg[:, 1]).max() == pytest.approx(0.1)
    inner = shape.points[np.abs(shape.points - [0.9, 0.1, 0]).max(1) < 1e-9]
    assert len(inner) == 1, "the inner corner lies where the walls of both legs meet"


def test_repeated_points_and_no_width_are_no_trouble() -> None:
    line = np.array([[[0.0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0]], [[2.0, 0, 0]] * 4])
    shape, _ = tubes(line, np.array([[0.1] * 4, [0.0] * 4]), 6, closed=False)
    assert np.isfinite(shape.points).all()
    assert np.isfinite(shape.normals).all()


CURVES = """def BasisCurves "C" {{
    uniform token type = "{type}"
    uniform token basis = "{basis}"
    int[] curveVertexCounts = [{counts}]
    point3f[] points = [{points}]
    {extra}
}}
"""
ARC = "(0,0,0), (1,0,0), (2,1,0), (2,2,0)"


def curves(
    extra: str, *, kind: str = "cubic", basis: str = "bezier", counts: str = "4", points: str = ARC
) -> str:
    return CURVES.format(type=kind, basis=basis, counts=counts, points=points, extra=extra)


def test_a_tube_lies_within_its_chord_error(read: Any) -> None:
    (p,) = read(curves('float[] widths = [0.2] (interpolation = "constant")'), units=0.01).prototypes
    control = np.array(eval(f"[{ARC}]"), float)
    axis = np.array([casteljau(control, t) for t in np.linspace(0, 1, 4001)]) * 0.01
    rng = np.random.default_rng(0)
    wall = p.triangles[: -2 * 14]
    inside = np.einsum(
        "nk,nki->ni", rng.dirichlet([1, 1, 1], 400), p.points[wall[rng.integers(len(wall), size=400)]]
    )
    away = np.linalg.norm(inside[:, None] - axis[None], axis=2).min(1)
    assert 0 < p.chord_error < 0.0001
    assert np.abs(away - 0.001).max() <= p.chord_error
    assert normals_agree(p)


def test_widths_and_colours_follow_their_interpolation(read: Any) -> None:
    line = "(0,0,0), (1,0,0), (2,0,0)"
    text = curves(
        'float[] widths = [0.2, 0.4, 0.6] (interpolation = "vertex")\n'
        'color3f[] primvars:displayColor = [(1,0,0), (0,1,0), (0,0,1)] (interpolation = "vertex")',
        kind="linear", counts="3", points=line,
    )  # fmt: skip
    (p,) = read(text).prototypes
    for x, radius, color in ((0, 0.1, [1, 0, 0]), (1, 0.2, [0, 1, 0]), (2, 0.3, [0, 0, 1])):
        ring = np.abs(p.points[:, 0] - x) < 1e-6
        assert np.allclose(np.hypot(p.points[ring, 1], p.points[ring, 2]), radius, atol=1e-6)
        assert p.color is not None
        assert (p.color[ring] == color).all()
    uniform = curves(
        'float[] widths = [0.2, 0.4] (interpolation = "uniform")', kind="linear", counts="2, 2",
        points="(0,0,0), (1,0,0), (0,5,0), (1,5,0)",
    )  # fmt: skip
    (p,) = read(uniform).prototypes
    assert np.abs(p.points[p.points[:, 1] < 2, 2]).max() == pytest.approx(0.1, rel=0.02)
    assert np.abs(p.points[p.points[:, 1] > 2, 2]).max() == pytest.approx(0.2, rel=0.02)


def test_faulty_curves_are_told(read: Any) -> None:
    snapshot = read(curves("", counts="4, 3"))
    assert not snapshot.prototypes
    assert any("add up to 7, but there are 4 points" in f.message for f in snapshot.findings)
    snapshot = read(curves("", counts="4, 4", points=f"{ARC}, (nan, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)"))
    assert {"curves.left-out", "gprim.widths"} <= {f.code for f in snapshot.findings}
    assert np.isfinite(snapshot.prototypes[0].points).all()
    assert not read(curves("", counts="5", points=f"{ARC}, (3, 3, 3)")).prototypes


def test_too_many_curves_are_thinned(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.scene.read.curves.MAX_TRIANGLES", 100)
    points = ", ".join(f"({k}, 0, 0), ({k}, 0, 1)" for k in range(60))
    snapshot = read(curves("", kind="linear", counts=", ".join(["2"] * 60), points=points))
    assert any(f.code == "curves.many" for f in snapshot.findings)
    assert 0 < len(snapshot.prototypes[0].triangles) <= 100


def test_a_rational_circle_is_a_circle(read: Any) -> None:
    s = 0.5**0.5
    body = (
        'def NurbsCurves "C" { int[] curveVertexCounts = [9]\n int[] order = [3]\n'
        "double[] knots = [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4]\n double2[] ranges = [(0, 4)]\n"
        "point3f[] points = [(1,0,0), (1,1,0), (0,1,0), (-1,1,0), (-1,0,0), (-1,-1,0), (0,-1,0), (1,-1,0), (1,0,0)]\n"
        f"double[] pointWeights = [1, {s}, 1, {s}, 1, {s}, 1, {s}, 1]\n"
        'float[] widths = [0.2] (interpolation = "constant")\n}\n'
    )
    (p,) = read(body).prototypes
    ring = np.hypot(np.hypot(p.points[:, 0], p.points[:, 1]) - 1, p.points[:, 2])
    assert np.abs(ring - 0.1).max() < 0.002
    assert volume(p.points, p.triangles) == pytest.approx(2 * np.pi**2 * 0.01, rel=0.03)


def test_hermite_curves_take_their_tangents(read: Any) -> None:
    body = (
        'def HermiteCurves "C" { int[] curveVertexCounts = [2]\n point3f[] points = [(0,0,0), (1,0,0)]\n'
        'vector3f[] tangents = [(0,3,0), (0,-3,0)]\n float[] widths = [0.01] (interpolation = "constant")\n}\n'
    )
    (p,) = read(body).prototypes
    # The same curve as Bezier: control points at thirds of the tangents; its top is at t = 1/2.
    top = casteljau(np.array([[0.0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0]]), 0.5)
    assert p.points[:, 1].max() == pytest.approx(top[1], abs=0.006)


def test_points_are_spheres_of_their_widths(read: Any) -> None:
    body = (
        'def Points "P" { point3f[] points = [(0,0,0), (10,0,0), (0,10,0)]\n float[] widths = [2, 4, 0]\n'
        'color3f[] primvars:displayColor = [(1,0,0), (0,1,0), (0,0,1)] (interpolation = "vertex")\n}\n'
    )
    snapshot = read(body)
    (p,) = snapshot.prototypes
    for x, radius, color in ((0.0, 1.0, [1, 0, 0]), (10.0, 2.0, [0, 1, 0])):
        near = np.abs(p.points[:, 0] - x) < 4
        away = np.linalg.norm(p.points[near] - [x, 0, 0], axis=1)
        assert np.allclose(away, radius, atol=1e-5)
        assert p.color is not None
        assert (p.color[near] == color).all()
    assert is_closed(p.points, p.triangles)
    assert normals_agree(p)
    middles = p.points[p.triangles].mean(1)
    depth = 2 - np.linalg.norm(middles[middles[:, 0] > 5] - [10, 0, 0], axis=1)
    assert 0 < depth.max() <= p.chord_error
    assert any("1 points without a place or a width" in f.message for f in snapshot.findings)


def test_very_many_points_are_coarse_then_few(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    points = ", ".join(f"({k}, 0, 0)" for k in range(100))
    body = f'def Points "P" {{ point3f[] points = [{points}]\n float[] widths = [0.5] (interpolation = "constant")\n}}\n'
    monkeypatch.setattr("twinstage.scene.read.spheres.MAX_TRIANGLES", 6000)
    coarse = read(body)
    assert len(coarse.prototypes[0].triangles) == 100 * 48
    monkeypatch.setattr("twinstage.scene.read.spheres.MAX_TRIANGLES", 300)
    few = read(body)
    assert len(few.prototypes[0].triangles) == 34 * 8
    assert any(f.code == "points.many" for f in few.findings)


def test_a_nurbs_patch_is_its_cylinder(read: Any) -> None:
    s = 0.5**0.5
    circle = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0)]
    points = ", ".join(f"({x}, {y}, {z})" for z in (0, 3) for x, y in circle)
    weights = ", ".join(str(1 if k % 2 == 0 else s) for _ in range(2) for k in range(9))
    body = (
        f'def NurbsPatch "P" {{ int uVertexCount = 9\n int vVertexCount = 2\n int uOrder = 3\n int vOrder = 2\n'
        "double[] uKnots = [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4]\n double[] vKnots = [0, 0, 1, 1]\n"
        f"point3f[] points = [{points}]\n double[] pointWeights = [{weights}]\n}}\n"
    )
    (p,) = read(body).prototypes
    assert np.allclose(np.hypot(p.points[:, 0], p.points[:, 1]), 1, atol=1e-6)
    assert np.allclose(p.normals[:, :2], p.points[:, :2], atol=0.01)
    assert normals_agree(p)
    depth = 1 - np.hypot(*p.points[p.triangles].mean(1)[:, :2].T)
    assert depth.max() <= p.chord_error < 0.01
    assert p.uv is not None
    assert p.uv.min() == 0
    assert p.uv.max() == 1


def test_tetrahedra_show_their_surface(read: Any) -> None:
    body = (
        'def TetMesh "T" { point3f[] points = [(0,0,0), (1,0,0), (0,1,0), (0,0,1), (1,1,1)]\n'
        "int4[] tetVertexIndices = [(0, 1, 2, 3), (1, 4, 2, 3)]\n}\n"
    )
    (p,) = read(body).prototypes
    assert len(p.triangles) == 6
    assert is_closed(p.points, p.triangles)
    assert volume(p.points, p.triangles) == pytest.approx(1 / 6 + 2 / 6)


def test_what_cannot_be_drawn_is_told(read: Any) -> None:
    snapshot = read('def Volume "V" {}\n')
    assert any(f.code == "gprim.not-drawn" for f in snapshot.findings)


def test_real_hair_is_drawn(shared: Path) -> None:
    from pxr import UsdGeom

    opened = open_stage(shared / "assets" / "features" / "tinyusdz" / "hair.usda", probe=False)
    snapshot = read_snapshot(opened)
    by_type = {snapshot.prims.type_name[p]: k for k, p in enumerate(snapshot.instances.prim)}
    p = snapshot.prototypes[snapshot.instances.prototype[by_type["BasisCurves"]]]
    curves = UsdGeom.BasisCurves(opened.stage.GetPrimAtPath(p.source))
    points = np.array(curves.GetPointsAttr().Get()) * opened.meters_per_unit
    margin = np.max(curves.GetWidthsAttr().Get() or [0.1]) * opened.meters_per_unit
    assert (p.points.min(0) > points.min(0) - margin).all()
    assert (p.points.max(0) < points.max(0) + margin).all()


def test_one_endless_curve_is_not_drawn(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.scene.read.curves.MAX_TRIANGLES", 100)
    points = ", ".join(f"({k}, 0, 0)" for k in range(60))
    snapshot = read(curves("", kind="linear", counts="60", points=points))
    assert not snapshot.prototypes
    assert {"curves.many", "gprim.empty"} <= {f.code for f in snapshot.findings}
