"""Cameras of a stage as pxr sees them: UsdGeom.Camera.GetCamera and its frustum. Nothing of twinstage."""

from typing import Any

import numpy as np
from conformance.oracle import Oracle, quiet
from pxr import Gf, UsdGeom

from exactness.eyes import Eye


def authored_eye(stage: Any, path: str, width: int, height: int, up_axis: str | None = None) -> Eye | None:
    """The eye of a camera prim at the stage's start; None where its transform is no rotation, scale and shift."""
    with quiet():
        oracle = Oracle(stage, None, up_axis)
        camera = UsdGeom.Camera(stage.GetPrimAtPath(path)).GetCamera(oracle.time)
        world = oracle.convert(np.array(camera.transform), in_world=True)
    lengths = np.linalg.norm(world[:3, :3], axis=0)
    if not np.isfinite(world).all() or lengths.min() <= 0:
        return None
    world[:3, :3] /= lengths
    if (
        not np.allclose(world[:3, :3].T @ world[:3, :3], np.eye(3), atol=1e-6)
        or np.linalg.det(world[:3, :3]) < 0
    ):
        return None
    window = camera.frustum.GetWindow()
    flat = camera.projection == Gf.Camera.Orthographic
    unit = oracle.scale if flat else 1.0  # of an orthographic camera the window is in the stage's units
    (x0, y0), (x1, y1) = np.array(window.GetMin()) * unit, np.array(window.GetMax()) * unit
    fx, fy = width / (x1 - x0), height / (y1 - y0)
    K = np.array([[fx, 0, -x0 * fx], [0, fy, y1 * fy], [0, 0, 1]])
    near, far = camera.clippingRange.min * oracle.scale, camera.clippingRange.max * oracle.scale
    pose = world @ np.diag([1.0, -1.0, -1.0, 1.0])
    return Eye(width, height, K, pose, near, far, "orthographic" if flat else "pinhole")
