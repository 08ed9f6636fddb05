"""COCO's tasks in the hands of COCO's toolkit: instances, polygons, key points, panoptic."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError


@pytest.fixture(scope="module")
def folder(goods_dataset: Path, exported: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three tasks."""
    tasks = ["instances", "keypoints", "panoptic"]
    return exported(goods_dataset, tmp_path_factory.mktemp("coco"), "coco", tasks=tasks, stuff=["floor"])


def score(truth: Any, kind: str, sigmas: list[float] | None = None, shift: float = 0.0) -> float:
    """COCO's average precision of ground truth used as predictions, key points moved by `shift` pixels."""
    from pycocotools.cocoeval import COCOeval

    keys = ("image_id", "category_id", "bbox", "segmentation", "keypoints")
    found = []
    for entry in truth.dataset["annotations"]:
        kept = {k: entry[k] for k in keys if k in entry} | {"score": 1.0}
        if kind == "keypoints":
            kept.pop("segmentation")
            points = np.array(kept["keypoints"]).reshape(-1, 3)
            kept["keypoints"] = (points + np.array([shift, 0, 0])).ravel().tolist()
        found.append(kept)
    with contextlib.redirect_stdout(io.StringIO()):
        scoring = COCOeval(truth, truth.loadRes(found), kind)
        most = max(len(truth.getAnnIds(imgIds=[i])) for i in truth.getImgIds())
        scoring.params.maxDets = [max(most, 20)] if kind == "keypoints" else [1, 10, max(most, 100)]
        if sigmas is not None:
            scoring.params.kpt_oks_sigmas = np.array(sigmas)
        scoring.evaluate()
        scoring.accumulate()
    precision = scoring.eval["precision"][:, :, :, 0, -1]  # all areas, most detections
    return float(precision[precision > -1].mean())


@pytest.mark.parametrize("split", ["train", "val"])
def test_boxes_and_masks_as_predictions_are_perfect(folder: Path, coco: Any, split: str) -> None:
    truth = coco(folder / f"annotations_{split}.json")
    assert len(truth.getAnnIds()) >= 8
    for kind in ("bbox", "segm"):
        assert score(truth, kind) == pytest.approx(1.0, abs=1e-12)


def test_key_points_with_their_sigmas_are_perfect_and_a_pixel_beside_is_not(folder: Path, coco: Any) -> None:
    truth = coco(folder / "keypoints_train.json")
    (category,) = truth.loadCats(truth.getCatIds())
    assert category["keypoints"] == ["left", "right", "top"] and category["skeleton"] == [[1, 2], [2, 3]]
    assert score(truth, "keypoints", category["sigmas"]) == pytest.approx(1.0, abs=1e-12)
    assert score(truth, "keypoints", category["sigmas"], shift=6.0) < 0.9


def test_key_points_are_those_of_the_record(
    folder: Path, goods_dataset: Path, coco: Any, records: Any
) -> None:
    truth = coco(folder / "keypoints_train.json")
    values = set()
    wanted = {
        (r["frame"] * 2 + row + 1, o["instance_id"]): o["keypoints"]
        for r in records(goods_dataset)
        for row, c in enumerate(r["cameras"])
        for o in c["objects"]
        if "keypoints" in o
    }
    for entry in truth.dataset["annotations"]:
        points = np.array(entry["keypoints"]).reshape(-1, 3)
        assert entry["num_keypoints"] == (points[:, 2] > 0).sum()
        for point, record in zip(points, wanted[(entry["image_id"], entry["instance_id"])], strict=True):
            values.add(int(point[2]))
            expected = [*record["px"], record["v"]] if record["v"] else [0, 0, 0]
            assert point.tolist() == expected
    assert values == {0, 1, 2}


