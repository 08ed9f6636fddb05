"""Where temperatures come from: the attribute `twin:temperature`, authored or bound to a signal. Touches pxr.

A binding `{kind: attribute, attribute: "twin:temperature", signal: ..., unit: Cel}` writes the attribute with its unit
(UCUM) as customData `unit`; an authored one may state it there or as `ucum`, and is in kelvin without. A snapshot holds
no attributes, so temperatures travel beside it, as a mapping of prim path -> kelvin.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.columns import F8, AttributeColumns
from twinstage.scene.snapshot import Snapshot, by_depth, depths
from twinstage.telemetry.units import convert

ATTRIBUTE = "twin:temperature"


def stage_temperatures(stage: Any, time_code: float | None = None) -> dict[str, float]:
    """Kelvin by prim path of all `twin:temperature` on a Usd.Stage, instance proxies too.

    `time_code` None reads the default, or the earliest sample where there is no default. Raises UserError for values
    that are no temperature and for units of something else.
    """
    from pxr import Usd

    time = Usd.TimeCode.EarliestTime() if time_code is None else Usd.TimeCode(time_code)
    out: dict[str, float] = {}
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()):
        if prim.IsPseudoRoot() or not prim.HasAttribute(ATTRIBUTE):
            continue
        attribute = prim.GetAttribute(ATTRIBUTE)
        value, path = attribute.Get(time), str(prim.GetPath())
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise UserError(f"{ATTRIBUTE} of {path} is of type {attribute.GetTypeName()}, not a number")
        unit = attribute.GetCustomDataByKey("unit") or attribute.GetCustomDataByKey("ucum") or "K"
        out[path] = _kelvin(float(value), str(unit), path)
    return out


def column_temperatures(
    attributes: tuple[tuple[str, str], ...], columns: AttributeColumns
) -> dict[str, float]:
    """The same from one tick: `BindingPlan.attributes` and the tick's attribute columns; what did not change is absent."""
    out: dict[str, float] = {}
    for slot, value in zip(columns.slot.tolist(), columns.value.tolist(), strict=True):
        path, _, name = attributes[slot][0].partition(".")
        if name == ATTRIBUTE:
            out[path] = _kelvin(value, attributes[slot][1] or "K", path)
    return out


def prim_temperatures(snapshot: Snapshot, temperatures: Mapping[str, float], ambient: float) -> F8:
    """Kelvin of each prim, f8[prims]: its own, or that of the nearest ancestor that has one, or `ambient`."""
    index = snapshot.prims.index_of
    out = np.full(len(snapshot.prims), np.nan)
    for path, value in temperatures.items():
        if path not in index:
            raise UserError(
                f"a temperature is given for {path}, and {snapshot.stage.path} has no such prim"
                f"{did_you_mean(path, snapshot.prims.path)}"
            )
        out[index[path]] = _checked(value, path)
    parent = snapshot.prims.parent
    for level in by_depth(depths(parent))[1:]:
        missing = level[np.isnan(out[level])]
        out[missing] = out[parent[missing]]
    return np.where(np.isnan(out), ambient, out)


def _kelvin(value: float, unit: str, path: str) -> float:
    try:
        map_ = convert(unit, "K")
    except UserError as error:
        raise UserError(f"{ATTRIBUTE} of {path}: {error}") from None
    return _checked(map_(value), path)


def _checked(value: float, path: str) -> float:
    if not 0 < value < 1e5:
        raise UserError(f"the temperature of {path} is {value:g} K, which nothing has")
    return float(value)
