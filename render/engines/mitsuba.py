"""The two Mitsuba engines. The library loads at the first picture.

`path` follows light from surface to surface up to `max_depth` segments; `direct` stops at the first surface and is
several times faster. Without libLLVM both run on Mitsuba's scalar variant: same scenes, slower, and other noise.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from twinstage.base.finding import Finding
from twinstage.render.capture import Camera, Capture
from twinstage.render.engines.base import ENGINES, EngineSettings
from twinstage.render.engines.checks import check_camera, enough_memory
from twinstage.render.engines.develop import develop
from twinstage.render.images import tolerating
from twinstage.render.motion import Motion
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import Snapshot


class _MitsubaEngine:
    kind: ClassVar[str]

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._runtime: Any = None
        self._living: Any = None
        self._tables: Any = None
        self._damaged: dict[str, Finding] = {}
        self._expected: tuple[Snapshot, tuple[Snapshot, ...]] | None = None

    def expect(self, snapshot: Snapshot, examples: Sequence[Snapshot]) -> None:
        """See `Expecting`; to be called before the first picture."""
        self._expected = snapshot, tuple(examples)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was wrong with the textures of all pictures so far, and a hint where pictures could be faster."""
        found = [self._damaged[path] for path in sorted(self._damaged)]
        if self._runtime is not None and self._runtime.hint:
            found.append(Finding("engine.scalar", "info", "", self._runtime.hint))
        return tuple(found)

    def render(
        self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None, motion: Motion | None = None
    ) -> Capture:
        """A Capture with the AOVs of `settings.outputs`."""
        traced = self._traced(snapshot, camera, seed, motion, features=self.settings.denoise)
        linear, albedo, normal = (traced[..., k : k + 3] for k in (0, 3, 6))
        return develop(self.settings, camera, linear, (albedo, normal) if normal.size else ())

    def linear(
        self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None, motion: Motion | None = None
    ) -> F4:
        """Linear rgb f4[h, w, 3] before denoising, exposure and tone map."""
        return self._traced(snapshot, camera, seed, motion)

    def _traced(
        self,
        snapshot: Snapshot,
        camera: Camera,
        seed: int | None,
        motion: Motion | None,
        *,
        features: bool = False,
    ) -> F4:
        """Linear rgb f4[h, w, 3]; with `features` base colour and normal after it, but in the scalar variant."""
        from twinstage.render.mi.rays import LensTables
        from twinstage.render.mi.runtime import load_mitsuba, use_threads
        from twinstage.render.mi.scalar import trace_scalar
        from twinstage.render.mi.scene import LivingScene
        from twinstage.render.mi.trace import Sampling, trace

        check_camera(camera)
        settings = self.settings
        runtime = self._runtime = load_mitsuba(settings.variant)
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
            max_depth=self._depth(),
            spp=settings.spp,
            seed=settings.seed if seed is None else seed,
            clamp=limit,
            moments=settings.motion_samples,
            features=features,
        )
        with enough_memory(camera), tolerating(self._damaged):
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
