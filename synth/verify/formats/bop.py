"""BOP: scenes of poses, masks, depth and models, each checked by looking at the models through the poses.

Sources: bop_datasets_format.md of the BOP toolkit and its calc_gt_info: `bbox_*` are [x, y, max - min, max - min].
"""

from pathlib import PurePosixPath
from typing import Any

import numpy as np

from twinstage.synth.verify.formats.base import Format
from twinstage.synth.verify.formats.bop_models import Models
from twinstage.synth.verify.formats.bop_pose import Pose, View, check_object_pose
from twinstage.synth.verify.formats.folder import Folder
from twinstage.synth.verify.formats.shapes import Mesh
from twinstage.synth.verify.formats.values import (
    box_of,
    is_int,
    is_number,
    is_rotation,
    key_as_int,
    numbers,
    shown,
)
from twinstage.synth.verify.report import Judge

RULES = {
    "bop.unreadable": "scene_camera, scene_gt, scene_gt_info, models_info and pictures can be read",
    "bop.structure": "the files have the fields that BOP names",
    "bop.image-keys": "scene_camera, scene_gt and scene_gt_info list the same images",
    "bop.missing-file": "each image has rgb or gray, depth, and a mask and mask_visib for each object",
    "bop.gt-count": "scene_gt and scene_gt_info list the same number of objects",
    "bop.camera-k": "cam_K is an upper triangular matrix of positive focal lengths, its centre near the image",
    "bop.depth-scale": "depth_scale is above 0",
    "bop.rotation": "cam_R_m2c is orthonormal with determinant +1: no scale, no mirror",
    "bop.translation": "cam_t_m2c is in mm, and lies in front of the camera where the object is seen",
    "bop.world-pose": "cam_R_w2c, where given, is a rotation",
    "bop.model-missing": "each obj_id has a model that can be read",
    "bop.models-info": "models_info has the extents and the diameter of each model",
    "bop.models-symmetry": "after the symmetries of models_info the model's outline is the same, to 10 % of its diameter",
    "bop.models-units": "models are in mm, not in m",
    "bop.pose-reprojection": "the model seen through K, R and t fills the silhouette; finds reversed matrices and wrong axes",
    "bop.depth-is-range": "depth is z along the optical axis, not the distance to the camera",
    "bop.depth-scale-wrong": "depth times depth_scale is in mm",
    "bop.depth-mismatch": "depth at an object's visible pixels is that of its model in its pose",
    "bop.depth-format": "depth is one channel of 16 bits, of the image's size",
    "bop.mask-format": "masks are one channel, 0 and 255, of the image's size",
    "bop.visible-overlap": "no pixel belongs to two visible masks",
    "bop.visible-not-in-mask": "visible masks lie inside of full masks",
    "bop.px-count": "px_count_* are the pixels of the masks",
    "bop.visib-fract": "visib_fract is px_count_visib / px_count_all",
    "bop.bbox-visib": "bbox_visib surrounds the visible mask (width = max - min), or is -1 four times",
    "bop.bbox-obj": "bbox_obj surrounds the whole silhouette, also outside the image (width = max - min)",
    "bop.duplicate": "no object is listed twice in an image with the same pose",
}

COUNTS = ("px_count_all", "px_count_valid", "px_count_visib")


def scenes(folder: Folder) -> list[str]:
    """Folders with a scene_gt.json, relative to the folder: itself, `SCENE`, `SPLIT/SCENE`, `DATASET/SPLIT/SCENE`."""
    found = []
    level = ["."]
    for _ in range(4):
        found += [at for at in level if folder.has(f"{at}/scene_gt.json")]
        level = [f"{at}/{name}" for at in level for name in folder.folders(at) if name not in SKIPPED][
            :200_000
        ]
    return [PurePosixPath(at).as_posix() for at in found]


SKIPPED = {
    "rgb",
    "gray",
    "depth",
    "mask",
    "mask_visib",
    "models",
    "models_eval",
    "images",
    "records",
    "frames",
}


def detect(folder: Folder) -> bool:
    """Whether there is a scene_gt.json within four folders."""
    return folder.only is None and bool(scenes(folder))


def check(folder: Folder, judge: Judge) -> None:
    """All scenes below a folder."""
    found = scenes(folder)
    if not judge.check(found, "bop.unreadable", folder.root.name, "there is no scene_gt.json"):
        return
    models: dict[Any, Models] = {}
    for scene in found:
        base = _models_folder(folder, scene)
        key = None if base is None else base.root
        if key not in models:
            models[key] = Models(base, judge)
        with judge.guard("bop.unreadable", scene):
            _check_scene(folder, scene, models[key], judge)