def test_boxes_areas_and_ids_are_what_the_toolkit_finds_in_the_masks(folder: Path, coco: Any) -> None:
    from pycocotools import mask

    truth = coco(folder / "annotations_train.json")
    ids = sorted(truth.getAnnIds())
    assert ids == list(range(1, len(ids) + 1))
    for entry in truth.dataset["annotations"]:
        assert isinstance(entry["segmentation"]["counts"], str) and entry["iscrowd"] == 0
        assert mask.toBbox(entry["segmentation"]).tolist() == entry["bbox"]
        assert mask.area(entry["segmentation"]) == entry["area"]
        assert entry["pose"] is not None and len(entry["obb"]) == 4


def test_what_the_rule_leaves_out_is_counted_or_becomes_a_crowd(
    goods_dataset: Path, folder: Path, records: Any, exported: Any, tmp_path: Path
) -> None:
    objects = [o for r in records(goods_dataset) for c in r["cameras"] for o in c["objects"]]
    hidden = sum(o["visible_px"] == 0 for o in objects)
    below = sum(
        o["visible_px"] > 0 and (o["visible_px"] < 12 or o["visible_px"] < 0.4 * o["amodal_px_total"])
        for o in objects
    )
    counts = json.loads((folder / "export_report.json").read_text())["counts"]
    assert hidden > 0 and below > 0
    assert counts["instances_hidden"] == hidden and counts["instances_below_the_accept_rule"] == below
    assert counts["instances_annotations"] == len(objects) - hidden - below
    crowds = exported(goods_dataset, tmp_path, "coco", tasks=["instances"], below="crowd")
    entries = [
        e
        for s in ("train", "val")
        for e in json.loads((crowds / f"annotations_{s}.json").read_text())["annotations"]
    ]
    assert sum(e["iscrowd"] for e in entries) == below and len(entries) == len(objects) - hidden


def pixels_of_holes(mask: np.ndarray) -> int:
    """Pixels of holes: what a flood of the background from around the picture does not reach."""
    outside = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), bool)
    free = ~np.pad(mask.astype(bool), 1)
    outside[0, 0] = True
    while True:
        grown = outside.copy()
        grown[1:] |= outside[:-1]
        grown[:-1] |= outside[1:]
        grown[:, 1:] |= outside[:, :-1]
        grown[:, :-1] |= outside[:, 1:]
        grown &= free
        if (grown == outside).all():
            return int((free & ~outside).sum())
        outside = grown


def test_polygons_stand_only_where_they_hold_the_mask(
    goods_dataset: Path, tmp_path: Path, coco: Any, exported: Any, decoded: Callable[..., Any]
) -> None:
    folder = exported(goods_dataset, tmp_path, "coco", tasks=["instances"], polygons=True, min_iou=0.97)
    truth = coco(folder / "annotations_train.json")
    plain = coco(exported(goods_dataset, tmp_path / "rle", "coco") / "annotations_train.json")
    kinds = set()
    for entry in truth.dataset["annotations"]:
        mask = decoded(plain.anns[entry["id"]]["segmentation"])
        drawn = decoded(
            {"size": [120, 160], "counts": truth.annToRLE(entry)["counts"].decode()}
            if isinstance(entry["segmentation"], list)
            else entry["segmentation"]
        )
        kinds.add(type(entry["segmentation"]))
        assert (mask & drawn).sum() / (mask | drawn).sum() >= 0.97
        assert entry["area"] == mask.sum()
        if isinstance(
            entry["segmentation"], list
        ):  # the background is one piece, which reaches the picture's border
            assert pixels_of_holes(mask) == 0
    report = json.loads((folder / "export_report.json").read_text())
    assert kinds == {list, dict}  # boxes before the floor are holes in it, which polygons lose
    assert report["counts"]["instances_as_rle_since_polygons_lose_holes"] > 0
    assert 0.97 <= report["lowest"]["instances_iou_of_polygons"] <= 1


