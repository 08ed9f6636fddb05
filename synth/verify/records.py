"""One record: its cameras, its objects, and its pictures against its masks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.synth.verify import geometry, rle
from twinstage.synth.verify.exr import read_exr
from twinstage.synth.verify.report import Judge

OUTLINE_TOLERANCE = 0.05
"""Pixels by which a silhouette may reach beyond its projected box: rays are traced in float32."""

DEPTH_TOLERANCE = 1e-4
"""Share of the depth by which a surface point may lie outside of its box, for the same reason; at least 0.1 mm."""

FILE_NAMES = {"rgb": "rgb.png", "depth": "depth.exr", "instance": "instance.png", "normal": "normal.exr"}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the dataset as a whole says: class names, pictures of each camera."""

    classes: frozenset[str]
    annotate: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Masks:
    visible: np.ndarray
    amodal: np.ndarray


def check_record(root: Path, record: dict[str, Any], where: str, rules: Rules, judge: Judge) -> None:
    """All checks of one record; `where` names its file."""
    judge.check(record["record"] == 1, "record.version", where, "expected version 1")
    if record["rejected"]:
        judge.check(not record["cameras"], "record.rejected", where, "a rejected frame has cameras")
        judge.check(record["rejected_attempts"], "record.reason", where, "a rejected frame gives no reason")
        return
    layer = root / "frames" / f"{record['frame']:06d}.usda"
    exists = layer.is_file() and layer.read_bytes().startswith(b"#usda 1.0")
    judge.check(exists, "layer.missing", where, "its randomization layer is not there or is no usda file")
    for camera in record["cameras"]:
        place = f"{where} {camera.get('name', '?')}"
        with judge.guard("record.malformed", place):
            _check_camera(root, record, camera, place, rules, judge)


def _check_camera(
    root: Path, record: dict[str, Any], camera: dict[str, Any], where: str, rules: Rules, judge: Judge
) -> None:
    width, height = camera["resolution"]
    K, pose = np.array(camera["K"], np.float64), np.array(camera["world_from_camera"], np.float64)
    expected = geometry.intrinsics(camera["lens"], width, height, camera["square_pixels"])
    judge.check(
        np.allclose(K, expected, rtol=1e-9, atol=1e-9),
        "camera.intrinsics",
        where,
        "K is not what the lens gives",
    )
    judge.check(
        geometry.is_rigid(pose), "camera.pose", where, "world_from_camera is not a rotation and a translation"
    )
    masks = []
    for place, item in enumerate(camera["objects"]):
        label = f"{where} object {place + 1} ({item.get('prim_path', '?')})"
        found = None
        with judge.guard("object.malformed", label):
            found = _check_object(item, (height, width), label, rules, judge)
            _check_box_3d(item, K, pose, found, label, judge)
        masks.append(found)
    ids = [item.get("instance_id") for item in camera["objects"]]
    judge.check(ids == sorted(set(ids)), "object.order", where, "instance ids are not unique and ascending")
    _check_disjoint(masks, (height, width), where, judge)
    _check_pictures(root, record, camera, masks, where, rules, judge)


def _check_object(
    item: dict[str, Any], size: tuple[int, int], where: str, rules: Rules, judge: Judge
) -> _Masks | None:
    judge.check(
        item["class"] in rules.classes,
        "object.class",
        where,
        f"class {item['class']!r} is not in labels.json",
    )
    masks = None
    with judge.guard("mask.broken", where):
        masks = _Masks(rle.decode(item["visible_rle"]), rle.decode(item["amodal_rle"]))
    if masks is None:
        return None
    fits = masks.visible.shape == size == masks.amodal.shape
    if not judge.check(fits, "mask.size", where, f"a mask is not {size[1]} x {size[0]} pixels"):
        return None
    hidden = int((masks.visible & ~masks.amodal).sum())
    judge.check(
        hidden == 0, "mask.not_amodal", where, f"{hidden} visible pixels lie outside of the full silhouette"
    )
    _check_counts(item, masks, where, judge)
    for key, mask in (("bbox_visible", masks.visible), ("bbox_amodal", masks.amodal)):
        box = rle.tight_box(mask)
        judge.check(item[key] == box, f"box.{key[5:]}", where, f"{key} is {item[key]}, its mask gives {box}")
    return masks


def _check_counts(item: dict[str, Any], masks: _Masks, where: str, judge: Judge) -> None:
    visible, amodal, total = int(masks.visible.sum()), int(masks.amodal.sum()), item["amodal_px_total"]
    for key, count in (("visible_px", visible), ("amodal_px_in_frame", amodal)):
        judge.check(
            item[key] == count, f"count.{key}", where, f"{key} is {item[key]}, the mask holds {count}"
        )
    judge.check(
        isinstance(total, int) and total >= amodal,
        "count.amodal_px_total",
        where,
        f"amodal_px_total is {total}, below the {amodal} pixels inside the image",
    )
    judge.check(amodal > 0, "count.unseen", where, "the silhouette does not reach into the image")
    for key, part, whole in (("occlusion", visible, amodal), ("truncation", amodal, total)):
        value = 1 - part / whole if whole else None
        right = value is not None and abs(item[key] - value) <= 1e-12
        judge.check(right, f"ratio.{key}", where, f"{key} is {item[key]}, the counts give {value}")


