"""Edits of cameras: which properties an edit may set, their USD types, and what a camera is after them.

A lens is set whole (`lens_edits`): its model, coefficients, K with the image size that it is for, and greatest angle, so
that what the stage says of a lens, in whichever vocabulary, no longer counts. Everything else is set one by one.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.snapshot import SceneCamera, SceneLens, StageInfo

CAMERA_TYPES: Mapping[str, str] = {
    "focalLength": "float",
    "horizontalAperture": "float",
    "verticalAperture": "float",
    "horizontalApertureOffset": "float",
    "verticalApertureOffset": "float",
    "fStop": "float",
    "focusDistance": "float",
    "clippingRange": "float2",
    "shutter:open": "double",
    "shutter:close": "double",
    "twin:shutter:readout": "double",
    "twin:motion:velocity": "double3",
    "twin:motion:angularVelocity": "double3",
    "twin:lens:model": "token",
    "twin:lens:coefficients": "double[]",
    "twin:lens:K": "double4",
    "twin:lens:imageSize": "double2",
    "twin:lens:maxAngle": "double",
}
"""USD type by property."""

_LENGTHS = {
    "focalLength": "focal_length",
    "horizontalAperture": "horizontal_aperture",
    "verticalAperture": "vertical_aperture",
    "horizontalApertureOffset": "horizontal_offset",
    "verticalApertureOffset": "vertical_offset",
}
_SHUTTER = {"shutter:open": "shutter_open", "shutter:close": "shutter_close"}
_LENS = [name for name in CAMERA_TYPES if name.startswith("twin:lens:")]

Values = Mapping[str, Any]


def edited_camera(camera: SceneCamera, path: str, values: Values, stage: StageInfo) -> SceneCamera:
    """The camera that reading the stage with these properties on top would give, in the same order of arithmetic."""
    changes: dict[str, Any] = {}
    scale = stage.meters_per_unit
    for name, value in values.items():
        if name in _LENGTHS:
            changes[_LENGTHS[name]] = _f4(value) * scale * 100.0
        elif name in _SHUTTER:
            changes[_SHUTTER[name]] = float(value) * (1.0 / stage.time_codes_per_second)
        elif name == "fStop":
            changes["f_stop"] = _f4(value)
        elif name == "focusDistance":
            changes["focus_distance"] = _f4(value) * scale
        elif name == "clippingRange":
            changes["near"], changes["far"] = (_f4(v) * scale for v in value)
        elif name == "twin:shutter:readout":
            changes["readout"] = float(value)
        elif name == "twin:motion:velocity":
            changes["velocity"] = tuple(float(v) for v in value)
        elif name == "twin:motion:angularVelocity":
            changes["angular_velocity"] = tuple(math.radians(float(v)) for v in value)
        elif name not in _LENS:
            raise UserError(f"{path} has no property {name!r} that an edit can set")
    if any(name in _LENS for name in values):
        changes["lens"] = _lens(path, values)
    return replace(camera, **changes) if changes else camera


def _lens(path: str, values: Values) -> SceneLens:
    missing = [name for name in _LENS if name not in values]
    if missing:
        raise UserError(f"{path}: an edit of a lens sets all of {', '.join(_LENS)} (see {missing[0]})")
    fx, fy, cx, cy = (float(v) for v in values["twin:lens:K"])
    width, height = (float(v) for v in values["twin:lens:imageSize"])
    return SceneLens(
        str(values["twin:lens:model"]),
        tuple(float(v) for v in values["twin:lens:coefficients"]),
        (fx, fy, cx, cy),
        (width, height),
        math.radians(float(values["twin:lens:maxAngle"])),
    )


def _f4(value: Any) -> float:
    """The float32 that a USD float attribute would hold."""
    return float(np.float32(value))
