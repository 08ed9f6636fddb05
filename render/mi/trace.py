"""Rays from a camera through the living scene, samples averaged into linear pictures.

The samples are averaged here rather than in a Mitsuba film: any intrinsics work (also non-square pixels), and each
pixel is the plain mean of its own samples, a box filter. No sample touches another pixel, so the bytes do not depend
on threads.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.mi.direct import direct_light
from twinstage.render.mi.light import Surroundings
from twinstage.render.mi.path import path_light
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.scene import LivingScene
from twinstage.scene.columns import F4, F8
from twinstage.scene.snapshot import Snapshot

MOST_RAYS = 6_000_000
"""Camera rays a kernel launch; more samples than this are traced in several passes."""


DIRECT = 0
"""As `Sampling.max_depth`: light straight from lights only."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample: paths of at most `max_depth` segments, or DIRECT.

    `clamp`: greatest radiance that one sample may count, against fireflies; inf for none.
    """

    max_depth: int
    spp: int
    seed: int
    clamp: float


def trace(
    runtime: Mitsuba, living: LivingScene, snapshot: Snapshot, camera: Camera, sampling: Sampling
) -> F4:
    """Linear rgb f4[h, w, 3] of the scene that `living` holds."""
    pixels = camera.width * camera.height
    most = max(1, MOST_RAYS // pixels)
    passes = -(-sampling.spp // most)
    spp = -(-sampling.spp // passes)
    world = Surroundings(
        scene=living.scene, surfaces=living.surfaces, lights=living.lights(snapshot), masked=living.masked
    )
    total = np.zeros((camera.height, camera.width, 3), np.float32)
    for k in range(passes):
        # Seeds of passes are far apart, so that seed s + 1 does not repeat a pass of seed s.
        total = total + _trace_pass(
            runtime, living, world, camera, sampling, spp, sampling.seed + k * 0x9E3779B1
        )
    return total / np.float32(passes)


def _trace_pass(
    runtime: Mitsuba,
    living: LivingScene,
    world: Surroundings,
    camera: Camera,
    sampling: Sampling,
    spp: int,
    seed: int,
) -> F4:
    mi, dr = runtime.mi, runtime.dr
    sampler = mi.load_dict({"type": "multijitter", "sample_count": spp})
    spp = sampler.sample_count()
    sampler.set_samples_per_wavefront(spp)
    sampler.seed(seed & 0xFFFFFFFF, camera.width * camera.height * spp)
    ray = camera_rays(runtime, camera, living.origin, sampler, spp)
    if sampling.max_depth == DIRECT:
        light = direct_light(runtime, world, sampler, ray)
    else:
        light = path_light(runtime, world, sampler, ray, sampling.max_depth)
    light = dr.select(dr.isfinite(light), dr.minimum(light, dr.opaque(mi.Float, sampling.clamp)), 0.0)
    # Without this, each of the three reductions would trace everything again.
    dr.eval(light)
    channels = [dr.block_reduce(dr.ReduceOp.Add, channel, spp) for channel in light]
    mean = np.array(dr.ravel(mi.Color3f(channels))).reshape(camera.height, camera.width, 3)
    out: F4 = np.asarray(mean / np.float32(spp), np.float32)
    return out


def camera_rays(runtime: Mitsuba, camera: Camera, origin: F8, sampler: Any, spp: int) -> Any:
    """One ray a sample, all samples of a pixel next to each other, from the near to the far plane."""
    mi, dr = runtime.mi, runtime.dr
    index = dr.arange(mi.UInt32, camera.width * camera.height * spp) // spp
    row = index // camera.width
    jitter = sampler.next_2d()
    x = mi.Float(index - row * camera.width) + jitter.x
    y = mi.Float(row) + jitter.y
    pose = camera.world_from_camera
    linear = pose[:3, :3] @ np.linalg.inv(camera.K)
    # Opaque numbers: the compiled kernel serves every pose of the camera.
    column = [mi.Vector3f(*(dr.opaque(mi.Float, float(v)) for v in linear[:, k])) for k in range(3)]
    eye = mi.Point3f(*(dr.opaque(mi.Float, float(v)) for v in pose[:3, 3] - origin))
    along = column[0] * x + column[1] * y + column[2]
    length = dr.norm(along)
    near, far = dr.opaque(mi.Float, camera.near), dr.opaque(mi.Float, camera.far)
    ray = mi.Ray3f(eye + along * near, along / length, 0.0, mi.Color0f())
    ray.maxt = (far - near) * length
    return ray
