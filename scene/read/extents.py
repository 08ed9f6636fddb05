"""Authored extents against what is drawn: culling and picking trust them, so one that is too small hides things."""

from typing import Any

import numpy as np

from twinstage.scene.read.context import ReadContext, array

SLACK = 1e-3
"""Part of the extent's diagonal that may stick out: extents are single precision, and often rounded by hand."""
BY_POINTS = ("Points", "BasisCurves", "HermiteCurves", "NurbsCurves", "NurbsPatch", "TetMesh")


def check_extent(context: ReadContext, prim: Any, drawn: np.ndarray) -> None:
    """A finding where the authored extent of a gprim does not contain its points; `drawn` f4[n, 3] [m]."""
    attribute = prim.GetAttribute("extent")
    if not attribute or not attribute.HasAuthoredValue():
        return
    path = prim.GetPath()
    extent = array(attribute.Get(context.time))
    if (
        extent is None
        or extent.shape != (2, 3)
        or not np.isfinite(extent).all()
        or (extent[0] > extent[1]).any()
    ):
        context.finding("gprim.extent", f"{path}: its extent is not a box", path)
        return
    low, high = _bounds(context, prim, drawn)
    out = np.maximum(extent[0] - low, high - extent[1]).max()
    if out > SLACK * float(np.linalg.norm(extent[1] - extent[0])) + 1e-6 * float(np.abs(extent).max()):
        context.finding(
            "gprim.extent",
            f"{path}: points stick out of its extent by {float(f'{out:.3g}'):g} stage units; what is drawn does not use it",
            path,
        )


def _bounds(context: ReadContext, prim: Any, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner in stage units: of the points for what has a thickness of our choosing."""
    if prim.GetTypeName() in BY_POINTS:
        points = array(prim.GetAttribute("points").Get(context.time))
        if points is not None and len(points):
            finite = points[np.isfinite(points).all(1)]
            if len(finite):
                return finite.min(0), finite.max(0)
    scale = context.conversion.scale
    return drawn.min(0) / scale, drawn.max(0) / scale
