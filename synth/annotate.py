"""What the label pass saw -> the JSON record of a frame. Plain data in, plain data out.

An object is in a camera's list when its class is in the recipe, it is a target, and its silhouette reaches into the image
(visible or not). All counts are the label pass's own; boxes in the image come from the masks, the others from vertices;
poses, 3D boxes and key points are those at the frame's time, whatever moves while the shutter is open.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from twinstage.render.capture import Camera, Capture, ObjectMask
from twinstage.render.extents import SHARED_BOUNDS, Bounds, object_nodes
from twinstage.render.full_boxes import Limits, full_boxes
from twinstage.render.hull import smallest_rectangles
from twinstage.render.keypoints import SeenKeypoints, seen_keypoints
from twinstage.render.lens import Fisheye, OpenCV, lens_data
from twinstage.render.motion import Motion
from twinstage.render.opacity import cut_at, invisible
from twinstage.render.poses import ObjectPoses, object_poses
from twinstage.scene.columns import F8, Bool
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.scene.transforms import rigid_inverse
from twinstage.synth.labels import LabelClass
from twinstage.synth.models import Model, model_of
from twinstage.synth.parts import Parts
from twinstage.synth.runs import Runs, runs_of


def seen_objects(capture: Capture) -> list[ObjectMask]:
    """The objects whose silhouette reaches into the image, in the order of their ids."""
    return sorted((o for o in capture.objects if o.amodal_px_in_frame > 0), key=lambda o: o.object)


def instance_image(capture: Capture, seen: Sequence[ObjectMask]) -> np.ndarray:
    """u2[height, width]: place in the record's list of objects from 1, 0 where no listed object is visible."""
    out = np.zeros((capture.camera.height, capture.camera.width), np.uint16)
    for place, item in enumerate(seen, start=1):
        out[item.slices][item.seen] = place
    return out


def material_names(snapshot: Snapshot, ids: np.ndarray) -> dict[str, str]:
    """Path by number of the materials in a picture of them (row of `Snapshot.materials` + 1); "" is the fall-back."""
    return {str(number): snapshot.materials[number - 1].path for number in np.unique(ids).tolist() if number}


# --- cameras ------------------------------------------------------------------------------------------------------


def camera_record(camera: Camera) -> dict[str, Any]:
    """A camera as it looked: how points become pixels, from where, and when each row was exposed."""
    lens = camera.lens
    return {
        "name": camera.name,
        "resolution": [camera.width, camera.height],
        "K": rows(camera.K),
        "projection": lens_data(lens),
        "distortion": list(lens.coefficients) if isinstance(lens, OpenCV | Fisheye) else [],
        "near": camera.near,
        "far": camera.far,
        "world_from_camera": rows(camera.world_from_camera),
        "shutter": {
            "open": camera.shutter.open,
            "close": camera.shutter.close,
            "readout": camera.shutter.readout,
        },
        "path": None
        if camera.path is None
        else {
            "seconds": rows(camera.path.seconds),
            "world_from_camera": rows(camera.path.world_from_camera),
        },
    }


def lens_record(snapshot: Snapshot, scene_camera: SceneCamera, square_pixels: bool) -> dict[str, Any]:
    """Where K came from: the prim and its lens [mm], so that anyone can compute it again.

    `calibration`: K that the stage states for an image of some size, in whose place it comes; null for none.
    """
    authored = scene_camera.lens
    calibrated = authored is not None and authored.intrinsics is not None
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
        "calibration": {"K": list(authored.intrinsics or ()), "size": list(authored.image_size or ())}
        if authored is not None and calibrated
        else None,
    }


# --- objects ------------------------------------------------------------------------------------------------------


