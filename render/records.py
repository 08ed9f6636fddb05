"""What the label pass saw, as plain data: one dict a view, ready for JSON. docs/render.md lists the fields."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from twinstage.render.capture import Camera, Capture, ObjectMask
from twinstage.render.views import View
from twinstage.scene.snapshot import Snapshot


def view_record(snapshot: Snapshot, view: View, capture: Capture) -> dict[str, Any]:
    """Camera, pose and the objects in the image, visible or hidden by others, by rising id."""
    return {
        "camera": camera_record(view),
        "time_code": capture.time_code,
        "objects": [object_record(snapshot, mask) for mask in capture.objects],
    }


def camera_record(view: View) -> dict[str, Any]:
    """Intrinsics and pose in OpenCV's terms."""
    camera: Camera = view.camera
    return {
        "name": camera.name,
        "source": view.source,
        "size": [camera.width, camera.height],
        "K": rows(camera.K),
        "lens": camera.lens.kind,
        "world_from_camera": rows(camera.world_from_camera),
    }


def object_record(snapshot: Snapshot, mask: ObjectMask) -> dict[str, Any]:
    """One object as one camera sees it."""
    item = snapshot.objects[mask.object]
    return {
        "id": mask.object + 1,
        "prim_path": item.prim_path,
        "point_id": item.point_id,
        "class": item.name,
        "labels": list(item.labels),
        "visible_px": mask.visible_px,
        "amodal_px_in_frame": mask.amodal_px_in_frame,
        "amodal_px_total": mask.amodal_px_total,
        "bbox_visible": box(mask.visible),
        "bbox_amodal": box(mask.amodal),
    }


def box(mask: np.ndarray) -> list[int] | None:
    """[x, y, width, height] [px] around a mask; None around nothing."""
    if not mask.any():
        return None
    down, across = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x, y = int(across[0]), int(down[0])
    return [x, y, int(across[-1]) - x + 1, int(down[-1]) - y + 1]


def rows(matrix: Sequence[Sequence[float]] | np.ndarray) -> list[list[float]]:
    """A matrix as lists of numbers, without -0.0."""
    return [[float(v) + 0.0 for v in row] for row in matrix]