def test_panoptic_pictures_hold_the_visible_masks(
    folder: Path, goods_dataset: Path, records: Any, decoded: Callable[..., Any]
) -> None:
    document = json.loads((folder / "panoptic_train.json").read_text())
    things = {c["id"]: c["isthing"] for c in document["categories"]}
    assert things == {1: 1, 2: 1, 3: 0}
    cameras = {(r["frame"], c["name"]): c for r in records(goods_dataset) for c in r["cameras"]}
    images = {i["id"]: i for i in document["images"]}
    assert [a["image_id"] for a in document["annotations"]] == list(images)
    for entry in document["annotations"]:
        with Image.open(folder / "panoptic_train" / entry["file_name"]) as picture:
            rgb = np.array(picture).astype(int)
        ids = rgb @ [1, 256, 65536]
        frame, name = entry["file_name"].removesuffix("_rgb.png").split("_")
        objects = cameras[(int(frame), name)]["objects"]
        assert set(np.unique(ids)) - {0} == {s["id"] for s in entry["segments_info"]}
        for segment in entry["segments_info"]:
            rows, columns = np.nonzero(ids == segment["id"])
            assert segment["area"] == len(rows)
            assert segment["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            same = [
                o
                for o in objects
                if o["visible_px"] and (decoded(o["visible_rle"]) == (ids == segment["id"])).all()
            ]
            assert (
                len(same) == 1
                and {"crate": 1, "parcel": 2, "floor": 3}[same[0]["class"]] == segment["category_id"]
            )


def test_mistakes_are_one_sentence(goods_dataset: Path, exported: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="stuff 'flor' is no class; did you mean 'floor'"):
        exported(goods_dataset, tmp_path, "coco", stuff=["flor"])


def test_more_objects_than_the_scorer_looks_at(
    native: Any, box_type: Any, exported: Any, coco: Any, tmp_path: Path
) -> None:
    """1,200 annotations, 120 in each picture: perfect with a `maxDets` that reaches them all."""
    from pycocotools import mask as rle

    far = box_type("crate", (1, 1, 1), np.eye(3), np.array([0, 1e4, 0]), "c" * 16, "/Far")
    root = native(tmp_path / "native", {}, lambda frame: [far], frames=10).write()
    random = np.random.default_rng(5)
    for frame in range(10):
        path = root / f"records/{frame:06d}.json"
        record = json.loads(path.read_text())
        objects = []
        for number in range(120):
            mask = np.zeros((120, 160), np.uint8, order="F")
            y, x = 12 * (number // 12), 13 * (number % 12)
            h, w = random.integers(4, 11, 2)
            mask[y : y + h, x : x + w] = 1
            counts = {"size": [120, 160], "counts": rle.encode(mask)["counts"].decode()}
            points = [
                {"name": n, "world": [0, 0, 0], "px": [float(x + i), float(y + i)], "v": 1 + i % 2}
                for i, n in enumerate(("left", "right", "top"))
            ]
            objects.append(
                {
                    "instance_id": number + 1,
                    "prim_path": f"/World/Box_{number}",
                    "point_id": -1,
                    "class": "crate",
                    "visible_px": int(mask.sum()),
                    "amodal_px_in_frame": int(mask.sum()),
                    "amodal_px_total": int(mask.sum()),
                    "occlusion": 0.0,
                    "truncation": 0.0,
                    "bbox_visible": [float(v) for v in (x, y, w, h)],
                    "bbox_amodal": [float(v) for v in (x, y, w, h)],
                    "visible_rle": counts,
                    "amodal_rle": counts,
                    "keypoints": points,
                }
            )
        record["cameras"] = [{"name": "top", "resolution": [160, 120], "images": {}, "objects": objects}]
        path.write_text(json.dumps({**record, "sensors": []}))
    truth = coco(exported(root, tmp_path, "coco", tasks=["instances", "keypoints"]) / "keypoints.json")
    assert len(truth.getAnnIds()) == 1200
    sigmas = truth.loadCats([1])[0]["sigmas"]
    for kind in ("bbox", "segm", "keypoints"):
        assert score(truth, kind, sigmas if kind == "keypoints" else None) == pytest.approx(1, abs=1e-12)
