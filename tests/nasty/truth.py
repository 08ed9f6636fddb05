"""What no file of a dataset can tell, by pxr: which class a prim has, and where it stands once the frame's layer is on top.

Nothing of twinstage. The policy of docs/labels.md is applied to what `UsdSemantics.LabelsQuery` says.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Sdf, Usd, UsdGeom, UsdSemantics

Z_FROM_Y = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
TOLERANCE = 1e-5
"""Greatest difference of a world matrix [m], also of its axes."""


def disagreements(
    stage: Path, dataset: Path, frames: list[int], classes: tuple[str, ...]
) -> tuple[int, list[str]]:
    """How many objects of those frames were compared with pxr, and a sentence for each that differs."""
    compared, out = 0, []
    for frame in frames:
        record = json.loads((dataset / f"records/{frame:06d}.json").read_text())
        if record["rejected"]:
            continue
        opened = _opened(stage, dataset / f"frames/{frame:06d}.usda")
        time = Usd.TimeCode.Default() if record["time"] is None else Usd.TimeCode(record["time"])
        for camera in record["cameras"]:
            for item in camera["objects"]:
                compared += 1
                label = f"frame {frame} {camera['name']} {item['prim_path']} {item['point_id']}"
                out += [f"{label}: {text}" for text in _compared(opened, time, item, classes)]
    return compared, out


def _opened(stage: Path, layer: Path) -> Usd.Stage:
    """The stage with the frame's layer as its strongest."""
    base, top = Sdf.Layer.FindOrOpen(str(stage)), Sdf.Layer.CreateAnonymous(".usda")
    frame = Sdf.Layer.CreateAnonymous(".usda")
    # The layer's paths are relative to the stage's folder, an anonymous one has none.
    frame.ImportFromString(re.sub(r"@([^@/][^@]*)@", lambda m: f"@{stage.parent / m[1]}@", layer.read_text()))
    top.subLayerPaths = [frame.identifier, base.identifier]
    opened = Usd.Stage.Open(top)
    UsdGeom.SetStageMetersPerUnit(opened, Usd.Stage.Open(base).GetMetadata("metersPerUnit"))
    opened.SetMetadata("upAxis", base.pseudoRoot.GetInfo("upAxis"))
    opened.frame = frame  # keeps the anonymous layer alive
    return opened


def _compared(
    opened: Usd.Stage, time: Usd.TimeCode, item: dict[str, Any], classes: tuple[str, ...]
) -> Iterator[str]:
    prim = opened.GetPrimAtPath(item["prim_path"])
    if not prim:
        yield "pxr has no such prim"
        return
    world, chain = _place(prim, item["point_id"], time)
    name = _class(chain, time, classes)
    if name != item["class"]:
        yield f"class {item['class']}, pxr's labels say {name}"
    metres = UsdGeom.GetStageMetersPerUnit(opened)
    up = Z_FROM_Y if UsdGeom.GetStageUpAxis(opened) == "Y" else np.eye(4)
    expected = up @ np.diag([metres, metres, metres, 1.0]) @ world
    given = np.array(item["world_from_object"])
    # Our objects have metres of their own inside, so their axes are as long as the prim's scale.
    expected[:3, :3] /= metres
    off = float(np.abs(expected - given).max())
    if off > TOLERANCE:
        yield f"world_from_object is {off:.3g} off pxr's local-to-world"


def _place(prim: Usd.Prim, point: int, time: Usd.TimeCode) -> tuple[np.ndarray, list[Usd.Prim]]:
    """stage_from_object f8[4, 4] (column vectors) in stage units, and the prims whose labels count, nearest first."""
    ancestors = []
    above = prim
    while above and not above.IsPseudoRoot():
        ancestors.append(above)
        above = above.GetParent()
    cache = UsdGeom.XformCache(time)
    world = np.array(cache.GetLocalToWorldTransform(prim)).T
    if point < 0:
        return world, ancestors
    instancer = UsdGeom.PointInstancer(prim)
    ids = instancer.GetIdsAttr().Get(time)
    k = point if ids is None or not len(ids) else list(ids).index(point)
    matrices = instancer.ComputeInstanceTransformsAtTime(
        time, time, UsdGeom.PointInstancer.ExcludeProtoXform, UsdGeom.PointInstancer.IgnoreMask
    )
    prototype = instancer.GetPrototypesRel().GetForwardedTargets()[
        instancer.GetProtoIndicesAttr().Get(time)[k]
    ]
    return world @ np.array(matrices[k]).T, [prim.GetStage().GetPrimAtPath(prototype), *ancestors]


def _class(chain: list[Usd.Prim], time: Usd.TimeCode, classes: tuple[str, ...]) -> str | None:
    interval = Usd.TimeCode.EarliestTime() if time.IsDefault() else time
    query = UsdSemantics.LabelsQuery("class", interval)
    for prim in chain:
        names = [str(name) for name in query.ComputeUniqueDirectLabels(prim) if str(name) in classes]
        if names:
            return names[0]
    return None
