"""Seeded damage to good exports: each operator changes files and names the rules, one of which has to find it.

An operator is a function of the dataset's folder and a generator. It gives back the fitting rules, or None where this
dataset has nothing of the kind to damage. Developed on seeds 0 to 99; reported on others.
"""

import json
import math
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from PIL import Image
from tests.synth.formats import exports, shots

Operator = Callable[[Path, Generator], set[str] | None]
OPERATORS: dict[str, list[Operator]] = {}


def operator(*formats: str) -> Callable[[Operator], Operator]:
    """Register an operator for these formats."""

    def add(function: Operator) -> Operator:
        for name in formats:
            OPERATORS.setdefault(name, []).append(function)
        return function

    return add


def edit(path: Path, change: Callable[[Any], Any]) -> Any:
    """Change a JSON file in place; what `change` gives back."""
    data = json.loads(path.read_text())
    out = change(data)
    path.write_text(json.dumps(data))
    return out


def some(rng: Generator, items: list[Any]) -> Any:
    """One of them."""
    return items[int(rng.integers(len(items)))]


def pixels(path: Path) -> np.ndarray:
    """A picture's array."""
    with Image.open(path) as image:
        return np.array(image)


# --- COCO ---------------------------------------------------------------------------------------------------------

INSTANCES = "annotations/instances.json"
PANOPTIC = "annotations/panoptic.json"


