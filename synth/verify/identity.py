"""Across records: every frame once, every object the same thing everywhere, totals as promised."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from twinstage.synth.verify.report import Judge


def check_labels(labels: dict[str, Any], judge: Judge) -> None:
    """Class ids count up from 1 and names are unique."""
    ids = [c["id"] for c in labels["classes"]]
    names = [c["name"] for c in labels["classes"]]
    judge.check(
        ids == list(range(1, len(ids) + 1)), "labels.ids", "labels.json", "class ids do not count up from 1"
    )
    judge.check(
        len(set(names)) == len(names) and names, "labels.names", "labels.json", "class names are not unique"
    )
    meaning = [label for c in labels["classes"] for label in c["labels"]]
    judge.check(len(set(meaning)) == len(meaning), "labels.map", "labels.json", "a label means two classes")


def check_frames(records: Mapping[str, dict[str, Any]], manifest: dict[str, Any], judge: Judge) -> None:
    """The shard's frames, each once, in files of their own number."""
    wanted = _frames_of(manifest["shard"], manifest["frames"])
    for name, record in records.items():
        judge.check(
            name == f"records/{record.get('frame', -1):06d}.json",
            "record.frame",
            name,
            f"says that it is frame {record.get('frame')}",
        )
    there = {record.get("frame") for record in records.values()}
    for frame in sorted(wanted - there):
        judge.check(False, "record.missing", f"records/{frame:06d}.json", "there is no record of this frame")
    judge.check(
        there <= wanted, "record.foreign", "records", "there are records of frames that were not asked for"
    )


def _frames_of(shard: Any, frames: int) -> set[int]:
    """Frames of a shard `[i, n]`, or of several merged ones, `[[i, n], ...]`."""
    pairs = [shard] if isinstance(shard[0], int) else shard
    return {frame for index, count in pairs for frame in range(index, frames, count)}


def check_objects(records: Mapping[str, dict[str, Any]], judge: Judge) -> None:
    """An instance id is one prim (or point) of one class in all frames and cameras of the same stage and structure.

    Where it is seen by two cameras of a frame, it is the same thing in the same place, whole in either.
    """
    seen: dict[tuple[str, Any], tuple[Any, ...]] = {}
    owner: dict[tuple[Any, ...], int] = {}
    for name, record in records.items():
        structure = json.dumps(
            [record.get("stage"), record.get("structure"), record.get("time")], sort_keys=True
        )
        facts: dict[Any, Any] = {}
        for camera in record.get("cameras", []):
            for item in camera.get("objects", []):
                number = item.get("instance_id")
                thing = (item.get("prim_path"), item.get("point_id"), item.get("class"))
                same = seen.setdefault((structure, number), thing) == thing
                same = owner.setdefault((structure, *thing), number) == number and same
                where = f"{name} {camera.get('name')}"
                judge.check(
                    same,
                    "object.identity",
                    where,
                    f"instance {number} is {thing[0]} {thing[1]} ({thing[2]}) here and something else elsewhere",
                )
                fact = [item.get(key) for key in ("world_from_object", "bbox_3d", "size", "model")]
                judge.check(
                    facts.setdefault(number, fact) == fact,
                    "object.cameras",
                    where,
                    f"instance {number} ({thing[0]}) stands elsewhere, or is of another size, in another camera's view",
                )


def check_leaks(
    records: Mapping[str, dict[str, Any]], split_by: list[str], contents: Mapping[str, str], judge: Judge
) -> None:
    """What the recipe splits by (assets, HDRIs, textures, backgrounds, scenes) is seen in the frames of one split only.

    `contents`: SHA-256 by name of files, so that one picture under two names is one item.
    """
    owner: dict[tuple[str, str], tuple[Any, str]] = {}
    for name, record in records.items():
        if record.get("rejected"):
            continue
        picked = dict(record.get("picked") or {}) | {"scene": [record.get("stage")]}
        for group in split_by:
            for item in sorted(set(map(str, picked.get(group, [])))):
                split, where = owner.setdefault(
                    (group, contents.get(item, item)), (record.get("split"), name)
                )
                judge.check(
                    split == record.get("split"),
                    "split.leak",
                    name,
                    f"{group} {item} is in split {record.get('split')!r} here, in {split!r} in {where}",
                )


def check_marks(records: Mapping[str, dict[str, Any]], judge: Judge) -> None:
    """A key point is in the same place for all cameras of a frame, and of its object wherever that has the same geometry."""
    for name, record in records.items():
        _check_places(name, record.get("cameras", []), judge)
    _check_locals(records, judge)


def _check_places(name: str, cameras: list[dict[str, Any]], judge: Judge) -> None:
    """Within a frame nothing moves between the cameras, so this holds for objects without a model, too (to a micrometre).

    But for what moves while a shutter is open: each camera sees that at its own moment.
    """
    places: _Places = {}
    for camera in cameras:
        for item in camera.get("objects", []):
            for point in [] if item.get("moves") else item.get("keypoints") or []:
                place = np.array(point["world"])
                key = item["prim_path"], item["point_id"], point["name"]
                off, other = _astray(places, key, place, camera["name"])
                judge.check(
                    off <= _slack(place),
                    "keypoint.cameras",
                    f"{name} {camera['name']}",
                    f"{item['prim_path']} {point['name']!r} lies {off:.4f} m from where camera {other!r} has it",
                )


