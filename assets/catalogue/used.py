"""Which files the prims of a stage refer to. Touches pxr; `used_task` runs in the child that tries foreign files."""

import os
from pathlib import Path
from typing import Any

from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.safe.expansion import within_bounds
from twinstage.scene.safe.screen import screen
from twinstage.scene.stage import own_mtlx_text

MOST_PRIMS = 1000
"""Prims that are named of one file; the others are counted."""


def used_task(request: dict[str, Any]) -> dict[str, Any]:
    """The child's task: {"path", "roots"} -> {"uses": {file: {"prims": [path, ...], "total": n}}, "layers":
    [file, ...]}; `/` for sublayers."""
    from pxr import Usd

    allowed = AllowedFolders(Path(request["path"]), [Path(root) for root in request["roots"]])
    screened = screen(Path(request["path"]), allowed, own_mtlx_text())  # kept: dropped layers are read anew
    stage = Usd.Stage.Open(screened.root)
    within_bounds(stage)
    layers = sorted({layer.realPath for layer in stage.GetUsedLayers() if layer.realPath})
    return {"uses": uses_of(stage), "layers": layers}


def uses_of(stage: Any) -> dict[str, dict[str, Any]]:
    """By file: the prims that refer to it, at any depth of references; instances stand for what lies within them."""
    from pxr import Usd

    uses: dict[str, dict[str, Any]] = {}
    own = stage.GetRootLayer()
    for layer in stage.GetLayerStack(includeSessionLayers=False):
        if layer != own:
            _add(uses, layer, "/")
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), Usd.PrimAllPrimsPredicate):
        if not (prim.HasAuthoredReferences() or prim.HasAuthoredPayloads()):
            continue
        told = set()
        for arc in Usd.PrimCompositionQuery(prim).GetCompositionArcs():
            layer = arc.GetTargetLayer()
            if arc.IsAncestral() or not arc.GetIntroducingLayer() or not layer or layer in told:
                continue
            if layer != arc.GetIntroducingLayer():  # to a prim of the same file
                told.add(layer)
                _add(uses, layer, str(prim.GetPath()))
    return uses


def _add(uses: dict[str, dict[str, Any]], layer: Any, prim: str) -> None:
    if not layer.realPath:
        return
    row = uses.setdefault(os.path.realpath(layer.realPath), {"prims": [], "total": 0})
    row["total"] += 1
    if len(row["prims"]) < MOST_PRIMS:
        row["prims"].append(prim)