def _check_box_3d(
    item: dict[str, Any], K: np.ndarray, pose: np.ndarray, masks: _Masks | None, where: str, judge: Judge
) -> None:
    corners, world = np.array(item["bbox_3d"], np.float64), np.array(item["world_from_object"], np.float64)
    if not judge.check(
        corners.shape == (8, 3) and world.shape == (4, 4) and np.isfinite(corners).all(),
        "box3d.shape",
        where,
        "bbox_3d is not eight corners",
    ):
        return
    judge.check(
        geometry.is_box(corners, world), "box3d.axes", where, "bbox_3d is no box along the object's axes"
    )
    size = [float(np.linalg.norm(corners[i] - corners[0])) for i in (4, 2, 1)]
    judge.check(
        np.allclose(item["size"], size, rtol=1e-9, atol=1e-12),
        "box3d.size",
        where,
        "size is not the length of the box's edges",
    )
    if masks is not None:
        outline = geometry.projected_outline(K, pose, corners)
        beyond = geometry.outside_outline(masks.amodal, outline)
        judge.check(
            beyond <= OUTLINE_TOLERANCE,
            "box3d.silhouette",
            where,
            f"the silhouette reaches {beyond:.2f} px beyond the projected 3D box",
        )


def _check_disjoint(masks: list[_Masks | None], size: tuple[int, int], where: str, judge: Judge) -> None:
    count = np.zeros(size, np.int32)
    for found in masks:
        if found is not None:
            count += found.visible
    twice = int((count > 1).sum())
    judge.check(twice == 0, "mask.overlap", where, f"{twice} pixels belong to two objects")


# --- pictures -----------------------------------------------------------------------------------------------------


def _check_pictures(
    root: Path,
    record: dict[str, Any],
    camera: dict[str, Any],
    masks: list[_Masks | None],
    where: str,
    rules: Rules,
    judge: Judge,
) -> None:
    names = {w: f"images/{record['frame']:06d}_{camera['name']}_{FILE_NAMES[w]}" for w in rules.annotate}
    judge.check(
        camera["images"] == names, "image.names", where, "its images are not those that the manifest promises"
    )
    readers = {"rgb": _check_rgb, "depth": _check_depth, "instance": _check_instance, "normal": _check_normal}
    for what, name in names.items():
        path = root / name
        if judge.check(path.is_file(), "image.missing", where, f"{name} is not there"):
            with judge.guard(f"{what}.broken", name):
                readers[what](path, camera, masks, judge, name)


def _check_rgb(
    path: Path, camera: dict[str, Any], masks: list[_Masks | None], judge: Judge, name: str
) -> None:
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        right = image.mode == "RGB" and list(image.size) == camera["resolution"]
        judge.check(
            right, "rgb.size", name, f"{image.mode} {image.size}, expected RGB {camera['resolution']}"
        )
        pixels = np.array(image)
        judge.check(
            not right or pixels.min() < pixels.max(), "rgb.blank", name, "every pixel has the same colour"
        )


def _check_instance(
    path: Path, camera: dict[str, Any], masks: list[_Masks | None], judge: Judge, name: str
) -> None:
    from PIL import Image

    with Image.open(path) as image:
        pixels = np.array(image)
    width, height = camera["resolution"]
    if not judge.check(
        pixels.shape == (height, width) and pixels.dtype == np.uint16,
        "instance.size",
        name,
        f"{pixels.dtype} {pixels.shape}, expected 16 bit {height} x {width}",
    ):
        return
    for place, found in enumerate(masks, start=1):
        if found is not None:
            wrong = int(((pixels == place) != found.visible).sum())
            judge.check(
                wrong == 0,
                "instance.mask",
                name,
                f"object {place}: {wrong} pixels disagree with its visible mask",
            )
    beyond = int((pixels > len(masks)).sum())
    judge.check(
        beyond == 0, "instance.unknown", name, f"{beyond} pixels name an object that the record does not list"
    )


def _check_depth(
    path: Path, camera: dict[str, Any], masks: list[_Masks | None], judge: Judge, name: str
) -> None:
    channels = read_exr(path)
    width, height = camera["resolution"]
    depth = next(iter(channels.values()))
    if not judge.check(
        len(channels) == 1 and depth.shape == (height, width),
        "depth.size",
        name,
        f"{sorted(channels)} {depth.shape}, expected one channel {height} x {width}",
    ):
        return
    judge.check(bool((depth > 0).all()), "depth.value", name, "a depth is not above zero")
    K, pose = np.array(camera["K"], np.float64), np.array(camera["world_from_camera"], np.float64)
    for place, (item, found) in enumerate(zip(camera["objects"], masks, strict=True), start=1):
        if found is None or not found.visible.any():
            continue
        values = depth[found.visible]
        if not judge.check(
            np.isfinite(values).all(),
            "depth.infinite",
            name,
            f"object {place} is visible where there is no depth",
        ):
            continue
        points = geometry.back_projected(K, pose, found.visible, depth)
        beyond = geometry.outside_box(points, np.array(item["bbox_3d"], np.float64))
        excess = beyond - np.maximum(DEPTH_TOLERANCE * values, 1e-4)
        judge.check(
            float(excess.max()) <= 0,
            "depth.box3d",
            name,
            f"object {place}: depths lie {float(beyond.max()):.4f} m outside of its 3D box",
        )


def _check_normal(
    path: Path, camera: dict[str, Any], masks: list[_Masks | None], judge: Judge, name: str
) -> None:
    channels = read_exr(path)
    width, height = camera["resolution"]
    right = sorted(channels) == ["X", "Y", "Z"] and channels["X"].shape == (height, width)
    if judge.check(right, "normal.size", name, f"expected channels X, Y, Z of {height} x {width}"):
        normal = np.stack([channels[c] for c in "XYZ"], -1)
        for place, found in enumerate(masks, start=1):
            if found is not None and found.visible.any():
                length = np.linalg.norm(normal[found.visible], axis=1)
                judge.check(
                    np.allclose(length, 1, atol=1e-3),
                    "normal.length",
                    name,
                    f"object {place} has normals that are not of length 1",
                )
