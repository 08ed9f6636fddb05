"""Lenses from plain data and back."""

from collections.abc import Mapping, Sequence

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.lens.base import Lens
from twinstage.render.lens.equirectangular import EQUIRECTANGULAR
from twinstage.render.lens.fisheye import Fisheye
from twinstage.render.lens.opencv import COUNTS, OpenCV
from twinstage.render.lens.orthographic import ORTHOGRAPHIC
from twinstage.render.lens.pinhole import PINHOLE

ALIASES = {
    "brown_conrady": "opencv",
    "plumb_bob": "opencv",
    "rational_polynomial": "opencv",
    "kannala_brandt": "fisheye",
    "equidistant": "fisheye",
}
"""Other names of the same lenses: the authors', and those of ROS's CameraInfo."""

PLAIN: Mapping[str, Lens] = {lens.kind: lens for lens in (PINHOLE, ORTHOGRAPHIC, EQUIRECTANGULAR)}
LARGEST = 1e6
"""Greatest coefficient: those of real lenses are hardly above 100."""
MOST_TILT = 1.5
"""Greatest tilt of a sensor [rad], short of its edge."""
KINDS = (*sorted(PLAIN), "fisheye", "opencv")
"""All kinds of lenses."""


def lens_from(kind: str, coefficients: Sequence[float] = (), *, max_angle: float | None = None) -> Lens:
    """The lens of that kind (`KINDS`, or a name of `ALIASES`) with OpenCV's coefficients.

    "opencv" takes 4, 5, 8, 12 or 14 of them, "fisheye" 4, the others none. Where all of an OpenCV lens are 0, it is the
    pinhole. `max_angle` [rad]: a fisheye's image circle. Raises UserError for what is no lens.
    """
    name = ALIASES.get(kind, kind)
    if name not in KINDS:
        raise UserError(f"there is no lens {kind!r}; expected {', '.join(KINDS)}{did_you_mean(kind, KINDS)}")
    numbers = _numbers(kind, coefficients)
    if max_angle is not None and name != "fisheye":
        raise UserError(f"a {kind} lens has no greatest angle; only a fisheye has one")
    if name == "fisheye":
        _count(kind, numbers, (0, 4))
        angle = np.pi if max_angle is None else max_angle
        if not 0 < angle <= np.pi:
            raise UserError(
                f"a fisheye's greatest angle lies above 0 and at most at pi, not at {angle:g} rad"
            )
        return Fisheye(numbers or (0.0,) * 4, float(angle))
    if name == "opencv":
        _count(kind, numbers, (0, *COUNTS))
        return OpenCV(numbers) if any(numbers) else PINHOLE
    _count(kind, numbers, (0,))
    return PLAIN[name]


def lens_data(lens: Lens) -> dict[str, object]:
    """Plain data that `lens_of_data` turns into an equal lens."""
    out: dict[str, object] = {"kind": lens.kind}
    if isinstance(lens, OpenCV | Fisheye):
        out["coefficients"] = list(lens.coefficients)
    if isinstance(lens, Fisheye) and lens.max_angle != np.pi:
        out["max_angle"] = lens.max_angle
    return out


def lens_of_data(data: object) -> Lens:
    """The lens of `lens_data`; raises UserError for what it does not know."""
    if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
        raise UserError(f"a lens is written as {{'kind': ..., 'coefficients': [...]}}, not as {data!r}")
    unknown = sorted(map(str, set(data) - {"kind", "coefficients", "max_angle"}))
    if unknown:
        raise UserError(
            f"a lens has no {unknown[0]!r}{did_you_mean(unknown[0], ['coefficients', 'max_angle'])}"
        )
    coefficients = data.get("coefficients", ())
    if not isinstance(coefficients, Sequence) or isinstance(coefficients, str):
        raise UserError(f"the coefficients of a lens are a list of numbers, not {coefficients!r}")
    angle = data.get("max_angle")
    if angle is not None and (isinstance(angle, bool) or not isinstance(angle, int | float)):
        raise UserError(f"the greatest angle of a lens is a number [rad], not {angle!r}")
    return lens_from(data["kind"], coefficients, max_angle=angle)


def _numbers(kind: str, coefficients: Sequence[float]) -> tuple[float, ...]:
    try:
        numbers = tuple(float(c) for c in coefficients)
    except (TypeError, ValueError):
        raise UserError(
            f"the coefficients of a {kind} lens are numbers, not {list(coefficients)!r}"
        ) from None
    if not all(abs(number) <= LARGEST for number in numbers):
        raise UserError(
            f"the coefficients of a {kind} lens are finite and at most {LARGEST:g}, not {list(numbers)}"
        )
    if any(abs(tilt) > MOST_TILT for tilt in numbers[12:14]):
        raise UserError(
            f"the sensor of a {kind} lens is tilted by at most {MOST_TILT:g} rad, not {list(numbers[12:14])}"
        )
    return numbers


def _count(kind: str, numbers: tuple[float, ...], known: Sequence[int]) -> None:
    if len(numbers) not in known:
        listed = ", ".join(str(k) for k in known if k) or "no"
        raise UserError(f"a {kind} lens takes {listed} coefficients, not {len(numbers)}")
