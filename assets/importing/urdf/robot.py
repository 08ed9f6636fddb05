"""A robot as URDF says it: links and joints by name. Plain data: metres, kilograms, radians; rpy are turns about fixed axes."""

from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.columns import F8


@dataclass(frozen=True, slots=True)
class Look:
    """A colour (r, g, b, a; as shown on a display) or a texture; None and "" where not said."""

    name: str = ""
    rgba: tuple[float, float, float, float] | None = None
    texture: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """`kind`: mesh, box, cylinder, sphere or capsule. `size` [m]: edges; radius and length; radius. `scale`: of a mesh."""

    kind: str
    size: tuple[float, ...] = ()
    mesh: str = ""
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Part:
    """A visual or a collision. `place`: link_from_part, f8[4, 4]."""

    form: Form
    place: F8
    name: str = ""
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class Inertial:
    """Mass, and the inertia f8[3, 3] about `place`'s origin along its axes."""

    mass: float
    inertia: F8
    place: F8


@dataclass(frozen=True, slots=True)
class Link:
    """A rigid body."""

    name: str
    visuals: tuple[Part, ...] = ()
    collisions: tuple[Part, ...] = ()
    inertial: Inertial | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """lower, upper [rad or m]; velocity and effort, None where not said."""

    lower: float | None = None
    upper: float | None = None
    velocity: float | None = None
    effort: float | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """q = multiplier * q(joint) + offset."""

    joint: str
    multiplier: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class UrdfJoint:
    """`place`: parent_from_child at q = 0. `kind`: as URDF calls it."""

    name: str
    kind: str
    parent: str
    child: str
    place: F8
    axis: tuple[float, float, float] = (1.0, 0.0, 0.0)
    limits: Limits = Limits()
    damping: float | None = None
    friction: float | None = None
    mimic: Copied | None = None


@dataclass(slots=True)
class Robot:
    """A robot; `notes`: what was read over, in words."""

    name: str
    links: dict[str, Link] = field(default_factory=dict)
    joints: dict[str, UrdfJoint] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def rpy_matrix(roll: float, pitch: float, yaw: float) -> F8:
    """Rotation f8[3, 3]: roll about x, then pitch about y, then yaw about z, all fixed axes."""
    (sr, sp, sy), (cr, cp, cy) = np.sin([roll, pitch, yaw]), np.cos([roll, pitch, yaw])
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )
