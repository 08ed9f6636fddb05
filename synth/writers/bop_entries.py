"""The documents of a BOP scene folder.

scene_camera    cam_K (integer pixel centres), cam_R_w2c, cam_t_w2c [mm], depth_scale
scene_gt        obj_id, cam_R_m2c, cam_t_m2c [mm]
scene_gt_info   bbox_obj (whole silhouette, may exceed the picture), bbox_visib; widths are max - min, -1 where nothing
                is seen; px_count_all (outside of the picture, too), px_count_valid (of the silhouette in the picture,
                with depth), px_count_visib, visib_fract = visib / all
scene_gt_coco   the same as COCO, with boxes of the whole silhouette and `ignore` below 10 % visible
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import F8
from twinstage.synth.writers.cameras import camera_from_world
from twinstage.synth.writers.views import Tally, View, compact

IGNORED_BELOW = 0.1
"""Visible fraction below which BOP's COCO files set `ignore`."""


class Scene:
    """What a scene folder's JSON files will hold, collected picture by picture: encoded, so at most 1000 pictures of text.

    `numbers`: obj_id by model.
    """

    def __init__(self, numbers: Mapping[str, int], without_pose: str, tally: Tally) -> None:
        self.numbers, self.without_pose, self.tally = numbers, without_pose, tally
        self.cameras: dict[int, dict[str, Any]] = {}
        self._truth: dict[int, list[bytes]] = {}
        self._info: dict[int, list[bytes]] = {}
        self._images: list[bytes] = []
        self._annotations: list[bytes] = []

    def listed(self, view: View) -> list[dict[str, Any]]:
        """The objects of a picture with a rigid pose. Raises UserError for others, or counts them."""
        width, height = view.size
        image = {"id": view.frame, "file_name": f"rgb/{view.frame:06d}.png", "width": width, "height": height}
        self._images.append(compact(image))
        self._truth[view.frame], self._info[view.frame] = [], []
        self.tally.add("images")
        out = []
        for item in view.camera["objects"]:
            if self.without_pose == "refuse":
                refuse_without_pose(view, item)
            if _is_rigid(item):
                out.append(item)
            else:
                self.tally.add("objects_without_a_rigid_pose")
        return out

    def add(self, view: View, item: dict[str, Any], truth: dict[str, Any], valid: int) -> None:
        """One object of a picture, after `listed`."""
        info = information(item, valid)
        self._truth[view.frame].append(compact(truth))
        self._info[view.frame].append(compact(info))
        self.tally.add("objects")
        self.tally.add("objects_hidden", int(item["visible_px"] == 0))
        if item["visible_px"]:
            number = len(self._annotations) + 1
            self._annotations.append(compact(coco_entry(view, item, truth["obj_id"], info, number)))

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Name and text of each."""
        yield "scene_camera", _document({k: compact(v) for k, v in self.cameras.items()})
        for name, entries in (("scene_gt", self._truth), ("scene_gt_info", self._info)):
            yield name, _document({k: b"[" + b",\n".join(v) + b"]" for k, v in entries.items()})
        categories = [
            {"id": n, "name": str(n), "supercategory": "twinstage"} for n in sorted(self.numbers.values())
        ]
        yield (
            "scene_gt_coco",
            b'{"info":{"description":"twinstage"},"licenses":[],"categories":'
            + compact(categories)
            + b',"images":['
            + b",".join(self._images)
            + b'],"annotations":['
            + b",".join(self._annotations)
            + b"]}\n",
        )


def _is_rigid(item: dict[str, Any]) -> bool:
    return item.get("pose") is not None and item.get("model") is not None


def refuse_without_pose(view: View, item: dict[str, Any]) -> None:
    """Raise UserError for an object without a rigid pose."""
    if not _is_rigid(item):
        raise UserError(
            f"export bop: {view.where}: {item['prim_path']} is mirrored or squashed, so it has no rigid pose; "
            "leave it out of the targets, or set `without_pose: omit`"
        )


def _document(entries: Mapping[int, bytes]) -> bytes:
    """A JSON object of texts by picture."""
    return b"{\n" + b",\n".join(b'"%d": %s' % (k, v) for k, v in entries.items()) + b"\n}\n"


def scene_camera(view: View, K: F8, depth_scale: float) -> dict[str, Any]:
    """An entry of scene_camera.json."""
    into = camera_from_world(view)
    return {
        "cam_K": _flat(K),
        "cam_R_w2c": _flat(into[:3, :3]),
        "cam_t_w2c": _flat(into[:3, 3] * 1000),
        "depth_scale": depth_scale,
    }


def ground_truth(item: dict[str, Any], number: int) -> dict[str, Any]:
    """An entry of scene_gt.json, with the prim and its class as extra keys."""
    return {
        "cam_R_m2c": _flat(np.array(item["pose"]["R"], np.float64)),
        "cam_t_m2c": _flat(np.array(item["pose"]["t"], np.float64) * 1000),
        "obj_id": number,
        "class": item["class"],
        "prim_path": item["prim_path"],
        "point_id": item["point_id"],
    }


def information(item: dict[str, Any], valid: int) -> dict[str, Any]:
    """An entry of scene_gt_info.json."""
    whole = item["amodal_px_total"]
    return {
        "bbox_obj": _box(whole_box(item) if whole else None),
        "bbox_visib": _box(item["bbox_visible"] if item["visible_px"] else None),
        "px_count_all": whole,
        "px_count_valid": valid,
        "px_count_visib": item["visible_px"],
        "visib_fract": item["visible_px"] / whole if whole else 0.0,
    }


def coco_entry(
    view: View, item: dict[str, Any], number: int, info: dict[str, Any], entry: int
) -> dict[str, Any]:
    """An entry of scene_gt_coco.json."""
    x, y, w, h = info["bbox_obj"]
    width, height = view.size
    return {
        "id": entry,
        "image_id": view.frame,
        "category_id": number,
        "iscrowd": 0,
        "area": item["visible_px"],
        "bbox": [x, y, w + 1, h + 1],
        "segmentation": item["visible_rle"],
        "width": width,
        "height": height,
        "ignore": info["visib_fract"] < IGNORED_BELOW,
    }


def whole_box(item: dict[str, Any]) -> list[float]:
    """Box of the whole silhouette [px]: that of its mask, or where it leaves the picture also that of its outline."""
    inside: list[float] = item["bbox_amodal"]
    if item["amodal_px_in_frame"] == item["amodal_px_total"] or item["bbox_full"] is None:
        return inside
    a, b = np.array(inside), np.array(item["bbox_full"], np.float64)
    low, high = np.minimum(a[:2], b[:2]), np.maximum(a[:2] + a[2:], b[:2] + b[2:])
    return [*low.tolist(), *(high - low).tolist()]


def _box(box: list[float] | None) -> list[int]:
    """[x, y, xmax - xmin, ymax - ymin] of the pixels whose middle lies in a box from edge to edge."""
    if box is None:
        return [-1, -1, -1, -1]
    left, top, right, bottom = (
        int(np.ceil(v - 0.5)) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3])
    )
    return [left, top, max(right - 1 - left, 0), max(bottom - 1 - top, 0)]


def _flat(array: F8) -> list[float]:
    out: list[float] = (array.ravel() + 0.0).tolist()
    return out
