"""What depth cameras share: the true depth, what the second eye sees, and how results are stored.

Arrays of every depth sensor, [height, width]:

    depth      f4, z along the optical axis [m]; the sensor's `invalid` (0 or inf) where there is none
    valid      bool
    reason     u1, why there is none: `REASONS`
    disparity  f4, as measured [px], 0 where invalid
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.base.errors import UserError
from twinstage.render.picture import save_depth, save_png
from twinstage.render.sensors.base import Sensed, Sensor, View
from twinstage.render.sensors.casting import Caster
from twinstage.render.sensors.disparity import depth_of, disparity_of, outside_other, stepped
from twinstage.render.sensors.pixels import Pixels
from twinstage.scene.columns import F8, U1, Bool, frozen

REASONS = ("valid", "background", "range", "shadow", "outside", "grazing", "signal", "texture")
"""Why a pixel has no depth, by the number in `reason`: nothing there; out of range; hidden from the projector or the
other camera; outside its image; too flat an angle; too little light comes back; nothing to match."""

SHADOW_SLACK = 1e-3
"""What stands less than that before a point [m] throws no shadow on it."""


class DepthSensor(Sensor):
    """Base of the sensors that triangulate.

    Attributes:
        baseline: from the camera to the projector or second camera, positive to the right [m].
        disparity_sigma: of the match [px]. disparity_step: sub-pixel step [px], 0 for none.
        min_range, max_range: of z [m].
        fattening: growth of foregrounds [px].
        shadow: whether hidden pixels are lost.
        grazing: greatest angle of incidence [degree].
        see_through: surfaces of a lower opacity do not exist for the sensor.
        invalid: what `depth` holds where there is none.
    """

    baseline: float = 0.075
    disparity_sigma: Annotated[float, Field(ge=0)] = 0.1
    disparity_step: Annotated[float, Field(ge=0, le=8)] = 0.125
    min_range: Annotated[float, Field(ge=0)] = 0.4
    max_range: Annotated[float, Field(gt=0)] = 5.0
    fattening: Annotated[int, Field(ge=0, le=32)] = 0
    shadow: bool = True
    grazing: Annotated[float, Field(gt=0, le=90)] = 85.0
    see_through: Annotated[float, Field(ge=0, le=1)] = 0.5
    invalid: Literal["zero", "inf"] = "zero"

    @model_validator(mode="after")
    def _sane(self) -> "DepthSensor":
        if self.baseline == 0:
            raise ValueError("a baseline of 0 measures no depth")
        if self.min_range >= self.max_range:
            raise ValueError("min_range is below max_range")
        return self

    def strength(self, view: View) -> float:
        """focal * |baseline| [px m]; UserError for a lens that bends rows."""
        if view.camera.lens.kind != "pinhole":
            raise UserError(
                f"sensor {self.name} needs a pinhole camera, and the lens of {view.camera.name} is "
                f"{view.camera.lens.kind}"
            )
        return float(view.camera.K[0, 0]) * abs(self.baseline)

    @property
    def name(self) -> str:
        """The kind."""
        return str(type(self).model_fields["kind"].default)

    def unseen(self, view: View, caster: Caster, pixels: Pixels) -> U1:
        """Reasons u1[h, w] that geometry alone gives."""
        shape = (view.camera.height, view.camera.width)
        there = np.isfinite(pixels.t)
        reason = np.where(there, 0, REASONS.index("background")).astype(np.uint8)
        angle = np.degrees(np.arccos(np.clip(pixels.look.cosine, 0.0, 1.0)))
        reason[there & (angle > self.grazing)] = REASONS.index("grazing")
        if self.shadow:
            lit = np.flatnonzero(reason == 0)
            dark = hidden_from(view, caster, pixels.point[lit], self.baseline)
            reason[lit[dark]] = REASONS.index("shadow")
        reason = reason.reshape(shape)
        true = disparity_of(pixels.t.reshape(shape), self.strength(view))
        outside = outside_other(true, float(np.sign(self.baseline)))
        reason[outside & (reason == 0)] = REASONS.index("outside")
        return reason

    def measured(self, view: View, disparity: F8, reason: U1) -> Sensed:
        """The arrays of measured disparities f8[h, w], rounded to steps here, and reasons so far."""
        strength = self.strength(view)
        disparity = stepped(disparity, self.disparity_step)
        depth = depth_of(disparity, strength)
        far = (depth < self.min_range) | (depth > self.max_range)
        reason = np.where((reason == 0) & far, REASONS.index("range"), reason).astype(np.uint8)
        valid: Bool = reason == 0
        nothing = np.inf if self.invalid == "inf" else 0.0
        arrays = {
            "depth": frozen(np.where(valid, depth, nothing), np.float32),
            "valid": frozen(valid, np.bool_),
            "reason": frozen(reason, np.uint8),
            "disparity": frozen(np.where(valid, disparity, 0.0), np.float32),
        }
        return Sensed(self.name, arrays, view.camera)

    def save(self, sensed: Sensed, folder: Path, stem: str) -> list[Path]:
        """`stem.exr` (channel Z [m]) and `stem.png` (16 bits, mm, 0 = none; 65.535 m at most)."""
        paths = [folder / f"{stem}.exr", folder / f"{stem}.png"]
        save_depth(paths[0], sensed["depth"])
        millimetres = np.where(sensed["valid"], sensed["depth"], 0.0) * 1000.0
        save_png(paths[1], np.rint(np.clip(millimetres, 0, 65535)).astype(np.uint16))
        return paths


def hidden_from(view: View, caster: Caster, points: F8, baseline: float) -> Bool:
    """Whether something stands between each world point f8[n, 3] and a place beside the camera, bool[n].

    The place is `baseline` to the right of where the camera is at the frame's time.
    """
    pose = view.camera.world_from_camera
    eye = pose[:3, 3] + baseline * pose[:3, 0]
    way = points - eye
    length = np.linalg.norm(way, axis=1)
    hidden = np.zeros(len(points), bool)
    for first in range(0, len(points), 500_000):
        part = slice(first, first + 500_000)
        hits = caster.cast(np.broadcast_to(eye, way[part].shape), way[part], far=1.0)
        hidden[part] = hits.t * length[part] < length[part] - SHADOW_SLACK
    return hidden
