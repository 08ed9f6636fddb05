"""Links -> MuJoCo joints, actuators, equalities and tendons.

A joint keeps USD's own coordinate: the angle or distance of body1's joint frame in body0's. Where the stage was authored
with the joint moved, MuJoCo's `ref` carries that, so `qpos0` is the authored pose and limits and targets mean the same.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.physics.gather import Physics, inverse
from twinstage.scene.physics.links import Link

_FAR = 1e6
_GAP_M = 1e-4
_GAP_RAD = 1e-3
_LOOP_ARM = 0.1
"""Distance of the second point that holds the axis of a loop's hinge [m]."""

_DOFS = ("TransX", "TransY", "TransZ", "RotX", "RotY", "RotZ")


@dataclass
class Driven:
    """What actuators want at the start, and which of them were authored as accelerations: joint name by actuator."""

    controls: dict[str, float] = field(default_factory=dict)
    accelerations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a joint sits in its child body, and its sense: -1 where the child is body0."""

    body: Any
    frame: F8
    sense: float

    def axis(self, axis: np.ndarray) -> F8:
        """A direction of the joint frame, in the body, so that MuJoCo's coordinate grows with USD's."""
        out: F8 = self.sense * (self.frame[:3, :3] @ axis)
        return out


def add_joint(physics: Physics, spec: Any, body: Any, link: Link, child: str, driven: Driven) -> None:
    """The joint by which `child` hangs in the tree."""
    world = link.frame1 if child == link.body1 else link.frame0
    place = Place(body, inverse(physics.rigid(child)) @ world, 1.0 if child == link.body1 else -1.0)
    if link.kind == "Fixed":
        _check_frames(physics, link, np.eye(4))
    elif link.kind == "Revolute":
        _revolute(physics, spec, place, link, driven)
    elif link.kind == "Prismatic":
        _prismatic(physics, spec, place, link, driven)
    elif link.kind == "Spherical":
        _spherical(physics, place, link)
    elif link.kind == "D6":
        _d6(physics, spec, place, link, driven)
    else:
        physics.tell(
            "joint",
            f"joint {link.path} is of a kind that is not translated ({link.kind}); its bodies are welded",
            link.path,
            "error",
        )


def twist(rotation: np.ndarray, axis: np.ndarray) -> float:
    """The angle about a unit axis that is in a rotation [rad], in (-pi, pi]."""
    from twinstage.scene.transforms import matrix_to_quat

    quat = matrix_to_quat(rotation)
    angle = 2.0 * math.atan2(float(quat[1:] @ axis), float(quat[0]))
    return math.remainder(angle, 2.0 * math.pi)


def _turn(axis: np.ndarray, angle: float) -> F8:
    from twinstage.scene.transforms import axis_angle_to_quat, quat_to_matrix

    out = np.eye(4)
    out[:3, :3] = quat_to_matrix(axis_angle_to_quat(axis, np.array(angle)))
    return out


def _check_frames(physics: Physics, link: Link, motion: F8) -> None:
    """Tell where the two joint frames differ by more than the joint's own motion."""
    gap = np.linalg.inv(motion) @ link.between
    distance = float(np.linalg.norm(gap[:3, 3]))
    angle = math.acos(max(-1.0, min(1.0, (float(np.trace(gap[:3, :3])) - 1.0) / 2.0)))
    if distance > _GAP_M or angle > _GAP_RAD:
        physics.tell(
            "joint-frames",
            f"the two frames of joint {link.path} lie {distance * 1000:.3g} mm and {math.degrees(angle):.3g} degrees apart "
            "beyond its own motion; the bodies stay where they are authored",
            link.path,
        )


def _new_joint(place: Place, name: str, kind: str) -> Any:
    import mujoco

    joint = place.body.add_joint(name=name, pos=place.frame[:3, 3])
    joint.type = getattr(mujoco.mjtJoint, f"mjJNT_{kind}")
    return joint


def _limit(physics: Physics, joint: Any, limit: Any, unit: float, path: str) -> None:
    lower, upper = float(limit.lower) * unit, float(limit.upper) * unit
    if not limit.enabled or (lower <= -_FAR and upper >= _FAR) or math.isnan(lower + upper):
        return
    if lower > upper:
        physics.tell(
            "limit", f"joint {path} has a lower limit above its upper one; it moves without limits", path
        )
        return
    lower, upper = max(lower, -_FAR), min(upper, _FAR)
    if upper - lower < 1e-6:
        lower, upper = lower - 5e-7, upper + 5e-7
    joint.limited = True
    joint.range = [lower, upper]


