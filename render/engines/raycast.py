"""The engine that is always there: Embree for rays, numpy for shading. No compiler, no kernels to warm up.

Lights: suns with hard shadows; area lights as a point in their middle, with a shadow; domes as an even sky (a map counts
as its mean) that reaches a surface along four directions a sample, turned by a fixed 4 x 4 pattern. Surfaces are matt:
the base colour with its image, emission added; metals keep 60 % of their colour as matt light, everything else about
reflection is left out. Samples are a regular grid of k x k a pixel, k * k the square number next to `spp`, at most 9.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from twinstage.base.finding import Finding
from twinstage.render.bounds import image_rect
from twinstage.render.capture import STILL, Camera, Capture
from twinstage.render.casting import SHARED_BVHS, parts_in_view
from twinstage.render.engines.base import ENGINES, EngineSettings
from twinstage.render.engines.checks import check_camera, enough_memory
from twinstage.render.engines.develop import develop
from twinstage.render.engines.shading import Albedo, WorldBvh
from twinstage.render.exposure import Part, parts
from twinstage.render.images import tolerating
from twinstage.render.lighting import placed_lights
from twinstage.render.motion import Motion, Shutter, Trajectory
from twinstage.render.zbuffer import ZBuffer, cast_part, world_normals
from twinstage.scene.columns import F4
from twinstage.scene.snapshot import Snapshot

SKY_RAYS = 4


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

    def linear(self, snapshot: Snapshot, camera: Camera, *, motion: Motion | None = None) -> F4:
        """Linear rgb f4[h, w, 3] before denoising, exposure and tone map."""
        check_camera(camera)
        with enough_memory(camera), tolerating(self._damaged):
            return self._exposed(snapshot, camera, motion)

    def _exposed(self, snapshot: Snapshot, camera: Camera, motion: Motion | None) -> F4:
        k = min(max(round(self.settings.spp**0.5), 1), 3)
        total = np.zeros((camera.height, camera.width, 3), np.float32)
        count = np.zeros((camera.height, 1, 1), np.float32)
        moments = self.settings.motion_samples
        for part in parts(snapshot, camera, moments, motion, moments):
            for view in _views(camera, part, moments):
                fine = self._shade(part.snapshot, nearest_hits(part.snapshot, supersampled(view, k)))
                total[part.first : part.last] += _averaged(fine, camera, k)[part.first : part.last]
                count[part.first : part.last] += 1
        total /= np.maximum(count, 1)
        return total

    def _shade(self, snapshot: Snapshot, zbuffer: ZBuffer) -> F4:
        camera = zbuffer.camera
        lights = placed_lights(snapshot)
        sky = lit_sky = np.zeros(3)
        for placed in lights:
            if placed.kind == "dome":
                colour = np.array(placed.radiance) * self._albedo.mean_of_map(snapshot, placed.light)
                sky, lit_sky = sky + colour, lit_sky + colour * placed.reflects[0]
        out = np.empty((zbuffer.depth.size, 3), np.float32)
        out[:] = sky
        eye, direction = camera.rays()
        out[~np.isfinite(direction).all(1)] = np.nan
        hit = np.flatnonzero(zbuffer.instance.ravel() >= 0)
        if hit.size == 0:
            return out.reshape(camera.height, camera.width, 3)
        normal = world_normals(snapshot, zbuffer).reshape(-1, 3)[hit]
        position = eye[hit] + direction[hit] * zbuffer.depth.ravel()[hit, None]
        self._world.follow(snapshot)
        light = self._world.sky_share(position, normal, hit, camera.width, SKY_RAYS)[:, None] * lit_sky
        for placed in lights:
            if placed.kind != "dome":
                tint = self._albedo.mean_of_map(snapshot, placed.light)
                light = light + self._world.lit(position, normal, placed) * tint
        color, glow = self._albedo.at(snapshot, zbuffer)
        out[hit] = color[hit] * light + glow[hit]
        return out.reshape(camera.height, camera.width, 3)


def _averaged(fine: F4, camera: Camera, k: int) -> F4:
    """The mean of k x k pixels for each; where the lens sees nothing in a pixel's middle, it is black."""
    blocks = fine.reshape(camera.height, k, camera.width, k, 3)
    if camera.lens.affine:
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


def nearest_hits(snapshot: Snapshot, camera: Camera) -> ZBuffer:
    """The depth buffer of everything that is visible."""
    image, zbuffer = image_rect(camera), ZBuffer(camera)
    for part in parts_in_view(snapshot, camera, image, SHARED_BVHS):
        if not zbuffer.hidden(part, part.rect):
            zbuffer.draw(part, part.rect, cast_part(camera, part, part.rect))
    return zbuffer
