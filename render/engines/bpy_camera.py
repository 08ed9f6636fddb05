"""A camera in Blender's terms. The pixel grid, principal point and focal lengths are exact up to float32."""

from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.camera import USD_FROM_OPENCV
from twinstage.render.capture import Camera
from twinstage.scene.columns import F8

SENSOR = 36.0
"""Width of the sensor [mm]; only ratios to it matter."""


def camera_message(camera: Camera, origin: F8) -> dict[str, Any]:
    """What `bpy_worker` sets. Raises UserError for what Blender's cameras cannot do."""
    if camera.path is not None:
        raise UserError(
            f"camera {camera.name} moves while its shutter is open; the bpy engine takes cameras that rest"
        )
    if camera.lens.kind not in ("pinhole", "orthographic"):
        raise UserError(
            f"camera {camera.name} has a lens of kind {camera.lens.kind}; the bpy engine knows pinhole and orthographic"
        )
    if camera.K[0, 1] != 0 or camera.K[1, 0] != 0:
        raise UserError(f"camera {camera.name} has a skewed K, which the bpy engine's cameras cannot have")
    fx, fy = float(camera.K[0, 0]), float(camera.K[1, 1])
    cx, cy = float(camera.K[0, 2]), float(camera.K[1, 2])
    width, height = camera.width, camera.height
    # A pixel is 1 / fx wide and 1 / fy high; Blender wants both sides from 1 on.
    aspect = (1.0, fx / fy) if fx >= fy else (fy / fx, 1.0)
    world = np.array(camera.world_from_camera) @ USD_FROM_OPENCV
    world[:3, 3] -= origin
    lens: dict[str, Any] = {
        "sensor_fit": "HORIZONTAL",
        "sensor_width": SENSOR,
        "clip_start": camera.near,
        "clip_end": min(camera.far, 1e9),
        # Shifts are in widths of the image, along y in pixels as wide as high.
        "shift_x": (width / 2 - cx) / width,
        "shift_y": (cy - height / 2) / width * (fx / fy),
    }
    dof: dict[str, Any] = {"use_dof": camera.aperture_radius > 0 and camera.focus_distance > 0}
    if camera.lens.kind == "pinhole":
        lens |= {"type": "PERSP", "lens": fx / width * SENSOR}
        if dof["use_dof"]:
            dof |= {
                "focus_distance": camera.focus_distance,
                "aperture_fstop": lens["lens"] * 1e-3 / (2 * camera.aperture_radius),
                "aperture_blades": 0,
            }
    else:
        lens |= {"type": "ORTHO", "ortho_scale": width / fx}
        dof["use_dof"] = False
    return {
        "width": width,
        "height": height,
        "pixel_aspect": list(aspect),
        "world": world.tolist(),
        "set": lens,
        "dof": dof,
    }
