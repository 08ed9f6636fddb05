"""Bodies, colliders and joints of a document (UsdPhysics). Plain data.

Lengths are in document units, masses in kg, angles in radians, in frames of the nodes named.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from twinstage.assets.importing.document_geometry import freeze

Approximation = Literal["none", "convexHull", "convexDecomposition", "boundingCube", "boundingSphere"]
JointKind = Literal["fixed", "revolute", "prismatic", "spherical", "free"]


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A node moves as a rigid body.

    mass [kg], None: from its colliders. center: of mass, in the node's frame. inertia: float [3, 3] about the centre of mass,
    along the node's axes [kg document unit^2]. fixed: it never moves (kinematic).
    """

    mass: float | None = None
    center: tuple[float, float, float] | None = None
    inertia: np.ndarray | None = None
    fixed: bool = False

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, slots=True)
class Collider:
    """A node's geometry collides. approximation: of meshes; shapes are themselves. None: the engine's own default."""

    approximation: Approximation = "convexHull"
    static_friction: float | None = None
    dynamic_friction: float | None = None
    restitution: float | None = None


@dataclass(frozen=True, slots=True)
class Mimic:
    """q = multiplier * q(joint) + offset; joint: index into Document.joints."""

    joint: int
    multiplier: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A joint between bodies.

    Attributes:
        parent, child: node numbers; parent -1: the world.
        parent_frame, child_frame: float [4, 4], the joint's frame in either node's frame, column-vector; both are one
            place where q = 0.
        axis: unit vector in the joint's frame (revolute, prismatic).
        lower, upper: limits of q [rad, or document units]; None for none.
        velocity, effort: most that the drive can [rad/s or unit/s; N m or N].
        damping, friction, stiffness: SI.
        position: q as the nodes stand.
    """

    name: str
    kind: JointKind
    parent: int
    child: int
    parent_frame: np.ndarray
    child_frame: np.ndarray
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    lower: float | None = None
    upper: float | None = None
    velocity: float | None = None
    effort: float | None = None
    damping: float | None = None
    friction: float | None = None
    stiffness: float | None = None
    mimic: Mimic | None = None
    position: float = 0.0

    def __post_init__(self) -> None:
        freeze(self)
