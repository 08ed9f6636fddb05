"""What the label pass saw, as plain data: one dict a view, ready for JSON. docs/render.md lists the fields.

All boxes are in pixel edges, x to the right and y down; all lengths are metres in the world, Z up; the camera is in
OpenCV's terms with the centre of the upper left pixel at (0.5, 0.5).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.boxes import box_3d, full_box, oriented_box, tight_box
from twinstage.render.camera_data import camera_data
from twinstage.render.capture import Camera, Capture, ObjectMask
from twinstage.render.intrinsics import gl_projection, gl_view
from twinstage.render.keypoints import SeenKeypoints, seen_keypoints
from twinstage.render.motion import Shutter
from twinstage.render.poses import object_poses
from twinstage.render.views import View
from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.transforms import rigid_inverse


def view_record(snapshot: Snapshot, view: View, capture: Capture) -> dict[str, Any]:
    """Camera, pose and the objects in the image, visible or hidden by others, by rising id."""
    rows = np.array([mask.object for mask in capture.objects], np.int64)
    points = seen_keypoints(snapshot, view.camera, rows) if len(rows) else None
    records = [object_record(snapshot, view.camera, mask, points) for mask in capture.objects]
    poses = object_poses(snapshot, at_middle(view.camera), rows)
    for k, record in enumerate(records):
        record["pose"] = None
        if np.isfinite(poses.rotation[k]).all():
            parts = {"R": poses.rotation[k], "t": poses.translation[k], "A": poses.model[k]}
            record["pose"] = {name: numbers(part) for name, part in parts.items()}
    return {"camera": camera_record(view), "time_code": capture.time_code, "objects": records}


def at_middle(camera: Camera) -> Camera:
    """The camera as it stands in the middle of its middle row's exposure; itself, if it rests."""
    if camera.path is None:
        return camera
    pose = camera.path.at(np.array([camera.shutter.middle]))[0]
    return replace(camera, world_from_camera=frozen(pose, np.float64))


def camera_record(view: View) -> dict[str, Any]:
    """Intrinsics and pose; of a camera that moves that in the middle of the exposure, with `path` and `shutter`."""
    camera = at_middle(view.camera)
    data = camera_data(camera)
    told = {"shutter": camera.shutter != Shutter(), "path": camera.path is not None}
    timing: dict[str, Any] = {name: data[name] for name, say in told.items() if say}
    return {
        "name": camera.name,
        "source": view.source,
        "size": [camera.width, camera.height],
        "K": numbers(camera.K),
        "lens": data["lens"],
        "world_from_camera": numbers(camera.world_from_camera),
        "camera_from_world": numbers(rigid_inverse(camera.world_from_camera)),
        "near": camera.near,
        "far": camera.far,
        "opengl": {"view": numbers(gl_view(camera)), "projection": _projection(camera)},
        **timing,
    }


def _projection(camera: Camera) -> Any:
    try:
        return numbers(gl_projection(camera))
    except UserError:  # a lens that bends, or a near plane at the eye: no matrix holds it
        return None


def object_record(
    snapshot: Snapshot, camera: Camera, mask: ObjectMask, points: SeenKeypoints | None = None
) -> dict[str, Any]:
    """One object as one camera sees it."""
    item = snapshot.objects[mask.object]
    box, turned = box_3d(snapshot, camera, mask.object), oriented_box(mask.visible)
    full = full_box(snapshot, camera, mask.object)
    out: dict[str, Any] = {
        "id": mask.object + 1,
        "prim_path": item.prim_path,
        "point_id": item.point_id,
        "class": item.name,
        "labels": list(item.labels),
        "visible_px": mask.visible_px,
        "amodal_px_in_frame": mask.amodal_px_in_frame,
        "amodal_px_total": mask.amodal_px_total,
        "bbox_visible": xywh(tight_box(mask.visible)),
        "bbox_amodal": xywh(tight_box(mask.amodal)),
        "bbox_full": xywh(full),
        "bbox_oriented": None if turned is None else numbers(turned.corners),
    }
    if box is not None:
        out |= {
            "world_from_object": numbers(box.world_from_object),
            "size": [float(n) for n in box.size],
            "bbox_3d": numbers(box.corners),
            "bbox_3d_px": numbers(box.pixels),
        }
    if points is not None and (points.object == mask.object).any():
        out["keypoints"] = _keypoints(points, mask.object)
    return out


def _keypoints(points: SeenKeypoints, row: int) -> list[dict[str, Any]]:
    return [
        {
            "name": points.name[k],
            "world": numbers(points.world[k]),
            "px": numbers(points.pixels[k]),
            "v": int(points.v[k]),
        }
        for k in np.flatnonzero(points.object == row).tolist()
    ]


def xywh(box: Sequence[float] | None) -> list[float] | None:
    """[x, y, width, height] of (x0, y0, x1, y1), as COCO has boxes; None stays None."""
    return None if box is None else [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def numbers(array: np.ndarray) -> Any:
    """An array as lists of numbers, without -0.0; what is not finite is None, since JSON has no word for it."""
    if array.ndim > 1:
        return [numbers(row) for row in array]
    return [float(v) + 0.0 if np.isfinite(v) else None for v in array]
