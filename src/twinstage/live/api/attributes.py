"""Attributes of a prim: what the designers' files say, and what the twin has. Touches pxr."""

from collections.abc import Callable
from typing import Any

import numpy as np

from twinstage.scene.ui_values import si_factor
from twinstage.sync.api.prims import Attribute, AttributeValue

MOST = 500
MOST_NUMBERS = 64


def attributes_of(stage: Any, path: str, locks: Callable[[str], str | None]) -> tuple[Attribute, ...]:
    """Attributes with a value of their own, by name. `locks`: why one cannot be set by hand, by its name."""
    from pxr import UsdGeom

    prim = stage.GetPrimAtPath(path)
    own = {layer.identifier for layer in stage.GetLayerStack(includeSessionLayers=True)}
    own -= {layer.identifier for layer in stage.GetLayerStack(includeSessionLayers=False)}
    unit = float(UsdGeom.GetStageMetersPerUnit(stage))
    attributes = sorted(prim.GetAuthoredAttributes(), key=lambda attribute: attribute.GetName())
    return tuple(
        _attribute(one, own, locks(one.GetName()), si_factor(one.GetName(), unit))
        for one in attributes[:MOST]
    )


def _attribute(attribute: Any, own: set[str], locked: str | None, factor: float) -> Attribute:
    stack = attribute.GetPropertyStack()
    changed = any(spec.layer.identifier in own and spec.default is not None for spec in stack)
    authored, animated = None, False
    for spec in stack:
        if spec.layer.identifier in own:
            continue
        times = spec.layer.ListTimeSamplesForPath(spec.path)
        animated |= bool(times)
        if authored is None:
            authored = spec.default if not times else spec.layer.QueryTimeSample(spec.path, times[0])
    live = attribute.Get() if changed else authored
    value, size = plain(live)
    return Attribute(
        name=attribute.GetName(),
        type=str(attribute.GetTypeName()),
        authored=plain(authored)[0],
        live=value,
        size=size,
        animated=animated,
        changed=changed,
        locked=locked,
        si_factor=factor,
    )


def plain(value: Any) -> tuple[AttributeValue, int | None]:
    """A USD value as JSON has it, and how many elements an array has."""
    if value is None or isinstance(value, bool | int | str):
        return value, None
    if isinstance(value, float):
        return value, None
    kind = type(value).__name__
    if kind == "AssetPath":
        return str(value.path), None
    if kind.startswith("Quat") and not kind.endswith("Array"):
        return (float(value.real), *map(float, value.imaginary)), None
    try:
        array = np.asarray(value)
        size = len(value) if kind.endswith("Array") else None
        numbers = array.astype(np.float64).ravel()
    except (TypeError, ValueError):
        return (None, len(value)) if hasattr(value, "__len__") else (str(value)[:500], None)
    if len(numbers) > MOST_NUMBERS:
        return None, size
    return tuple(numbers.tolist()), size
