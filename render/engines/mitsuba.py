"""The two Mitsuba engines. The library loads at the first picture.

`path` follows light from surface to surface up to `max_depth` segments; `direct` stops at the first surface and is
several times faster. Without libLLVM both run on Mitsuba's scalar variant: same scenes, slower, and other noise.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from twinstage.render.capture import Camera, Capture
from twinstage.render.color import auto_exposure, tone_map
from twinstage.render.engines.base import ENGINES, EngineSettings
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import Snapshot


class _MitsubaEngine:
    kind: ClassVar[str]

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._living: Any = None
        self._expected: tuple[Snapshot, tuple[Snapshot, ...]] | None = None

    def expect(self, snapshot: Snapshot, examples: Sequence[Snapshot]) -> None:
        """See `Expecting`; to be called before the first picture."""
        self._expected = snapshot, tuple(examples)

    def render(self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None) -> Capture:
        """A Capture with `rgb`."""
        linear = self.linear(snapshot, camera, seed=seed)
        exposure = self.settings.exposure
        exposure += auto_exposure(linear) if self.settings.auto_exposure else camera.exposure
        return Capture(camera, {"rgb": tone_map(linear, exposure)})

    def linear(self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None) -> F4:
        """Linear rgb f4[h, w, 3] before exposure and tone map."""
        from twinstage.render.mi.runtime import load_mitsuba
        from twinstage.render.mi.scalar import trace_scalar
        from twinstage.render.mi.scene import LivingScene
        from twinstage.render.mi.trace import Sampling, trace

        runtime, settings = load_mitsuba(), self.settings
        if runtime.mi.variant() != runtime.variant:
            runtime.mi.set_variant(runtime.variant)
        if self._living is None:
            self._living = LivingScene(
                runtime,
                largest_texture=settings.largest_texture,
                largest_map=settings.largest_map,
            )
            if self._expected is not None:
                self._living.expect(*self._expected)
        self._living.follow(snapshot)
        limit = (
            settings.clamp / 2.0 ** (settings.exposure + camera.exposure) if settings.clamp > 0 else np.inf
        )
        sampling = Sampling(
            max_depth=self._depth(),
            spp=settings.spp,
            seed=settings.seed if seed is None else seed,
            clamp=limit,
        )
        make = trace if runtime.vectorised else trace_scalar
        return make(runtime, self._living, snapshot, camera, sampling)

    def _depth(self) -> int:
        """0 for direct light, else the longest path in segments."""
        raise NotImplementedError


@ENGINES.register
class DirectEngine(_MitsubaEngine):
    """Light straight from lamps and sky, with shadows."""

    kind = "direct"

    def _depth(self) -> int:
        return 0


@ENGINES.register
class PathEngine(_MitsubaEngine):
    """Global illumination by path tracing."""

    kind = "path"

    def _depth(self) -> int:
        return self.settings.max_depth
