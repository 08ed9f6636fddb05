"""The engine that renders nothing much: one flat colour, at once. For tests and for runs that need labels only."""

from typing import ClassVar

import numpy as np

from twinstage.render.capture import Camera, Capture
from twinstage.render.engines.base import ENGINES, EngineSettings
from twinstage.scene.snapshot import Snapshot


@ENGINES.register
class NullEngine:
    """A grey picture whose top-left pixel holds the seed's lowest three bytes."""

    kind: ClassVar[str] = "null"

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings

    def render(self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None) -> Capture:
        """A Capture with `rgb`; nothing is looked at."""
        rgb = np.full((camera.height, camera.width, 3), 128, np.uint8)
        number = self.settings.seed if seed is None else seed
        rgb[0, 0] = [(number >> shift) & 0xFF for shift in (16, 8, 0)]
        return Capture(camera, {"rgb": rgb})
