"""The engine that is always there: Embree for rays, numpy for shading. No compiler, no kernels to warm up.

Lights: suns with hard shadows; area lights as a point in their middle, with a shadow; domes as an even sky (a map counts
as its mean) that reaches a surface along four directions a sample, turned by a fixed 4 x 4 pattern. Surfaces are matt:
the base colour with its image, emission added; metals keep 60 % of their colour as matt light, everything else about
reflection is left out. Samples are a regular grid of k x k a pixel, k * k the square number next to `spp`, at most 9.
"""

from typing import ClassVar

import numpy as np

from twinstage.render.bounds import image_rect
from twinstage.render.capture import Camera, Capture
from twinstage.render.casting import SHARED_BVHS, parts_in_view
from twinstage.render.color import auto_exposure, tone_map
from twinstage.render.engines.base import ENGINES, EngineSettings
from twinstage.render.engines.shading import Albedo, WorldBvh
from twinstage.render.lighting import placed_lights
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

    def render(self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None) -> Capture:
        """A Capture with `rgb`."""
        linear = self.linear(snapshot, camera)
        exposure = self.settings.exposure
        exposure += auto_exposure(linear) if self.settings.auto_exposure else camera.exposure
        return Capture(camera, {"rgb": tone_map(linear, exposure)})

    def linear(self, snapshot: Snapshot, camera: Camera) -> F4:
        """Linear rgb f4[h, w, 3] before exposure and tone map."""
        k = min(max(round(self.settings.spp**0.5), 1), 3)
        fine = supersampled(camera, k)
        zbuffer = nearest_hits(snapshot, fine)
        shaded = self._shade(snapshot, zbuffer)
        h, w = camera.height, camera.width
        out: F4 = shaded.reshape(h, k, w, k, 3).mean((1, 3), dtype=np.float32)
        return out

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
        hit = np.flatnonzero(zbuffer.instance.ravel() >= 0)
        if hit.size == 0:
            return out.reshape(camera.height, camera.width, 3)
        normal = world_normals(snapshot, zbuffer).reshape(-1, 3)[hit]
        eye, direction = camera.rays()
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


def supersampled(camera: Camera, k: int) -> Camera:
    """The same view with k x k pixels for each."""
    scale = np.diag([k, k, 1.0])
    return Camera(
        name=camera.name,
        width=camera.width * k,
        height=camera.height * k,
        K=scale @ camera.K,
        world_from_camera=camera.world_from_camera,
        near=camera.near,
        far=camera.far,
    )


def nearest_hits(snapshot: Snapshot, camera: Camera) -> ZBuffer:
    """The depth buffer of everything that is visible."""
    image, zbuffer = image_rect(camera), ZBuffer(camera)
    for part in parts_in_view(snapshot, camera, image, SHARED_BVHS):
        if not zbuffer.hidden(part, part.rect):
            zbuffer.draw(part, part.rect, cast_part(camera, part, part.rect))
    return zbuffer
