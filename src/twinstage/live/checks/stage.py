"""The stage itself, as a twin needs it: metadata, files, transforms, meshes, and whether its layers agree on units and axes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.finding import Finding
from twinstage.live.checks.codes import finding
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage

SMALLEST_M, LARGEST_M = 0.01, 20_000.0
"""Sizes of a whole stage that are believed [m]."""


def check_layers(opened: OpenedStage) -> Iterator[Finding]:
    """Referenced layers with other units or another up axis, where the prim that references them does not convert."""
    from pxr import Usd

    root = opened.stage.GetRootLayer()
    told: set[tuple[str, str]] = set()
    for prim in Usd.PrimRange(opened.stage.GetPseudoRoot()):
        if not (prim.HasAuthoredReferences() or prim.HasAuthoredPayloads()):
            continue
        for layer in _introduced(prim):
            if layer == root or layer.anonymous:
                continue
            for text in _differences(opened, layer, prim):
                key = (layer.identifier, text)
                if key not in told:
                    told.add(key)
                    name = Path(layer.realPath or layer.identifier).name
                    yield finding(
                        "stage.metrics", str(prim.GetPath()), f"{prim.GetPath()} references {name}: {text}"
                    )


def _introduced(prim: Any) -> Iterator[Any]:
    """Root layers of what a prim references or loads itself."""
    from pxr import Pcp, Usd

    query = Usd.PrimCompositionQuery(prim)
    arcs = Usd.PrimCompositionQuery.Filter()
    arcs.arcTypeFilter = Usd.PrimCompositionQuery.ArcTypeFilter.ReferenceOrPayload
    query.filter = arcs
    seen = set()
    for arc in query.GetCompositionArcs():
        if arc.GetArcType() not in (Pcp.ArcTypeReference, Pcp.ArcTypePayload) or arc.IsAncestral():
            continue
        layer = arc.GetTargetNode().layerStack.identifier.rootLayer
        if layer and layer.identifier not in seen:
            seen.add(layer.identifier)
            yield layer


def _differences(opened: OpenedStage, layer: Any, prim: Any) -> Iterator[str]:
    root = layer.pseudoRoot
    matrix = _local(prim)
    if root.HasInfo("metersPerUnit"):
        units = float(root.GetInfo("metersPerUnit"))
        ratio = units / opened.meters_per_unit
        scale = float(np.cbrt(abs(np.linalg.det(matrix[:3, :3])))) if matrix is not None else 1.0
        if np.isfinite(ratio) and ratio > 0 and not 0.999 < ratio < 1.001 and not 0.5 < scale / ratio < 2:
            yield f"its metersPerUnit is {units:g}, the stage's {opened.meters_per_unit:g}, and nothing scales it by {ratio:g}"
    if root.HasInfo("upAxis"):
        up = str(root.GetInfo("upAxis"))
        if up in ("Y", "Z") and up != opened.up_axis and not _turns(matrix, up, opened.up_axis):
            yield f"its up axis is {up}, the stage's {opened.up_axis}, and nothing turns it"


def _local(prim: Any) -> "np.ndarray | None":
    from pxr import Usd, UsdGeom

    if not prim.IsA(UsdGeom.Xformable):
        return None
    return np.array(UsdGeom.Xformable(prim).GetLocalTransformation(Usd.TimeCode.EarliestTime())).T


def _turns(matrix: "np.ndarray | None", up: str, to: str) -> bool:
    if matrix is None:
        return False
    axis = {"Y": np.array([0.0, 1.0, 0.0]), "Z": np.array([0.0, 0.0, 1.0])}
    turned = matrix[:3, :3] @ axis[up]
    length = float(np.linalg.norm(turned))
    return bool(length > 0 and np.dot(turned / length, axis[to]) > 0.9)


def check_size(snapshot: Snapshot, low: np.ndarray, high: np.ndarray) -> Iterator[Finding]:
    """A stage of a size that is not believed, and one that stands on the ground along another axis than up."""
    extent = high - low
    size = float(extent.max())
    units = snapshot.stage.meters_per_unit
    if not SMALLEST_M <= size <= LARGEST_M:
        text = f"everything drawn lies within {size:.3g} m (metersPerUnit is {units:g})"
        yield finding("stage.size", "", text)
    yield from _ground(snapshot, low, high, extent)


def _ground(snapshot: Snapshot, low: np.ndarray, high: np.ndarray, extent: np.ndarray) -> Iterator[Finding]:
    """Z is up here. Of the authored axes Y and Z one is up; where the other begins at 0 and up does not, they are mixed up."""
    if extent.min() <= 0:
        return
    if snapshot.stage.up_axis == "Z":  # the other candidate is authored +Y, which is our +Y
        other_low, other_extent = float(low[1]), float(extent[1])
    else:  # authored +Z is our -Y
        other_low, other_extent = float(-high[1]), float(extent[1])
    buried = float(-low[2] / extent[2])
    stands = abs(other_low) < 0.05 * other_extent  # a floor has some thickness
    if 0.25 < buried < 1 and stands:
        other = "Y" if snapshot.stage.up_axis == "Z" else "Z"
        text = (
            f"{buried:.0%} of the scene lies below the ground along its up axis {snapshot.stage.up_axis}, "
            f"and along {other} it stands on it"
        )
        yield finding("stage.ground", "", text)


def examine_stage(path: Path, roots: tuple[Path, ...], *, isolated: bool) -> list[Finding]:
    """What `assets check` says of the file: in a child process with limits, or (`isolated=False`) in this one."""
    if isolated:
        from twinstage.assets.check import check_stage

        return check_stage(path, asset_roots=roots)
    from twinstage.assets.check_child import examine
    from twinstage.base.finding import in_order

    return in_order(examine(str(path), [str(root) for root in roots]))
