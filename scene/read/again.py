"""The same stage at another time code: where only transforms are animated, everything else is kept as it was read.

Touches pxr.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage


def only_transforms_vary(stage: Any) -> bool:
    """Whether no attribute of a Usd.Stage but transforms may differ from one time code to the next.

    Transforms below a PointInstancer count as something else: its prototypes' parts are read with it.
    """
    from pxr import Usd, UsdGeom, UsdSkel

    moving: list[Any] = []
    prototypes: list[Any] = []
    shared = stage.GetPrototypes()
    for prims in (Usd.PrimRange(root) for root in (stage.GetPseudoRoot(), *shared)):
        for prim in prims:
            if prim.IsA(UsdSkel.Root):
                return False
            if prim.IsA(UsdGeom.PointInstancer):
                # What a prototype that is an instance holds is found elsewhere: then everything that is shared counts.
                prototypes += UsdGeom.PointInstancer(prim).GetPrototypesRel().GetForwardedTargets()
                prototypes += [root.GetPath() for root in shared]
            for attribute in prim.GetAttributes():
                if not attribute.ValueMightBeTimeVarying():
                    continue
                if not UsdGeom.Xformable.IsTransformationAffectedByAttrNamed(attribute.GetName()):
                    return False
                moving.append(prim.GetPath())
    return not any(path.HasPrefix(root) for root in set(prototypes) for path in set(moving))


def read_moved(opened: "OpenedStage", base: "Snapshot", time_code: float) -> "Snapshot | None":
    """`base`, a snapshot of that stage, with its prims where they are at another time code.

    For stages of which `only_transforms_vary`. None where that is not all that differs: a transform that is not finite, or
    a prim that is shown at one time only.
    """
    from twinstage.scene.labels import LabelPolicy
    from twinstage.scene.read import time_at
    from twinstage.scene.read.cameras import read_cameras
    from twinstage.scene.read.context import Conversion, ReadContext
    from twinstage.scene.read.prims import PrimReader
    from twinstage.scene.safe.finite import finite_rows, guard_prims

    context = ReadContext(
        stage=opened.stage,
        time=time_at(opened.stage, time_code),
        conversion=Conversion.of(opened.meters_per_unit, opened.up_axis),
        allowed=opened.allowed,
        policy=LabelPolicy(),
    )
    table, rows = PrimReader(context).read()
    guarded = guard_prims(context, table)
    known = base.prims
    same = guarded is table and len(table) == len(known) and np.array_equal(table.visible, known.visible)
    if not same:
        return None
    prims = replace(known, frames=table.frames, resets=table.resets)
    found = read_cameras(context, prims, rows.prims)
    cameras = finite_rows(context, found, "camera.not-finite", "camera")
    return replace(base, prims=prims, cameras=cameras)
