"""The same pictures by Mitsuba's scalar variant, for machines without libLLVM.

Mitsuba's own integrators are used, so lights have bodies here that cameras see, and noise and speed differ. Its sensor
knows square pixels only: where the camera's are not, the picture is rendered with square ones over the same field of
view and then resampled to the height that was asked for.
"""

from typing import Any

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.scene import LivingScene
from twinstage.render.mi.trace import DIRECT, Sampling
from twinstage.scene.columns import F4, F8
from twinstage.scene.snapshot import Snapshot


def trace_scalar(
    runtime: Mitsuba, living: LivingScene, snapshot: Snapshot, camera: Camera, sampling: Sampling
) -> F4:
    """Linear rgb f4[h, w, 3] of the scene that `living` holds."""
    mi = runtime.mi
    fx, fy = camera.K[0, 0], camera.K[1, 1]
    height = max(1, round(camera.height * fx / fy))
    sensor = mi.load_dict(_sensor(mi, camera, living.origin, height, sampling))
    depth = sampling.max_depth
    kind = {"type": "direct"} if depth == DIRECT else {"type": "path", "max_depth": depth}
    integrator = mi.load_dict(kind)
    image = mi.render(
        living.scene, sensor=sensor, integrator=integrator, spp=sampling.spp, seed=sampling.seed
    )
    linear: F4 = np.minimum(np.nan_to_num(np.array(image, np.float32)), np.float32(sampling.clamp))
    return linear if height == camera.height else _rows_resampled(linear, camera.height)


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
