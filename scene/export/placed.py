"""Placed prims in a layer for designers: a reference beside the layer, and plain transform ops. Touches pxr.

The reference is `./LIBRARY/file`: the layer opens wherever the library's folder lies beside it. A placed prim that was moved is
told in the ops that a placed prim has, and turned and scaled as before where it was only shifted.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.export.own import relative_path
from twinstage.scene.shelf import Asset, Op, moved_upright, place_ops
from twinstage.scene.stage import OpenedStage
from twinstage.scene.ui_layer import UI_OP, upright

TURNED, SCALED = 3e-4, 1e-4
"""Moves are kept in steps of 0.0075 degrees: what differs by less was not turned [rad], or scaled."""
MOVED = 4
"""Decimals of a move [m], which is kept in steps of 0.06 mm."""
SHEAR = 1e-5
MATRIX = "xformOp:transform"


def write_placed(
    opened: OpenedStage, spec: Any, made: Any, value: Mapping[str, Any], edited: frozenset[str]
) -> set[str]:
    """The reference and the ops of a placed prim into its exported spec; names of properties that are done with.

    `spec`: in the `ui` layer; `value`: of its edit `asset`; `edited`: its properties that were set by hand.
    """
    from pxr import Sdf, Vt

    asset = opened.shelf.get(value["asset"])
    if spec.HasInfo("kind"):
        made.kind = spec.kind
    prim = Sdf.Path(asset.prim) if asset is not None and asset.named else Sdf.Path.emptyPath
    made.referenceList.prependedItems = [Sdf.Reference(f"./{value['asset']}", prim)]
    ops = _ops(opened, spec, asset, value)
    for op in ops:
        if not op.type_name:
            continue
        attribute = Sdf.AttributeSpec(made, op.name, Sdf.ValueTypeNames.Find(op.type_name))
        kept = spec.properties.get(op.name) if op.name in edited else None
        attribute.default = op.of_usd() if kept is None else kept.default
    order = Sdf.AttributeSpec(made, "xformOpOrder", Sdf.ValueTypeNames.TokenArray, Sdf.VariabilityUniform)
    order.default = Vt.TokenArray([op.name for op in ops])
    return {UI_OP, "xformOpOrder", *(op.name for op in ops if op.type_name)} | _unmoved(
        opened, asset, path_of(spec), value
    )


def path_of(spec: Any) -> str:
    """The path of a spec, as text."""
    return str(spec.path)


def _unmoved(opened: OpenedStage, asset: Asset | None, path: str, value: Mapping[str, Any]) -> set[str]:
    """Ops that the prim had where it was placed; they are replaced by those of where it stands."""
    ops = place_ops(asset, upright(opened, path, value), opened.meters_per_unit, opened.up_axis)
    return {op.name for op in ops if op.type_name}


def _ops(opened: OpenedStage, spec: Any, asset: Asset | None, value: Mapping[str, Any]) -> list[Op]:
    units, axis = opened.meters_per_unit, opened.up_axis
    first = upright(opened, path_of(spec), value)
    moved = spec.properties.get(UI_OP)
    if moved is None:
        return place_ops(asset, first, units, axis, digits=5)
    target = np.array(moved.default, np.float64).T
    if asset is None:
        return place_ops(None, target, units, axis, digits=MOVED)
    now = moved_upright(asset, target, _own(opened, asset, spec.path), units, axis)
    if _sheared(now):
        return [Op(MATRIX, "matrix4d", tuple(map(tuple, np.round(target.T, 9).tolist())))]
    return place_ops(asset, _calm(now, first), units, axis, digits=MOVED)


def _own(opened: OpenedStage, asset: Asset, path: Any) -> F8:
    """The matrix of the asset's own ops, column vectors."""
    from pxr import Usd, UsdGeom

    out, prim = np.eye(4), opened.stage.GetPrimAtPath(path)
    for name in asset.ops:
        attribute = prim.GetAttribute(name.removeprefix("!invert!"))
        op = UsdGeom.XformOp(attribute, name.startswith("!invert!"))
        out = out @ np.array(op.GetOpTransform(Usd.TimeCode.EarliestTime())).T
    return out


def _sheared(matrix: F8) -> bool:
    size = np.linalg.norm(matrix[:3, :3], axis=0)
    if not (size > 1e-9).all() or np.linalg.det(matrix[:3, :3]) <= 0:
        return True
    turn = matrix[:3, :3] / size
    return bool(np.abs(turn.T @ turn - np.eye(3)).max() > SHEAR)


def _calm(now: F8, first: F8) -> F8:
    """Where it stands now, turned and scaled as at first where that is not another."""
    sizes = [np.linalg.norm(m[:3, :3], axis=0) for m in (now, first)]
    turns = [m[:3, :3] / size for m, size in zip((now, first), sizes, strict=True)]
    out = now.copy()
    turn = turns[1] if np.abs(turns[0] - turns[1]).max() < TURNED else turns[0]
    size = sizes[1] if np.abs(sizes[0] / sizes[1] - 1.0).max() < SCALED else sizes[0]
    out[:3, :3] = turn * size
    return out


def relocated(text: str, out: Path, libraries: Mapping[str, Path]) -> tuple[str, list[str]]:
    """A layer's text for a file `out`, with references into libraries of this machine; and the assets that it names."""
    from pxr import Sdf

    layer = Sdf.Layer.CreateAnonymous("edits.usda")
    layer.ImportFromString(text)
    names = []
    for named in sorted(layer.GetCompositionAssetDependencies()):
        asset = named.removeprefix("./")
        library, _, file = asset.partition("/")
        names.append(asset)
        if library in libraries:
            place = os.path.join(libraries[library], *file.split("/"))
            layer.UpdateCompositionAssetDependency(named, relative_path(place, out.absolute().parent))
    return (str(layer.ExportToString()) if names and libraries else text), names
