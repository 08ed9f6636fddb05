"""The YOLO export in the hands of a loader written from Ultralytics' documented rules."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from twinstage.base.errors import UserError

W, H = 160, 120


def load(data_yaml: Path, split: str, keypoints: bool = False) -> dict[str, np.ndarray]:
    """Rows by name of the picture. As the loader does: `path` if it says something, else the file's folder; labels lie
    where the last /images/ of a picture's path is /labels/; what it would call corrupt raises."""
    data = yaml.safe_load(data_yaml.read_text())
    root = Path(data.get("path") or data_yaml.parent)
    out = {}
    for picture in sorted((root / data[split]).rglob("*.png")):
        before, after = str(picture).rsplit(f"{os.sep}images{os.sep}", 1)
        label = Path(f"{before}{os.sep}labels{os.sep}{after}").with_suffix(".txt")
        with Image.open(picture) as image:
            image.load()
            assert min(image.size) > 9 and image.format == "PNG"
        rows = [line.split() for line in label.read_text().strip().splitlines()]
        if not rows:
            out[picture.name] = np.zeros((0, 5))
            continue
        if keypoints:
            k, n = data["kpt_shape"]
            values = np.array(rows, np.float64)
            assert values.shape[1] == 5 + k * n
            assert values[:, 5:].reshape(-1, n)[:, :2].max() <= 1
            assert values[:, :5].max() <= max(1, values[:, 0].max())
        elif any(len(r) > 6 for r in rows):
            values = np.empty(len(rows), object)
            for i, r in enumerate(rows):
                values[i] = np.array(r, np.float64)
                assert len(r) % 2 == 1 and len(r) >= 7
                assert values[i][1:].min() >= 0 and values[i][1:].max() <= 1
        else:
            values = np.array(rows, np.float64)
            assert values.shape[1] == 5
            assert values[:, 1:].min() >= 0 and values[:, 1:].max() <= 1
            assert len(np.unique(values, axis=0)) == len(values)
        assert all(0 <= v[0] < len(data["names"]) and v[0] == int(v[0]) for v in values)
        out[picture.name] = values
    return out


@pytest.fixture(scope="module")
def annotated(goods_dataset: Path, records: Any) -> dict[str, list[dict[str, Any]]]:
    """Objects that count, by name of the picture."""
    out = {}
    for record in records(goods_dataset):
        for camera in record["cameras"]:
            out[Path(camera["images"]["rgb"]).name] = [
                o
                for o in camera["objects"]
                if o["visible_px"] >= 12 and o["visible_px"] >= 0.4 * o["amodal_px_total"]
            ]
    return out


NAMES = ["crate", "parcel", "floor"]


def test_detect(goods_dataset: Path, exported: Any, tmp_path: Path, annotated: Any) -> None:
    folder = exported(goods_dataset, tmp_path, "yolo")
    data = yaml.safe_load((folder / "data.yaml").read_text())
    assert [data["names"][k] for k in range(3)] == NAMES and data["train"] == "images/train"
    loaded = load(folder / "data.yaml", "train") | load(folder / "data.yaml", "val")
    assert len(load(folder / "data.yaml", "val")) == 2 and loaded.keys() == annotated.keys()
    for name, rows in loaded.items():
        for row, item in zip(rows, annotated[name], strict=True):
            c, xc, yc, w, h = row
            box = [xc * W - w * W / 2, yc * H - h * H / 2, w * W, h * H]
            assert np.allclose(box, item["bbox_visible"], atol=1e-4) and NAMES[int(c)] == item["class"]
    report = json.loads((folder / "export_report.json").read_text())
    assert report["counts"]["rows"] == sum(map(len, annotated.values()))


def test_pictures_are_links_to_the_native_ones(goods_dataset: Path, exported: Any, tmp_path: Path) -> None:
    for _ in range(2):  # again into the same folder: linking a file over itself
        folder = exported(goods_dataset, tmp_path, "yolo")
    for picture in (folder / "images").rglob("*.png"):
        native = goods_dataset / "images" / picture.name
        assert picture.read_bytes() == native.read_bytes()
        assert picture.samefile(native) or os.stat(picture).st_dev != os.stat(native).st_dev
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("least", [0.9, 0.98])
def test_segment_rings_hold_the_masks(
    goods_dataset: Path,
    exported: Any,
    tmp_path: Path,
    annotated: Any,
    decoded: Callable[..., Any],
    least: float,
) -> None:
    folder = exported(goods_dataset, tmp_path, "yolo", task="segment", min_iou=least)
    found = []
    for name, rows in (load(folder / "data.yaml", "train") | load(folder / "data.yaml", "val")).items():
        for row, item in zip(rows, annotated[name], strict=True):
            points = row[1:].reshape(-1, 2) * [W, H]
            # The loader's box of a segment is that of its points.
            low, high = points.min(0), points.max(0)
            x, y, w, h = item["bbox_visible"]
            assert np.abs([*low, *high] - np.array([x, y, x + w, y + h])).max() <= 1.01
            # Enlarged, so that OpenCV's filling of the outline itself does not matter.
            big = np.zeros((H * 16, W * 16), np.uint8)
            cv2.fillPoly(big, [np.rint(points * 16).astype(np.int32)], 1)
            drawn = big[8::16, 8::16].astype(bool)
            mask = decoded(item["visible_rle"])
            found.append((drawn & mask).sum() / (drawn | mask).sum())
    assert min(found) >= least - 0.02
    report = json.loads((folder / "export_report.json").read_text())
    assert report["lowest"]["iou_of_rings"] >= least
    assert report["counts"]["rings_with_bridges"] > 0  # the floor has holes


