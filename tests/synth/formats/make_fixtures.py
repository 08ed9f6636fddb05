"""Makes the fixtures: defects that other writers shipped, each in a dataset of a few kilobytes.

    python -m tests.synth.formats.make_fixtures

What is wrong with each, whose issue it is, and what a consumer makes of it: docs/label-proof.md.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.synth.formats import exports, shots
from tests.synth.formats.corruptions import INSTANCES, SCENE, edit

FIXTURES = Path(__file__).parent / "fixtures"
SEEDS = (7, 12)


def made() -> list[shots.Shot]:
    """Two images of two crates and two frames."""
    return [shots.make(seed) for seed in SEEDS]


def coco_only(root: Path, change: Callable[[dict[str, Any]], None], images: bool = False) -> None:
    """A COCO file of instances, changed."""
    exports.write_coco(root, made())
    (root / "annotations/panoptic.json").unlink()
    shutil.rmtree(root / "annotations/panoptic")
    if not images:
        shutil.rmtree(root / "images")

    def bare(d: dict[str, Any]) -> None:
        for a in d["annotations"]:
            for key in ("keypoints", "num_keypoints", "visibility", "occlusion", "truncation", "bbox_amodal"):
                a.pop(key, None)
        for category in d["categories"]:
            for key in ("keypoints", "skeleton", "sigmas"):
                category.pop(key, None)
        change(d)

    edit(root / INSTANCES, bare)


def annotation_id_zero(root: Path) -> None:
    """Ids that count from 0."""
    coco_only(root, lambda d: [a.update(id=a["id"] - 1) for a in d["annotations"]])  # type: ignore[func-returns-value]


def all_crowds(root: Path) -> None:
    """`iscrowd` 1 wherever the mask is run lengths."""
    coco_only(root, lambda d: [a.update(iscrowd=1) for a in d["annotations"]])  # type: ignore[func-returns-value]


def empty_segmentation(root: Path) -> None:
    """An object of which too little is seen for a ring: no segmentation, and a box without area."""

    def change(d: dict[str, Any]) -> None:
        d["annotations"][1] |= {"segmentation": [], "area": 0}
        d["annotations"][1]["bbox"][2:] = [0, 0]

    coco_only(root, change)


def box_one_less(root: Path) -> None:
    """Width and height as max - min: a pixel less than there are."""

    def change(d: dict[str, Any]) -> None:
        for a in d["annotations"]:
            a["bbox"][2] -= 1
            a["bbox"][3] -= 1

    coco_only(root, change)


def copies_as_classes(root: Path) -> None:
    """Categories from object names as they are met, so a copy is a class of its own."""

    def change(d: dict[str, Any]) -> None:
        d["categories"] = [
            {"id": 1, "name": "crate"},
            {"id": 2, "name": "frame"},
            {"id": 3, "name": "crate.001"},
        ]
        second = [a for a in d["annotations"] if a["category_id"] == 1][1::2]
        for a in second:
            a["category_id"] = 3

    coco_only(root, change)


def polygon_holes(root: Path) -> None:
    """A frame as an outer and an inner ring, as contour tracing gives them. The panoptic PNG beside it keeps the hole."""
    exports.write_coco(root, [upright_frame()])
    shutil.rmtree(root / "images")

    def change(d: dict[str, Any]) -> None:
        a = d["annotations"][0]
        x, y, w, h = a["bbox"]
        hole = inner_box(upright_frame().things[0].visible)
        a["segmentation"] = [_rectangle(x, y, x + w, y + h), _rectangle(*hole)]

    edit(root / INSTANCES, change)


def upright_frame() -> shots.Shot:
    """One frame, seen straight on, so that its outline and its hole are rectangles."""
    return shots.single(1, 0.0, (0.05, -0.02, 1.6))


def inner_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The hole of an upright frame, in pixel edges."""
    x0, y0, x1, y1 = exports.box_of(mask)
    hole = ~mask[y0 : y1 + 1, x0 : x1 + 1]
    a, b, c, d = exports.box_of(hole)
    return x0 + a, y0 + b, x0 + c + 1, y0 + d + 1


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> list[float]:
    return [float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)]


def reversed_pose(root: Path) -> None:
    """Camera from model multiplied in the wrong order: as if matrices of row vectors were of column vectors."""
    exports.write_bop(root, made()[:1])
    tilt = np.array([[1, 0, 0], [0, np.cos(0.5), -np.sin(0.5)], [0, np.sin(0.5), np.cos(0.5)]])
    camera = np.eye(4)
    camera[:3, :3], camera[:3, 3] = tilt, (300.0, -200.0, 900.0)

    def change(d: dict[str, Any]) -> None:
        for entry in d["0"]:
            pose = np.eye(4)
            pose[:3, :3] = np.array(entry["cam_R_m2c"]).reshape(3, 3)
            pose[:3, 3] = entry["cam_t_m2c"]
            world = np.linalg.inv(camera) @ pose
            wrong = world @ camera  # instead of camera @ world
            entry["cam_R_m2c"], entry["cam_t_m2c"] = wrong[:3, :3].ravel().tolist(), wrong[:3, 3].tolist()

    edit(root / SCENE / "scene_gt.json", change)
    world = {"cam_R_w2c": tilt.ravel().tolist(), "cam_t_w2c": camera[:3, 3].tolist()}
    edit(root / SCENE / "scene_camera.json", lambda d: d["0"].update(world))


