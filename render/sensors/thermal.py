"""A thermal camera: what the surfaces' temperatures look like in the far infrared.

Stages, in this order:
    1. surface       the first one in each pixel; glass is opaque here, so only what is cut out is looked through
    2. temperature   of the prim (`temperatures`), or `ambient`
    3. emissivity    by material path where given, else matt + metallic * (metal - matt); with `angular` times
                     1 - (1 - cos)^5 (Schlick's Fresnel term by Kirchhoff's law: what reflects more emits less)
    4. radiance      e L(T) + (1 - e) L(surroundings), L the band radiance of black bodies (`radiometry`)
    5. air           L exp(-k d) + L(ambient) (1 - exp(-k d)) over the distance d
    6. optics        a Gaussian blur
    7. noise         sigma = netd dL/dT at 300 K for each pixel; `column_noise` the same for each column of one device
    8. answer        the temperature of a black body of that radiance (apparent temperature)

Nothing conducts, glows onto others or mirrors its neighbours: a look from bound temperatures, not a simulation of heat.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.picture import save_png
from twinstage.render.sensors.base import SENSORS, Sensed, Sensor, View
from twinstage.render.sensors.noise import Noise
from twinstage.render.sensors.optics import blurred
from twinstage.render.sensors.palettes import Palette, colored
from twinstage.render.sensors.pixels import Pixels, caster_of, looked_at
from twinstage.render.sensors.radiometry import apparent_temperature, band_radiance, radiance_of
from twinstage.render.sensors.temperatures import prim_temperatures
from twinstage.scene.columns import F8, frozen
from twinstage.scene.snapshot import Snapshot

Kelvin = Annotated[float, Field(gt=0, le=3000)]
Share = Annotated[float, Field(ge=0, le=1)]

COUNTS_PER_KELVIN = 100.0
"""Of the radiometric picture: 10 mK a count, 655.35 K at most."""


@SENSORS.register
class Thermal(Sensor):
    """A thermal camera; see the module for the stages.

    Attributes:
        ambient: of what has no temperature of its own, and of the air [K].
        surroundings: what surfaces reflect [K]; background: where nothing is hit [K]; None: ambient.
        band: wavelengths [um].
        matt, metal: emissivities. emissivities: by material path, in their place.
        angular: whether emissivity falls at grazing angles.
        extinction: of the air [1/m]. blur: sigma [px].
        netd: noise equivalent temperature difference at 300 K [K]. column_noise: the same, fixed to columns of `device`.
        span: temperatures at the ends of the palette [K]; None: the 1st and 99.5th percentile of the picture.
        palette: of the 8-bit look.
    """

    kind: Literal["thermal"] = "thermal"
    needs_temperatures: ClassVar[bool] = True

    ambient: Kelvin = 293.15
    surroundings: Kelvin | None = None
    background: Kelvin | None = None
    band: tuple[Annotated[float, Field(ge=0.5)], Annotated[float, Field(le=100)]] = (8.0, 14.0)
    matt: Share = 0.95
    metal: Share = 0.2
    emissivities: dict[str, Share] = Field(default_factory=dict)
    angular: bool = True
    extinction: Annotated[float, Field(ge=0)] = 0.0
    blur: Annotated[float, Field(ge=0, le=50)] = 0.0
    netd: Annotated[float, Field(ge=0)] = 0.05
    column_noise: Annotated[float, Field(ge=0)] = 0.0
    device: int = 0
    span: tuple[Kelvin, Kelvin] | None = None
    palette: Palette = "iron"

    @model_validator(mode="after")
    def _ordered(self) -> "Thermal":
        if self.band[0] >= self.band[1]:
            raise ValueError("band goes from a shorter to a longer wavelength")
        if self.span is not None and self.span[0] >= self.span[1]:
            raise ValueError("span goes from a lower to a higher temperature")
        return self

    def __call__(self, view: View) -> Sensed:
        """`temperature` f4 (apparent) and `true_temperature` f4 [K], `emissivity` f4, `radiometric` u2, `look` u1[3].

        All [height, width]; in the background the true temperature is the background's and the emissivity 1.
        """
        shape = (view.camera.height, view.camera.width)
        pixels = looked_at(view, caster_of(view), transparent_below=1e-6)
        body = self._bodies(view, pixels)
        share = self._emissivity(view.snapshot, pixels)
        radiance = share * radiance_of(body, self.band)
        radiance += (1 - share) * band_radiance(self.surroundings or self.ambient, self.band)
        if self.extinction > 0:
            left = np.exp(-self.extinction * np.where(pixels.instance >= 0, pixels.distance, 0.0))
            radiance = radiance * left + band_radiance(self.ambient, self.band) * (1 - left)
        image = self._noisy(radiance.reshape(shape), view.seed)
        apparent = apparent_temperature(image, self.band)
        low, high = self.span or self._span(apparent)
        arrays = {
            "temperature": frozen(apparent, np.float32),
            "true_temperature": frozen(body.reshape(shape), np.float32),
            "emissivity": frozen(share.reshape(shape), np.float32),
            "radiometric": frozen(
                np.rint(np.clip(apparent * COUNTS_PER_KELVIN, 0, 65535)).astype(np.uint16), np.uint16
            ),
            "look": frozen(colored((apparent - low) / (high - low), self.palette), np.uint8),
        }
        return Sensed("thermal", arrays, view.camera)

    def save(self, sensed: Sensed, folder: Path, stem: str) -> list[Path]:
        """`stem.png` (the look) and `stem_radiometric.png` (16 bits, 0.01 K a count)."""
        paths = [folder / f"{stem}.png", folder / f"{stem}_radiometric.png"]
        save_png(paths[0], sensed["look"])
        save_png(paths[1], sensed["radiometric"])
        return paths

    def _bodies(self, view: View, pixels: Pixels) -> F8:
        """Temperature of what each pixel sees, f8[n] [K]."""
        by_prim = prim_temperatures(view.snapshot, view.temperatures, self.ambient)
        background = self.background if self.background is not None else self.ambient
        by_instance = np.append(by_prim[view.snapshot.instances.prim], background)
        out: F8 = by_instance[pixels.instance]
        return out

    def _emissivity(self, snapshot: Snapshot, pixels: Pixels) -> F8:
        look = pixels.look
        out = self.matt + look.metallic.astype(np.float64) * (self.metal - self.matt)
        known = {material.path: row for row, material in enumerate(snapshot.materials)}
        for path, value in self.emissivities.items():
            if path not in known:
                raise UserError(
                    f"sensor thermal: {snapshot.stage.path} has no material {path}{did_you_mean(path, known)}"
                )
            out[look.material == known[path]] = value
        if self.angular:
            out = out * (1 - (1 - look.cosine.astype(np.float64)) ** 5)
        return np.where(pixels.instance >= 0, out, 1.0)

    def _noisy(self, image: F8, seed: int) -> F8:
        if self.blur > 0:
            image = blurred(image.astype(np.float32), self.blur).astype(np.float64)
        slope = float(band_radiance(300.5, self.band) - band_radiance(299.5, self.band))
        if self.netd > 0:
            image = image + self.netd * slope * Noise(seed, "thermal").normal("netd", image.shape)
        if self.column_noise > 0:
            fixed = Noise(self.device, "thermal device").normal("column", (1, image.shape[1]))
            image = image + self.column_noise * slope * fixed
        return image

    def _span(self, apparent: F8) -> tuple[float, float]:
        low, high = np.percentile(apparent, [1.0, 99.5])
        # A picture of one temperature shows its noise as grey, not as a storm.
        middle, half = (low + high) / 2, max((high - low) / 2, 1.0)
        return float(middle - half), float(middle + half)
