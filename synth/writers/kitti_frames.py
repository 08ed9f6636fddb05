"""KITTI's coordinate frames: rectified camera, camera, velodyne; and the calibration file that relates them.

    pixel ~ P2 R0_rect Tr_velo_to_cam x_velodyne

In KITTI the rectified camera is level (its car drives on flat ground), and labels turn about its y axis only. For a camera
that looks up or down there are two ways. `camera`: R0_rect is the identity and P2 = [K | 0], as common readers expect; then
upright objects are tilted in the frame of the labels. `level`: R0_rect is the turn that makes the camera level, and
P2 = [K R0_rect^-1 | 0]; then upright objects have their true boxes and the product above holds exactly, but readers that
take focal lengths out of P2, or divide by z instead of P2's third row, go wrong.
"""

from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.synth.writers.cameras import camera_from_world
from twinstage.synth.writers.views import View

CAMERA_FROM_FORWARD = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""Axes x forward, y left, z up in those of a camera (OpenCV)."""


def rectified_from_camera(view: View, axes: str) -> F8:
    """R0_rect, f8[3, 3]: exactly the identity for `axes` "camera" and for a level camera."""
    world_from_camera = np.array(view.camera["world_from_camera"], np.float64)[:3, :3]
    if axes == "camera":
        return np.eye(3)
    ahead = world_from_camera[:2, 2]
    if (
        np.hypot(*ahead) < 1e-6
    ):  # it looks straight up or down: what is up in the picture lies ahead, or behind
        ahead = -world_from_camera[:2, 1] * np.sign(-world_from_camera[2, 2])
    z = np.array([*(ahead / np.hypot(*ahead)), 0.0])
    y = np.array([0.0, 0.0, -1.0])
    level_from_world = np.stack([np.cross(y, z), y, z])
    out: F8 = level_from_world @ world_from_camera
    return np.eye(3) if np.abs(out - np.eye(3)).max() < 1e-9 else out


def calibration(view: View, K: F8, turn: F8, lidar: dict[str, Any] | None) -> str:
    """The file's text. Without a lidar, velodyne stands in the camera, x forward; there is no IMU but the velodyne."""
    projection = np.column_stack([K @ turn.T, np.zeros(3)])
    if lidar is None:
        from_lidar = np.column_stack([CAMERA_FROM_FORWARD, np.zeros(3)])
    else:
        from_lidar = (camera_from_world(view) @ np.array(lidar["world_from_sensor"], np.float64))[:3]
    rows = {f"P{k}": projection for k in range(4)}
    rows |= {"R0_rect": turn, "Tr_velo_to_cam": from_lidar, "Tr_imu_to_velo": np.eye(3, 4)}
    return "".join(
        f"{name}: {' '.join(f'{v:.12e}' for v in m.round(12).ravel() + 0.0)}\n" for name, m in rows.items()
    )
