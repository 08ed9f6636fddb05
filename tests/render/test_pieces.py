"""Boxes that hold the triangles of a prototype."""

import numpy as np
import pytest

from twinstage.render.pieces import split


def test_pieces_hold_every_triangle_and_are_few() -> None:
    rng = np.random.default_rng(3)
    corners = rng.normal(size=(3, 400, 3)) * [5, 1, 0.2] + rng.normal(size=(400, 3)) * [0, 3, 0]
    middle, half = split(corners.min(0).T, corners.max(0).T, 24)
    assert 12 < len(middle) <= 24
    weights = rng.dirichlet([1, 1, 1], size=(50, 400))
    points = np.einsum("ptk,kti->pti", weights, corners).reshape(-1, 3)
    held = (np.abs(points[:, None] - middle) <= half + 1e-12).all(-1).any(1)
    assert held.all()
    whole = np.ptp(np.concatenate([corners.min(0), corners.max(0)]), axis=0)
    assert (2 * half).max() < whole.max()


@pytest.mark.parametrize("corners", [np.zeros((1, 3)), np.tile([[1.0, 2, 3]], (7, 1))])
def test_points_have_a_piece_too(corners: np.ndarray) -> None:
    middle, half = split(corners.T, corners.T)
    assert np.array_equal(np.unique(middle, axis=0), corners[:1]) and not half.any()
