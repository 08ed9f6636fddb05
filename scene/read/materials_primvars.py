"""The value of a primvar on a gprim, as a shading network may ask for it."""

from typing import Any

import numpy as np

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.materials_signal import Constant, Text, Varying, sane

PrimvarValue = Constant | Varying | Text | None


def read_primvar(context: ReadContext, prim: Any, name: str, time: Any) -> PrimvarValue:
    """A primvar, inherited ones included: one value, or what varies with its mean; rounded to 1e-7. None for none."""
    from pxr import UsdGeom

    if not name or not prim:
        return None
    primvar = UsdGeom.PrimvarsAPI(prim).FindPrimvarWithInheritance(name)
    if not primvar or not primvar.HasValue():
        return None
    value = primvar.Get(time)
    if value is None:
        return None
    if isinstance(value, str) or hasattr(value, "resolvedPath"):
        return Text(value if isinstance(value, str) else str(value.path))
    return _numbers(context, prim, name, primvar, value, time)


def _numbers(context: ReadContext, prim: Any, name: str, primvar: Any, value: Any, time: Any) -> PrimvarValue:
    is_array = primvar.GetTypeName().isArray
    try:
        if is_array and len(value) and isinstance(value[0], str):
            return Text(str(value[0]))
        table = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        context.finding(
            "primvar.type",
            f"{prim.GetPath()}: primvar {name} is left out: it holds no numbers",
            prim.GetPath(),
        )
        return None
    if table.size == 0:
        return None
    rows = table.reshape(len(table), -1) if is_array else table.reshape(1, -1)
    indices = np.asarray(primvar.GetIndices(time), np.int64) if is_array and primvar.IsIndexed() else None
    if indices is not None and len(indices):
        fits = (indices >= 0) & (indices < len(rows))
        rows = rows[indices[fits]] if fits.any() else rows
    mean = tuple(sane(round(v, 7)) for v in np.nan_to_num(rows).mean(0)[:16].tolist())
    if len(rows) == 1 or str(primvar.GetInterpolation()) == "constant" or (rows == rows[0]).all():
        first = tuple(sane(round(v, 7)) for v in rows[0][:16].tolist())
        return Constant(first)
    return Varying(name, mean)