def annotation(change: Callable[[dict[str, Any], Generator], Any], *rules: str) -> Operator:
    """An operator on one annotation. `change` gives False where it does not apply."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        done = edit(root / INSTANCES, lambda d: change(some(rng, d["annotations"]), rng))
        return None if done is False else set(rules)

    return apply


def mask_of(entry: dict[str, Any]) -> np.ndarray:
    """The mask of an annotation, by pycocotools."""
    from pycocotools import mask

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools under NumPy 2
        return np.array(mask.decode(entry["segmentation"])).astype(bool)


def _moved_box(a: dict[str, Any], rng: Generator) -> None:
    a["bbox"][int(rng.integers(2))] += int(some(rng, [-3, -2, 2, 3]))


def _box_less_one(a: dict[str, Any], rng: Generator) -> None:
    a["bbox"][2] -= 1
    a["bbox"][3] -= 1


def _corner_box(a: dict[str, Any], rng: Generator) -> bool | None:
    x, y, w, h = a["bbox"]
    a["bbox"] = [x, y, x + w, y + h]
    return None if x or y else False


def _box_area(a: dict[str, Any], rng: Generator) -> bool | None:
    wrong = a["bbox"][2] * a["bbox"][3]
    changed = wrong != a["area"]
    a["area"] = wrong
    return None if changed else False


def _eroded(a: dict[str, Any], rng: Generator) -> None:
    mask = mask_of(a)
    rows, columns = np.nonzero(mask)
    pick = int(rng.integers(len(rows)))
    mask[rows[pick], columns[pick]] = False
    a["segmentation"] = exports.rle(mask)


def _amodal_mask(a: dict[str, Any], rng: Generator) -> None:
    mask = mask_of(a)
    mask = mask | np.roll(mask, 1, 0) | np.roll(mask, 1, 1)
    a["segmentation"] = exports.rle(mask)


def _transposed(a: dict[str, Any], rng: Generator) -> None:
    mask = mask_of(a)
    flat = mask.ravel().reshape(mask.shape[1], mask.shape[0]).T
    a["segmentation"] = exports.rle(np.ascontiguousarray(flat))


def _cut_runs(a: dict[str, Any], rng: Generator) -> None:
    a["segmentation"]["counts"] = a["segmentation"]["counts"][: -int(rng.integers(1, 4))]


def _swapped_size(a: dict[str, Any], rng: Generator) -> None:
    a["segmentation"]["size"] = a["segmentation"]["size"][::-1]


operator("coco")(annotation(_moved_box, "coco.bbox", "coco.bbox-outside"))
operator("coco")(annotation(_box_less_one, "coco.bbox"))
operator("coco")(annotation(_corner_box, "coco.bbox", "coco.bbox-outside"))
operator("coco")(annotation(_box_area, "coco.area"))
operator("coco")(annotation(_eroded, "coco.area", "coco.panoptic-mask"))
operator("coco")(annotation(_amodal_mask, "coco.visible-overlap", "coco.panoptic-mask", "coco.area"))
operator("coco")(annotation(_transposed, "coco.bbox", "coco.panoptic-mask"))
operator("coco")(annotation(_cut_runs, "coco.segmentation"))
operator("coco")(annotation(_swapped_size, "coco.segmentation"))
operator("coco")(annotation(lambda a, r: a.update(segmentation=[]), "coco.empty-segmentation"))
operator("coco")(annotation(lambda a, r: a.update(image_id=9999), "coco.dangling-image"))
operator("coco")(annotation(lambda a, r: a.update(category_id=77), "coco.category-unknown"))
operator("coco")(annotation(lambda a, r: a.update(iscrowd=2), "coco.iscrowd"))
operator("coco")(annotation(lambda a, r: a.update(visibility=-0.1), "coco.ratio"))
operator("coco")(annotation(lambda a, r: a.pop("bbox"), "coco.bbox"))


@operator("coco")
def ring_with_hole(root: Path, rng: Generator) -> set[str] | None:
    """A frame's outline as one ring, which fills its hole."""

    def change(d: Any) -> Any:
        a = max(d["annotations"], key=lambda a: a["bbox"][2] * a["bbox"][3] - a["area"])
        x, y, w, h = a["bbox"]
        if w * h - a["area"] <= 1.3 * (w + h):
            return False
        a["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
        return True

    return {"coco.polygon-holes"} if edit(root / INSTANCES, change) else None


@operator("coco")
def ids_from_zero(root: Path, rng: Generator) -> set[str] | None:
    edit(root / INSTANCES, lambda d: [a.update(id=a["id"] - 1) for a in d["annotations"]])
    return {"coco.annotation-id-zero"}


@operator("coco")
def id_twice(root: Path, rng: Generator) -> set[str] | None:
    edit(root / INSTANCES, lambda d: d["annotations"][-1].update(id=d["annotations"][0]["id"]))
    return {"coco.annotation-id-unique"}


@operator("coco")
def annotated_twice(root: Path, rng: Generator) -> set[str] | None:
    def change(d: Any) -> None:
        d["annotations"].append({**some(rng, d["annotations"]), "id": len(d["annotations"]) + 1})

    edit(root / INSTANCES, change)
    return {"coco.duplicate"}


@operator("coco")
def all_crowds(root: Path, rng: Generator) -> set[str] | None:
    edit(root / INSTANCES, lambda d: [a.update(iscrowd=1) for a in d["annotations"]])
    return {"coco.iscrowd"}


@operator("coco")
def copy_of_a_class(root: Path, rng: Generator) -> set[str] | None:
    edit(root / INSTANCES, lambda d: d["categories"][1].update(name=d["categories"][0]["name"] + ".001"))
    return {"coco.category-suffix"}


@operator("coco")
def image_of_other_size(root: Path, rng: Generator) -> set[str] | None:
    path = root / "images/000001.png"
    exports.save(path, pixels(path)[:-1])
    return {"coco.image-size"}


@operator("coco")
def image_gone(root: Path, rng: Generator) -> set[str] | None:
    (root / "images/000002.png").unlink()
    return {"coco.image-file"}


@operator("coco")
def name_leads_out(root: Path, rng: Generator) -> set[str] | None:
    edit(root / INSTANCES, lambda d: some(rng, d["images"]).update(file_name="../../../etc/passwd"))
    return {"coco.image-file"}


def keypoint(change: Callable[[dict[str, Any], int, Generator], Any], *rules: str) -> Operator:
    """An operator on a labelled key point."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        def one(d: Any) -> Any:
            found = [
                (a, i) for a in d["annotations"] for i in range(3) if a.get("keypoints", [0] * 9)[3 * i + 2]
            ]
            return change(*some(rng, found), rng) if found else False

        return None if edit(root / INSTANCES, one) is False else set(rules)

    return apply


def _normalised_point(a: dict[str, Any], i: int, rng: Generator) -> bool | None:
    a["keypoints"][3 * i] += some(rng, [-1, 1]) * 4 * max(a["bbox_amodal"][2:])
    return None


operator("coco")(keypoint(_normalised_point, "coco.keypoint-far", "coco.keypoint-outside"))
operator("coco")(keypoint(lambda a, i, r: a["keypoints"].__setitem__(3 * i + 2, 3), "coco.keypoints"))
operator("coco")(keypoint(lambda a, i, r: a["keypoints"].__setitem__(3 * i + 2, 0), "coco.keypoints"))
operator("coco")(
    keypoint(lambda a, i, r: a.update(num_keypoints=a["num_keypoints"] + 1), "coco.num-keypoints")
)
operator("coco")(keypoint(lambda a, i, r: a["keypoints"].pop(), "coco.keypoints"))


@operator("coco")
def skeleton_from_zero(root: Path, rng: Generator) -> set[str] | None:
    edit(root / INSTANCES, lambda d: d["categories"][0].update(skeleton=[[0, 1], [0, 2]]))
    return {"coco.skeleton"}


def segment(change: Callable[[dict[str, Any]], Any], rule: str) -> Operator:
    """An operator on one segment of the panoptic file."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        edit(root / PANOPTIC, lambda d: change(some(rng, some(rng, d["annotations"])["segments_info"])))
        return {rule}

    return apply


operator("coco")(segment(lambda s: s.update(area=s["area"] + 1), "coco.panoptic-area"))
operator("coco")(segment(lambda s: s.update(id=s["id"] + 1), "coco.panoptic-ids"))
operator("coco")(segment(lambda s: s["bbox"].__setitem__(2, s["bbox"][2] - 1), "coco.panoptic-bbox"))


@operator("coco")
def panoptic_bgr(root: Path, rng: Generator) -> set[str] | None:
    path = root / "annotations/panoptic/000001.png"
    exports.save(path, np.ascontiguousarray(pixels(path)[..., ::-1]))
    return {"coco.panoptic-ids"}


# --- BOP ----------------------------------------------------------------------------------------------------------

SCENE = "train_pbr/000000"


def bop_entry(file: str, change: Callable[[dict[str, Any], Generator], Any], *rules: str) -> Operator:
    """An operator on one object of scene_gt or scene_gt_info."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        def one(d: Any) -> Any:
            return change(some(rng, d[some(rng, sorted(d))]), rng)

        return None if edit(root / f"{SCENE}/{file}.json", one) is False else set(rules)

    return apply


def _R(entry: dict[str, Any]) -> np.ndarray:
    return np.array(entry["cam_R_m2c"]).reshape(3, 3)


def _scaled(entry: dict[str, Any], rng: Generator) -> None:
    entry["cam_R_m2c"] = (_R(entry) * float(rng.uniform(1.02, 1.5))).ravel().tolist()


def _mirrored(entry: dict[str, Any], rng: Generator) -> None:
    entry["cam_R_m2c"] = (_R(entry) @ np.diag([1, 1, -1])).ravel().tolist()


def _opengl(entry: dict[str, Any], rng: Generator) -> None:
    flip = np.diag([1, -1, -1])
    entry["cam_R_m2c"] = (flip @ _R(entry)).ravel().tolist()
    entry["cam_t_m2c"] = (flip @ entry["cam_t_m2c"]).tolist()


def _inverted(entry: dict[str, Any], rng: Generator) -> None:
    R, t = _R(entry), np.array(entry["cam_t_m2c"])
    entry["cam_R_m2c"], entry["cam_t_m2c"] = R.T.ravel().tolist(), (-R.T @ t).tolist()


def _metres(entry: dict[str, Any], rng: Generator) -> None:
    entry["cam_t_m2c"] = [v / 1000 for v in entry["cam_t_m2c"]]


def _shifted(entry: dict[str, Any], rng: Generator) -> None:
    entry["cam_t_m2c"][int(rng.integers(2))] += float(some(rng, [-1, 1]) * rng.uniform(120, 400))


POSE_RULES = ("bop.pose-reprojection", "bop.translation")
operator("bop")(bop_entry("scene_gt", _scaled, "bop.rotation"))
operator("bop")(bop_entry("scene_gt", _mirrored, "bop.rotation"))
operator("bop")(bop_entry("scene_gt", _opengl, *POSE_RULES))
operator("bop")(bop_entry("scene_gt", _inverted, *POSE_RULES))
operator("bop")(bop_entry("scene_gt", _metres, "bop.translation"))
operator("bop")(bop_entry("scene_gt", _shifted, *POSE_RULES))
operator("bop")(bop_entry("scene_gt", lambda e, r: e.update(obj_id=9), "bop.model-missing"))
operator("bop")(bop_entry("scene_gt", lambda e, r: e.pop("cam_t_m2c"), "bop.structure"))
operator("bop")(
    bop_entry("scene_gt_info", lambda e, r: e.update(visib_fract=e["visib_fract"] * 0.9), "bop.visib-fract")
)
operator("bop")(
    bop_entry("scene_gt_info", lambda e, r: e.update(px_count_visib=e["px_count_visib"] + 1), "bop.px-count")
)
operator("bop")(
    bop_entry(
        "scene_gt_info", lambda e, r: e["bbox_visib"].__setitem__(2, e["bbox_visib"][2] + 1), "bop.bbox-visib"
    )
)
operator("bop")(
    bop_entry(
        "scene_gt_info", lambda e, r: e["bbox_obj"].__setitem__(2, e["bbox_obj"][2] // 2), "bop.bbox-obj"
    )
)


@operator("bop")
def one_info_less(root: Path, rng: Generator) -> set[str] | None:
    edit(root / f"{SCENE}/scene_gt_info.json", lambda d: d["0"].pop())
    return {"bop.gt-count"}


@operator("bop")
def image_not_listed(root: Path, rng: Generator) -> set[str] | None:
    edit(root / f"{SCENE}/scene_camera.json", lambda d: d.pop(some(rng, sorted(d))))
    return {"bop.image-keys"}


@operator("bop")
def range_as_depth(root: Path, rng: Generator) -> set[str] | None:
    K = shots.make(0).K
    rays = np.linalg.norm(shots._rays(K, 0, 0, shots.WIDTH, shots.HEIGHT), axis=1).reshape(
        shots.HEIGHT, shots.WIDTH
    )
    for path in (root / SCENE / "depth").iterdir():
        exports.save(path, (pixels(path) * rays).round().astype(np.uint16))
    return {"bop.depth-is-range"}


@operator("bop")
def depth_scale_wrong(root: Path, rng: Generator) -> set[str] | None:
    edit(root / f"{SCENE}/scene_camera.json", lambda d: [c.update(depth_scale=1.0) for c in d.values()])
    return {"bop.depth-scale-wrong"}


@operator("bop")
def depth_of_another_image(root: Path, rng: Generator) -> set[str] | None:
    shutil.copy(root / SCENE / "depth/000001.png", root / SCENE / "depth/000000.png")
    return {"bop.depth-mismatch", "bop.px-count"}


@operator("bop")
def visible_masks_overlap(root: Path, rng: Generator) -> set[str] | None:
    """Full masks written as visible ones, as writers do that render each object alone."""
    done = False
    for path in (root / SCENE / "mask").iterdir():
        twin = root / SCENE / "mask_visib" / path.name
        done |= not np.array_equal(pixels(path), pixels(twin))
        shutil.copy(path, twin)
    return {"bop.visible-overlap"} if done else None


@operator("bop")
def visible_beyond_mask(root: Path, rng: Generator) -> set[str] | None:
    path = some(rng, sorted((root / SCENE / "mask_visib").iterdir()))
    exports.save(path, np.where(pixels(path.parent.parent / "mask" / path.name) > 0, 0, 255).astype(np.uint8))
    return {"bop.visible-not-in-mask"}


@operator("bop")
def masks_of_one(root: Path, rng: Generator) -> set[str] | None:
    path = some(rng, sorted((root / SCENE / "mask_visib").iterdir()))
    exports.save(path, (pixels(path) > 0).astype(np.uint8))
    return {"bop.mask-format"}


@operator("bop")
def mask_gone(root: Path, rng: Generator) -> set[str] | None:
    some(rng, sorted((root / SCENE / "mask").iterdir())).unlink()
    return {"bop.missing-file"}


@operator("bop")
def models_in_metres(root: Path, rng: Generator) -> set[str] | None:
    for i, model in enumerate(shots.models(), start=1):
        exports.write_ply(root / f"models/obj_{i:06d}.ply", model.vertices, model.triangles)
    return {"bop.models-units"}


@operator("bop")
def models_info_wrong(root: Path, rng: Generator) -> set[str] | None:
    edit(root / "models/models_info.json", lambda d: d["1"].update(diameter=d["1"]["diameter"] * 1.2))
    return {"bop.models-info"}


@operator("bop")
def models_symmetry_wrong(root: Path, rng: Generator) -> set[str] | None:
    turn = np.diag([1.0, -1.0, -1.0, 1.0])
    turn[1, 3] = 5000.0  # mm: no model turns into itself there
    edit(
        root / "models/models_info.json", lambda d: d["1"].update(symmetries_discrete=[turn.ravel().tolist()])
    )
    return {"bop.models-symmetry"}


@operator("bop")
def model_cut_off(root: Path, rng: Generator) -> set[str] | None:
    path = root / "models/obj_000001.ply"
    path.write_bytes(path.read_bytes()[: -int(rng.integers(1, 60))])
    return {"bop.model-missing"}


@operator("bop")
def K_by_columns(root: Path, rng: Generator) -> set[str] | None:
    def change(d: Any) -> None:
        for camera in d.values():
            camera["cam_K"] = np.array(camera["cam_K"]).reshape(3, 3).T.ravel().tolist()

    edit(root / f"{SCENE}/scene_camera.json", change)
    return {"bop.camera-k"}


# --- KITTI --------------------------------------------------------------------------------------------------------

COLUMNS = (
    "type",
    "truncated",
    "occluded",
    "alpha",
    "left",
    "top",
    "right",
    "bottom",
    "h",
    "w",
    "l",
    "x",
    "y",
    "z",
    "ry",
)


def kitti_row(change: Callable[[dict[str, str], Generator], Any], *rules: str) -> Operator:
    """An operator on one row of one label file."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        path = some(rng, sorted((root / "training/label_2").iterdir()))
        lines = path.read_text().splitlines()
        pick = int(rng.integers(len(lines)))
        row = dict(zip(COLUMNS, lines[pick].split(), strict=True))
        if change(row, rng) is False:
            return None
        lines[pick] = " ".join(row.values())
        path.write_text("\n".join(lines) + "\n")
        return set(rules)

    return apply


def every_row(change: Callable[[dict[str, str]], Any], *rules: str) -> Operator:
    """An operator on all rows."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        for path in (root / "training/label_2").iterdir():
            rows = [dict(zip(COLUMNS, line.split(), strict=True)) for line in path.read_text().splitlines()]
            for row in rows:
                change(row)
            path.write_text("".join(" ".join(row.values()) + "\n" for row in rows))
        return set(rules)

    return apply


def _alpha_is_yaw(row: dict[str, str], rng: Generator) -> bool | None:
    if abs(math.atan2(float(row["x"]), float(row["z"]))) < 0.03:
        return False
    row["alpha"] = row["ry"]
    return None


def _nudged(row: dict[str, str], rng: Generator) -> None:
    row["x"] = str(float(row["x"]) + some(rng, [-1, 1]) * 0.8)
    row["alpha"] = (
        f"{(float(row['ry']) - math.atan2(float(row['x']), float(row['z'])) + math.pi) % (2 * math.pi) - math.pi:.4f}"
    )


operator("kitti")(every_row(lambda r: r.update(h="0", w="0", l="0"), "kitti.zeros"))
operator("kitti")(every_row(lambda r: r.update(x="0.0", y="0.0", z="0.0"), "kitti.zeros"))
operator("kitti")(every_row(lambda r: r.update(alpha="0.00", ry="0.00"), "kitti.zeros"))
operator("kitti")(
    every_row(
        lambda r: r.update(y=str(float(r["y"]) - float(r["h"]) / 2)),
        "kitti.box-projection",
        "kitti.depth-outside-box",
    )
)
operator("kitti")(kitti_row(_alpha_is_yaw, "kitti.alpha"))
operator("kitti")(kitti_row(_nudged, "kitti.box-projection"))
operator("kitti")(kitti_row(lambda r, g: r.update(ry=str(float(r["ry"]) + 7)), "kitti.rotation-range"))
operator("kitti")(
    kitti_row(lambda r, g: r.update(occluded=some(g, ["4", "0.5", "-1"])), "kitti.occluded-levels")
)
operator("kitti")(kitti_row(lambda r, g: r.update(truncated="1.5"), "kitti.truncated-range"))
operator("kitti")(kitti_row(lambda r, g: r.update(left=r["right"], right=r["left"]), "kitti.bbox-order"))
operator("kitti")(kitti_row(lambda r, g: r.update(right="400.0"), "kitti.bbox-outside"))
operator("kitti")(kitti_row(lambda r, g: r.update(h="-1"), "kitti.dimensions"))
operator("kitti")(kitti_row(lambda r, g: r.pop("ry"), "kitti.columns"))
operator("kitti")(kitti_row(lambda r, g: r.update(z="nan"), "kitti.numbers"))
operator("kitti")(kitti_row(lambda r, g: r.update(z=str(-float(r["z"]))), "kitti.behind"))


@operator("kitti")
def kitti_range_as_depth(root: Path, rng: Generator) -> set[str] | None:
    K = shots.make(0).K
    rays = np.linalg.norm(shots._rays(K, 0, 0, shots.WIDTH, shots.HEIGHT), axis=1).reshape(
        shots.HEIGHT, shots.WIDTH
    )
    for path in (root / "training/depth").iterdir():
        exports.save(path, (pixels(path) * rays**4).clip(0, 65535).round().astype(np.uint16))
    return {"kitti.depth-is-range", "kitti.depth-outside-box"}


@operator("kitti")
def kitti_depth_of_8_bits(root: Path, rng: Generator) -> set[str] | None:
    path = root / "training/depth/000000.png"
    exports.save(path, (pixels(path) // 256).astype(np.uint8))
    return {"kitti.depth-format"}


@operator("kitti")
def kitti_depth_in_mm(root: Path, rng: Generator) -> set[str] | None:
    for path in (root / "training/depth").iterdir():
        exports.save(path, (pixels(path) / 256 * 1000).round().astype(np.uint16))
    return {"kitti.depth-outside-box"}


@operator("kitti")
def scan_in_camera_axes(root: Path, rng: Generator) -> set[str] | None:
    for path in (root / "training/calib").iterdir():
        text = path.read_text().replace("0 -1 0 0 0 0 -1 0 1 0 0 0", "1 0 0 0 0 0 -1 0 0 1 0 0")
        path.write_text(text)
    for path in (root / "training/velodyne").iterdir():
        scan = np.frombuffer(path.read_bytes(), "<f4").reshape(-1, 4)
        path.write_bytes((scan[:, [1, 0, 2, 3]] * [-1, 1.3, 1, 1]).astype("<f4").tobytes())
    return {"kitti.velodyne-in-box"}


@operator("kitti")
def scan_cut_off(root: Path, rng: Generator) -> set[str] | None:
    path = root / "training/velodyne/000001.bin"
    path.write_bytes(path.read_bytes()[:-5])
    return {"kitti.velodyne-format"}


@operator("kitti")
def calib_gone(root: Path, rng: Generator) -> set[str] | None:
    (root / "training/calib/000001.txt").unlink()
    return {"kitti.missing-calib"}


@operator("kitti")
def label_gone(root: Path, rng: Generator) -> set[str] | None:
    (root / "training/label_2/000001.txt").unlink()
    return {"kitti.missing-label"}


@operator("kitti")
def P2_without_focal(root: Path, rng: Generator) -> set[str] | None:
    path = root / "training/calib/000000.txt"
    lines = [
        "P2: " + " ".join("0" * 12) if line.startswith("P2") else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines))
    return {"kitti.calib"}


# --- YOLO ---------------------------------------------------------------------------------------------------------


def yolo_row(change: Callable[[list[str], Generator], Any], *rules: str, of: str = "yolo") -> Operator:
    """An operator on one row of one label file."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        path = some(rng, sorted(p for p in (root / "labels").rglob("*.txt") if p.read_text()))
        lines = path.read_text().splitlines()
        pick = int(rng.integers(len(lines)))
        words = lines[pick].split()
        if change(words, rng) is False:
            return None
        lines[pick] = " ".join(words)
        path.write_text("\n".join(lines) + "\n")
        return set(rules)

    operator(of)(apply)
    return apply


def _set(index: int, value: str) -> Callable[[list[str], Generator], None]:
    return lambda words, rng: words.__setitem__(index, value)


def _in_pixels(words: list[str], rng: Generator) -> None:
    words[1:5] = [f"{float(v) * size:.2f}" for v, size in zip(words[1:5], (96, 72, 96, 72), strict=True)]


def _corners_for_centre(words: list[str], rng: Generator) -> bool | None:
    x, y, w, h = (float(v) for v in words[1:5])
    words[1:5] = [f"{v:.6f}" for v in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)]
    # Near the top left corner the corners read as a centre stay inside.
    return None if x - w / 2 - (x + w / 2) / 2 < -0.02 or x - w / 2 + (x + w / 2) / 2 > 1.02 else False


