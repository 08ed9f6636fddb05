"""The same pictures by Mitsuba's scalar variant, for machines without libLLVM.

Mitsuba's own integrators are used, so lights have bodies here that cameras see, and noise and speed differ. Still
pinhole and orthographic cameras are Mitsuba's own sensors; these know square pixels only: where the camera's are not,
the picture is rendered with square ones over the same field of view and then resampled to the height that was asked
for. All other cameras (lenses, apertures, paths, scenes that move) are rays of our own, one by one: exact, but slow.
"""

from typing import Any

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.exposure import Part, parts
from twinstage.render.lens.pinhole import Pinhole
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.scene import LivingScene
from twinstage.render.mi.trace import DIRECT, Sampling
from twinstage.render.motion import Motion
from twinstage.scene.columns import F4, F8
from twinstage.scene.snapshot import Snapshot


def trace_scalar(
    runtime: Mitsuba,
    living: LivingScene,
    snapshot: Snapshot,
    camera: Camera,
    sampling: Sampling,
    motion: Motion | None = None,
) -> F4:
    """Linear rgb f4[h, w, 3] of the scene."""
    native = isinstance(camera.lens, Pinhole) and camera.path is None and camera.aperture_radius == 0
    if native and motion is None and not sampling.centred:
        living.follow(snapshot)
        return _by_sensor(runtime, living, camera, sampling)
    return _by_rays(runtime, living, snapshot, camera, sampling, motion)


def _integrator(runtime: Mitsuba, sampling: Sampling) -> Any:
    depth = sampling.max_depth
    return runtime.mi.load_dict(
        {"type": "direct"} if depth == DIRECT else {"type": "path", "max_depth": depth}
    )


def _by_sensor(runtime: Mitsuba, living: LivingScene, camera: Camera, sampling: Sampling) -> F4:
    mi = runtime.mi
    fx, fy = camera.K[0, 0], camera.K[1, 1]
    height = max(1, round(camera.height * fx / fy))
    sensor = mi.load_dict(_sensor(mi, camera, living.origin, height, sampling))
    image = mi.render(
        living.scene,
        sensor=sensor,
        integrator=_integrator(runtime, sampling),
        spp=sampling.spp,
        seed=sampling.seed,
    )
    linear: F4 = np.minimum(np.nan_to_num(np.array(image, np.float32)), np.float32(sampling.clamp))
    return linear if height == camera.height else _rows_resampled(linear, camera.height)


def _by_rays(
    runtime: Mitsuba,
    living: LivingScene,
    snapshot: Snapshot,
    camera: Camera,
    sampling: Sampling,
    motion: Motion | None,
) -> F4:
    mi, integrator = runtime.mi, _integrator(runtime, sampling)
    sampler = mi.load_dict({"type": "independent", "sample_count": 1})
    sampler.seed(sampling.seed & 0xFFFFFFFF)
    total = np.zeros((camera.height, camera.width, 3))
    count = np.zeros((camera.height, 1, 1))
    clamp = min(sampling.clamp, float(np.finfo(np.float32).max))
    for k, part in enumerate(parts(snapshot, camera, sampling.spp, motion, sampling.moments)):
        living.follow(part.snapshot)
        chance = np.random.Generator(np.random.Philox(key=[sampling.seed & 0xFFFFFFFFFFFFFFFF, k]))
        for s in range(part.spp):
            starts, alongs = host_rays(camera, part, s, chance, centred=sampling.centred)
            light = _lit(mi, living, integrator, sampler, camera, starts, alongs)
            light = np.minimum(np.nan_to_num(light, posinf=0.0, neginf=0.0), clamp)
            total[part.first : part.last] += light.reshape(-1, camera.width, 3)
            count[part.first : part.last] += 1
    out: F4 = (total / np.maximum(count, 1)).astype(np.float32)
    return out


def _lit(
    mi: Any, living: LivingScene, integrator: Any, sampler: Any, camera: Camera, starts: F8, alongs: F8
) -> F8:
    """Radiance f8[n, 3] along each ray, one after the other; 0 where the lens sees nothing."""
    out = np.zeros((len(starts), 3))
    length = np.linalg.norm(alongs, axis=1)
    near = starts + alongs * camera.near - living.origin
    unit = alongs / np.where(length > 0, length, 1.0)[:, None]
    most = np.minimum((camera.far - camera.near) * length, 1e30)
    for i in np.flatnonzero(np.isfinite(near).all(1) & np.isfinite(unit).all(1)).tolist():
        ray = mi.RayDifferential3f(mi.Ray3f(near[i], unit[i], 0.0, []))
        ray.maxt = float(most[i])
        out[i] = np.asarray(integrator.sample(living.scene, sampler, ray)[0])
    return out