def _revolute(physics: Physics, spec: Any, place: Place, link: Link, driven: Driven) -> None:
    axis = link.axis
    joint = _new_joint(place, link.path, "HINGE")
    joint.axis = place.axis(axis)
    joint.ref = twist(link.between[:3, :3], axis)
    _check_frames(physics, link, _turn(axis, joint.ref))
    _limit(physics, joint, link.desc.limit, math.pi / 180.0, link.path)
    _drive(physics, spec, link, link.path, link.desc.drive, driven, turning=True)


def _prismatic(physics: Physics, spec: Any, place: Place, link: Link, driven: Driven) -> None:
    axis = link.axis
    joint = _new_joint(place, link.path, "SLIDE")
    joint.axis = place.axis(axis)
    joint.ref = float(link.between[:3, 3] @ axis)
    motion = np.eye(4)
    motion[:3, 3] = axis * joint.ref
    _check_frames(physics, link, motion)
    _limit(physics, joint, link.desc.limit, physics.meters, link.path)
    _drive(physics, spec, link, link.path, link.desc.drive, driven, turning=False)


def _spherical(physics: Physics, place: Place, link: Link) -> None:
    _new_joint(place, link.path, "BALL")
    motion = np.eye(4)
    motion[:3, :3] = link.between[:3, :3]
    _check_frames(physics, link, motion)
    limit = link.desc.limit
    if limit.enabled and any(0 <= float(a) < 180 for a in (limit.lower, limit.upper)):
        physics.tell(
            "cone-limit",
            f"joint {link.path} has a cone limit, which MuJoCo's ball joint has not; it turns freely",
            link.path,
        )


def _d6(physics: Physics, spec: Any, place: Place, link: Link, driven: Driven) -> None:
    limits = {str(pair.first).rpartition(".")[2]: pair.second for pair in link.desc.jointLimits}
    drives = {str(pair.first).rpartition(".")[2]: pair.second for pair in link.desc.jointDrives}
    if "Distance" in limits:
        physics.tell("d6-distance", f"joint {link.path} limits a distance, which is left out", link.path)
    free = [dof for dof in _DOFS if dof not in limits or float(limits[dof].lower) <= float(limits[dof].upper)]
    turns = [dof for dof in free if dof.startswith("Rot")]
    motion = np.eye(4)
    for dof in free:
        axis = np.array(([1, 0, 0], [0, 1, 0], [0, 0, 1])["XYZ".index(dof[-1])], np.float64)
        turning = dof in turns
        if turning and len(turns) == 3 and not any(d in limits or d in drives for d in turns):
            continue
        name = f"{link.path}:{dof[0].lower()}{dof[1:]}"
        joint = _new_joint(place, name, "HINGE" if turning else "SLIDE")
        joint.axis = place.axis(axis)
        if not turning:
            joint.ref = float(link.between[:3, 3] @ axis)
            motion[:3, 3] += axis * joint.ref
        elif len(turns) == 1:
            joint.ref = twist(link.between[:3, :3], axis)
            motion = motion @ _turn(axis, joint.ref)
        if dof in limits:
            _limit(physics, joint, limits[dof], math.pi / 180 if turning else physics.meters, link.path)
        if dof in drives:
            _drive(physics, spec, link, name, drives[dof], driven, turning=turning)
    if len(turns) == 3 and not any(d in limits or d in drives for d in turns):
        _new_joint(place, f"{link.path}:rot", "BALL")
        motion[:3, :3] = link.between[:3, :3]
    elif len(turns) > 1:
        physics.tell(
            "d6-order",
            f"joint {link.path} turns about {len(turns)} axes: MuJoCo turns about them one after the other (X, Y, Z)",
            link.path,
            "info",
        )
    _check_frames(physics, link, motion)