TASKED = {"yolo": "detect", "yolo-segment": "segment", "yolo-pose": "pose", "yolo-obb": "obb"}
yolo_row(_set(0, "2"), "yolo.class-range")
yolo_row(_set(0, "-1"), "yolo.class-range")
yolo_row(_set(0, "0.5"), "yolo.class-range")
yolo_row(_in_pixels, "yolo.normalised")
yolo_row(_corners_for_centre, "yolo.box-outside")
yolo_row(_set(3, "0"), "yolo.box-empty")
yolo_row(_set(2, "nan"), "yolo.numbers")
yolo_row(_set(2, "-0.2"), "yolo.normalised")
yolo_row(lambda w, r: w.pop(), "yolo.columns")
yolo_row(lambda w, r: w.append("0.5"), "yolo.columns")
yolo_row(lambda w, r: w.__delitem__(slice(5, None)), "yolo.polygon", "yolo.columns", of="yolo-segment")
yolo_row(lambda w, r: w.pop(), "yolo.columns", of="yolo-segment")
yolo_row(lambda w, r: w.__setitem__(slice(1, None), [w[1], w[2]] * 5), "yolo.polygon", of="yolo-segment")
yolo_row(_set(4, "1.4"), "yolo.normalised", of="yolo-segment")
yolo_row(lambda w, r: w.pop(), "yolo.kpt-shape", of="yolo-pose")
yolo_row(_set(7, "3"), "yolo.kpt-visibility", of="yolo-pose")
yolo_row(lambda w, r: w.__setitem__(slice(5, 8), ["1.5", "0.5", "2"]), "yolo.kpt-outside", of="yolo-pose")
yolo_row(lambda w, r: w.__setitem__(slice(3, 7), [*w[5:7], *w[3:5]]), "yolo.obb", of="yolo-obb")
yolo_row(lambda w, r: w.__setitem__(slice(3, None), [w[1], w[2]] * 3), "yolo.obb", of="yolo-obb")


