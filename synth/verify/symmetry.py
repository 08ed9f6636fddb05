"""Whether a model looks the same after the turns that it is said to have. Judged by its outline: how far it reaches in each
direction, which does not depend on how its surface is cut into triangles."""

from typing import Any

import numpy as np

TOLERANCE = 0.1
"""Share of the diameter by which the outline of a turned model may differ, as BOP itself allows when it looks for symmetries:
one that is declared is one for the task, whatever screws and handles there are. A wrong axis differs by more."""

_ANGLES = (0.7, 1.9, 3.3)
"""Tried for a symmetry of every angle [rad]: none is a nice part of a full turn."""


def wrong_symmetry(vertices: np.ndarray, entry: dict[str, Any]) -> str:
    """What is wrong with BOP's symmetries of a model, "" where nothing is; both in the same units.

    Raises ValueError and TypeError for what is no matrix or axis.
    """
    for place, numbers in enumerate(entry.get("symmetries_discrete") or []):
        turn = np.array(numbers, np.float64).reshape(4, 4)
        rotation = turn[:3, :3]
        rigid = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) and np.linalg.det(rotation) > 0
        if not (rigid and turn[3].tolist() == [0, 0, 0, 1]):
            return f"symmetries_discrete {place} is not a rotation and a translation"
        if np.allclose(turn, np.eye(4), atol=1e-9):
            return f"symmetries_discrete {place} is the identity, which goes without saying"
        off = _difference(vertices, turn[:3, :3], turn[:3, 3])
        if off > TOLERANCE:
            return f"after symmetries_discrete {place} its outline differs by {off:.0%} of its diameter"
    for place, one in enumerate(entry.get("symmetries_continuous") or []):
        axis, offset = (np.array(one[key], np.float64).reshape(3) for key in ("axis", "offset"))
        if abs(np.linalg.norm(axis) - 1) > 1e-6:
            return (
                f"the axis of symmetries_continuous {place} has the length {np.linalg.norm(axis):.4g}, not 1"
            )
        for angle in _ANGLES:
            rotation = _about(axis, angle)
            off = _difference(vertices, rotation, (offset - rotation @ offset))
            if off > TOLERANCE:
                return f"about symmetries_continuous {place} its outline differs by {off:.0%} of its diameter"
    return ""


def _difference(vertices: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> float:
    """The greatest difference of reach in any of some directions, as a share of the box's diagonal."""
    ways = _directions(128)
    before = (vertices @ ways.T).max(0)
    after = (vertices @ (ways @ rotation).T).max(0) + ways @ translation
    return float(np.abs(after - before).max() / max(float(np.linalg.norm(np.ptp(vertices, axis=0))), 1e-12))


def _directions(count: int) -> np.ndarray:
    """Unit vectors all around, f8[count, 3] (a Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    z, angle = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], 1)


def _about(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)
