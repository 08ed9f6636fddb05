"""Metadata of a layer that hangs or breaks the USD library: put right in memory, each with a finding."""

import math
from typing import Any

from twinstage.base.finding import Finding
from twinstage.scene.safe import limits

_NUMBERS = (
    "metersPerUnit",
    "kilogramsPerUnit",
    "timeCodesPerSecond",
    "framesPerSecond",
    "startTimeCode",
    "endTimeCode",
)


def put_right(layer: Any) -> list[Finding]:
    """Clamp what is out of range in a layer; findings say what was changed. A change of type alone gives none."""
    name = layer.identifier
    return [*_numbers(layer, name), *_rates(layer, name), *_range(layer, name), *_sublayers(layer, name)]


def _numbers(layer: Any, name: str) -> list[Finding]:
    """Old exporters wrote doubles as floats, on which the schemas' getters throw."""
    root, found = layer.pseudoRoot, []
    for key in _NUMBERS:
        if not root.HasInfo(key):
            continue
        value = root.GetInfo(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            root.SetInfo(key, float(value))  # changes the layer only where the stored type differs
            continue
        root.ClearInfo(key)
        message = f"{key} of {name} is no number ({str(value)[:40]!r}), so it is ignored"
        found.append(Finding("stage.metadata-type", "warning", "", message))
    return found


def _rates(layer: Any, name: str) -> list[Finding]:
    found = []
    for key in ("timeCodesPerSecond", "framesPerSecond"):
        if not layer.pseudoRoot.HasInfo(key):
            continue
        rate = layer.pseudoRoot.GetInfo(key)
        if not limits.MIN_TIME_RATE <= rate <= limits.MAX_TIME_RATE:
            layer.pseudoRoot.SetInfo(key, 24.0)
            message = f"{key} of {name} is {rate:g}, which is no rate that time can run at, so 24 is used"
            found.append(Finding("stage.time-rate", "error", "", message, "author a number greater than 0"))
    return found


def _range(layer: Any, name: str) -> list[Finding]:
    root, found = layer.pseudoRoot, []
    for key in ("startTimeCode", "endTimeCode"):
        if root.HasInfo(key) and not math.isfinite(root.GetInfo(key)):
            message = f"{key} of {name} is {root.GetInfo(key):g}, so it is ignored"
            root.ClearInfo(key)
            found.append(Finding("stage.time-range", "error", "", message))
    return found


def _sublayers(layer: Any, name: str) -> list[Finding]:
    from pxr import Sdf

    found = []
    for index, moved in enumerate(list(layer.subLayerOffsets)):
        good = (
            abs(moved.offset) <= limits.MAX_TIME_OFFSET
            and limits.MIN_TIME_SCALE <= moved.scale <= limits.MAX_TIME_SCALE
        )
        if not good:
            layer.subLayerOffsets[index] = Sdf.LayerOffset()
            sublayer = layer.subLayerPaths[index]
            message = (
                f"sublayer {sublayer!r} of {name} has offset {moved.offset:g} and scale {moved.scale:g}, "
                "which no time can follow, so neither is applied"
            )
            found.append(Finding("stage.time-offset", "error", "", message))
    return found
