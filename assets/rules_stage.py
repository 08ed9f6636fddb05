"""Our own rules about a stage as a whole: metadata, files it reaches, transforms."""

import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from twinstage.base.finding import Finding
from twinstage.scene.safe.screen import Screened

FAR_M = 10_000.0
"""World positions further from the origin than this lose precision in float32 consumers [m]."""


def check_metadata(stage: Any) -> Iterator[Finding]:
    """defaultPrim, units, up axis and time."""
    root = stage.GetRootLayer().pseudoRoot

    def get(name: str) -> Any:
        return root.GetInfo(name) if root.HasInfo(name) else None

    name = stage.GetRootLayer().defaultPrim
    if not name:
        yield Finding(
            "stage.default-prim", "warning", "", "no defaultPrim is named, so the file cannot be referenced as a whole",
            'name the root prim: defaultPrim = "..."',
        )  # fmt: skip
    elif not stage.GetPrimAtPath(name if str(name).startswith("/") else f"/{name}"):
        yield Finding(
            "stage.default-prim", "error", f"/{name}", f"defaultPrim names {name!r}, which does not exist"
        )
    yield from _metric("metersPerUnit", get("metersPerUnit"), "0.01 m")
    yield from _up_axis(get("upAxis"))
    yield from _metric("timeCodesPerSecond", get("timeCodesPerSecond"), "")
    start, end = get("startTimeCode"), get("endTimeCode")
    if start is not None and end is not None and end < start:
        yield Finding(
            "stage.time-range", "error", "", f"endTimeCode {end:g} lies before startTimeCode {start:g}"
        )


def _metric(name: str, value: Any, fall_back: str) -> Iterator[Finding]:
    code = "stage.units" if name == "metersPerUnit" else "stage.time-rate"
    if value is None:
        if fall_back:
            yield Finding(
                code,
                "warning",
                "",
                f"{name} is not authored, so {fall_back} is assumed",
                f"author {name} = 1, or what is meant",
            )
    elif not (math.isfinite(value) and value > 0):
        yield Finding(code, "error", "", f"{name} is {value:g}; a number greater than 0 was expected")


def _up_axis(value: Any) -> Iterator[Finding]:
    if value is None:
        yield Finding(
            "stage.up-axis",
            "warning",
            "",
            "upAxis is not authored, so Y is assumed",
            'author upAxis = "Z" or "Y"',
        )
    elif str(value) not in ("Y", "Z"):
        yield Finding("stage.up-axis", "error", "", f"upAxis is {str(value)!r}; USD knows 'Y' and 'Z'")


def check_assets(stage: Any, screened: Screened) -> Iterator[Finding]:
    """What the screen left out, and files that are not found. The stage is composed of screened layers."""
    from pxr import UsdUtils

    yield from screened.findings
    _, _, unresolved = UsdUtils.ComputeAllDependencies(stage.GetRootLayer().identifier)
    for path in sorted(set(unresolved)):
        if path.startswith("anon:") or (path.lower().endswith(".mtlx") and os.path.exists(path)):
            continue
        if path.lower().endswith(
            ".mdl"
        ):  # often a renderer's own; the reader says what it makes of the material
            yield Finding(
                "asset.mdl", "info", "", f"{path!r} is not found; only an MDL renderer would need it"
            )
            continue
        hint = "write paths with forward slashes" if "\\" in path else "correct the path, or add the file"
        yield Finding("asset.unresolved", "error", "", f"{path!r} is not found", hint)


def check_transforms(prim: Any, path: str) -> Iterator[Finding]:
    """Transforms that are not finite or flatten the prim."""
    from pxr import Usd, UsdGeom, Vt

    if not prim.IsA(UsdGeom.Xformable):
        return
    xformable = UsdGeom.Xformable(prim)
    order = xformable.GetXformOpOrderAttr().Get()
    for name in order if isinstance(order, Vt.TokenArray) else ():
        attribute = str(name).removeprefix("!invert!")
        if attribute != "!resetXformStack!" and not prim.HasAttribute(attribute):
            yield Finding(
                "xform.missing-op", "error", path, f"xformOpOrder names {attribute!r}, which is not authored"
            )
            return
    matrix = np.array(xformable.GetLocalTransformation(Usd.TimeCode.EarliestTime()))
    if not np.isfinite(matrix).all():
        yield Finding("xform.not-finite", "error", path, "its transform holds values that are not finite")
    elif abs(np.linalg.det(matrix[:3, :3])) < 1e-18:
        yield Finding(
            "xform.flat",
            "warning",
            path,
            "its transform has no inverse: a scale is 0",
            "hide the prim instead",
        )


def check_far(stage: Any, meters_per_unit: float) -> Iterator[Finding]:
    """Root prims so far away that float32 consumers shake."""
    from pxr import Usd, UsdGeom

    cache = UsdGeom.XformCache(Usd.TimeCode.EarliestTime())
    for prim in stage.GetPseudoRoot().GetChildren():
        distance = (
            float(np.linalg.norm(np.array(cache.GetLocalToWorldTransform(prim))[3, :3])) * meters_per_unit
        )
        if math.isfinite(distance) and distance > FAR_M:
            yield Finding(
                "stage.far", "warning", str(prim.GetPath()),
                f"it stands {distance / 1000:.0f} km from the origin", "move the scene to the origin",
            )  # fmt: skip
