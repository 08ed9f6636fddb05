"""The colour camera: from linear light to a picture as a camera delivers it.

Stages, in this order; each is off by default, and with all off the picture is the engines' own (`render.color.tone_map`):

    1. exposure     light * 2^EV, EV of the camera plus `exposure`; with iso, time and f_number light / (1.2 * 2^EV100),
                    EV100 = log2(f_number^2 / time * 100 / iso): saturation-based speed, ISO 12232
    2. colours      red and blue enlarged about the principal point (lateral chromatic aberration); green stays, and
                    labels are those of the green channel
    3. blur         a Gaussian point spread function
    4. vignetting   (1 - v) + v cos^4 of the angle to the optical axis, times 1 + a r^2 + b r^4 + ...
    5. mosaic       one colour a photosite
    6. electrons    light / white * full_well * (1 + prnu n1), Poisson (shot noise), dark electrons (Poisson too, their
                    mean unevened by dsnu n2), read noise (normal); clipped at full_well. The model of EMVA 1288
    7. converter    rounded to 2^bits steps over full_well, black level added and clipped away
    8. demosaic     bilinear
    9. white balance  gains that make light of that temperature neutral
   10. tone         one of the engines' tone maps (`render.color`), then 8 bits
   11. jpeg         Pillow (libjpeg): same bytes for the same build of it
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera
from twinstage.render.color import ToneMap, tone_map
from twinstage.render.picture import save_png
from twinstage.render.sensors.base import SENSORS, Sensed, Sensor, View
from twinstage.render.sensors.bayer import Mosaic, channel_map, demosaicked, mosaicked
from twinstage.render.sensors.jpeg import jpeg_bytes, jpeg_pixels
from twinstage.render.sensors.noise import Noise
from twinstage.render.sensors.optics import blurred, cos4, radial, scaled_about
from twinstage.render.sensors.white import balance_gains
from twinstage.scene.columns import F8, frozen

Share = Annotated[float, Field(ge=0, le=1)]


@SENSORS.register
class Rgb(Sensor):
    """A colour camera; see the module for the stages.

    Attributes:
        exposure: [EV]. iso, time [s], f_number: all three or none.
        red_scale, blue_scale: size of these channels relative to green.
        blur: sigma [px].
        vignetting: strength of cos^4. falloff: a, b, ... of even powers of the radius (1 at half the diagonal).
        mosaic: colour filter array, None for three colours a pixel.
        full_well: electrons of a full photosite; None: no electrons, no noise.
        white: linear value that fills a photosite; 4 leaves the tone map's highlights their room.
        shot_noise: Poisson noise of the light.
        dark_electrons: mean of an exposure. read_noise: sigma [electron].
        prnu: relative sigma of the photosites' gain. dsnu: sigma of their dark electrons [electron]. Both are fixed
            patterns of one `device`, the same at every seed.
        bits: of the converter, 0 for none. black_level: added before rounding, share of the range.
        white_balance: [K], None for none.
        tone: see stage 10. jpeg: quality, None for none.
    """

    kind: Literal["rgb"] = "rgb"
    needs_linear: ClassVar[bool] = True

    exposure: Annotated[float, Field(ge=-30, le=30)] = 0.0
    iso: Annotated[float, Field(gt=0)] | None = None
    time: Annotated[float, Field(gt=0)] | None = None
    f_number: Annotated[float, Field(gt=0)] | None = None
    red_scale: Annotated[float, Field(ge=0.9, le=1.1)] = 1.0
    blue_scale: Annotated[float, Field(ge=0.9, le=1.1)] = 1.0
    blur: Annotated[float, Field(ge=0, le=100)] = 0.0
    vignetting: Share = 0.0
    falloff: Annotated[tuple[float, ...], Field(max_length=8)] = ()
    mosaic: Mosaic | None = None
    full_well: Annotated[float, Field(gt=0)] | None = None
    white: Annotated[float, Field(gt=0)] = 4.0
    shot_noise: bool = True
    dark_electrons: Annotated[float, Field(ge=0)] = 0.0
    read_noise: Annotated[float, Field(ge=0)] = 0.0
    prnu: Share = 0.0
    dsnu: Annotated[float, Field(ge=0)] = 0.0
    device: int = 0
    bits: Annotated[int, Field(ge=0, le=16)] = 0
    black_level: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    white_balance: Annotated[float, Field(ge=1667, le=25_000)] | None = None
    tone: ToneMap = "soft"
    jpeg: Annotated[int, Field(ge=1, le=100)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Rgb":
        if len({self.iso is None, self.time is None, self.f_number is None}) == 2:
            raise ValueError("iso, time and f_number are given together or not at all")
        noisy = self.dark_electrons or self.read_noise or self.prnu or self.dsnu
        if self.full_well is None and noisy:
            raise ValueError("dark_electrons, read_noise, prnu and dsnu need a full_well")
        return self

    def __call__(self, view: View) -> Sensed:
        """`rgb` u1[h, w, 3], `linear` f4[h, w, 3] before the tone curve, `raw` u2[h, w(, 3)] with a converter, `jpeg` u1[n]."""
        if view.linear is None:
            raise UserError(
                f"sensor rgb of camera {view.camera.name} needs a linear picture (AOV linear) of an engine"
            )
        light = np.asarray(view.linear, np.float32)
        ev = self.stops(view.camera)
        arrays: dict[str, np.ndarray] = {}
        if self._changes_light:
            light = np.nan_to_num(light, nan=0.0, posinf=1e6, neginf=0.0) * np.float32(2.0**ev)
            ev = 0.0
            light = self._exposed(self._through_lens(light, view.camera), Noise(view.seed, "rgb"), arrays)
        arrays["linear"] = light * np.float32(2.0**ev) if ev else light
        arrays["rgb"] = tone_map(light, ev, self.tone)
        if self.jpeg is not None:
            height, width = arrays["rgb"].shape[:2]
            data = jpeg_bytes(arrays["rgb"], self.jpeg)
            arrays["jpeg"] = np.frombuffer(data, np.uint8)
            arrays["rgb"] = jpeg_pixels(data, (width, height))
        return Sensed("rgb", {k: frozen(np.array(v), v.dtype.type) for k, v in arrays.items()}, view.camera)

    def save(self, sensed: Sensed, folder: Path, stem: str) -> list[Path]:
        """`stem.jpg` where there is JPEG, otherwise `stem.png`; `stem_raw.png` (16 bits) of a converter."""
        paths = [folder / (f"{stem}.png" if self.jpeg is None else f"{stem}.jpg")]
        if self.jpeg is None:
            save_png(paths[0], sensed["rgb"])
        else:
            paths[0].write_bytes(sensed["jpeg"].tobytes())
        if "raw" in sensed.arrays:
            paths.append(folder / f"{stem}_raw.png")
            save_png(paths[1], sensed["raw"])
        return paths

    def stops(self, camera: Camera) -> float:
        """Exposure of stage 1 [EV]."""
        ev = self.exposure + camera.exposure
        if self.iso is not None and self.time is not None and self.f_number is not None:
            ev -= float(np.log2(1.2 * self.f_number**2 / self.time * 100 / self.iso))
        return ev

    @property
    def _changes_light(self) -> bool:
        """Whether anything of stages 2 to 9 is on."""
        lens = self.red_scale != 1 or self.blue_scale != 1 or self.blur > 0 or self.vignetting > 0
        counts = self.full_well is not None or self.bits > 0 or self.mosaic is not None
        return bool(lens or self.falloff or counts or self.white_balance is not None)

    def _through_lens(self, light: np.ndarray, camera: Camera) -> np.ndarray:
        if self.red_scale != 1 or self.blue_scale != 1:
            light = light.copy()
            for channel, scale in ((0, self.red_scale), (2, self.blue_scale)):
                if scale != 1:
                    light[..., channel] = scaled_about(light[..., channel], camera.K[:2, 2], scale)
        if self.blur > 0:
            light = blurred(light, self.blur)
        if self.vignetting > 0:
            light = light * (1 - self.vignetting + self.vignetting * cos4(camera))[..., None]
        if self.falloff:
            light = light * radial(camera, self.falloff)[..., None]
        return light

    def _exposed(self, light: np.ndarray, noise: Noise, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """Stages 5 to 9; puts `raw` into the arrays."""
        channels = None
        values = np.maximum(light.astype(np.float64), 0.0)
        if self.mosaic is not None:
            channels = channel_map(self.mosaic, *light.shape[:2])
            values = mosaicked(values, channels)
        full = self.full_well if self.full_well is not None else 1.0
        if self.full_well is not None:
            values = self._electrons(values / self.white * full, full, noise) / full * self.white
        if self.bits:
            steps, black = 2**self.bits - 1, self.black_level * (2**self.bits - 1)
            counts = np.clip(np.rint(values / self.white * (steps - black) + black), 0, steps)
            arrays["raw"] = counts.astype(np.uint16)
            values = (counts - black) / (steps - black) * self.white
        if channels is not None:
            values = demosaicked(values, channels)
        if self.white_balance is not None:
            values = values * balance_gains(self.white_balance)
        return values.astype(np.float32)

    def _electrons(self, mean: F8, full: float, noise: Noise) -> F8:
        fixed = Noise(self.device, "rgb device")
        if self.prnu > 0:
            mean = mean * np.maximum(1 + self.prnu * fixed.normal("prnu", mean.shape), 0.0)
        # A photosite far beyond full is full whatever the noise: the mean is bounded to keep Poisson's numbers sane.
        mean = np.minimum(mean, full * 2 + 1e3)
        out = noise.poisson("shot", mean) if self.shot_noise else mean
        if self.dark_electrons > 0 or self.dsnu > 0:
            dark = self.dark_electrons + self.dsnu * fixed.normal("dsnu", mean.shape)
            out = out + noise.poisson("dark", np.maximum(dark, 0.0))
        if self.read_noise > 0:
            out = out + self.read_noise * noise.normal("read", mean.shape)
        return np.minimum(out, full)
