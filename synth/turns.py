"""Rotations f8[3, 3] that placements use, all in the world's axes (column vectors)."""

import numpy as np

from twinstage.scene.columns import F8
from twinstage.synth.draws import Stream

UP = np.array([0.0, 0.0, 1.0])


def euler(degrees: np.ndarray) -> F8:
    """The turn about the fixed x, then y, then z axis."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    out: F8 = rz @ ry @ rx
    return out


def about_z(degrees: float) -> F8:
    """The turn about the vertical."""
    return euler(np.array([0.0, 0.0, degrees]))


def any_turn(stream: Stream) -> F8:
    """Uniform over all rotations: K. Shoemake, "Uniform random rotations", Graphics Gems III (1992)."""
    u, v, w = stream.unit(), 2 * np.pi * stream.unit(), 2 * np.pi * stream.unit()
    a, b = np.sqrt(1 - u), np.sqrt(u)
    x, y, z, s = a * np.sin(v), a * np.cos(v), b * np.sin(w), b * np.cos(w)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * s), 2 * (x * z + y * s)],
            [2 * (x * y + z * s), 1 - 2 * (x * x + z * z), 2 * (y * z - x * s)],
            [2 * (x * z - y * s), 2 * (y * z + x * s), 1 - 2 * (x * x + y * y)],
        ]
    )


def up_to(normal: np.ndarray) -> F8:
    """The least turn that takes the vertical to the unit vector `normal`."""
    cosine = float(normal[2])
    if cosine < -1 + 1e-12:
        return np.diag([1.0, -1.0, -1.0])
    axis = np.cross(UP, normal)
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    out: F8 = np.eye(3) + skew + skew @ skew / (1 + cosine)
    return out