def _drive(
    physics: Physics, spec: Any, link: Link, joint: str, drive: Any, driven: Driven, *, turning: bool
) -> None:
    """force = stiffness (target - q) + damping (target velocity - qd), as an affine actuator; control = target.

    With no stiffness it is a velocity servo, and its control the target velocity. USD's angles are degrees.
    """
    import mujoco

    if not drive.enabled:
        return
    per_radian = 180.0 / math.pi if turning else 1.0
    force_unit = physics.kilograms * (physics.meters**2 if turning else 1.0)
    stiffness = max(0.0, float(drive.stiffness)) * per_radian * force_unit
    damping = max(0.0, float(drive.damping)) * per_radian * force_unit
    if drive.acceleration:  # per unit of inertia: units of mass and length fall out
        stiffness = max(0.0, float(drive.stiffness)) * per_radian
        damping = max(0.0, float(drive.damping)) * per_radian
        driven.accelerations[joint] = joint
        physics.tell(
            "acceleration-drive",
            f"the drive of {joint} is one of acceleration: its gains are multiplied by the inertia that the joint feels at "
            "the authored pose",
            link.path,
        )
    if stiffness == 0.0 and damping == 0.0:
        return
    length = math.pi / 180.0 if turning else physics.meters
    target, speed = float(drive.targetPosition) * length, float(drive.targetVelocity) * length
    actuator = spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.gaintype, actuator.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    gain = stiffness if stiffness else damping
    actuator.gainprm[0] = gain
    actuator.biasprm[:3] = [damping * speed if stiffness else 0.0, -stiffness, -damping]
    most = float(drive.forceLimit) * physics.kilograms * physics.meters ** (2 if turning else 1)
    if math.isfinite(most) and 0 < most < 1e30:
        actuator.forcelimited, actuator.forcerange = True, [-most, most]
    driven.controls[joint] = target if stiffness else speed


def add_loop(physics: Physics, spec: Any, bodies: dict[str, Any], link: Link) -> None:
    """A joint that closes a loop, as equalities; what those cannot say is told."""
    if link.kind == "Distance":
        _distance(physics, spec, bodies, link)
        return
    first, second = (link.body0, link.body1) if link.body0 else (link.body1, link.body0)
    frame = inverse(physics.rigid(first)) @ (link.frame0 if link.body0 else link.frame1)
    if link.kind == "Fixed":
        _equality(spec, "WELD", link.path, first, second, np.zeros(3))
    elif link.kind in ("Revolute", "Spherical"):
        _equality(spec, "CONNECT", link.path, first, second, frame[:3, 3])
        if link.kind == "Revolute":  # a second point of the axis holds its direction
            arm = frame[:3, 3] + frame[:3, :3] @ link.axis * _LOOP_ARM
            _equality(spec, "CONNECT", f"{link.path}:axis", first, second, arm)
    else:
        physics.tell(
            "loop",
            f"joint {link.path} ({link.kind}) closes a loop, which MuJoCo cannot do with it; it is left out",
            link.path,
            "error",
        )
        return
    drive, limit = getattr(link.desc, "drive", None), getattr(link.desc, "limit", None)
    driven = drive is not None and drive.enabled and (drive.stiffness > 0 or drive.damping > 0)
    if driven or (limit is not None and limit.enabled):
        physics.tell(
            "loop-limit",
            f"joint {link.path} closes a loop as a constraint: its limits and drive are left out",
            link.path,
        )


def _equality(spec: Any, kind: str, name: str, first: str, second: str, anchor: np.ndarray) -> None:
    import mujoco

    equality = spec.add_equality(name=name, name1=first, name2=second or "world")
    equality.type = getattr(mujoco.mjtEq, f"mjEQ_{kind}")
    equality.objtype = mujoco.mjtObj.mjOBJ_BODY
    data = np.zeros(len(equality.data))
    data[:3] = anchor
    if kind == "WELD":
        data[10] = 1.0  # torque scale; a relative pose of zeros means the one at qpos0
    equality.data = data


def _distance(physics: Physics, spec: Any, bodies: dict[str, Any], link: Link) -> None:
    names = []
    for end, (body, world) in enumerate(((link.body0, link.frame0), (link.body1, link.frame1))):
        name = f"{link.path}:{end}"
        local = inverse(physics.rigid(body)) @ world if body else world
        bodies[body].add_site(name=name, pos=local[:3, 3])
        names.append(name)
    desc = link.desc
    low = float(desc.limit.lower) * physics.meters if desc.minEnabled else 0.0
    high = float(desc.limit.upper) * physics.meters if desc.maxEnabled else _FAR
    tendon = spec.add_tendon(name=link.path, limited=True, range=[max(low, 0.0), max(high, low + 1e-6)])
    for name in names:
        tendon.wrap_site(name)
    physics.tell(
        "distance", f"joint {link.path} holds a distance as a tendon with that range", link.path, "info"
    )
