"""A stereo camera: two pictures side by side, matched along rows; the first one is the view's camera.

Stages, in this order:
    1. truth       z of the surface in each pixel
    2. losses      grazing angles; what the second camera cannot see (a ray test) or does not hold in its image
    3. fattening   foregrounds grow
    4. noise       disparity + sigma * normal, sigma^2 = disparity_sigma^2 + the variance of matching the texture
                   (`disparity.texture_variance`), where the view has a picture and the camera projects no pattern
                   (`active`); so sigma_z = z^2 / (focal * baseline) * sigma
    5. outliers    a share of the pixels gets any disparity up to `max_disparity`
    6. steps       rounded to `disparity_step`; above `max_disparity` nothing is matched
    7. range       what is outside is lost
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from twinstage.render.color import auto_exposure, luminance
from twinstage.render.sensors.base import SENSORS, Sensed, View
from twinstage.render.sensors.depth import REASONS, DepthSensor
from twinstage.render.sensors.disparity import disparity_of, fattened, texture_variance
from twinstage.render.sensors.noise import Noise
from twinstage.render.sensors.pixels import caster_of, looked_at


@SENSORS.register
class Stereo(DepthSensor):
    """A stereo camera; see the module for the stages.

    Attributes:
        active: a projected pattern gives texture everywhere.
        image_noise: sigma of the pictures, share of white, as exposed to middle grey.
        window: side of the matching window, odd [px]. weakest: greatest sigma of a match that is accepted [px].
        max_disparity: of the search [px]. outliers: share of false matches.
    """

    kind: Literal["stereo"] = "stereo"
    baseline: float = 0.055
    disparity_sigma: Annotated[float, Field(ge=0)] = 0.08
    disparity_step: Annotated[float, Field(ge=0, le=8)] = 0.03125
    max_range: Annotated[float, Field(gt=0)] = 10.0
    fattening: Annotated[int, Field(ge=0, le=32)] = 2
    active: bool = False
    image_noise: Annotated[float, Field(ge=0)] = 0.01
    window: Annotated[int, Field(ge=1, le=99)] = 7
    weakest: Annotated[float, Field(gt=0)] = 0.5
    max_disparity: Annotated[float, Field(gt=0)] = 128.0
    outliers: Annotated[float, Field(ge=0, le=1)] = 0.0

    def __call__(self, view: View) -> Sensed:
        """`depth`, `valid`, `reason`, `disparity`: see `depth`."""
        caster, noise = caster_of(view), Noise(view.seed, self.kind)
        pixels = looked_at(view, caster, transparent_below=self.see_through)
        shape = (view.camera.height, view.camera.width)
        reason = self.unseen(view, caster, pixels)
        disparity = fattened(disparity_of(pixels.t.reshape(shape), self.strength(view)), self.fattening)
        variance = np.full(shape, self.disparity_sigma**2)
        if not self.active and view.linear is not None:
            texture = self._texture(view.linear)
            reason[(texture > self.weakest**2) & (reason == 0)] = REASONS.index("texture")
            variance += np.minimum(texture, self.weakest**2)
        disparity = disparity + np.sqrt(variance) * noise.normal("match", shape)
        if self.outliers > 0:
            wrong = noise.uniform("outlier", shape) < self.outliers
            disparity = np.where(wrong, noise.uniform("anywhere", shape) * self.max_disparity, disparity)
        reason[(disparity > self.max_disparity) & (reason == 0)] = REASONS.index("range")
        return self.measured(view, disparity, reason)

    def _texture(self, linear: np.ndarray) -> np.ndarray:
        light = np.nan_to_num(np.asarray(linear, np.float64), posinf=0.0, neginf=0.0)
        grey = np.clip(luminance(light) * 2.0 ** auto_exposure(linear), 0.0, 1.0)
        return texture_variance(grey, self.image_noise, self.window | 1)
