"""Conventions in which poses are told, turned into ours: X east, Y north, Z up; bodies look along X, their left is Y.

North, east, down (aerospace: bodies forward, right, down) and east, north, up differ by half a turn on either side:
about (1, 1, 0) in the world and about x in the body. Half turns are their own inverses, so one function serves both ways.
"""

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.transforms import quat_multiply

_WORLD = np.array([0.0, np.sqrt(0.5), np.sqrt(0.5), 0.0])
_BODY = np.array([0.0, 1.0, 0.0, 0.0])

ORDERS = ("xyz", "xzy", "yxz", "yzx", "zxy", "zyx")
"""In which order turns about the fixed axes x, y and z are applied."""


def ned_position(position: np.ndarray) -> F8:
    """Positions f8[n, 3]: from north, east, down to east, north, up, and back."""
    north, east, down = np.asarray(position, np.float64).T
    return np.stack([east, north, -down], -1)


def ned_rotation(rotation: np.ndarray) -> F8:
    """Quaternions wxyz f8[n, 4]: of a forward-right-down body to north-east-down, and of forward-left-up to east-north-up."""
    shape = np.shape(rotation)
    out = quat_multiply(
        quat_multiply(np.broadcast_to(_WORLD, shape), rotation), np.broadcast_to(_BODY, shape)
    )
    return np.asarray(out)


def turns(angles: np.ndarray, order: str) -> F8:
    """Quaternions wxyz f8[n, 4] of turns about fixed x, y, z by angles f8[n, 3] [rad], applied in that order."""
    half = np.asarray(angles, np.float64) / 2
    out: F8 | None = None
    for letter in order:
        axis = "xyz".index(letter)
        turn = np.zeros((len(half), 4))
        turn[:, 0], turn[:, 1 + axis] = np.cos(half[:, axis]), np.sin(half[:, axis])
        out = turn if out is None else np.asarray(quat_multiply(turn, out))
    assert out is not None
    return out
