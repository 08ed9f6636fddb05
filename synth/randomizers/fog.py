"""Fog: light that is lost on the way to the camera, and light that the air adds.

Koschmieder 1924: of the light L of a surface at range r a camera gets L t + A (1 - t) with t = exp(-beta r); A is the
airlight. Visibility is the range at which t has fallen to a threshold: 5 % is the meteorological optical range (WMO-No. 8,
part I, chapter 9: beta = 2.996 / visibility), 2 % is Koschmieder's visual range (beta = 3.912 / visibility).
With a scale height H the air thins out with height as exp(-(z - base) / H), and beta r becomes the integral along the ray.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from twinstage.scene.columns import F4, F8
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import NotNegative, Positive
from twinstage.synth.draws import Constant, Draws
from twinstage.synth.effects import Effect, Shot
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer
from twinstage.synth.randomizers.paint import HexColor, Rgb, drawn_color

THRESHOLDS = {"wmo": 0.05, "koschmieder": 0.02}
"""Share of light that is left at the visibility."""

_LEVEL = 1e-9
"""Rays that rise or fall less than this over their whole length count as level."""


@dataclass(frozen=True, slots=True)
class Fog(Effect):
    """`beta`: extinction [1/m] at height `base` [m]; `height`: in which it falls to 1/e [m], None for the same everywhere;
    `airlight`: linear rgb."""

    beta: float
    airlight: Rgb
    height: float | None = None
    base: float = 0.0

    def on_light(self, linear: F4, shot: Shot) -> F4:
        t = np.exp(-self.depth(shot))[..., None]
        out: F4 = (linear * t + np.array(self.airlight) * (1 - t)).astype(np.float32)
        return out

    def depth(self, shot: Shot) -> F8:
        """Optical depth of each pixel f8[h, w]; inf where no air ends the view."""
        distance = np.where(np.isfinite(shot.range), shot.range, np.inf).astype(np.float64)
        if self.height is None:
            return np.asarray(self.beta * distance)
        eye, direction = (np.asarray(v, np.float64) for v in shot.camera.rays())
        length = np.linalg.norm(direction, axis=-1)
        rise = np.nan_to_num(direction[..., 2] / np.where(length > 0, length, 1.0)).reshape(distance.shape)
        start = np.broadcast_to(eye[..., 2], rise.size).reshape(distance.shape)
        dense = self.beta * np.exp(-(start - self.base) / self.height)
        return np.asarray(dense * _thinning(distance, rise / self.height))

    def as_data(self) -> dict[str, Any]:
        return {
            "effect": "fog",
            "beta": self.beta,
            "airlight": list(self.airlight),
            "height": self.height,
            "base": self.base,
        }


def _thinning(distance: F8, slope: F8) -> F8:
    """The integral of exp(-slope s) over s from 0 to `distance`."""
    with np.errstate(over="ignore", invalid="ignore"):
        level = np.abs(slope) * np.minimum(distance, 1e12) < _LEVEL
        exact = -np.expm1(-slope * distance) / np.where(slope == 0, 1.0, slope)
    out: F8 = np.where(level, distance, exact)
    return np.where((slope <= 0) & np.isinf(distance), np.inf, out)


@RANDOMIZERS.register
class FogRandomizer(Randomizer):
    """Draws how dense the fog is.

    Attributes:
        visibility: range at which the air leaves 5 % of a surface's light, or 2 % [m].
        law: which of the two: wmo (5 %, meteorological optical range) or koschmieder (2 %).
        palette: colours of the airlight; brightness: factor on them, in the scene's linear light.
        height: in which the fog falls to 1/e of its density [m]; None: the same everywhere. base: height at which
            `visibility` holds [m].
    """

    kind: Literal["fog"] = "fog"
    visibility: Positive
    law: Literal["wmo", "koschmieder"] = "wmo"
    palette: tuple[HexColor, ...] = Field(default=("#d8dde2",), min_length=1)
    brightness: NotNegative = Constant(value=1.0)
    height: Positive | None = None
    base: float = 0.0

    def picture_effects(self, snapshot: Snapshot, draws: Draws) -> list[Effect]:
        visibility = max(draws.value("visibility", self.visibility), 1e-3)
        color = drawn_color(draws, None, self.palette)
        assert color is not None
        brightness = max(draws.value("brightness", self.brightness), 0.0)
        r, g, b = (c * brightness for c in color)
        height = None if self.height is None else max(draws.value("height", self.height), 1e-3)
        return [Fog(-float(np.log(THRESHOLDS[self.law])) / visibility, (r, g, b), height, self.base)]
