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
    axis = np.array(AXES[str(get("physics:axis", "X"))])
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
            found.append(read_joint(prim, scale))
    return sorted(found, key=lambda joint: joint.path)