def _models_folder(folder: Folder, scene: str) -> Folder | None:
    """The folder that holds models/: upward from the scene, at most to the parent of what was named."""
    at = folder.root / scene
    for up in (at, *at.parents[:4]):
        if (up / "models").is_dir() and (up.is_relative_to(folder.root) or folder.root.is_relative_to(up)):
            return Folder(up)
    return None


def _check_scene(folder: Folder, scene: str, models: Models, judge: Judge) -> None:
    documents: dict[str, dict[int, Any]] = {}
    for kind in ("scene_camera", "scene_gt", "scene_gt_info"):
        name = f"{scene}/{kind}.json"
        documents[kind] = {}
        if not folder.has(name):
            # BlenderProc writes the infos and masks in a second step that one may leave out.
            judge.check(kind == "scene_gt_info", "bop.missing-file", name, "is not there")
            continue
        with judge.guard("bop.unreadable", name):
            data = folder.json(name)
            keys = {key_as_int(k): v for k, v in data.items()} if isinstance(data, dict) else {None: None}
            if judge.check(None not in keys, "bop.structure", name, "its keys are not numbers of images"):
                documents[kind] = {k: v for k, v in keys.items() if k is not None}
    cameras, poses, infos = documents["scene_camera"], documents["scene_gt"], documents["scene_gt_info"]
    for kind, other in (("scene_camera", cameras), ("scene_gt_info", infos)):
        if other:
            odd = sorted(set(other) ^ set(poses))
            judge.check(
                not odd,
                "bop.image-keys",
                f"{scene}/{kind}.json",
                f"images {odd[:8]} are in only one of it and scene_gt.json",
            )
    for image in sorted(set(cameras) & set(poses)):
        with judge.guard("bop.structure", f"{scene} image {image}"):
            _check_image(folder, scene, image, cameras[image], poses[image], infos.get(image), models, judge)


def _check_image(
    folder: Folder,
    scene: str,
    image: int,
    camera: Any,
    objects: Any,
    infos: Any,
    models: Models,
    judge: Judge,
) -> None:
    where = f"{scene} image {image}"
    K = _camera(camera, where, judge)
    size = _size(folder, scene, image, where, judge)
    if K is None or size is None:
        return
    cx, cy = K[0, 2], K[1, 2]
    judge.check(
        -size[0] <= cx <= 2 * size[0] and -size[1] <= cy <= 2 * size[1],
        "bop.camera-k",
        where,
        f"the principal point {shown([cx, cy])} lies far outside of the image of {size[0]} x {size[1]}",
    )
    if infos is not None:
        judge.check(
            isinstance(infos, list) and len(infos) == len(objects),
            "bop.gt-count",
            where,
            f"scene_gt has {len(objects)} objects, scene_gt_info {len(infos) if isinstance(infos, list) else infos!r}",
        )
    scale = camera.get("depth_scale", 1.0)
    reach = 65535 * scale if is_number(scale) else 0.0
    view = View(K, size, _depth(folder, scene, image, camera, size, where, judge), reach, _world(camera))
    owner = np.full((size[1], size[0]), -1, np.int32)
    poses: dict[str, int] = {}
    for index, entry in enumerate(objects):
        at = f"{where} object {index} (obj_id {entry.get('obj_id')!r})"
        with judge.guard("bop.structure", at):
            key = str([entry.get(k) for k in ("obj_id", "cam_R_m2c", "cam_t_m2c")])
            first = poses.setdefault(key, index)
            judge.check(first == index, "bop.duplicate", at, f"is object {first} again, in the same pose")
            info = infos[index] if isinstance(infos, list) and index < len(infos) else None
            mask = _mask(folder, scene, image, index, "mask", size, at, judge)
            visible = _mask(folder, scene, image, index, "mask_visib", size, at, judge)
            _check_masks(mask, visible, owner, index, at, judge)
            if info is not None:
                _check_info(info, mask, visible, view, at, judge)
            pose = _pose(entry, at, judge)
            if pose is not None:
                box = info.get("bbox_obj") if isinstance(info, dict) else None
                mesh = models.get(entry.get("obj_id"), at)
                _check_in_front(mesh, pose, visible, at, judge)
                check_object_pose(mesh, pose, view, mask, visible, box, at, judge)