@operator("yolo-pose")
def flip_idx_no_pairs(root: Path, rng: Generator) -> set[str] | None:
    path = root / "data.yaml"
    path.write_text(path.read_text().replace("[1, 0, 2]", some(rng, ["[1, 2, 0]", "[1, 0]", "[0, 1, 3]"])))
    return {"yolo.flip-idx"}


@operator("yolo-pose")
def kpt_shape_wrong(root: Path, rng: Generator) -> set[str] | None:
    path = root / "data.yaml"
    path.write_text(path.read_text().replace("kpt_shape: [3, 3]", "kpt_shape: [3, 2]"))
    return {"yolo.kpt-shape"}


@operator("yolo")
def yolo_label_gone(root: Path, rng: Generator) -> set[str] | None:
    some(rng, sorted((root / "labels").rglob("*.txt"))).unlink()
    return {"yolo.missing-label"}


@operator("yolo")
def yolo_image_gone(root: Path, rng: Generator) -> set[str] | None:
    some(rng, sorted((root / "images/train").rglob("*.png"))).unlink()
    return {"yolo.orphan-label"}


@operator("yolo")
def row_twice(root: Path, rng: Generator) -> set[str] | None:
    path = some(rng, sorted((root / "labels").rglob("*.txt")))
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    return {"yolo.duplicate"}


