"""What a stage says of the mechanics of its prims, as plain data: joints with their frames, surfaces, masses.

A snapshot carries it where somebody asked for it (`scene.read.mechanics`); most never do.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.joints import Joint
from twinstage.scene.transforms import matrix_to_quat


@dataclass(frozen=True, slots=True)
class Surface:
    """How a gprim behaves where it touches, and what it weighs; None where the stage does not say.

    `friction`: dynamic; `restitution`: from 0 to 1; `density` [kg/m3]; `mass` [kg] of this prim.
    """

    friction: float | None = None
    restitution: float | None = None
    density: float | None = None
    mass: float | None = None


@dataclass(frozen=True, slots=True)
class SceneJoint:
    """A UsdPhysics joint. `lower`, `upper`: of its coordinate [rad or m], infinite where there is none.

    `frame0`, `frame1`: the joint's frame in each body, f8[4, 4] [m], or None where they are no numbers.
    """

    joint: Joint
    lower: float = -math.inf
    upper: float = math.inf
    frame0: F8 | None = None
    frame1: F8 | None = None

    def coordinate(self, world0: np.ndarray, world1: np.ndarray) -> float:
        """Where the joint stands [rad or m] when its bodies are at these world matrices f8[4, 4]."""
        if self.frame0 is None or self.frame1 is None:
            return 0.0
        axis = np.eye(3)[int(np.argmax(np.abs(_axis_in(self.frame1, self.joint.axis))))]
        between = np.linalg.inv(_placed(world0, self.frame0)) @ _placed(world1, self.frame1)
        if self.joint.motion == "slide":
            return float(between[:3, 3] @ axis)
        quat = matrix_to_quat(between[:3, :3])
        return math.remainder(2.0 * math.atan2(float(quat[1:] @ axis), float(quat[0])), 2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class Mechanics:
    """Joints in path order, those that hold rigidly apart; surfaces by path, of the prims of which something is said."""

    joints: tuple[SceneJoint, ...] = ()
    fixed: tuple[Joint, ...] = ()
    surfaces: Mapping[str, Surface] = field(default_factory=dict)


def rigid_part(matrix: np.ndarray) -> F8:
    """Origin and nearest rotation of an affine matrix f8[4, 4]; a mirror is turned into a rotation by its x axis."""
    linear = matrix[:3, :3] / np.maximum(np.linalg.norm(matrix[:3, :3], axis=0), 1e-12)
    u, _, vt = np.linalg.svd(linear)
    out = np.eye(4)
    out[:3, :3] = u @ vt
    if np.linalg.det(out[:3, :3]) < 0:
        out[:3, 0] *= -1
    out[:3, 3] = matrix[:3, 3]
    return out


def thin_box(points: F8, centre: F8, axes: np.ndarray, thickness: float) -> tuple[tuple[float, ...], F8]:
    """Half sizes and frame f8[4, 4] of the box around points [n, 3], along rows of `axes` (of an SVD; may be a mirror).

    No side is thinner than `thickness` [m]: it stands for hulls that are flat, which MuJoCo's meshes cannot be.
    """
    axes = np.array(axes)
    if np.linalg.det(axes) < 0:
        axes[2] *= -1
    local = (points - centre) @ axes.T
    low, high = local.min(0), local.max(0)
    frame = np.eye(4)
    frame[:3, :3] = axes.T
    frame[:3, 3] = centre + axes.T @ ((low + high) / 2)
    return tuple(np.maximum((high - low) / 2, thickness / 2).tolist()), frame


def _axis_in(frame1: F8, axis: F8) -> F8:
    """A direction of body1 in the joint's own frame."""
    out: F8 = frame1[:3, :3].T @ axis
    return out


def _placed(world: np.ndarray, local: F8) -> F8:
    """A joint frame in the world: its position feels the scale of its body, its rotation does not."""
    out = rigid_part(world) @ local
    out[:3, 3] = world[:3, :3] @ local[:3, 3] + world[:3, 3]
    return out