def _check_locals(records: Mapping[str, dict[str, Any]], judge: Judge) -> None:
    places: _Places = {}
    for name, record in records.items():
        for camera in record.get("cameras", []):
            for item in camera.get("objects", []):
                points = item.get("keypoints") or []
                pose = item.get("pose")
                if not points or pose is None or item.get("model") is None:
                    continue
                eye = np.array(camera["world_from_camera"])
                for point in points:
                    seen = (np.array(point["world"]) - eye[:3, 3]) @ eye[:3, :3]
                    local = (seen - pose["t"]) @ np.array(pose["R"])
                    thing = record.get("stage"), item["prim_path"], item["point_id"]
                    key = item["model"], *thing, point["name"]
                    off, where = _astray(places, key, local, name)
                    judge.check(
                        off <= _slack(seen),
                        "keypoint.local",
                        f"{name} {camera['name']}",
                        f"{item['prim_path']} {point['name']!r} lies {off:.4f} m from where {where} has it on the object",
                    )


_Places = dict[tuple[Any, ...], tuple[np.ndarray, str]]
"""Where a key point was first, f8[3] [m], and who said so."""


def _astray(places: _Places, key: tuple[Any, ...], place: np.ndarray, where: str) -> tuple[float, str]:
    """How far a key point lies from where it was first [m], and where that was."""
    first, said = places.setdefault(key, (place, where))
    return float(np.abs(place - first).max()), said


def _slack(place: np.ndarray) -> float:
    """A micrometre, or that share of how far from the origin it is [m]."""
    return 1e-6 * max(1.0, float(np.abs(place).max()))


def check_lenses(records: Mapping[str, dict[str, Any]], judge: Judge) -> None:
    """The same prim with the same film and resolution has the same K in every frame."""
    known: dict[str, tuple[Any, str]] = {}
    for name, record in records.items():
        for camera in record.get("cameras", []):
            keys = ("prim_path", "resolution", "lens", "square_pixels", "projection", "calibration")
            key = json.dumps([camera.get(k) for k in keys], sort_keys=True)
            first, where = known.setdefault(key, (camera.get("K"), name))
            judge.check(
                camera.get("K") == first,
                "camera.intrinsics",
                f"{name} {camera.get('name')}",
                f"K differs from that in {where}, with the same lens and size",
            )


def check_splits(records: Mapping[str, dict[str, Any]], labels: dict[str, Any], judge: Judge) -> None:
    """Every frame is in one of the splits, or in none where there are none."""
    known = set(labels["splits"]) or {None}
    for name, record in records.items():
        judge.check(
            record.get("split") in known,
            "record.split",
            name,
            f"split {record.get('split')!r} is not one of the dataset's",
        )


def check_cameras(records: Mapping[str, dict[str, Any]], manifest: dict[str, Any], judge: Judge) -> None:
    """Every accepted frame has the cameras that the manifest names, in that order, always of the same resolution."""
    size: dict[str, Any] = {}
    for name, record in records.items():
        if record.get("rejected"):
            continue
        names = [camera.get("name") for camera in record.get("cameras", [])]
        judge.check(
            names == manifest["cameras"],
            "camera.names",
            name,
            f"cameras {names}, the manifest says {manifest['cameras']}",
        )
        for camera in record.get("cameras", []):
            first = size.setdefault(str(camera.get("name")), camera.get("resolution"))
            judge.check(
                camera.get("resolution") == first,
                "camera.resolution",
                f"{name} {camera.get('name')}",
                "its resolution differs from other frames'",
            )


def check_totals(
    records: Mapping[str, dict[str, Any]], labels: dict[str, Any], manifest: dict[str, Any], judge: Judge
) -> None:
    """The manifest's counts, recounted."""
    totals = {"frames": len(records), "rejected": 0, "images": 0, "annotations": 0}
    for record in records.values():
        totals["rejected"] += bool(record["rejected"])
        totals["images"] += len(record["cameras"])
        for camera in record["cameras"]:
            totals["annotations"] += sum(annotated(item, labels) for item in camera["objects"])
    # A shard may be empty; frames that were all rejected are no dataset.
    judge.check(totals["images"] > 0 or not records, "dataset.empty", "records", "no frame has an image")
    for key, value in totals.items():
        said = manifest["counts"][key]
        judge.check(
            said == value, f"total.{key}", "manifest.json", f"{key} is {said}, the records give {value}"
        )


def annotated(item: dict[str, Any], labels: dict[str, Any]) -> bool:
    """Whether the dataset's own rule makes an annotation of this object."""
    rule, total = labels["accept"], item["amodal_px_total"]
    share = item["visible_px"] / total if total else 0.0
    return bool(item["visible_px"] >= rule["min_visible_px"] and share >= rule["min_visibility"])
