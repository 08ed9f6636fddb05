"""The engine that renders nothing much: one flat colour, at once. For tests and for runs that need labels only."""

from typing import ClassVar

import numpy as np

from twinstage.render.capture import Camera, Capture
from twinstage.render.color import linear_from_bytes
from twinstage.render.engines.base import ENGINES, EngineSettings
from twinstage.render.engines.checks import check_camera
from twinstage.render.motion import Motion
from twinstage.scene.snapshot import Snapshot


@ENGINES.register
class NullEngine:
    """A grey picture whose top-left pixel holds the seed's lowest three bytes."""

    kind: ClassVar[str] = "null"

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings

    def render(
        self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None, motion: Motion | None = None
    ) -> Capture:
        """A Capture with `rgb`, or `linear` of the same colour; nothing is looked at."""
        check_camera(camera)
        rgb = np.full((camera.height, camera.width, 3), 128, np.uint8)
        number = self.settings.seed if seed is None else seed
        rgb[0, 0] = [(number >> shift) & 0xFF for shift in (16, 8, 0)]
        aovs: dict[str, np.ndarray] = {"rgb": rgb, "linear": linear_from_bytes(rgb)}
        return Capture(camera, {name: aovs[name] for name in self.settings.outputs})