def _camera(camera: Any, where: str, judge: Judge) -> np.ndarray | None:
    right = isinstance(camera, dict) and numbers(camera.get("cam_K"), 9)
    if not judge.check(right, "bop.structure", where, "cam_K is not nine numbers"):
        return None
    K = np.array(camera["cam_K"], np.float64).reshape(3, 3)
    proper = K[0, 0] > 0 and K[1, 1] > 0 and not K[1, 0] and not K[2, :2].any() and abs(K[2, 2] - 1) < 1e-9
    if not judge.check(
        proper, "bop.camera-k", where, f"cam_K is {shown(K)}: not [fx, s, cx, 0, fy, cy, 0, 0, 1]"
    ):
        return None
    scale = camera.get("depth_scale", 1.0)
    judge.check(is_number(scale) and scale > 0, "bop.depth-scale", where, f"depth_scale is {scale!r}")
    if "cam_R_w2c" in camera:
        turned = camera["cam_R_w2c"]
        judge.check(
            numbers(turned, 9) and is_rotation(np.array(turned, np.float64).reshape(3, 3)),
            "bop.world-pose",
            where,
            f"cam_R_w2c {turned!r:.60} is no rotation",
        )
    return K


def _world(camera: Any) -> np.ndarray | None:
    if not (numbers(camera.get("cam_R_w2c"), 9) and numbers(camera.get("cam_t_w2c"), 3)):
        return None
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = np.array(camera["cam_R_w2c"]).reshape(3, 3), camera["cam_t_w2c"]
    return out if is_rotation(out[:3, :3]) else None


def _picture(folder: Folder, scene: str, image: int, kinds: tuple[str, ...]) -> str | None:
    for kind in kinds:
        for suffix in (".png", ".jpg", ".tif"):
            name = f"{scene}/{kind}/{image:06d}{suffix}"
            if folder.has(name):
                return name
    return None


def _size(folder: Folder, scene: str, image: int, where: str, judge: Judge) -> tuple[int, int] | None:
    name = _picture(folder, scene, image, ("rgb", "gray"))
    judge.check(name is not None, "bop.missing-file", where, "neither rgb nor gray is there")
    name = name or _picture(folder, scene, image, ("depth",))
    if name is None:
        return None
    with judge.guard("bop.unreadable", name):
        return folder.image_size(name)
    return None


def _depth(
    folder: Folder, scene: str, image: int, camera: Any, size: tuple[int, int], where: str, judge: Judge
) -> np.ndarray | None:
    name = _picture(folder, scene, image, ("depth",))
    if name is None:
        judge.check(
            not folder.has_folder(f"{scene}/depth"),
            "bop.missing-file",
            where,
            "its depth picture is not there",
        )
        return None
    with judge.guard("bop.unreadable", name):
        pixels = folder.image(name)
        right = pixels.shape == (size[1], size[0]) and pixels.dtype.itemsize >= 2
        if judge.check(
            right,
            "bop.depth-format",
            where,
            f"{name} is {pixels.dtype} {pixels.shape}, not 16 bits of {size}",
        ):
            scale = camera.get("depth_scale", 1.0)
            return np.asarray(pixels.astype(np.float64) * (scale if is_number(scale) and scale > 0 else 1.0))
    return None


def _mask(
    folder: Folder,
    scene: str,
    image: int,
    index: int,
    kind: str,
    size: tuple[int, int],
    at: str,
    judge: Judge,
) -> np.ndarray | None:
    name = f"{scene}/{kind}/{image:06d}_{index:06d}.png"
    if not folder.has_folder(f"{scene}/{kind}"):
        return None  # masks are an extra of the format
    if not judge.check(
        folder.has(name), "bop.missing-file", at, f"{kind}/{image:06d}_{index:06d}.png is not there"
    ):
        return None
    with judge.guard("bop.unreadable", name):
        pixels = folder.image(name)
        values = (
            np.flatnonzero(np.bincount(pixels.ravel())) if pixels.dtype == np.uint8 else np.unique(pixels)
        )
        if judge.check(
            pixels.shape == (size[1], size[0]) and set(values.tolist()) <= {0, 255},
            "bop.mask-format",
            at,
            f"{kind} is {pixels.shape} with values {values[:4].tolist()}, not 0 and 255 of {(size[1], size[0])}",
        ):
            return np.asarray(pixels > 0)
    return None


def _check_masks(
    mask: np.ndarray | None, visible: np.ndarray | None, owner: np.ndarray, index: int, at: str, judge: Judge
) -> None:
    if visible is None:
        return
    others = owner[visible]
    shared = int((others >= 0).sum())
    first = int(others[others >= 0][0]) if shared else -1
    judge.check(shared == 0, "bop.visible-overlap", at, f"shares {shared} visible pixels with object {first}")
    owner[visible] = index
    if mask is not None:
        beyond = int((visible & ~mask).sum())
        judge.check(
            beyond == 0,
            "bop.visible-not-in-mask",
            at,
            f"{beyond} visible pixels lie outside of its full mask",
        )


