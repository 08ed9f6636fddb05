"""The annotations of a COCO file: plain data of one object.

`bbox` and `area` come from the visible mask, which is compressed run lengths with `iscrowd` 0, or polygons; ids start at 1,
since pycocotools takes an id of 0 for "unmatched"; ids of categories are those of the label map. Key points are [x, y, v]
with v 0 not labelled (x = y = 0), 1 hidden, 2 visible; the category carries `keypoints`, `skeleton` and `sigmas`, which
are the scorer's `kpt_oks_sigmas`. Keys beyond COCO's: visibility, occlusion, truncation, bbox_amodal, prim_path, point_id,
instance_id, and bbox_full, obb, pose and model where the record has them.
"""

from typing import Any

from twinstage.synth.writers.pixels import decode
from twinstage.synth.writers.rings import simplified, trace
from twinstage.synth.writers.views import Tally, View

_EXTRA = ("occlusion", "truncation", "bbox_amodal", "prim_path", "point_id", "instance_id")
_IF_THERE = ("bbox_full", "obb", "pose", "model")


class Entries:
    """Makes the entries of one file. `polygons`: (least IoU, tolerance [px]), or None for run lengths only."""

    def __init__(
        self,
        labels: dict[str, Any],
        tally: Tally,
        *,
        keypoints: bool,
        polygons: tuple[float, float] | None,
        crowd: bool,
    ) -> None:
        self.classes = {c["name"]: c for c in labels["classes"] if not keypoints or c.get("keypoints")}
        self.accept = labels["accept"]
        self.tally, self.keypoints, self.polygons, self.crowd = tally, keypoints, polygons, crowd
        self.task = "keypoints" if keypoints else "instances"
        self.last = 0

    @property
    def categories(self) -> list[dict[str, Any]]:
        """The file's `categories`."""
        return [category(c, self.keypoints) for c in self.classes.values()]

    def of(self, view: View) -> list[dict[str, Any]]:
        """The annotations of a picture, with ids that go on from those of the last one."""
        objects = [item for item in view.camera["objects"] if item["class"] in self.classes]
        self.tally.add(f"{self.task}_images")
        self.tally.add(f"{self.task}_other_classes", len(view.camera["objects"]) - len(objects))
        chosen = {id(item) for item in self.tally.chosen(objects, self.accept, self.task)}
        out = []
        for item in objects:
            if id(item) in chosen or (self.crowd and item["visible_px"]):
                out.append(self._entry(item, view, crowd=id(item) not in chosen))
        self.tally.add(f"{self.task}_annotations", len(out))
        return out

    def _entry(self, item: dict[str, Any], view: View, *, crowd: bool) -> dict[str, Any]:
        self.last += 1
        out = {
            "id": self.last,
            "image_id": view.number,
            "category_id": self.classes[item["class"]]["id"],
            "bbox": item["bbox_visible"],
            "area": item["visible_px"],
            "segmentation": item["visible_rle"] if crowd else self._segmentation(item, view),
            "iscrowd": int(crowd),
            "visibility": item["visible_px"] / item["amodal_px_total"],
        }
        out |= {key: item[key] for key in _EXTRA}
        out |= {key: item[key] for key in _IF_THERE if item.get(key) is not None}
        if self.keypoints:
            points = points_of(item, self.classes[item["class"]])
            out |= {"keypoints": points, "num_keypoints": sum(v > 0 for v in points[2::3])}
        return out

    def _segmentation(self, item: dict[str, Any], view: View) -> Any:
        if self.polygons is None:
            return item["visible_rle"]
        least, tolerance = self.polygons
        if any(ring.hole for ring in trace(decode(item["visible_rle"], view.size))):
            self.tally.add(f"{self.task}_as_rle_since_polygons_lose_holes")
            return item["visible_rle"]
        for at_most in (tolerance, 0.0):
            rings, iou = polygons_of(item["visible_rle"], view.size, at_most)
            if iou >= least:
                self.tally.add(f"{self.task}_as_polygons")
                self.tally.lowest(f"{self.task}_iou_of_polygons", iou)
                return rings
        self.tally.add(f"{self.task}_as_rle_since_polygons_fail_the_iou")
        return item["visible_rle"]


def category(cls: dict[str, Any], keypoints: bool) -> dict[str, Any]:
    """A class of `labels.json` as COCO has it."""
    out = {"id": cls["id"], "name": cls["name"], "supercategory": cls["supercategory"]}
    if keypoints:
        out |= {"keypoints": cls["keypoints"], "skeleton": cls.get("skeleton") or []}
        if cls.get("sigmas"):
            out["sigmas"] = cls["sigmas"]
    return out


def points_of(item: dict[str, Any], cls: dict[str, Any]) -> list[float]:
    """[x, y, v] of each key point in the order of the class; zeros where the object does not say."""
    found = {point["name"]: point for point in item.get("keypoints") or ()}
    out: list[float] = []
    for name in cls["keypoints"]:
        point = found.get(name)
        if point is None or point["v"] == 0 or point["px"] is None:
            out += [0, 0, 0]
        else:
            out += [*point["px"], point["v"]]
    return out


def polygons_of(
    rle: dict[str, Any], size: tuple[int, int], tolerance: float
) -> tuple[list[list[float]], float]:
    """The outer rings of a mask as COCO writes them, and their IoU with it as COCO's toolkit fills them: as a union, so
    holes are lost."""
    from pycocotools import mask as coco

    mask = decode(rle, size)
    rings = [simplified(ring.points, tolerance).ravel().tolist() for ring in trace(mask) if not ring.hole]
    union = coco.merge(coco.frPyObjects(rings, size[1], size[0]))
    truth = {"size": rle["size"], "counts": rle["counts"].encode("ascii")}
    return rings, float(coco.iou([union], [truth], [0])[0][0])
