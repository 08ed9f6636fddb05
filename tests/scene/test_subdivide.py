"""Subdivision against Blender's OpenSubdiv (golden/make_subdivide.py), closed formulas and invariants."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.subdivide.cage import Cage
from twinstage.scene.subdivide.refine import Refined, kept_refine, refine

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "subdivide.json").read_text())


def cage_of(case: dict[str, Any]) -> Cage:
    faces = case["faces"]
    creases = np.array(case["creases"], float).reshape(-1, 3)
    corners = np.array(case["corners"], float).reshape(-1, 2)
    return Cage(
        counts=np.array([len(f) for f in faces]),
        indices=np.concatenate([np.array(f) for f in faces]),
        size=len(case["points"]),
        boundary=case["boundary"],
        crease_edges=creases[:, :2].astype(np.int64),
        crease_sharpness=creases[:, 2],
        corners=corners[:, 0].astype(np.int64),
        corner_sharpness=corners[:, 1],
        face_varying=case["face_varying"],
    )


@pytest.mark.parametrize("name", CASES)
def test_equals_blenders_opensubdiv(name: str) -> None:
    case = CASES[name]
    made = refine(cage_of(case), case["level"])
    rows = made.points(np.array(case["points"], float), limit=case["limit"])[made.finest.indices]
    if case["uv"]:
        flat = np.array([v for face in case["uv"] for v in face])
        values, index = np.unique(flat, axis=0, return_inverse=True)
        uv, at = made.face_varying(values, index.reshape(-1), limit=case["limit"])
        rows = np.concatenate([rows, uv[at]], 1)
    expected = np.array(case["rows"])
    there = np.abs(rows[:, None] - expected[None]).max(2)
    assert there.min(1).max() < 3e-4, "a row of ours that Blender does not have"
    assert there.min(0).max() < 3e-4, "a row of Blender's that we do not have"


def deform(cage: Cage, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(cage.size, 3))


def octahedron() -> tuple[Cage, np.ndarray]:
    points = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    return Cage(np.full(8, 3), np.array(faces).reshape(-1), 6, scheme="loop"), points


def test_loop_on_an_octahedron_by_hand() -> None:
    cage, points = octahedron()
    made = refine(cage, 1)
    beta = (5 / 8 - (3 / 8) ** 2) / 4
    refined = made.points(points, limit=False)
    assert np.allclose(refined[0], [1 - 4 * beta, 0, 0])
    expected = np.array([[3, 3, 0], [0, 3, 3], [3, 0, 3]] * 4) / 8
    assert np.allclose(sorted(np.abs(refined[6:]).round(9).tolist()), sorted(expected.tolist()))


@pytest.mark.parametrize("kind", ["closed", "open"])
def test_loop_equals_trimesh(kind: str) -> None:
    trimesh = pytest.importorskip("trimesh")
    cage, _ = octahedron()
    faces = cage.indices.reshape(-1, 3)[: 8 if kind == "closed" else 7]
    points = np.random.default_rng(3).normal(size=(6, 3))
    expected, _ = trimesh.remesh.subdivide_loop(points, faces, iterations=2)
    mine = Cage(np.full(len(faces), 3), faces.reshape(-1), 6, scheme="loop", boundary="edgeOnly")
    found = refine(mine, 2).points(points, limit=False)
    gaps = np.abs(found[:, None] - expected[None]).max(2)
    assert gaps.min(1).max() < 1e-9
    assert gaps.min(0).max() < 1e-9


@pytest.mark.parametrize("name", ["cube", "cube crease", "sheet corners", "sheet edges", "house", "loop"])
def test_the_limit_does_not_depend_on_the_level(name: str) -> None:
    cage = octahedron()[0] if name == "loop" else cage_of(CASES[name])
    points = deform(cage, 5)
    once, thrice = refine(cage, 1), refine(cage, 3)
    coarse, fine = once.points(points), thrice.points(points)
    assert np.allclose(coarse, fine[: len(coarse)], atol=1e-12)


@pytest.mark.parametrize("scheme", ["catmullClark", "bilinear"])
def test_affine_maps_commute(scheme: str) -> None:
    """Weights of every vertex add up to 1, semi-sharp ones included."""
    case = CASES["cube semi-sharp 3 at a corner"]
    cage = cage_of(case)
    made = refine(Cage(**{**vars(cage), "scheme": scheme}), 3)
    assert np.allclose(made.points(np.ones((8, 1))), 1)
    assert np.allclose(made.varying(np.ones((8, 1))), 1)
    values, _ = made.face_varying(np.ones((24, 1)), np.arange(24))
    assert np.allclose(values, 1)


def test_varying_is_linear_over_faces() -> None:
    case = CASES["sheet corners"]
    points = np.array(case["points"], float)
    made = refine(cage_of(case), 2)
    flat = points[:, :2] @ [[1.0, 2], [3, 4]]
    assert np.allclose(made.varying(flat), made.varying(points)[:, :2] @ [[1.0, 2], [3, 4]])
    assert np.allclose(made.varying(points)[:, 0].max(), 3), "linear values do not shrink at borders"


@pytest.mark.parametrize("name", ["cube", "house", "cube crease", "cube semi-sharp", "sheet corners", "loop"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_surface_lies_within_the_chord_error(name: str, depth: int) -> None:
    import open3d as o3d

    cage = octahedron()[0] if name == "loop" else cage_of(CASES[name])
    points = octahedron()[1] if name == "loop" else np.array(CASES[name]["points"], float)
    made, finer = refine(cage, depth), refine(cage, depth + 3)
    drawn, surface = made.points(points), finer.points(points)[finer.finest.indices]
    corners = made.finest.indices.reshape(len(made.finest.counts), -1)
    triangles = corners if name == "loop" else np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]])
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(drawn.astype(np.float32)), o3d.core.Tensor(triangles.astype(np.uint32))
    )
    gap = scene.compute_distance(o3d.core.Tensor(surface.astype(np.float32))).numpy().max()
    assert gap <= made.chord_error(drawn) + 1e-6
    assert made.chord_error(drawn) < 0.6 / 1.5**depth


def test_normals_are_those_of_a_sphere_like_cube_and_split_at_creases() -> None:
    made = refine(cage_of(CASES["cube"]), 3)
    points = made.points(np.array(CASES["cube"]["points"], float))
    normals, index = made.normals(points)
    assert np.array_equal(index, made.finest.indices)
    assert (
        np.einsum("nk,nk->n", normals, points / np.linalg.norm(points, axis=1, keepdims=True)) > 0.97
    ).all()
    made = refine(cage_of(CASES["cube crease"]), 3)  # the face x = -1 is cut off by a sharp edge
    points = made.points(np.array(CASES["cube crease"]["points"], float))
    normals, index = made.normals(points)
    on_face = np.abs(points[made.finest.indices, 0] + 1).reshape(-1, 4).max(1) < 1e-9
    assert np.allclose(normals[index.reshape(-1, 4)[on_face]], [-1, 0, 0], atol=1e-9)
    assert len(np.unique(index)) > len(points)


def test_odd_cages_are_finite() -> None:
    """Fins, bow ties, a face used twice, a face over one point twice, points without faces."""
    quad = [0, 1, 2, 3]
    for faces in (
        [quad, [1, 0, 4, 5], [0, 1, 6, 7]],
        [[0, 1, 2], [0, 3, 4]],
        [quad, quad],
        [[0, 1, 1, 2], [0, 2, 3]],
        [quad, [0, 1, 4, 5]],
    ):
        cage = Cage(np.array([len(f) for f in faces]), np.concatenate(faces), 9)
        made = refine(cage, 2)
        points = made.points(deform(cage, 1))
        assert np.isfinite(points).all()
        normals, _ = made.normals(points)
        assert np.allclose(np.linalg.norm(normals, axis=1), 1)


def test_boundary_none_leaves_the_border_faces_out() -> None:
    case = CASES["sheet corners"]
    cage = cage_of({**case, "boundary": "none"})
    inner = [k for k, face in enumerate(case["faces"]) if face == [5, 6, 10, 9]]
    assert np.flatnonzero(~refine(cage, 1).hidden).tolist() == [], "the notch touches the inner face"
    whole = Cage(
        np.full(9, 4),
        np.array(
            [[4 * y + x, 4 * y + x + 1, 4 * y + x + 5, 4 * y + x + 4] for y in range(3) for x in range(3)]
        ).reshape(-1),
        16,
        boundary="none",
    )
    assert np.flatnonzero(~refine(whole, 1).hidden).tolist() == [4]
    assert len(inner) == 1


def test_refinements_are_kept_by_topology() -> None:
    first: Refined = kept_refine(cage_of(CASES["cube"]), 2)
    assert kept_refine(cage_of(CASES["cube"]), 2) is first
    assert kept_refine(cage_of(CASES["cube crease"]), 2) is not first
    assert kept_refine(cage_of(CASES["cube"]), 1) is not first


def test_the_end_of_one_sharp_crease_comes_close_to_its_limit() -> None:
    case = CASES["cube dart"]
    points = np.array(case["points"], float)
    near, deep = refine(cage_of(case), 2).points(points), refine(cage_of(case), 8).points(points)
    assert np.abs(near - deep[: len(near)]).max() < 1e-3


def test_the_smooth_triangle_rule_differs_only_beside_triangles() -> None:
    cage = cage_of(CASES["house"])
    points = deform(cage, 2)
    plain, smooth = refine(cage, 1), refine(Cage(**{**vars(cage), "smooth_triangles": True}), 1)
    assert np.allclose(smooth.points(np.ones((10, 1)), limit=False), 1)
    gap = np.abs(smooth.points(points, limit=False) - plain.points(points, limit=False)).max(1)
    ends = plain.base.ends[np.flatnonzero(gap[10 : 10 + len(plain.base.ends)] > 1e-9)]
    beside = {frozenset(e) for e in ((4, 0), (0, 5), (4, 5), (5, 9), (4, 9))}
    assert {frozenset(e) for e in ends.tolist()} == beside
    # Between the two triangles both faces weigh 0.47 and both ends 0.03 (OpenSubdiv's CATMARK_SMOOTH_TRI_EDGE_WEIGHT).
    e = next(k for k, pair in enumerate(plain.base.ends.tolist()) if set(pair) == {4, 5})
    a, b = points[[4, 0, 5]].mean(0), points[[4, 5, 9]].mean(0)
    expected = 0.03 * (points[4] + points[5]) + 0.47 * (a + b)
    assert np.allclose(smooth.points(points, limit=False)[10 + e], expected)
