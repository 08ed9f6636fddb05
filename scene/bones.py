"""Joints of skeletons as prims that bindings can move: made once, in the `bindings` layer, before a snapshot is read.

Each joint becomes an Xform below its Skeleton, nested as the joints are, at its pose at the moment read. So a bone is a node
like any other: bindings turn it, its pose goes over the wire, and the viewer bends the mesh by where its bones are. What bends
the mesh in USD is a SkelAnimation, which `skeletons.LiveSkeletons` writes from the same poses. Touches pxr.
"""

from dataclasses import dataclass
from typing import Any

from twinstage.scene.stage import OpenedStage

JOINT_ATTRIBUTE = "twin:joint"
"""token on each bone: the joint that it is, as `joints` of its Skeleton names it."""
MOST_BONES = 10_000
"""Most bones of a stage; skeletons beyond stay as they are."""


@dataclass(frozen=True, slots=True)
class Rig:
    """A Skeleton with bones: its path, its joints in order, and the path of each one's bone."""

    path: str
    joints: tuple[str, ...]
    bones: tuple[str, ...]


def make_bones(opened: OpenedStage) -> int:
    """Give every skeleton that bends something its bones, but for those in native instances; returns how many were made."""
    from pxr import Sdf, Usd, UsdSkel

    from twinstage.scene.read import time_at

    time, made = time_at(opened.stage, None), 0
    skeletons: dict[str, tuple[Any, Any]] = {}
    for root in opened.stage.Traverse():
        if not root.IsA(UsdSkel.Root):
            continue
        cache = UsdSkel.Cache()
        cache.Populate(UsdSkel.Root(root), Usd.PrimDefaultPredicate)
        for binding in cache.ComputeSkelBindings(UsdSkel.Root(root), Usd.PrimDefaultPredicate):
            skeleton = binding.GetSkeleton()
            query = cache.GetSkelQuery(skeleton)
            if query and rig_of(skeleton.GetPrim()) is None:
                skeletons[str(skeleton.GetPath())] = (query, query.ComputeJointLocalTransforms(time))
    with Sdf.ChangeBlock():
        for path, (query, local) in skeletons.items():
            joints = [str(joint) for joint in query.GetJointOrder()]
            if local is None or len(local) != len(joints) or made + len(joints) > MOST_BONES:
                continue
            _make(opened, path, joints, list(query.GetTopology().GetParentIndices()), local)
            made += len(joints)
    return made


def _make(opened: OpenedStage, skeleton: str, joints: list[str], parents: list[int], local: Any) -> None:
    from pxr import Sdf, Tf

    taken = {str(child.GetPath()) for child in opened.stage.GetPrimAtPath(skeleton).GetAllChildren()}
    paths: list[str] = []
    types = Sdf.ValueTypeNames
    for joint, parent, matrix in zip(joints, parents, local, strict=True):
        above = skeleton if parent < 0 else paths[parent]
        name = path = f"{above}/{Tf.MakeValidIdentifier(joint.rpartition('/')[2])}"
        number = 1
        while path in taken:
            path, number = f"{name}_{number}", number + 1
        taken.add(path)
        paths.append(path)
        spec = Sdf.CreatePrimInLayer(opened.layers.bindings, path)
        spec.specifier, spec.typeName = Sdf.SpecifierDef, "Xform"
        Sdf.AttributeSpec(spec, "xformOp:transform", types.Matrix4d).default = matrix
        order = Sdf.AttributeSpec(spec, "xformOpOrder", types.TokenArray, Sdf.VariabilityUniform)
        order.default = ["xformOp:transform"]
        mark = Sdf.AttributeSpec(spec, JOINT_ATTRIBUTE, types.Token, Sdf.VariabilityUniform)
        mark.custom, mark.default = True, joint


def rig_of(skeleton: Any) -> Rig | None:
    """The bones of a Skeleton prim; None where a joint has none."""
    from pxr import Usd, UsdSkel

    joints = [str(joint) for joint in UsdSkel.Skeleton(skeleton).GetJointsAttr().Get() or ()]
    found = {}
    for prim in Usd.PrimRange(skeleton):
        mark = prim.GetAttribute(JOINT_ATTRIBUTE)
        if mark and prim != skeleton:
            found[str(mark.Get())] = str(prim.GetPath())
    if not joints or any(joint not in found for joint in joints):
        return None
    return Rig(str(skeleton.GetPath()), tuple(joints), tuple(found[joint] for joint in joints))