@operator("yolo")
def leak_between_splits(root: Path, rng: Generator) -> set[str] | None:
    shutil.copy(root / "images/train/000000.png", root / "images/val/000000.png")
    shutil.copy(root / "labels/train/000000.txt", root / "labels/val/000000.txt")
    return {"yolo.split-leak"}


def data_yaml(old: str, new: str, rule: str) -> Operator:
    """An operator on data.yaml."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        path = root / "data.yaml"
        path.write_text(path.read_text().replace(old, new))
        return {rule}

    operator("yolo")(apply)
    return apply


data_yaml("  1: frame", "  2: frame", "yolo.names")
data_yaml("  1: frame", "  1: crate", "yolo.names")
data_yaml("val: images/val", "val: images/none", "yolo.data-yaml")
data_yaml("val: images/val", "val: ../../..", "yolo.path-outside")
data_yaml("names:", "nc: 3\nnames:", "yolo.names")
data_yaml("names:", "names: [", "yolo.unreadable")


# --- Replicator ---------------------------------------------------------------------------------------------------


def table(kind: str, change: Callable[[np.ndarray, int, Generator], Any], *rules: str) -> Operator:
    """An operator on one row of a box table."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        path = root / f"{kind}_{int(rng.integers(3)):04d}.npy"
        rows = np.load(path)
        if change(rows, int(rng.integers(len(rows))), rng) is False:
            return None
        np.save(path, rows)
        return set(rules)

    operator("replicator")(apply)
    return apply


