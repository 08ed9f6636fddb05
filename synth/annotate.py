"""What the label pass saw -> the JSON record of a frame. Plain data in, plain data out.

An object is in a camera's list when its class is in the recipe, it is a target, and its silhouette reaches into the image
(visible or not). All counts are the label pass's own; boxes come from the masks; the 3D box from the vertices.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twinstage.render.capture import Camera, Capture, ObjectMask
from twinstage.render.extents import Bounds, object_world, transform
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.synth import masks


def seen_objects(capture: Capture) -> list[ObjectMask]:
    """The objects whose silhouette reaches into the image, in the order of their ids."""
    return sorted((o for o in capture.objects if o.amodal_px_in_frame > 0), key=lambda o: o.object)


def instance_image(capture: Capture, seen: Sequence[ObjectMask]) -> np.ndarray:
    """u2[height, width]: place in the record's list of objects from 1, 0 where no listed object is visible."""
    out = np.zeros((capture.camera.height, capture.camera.width), np.uint16)
    for place, item in enumerate(seen, start=1):
        out[item.slices][item.seen] = place
    return out


def camera_record(
    snapshot: Snapshot, camera: Camera, seen: Sequence[ObjectMask], classes: Mapping[int, str], bounds: Bounds
) -> dict[str, Any]:
    """What one camera sees, as an entry of a record's `cameras`. `classes`: class by object index."""
    return {
        "name": camera.name,
        "resolution": [camera.width, camera.height],
        "K": _rows(camera.K),
        "distortion": [],
        "world_from_camera": _rows(camera.world_from_camera),
        "objects": [object_record(snapshot, item, classes[item.object], bounds) for item in seen],
    }


def lens_record(snapshot: Snapshot, scene_camera: SceneCamera, square_pixels: bool) -> dict[str, Any]:
    """Where K came from: the prim and its lens [mm], so that anyone can compute it again."""
    return {
        "prim_path": snapshot.prims.path[scene_camera.prim],
        "square_pixels": square_pixels,
        "lens": {
            "focal_length": scene_camera.focal_length,
            "horizontal_aperture": scene_camera.horizontal_aperture,
            "vertical_aperture": scene_camera.vertical_aperture,
            "horizontal_offset": scene_camera.horizontal_offset,
            "vertical_offset": scene_camera.vertical_offset,
        },
    }


def object_record(snapshot: Snapshot, item: ObjectMask, name: str, bounds: Bounds) -> dict[str, Any]:
    """One object as one camera sees it."""
    scene_object = snapshot.objects[item.object]
    world = object_world(snapshot, item.object)
    box = bounds.of_object(snapshot, item.object)
    assert box is not None  # it has a silhouette, so it has vertices
    corners = transform(world, box.corners)
    visible, amodal = masks.encode(item.visible), masks.encode(item.amodal)
    return {
        "instance_id": item.object + 1,
        "prim_path": scene_object.prim_path,
        "point_id": scene_object.point_id,
        "class": name,
        "world_from_object": _rows(world),
        "size": [float(np.linalg.norm(corners[i] - corners[0])) for i in (4, 2, 1)],
        "bbox_3d": _rows(corners),
        "visible_px": item.visible_px,
        "amodal_px_in_frame": item.amodal_px_in_frame,
        "amodal_px_total": item.amodal_px_total,
        "occlusion": 1 - item.visible_px / item.amodal_px_in_frame,
        "truncation": 1 - item.amodal_px_in_frame / item.amodal_px_total,
        "bbox_visible": masks.box(visible),
        "bbox_amodal": masks.box(amodal),
        "visible_rle": visible,
        "amodal_rle": amodal,
    }


def _rows(matrix: np.ndarray) -> list[list[float]]:
    return [[float(v) + 0.0 for v in row] for row in matrix]  # + 0.0 turns -0.0 into 0.0
