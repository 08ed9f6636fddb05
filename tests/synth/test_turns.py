"""Rotations: uniform ones against the distribution of their angle, leaning ones against what they are for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twinstage.synth.draws import Stream
from twinstage.synth.turns import any_turn, euler, up_to


def test_uniform_rotations_have_the_angles_of_haar_measure() -> None:
    stream = Stream("turns")
    turns = np.array([any_turn(stream) for _ in range(4000)])
    np.testing.assert_allclose(
        turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-12)
    # The angle of a uniform rotation has the distribution function (t - sin t) / pi (R. E. Miles 1965).
    angle = np.sort(np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    expected = (angle - np.sin(angle)) / np.pi
    gap = np.abs(expected - (np.arange(len(angle)) + 0.5) / len(angle)).max()
    assert gap < 1.63 / np.sqrt(len(angle))  # Kolmogorov-Smirnov, 1 %
    np.testing.assert_allclose(turns.mean(0), np.zeros((3, 3)), atol=0.05)
    np.testing.assert_allclose((turns**2).mean(0), np.full((3, 3), 1 / 3), atol=0.03)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 1e-3))
def test_leaning_takes_the_vertical_to_the_normal_by_the_least_turn(direction: list[float]) -> None:
    normal = np.array(direction) / np.linalg.norm(direction)
    turn = up_to(normal)
    np.testing.assert_allclose(turn @ [0, 0, 1], normal, atol=1e-6)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    assert abs(np.linalg.det(turn) - 1) < 1e-6
    across = np.cross([0, 0, 1], normal)
    np.testing.assert_allclose(turn @ across, across, atol=1e-6)  # the axis stays


def test_turns_are_about_fixed_axes_in_order() -> None:
    np.testing.assert_allclose(euler(np.array([90.0, 0, 90])) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(euler(np.array([0, 90.0, 90])) @ [1, 0, 0], [0, 0, -1], atol=1e-12)
