"""The engine that is always there: Embree for rays, numpy for shading. No compiler, no kernels to warm up.

Lights: suns with hard shadows; area lights as a point in their middle, with a shadow; domes as an even sky (a map counts
as its mean), shaded by what stands around. Surfaces are matt: the base colour with its image, emission added; metals keep
60 % of their colour as matt light, everything else about reflection is left out. Samples are a regular grid of k x k a pixel,
k * k the square number next to `spp`, at most 9; each has its own colour, while light is computed at every fourth of them
and where it changes (`irradiance` says exactly how). With one sample a pixel, and where nothing moves, its rays are those of
the label pass, and a picture may start from what that has hit.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from twinstage.base.finding import Finding
from twinstage.render.aovs import Seen
from twinstage.render.capture import STILL, Camera, Capture
from twinstage.render.engines.base import ENGINES, EngineSettings
from twinstage.render.engines.checks import check_camera, enough_memory
from twinstage.render.engines.develop import develop
from twinstage.render.engines.irradiance import irradiance
from twinstage.render.engines.lamps import Lamp
from twinstage.render.engines.lights import Lights
from twinstage.render.engines.shading import Albedo
from twinstage.render.engines.world import WorldBvh
from twinstage.render.exposure import Part, parts
from twinstage.render.images import tolerating
from twinstage.render.labels import label_pass
from twinstage.render.lighting import placed_lights
from twinstage.render.motion import Motion, Shutter, Trajectory
from twinstage.render.rays import image_rays
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import Snapshot


@ENGINES.register
class RaycastEngine:
    """Direct light on matt surfaces; the seed is not used, as nothing is random."""

    kind: ClassVar[str] = "raycast"

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._world = WorldBvh()
        self._albedo = Albedo(settings.largest_texture)
        self._damaged: dict[str, Finding] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was wrong with the textures of all pictures so far."""
        return tuple(self._damaged[path] for path in sorted(self._damaged))

    def render(
        self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None, motion: Motion | None = None
    ) -> Capture:
        """A Capture with the AOVs of `settings.outputs`."""
        return develop(self.settings, camera, self.linear(snapshot, camera, motion=motion))

    def render_seen(self, seen: Seen, *, seed: int | None = None) -> Capture:
        """The same from first hits of that very camera, where nothing moves; with several samples a pixel they are no use."""
        camera = seen.camera
        if self._side > 1 or camera.path is not None:
            return self.render(seen.snapshot, camera)
        check_camera(camera)
        with enough_memory(camera), tolerating(self._damaged):
            return develop(self.settings, camera, _averaged(self._shade(seen), camera, 1))

    def linear(self, snapshot: Snapshot, camera: Camera, *, motion: Motion | None = None) -> F4:
        """Linear rgb f4[h, w, 3] before denoising, exposure and tone map."""
        check_camera(camera)
        with enough_memory(camera), tolerating(self._damaged):
            return self._exposed(snapshot, camera, motion)

    @property
    def _side(self) -> int:
        """Samples a pixel in a row, and in a column."""
        return int(min(max(round(self.settings.spp**0.5), 1), 3))

    def _exposed(self, snapshot: Snapshot, camera: Camera, motion: Motion | None) -> F4:
        k = self._side
        total = np.zeros((camera.height, camera.width, 3), np.float32)
        count = np.zeros((camera.height, 1, 1), np.float32)
        moments = self.settings.motion_samples
        for part in parts(snapshot, camera, moments, motion, moments):
            for view in _views(camera, part, moments):
                fine = self._shade(first_hits(part.snapshot, supersampled(view, k)))
                total[part.first : part.last] += _averaged(fine, camera, k)[part.first : part.last]
                count[part.first : part.last] += 1
        total /= np.maximum(count, 1)
        return total

    def _shade(self, seen: Seen) -> F4:
        """Linear rgb f4[h, w, 3] of first hits."""
        snapshot, zbuffer = seen.snapshot, seen.zbuffer
        self._world.follow(snapshot)
        lamps, sky, lit_sky = [], np.zeros(3), np.zeros(3)
        for placed in placed_lights(snapshot):
            radiance = np.array(placed.radiance) * self._albedo.mean_of_map(snapshot, placed.light)
            reflected = radiance * placed.reflects[0]
            if placed.kind == "dome":
                sky, lit_sky = sky + radiance, lit_sky + reflected
            else:
                lamps.append(Lamp(placed, self._world.origin, reflected.astype(np.float32)))
        light = irradiance(Lights(lamps, lit_sky.astype(np.float32), self._world), zbuffer, seen.normal)
        self._albedo.colored(light, snapshot, zbuffer)
        behind = zbuffer.part < 0
        out = np.empty((*zbuffer.depth.shape, 3), np.float32)
        for k in range(3):
            np.copyto(light[k], np.float32(sky[k]), where=behind)
            out[..., k] = light[k]
        if not zbuffer.camera.lens.affine:
            out[~np.isfinite(image_rays(zbuffer.camera)[1]).all(-1)] = np.nan
        return out


def _averaged(fine: F4, camera: Camera, k: int) -> F4:
    """The mean of k x k pixels for each; where the lens sees nothing in a pixel's middle, it is black."""
    blocks = fine.reshape(camera.height, k, camera.width, k, 3)
    if camera.lens.affine:
        if k == 1:
            return fine
        mean: F4 = blocks.mean((1, 3), dtype=np.float32)
        return mean
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    seen = np.asarray(np.isfinite(camera.local_rays(np.stack([x, y], -1))[1]).all(-1))
    known = np.isfinite(blocks)
    count = np.maximum(known.sum((1, 3)), 1)
    out: F4 = np.where(seen[..., None], np.where(known, blocks, 0).sum((1, 3)) / count, 0).astype(np.float32)
    return out


def supersampled(camera: Camera, k: int) -> Camera:
    """The same view with k x k pixels for each; a rolling shutter then runs on inside a row, too."""
    scale = np.diag([k, k, 1.0])
    return replace(camera, width=camera.width * k, height=camera.height * k, K=scale @ camera.K)


def _views(camera: Camera, part: Part, most: int) -> Iterator[Camera]:
    """Cameras that rest or roll in an instant, evenly over the moments of a part."""
    moments, rows = part.poses.shape[:2]
    for k in np.unique(np.linspace(0, moments - 1, min(moments, most)).round().astype(int)).tolist():
        if rows == 1 or camera.height == 1:
            yield replace(camera, world_from_camera=part.poses[k, 0], path=None, shutter=STILL)
        else:
            seconds = np.arange(camera.height, dtype=np.float64)
            shutter = Shutter(readout=float(camera.height - 1))
            yield replace(camera, path=Trajectory(seconds, part.poses[k]), shutter=shutter)


def first_hits(snapshot: Snapshot, camera: Camera) -> Seen:
    """The first hits of everything that is visible, as the label pass has them."""
    kept: list[Seen] = []
    label_pass(snapshot, camera, (), amodal=False, aovs=(), keep=kept.append)
    return kept[0]
