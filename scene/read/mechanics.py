"""UsdPhysics on the composed stage -> `scene.mechanics`. Touches pxr."""

import math
from dataclasses import replace
from typing import Any

from twinstage.base.errors import UserError
from twinstage.scene.joints import RIGID, TYPES, Joint, joint_frames, joint_limits, read_joint
from twinstage.scene.mechanics import Mechanics, SceneJoint, Surface
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage


def with_mechanics(snapshot: Snapshot, opened: OpenedStage) -> Snapshot:
    """The same snapshot with what the stage says of joints, surfaces and masses."""
    return replace(snapshot, mechanics=read_mechanics(opened))


def read_mechanics(opened: OpenedStage) -> Mechanics:
    """All revolute and prismatic joints, and all prims of which a surface, a density or a mass is said."""
    from pxr import Usd, UsdPhysics

    joints: list[SceneJoint] = []
    fixed: list[Joint] = []
    surfaces: dict[str, Surface] = {}
    stage, meters = opened.stage, opened.meters_per_unit
    kilograms = float(UsdPhysics.GetStageKilogramsPerUnit(stage))
    prims = list(Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()))
    materials = any(prim.HasAPI(UsdPhysics.MaterialAPI) for prim in prims)
    for prim in prims:
        if str(prim.GetTypeName()) in TYPES:
            joint = _joint(prim, meters)
            if joint is not None:
                joints.append(joint)
        elif str(prim.GetTypeName()) in RIGID:
            rigid = _read(prim, meters)
            if rigid is not None:
                fixed.append(rigid)
        else:
            surface = _surface(prim, meters, kilograms, materials)
            if surface != Surface():
                surfaces[str(prim.GetPath())] = surface
    return Mechanics(
        tuple(sorted(joints, key=lambda j: j.joint.path)),
        tuple(sorted(fixed, key=lambda j: j.path)),
        dict(sorted(surfaces.items())),
    )


def _read(prim: Any, meters: float) -> Joint | None:
    try:
        return read_joint(prim, meters)
    except UserError:
        return None  # it moves nothing; whoever asks for it by name is told so


def _joint(prim: Any, meters: float) -> SceneJoint | None:
    joint = _read(prim, meters)
    if joint is None:
        return None
    lower, upper = joint_limits(prim, meters) or (-math.inf, math.inf)
    frames = joint_frames(prim, meters) or (None, None)
    return SceneJoint(joint, lower, upper, *frames)


def _surface(prim: Any, meters: float, kilograms: float, materials: bool) -> Surface:
    from pxr import UsdGeom, UsdPhysics, UsdShade

    friction = restitution = density = mass = None
    unit = kilograms / meters**3
    if materials and prim.IsA(UsdGeom.Gprim):
        bound = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial("physics")[0]
        if bound and bound.GetPrim().HasAPI(UsdPhysics.MaterialAPI):
            api = UsdPhysics.MaterialAPI(bound.GetPrim())
            friction = _authored(api.GetDynamicFrictionAttr())
            restitution = _authored(api.GetRestitutionAttr())
            density = _positive(api.GetDensityAttr(), unit)
    if prim.HasAPI(UsdPhysics.MassAPI):
        api = UsdPhysics.MassAPI(prim)
        mass = _positive(api.GetMassAttr(), kilograms)
        own = _positive(api.GetDensityAttr(), unit)
        density = density if own is None else own
    return Surface(friction, restitution, density, mass)


def _authored(attribute: Any) -> float | None:
    value = attribute.Get() if attribute and attribute.HasAuthoredValue() else None
    return None if value is None or not math.isfinite(value) or value < 0 else float(value)


def _positive(attribute: Any, unit: float) -> float | None:
    value = _authored(attribute)
    return value * unit if value else None
