"""Intrinsic shapes: closed, the right way out, as close to the true surface as declared, with the true volume."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.scene.tessellate import Shape, capsule, cone, cube, cylinder, plane, sphere

sizes = st.floats(0.01, 100.0)


def volume(shape: Shape) -> float:
    a, b, c = (shape.points[shape.triangles[:, k]] for k in range(3))
    return float(np.einsum("ni,ni->n", a, np.cross(b, c)).sum() / 6)


def edges_match(shape: Shape) -> bool:
    """Every directed edge, by position, has its opposite: the surface is closed and consistently turned."""
    _, corner = np.unique(np.round(shape.points / np.abs(shape.points).max(), 9), axis=0, return_inverse=True)
    t = corner.reshape(-1)[shape.triangles]
    t = t[(t[:, 0] != t[:, 1]) & (t[:, 1] != t[:, 2]) & (t[:, 2] != t[:, 0])]
    edges = Counter(map(tuple, np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]).tolist()))
    return all(edges[b, a] == n for (a, b), n in edges.items())


def normals_point_along_faces(shape: Shape) -> bool:
    a, b, c = (shape.points[shape.triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    mean = shape.normals[shape.triangles].sum(1)
    size = np.linalg.norm(face, axis=1)
    return bool(((face * mean).sum(1)[size > 1e-12 * size.max()] > 0).all())


@settings(deadline=None, max_examples=10)
@given(sizes, sizes, sizes)
def test_closed_shapes(height: float, bottom: float, top: float) -> None:
    round_off = 0.004  # volume lost to 72 segments and 18 rings: about (2 pi / 72)^2 / 6 and a little more for spheres
    true = {
        "cube": (cube(height), height**3),
        "sphere": (sphere(bottom), 4 / 3 * np.pi * bottom**3),
        "cylinder": (cylinder(height, bottom, bottom), np.pi * bottom**2 * height),
        "frustum": (cylinder(height, bottom, top), np.pi * height / 3 * (bottom**2 + bottom * top + top**2)),
        "cone": (cone(height, bottom), np.pi * bottom**2 * height / 3),
        "capsule": (capsule(height, bottom, bottom), np.pi * bottom**2 * (height + 4 / 3 * bottom)),
    }
    for name, (shape, expected) in true.items():
        assert volume(shape) == pytest.approx(expected, rel=round_off), name
        assert edges_match(shape), name
        assert normals_point_along_faces(shape), name
        assert np.allclose(np.linalg.norm(shape.normals, axis=1), 1), name


@settings(deadline=None, max_examples=20)
@given(sizes, st.integers(0, 1000))
def test_sphere_keeps_its_declared_chord_error(radius: float, seed: int) -> None:
    shape = sphere(radius)
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet([1, 1, 1], size=500)
    rows = rng.integers(len(shape.triangles), size=500)
    inside = np.einsum("nk,nki->ni", weights, shape.points[shape.triangles[rows]])
    depth = radius - np.linalg.norm(inside, axis=1)
    assert depth.max() <= shape.chord_error * (1 + 1e-9)
    assert depth.min() >= -1e-9 * radius
    assert shape.chord_error < 0.002 * radius


@settings(deadline=None, max_examples=20)
@given(sizes, sizes, st.integers(0, 1000))
def test_cylinder_keeps_its_declared_chord_error(height: float, radius: float, seed: int) -> None:
    shape = cylinder(height, radius, radius)
    side = np.flatnonzero(np.abs(shape.normals[shape.triangles][:, :, 2]).max(1) < 0.5)
    rng = np.random.default_rng(seed)
    rows = rng.choice(side, 500)
    inside = np.einsum("nk,nki->ni", rng.dirichlet([1, 1, 1], size=500), shape.points[shape.triangles[rows]])
    assert (radius - np.hypot(inside[:, 0], inside[:, 1])).max() <= shape.chord_error * (1 + 1e-9)


def test_plane_lies_flat() -> None:
    shape = plane(2.0, 3.0)
    assert np.ptp(shape.points, axis=0).tolist() == [2.0, 3.0, 0.0]
    assert normals_point_along_faces(shape)


@settings(deadline=None, max_examples=20)
@given(sizes, sizes, sizes)
def test_uneven_capsules_are_closed_and_smooth(height: float, bottom: float, top: float) -> None:
    shape = capsule(height, bottom, top)
    assert edges_match(shape)
    assert volume(shape) > 0
    assert np.allclose(np.linalg.norm(shape.normals, axis=1), 1)
    slope = (bottom - top) / height
    for radius, end in ((bottom, -height / 2), (top, height / 2)):  # each cap is a sphere about the axis
        centre = np.array([0, 0, end - radius * slope])
        cap = shape.points[: len(shape.points) // 2] if end < 0 else shape.points[len(shape.points) // 2 :]
        assert np.allclose(np.linalg.norm(cap - centre, axis=1), radius * np.hypot(1, slope), rtol=1e-6)