def _add(key: str, value: float) -> Callable[[np.ndarray, int, Generator], None]:
    def change(rows: np.ndarray, i: int, rng: Generator) -> None:
        rows[key][i] += value

    return change


def _put(key: str, value: float) -> Callable[[np.ndarray, int, Generator], None]:
    return lambda rows, i, rng: rows[key].__setitem__(i, value)


def _transposed_pose(rows: np.ndarray, i: int, rng: Generator) -> None:
    rows["transform"][i] = rows["transform"][i].T.copy()


def _moved_pose(rows: np.ndarray, i: int, rng: Generator) -> None:
    rows["transform"][i][3, :3] += some(rng, [-1, 1]) * rng.uniform(60, 120, 3)


def _occluded_more(rows: np.ndarray, i: int, rng: Generator) -> None:
    rows["occlusionRatio"][i] = 0.97


TIGHT, LOOSE, SOLID = "bounding_box_2d_tight", "bounding_box_2d_loose", "bounding_box_3d"
table(TIGHT, _add("x_min", -2), "replicator.tight-vs-instance")
table(TIGHT, _add("y_max", -3), "replicator.tight-vs-instance", "replicator.box-order")
table(TIGHT, _put("semanticId", 9), "replicator.label-unknown")
table(TIGHT, _put("occlusionRatio", 1.2), "replicator.occlusion-ratio")
table(TIGHT, _put("occlusionRatio", -1), "replicator.occlusion-ratio")
table(TIGHT, _occluded_more, "replicator.occlusion-ratio")
table(
    LOOSE, _add("x_min", 6), "replicator.tight-in-loose", "replicator.box-order", "replicator.occlusion-ratio"
)
table(LOOSE, _add("x_max", -200), "replicator.box-order")
table(SOLID, _transposed_pose, "replicator.3d-box-transform")
table(SOLID, _moved_pose, "replicator.3d-box-projection", "replicator.distance-outside-box")
table(SOLID, _put("x_max", -900), "replicator.3d-box-transform")


