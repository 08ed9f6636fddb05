"""Cameras as formats for pinholes want them."""

from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import F8
from twinstage.synth.writers.views import View


def pinhole(view: View, kind: str) -> F8:
    """K f8[3, 3] with the origin in the middle of the first pixel, as OpenCV, BOP and KITTI have it: 0.5 less than ours.

    Raises UserError for a lens that bends lines, and for a picture whose rows were not taken at once.
    """
    camera: dict[str, Any] = view.camera
    lens = (camera.get("projection") or {"kind": "pinhole"})["kind"]
    if lens != "pinhole" or any(camera.get("distortion") or ()):
        what = lens if lens != "pinhole" else "distorted pinhole"
        raise UserError(
            f"export {kind}: {view.where} has a lens of kind {what}; the format holds plain pinholes only"
        )
    if camera.get("path"):
        raise UserError(
            f"export {kind}: {view.where} has a rolling shutter and moves; the format has one pose a picture"
        )
    K = np.array(camera["K"], np.float64)
    K[:2, 2] -= 0.5
    return K


def camera_from_world(view: View) -> F8:
    """f8[4, 4], OpenCV axes [m]."""
    out: F8 = np.linalg.inv(np.array(view.camera["world_from_camera"], np.float64))
    return out
