"""The two Mitsuba engines. The library loads at the first picture.

`path` follows light from surface to surface up to `max_depth` segments; `direct` stops at the first surface and is
several times faster. Without libLLVM both run on Mitsuba's scalar variant: same scenes, slower, and other noise.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from twinstage.render.capture import Camera, Capture
from twinstage.render.engines.base import ENGINES, EngineSettings
from twinstage.render.engines.develop import develop
from twinstage.render.motion import Motion
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import Snapshot

FEATURE_SAMPLES = 4
"""Samples a pixel of what the denoiser is told; more where lens or shutter blur it."""


class _MitsubaEngine:
    kind: ClassVar[str]

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._living: Any = None
        self._tables: Any = None
        self._expected: tuple[Snapshot, tuple[Snapshot, ...]] | None = None

    def expect(self, snapshot: Snapshot, examples: Sequence[Snapshot]) -> None:
        """See `Expecting`; to be called before the first picture."""
        self._expected = snapshot, tuple(examples)

    def render(
        self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None, motion: Motion | None = None
    ) -> Capture:
        """A Capture with the AOVs of `settings.outputs`."""
        linear = self.linear(snapshot, camera, seed=seed, motion=motion)
        return develop(self.settings, camera, linear, lambda: self._features(snapshot, camera, seed, motion))

    def linear(
        self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None, motion: Motion | None = None
    ) -> F4:
        """Linear rgb f4[h, w, 3] before denoising, exposure and tone map."""
        return self._traced(snapshot, camera, seed, motion, self._depth(), self.settings.spp)

    def _features(
        self, snapshot: Snapshot, camera: Camera, seed: int | None, motion: Motion | None
    ) -> tuple[F4, ...]:
        """Base colour and normal, f4[h, w, 3] each; nothing in the scalar variant."""
        from twinstage.render.mi.runtime import load_mitsuba
        from twinstage.render.mi.trace import FEATURES

        if not load_mitsuba(self.settings.variant).vectorised:
            return ()
        blurred = camera.aperture_radius > 0 or camera.path is not None or motion is not None
        spp = self.settings.spp if blurred else min(self.settings.spp, FEATURE_SAMPLES)
        both = self._traced(snapshot, camera, seed, motion, FEATURES, spp)
        return np.ascontiguousarray(both[..., :3]), np.ascontiguousarray(both[..., 3:])

    def _traced(
        self,
        snapshot: Snapshot,
        camera: Camera,
        seed: int | None,
        motion: Motion | None,
        depth: int,
        spp: int,
    ) -> F4:
        from twinstage.render.mi.rays import LensTables
        from twinstage.render.mi.runtime import load_mitsuba, use_threads
        from twinstage.render.mi.scalar import trace_scalar
        from twinstage.render.mi.scene import LivingScene
        from twinstage.render.mi.trace import Sampling, trace

        settings = self.settings
        runtime = load_mitsuba(settings.variant)
        if runtime.mi.variant() != runtime.variant:
            runtime.mi.set_variant(runtime.variant)
        use_threads(runtime, settings.threads)
        if self._living is None:
            self._living = LivingScene(
                runtime,
                largest_texture=settings.largest_texture,
                largest_map=settings.largest_map,
            )
            self._tables = LensTables(runtime)
            if self._expected is not None:
                self._living.expect(*self._expected)
        self._living.foresee(() if motion is None or motion.still else motion.snapshots)
        limit = (
            settings.clamp / 2.0 ** (settings.exposure + camera.exposure) if settings.clamp > 0 else np.inf
        )
        sampling = Sampling(
            max_depth=depth,
            spp=spp,
            seed=settings.seed if seed is None else seed,
            clamp=limit,
            moments=settings.motion_samples,
        )
        if runtime.vectorised:
            return trace(runtime, self._living, snapshot, camera, sampling, motion, self._tables)
        return trace_scalar(runtime, self._living, snapshot, camera, sampling, motion)

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
