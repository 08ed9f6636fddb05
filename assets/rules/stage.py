"""Rules about the file as a whole: its metadata, its roots, how far away things stand."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from twinstage.assets.rules.table import Fault, rule

FAR_M = 10_000.0
"""World positions further from the origin than this lose precision in float32 consumers [m]: 1 mm at 10 km."""


def root_value(layer: Any, name: str) -> Any:
    """A value of the layer's metadata as written, None where it is not."""
    root = layer.pseudoRoot
    return root.GetInfo(name) if root.HasInfo(name) else None


@rule(
    "stage", "stage.default-prim", "warning", "No default prim: the file cannot be referenced as a whole",
    'name the root prim in the header: defaultPrim = "..."', requirement="HI.004",
)  # fmt: skip
def default_prim(stage: Any) -> Iterator[Fault]:
    """Missing, or a name that leads nowhere."""
    name = stage.GetRootLayer().defaultPrim
    if not name:
        yield Fault("no defaultPrim is named, so the file cannot be referenced as a whole")
    elif not stage.GetPrimAtPath(name if str(name).startswith("/") else f"/{name}"):
        there = [str(prim.GetName()) for prim in stage.GetPseudoRoot().GetChildren()]
        fix = (
            f'write defaultPrim = "{there[0]}"' if len(there) == 1 else f"name one of {', '.join(there[:5])}"
        )
        yield Fault(f"defaultPrim names {str(name)!r}, which does not exist", f"/{name}", "error", fix)


@rule(
    "stage", "stage.units", "warning", "Units are missing or impossible",
    "author metersPerUnit in the header: 1 for metres, 0.01 for centimetres", requirement="UN.002",
)  # fmt: skip
def units(stage: Any) -> Iterator[Fault]:
    """metersPerUnit is authored and greater than 0."""
    value = root_value(stage.GetRootLayer(), "metersPerUnit")
    if value is None:
        yield Fault("metersPerUnit is not authored, so 0.01 m is assumed")
    elif not (math.isfinite(value) and value > 0):
        yield Fault(f"metersPerUnit is {value:g}; a number greater than 0 was expected", severity="error")


@rule(
    "stage", "stage.up-axis", "warning", "The up axis is missing or impossible",
    'author upAxis in the header: "Z" or "Y"', requirement="UN.001",
)  # fmt: skip
def up_axis(stage: Any) -> Iterator[Fault]:
    """UpAxis is Y or Z."""
    value = root_value(stage.GetRootLayer(), "upAxis")
    if value is None:
        yield Fault("upAxis is not authored, so Y is assumed")
    elif str(value) not in ("Y", "Z"):
        yield Fault(f"upAxis is {str(value)!r}; USD knows 'Y' and 'Z'", severity="error")


@rule(
    "stage", "stage.time-rate", "error", "Time cannot run at the rate that is authored",
    "author timeCodesPerSecond and framesPerSecond greater than 0, as in 24",
)  # fmt: skip
def time_rate(stage: Any) -> Iterator[Fault]:
    """TimeCodesPerSecond is greater than 0; the screen tells the rest, because the USD library hangs on it."""
    value = root_value(stage.GetRootLayer(), "timeCodesPerSecond")
    if value is not None and not (math.isfinite(value) and value > 0):
        yield Fault(f"timeCodesPerSecond is {value:g}; a number greater than 0 was expected")


@rule(
    "stage", "stage.time-range", "error", "The time range ends before it begins",
    "swap startTimeCode and endTimeCode, or correct them",
)  # fmt: skip
def time_range(stage: Any) -> Iterator[Fault]:
    """The end is not before the start."""
    root = stage.GetRootLayer()
    start, end = root_value(root, "startTimeCode"), root_value(root, "endTimeCode")
    if start is not None and end is not None and end < start:
        yield Fault(f"endTimeCode {end:g} lies before startTimeCode {start:g}")


@rule(
    "stage", "stage.roots", "info", "Several roots: what is outside the default prim does not come along",
    "move everything below the default prim", requirement="HI.001",
)  # fmt: skip
def one_root(stage: Any) -> Iterator[Fault]:
    """Drawn things beside the default prim are lost to whoever references the file."""
    from pxr import Usd, UsdGeom

    default = stage.GetDefaultPrim()
    if not default:
        return
    for prim in stage.GetPseudoRoot().GetChildren():
        drawn = prim != default and any(p.IsA(UsdGeom.Gprim) or p.IsInstance() for p in Usd.PrimRange(prim))
        if drawn:
            yield Fault(f"it stands beside the default prim {default.GetPath()}", str(prim.GetPath()))


@rule(
    "stage", "stage.root-xformable", "info", "The default prim cannot be moved",
    'give the root a type that can be placed: def Xform "..."', requirement="HI.003",
)  # fmt: skip
def movable_root(stage: Any) -> Iterator[Fault]:
    """Whoever references the file wants to place it."""
    from pxr import Usd, UsdGeom

    default = stage.GetDefaultPrim()
    if not default or default.IsA(UsdGeom.Xformable) or default.IsAbstract():
        return
    if any(prim.IsA(UsdGeom.Gprim) for prim in Usd.PrimRange(default)):
        kind = default.GetTypeName() or "no type"
        yield Fault(f"the default prim is of {kind}, which has no place of its own", str(default.GetPath()))


@rule(
    "stage", "stage.far", "warning", "It stands so far from the origin that pictures will shake",
    "move the scene to the origin, and note the true place in the file's documentation", requirement="VG.025",
)  # fmt: skip
def far(stage: Any) -> Iterator[Fault]:
    """The topmost prims further away than FAR_M."""
    from pxr import Usd, UsdGeom

    metres = root_value(stage.GetRootLayer(), "metersPerUnit")
    metres = float(metres) if metres and math.isfinite(metres) and metres > 0 else 0.01
    cache = UsdGeom.XformCache(Usd.TimeCode.EarliestTime())
    walk = iter(Usd.PrimRange(stage.GetPseudoRoot()))
    for prim in walk:
        if not prim.IsA(UsdGeom.Xformable):
            continue
        place = np.array(cache.GetLocalToWorldTransform(prim).ExtractTranslation())
        distance = float(np.linalg.norm(place)) * metres
        if math.isfinite(distance) and distance > FAR_M:
            walk.PruneChildren()
            if not prim.IsA(UsdGeom.Imageable) or prim.GetTypeName() == "Camera" or _is_light(prim):
                continue
            yield Fault(f"it stands {distance / 1000:,.0f} km from the origin", str(prim.GetPath()))


def _is_light(prim: Any) -> bool:
    from pxr import UsdLux

    return bool(prim.HasAPI(UsdLux.LightAPI))