class ObjectRecords:
    """The objects that one camera sees, with what is found for all of them at once.

    `classes`: class by name of the recipe's labels; `class_of`: its name by object index.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        camera: Camera,
        seen: Sequence[ObjectMask],
        class_of: Mapping[int, str],
        classes: Mapping[str, LabelClass],
        bounds: Bounds = SHARED_BOUNDS,
        motion: Motion | None = None,
    ) -> None:
        self.snapshot, self.camera, self.seen, self.bounds = snapshot, camera, tuple(seen), bounds
        self.class_of, self.classes = class_of, classes
        index = np.array([item.object for item in self.seen], np.int64)
        self.parts = Parts(snapshot, index.tolist())
        nodes = object_nodes(snapshot, index)
        self.world, self.moves = snapshot.node_world[nodes], moving_nodes(motion, nodes)
        self.poses = object_poses(snapshot, camera, index)
        model_from_world = rigid_inverse(camera.world_from_camera @ self.poses.matrices)
        self.models = [self._model(k, row, model_from_world[k]) for k, row in enumerate(index.tolist())]
        self.points = self._keypoints(index)

    def records(self) -> list[dict[str, Any]]:
        """An entry of the record's `objects` each."""
        masks = mask_records(self.seen)
        drawn = [self.parts.drawn(item.object) for item in self.seen]
        boxes = [
            _full_box(mask["bbox_amodal"], box)
            for mask, box in zip(masks, full_boxes(self.snapshot, self.camera, drawn), strict=True)
        ]
        spaces = self._spaces()
        return [
            self._record(k, item, spaces[k], masks[k] | {"bbox_full": boxes[k]})
            for k, item in enumerate(self.seen)
        ]

    def _rigid(self, k: int) -> bool:
        """Whether the k-th object is neither mirrored nor squashed."""
        return bool(np.isfinite(self.poses.rotation[k]).all() and not self.poses.mirrored[k])

    def _model(self, k: int, row: int, model_from_world: F8) -> Model | None:
        return model_of(self.snapshot, self.parts.drawn(row), model_from_world) if self._rigid(k) else None

    @cached_property
    def _holed(self) -> Bool:
        """Which of the snapshot's material sets make holes."""
        holed = [invisible(m) or cut_at(m) > 0 for m in self.snapshot.materials]
        return np.array([any(holed[m] for m in worn) for worn in self.snapshot.material_sets], bool)

    def _cutout(self, row: int) -> bool:
        """Whether its materials make holes, which its model has not: then its masks are less than its model's."""
        return bool(self._holed[self.snapshot.instances.material_set[self.parts.drawn(row)]].any())

    def _keypoints(self, index: np.ndarray) -> SeenKeypoints | None:
        asked = [row for row in index.tolist() if self.classes[self.class_of[row]].keypoints]
        return seen_keypoints(self.snapshot, self.camera, np.array(asked)) if asked else None

    def _record(
        self, k: int, item: ObjectMask, space: dict[str, Any], masks: dict[str, Any]
    ) -> dict[str, Any]:
        scene_object, name = self.snapshot.objects[item.object], self.class_of[item.object]
        model = self.models[k]
        out = {
            "instance_id": item.object + 1,
            "prim_path": scene_object.prim_path,
            "point_id": scene_object.point_id,
            "class": name,
            **space,
            "pose": _pose(self.poses, k) if self._rigid(k) else None,
            "model": None if model is None else model.name,
            "cutout": self._cutout(item.object),
            **masks,
        }
        if self.classes[name].keypoints:
            out["keypoints"] = self._keypoint_records(item.object, self.classes[name].keypoints)
        # What moves while the shutter is open is not where its pose and its 3D box are in all rows of the picture.
        return out | ({"moves": True} if self.moves[k] else {})

    def _spaces(self) -> list[dict[str, Any]]:
        """Where each object is and how large, all at once: numpy calls cost more than what they do for one."""
        if not self.seen:
            return []
        parts = [self.parts.of(item.object) for item in self.seen]
        boxes = [box for box in self.bounds.of_each(self.snapshot, parts, self.world) if box is not None]
        assert len(boxes) == len(self.seen)  # each has a silhouette, so it has vertices
        corners = np.stack([box.corners for box in boxes])
        corners = corners @ self.world[:, :3, :3].swapaxes(1, 2) + self.world[:, None, :3, 3]
        edges = corners[:, [4, 2, 1]] - corners[:, :1]
        size = np.sqrt(edges[..., None, :] @ edges[..., None])[..., 0, 0]
        columns = zip(rows(self.world), size.tolist(), rows(corners), strict=True)
        return [{"world_from_object": world, "size": edge, "bbox_3d": box} for world, edge, box in columns]

    def _keypoint_records(self, row: int, names: Sequence[str]) -> list[dict[str, Any]]:
        """Those that the object has, in the order of the class's names."""
        points = self.points
        if points is None:
            return []
        place = {points.name[k]: k for k in np.flatnonzero(points.object == row).tolist()}
        return [_keypoint(points, place[name]) for name in names if name in place]