def _check_info(
    info: Any, mask: np.ndarray | None, visible: np.ndarray | None, view: View, at: str, judge: Judge
) -> None:
    right = isinstance(info, dict) and all(is_int(info.get(k)) and info[k] >= 0 for k in COUNTS)
    if not judge.check(right, "bop.structure", at, f"one of {', '.join(COUNTS)} is no whole number"):
        return
    total, valid, seen = (info[k] for k in COUNTS)
    if visible is not None:
        count = int(visible.sum())
        judge.check(
            seen == count, "bop.px-count", at, f"px_count_visib is {seen}, the visible mask holds {count}"
        )
        _check_box("bop.bbox-visib", "bbox_visib", info, visible, None, at, judge)
    if mask is not None:
        count = int(mask.sum())
        inside = not _touches_border(mask)
        judge.check(
            total == count if inside and count else total >= count,
            "bop.px-count",
            at,
            f"px_count_all is {total}, the mask holds {count} and {'does not reach' if inside else 'reaches'} the border",
        )
        if view.depth is not None:
            count = int((view.depth[mask] > 0).sum())
            judge.check(
                valid == count,
                "bop.px-count",
                at,
                f"px_count_valid is {valid}, {count} pixels of the mask have depth",
            )
        _check_box("bop.bbox-obj", "bbox_obj", info, mask, inside, at, judge)
    fraction, wanted = info.get("visib_fract"), seen / total if total else 0.0
    judge.check(
        is_number(fraction) and abs(fraction - wanted) <= 1e-4,
        "bop.visib-fract",
        at,
        f"visib_fract is {fraction!r}, px_count_visib / px_count_all is {wanted:.6f}",
    )


def _touches_border(mask: np.ndarray) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _check_box(
    rule: str, key: str, info: dict[str, Any], mask: np.ndarray, inside: bool | None, at: str, judge: Judge
) -> None:
    box, ends = info.get(key), box_of(mask)
    if not judge.check(numbers(box, 4), rule, at, f"{key} is {box!r:.60}, not four numbers"):
        return
    assert box is not None  # the check above
    if ends is None:
        unseen = box == [-1, -1, -1, -1]
        judge.check(
            unseen or inside is not None,
            rule,
            at,
            f"{key} is {shown(box)} where nothing is seen, not -1 four times",
        )
        return
    tight = [ends[0], ends[1], ends[2] - ends[0], ends[3] - ends[1]]
    if inside is False:
        right = (
            box[0] <= tight[0]
            and box[1] <= tight[1]
            and box[0] + box[2] >= ends[2]
            and box[1] + box[3] >= ends[3]
        )
        judge.check(right, rule, at, f"{key} {shown(box)} does not contain its mask's {shown(tight)}")
        return
    judge.check(
        np.allclose(box, tight, atol=1e-3),
        rule,
        at,
        f"{key} is {shown(box)}, the mask gives {shown(tight)} (width = max - min)",
    )


def _pose(entry: Any, at: str, judge: Judge) -> Pose | None:
    right = (
        isinstance(entry, dict)
        and numbers(entry.get("cam_R_m2c"), 9)
        and numbers(entry.get("cam_t_m2c"), 3)
        and is_int(entry.get("obj_id"))
    )
    if not judge.check(
        right, "bop.structure", at, "cam_R_m2c, cam_t_m2c and obj_id are not 9, 3 and 1 numbers"
    ):
        return None
    R, t = np.array(entry["cam_R_m2c"], np.float64).reshape(3, 3), np.array(entry["cam_t_m2c"], np.float64)
    stretch = float(np.abs(R @ R.T - np.eye(3)).max())
    good = judge.check(
        is_rotation(R),
        "bop.rotation",
        at,
        f"cam_R_m2c has determinant {np.linalg.det(R):.4f} and is {stretch:.2g} from orthonormal",
    )
    return (R, t) if good else None


def _check_in_front(mesh: Mesh | None, pose: Pose, visible: np.ndarray | None, at: str, judge: Judge) -> None:
    """Something of a visible model is in front of the camera. Its origin need not be: of a long shelf, say."""
    R, t = pose
    deepest = float(t[2]) if mesh is None else float((mesh.vertices @ R[2]).max() + t[2])
    seen = visible is None or visible.any()
    judge.check(
        not seen or deepest > 0,
        "bop.translation",
        at,
        f"cam_t_m2c {shown(t)} puts all of its model behind the camera, yet it is visible",
    )


BOP = Format("bop", "BOP, scenewise", RULES, detect, check)
