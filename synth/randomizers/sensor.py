"""The camera's sensor and lens: exposure, blur, vignetting, noise, colour filter, white balance, tone, JPEG.

The model is `render.sensors.rgb`; here its numbers are drawn, one set for each frame, the same for all cameras of it. Noise
differs from camera to camera and frame to frame; the sensor's fixed pattern (`prnu`) does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from twinstage.base.errors import UserError
from twinstage.render.sensors.base import View
from twinstage.render.sensors.bayer import Mosaic
from twinstage.render.sensors.jpeg import through_jpeg
from twinstage.render.sensors.rgb import Rgb
from twinstage.scene.columns import F4, U1
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import Share, bounded
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.effects import Effect, Shot
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer
from twinstage.synth.streams import Stream

LIMITS: Mapping[str, tuple[float, float]] = {
    "exposure": (-30.0, 30.0),
    "blur": (0.0, 20.0),
    "vignetting": (0.0, 1.0),
    "red_scale": (0.9, 1.1),
    "blue_scale": (0.9, 1.1),
    "full_well": (10.0, 1e7),
    "dark_electrons": (0.0, 1e6),
    "read_noise": (0.0, 1e6),
    "prnu": (0.0, 1.0),
    "white_balance": (1667.0, 25_000.0),
}
"""Numbers of the sensor that are drawn, brought into these."""


@dataclass(frozen=True, slots=True)
class Sensing(Effect):
    """What a sensor makes of light (`rgb`), then `gamma` (exponent on sRGB values) and JPEG (`jpeg`: quality).

    `noise`: name of its streams.
    """

    rgb: Rgb
    gamma: float
    jpeg: int | None
    noise: str

    def on_light(self, linear: F4, shot: Shot) -> F4:
        gain = np.float32(
            2.0**shot.camera.exposure
        )  # electrons count exposed light; the tone map comes later
        seed = Stream(*shot.key, self.noise).word()
        camera = replace(shot.camera, exposure=0.0)
        sensed = self.rgb(View(shot.snapshot, camera, seed, linear=linear * gain))
        out: F4 = np.asarray(sensed["linear"] / gain, np.float32)
        return out

    def on_picture(self, rgb: U1, shot: Shot) -> U1:
        if self.gamma != 1.0:
            rgb = np.rint((rgb / 255) ** self.gamma * 255).astype(np.uint8)
        return rgb if self.jpeg is None else through_jpeg(rgb, self.jpeg)

    def as_data(self) -> dict[str, Any]:
        sensor = self.rgb.model_dump(mode="json", exclude_defaults=True)
        return {"effect": "sensor", **sensor, "gamma": self.gamma, "jpeg": self.jpeg}


@RANDOMIZERS.register
class SensorRandomizer(Randomizer):
    """Draws what a camera does to light; what is left out is ideal.

    Attributes:
        exposure: [EV]. blur: sigma of the lens's spread [px]. vignetting: strength of the cos^4 fall-off, 0 to 1.
        red_scale, blue_scale: size of these channels relative to green: colour fringes.
        full_well: electrons that a pixel holds: the fewer, the more shot noise. dark_electrons, read_noise [electrons],
            prnu (share): they need `full_well`.
        bits: of the converter. mosaic: colour filter array, which is then interpolated.
        white_balance: [K] that is taken for white: 6500 leaves light of 6500 K grey.
        gamma: exponent on the finished picture's sRGB values.
        jpeg: quality, 1 to 100, rounded.
    """

    kind: Literal["sensor"] = "sensor"
    exposure: Annotated[Distribution, bounded(-30, 30)] | None = None
    blur: Annotated[Distribution, bounded(0, 20)] | None = None
    vignetting: Share | None = None
    red_scale: Annotated[Distribution, bounded(0.9, 1.1)] | None = None
    blue_scale: Annotated[Distribution, bounded(0.9, 1.1)] | None = None
    full_well: Annotated[Distribution, bounded(10, 1e7)] | None = None
    dark_electrons: Annotated[Distribution, bounded(0, 1e6)] | None = None
    read_noise: Annotated[Distribution, bounded(0, 1e6)] | None = None
    prnu: Share | None = None
    bits: int = Field(default=0, ge=0, le=16)
    mosaic: Mosaic | None = None
    white_balance: Annotated[Distribution, bounded(1667, 25_000)] | None = None
    gamma: Annotated[Distribution, bounded(0.1, 10)] | None = None
    jpeg: Annotated[Distribution, bounded(1, 100)] | None = None

    @model_validator(mode="after")
    def _makes_a_sensor(self) -> "SensorRandomizer":
        if self.full_well is None and (self.dark_electrons or self.read_noise or self.prnu):
            raise ValueError("dark_electrons, read_noise and prnu need a full_well")
        return self

    def picture_effects(self, snapshot: Snapshot, draws: Draws) -> list[Effect]:
        numbers: dict[str, Any] = {}
        for name, (low, high) in LIMITS.items():
            distribution = getattr(self, name)
            if distribution is not None:
                numbers[name] = min(max(draws.value(name, distribution), low), high)
        try:
            rgb = Rgb(bits=self.bits, mosaic=self.mosaic, **numbers)
        except ValidationError as error:
            raise UserError(f"{self.who}: {error.errors()[0]['msg']}") from None
        gamma = 1.0 if self.gamma is None else min(max(draws.value("gamma", self.gamma), 0.1), 10.0)
        quality = None if self.jpeg is None else round(min(max(draws.value("jpeg", self.jpeg), 1), 100))
        return [Sensing(rgb, gamma, quality, self.name)]
