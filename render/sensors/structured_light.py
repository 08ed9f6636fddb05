"""A structured light camera (as the first Kinect): a projector's pattern, seen from beside it.

Stages, in this order:
    1. truth       z of the surface in each pixel
    2. losses      grazing angles; shadows: what a ray from the projector does not reach; what is outside its image
    3. signal      lost with probability 1 - 1 / (1 + (p0 / p)^8), p = `echoes.reflected` / z^2 and p0 that of a matt 10 %
                   target at `range_of_10_percent`: dark, distant, and shiny surfaces that face elsewhere
    4. fattening   foregrounds grow
    5. noise       `disparity`: read `lateral_sigma` px beside, then + disparity_sigma * normal (Barron and Malik,
                   CVPR 2013); `nguyen`: the axial and lateral sigmas measured by Nguyen et al. 2012
    6. steps       disparity rounded to `disparity_step`, then z = focal * baseline / disparity
    7. range       what is outside is lost
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from twinstage.render.sensors.base import SENSORS, Sensed, View
from twinstage.render.sensors.depth import REASONS, DepthSensor
from twinstage.render.sensors.disparity import (
    depth_of,
    disparity_of,
    fattened,
    jittered,
    nguyen_axial,
    nguyen_lateral,
)
from twinstage.render.sensors.echoes import reflected
from twinstage.render.sensors.noise import Noise
from twinstage.render.sensors.pixels import caster_of, looked_at


@SENSORS.register
class StructuredLight(DepthSensor):
    """A structured light camera; see the module for the stages.

    Attributes:
        model: of the noise. lateral_sigma: with `disparity` [px].
        range_of_10_percent: where a matt target of 10 % is seen half of the time [m]; None: light never decides.
    """

    kind: Literal["structured-light"] = "structured-light"
    model: Literal["disparity", "nguyen"] = "disparity"
    lateral_sigma: Annotated[float, Field(ge=0, le=8)] = 0.5
    range_of_10_percent: Annotated[float, Field(gt=0)] | None = 4.0
    fattening: Annotated[int, Field(ge=0, le=32)] = 1

    def __call__(self, view: View) -> Sensed:
        """`depth`, `valid`, `reason`, `disparity`: see `depth`."""
        caster, noise = caster_of(view), Noise(view.seed, self.kind)
        pixels = looked_at(view, caster, transparent_below=self.see_through)
        shape = (view.camera.height, view.camera.width)
        strength = self.strength(view)
        reason = self.unseen(view, caster, pixels)
        if self.range_of_10_percent is not None:
            look, z = pixels.look, np.where(np.isfinite(pixels.t), pixels.t, 1.0)
            power = reflected(look.albedo, look.metallic, look.roughness, look.cosine) / z**2
            ratio = 0.1 / self.range_of_10_percent**2 / np.maximum(power, 1e-30)
            chance = (1 / (1 + np.minimum(ratio, 1e9) ** 8)).reshape(shape)
            reason[(noise.uniform("signal", shape) >= chance) & (reason == 0)] = REASONS.index("signal")
        disparity = fattened(disparity_of(pixels.t.reshape(shape), strength), self.fattening)
        angle = np.arccos(np.clip(pixels.look.cosine.astype(np.float64), 0.0, 1.0)).reshape(shape)
        nguyen = self.model == "nguyen"
        lateral = nguyen_lateral(angle) if nguyen else np.full(shape, self.lateral_sigma)
        if lateral.max() > 0:
            dx, dy = (lateral * noise.normal(name, shape) for name in ("lateral x", "lateral y"))
            disparity = jittered(disparity, dx, dy)
        if nguyen:
            depth = depth_of(disparity, strength)
            z = depth + nguyen_axial(depth, angle) * noise.normal("axial", shape)
            disparity = disparity_of(z, strength)
        else:
            disparity = disparity + self.disparity_sigma * noise.normal("match", shape)
        return self.measured(view, disparity, reason)