@operator("replicator")
def distances_exchanged(root: Path, rng: Generator) -> set[str] | None:
    for n in range(3):
        a, b = (root / f"{k}_{n:04d}.npy" for k in ("distance_to_camera", "distance_to_image_plane"))
        one, other = a.read_bytes(), b.read_bytes()
        a.write_bytes(other)
        b.write_bytes(one)
    return {"replicator.distance"}


@operator("replicator")
def range_under_both_names(root: Path, rng: Generator) -> set[str] | None:
    for n in range(3):
        shutil.copy(root / f"distance_to_camera_{n:04d}.npy", root / f"distance_to_image_plane_{n:04d}.npy")
    return {"replicator.distance"}


@operator("replicator")
def distances_with_nan(root: Path, rng: Generator) -> set[str] | None:
    path = root / "distance_to_camera_0001.npy"
    values = np.load(path)
    values[3, 4] = np.nan
    np.save(path, values)
    return {"replicator.distance-value"}


@operator("replicator")
def table_with_one_row_less(root: Path, rng: Generator) -> set[str] | None:
    path = root / f"{TIGHT}_0000.npy"
    np.save(path, np.load(path)[:-1])
    return {"replicator.prim-paths"}


@operator("replicator")
def instance_without_box(root: Path, rng: Generator) -> set[str] | None:
    path = root / f"{TIGHT}_0000.npy"
    np.save(path, np.load(path)[:-1])
    edit(root / f"{TIGHT}_prim_paths_0000.json", lambda d: d.pop())
    return {"replicator.unboxed-instance"}


@operator("replicator")
def box_without_pixels(root: Path, rng: Generator) -> set[str] | None:
    edit(root / f"{TIGHT}_prim_paths_0000.json", lambda d: d.__setitem__(0, "/World/Hidden"))
    return {"replicator.invisible-box"}


@operator("replicator")
def colour_not_named(root: Path, rng: Generator) -> set[str] | None:
    edit(root / "instance_segmentation_mapping_0000.json", lambda d: d.pop(sorted(d)[-1]))
    return {"replicator.instance-unlabelled"}


@operator("replicator")
def semantic_of_another_frame(root: Path, rng: Generator) -> set[str] | None:
    shutil.copy(root / "semantic_segmentation_0001.png", root / "semantic_segmentation_0000.png")
    return {"replicator.semantic-vs-instance"}


@operator("replicator")
def view_by_columns(root: Path, rng: Generator) -> set[str] | None:
    def change(d: Any) -> None:
        d["cameraViewTransform"] = np.array(d["cameraViewTransform"]).reshape(4, 4).T.ravel().tolist()

    edit(root / "camera_params_0000.json", change)
    return {"replicator.camera"}


@operator("replicator")
def focal_length_of_another_lens(root: Path, rng: Generator) -> set[str] | None:
    edit(root / "camera_params_0000.json", lambda d: d.update(cameraFocalLength=d["cameraFocalLength"] * 1.3))
    return {"replicator.camera"}


