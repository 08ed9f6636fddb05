"""Points, widths and colours of curves and points: what is authored, checked against how many there have to be."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import F8, I8, Bool
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.skel import Skin


@dataclass(frozen=True, slots=True)
class Field:
    """A primvar with its indices resolved: values f8[n, c]."""

    values: F8
    interpolation: str


def read_points(context: ReadContext, prim: Any, skin: Skin | None) -> "F8 | None":
    """The points f8[n, 3] at the time read, deformed by `skin`; None, with a finding, where there are none."""
    points = array(prim.GetAttribute("points").Get(context.time))
    path = prim.GetPath()
    if points is None or points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        context.finding("gprim.empty", f"{path} is not drawn: it has no points", path)
        return None
    moved = None if skin is None else skin.points(points)
    return points if moved is None else moved


def read_widths(context: ReadContext, prim: Any, points: F8) -> Field:
    """Widths (diameters) [stage units]; a two-hundredth of the size, with a finding, where none are authored."""
    from pxr import UsdGeom

    path = prim.GetPath()
    primvar = UsdGeom.PrimvarsAPI(prim).GetPrimvar("widths")
    if primvar and primvar.HasValue():
        values, interpolation = array(primvar.ComputeFlattened(context.time)), str(primvar.GetInterpolation())
    else:
        attribute = prim.GetAttribute("widths")
        values = array(attribute.Get(context.time)) if attribute else None
        interpolation = str(attribute.GetMetadata("interpolation") or "vertex") if attribute else "vertex"
    if values is not None and values.ndim == 1 and len(values) and np.isfinite(values).all():
        return Field(np.maximum(values, 0.0)[:, None], "constant" if len(values) == 1 else interpolation)
    finite = points[np.isfinite(points).all(1)]
    size = float(np.linalg.norm(np.ptp(finite, axis=0))) if len(finite) else 0.0
    context.finding(
        "gprim.widths",
        f"{path}: no widths are authored, so a two-hundredth of its size is used",
        path,
        "info",
    )
    return Field(np.full((1, 1), (size or 1.0) / 200), "constant")


def read_color(context: ReadContext, prim: Any) -> Field | None:
    """displayColor where it is not one colour for all (which is the material's)."""
    from pxr import UsdGeom

    primvar = UsdGeom.PrimvarsAPI(prim).FindPrimvarWithInheritance("displayColor")
    if not primvar or not primvar.HasValue():
        return None
    values = array(primvar.ComputeFlattened(context.time))
    if values is None or values.ndim != 2 or values.shape[1] != 3 or len(values) < 2:
        return None
    return Field(values, str(primvar.GetInterpolation()))


def fitting(context: ReadContext, prim: Any, name: str, found: Field, counts: dict[str, int]) -> Field | None:
    """The field, or None with a finding where it has fewer values than its interpolation asks for."""
    path = prim.GetPath()
    needed = counts.get(found.interpolation)
    if needed is None:
        context.finding(
            "primvar.interpolation",
            f"{path}: primvar {name} is left out: interpolation {found.interpolation!r} has no meaning here",
            path,
        )
        return None
    if len(found.values) >= needed:
        return found
    context.finding(
        "primvar.count",
        f"{path}: primvar {name} is left out: {len(found.values)} values, {needed} were expected",
        path,
    )
    return None


def finite_groups(points: F8, counts: I8) -> Bool:
    """Which of the consecutive groups of points have finite numbers only, bool[groups]."""
    bad = np.concatenate([[0], np.cumsum(~np.isfinite(points).all(1))])
    end = np.cumsum(counts)
    return np.asarray(bad[end] == bad[end - counts])


def usable_weights(context: ReadContext, prim: Any, weights: "np.ndarray | None", number: int) -> F8:
    """The pointWeights of a rational spline f8[number]; ones, with a finding, where they are not as many positive numbers."""
    if weights is None or len(weights) == 0:
        return np.ones(number)
    if weights.shape == (number,) and np.isfinite(weights).all() and (weights > 0).all():
        return weights
    path = prim.GetPath()
    context.finding(
        "gprim.weights", f"{path}: pointWeights are left out: {number} positive numbers were expected", path
    )
    return np.ones(number)
