"""Reads off one file what the catalogue tells of it; runs in the child that tries foreign files. Touches pxr."""

import math
import os
from pathlib import Path
from typing import Any

from twinstage.assets.catalogue.bounds import bounded
from twinstage.base.errors import UserError
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.drawn_triangles import drawn_triangles
from twinstage.scene.probe import tell_reason
from twinstage.scene.safe.expansion import within_bounds
from twinstage.scene.safe.screen import screen
from twinstage.scene.stage import own_mtlx_text


def look_task(request: dict[str, Any]) -> dict[str, Any]:
    """The child's task: {"path", "roots"} -> facts, or {"problem"}; {} for a file that draws nothing."""
    from pxr import Tf, Usd, UsdUtils

    quiet = UsdUtils.CoalescingDiagnosticDelegate()
    try:
        allowed = AllowedFolders(Path(request["path"]), [Path(root) for root in request["roots"]])
        screened = screen(
            Path(request["path"]), allowed, own_mtlx_text()
        )  # kept: dropped layers are read anew
        stage = Usd.Stage.Open(screened.root)
        return bounded(_facts(stage, request["path"]))
    except Tf.ErrorException as problem:
        return bounded({"problem": f"it cannot be read: {tell_reason(problem)}"})
    except UserError as problem:
        return bounded({"problem": str(problem)})
    finally:
        del quiet


def _facts(stage: Any, file: str) -> dict[str, Any]:
    within_bounds(stage)
    root = stage.GetDefaultPrim() or next(iter(stage.GetPseudoRoot().GetChildren()), None)
    if not root:
        return {}
    counts = _counts(stage, root)
    if not counts.pop("shapes"):
        return {}
    return {
        **_said(stage, root),
        **counts,
        **_measured(stage, root),
        "files": _files(stage, file),
        "parts": _parts(stage, root),
    }


def _said(stage: Any, root: Any) -> dict[str, Any]:
    """What the asset says of itself."""
    from pxr import Usd

    info = root.GetAssetInfo()
    doc = root.GetDocumentation() or stage.GetRootLayer().documentation or ""
    sets = root.GetVariantSets()
    animated = stage.HasAuthoredTimeCodeRange() and stage.GetEndTimeCode() > stage.GetStartTimeCode()
    return {
        "title": str(info.get("name") or root.GetDisplayName() or root.GetName()),
        "kind": str(Usd.ModelAPI(root).GetKind()),
        "tags": _words(info.get("tags", ())),
        "license": str(info.get("license") or info.get("licence") or ""),
        "doc": str(doc),
        "variants": {name: list(sets.GetVariantSet(name).GetVariantNames()) for name in sets.GetNames()},
        "animated": bool(animated),
        "thumbnail": _thumbnail(info),
    }


def _words(value: Any) -> list[str]:
    """What somebody wrote as tags: a text, a list of them, or something else, which says nothing."""
    if isinstance(value, str):
        return [value]
    try:
        return list(map(str, value))
    except TypeError:
        return []


def _thumbnail(info: Any) -> str:
    """The picture that `assetInfo.previews` names (UsdMediaAssetPreviewsAPI), as a path."""
    at = info
    for key in ("previews", "thumbnails", "default", "defaultImage"):
        at = at.get(key) if hasattr(at, "get") else None
    return str(getattr(at, "resolvedPath", "") or "")


def _counts(stage: Any, root: Any) -> dict[str, Any]:
    """Triangles that are drawn, shapes, materials, joints and labels at and below a prim, instances included."""
    from pxr import Usd, UsdGeom, UsdPhysics, UsdSemantics, UsdShade

    shapes, materials, joints, labels = 0, set(), 0, set()
    for prim in Usd.PrimRange(root, Usd.TraverseInstanceProxies()):
        if prim.IsA(UsdGeom.Gprim):
            shapes += 1
        elif prim.IsA(UsdShade.Material):
            materials.add(prim.GetPrimInPrototype().GetPath() if prim.IsInstanceProxy() else prim.GetPath())
        elif prim.IsA(UsdPhysics.RevoluteJoint) or prim.IsA(UsdPhysics.PrismaticJoint):
            joints += 1
        for taxonomy in UsdSemantics.LabelsAPI.GetDirectTaxonomies(prim):
            labels |= set(UsdSemantics.LabelsAPI(prim, taxonomy).GetLabelsAttr().Get() or ())
    return {
        "shapes": shapes,
        "triangles": drawn_triangles(root, Usd.TimeCode.EarliestTime()),
        "materials": len(materials),
        "joints": joints,
        "labels": sorted(map(str, labels)),
    }


def _measured(stage: Any, root: Any) -> dict[str, Any]:
    """Its box [m], units and axis. UserError where they are no numbers that anything could be measured by."""
    from pxr import Usd, UsdGeom

    info = stage.GetRootLayer().pseudoRoot
    metres = float(info.GetInfo("metersPerUnit")) if info.HasInfo("metersPerUnit") else 0.01
    if not (math.isfinite(metres) and metres > 0):
        raise UserError(f"metersPerUnit is {metres:g}; a number greater than 0 was expected")
    cache = UsdGeom.BBoxCache(
        Usd.TimeCode.EarliestTime(), ["default", "render", "proxy"], useExtentsHint=False
    )
    box = cache.ComputeWorldBound(root).ComputeAlignedRange()
    empty = box.IsEmpty()
    size, low = (
        [0.0] * 3 if empty else [round(float(v) * metres, 6) for v in side]
        for side in (box.GetSize(), box.GetMin())
    )
    if not all(map(math.isfinite, (*size, *low))):
        raise UserError(
            f"its box is no box: size {size}, least corner {low} [m]; finite numbers were expected"
        )
    return {
        "size": size,
        "low": low,
        "meters_per_unit": metres,
        "up_axis": str(UsdGeom.GetStageUpAxis(stage)),
    }


def _files(stage: Any, file: str) -> list[str]:
    """All files that it is made of, itself first: layers and what they name."""
    from pxr import UsdUtils

    layers, assets, _ = UsdUtils.ComputeAllDependencies(stage.GetRootLayer().identifier)
    found = {os.path.realpath(file): None}
    for layer in layers:
        if layer.realPath:
            found.setdefault(os.path.realpath(layer.realPath))
    for asset in assets:
        found.setdefault(os.path.realpath(asset))
    return [path for path in found if os.path.isfile(path)]


def _parts(stage: Any, root: Any) -> list[str]:
    """Files that are this asset and nothing else: its sublayers, and what its default prim holds as payload."""
    from pxr import Pcp, Usd

    own = stage.GetRootLayer()
    found = {layer.realPath for layer in stage.GetLayerStack(includeSessionLayers=False) if layer != own}
    for arc in Usd.PrimCompositionQuery(root).GetCompositionArcs():
        if arc.GetArcType() == Pcp.ArcTypePayload:
            found.add(arc.GetTargetLayer().realPath)
    return sorted(os.path.realpath(path) for path in found if path)