@operator("replicator")
def frame_without_file(root: Path, rng: Generator) -> set[str] | None:
    (root / f"{some(rng, [TIGHT, LOOSE, SOLID])}_0002.npy").unlink()
    return {"replicator.missing-file"}


@operator("replicator")
def array_of_objects(root: Path, rng: Generator) -> set[str] | None:
    np.save(root / f"{TIGHT}_0000.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return {"replicator.unreadable"}


# --- BlenderProc --------------------------------------------------------------------------------------------------


def container(change: Callable[[dict[str, Any], Generator], Any], *rules: str) -> Operator:
    """An operator on the maps of one container."""

    def apply(root: Path, rng: Generator) -> set[str] | None:
        import h5py

        path = root / f"{int(rng.integers(3))}.hdf5"
        with h5py.File(path) as file:
            maps = {key: file[key][()] for key in file}
        maps["instance_attribute_maps"] = json.loads(maps["instance_attribute_maps"])
        if change(maps, rng) is False:
            return None
        exports.write_container(path, maps)
        return set(rules)

    operator("blenderproc")(apply)
    return apply


def _blended(maps: dict[str, Any], rng: Generator) -> None:
    d = maps["distance"].astype(float)
    around = (d + np.roll(d, 1, 0) + np.roll(d, 1, 1) + np.roll(d, -1, 0) + np.roll(d, -1, 1)) / 5
    maps["distance"] = np.where(d < 1e6, np.minimum(around, d + 0.3), d).astype(np.float32)


def _wrong_class(maps: dict[str, Any], rng: Generator) -> None:
    entry = some(rng, maps["instance_attribute_maps"][1:])
    entry["category_id"] = 3 - entry["category_id"]


def _bled_class(maps: dict[str, Any], rng: Generator) -> None:
    number = some(rng, [n for n in np.unique(maps["instance_segmaps"]).tolist() if n])
    rows, columns = np.nonzero(maps["instance_segmaps"] == number)
    maps["class_segmaps"][rows[0], columns[0]] = 9


def _shared_mesh(maps: dict[str, Any], rng: Generator) -> None:
    """Copies of one mesh become one instance, so one instance has two classes or its entry is missing."""
    maps["instance_segmaps"][maps["instance_segmaps"] == 2] = 1


def _one_is(key: str, value: float) -> Callable[[dict[str, Any], Generator], None]:
    return lambda maps, rng: maps[key].__setitem__((int(rng.integers(60)), int(rng.integers(90))), value)


container(lambda m, r: m.update(distance=m["depth"]), "blenderproc.depth-is-range")
container(lambda m, r: m.update(depth=m["distance"]), "blenderproc.depth-is-range")
container(lambda m, r: m.update(depth=m["distance"], distance=m["depth"]), "blenderproc.depth-is-range")
container(_blended, "blenderproc.depth-antialiased")
container(_one_is("depth", math.nan), "blenderproc.depth-value")
container(_one_is("distance", -1.0), "blenderproc.depth-value")
container(_wrong_class, "blenderproc.class-vs-instance")
container(_bled_class, "blenderproc.class-vs-instance")
container(_shared_mesh, "blenderproc.class-vs-instance")
container(lambda m, r: m["instance_attribute_maps"].pop(), "blenderproc.attribute-maps")
container(
    lambda m, r: m["instance_attribute_maps"].append(m["instance_attribute_maps"][1]),
    "blenderproc.attribute-maps",
)
container(lambda m, r: m["instance_attribute_maps"][1].update(category_id=0), "blenderproc.category-zero")
container(lambda m, r: m.update(class_segmaps=m["class_segmaps"][:-1]), "blenderproc.shapes")
container(lambda m, r: m.pop("depth"), "blenderproc.same-keys")
container(lambda m, r: m.update(colors=np.zeros_like(m["colors"])), "blenderproc.colors")


@operator("blenderproc")
def container_cut_off(root: Path, rng: Generator) -> set[str] | None:
    path = root / "1.hdf5"
    path.write_bytes(path.read_bytes()[: int(rng.integers(1, 2000))])
    return {"blenderproc.unreadable"}


# --- bytes, in any format -----------------------------------------------------------------------------------------


@operator("coco", "bop", "kitti", "replicator")
def png_cut_off(root: Path, rng: Generator) -> set[str] | None:
    names = [p for p in root.rglob("*.png") if p.parent.name in ("mask", "mask_visib", "depth", "panoptic")]
    names += sorted(root.glob("instance_segmentation_*.png"))
    if not names:
        return None
    path = some(rng, sorted(names))
    path.write_bytes(path.read_bytes()[: int(rng.integers(1, 60))])
    return {"coco.panoptic-file", "bop.unreadable", "kitti.unreadable", "replicator.unreadable"}


@operator("coco", "bop", "replicator")
def json_cut_off(root: Path, rng: Generator) -> set[str] | None:
    names = [p for p in sorted(root.rglob("*.json")) if p.name not in ("camera.json",)]
    path = some(rng, names)
    data = path.read_bytes()
    path.write_bytes(data[: int(rng.integers(len(data) // 2, len(data) - 1))])
    return {"coco.unreadable", "bop.unreadable", "replicator.unreadable", "replicator.camera"}