def test_pose(goods_dataset: Path, exported: Any, tmp_path: Path, annotated: Any) -> None:
    folder = exported(goods_dataset, tmp_path, "yolo", task="pose")
    data = yaml.safe_load((folder / "data.yaml").read_text())
    assert data["kpt_shape"] == [3, 3] and data["flip_idx"] == [1, 0, 2] and data["names"] == {0: "crate"}
    seen = set()
    for name, rows in load(folder / "data.yaml", "train", keypoints=True).items():
        crates = [o for o in annotated[name] if o["class"] == "crate"]
        for row, item in zip(rows, crates, strict=True):
            for point, told in zip(row[5:].reshape(-1, 3), item["keypoints"], strict=True):
                wanted = [*told["px"], told["v"]] if told["v"] else [0, 0, 0]
                assert np.allclose(point * [W, H, 1], wanted, atol=1e-4)
                seen.add(told["v"])
    assert seen == {0, 1, 2}


def test_oriented_boxes_lie_in_the_picture_and_around_the_mask(
    goods_dataset: Path, exported: Any, tmp_path: Path, annotated: Any, decoded: Callable[..., Any]
) -> None:
    folder = exported(goods_dataset, tmp_path, "yolo", task="obb")
    loaded = load(folder / "data.yaml", "train") | load(folder / "data.yaml", "val")
    turned = 0
    for name, rows in loaded.items():
        for row, item in zip(rows, annotated[name], strict=True):
            corners = (row[1:].reshape(4, 2) * [W, H]).astype(np.float32)
            sides = np.roll(corners, -1, axis=0) - corners
            lengths = np.linalg.norm(sides, axis=1)
            assert abs(sides[0] @ sides[1]) <= 1e-3 * lengths[0] * lengths[1] + 1e-2  # a rectangle
            mask = decoded(item["visible_rle"])
            for y, x in np.argwhere(mask):
                assert cv2.pointPolygonTest(corners, (x + 0.5, y + 0.5), True) > -1e-3
            area, told = lengths[0] * lengths[1], np.array(item["obb"])
            smallest = np.linalg.norm(told[1] - told[0]) * np.linalg.norm(told[2] - told[1])
            within = (told >= 0).all() and (told <= [W, H]).all()
            assert (
                area == pytest.approx(smallest, rel=1e-3)
                if within
                else area <= np.prod(item["bbox_visible"][2:]) + 0.1
            )
            turned += not within
    counts = json.loads((folder / "export_report.json").read_text())["counts"]
    assert turned == counts["rectangles_turned_to_lie_in_the_picture"] > 0


def test_an_empty_picture_has_an_empty_label(
    native: Any, box_type: Any, exported: Any, tmp_path: Path
) -> None:
    pose = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])

    def boxes(frame: int) -> list[Any]:
        away = 1e4 if frame else 5.0
        return [box_type("parcel", (1, 1, 1), np.eye(3), np.array([0, away, 0]), "c" * 16, "/Box")]

    root = native(tmp_path / "native", {"one": pose}, boxes, frames=2).write()
    folder = exported(root, tmp_path, "yolo")
    assert (folder / "labels/train/000001_one_rgb.txt").read_bytes() == b""
    loaded = load(folder / "data.yaml", "val")  # without splits, all of it serves as both
    assert [len(rows) for rows in loaded.values()] == [1, 0]


def test_a_split_without_pictures_is_not_named(
    native: Any, box_type: Any, exported: Any, tmp_path: Path
) -> None:
    """As in a shard: the loader refuses a folder that is not there."""
    pose = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    box = box_type("parcel", (1, 1, 1), np.eye(3), np.array([0, 5.0, 0]), "c" * 16, "/Box")
    splits = {0: "train", 1: "val", 2: "test"}
    root = native(tmp_path / "native", {"one": pose}, lambda frame: [box], frames=3, splits=splits).write()
    data = yaml.safe_load((exported(root, tmp_path / "a", "yolo") / "data.yaml").read_text())
    assert [data[k] for k in ("train", "val", "test")] == ["images/train", "images/val", "images/test"]
    for frame in (0, 2):
        (root / f"records/{frame:06d}.json").unlink()
    data = yaml.safe_load((exported(root, tmp_path / "b", "yolo") / "data.yaml").read_text())
    assert data["train"] == data["val"] == "images/val" and "test" not in data


def test_classes_are_chosen_and_renumbered(goods_dataset: Path, exported: Any, tmp_path: Path) -> None:
    folder = exported(goods_dataset, tmp_path, "yolo", classes=["parcel"])
    rows = np.concatenate(list(load(folder / "data.yaml", "train").values()))
    assert len(rows) > 5 and set(rows[:, 0]) == {0}


def test_mistakes_are_one_sentence(goods_dataset: Path, exported: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no class 'create'; did you mean 'crate'"):
        exported(goods_dataset, tmp_path, "yolo", classes=["create"])
    with pytest.raises(UserError, match="needs classes with key points"):
        exported(goods_dataset, tmp_path, "yolo", task="pose", classes=["parcel"])