def moving_nodes(motion: Motion | None, nodes: np.ndarray) -> np.ndarray:
    """Which nodes i8[n] move while the shutter is open, bool[n]."""
    if motion is None:
        return np.zeros(len(nodes), bool)
    first, *others = (snapshot.node_world[nodes] for snapshot in motion.snapshots)
    out: np.ndarray = np.any([(other != first).any((1, 2)) for other in others], axis=0)
    return out


def _pose(poses: ObjectPoses, k: int) -> dict[str, Any]:
    return {"R": rows(poses.rotation[k]), "t": rows(poses.translation[k])}


def _keypoint(points: SeenKeypoints, k: int) -> dict[str, Any]:
    seen = np.isfinite(points.pixels[k]).all()
    return {
        "name": points.name[k],
        "world": rows(points.world[k]),
        "px": rows(points.pixels[k]) if seen else None,
        "v": int(points.v[k]),
    }


def mask_records(seen: Sequence[ObjectMask]) -> list[dict[str, Any]]:
    """Counts, masks and the boxes that follow from them, of all objects of a view."""
    corners, shape = [item.window[:2] for item in seen], seen[0].shape if seen else (0, 0)
    visible = runs_of([item.seen for item in seen], corners)
    amodal = runs_of([_outline(item) for item in seen], corners)
    columns = zip(
        seen,
        visible.boxes(),
        amodal.boxes(),
        _turned_boxes(visible, corners),
        visible.counts(shape),
        amodal.counts(shape),
        strict=True,
    )
    return [
        {
            "visible_px": item.visible_px,
            "amodal_px_in_frame": item.amodal_px_in_frame,
            "amodal_px_total": item.amodal_px_total,
            "occlusion": 1 - item.visible_px / item.amodal_px_in_frame,
            "truncation": 1 - item.amodal_px_in_frame / item.amodal_px_total,
            "bbox_visible": box,
            "bbox_amodal": whole_box,
            "obb": turned,
            "visible_rle": {"size": list(shape), "counts": counts},
            "amodal_rle": {"size": list(shape), "counts": whole_counts},
        }
        for item, box, whole_box, turned, counts, whole_counts in columns
    ]


def _full_box(amodal: Sequence[float], found: Limits | None) -> list[float]:
    """[x, y, width, height] of the vertices that the lens sees (`found`), and of the silhouette's pixel centres.

    A triangle larger than what the lens sees has all of its corners and edges outside of it, so only pixels tell.
    """
    x, y, width, height = amodal
    low, high = (x + 0.5, y + 0.5), (x + width - 0.5, y + height - 0.5)
    if found is not None:
        low = min(low[0], found[0]), min(low[1], found[1])
        high = max(high[0], found[2]), max(high[1], found[3])
    return [float(v) for v in (*low, high[0] - low[0], high[1] - low[1])]


def _outline(item: ObjectMask) -> np.ndarray:
    assert item.outline is not None  # the amodal pass was asked for
    return item.outline


def _turned_boxes(runs: Runs, corners: Sequence[tuple[int, int]]) -> list[Any]:
    """The corners of the smallest rectangle around each mask; None for an empty one. Found in the window's own pixels."""
    at = np.array(corners, np.float64)
    hulls = {k: hull - at[k] for k, hull in enumerate(runs.hulls()) if len(hull)}
    out: list[Any] = [None] * runs.count
    if hulls:
        rectangles = np.stack(smallest_rectangles(list(hulls.values())))
        for k, rectangle in zip(hulls, rows(rectangles + at[list(hulls), None]), strict=True):
            out[k] = rectangle
    return out


def rows(array: F8) -> Any:
    """An array as (nested) lists of numbers, without -0.0."""
    return (np.asarray(array, np.float64) + 0.0).tolist()
