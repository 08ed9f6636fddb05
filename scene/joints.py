"""UsdPhysics joints as a binding sees them: which prim moves, about or along which axis of its own frame."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import F8
from twinstage.scene.transforms import quat_to_matrix

TYPES = {"PhysicsRevoluteJoint": "rotate", "PhysicsPrismaticJoint": "slide"}
RIGID = ("PhysicsFixedJoint",)
OTHER = ("PhysicsSphericalJoint", "PhysicsDistanceJoint", "PhysicsJoint")
AXES = {"X": (1.0, 0.0, 0.0), "Y": (0.0, 1.0, 0.0), "Z": (0.0, 0.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint between prims.

    `body0`, `body1`: paths, "" for the world. `axis` (unit) and `pivot` [m] are in body1's frame: the joint frame on body1.
    `motion`: rotate, slide or fixed.
    """

    path: str
    body0: str
    body1: str
    motion: str
    axis: F8
    pivot: F8


def read_joint(prim: Any, scale: float) -> Joint:
    """The joint of a prim whose type is one of `TYPES` or `RIGID`; `scale` is metres per stage unit.

    Raises UserError where it names no body1.
    """
    from pxr import Usd

    time = Usd.TimeCode.Default()
    path = str(prim.GetPath())

    def body(name: str) -> str:
        relationship = prim.GetRelationship(name)
        targets = relationship.GetForwardedTargets() if relationship else []
        return str(targets[0]) if targets else ""

    def get(name: str, default: Any) -> Any:
        attribute = prim.GetAttribute(name)
        found = attribute.Get(time) if attribute else None
        return default if found is None else found

    body1 = body("physics:body1")
    if not body1:
        raise UserError(f"joint {path} has no physics:body1, so nothing can move")
    motion = TYPES.get(str(prim.GetTypeName()), "fixed")
    rotation = get("physics:localRot1", None)
    quat = [1.0, 0.0, 0.0, 0.0] if rotation is None else [rotation.GetReal(), *rotation.GetImaginary()]
    name = str(get("physics:axis", "X"))
    if name not in AXES:
        raise UserError(f"joint {path} has the axis {name!r}; X, Y or Z was expected")
    if not 1e-9 < np.linalg.norm(quat) < np.inf:
        raise UserError(
            f"joint {path} has a physics:localRot1 of {quat}, which is no rotation, so its axis has no direction"
        )
    axis = np.array(AXES[name])
    return Joint(
        path=path,
        body0=body("physics:body0"),
        body1=body1,
        motion=motion,
        axis=quat_to_matrix(np.array(quat) / np.linalg.norm(quat)) @ axis,
        pivot=np.array([float(v) * scale for v in get("physics:localPos1", (0.0, 0.0, 0.0))]),
    )


def all_joints(stage: Any, scale: float) -> list[Joint]:
    """Every joint with a moving body that the stage holds, in path order."""
    from pxr import Usd

    found = []
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()):
        if (
            str(prim.GetTypeName()) in (*TYPES, *RIGID)
            and prim.GetRelationship("physics:body1").GetForwardedTargets()
        ):
            try:
                found.append(read_joint(prim, scale))
            except UserError:
                continue  # a binding of it says so; otherwise nobody asked for it
    return sorted(found, key=lambda joint: joint.path)


def joint_limits(prim: Any, scale: float) -> "tuple[float, float] | None":
    """Lower and upper limit of a joint [rad or m], -inf and inf where there is none; None for other prims."""
    motion = TYPES.get(str(prim.GetTypeName()))
    if motion is None:
        return None
    factor = scale if motion == "slide" else float(np.pi / 180)
    found = []
    for name, free in (("physics:lowerLimit", -np.inf), ("physics:upperLimit", np.inf)):
        value = prim.GetAttribute(name).Get()
        found.append(free if value is None else float(value) * factor)
    return found[0], found[1]


def joint_mimic(prim: Any) -> "tuple[str, float, float] | None":
    """(path of the joint it copies, multiplier, offset [rad or m]), as imports write it; None where it copies none.

    q = multiplier * q(other) + offset.
    """
    told = prim.GetCustomDataByKey("joint")
    if not isinstance(told, dict) or not isinstance(told.get("mimic"), str) or not told["mimic"]:
        return None
    try:
        multiplier, offset = float(told.get("multiplier", 1.0)), float(told.get("offset", 0.0))
    except (TypeError, ValueError):
        return None
    if not np.isfinite([multiplier, offset]).all():
        return None
    return f"{prim.GetPath().GetParentPath()}/{told['mimic']}", multiplier, offset


def joint_frames(prim: Any, scale: float) -> "tuple[F8, F8] | None":
    """The joint's frame in body0 and in body1, f8[4, 4] [m] each; None where they are not given as numbers."""
    frames = []
    for side in "01":
        position = prim.GetAttribute(f"physics:localPos{side}").Get()
        rotation = prim.GetAttribute(f"physics:localRot{side}").Get()
        frame = np.eye(4)
        if position is not None:
            frame[:3, 3] = [float(v) * scale for v in position]
        if rotation is not None:
            quat = np.array([rotation.GetReal(), *rotation.GetImaginary()])
            length = float(np.linalg.norm(quat))
            if not 1e-9 < length < np.inf:
                return None
            frame[:3, :3] = quat_to_matrix(quat / length)
        if not np.isfinite(frame).all():
            return None
        frames.append(frame)
    return frames[0], frames[1]
