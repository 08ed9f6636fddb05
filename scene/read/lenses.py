"""Lens distortion authored on cameras -> `SceneLens`: USD has no schema for it, so well-known attributes are read by name.

    twin:lens:*              ours: model, coefficients, K with imageSize, maxAngle; twin:shutter:readout
    twin:motion:*            velocity [m/s], angularVelocity [degrees/s] while the shutter is open, in the camera's axes
    omni:lensdistortion:*    Omniverse's OmniLensDistortionOpenCvPinholeAPI and OmniLensDistortionOpenCvFisheyeAPI

No plug-in is needed. What cannot be meant is left out with a finding; the camera is then the pinhole that USD states.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.scene.read.context import array
from twinstage.scene.snapshot import SceneLens

if TYPE_CHECKING:
    from twinstage.scene.read.cameras import Values

_LONGEST = 300
OURS, OMNIVERSE = "twin:lens:", "omni:lensdistortion:"
READOUT = "twin:shutter:readout"
VELOCITY, ANGULAR_VELOCITY = "twin:motion:velocity", "twin:motion:angularVelocity"
COUNTS = {"pinhole": (0,), "opencv": (4, 5, 8, 12, 14), "fisheye": (4,), "equirectangular": (0,)}
"""Our models, and how many coefficients each takes; none stands for zeros."""

OPENCV = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4")
"""Omniverse's names of a pinhole's coefficients in OpenCV's order."""
FISHEYE = ("k1", "k2", "k3", "k4")
OMNIVERSE_FALL_BACK = {"fx": 900.0, "fy": 800.0, "cx": 1024.0, "cy": 512.0}
OMNIVERSE_SIZE = (2048.0, 1024.0)
"""The schema's values, which count where none are authored."""
FASTEST = 1e5
"""Greatest velocity [m/s] or [degrees/s] of a camera."""


def read_lens(values: "Values") -> SceneLens | None:
    """The lens authored on a camera, or None where there is none."""
    if _get(values, f"{OURS}model") is not None:
        return _ours(values)
    model = _get(values, f"{OMNIVERSE}model")
    return None if model is None else _omniverse(values, str(model))


def read_readout(values: "Values") -> float:
    """How much later the last row is exposed than the first [s]."""
    found = _get(values, READOUT)
    if found is None:
        return 0.0
    number = _number(found)
    if math.isfinite(number):
        return number
    values.note("camera.value", f"has {READOUT} {found}, where a number of seconds was expected; 0 is used")
    return 0.0


Triple = tuple[float, float, float]


def read_motion(values: "Values") -> tuple[Triple, Triple]:
    """Velocity [m/s] and angular velocity [rad/s] of a camera while its shutter is open, in its own axes."""
    velocity, turning = _triple(values, VELOCITY), _triple(values, ANGULAR_VELOCITY)
    return velocity, (math.radians(turning[0]), math.radians(turning[1]), math.radians(turning[2]))


def _triple(values: "Values", name: str) -> Triple:
    found = _get(values, name)
    numbers = (0.0, 0.0, 0.0) if found is None else _numbers(found)
    if numbers is None or len(numbers) != 3 or any(abs(v) > FASTEST for v in numbers):
        values.note(
            "camera.value",
            f"has {name} {found}, where three numbers up to {FASTEST:g} were expected; 0 is used",
        )
        return 0.0, 0.0, 0.0
    return numbers[0], numbers[1], numbers[2]


def _ours(values: "Values") -> SceneLens | None:
    model = str(_get(values, f"{OURS}model"))
    if model not in COUNTS:
        return _refused(values, f"{OURS}model {model!r}, which is none of {', '.join(COUNTS)}")
    given = _get(values, f"{OURS}coefficients")
    coefficients = () if given is None else _coefficients(given)
    allowed = COUNTS[model]
    if coefficients is None or (coefficients and len(coefficients) not in allowed):
        expected = " or ".join(map(str, allowed))
        return _refused(
            values, f"{OURS}coefficients {given}, where {expected} numbers of a lens were expected"
        )
    angle = _number(_get(values, f"{OURS}maxAngle", 180.0))
    if not 0 < angle <= 180:
        return _refused(values, f"{OURS}maxAngle {angle:g}, where at most 180 degrees were expected")
    return _calibrated(
        values,
        SceneLens(model, coefficients, max_angle=math.radians(angle)),
        _get(values, f"{OURS}K"),
        _get(values, f"{OURS}imageSize"),
        f"{OURS}K and {OURS}imageSize",
    )


