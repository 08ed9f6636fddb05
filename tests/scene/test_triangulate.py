"""Triangulation conserves area and orientation for every simple polygon."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.scene.triangulate import face_normals, triangulate


@st.composite
def star_polygons(draw: st.DrawFn) -> np.ndarray:
    """Simple, mostly concave polygons: one radius a direction, turned into any plane."""
    n = draw(st.integers(4, 14))
    radius = np.array(draw(st.lists(st.floats(0.2, 2.0), min_size=n, max_size=n)))
    angle = (
        np.sort(np.array(draw(st.lists(st.integers(0, 9999), min_size=n, max_size=n, unique=True)))) / 10000
    )
    angle = (np.arange(n) + 0.9 * (angle - angle.min())) / n * 2 * np.pi
    flat = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros(n)], -1)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return flat @ turn.T + rng.normal(size=3) * 10


def vector_area(points: np.ndarray) -> np.ndarray:
    """The shoelace formula, corner by corner."""
    out = np.zeros(3)
    for a, b in zip(points, np.roll(points, -1, 0), strict=True):
        out += np.cross(a - points[0], b - points[0]) / 2
    return out


@settings(deadline=None, max_examples=80)
@given(star_polygons())
def test_area_and_orientation_of_a_simple_polygon(polygon: np.ndarray) -> None:
    n = len(polygon)
    triangles, faces = triangulate(polygon, np.array([n]), np.arange(n))
    assert triangles.shape == (n - 2, 3)
    assert (faces == 0).all()
    whole = vector_area(polygon)
    parts = np.array([vector_area(polygon[t]) for t in triangles])
    direction = whole / np.linalg.norm(whole)
    assert np.allclose(parts.sum(0), whole, atol=1e-9)
    # None is turned over: then signed areas would cancel and the absolute ones add up to more.
    assert (parts @ direction).min() > -1e-7
    assert np.linalg.norm(parts, axis=1).sum() == pytest.approx(np.linalg.norm(whole), rel=1e-6)


def test_mixed_faces_keep_their_order() -> None:
    points = np.array(
        [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0], [2, 1, 0], [1.2, 0.5, 0]], float
    )
    counts = np.array([4, 3, 5])
    indices = np.array([0, 1, 2, 3, 0, 1, 2, 1, 4, 5, 2, 6])
    triangles, faces = triangulate(points, counts, indices)
    assert faces.tolist() == [0, 0, 1, 2, 2, 2]
    assert set(triangles[faces == 2].ravel().tolist()) == {7, 8, 9, 10, 11}


def test_normals_by_the_right_hand_rule() -> None:
    points = np.array([[0, 0, 0], [2, 0, 0], [2, 3, 0], [0, 3, 0]], float) + np.array([1e5, 0, 0])
    assert np.allclose(face_normals(points, np.array([4]), np.arange(4)), [[0, 0, 12]])


def test_nothing() -> None:
    triangles, faces = triangulate(np.zeros((0, 3)), np.zeros(0, int), np.zeros(0, int))
    assert triangles.shape == (0, 3)
    assert faces.shape == (0,)
