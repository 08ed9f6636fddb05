"""Bulk transforms agree with pxr's Gf, one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.scene.movers import euler_to_quat, quat_to_euler, take_apart
from twinstage.scene.transforms import (
    axis_angle_to_quat,
    compose_trs,
    decompose_trs,
    matrix_to_quat,
    quat_multiply,
    quat_to_matrix,
    rigid_inverse,
)

units = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1)
vectors = st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=3)
scales = st.lists(st.floats(0.01, 50), min_size=3, max_size=3)


def normal(quat: list[float]) -> np.ndarray:
    return np.array(quat) / np.linalg.norm(quat)


def gf(quat: np.ndarray) -> "object":
    from pxr import Gf

    return Gf.Quatd(*quat.tolist())


@settings(deadline=None, max_examples=80)
@given(units)
def test_matrix_of_a_quaternion(quat: list[float]) -> None:
    from pxr import Gf

    q = normal(quat)
    expected = np.array(Gf.Matrix3d(Gf.Rotation(gf(q)))).T
    assert np.allclose(quat_to_matrix(q), expected, atol=1e-9)  # Gf drops angles below 1e-10
    back = matrix_to_quat(expected)
    assert np.allclose(back, q if q[0] >= 0 else -q, atol=1e-9) or abs(q[0]) < 1e-9


@settings(deadline=None, max_examples=50)
@given(units, units)
def test_product_of_quaternions(a: list[float], b: list[float]) -> None:
    p, q = normal(a), normal(b)
    product = gf(p) * gf(q)  # type: ignore[operator]
    assert np.allclose(quat_multiply(p, q), [product.real, *product.imaginary], atol=1e-12)


@settings(deadline=None, max_examples=80)
@given(vectors, units, scales, st.booleans())
def test_compose_and_take_apart(t: list[float], q: list[float], s: list[float], mirrored: bool) -> None:
    from pxr import Gf

    quat, scale = normal(q), np.array(s) * ([-1, 1, 1] if mirrored else [1, 1, 1])
    matrix = Gf.Matrix4d().SetScale(Gf.Vec3d(*scale)) * Gf.Matrix4d().SetRotate(gf(quat))
    matrix.SetTranslateOnly(Gf.Vec3d(*t))
    expected = np.array(matrix).T
    ours = compose_trs(np.array([t]), quat[None], scale[None])
    assert np.allclose(ours[0], expected, atol=1e-9)
    for apart in (decompose_trs(ours)[:3], take_apart(ours)):
        assert np.allclose(compose_trs(*apart)[0], expected, atol=1e-8 * max(1, np.abs(scale).max()))
    assert decompose_trs(ours)[3].max() < 1e-8


@settings(deadline=None, max_examples=80)
@given(units, scales, st.integers(0, 2))
def test_a_scale_of_zero_leaves_a_rotation(q: list[float], s: list[float], axis: int) -> None:
    quat, scale = normal(q), np.array(s)
    scale[axis] = 0.0
    matrix = compose_trs(np.zeros((1, 3)), quat[None], scale[None])
    _, found, size, residue = decompose_trs(matrix)
    assert residue.max() < 1e-9 * scale.max()
    assert np.allclose(size, scale, atol=1e-9)
    assert np.allclose(quat_to_matrix(found[0]), quat_to_matrix(quat), atol=1e-7)


def test_shear_is_told() -> None:
    matrix = np.eye(4)
    matrix[0, 1] = 0.3
    assert decompose_trs(matrix[None])[3][0] > 0.01


@settings(deadline=None, max_examples=50)
@given(vectors.filter(lambda v: np.linalg.norm(v) > 1e-3), st.floats(-7, 7))
def test_axis_and_angle(axis: list[float], angle: float) -> None:
    from pxr import Gf

    unit = np.array(axis) / np.linalg.norm(axis)
    expected = np.array(Gf.Matrix3d(Gf.Rotation(Gf.Vec3d(*unit), float(np.degrees(angle))))).T
    assert np.allclose(
        quat_to_matrix(axis_angle_to_quat(unit[None], np.array([angle])))[0], expected, atol=1e-9
    )


@settings(deadline=None, max_examples=50)
@given(st.floats(-3.1, 3.1), st.floats(-1.55, 1.55), st.floats(-3.1, 3.1))
def test_roll_pitch_yaw_about_fixed_axes(roll: float, pitch: float, yaw: float) -> None:
    from pxr import Gf

    angles = np.array([[roll, pitch, yaw]])
    axes = (Gf.Vec3d(1, 0, 0), Gf.Vec3d(0, 1, 0), Gf.Vec3d(0, 0, 1))
    turns = [Gf.Matrix3d(Gf.Rotation(a, float(np.degrees(x)))) for a, x in zip(axes, angles[0], strict=True)]
    expected = np.array(turns[0] * turns[1] * turns[2]).T  # row vectors: the first turn stands first
    quat = euler_to_quat(angles)
    assert np.allclose(quat_to_matrix(quat)[0], expected, atol=1e-9)
    assert np.allclose(quat_to_euler(quat), angles, atol=1e-6)


def test_pitch_straight_up_keeps_the_rotation() -> None:
    angles = np.array([[0.3, np.pi / 2, 0.7], [0.3, -np.pi / 2, 0.7]])
    quat = euler_to_quat(angles)
    again = quat_to_matrix(euler_to_quat(quat_to_euler(quat)))
    assert np.allclose(again, quat_to_matrix(quat), atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(vectors, units)
def test_rigid_inverse(t: list[float], q: list[float]) -> None:
    matrix = compose_trs(np.array([t]), normal(q)[None])
    assert np.allclose(rigid_inverse(matrix) @ matrix, np.eye(4), atol=1e-8)