def _omniverse(values: "Values", model: str) -> SceneLens | None:
    ours, names = {"opencvPinhole": ("opencv", OPENCV), "opencvFisheye": ("fisheye", FISHEYE)}.get(
        model, ("", ())
    )
    if not ours:
        return _refused(values, f"{OMNIVERSE}model {model!r}, which is not known here")
    prefix = f"{OMNIVERSE}{model}:"
    missing = [n for n in (*OMNIVERSE_FALL_BACK, "imageSize") if _get(values, prefix + n) is None]
    if missing:
        values.note(
            "camera.lens",
            f"does not author {prefix}{missing[0]}; the schema's value is used "
            "(fx 900, fy 800, cx 1024, cy 512, imageSize 2048 x 1024)",
        )
    numbers = _coefficients([_get(values, prefix + name, 0.0) for name in names])
    if numbers is None:
        return _refused(values, f"{prefix}* coefficients that are not all numbers of a lens")
    k = [_get(values, prefix + name, fall_back) for name, fall_back in OMNIVERSE_FALL_BACK.items()]
    size = _get(values, f"{prefix}imageSize", OMNIVERSE_SIZE)
    return _calibrated(values, SceneLens(ours, numbers), k, size, f"{prefix}fx, fy, cx, cy and imageSize")


def _calibrated(values: "Values", lens: SceneLens, k: Any, size: Any, names: str) -> SceneLens | None:
    """The lens with those intrinsics fx, fy, cx, cy [px] of an image of that size, where there are any."""
    if k is None and size is None:
        return lens
    numbers, extent = _numbers(k), _numbers(size)
    if numbers is None or extent is None or not _sane(numbers, extent):
        return _refused(
            values, f"{names} of {k} and {size}, where focal lengths and a size above 0 were expected"
        )
    fx, fy, cx, cy = numbers
    return replace(lens, intrinsics=(fx, fy, cx, cy), image_size=(extent[0], extent[1]))


def _sane(k: tuple[float, ...], extent: tuple[float, ...]) -> bool:
    """Focal lengths and sizes above 0, and nothing so large or small that no camera has it [px]."""
    counts = len(k) == 4 and len(extent) == 2
    return (
        counts
        and all(1e-3 <= f <= 1e9 for f in k[:2])
        and all(abs(c) <= 1e9 for c in k[2:])
        and all(1 <= side <= 1e6 for side in extent)
    )


def _coefficients(value: Any) -> tuple[float, ...] | None:
    """Numbers that a lens may have: tilts short of a right angle, and no more than a million elsewhere; or None."""
    numbers = _numbers(value)
    if (
        numbers is None
        or any(abs(c) > 1e6 for c in numbers)
        or any(abs(tilt) > 1.5 for tilt in numbers[12:14])
    ):
        return None
    return numbers


def _refused(values: "Values", what: str) -> SceneLens | None:
    shown = what if len(what) <= _LONGEST else f"{what[:_LONGEST]}..."
    values.note("camera.lens", f"has {shown}; its lens is taken for a pinhole")
    return None


def _get(values: "Values", name: str, otherwise: Any = None) -> Any:
    attribute = values.prim.GetAttribute(name)
    value = attribute.Get(values.context.time) if attribute else None
    return otherwise if value is None else value


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _numbers(value: Any) -> tuple[float, ...] | None:
    """Finite numbers, or None for anything else."""
    found = array(value)
    if found is None or found.ndim != 1 or len(found) > 64 or not np.isfinite(found).all():
        return None
    return tuple(found.tolist())