def transposed_rotation(root: Path) -> None:
    """Rotations written column by column, or taken from row-vector matrices as they are."""
    exports.write_bop(root, made()[:1])

    def change(d: dict[str, Any]) -> None:
        for entry in d["0"]:
            entry["cam_R_m2c"] = np.array(entry["cam_R_m2c"]).reshape(3, 3).T.ravel().tolist()

    edit(root / SCENE / "scene_gt.json", change)


def range_as_z(root: Path) -> None:
    """The distance to the camera in BOP's depth pictures."""
    exports.write_bop(root, made()[:1])
    path = root / SCENE / "depth/000000.png"
    with Image.open(path) as image:
        z = np.array(image)
    K = made()[0].K
    rays = np.linalg.norm(shots._rays(K, 0, 0, shots.WIDTH, shots.HEIGHT), axis=1).reshape(z.shape)
    exports.save(path, (z * rays).round().astype(np.uint16))


def overlapping_visible(root: Path) -> None:
    """Full silhouettes as visible masks: every object was rendered alone."""
    exports.write_bop(root, made()[:1])
    shutil.rmtree(root / SCENE / "mask_visib")
    shutil.copytree(root / SCENE / "mask", root / SCENE / "mask_visib")


def scale_in_rotation(root: Path) -> None:
    """The object's scale left in cam_R_m2c instead of in its model."""
    exports.write_bop(root, made()[:1])

    def change(d: dict[str, Any]) -> None:
        for entry in d["0"]:
            entry["cam_R_m2c"] = [1.25 * v for v in entry["cam_R_m2c"]]

    edit(root / SCENE / "scene_gt.json", change)


def kitti_zeros(root: Path) -> None:
    """2D detectors' KITTI: everything about space is left at zero."""
    exports.write_kitti(root, made()[:1])
    for folder in ("depth", "velodyne"):
        shutil.rmtree(root / "training" / folder)
    path = root / "training/label_2/000000.txt"
    rows = [line.split() for line in path.read_text().splitlines()]
    zeros = ["0.00"] * 7
    path.write_text("".join(" ".join([r[0], "0.00", "0", "0.00", *r[4:8], *zeros]) + "\n" for r in rows))


def yolo_beyond_one(root: Path) -> None:
    """A ring that reaches a little out of the image: the loader drops the image with all its objects."""
    exports.write_yolo(root, made(), "segment")
    path = root / "labels/train/000000.txt"
    lines = path.read_text().splitlines()
    words = lines[0].split()
    words[-2] = "1.0021"
    path.write_text("\n".join([" ".join(words), *lines[1:]]) + "\n")


def distances_confused(root: Path) -> None:
    """The same array under both of Replicator's names."""
    exports.write_replicator(root, made()[:1])
    shutil.copy(root / "distance_to_camera_0000.npy", root / "distance_to_image_plane_0000.npy")
    for kind in ("semantic_segmentation_labels", "semantic_segmentation", "bounding_box_2d_loose"):
        for path in root.glob(f"{kind}*"):
            path.unlink()


def box_without_lens(root: Path) -> None:
    """A 3D box projected without the lens that the picture has: the object lies outside of its box."""
    exports.write_replicator(root, made()[:1])
    for path in [*root.glob("distance*"), *root.glob("semantic*")]:
        path.unlink()
    solid = np.load(root / "bounding_box_3d_0000.npy")
    # What a wide lens does near the border: the picture is drawn together by a fifth, the box is not.
    edit(
        root / "camera_params_0000.json",
        lambda d: d.update(
            cameraProjection=[v * (1.25 if i in (0, 5) else 1) for i, v in enumerate(d["cameraProjection"])],
            cameraFocalLength=d["cameraFocalLength"] * 1.25,
        ),
    )
    np.save(root / "bounding_box_3d_0000.npy", solid)


def category_zero(root: Path) -> None:
    """The only category is 0, which the COCO writer drops as background."""
    exports.write_blenderproc(root, [shots.make(SEEDS[0], 1)])

    import h5py

    path = root / "0.hdf5"
    with h5py.File(path) as file:
        maps = {key: file[key][()] for key in file}
    attributes = json.loads(maps["instance_attribute_maps"])
    attributes[1]["category_id"] = 0
    maps |= {"instance_attribute_maps": attributes, "class_segmaps": maps["class_segmaps"] * 0}
    for key in ("depth", "distance"):
        maps.pop(key)
    exports.write_container(path, maps)


DEFECTS: dict[str, Callable[[Path], None]] = {
    f.__name__: f
    for f in (
        annotation_id_zero,
        empty_segmentation,
        polygon_holes,
        reversed_pose,
        range_as_z,
        overlapping_visible,
        transposed_rotation,
        scale_in_rotation,
        all_crowds,
        box_one_less,
        copies_as_classes,
        kitti_zeros,
        yolo_beyond_one,
        distances_confused,
        box_without_lens,
        category_zero,
    )
}


def main() -> None:
    """Write all fixtures anew."""
    shutil.rmtree(FIXTURES, ignore_errors=True)
    for name, make in DEFECTS.items():
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder) / name)
            shutil.copytree(Path(folder) / name, FIXTURES / name)


if __name__ == "__main__":
    main()
