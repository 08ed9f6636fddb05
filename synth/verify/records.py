"""One record: its cameras, their objects, and their pictures, each against all the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.synth.verify import geometry, solids
from twinstage.synth.verify.eye import Eye, read_eye
from twinstage.synth.verify.keypoints import Surroundings, check_keypoints
from twinstage.synth.verify.masks import Masks, check_disjoint, check_masks
from twinstage.synth.verify.models import Models, check_model
from twinstage.synth.verify.pictures import Looked, check_pictures
from twinstage.synth.verify.report import Judge
from twinstage.synth.verify.sample import Key
from twinstage.synth.verify.solids import Solid

NO_PICTURES = frozenset({"models"})
"""What `annotate` may name that is no image of a camera."""


FILES = {"depth_mm": "depth"}
"""Ends of image names, before the dot, that are not what they show."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the dataset as a whole says: class ids by name, what `annotate` names, key points of classes, its models.

    `drawn`: the objects whose models are drawn again as silhouettes.
    """

    classes: dict[str, int]
    annotate: tuple[str, ...]
    keypoints: dict[str, list[str]] = field(default_factory=dict)
    models: Models | None = None
    drawn: frozenset[Key] = frozenset()

    @staticmethod
    def of(
        labels: Mapping[str, Any], annotate: Iterable[str], models: Models | None, drawn: frozenset[Key]
    ) -> "Rules":
        """Of labels.json and the manifest."""
        classes = labels["classes"]
        keypoints = {c["name"]: list(c.get("keypoints") or []) for c in classes}
        return Rules({c["name"]: c["id"] for c in classes}, tuple(annotate), keypoints, models, drawn)

    @property
    def pictures(self) -> tuple[str, ...]:
        return tuple(what for what in self.annotate if what not in NO_PICTURES)


MOVES = "it is said to move while the shutter is open, but the shutter takes no time"


def check_record(root: Path, record: dict[str, Any], where: str, rules: Rules, judge: Judge) -> None:
    """All checks of one record; `where` names its file."""
    judge.check(record["record"] == 1, "record.version", where, f"version {record['record']}, expected 1")
    if record["rejected"]:
        judge.check(not record["cameras"], "record.rejected", where, "a rejected frame has cameras")
        judge.check(record["rejected_attempts"], "record.reason", where, "a rejected frame gives no reason")
        return
    attempts = [entry["attempt"] for entry in record["rejected_attempts"]]
    judge.check(
        attempts == list(range(record["attempt"])),
        "record.attempts",
        where,
        f"attempt {record['attempt']} was kept, {attempts} were rejected",
    )
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
    eye = read_eye(camera)
    _check_optics(camera, eye, where, judge)
    objects = camera["objects"]
    masks: list[Masks | None] = []
    bodies: list[Solid | None] = []
    labels = [f"{where} object {n} ({o.get('prim_path', '?')})" for n, o in enumerate(objects, start=1)]
    for item, label in zip(objects, labels, strict=True):
        found = body = None
        with judge.guard("object.malformed", label):
            judge.check(
                item["class"] in rules.classes,
                "object.class",
                label,
                f"class {item['class']!r} is not in labels.json",
            )
            found = check_masks(item, (eye.height, eye.width), label, judge)
            body = _check_space(item, eye, found, label, judge)
            moves = item.get("moves", False)
            shutter = camera["shutter"]
            open_ = shutter["readout"] != 0 or shutter["close"] != shutter["open"]
            judge.check(moves in (False, True) and (open_ or not moves), "object.moves", label, MOVES)
            if rules.models is not None and moves and item.get("model") is not None:
                rules.models.get(
                    item["model"], label
                )  # what moves is not drawn again, but its model is there
            elif rules.models is not None and body is not None:
                draw = (record["frame"], camera["name"], item["instance_id"]) in rules.drawn
                check_model(item, eye, body, found, rules.models, label, judge, draw=draw)
        masks.append(found)
        bodies.append(body)
    _check_order(objects, where, judge)
    owner = check_disjoint(masks, objects, (eye.height, eye.width), where, judge)
    prefix = f"images/{record['frame']:06d}_{camera['name']}_"
    images = camera["images"]
    named = set(images) == set(rules.pictures) and all(
        name in (f"{prefix}{FILES.get(what, what)}.png", f"{prefix}{FILES.get(what, what)}.exr")
        for what, name in images.items()
    )
    judge.check(
        named,
        "image.names",
        where,
        f"images {sorted(images)}, the manifest promises {sorted(rules.pictures)} named {prefix}*",
    )
    seen = Looked(root, eye, objects, masks, bodies, owner, rules.classes)
    depth = check_pictures(seen, images, where, judge)
    holed = frozenset(place for place, item in enumerate(objects, start=1) if item.get("cutout"))
    around = Surroundings(eye, owner, bodies, depth, holed)
    for place, (item, label) in enumerate(zip(objects, labels, strict=True), start=1):
        if item.get("moves"):
            continue
        with judge.guard("object.malformed", label):
            check_keypoints(item, place, rules.keypoints.get(item["class"], []), around, label, judge)


def _check_optics(camera: dict[str, Any], eye: Eye, where: str, judge: Judge) -> None:
    expected = _intrinsics(camera, eye)
    if expected is not None:
        judge.check(
            np.allclose(eye.K, expected, rtol=1e-9, atol=1e-9),
            "camera.intrinsics",
            where,
            f"K is {_short(eye.K)}, the lens gives {_short(expected)}",
        )
    judge.check(
        eye.K[2].tolist() == [0, 0, 1] and eye.K[0, 0] > 0 and eye.K[1, 1] > 0,
        "camera.intrinsics",
        where,
        f"{_short(eye.K)} are no intrinsics",
    )
    poses = [eye.pose, *eye.poses]
    judge.check(
        all(geometry.is_rigid(pose) for pose in poses),
        "camera.pose",
        where,
        "world_from_camera is not a rotation and a translation",
    )
    if "projection" in camera:
        given = [float(c) for c in camera["distortion"]]
        used = (eye.coefficients[:4] if eye.kind == "fisheye" else eye.coefficients).tolist()
        size = max(len(given), len(used))
        padded = [values + [0.0] * (size - len(values)) for values in (given, used)]
        judge.check(
            padded[0] == padded[1],
            "camera.distortion",
            where,
            f"distortion is {given}, the projection's coefficients are {used}",
        )
    judge.check(0 <= eye.near < eye.far, "camera.clipping", where, f"near {eye.near:g} m, far {eye.far:g} m")


def _intrinsics(camera: dict[str, Any], eye: Eye) -> np.ndarray | None:
    """K from the film data or the calibration that the record states, or None where it states neither."""
    square, calibration = camera["square_pixels"], camera.get("calibration")
    if calibration is not None:
        fx, fy, cx, cy = calibration["K"]
        width, height = calibration["size"]
        across = eye.width / width
        down = across if square else eye.height / height
        middle = eye.height / 2 + (cy - height / 2) * down
        return np.array([[fx * across, 0, cx * across], [0, fy * down, middle], [0, 0, 1.0]])
    if eye.kind == "equirectangular":  # the whole sphere
        return np.array(
            [
                [eye.width / (2 * np.pi), 0, eye.width / 2],
                [0, eye.height / np.pi, eye.height / 2],
                [0, 0, 1.0],
            ]
        )
    lens = camera["lens"]
    if lens is None:
        return None
    return geometry.intrinsics(lens, eye.width, eye.height, square, eye.kind == "orthographic")


def _short(K: np.ndarray) -> str:
    return f"fx {K[0, 0]:.6g} fy {K[1, 1]:.6g} cx {K[0, 2]:.6g} cy {K[1, 2]:.6g}"


def _check_space(
    item: dict[str, Any], eye: Eye, masks: Masks | None, where: str, judge: Judge
) -> Solid | None:
    body = solids.check_solid(item, where, judge)
    if body is None:
        return None
    solids.check_pose(item, eye, body, where, judge)
    if masks is not None:
        if not item.get("moves"):  # else it is not where the record has it in all rows of the picture
            solids.check_silhouette(eye, body, masks, where, judge)
            solids.check_full_box(item, eye, body, masks, where, judge)
        solids.check_oriented_box(item, masks, where, judge)
    return body


def _check_order(objects: list[dict[str, Any]], where: str, judge: Judge) -> None:
    ids: list[Any] = [item.get("instance_id") for item in objects]
    judge.check(
        all(isinstance(i, int) and i > 0 for i in ids) and ids == sorted(set(ids)),
        "object.order",
        where,
        f"instance ids {ids[:20]} are not unique, above 0 and ascending",
    )
    things = [(str(item.get("prim_path")), item.get("point_id", -1)) for item in objects]
    wrong = next((k for k in range(1, len(things)) if not things[k - 1] < things[k]), None)
    judge.check(
        wrong is None,
        "object.sorted",
        where,
        f"instance ids do not follow the order of prim paths and point ids at {things[wrong or 0]}",
    )