def host_rays(
    camera: Camera, part: Part, sample: int, chance: np.random.Generator, *, centred: bool = False
) -> tuple[F8, F8]:
    """World origins and directions f8[rows * w, 3] of one sample of each pixel of a part; as `mi.rays` makes them."""
    x, y = np.meshgrid(np.arange(camera.width), np.arange(part.first, part.last))
    corner = np.stack([x.ravel(), y.ravel()], -1)
    within = np.full(corner.shape, 0.5) if centred else chance.random(corner.shape)
    starts, alongs = camera.local_rays(corner + within)
    if camera.aperture_radius > 0:
        starts, alongs = _through_lens(camera, starts, alongs, chance)
    moments, rows = part.poses.shape[:2]
    moment = np.zeros(len(corner), np.int64)
    if moments > 1:
        share = (sample + chance.random(len(corner))) / part.spp
        moment = np.minimum((share * moments).astype(np.int64), moments - 1)
    poses = part.poses[moment, corner[:, 1] if rows > 1 else np.zeros(len(corner), np.int64)]
    turned = np.einsum("nij,nj->ni", poses[:, :3, :3], alongs)
    return np.einsum("nij,nj->ni", poses[:, :3, :3], starts) + poses[:, :3, 3], turned


def _through_lens(camera: Camera, starts: F8, alongs: F8, chance: np.random.Generator) -> tuple[F8, F8]:
    radius = camera.aperture_radius * np.sqrt(chance.random(len(starts)))
    turn = chance.random(len(starts)) * 2 * np.pi
    a, b = (radius * np.cos(turn))[:, None], (radius * np.sin(turn))[:, None]
    if camera.lens.along_axis:
        offset = np.concatenate([a, b, np.zeros_like(a)], 1)
        return starts + offset, alongs - offset / camera.focus_distance
    other = np.where(np.abs(alongs[:, 2:]) < 0.9, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    across = np.cross(other, alongs)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    offset = a * across + b * np.cross(alongs, across)
    toward = alongs * camera.focus_distance - offset
    return starts + offset, toward / np.linalg.norm(toward, axis=1, keepdims=True)


def _sensor(mi: Any, camera: Camera, origin: F8, height: int, sampling: Sampling) -> dict[str, Any]:
    pose = np.array(camera.world_from_camera)
    pose[:3, 3] -= origin
    # Mitsuba's cameras look along +z with +x to the left.
    pose = pose @ np.diag([-1.0, -1.0, 1.0, 1.0])
    fx, cx, cy = camera.K[0, 0], camera.K[0, 2], camera.K[1, 2]
    return {
        "type": "perspective",
        "to_world": mi.ScalarTransform4f(pose),
        "fov": float(np.degrees(2 * np.arctan(camera.width / 2 / fx))),
        "fov_axis": "x",
        "principal_point_offset_x": float(0.5 - cx / camera.width),
        "principal_point_offset_y": float(0.5 - cy / camera.height),
        "near_clip": max(camera.near, 1e-4),
        "far_clip": min(camera.far, 1e6),
        "film": {
            "type": "hdrfilm",
            "width": camera.width,
            "height": height,
            "pixel_format": "rgb",
            "rfilter": {"type": "box"},
        },
        "sampler": {"type": "independent", "sample_count": sampling.spp},
    }


def _rows_resampled(image: F4, height: int) -> F4:
    """The picture with that many rows, each the mean of the rows (or parts of rows) that it covers."""
    edges = np.linspace(0.0, image.shape[0], height + 1)
    sums = np.concatenate([np.zeros((1, *image.shape[1:])), np.cumsum(image, 0, dtype=np.float64)])
    whole = np.minimum(np.floor(edges).astype(np.int64), image.shape[0] - 1)
    at_edges = sums[whole] + (edges - whole)[:, None, None] * image[whole]
    out: F4 = (np.diff(at_edges, axis=0) / np.diff(edges)[:, None, None]).astype(np.float32)
    return out
