"""The KITTI export in the hands of a reader written after its development kit: P2, the box's corners, the calibration."""

import json
from dataclasses import dataclass
from math import atan2, cos, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError

W, H = 160, 120


@dataclass
class Label:
    """One row, as the development kit's readers split it."""

    row: str

    def __post_init__(self) -> None:
        words = self.row.split(" ")
        assert len(words) == 15
        self.type = words[0]
        self.truncated, self.occluded, self.alpha = float(words[1]), int(words[2]), float(words[3])
        numbers = [float(w) for w in words[4:]]
        self.box, (self.h, self.w, self.l), self.t, self.ry = (
            np.array(numbers[:4]),
            numbers[4:7],
            np.array(numbers[7:10]),
            numbers[10],
        )

    def corners(self) -> np.ndarray:
        """The 3D box, f8[8, 3], in rectified camera axes."""
        R = np.array([[cos(self.ry), 0, sin(self.ry)], [0, 1, 0], [-sin(self.ry), 0, cos(self.ry)]])
        x = np.array([1, 1, -1, -1, 1, 1, -1, -1]) * self.l / 2
        y = np.array([0, 0, 0, 0, -1, -1, -1, -1]) * self.h
        z = np.array([1, -1, -1, 1, 1, -1, -1, 1]) * self.w / 2
        return (R @ [x, y, z]).T + self.t


def calib(path: Path) -> dict[str, np.ndarray]:
    out = {}
    for line in path.read_text().splitlines():
        name, _, values = line.partition(":")
        numbers = np.array([float(v) for v in values.split()])
        out[name] = numbers.reshape(3, 3) if name == "R0_rect" else numbers.reshape(3, 4)
    return out


def project(P: np.ndarray, points: np.ndarray) -> np.ndarray:
    h = np.column_stack([points, np.ones(len(points))]) @ P.T
    return h[:, :2] / h[:, 2:]


@pytest.fixture(scope="module")
def training(goods_dataset: Path, exported: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(goods_dataset, tmp_path_factory.mktemp("kitti"), "kitti", axes="level") / "training"


@pytest.fixture(scope="module")
def pictures(
    training: Path, goods_dataset: Path, records: Any
) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(ID, camera, record), in KITTI's order."""
    views = [(c, r) for r in records(goods_dataset) for c in r["cameras"]]
    return [(f"{k:06d}", c, r) for k, (c, r) in enumerate(views)]


def shown(camera: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        o
        for o in camera["objects"]
        if o["visible_px"] >= 12 and o["visible_px"] >= 0.4 * o["amodal_px_total"]
    ]


def edges(box: list[float]) -> list[float]:
    """A box in pixel edges as KITTI has it: the middle of the first pixel is 0, that of the last one the picture's end."""
    x, y, w, h = box
    return [max(x - 0.5, 0), max(y - 0.5, 0), min(x + w - 0.5, W - 1), min(y + h - 0.5, H - 1)]


def labels(training: Path, name: str) -> list[Label]:
    return [Label(row) for row in (training / f"label_2/{name}.txt").read_text().splitlines()]


def test_the_layout_is_whole(training: Path, pictures: Any) -> None:
    names = [name for name, _, _ in pictures]
    for folder, suffix in (
        ("image_2", "png"),
        ("label_2", "txt"),
        ("calib", "txt"),
        ("depth_2", "png"),
        ("velodyne", "bin"),
    ):
        assert sorted(p.name for p in (training / folder).iterdir()) == [f"{n}.{suffix}" for n in names]
    sets = training.parent / "ImageSets"
    assert (sets / "train.txt").read_text().split() == [names[k] for k in (0, 1, 2, 3, 6, 7)]
    assert (sets / "val.txt").read_text().split() == [names[k] for k in (4, 5)]
    index = (training.parent / "index.csv").read_text().splitlines()
    assert index[:3] == ["id,frame,camera", "000000,0,front", "000001,0,high"]


@pytest.mark.parametrize(("first", "second"), [(0.1, 0.5), (0.05, 0.25)])
def test_every_column_is_what_the_record_says(
    goods_dataset: Path, exported: Any, tmp_path: Path, pictures: Any, first: float, second: float
) -> None:
    training = exported(goods_dataset, tmp_path, "kitti", occlusion_levels=[first, second]) / "training"
    levels = set()
    for name, camera, _ in pictures:
        rows = [label for label in labels(training, name) if label.type != "DontCare"]
        for label, item in zip(rows, shown(camera), strict=True):
            assert label.type == item["class"]
            assert label.truncated == pytest.approx(item["truncation"], abs=1e-4)
            assert label.occluded == (
                0 if item["occlusion"] < first else 1 if item["occlusion"] < second else 2
            )
            assert label.box.tolist() == edges(item["bbox_amodal"])
            difference = label.ry - atan2(label.t[0], label.t[2]) - label.alpha
            assert abs((difference + pi) % (2 * pi) - pi) < 1e-5
            assert abs(label.alpha) <= pi and abs(label.ry) <= pi
            levels.add(label.occluded)
    assert levels == {0, 1, 2} if second < 0.5 else {0, 1}


@pytest.mark.parametrize("axes", ["level", "camera"])
def test_projected_3d_boxes_hold_the_2d_boxes(
    goods_dataset: Path, exported: Any, tmp_path: Path, pictures: Any, axes: str
) -> None:
    folder = exported(goods_dataset, tmp_path, "kitti", axes=axes) / "training"
    tight = 0
    for name, camera, _ in pictures:
        P2 = calib(folder / f"calib/{name}.txt")["P2"]
        rows = [label for label in labels(folder, name) if label.type != "DontCare"]
        for label, item in zip(rows, shown(camera), strict=True):
            corners = label.corners()
            if (corners @ P2[2, :3] <= 0.1).any():
                continue
            places = project(P2, corners)
            low, high = np.clip(places.min(0), 0, [W - 1, H - 1]), np.clip(places.max(0), 0, [W - 1, H - 1])
            assert (low <= label.box[:2] + 0.51).all() and (high >= label.box[2:] - 0.51).all()
            tilted = item["prim_path"] == "/World/Tilted" or (axes == "camera" and camera["name"] == "high")
            if not tilted:
                if item["truncation"] == 0:
                    assert np.abs([*(low - label.box[:2]), *(high - label.box[2:])]).max() <= 1.01
                assert np.allclose([label.l, label.w, label.h], item["size"], atol=1e-5)
                own = np.array(item["bbox_3d"])
                pose = np.linalg.inv(camera["world_from_camera"])
                K = np.array(camera["K"])
                seen = (own @ pose[:3, :3].T + pose[:3, 3]) @ K.T
                exact = seen[:, :2] / seen[:, 2:] - 0.5
                gaps = np.linalg.norm(exact[:, None] - places[None], axis=-1)
                assert gaps.min(1).max() < 1e-3  # each corner of the object is a corner of the label
                tight += 1
    assert tight >= (50 if axes == "level" else 20)


def test_a_level_camera_has_plain_calibration(training: Path, pictures: Any) -> None:
    for name, camera, _ in pictures:
        found = calib(training / f"calib/{name}.txt")
        K = np.array(camera["K"]) - [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]
        if camera["name"] == "front":
            assert np.array_equal(found["R0_rect"], np.eye(3))
            assert np.allclose(found["P2"], np.column_stack([K, np.zeros(3)]), atol=1e-9)
        R = found["R0_rect"]
        assert np.allclose(R @ R.T, np.eye(3), atol=1e-9) and np.linalg.det(R) > 0
        assert np.allclose(found["P2"][:, :3] @ R, K, atol=1e-7)
        up = np.array([0, 0, 1]) @ np.array(camera["world_from_camera"])[:3, :3]
        assert np.allclose(R @ up, [0, -1, 0], atol=1e-9)  # gravity is +y


def test_by_default_p2_is_the_cameras_own(
    goods_dataset: Path, exported: Any, tmp_path: Path, pictures: Any
) -> None:
    folder = exported(goods_dataset, tmp_path, "kitti") / "training"
    for name, camera, _ in pictures:
        found = calib(folder / f"calib/{name}.txt")
        K = np.array(camera["K"]) - [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]
        assert np.array_equal(found["R0_rect"], np.eye(3))
        assert np.allclose(found["P2"], np.column_stack([K, np.zeros(3)]), atol=1e-9)
    counts = json.loads((folder.parent / "export_report.json").read_text())["counts"]
    tilted = counts["boxes_fitted_around_tilted_objects"]
    high = sum(len(shown(camera)) for _, camera, _ in pictures if camera["name"] == "high")
    assert high < tilted <= high + 4 and counts["images_of_cameras_that_are_not_level"] == 4


def test_lidar_points_fall_on_surfaces_at_their_depth(training: Path, pictures: Any) -> None:
    for name, _, _ in pictures:
        found = calib(training / f"calib/{name}.txt")
        points = np.fromfile(training / f"velodyne/{name}.bin", "<f4").reshape(-1, 4)
        with Image.open(training / f"depth_2/{name}.png") as picture:
            depth = np.array(picture) / 256
        own = np.column_stack([points[:, :3], np.ones(len(points))]) @ found["Tr_velo_to_cam"].T
        places = project(found["P2"], own @ found["R0_rect"].T)
        at = np.rint(places).astype(int)
        inside = (own[:, 2] > 0.1) & (at >= 0).all(1) & (at < [W, H]).all(1)
        seen = depth[at[inside, 1], at[inside, 0]]
        there = seen > 0
        assert there.sum() > 100
        # The lidar stands elsewhere, so it sees past some edges; most points are surfaces of the picture.
        assert np.median(np.abs(seen[there] - own[inside, 2][there])) < 0.02


def test_depth_is_z_in_256ths_of_a_metre(training: Path, goods_dataset: Path, pictures: Any) -> None:
    import OpenEXR

    for name, camera, _ in pictures[:2]:
        with OpenEXR.File(str(goods_dataset / camera["images"]["depth"])) as file:
            z = file.channels()["Z"].pixels
        with Image.open(training / f"depth_2/{name}.png") as picture:
            steps = np.array(picture)
        assert steps.dtype == np.uint16 and ((steps == 0) == ~np.isfinite(z)).all()
        there = np.isfinite(z)
        assert np.abs(steps[there] / 256 - z[there]).max() <= 0.5 / 256 + 1e-6


def test_what_is_hardly_seen_is_dont_care(training: Path, pictures: Any) -> None:
    cares = 0
    for name, camera, _ in pictures:
        rows = [label for label in labels(training, name) if label.type == "DontCare"]
        below = [o for o in camera["objects"] if o["visible_px"] and o not in shown(camera)]
        for label, item in zip(rows, below, strict=True):
            assert label.box.tolist() == edges(item["bbox_amodal"])
            assert (label.truncated, label.occluded, label.alpha) == (-1, -1, -10)
            assert [label.h, label.w, label.l, *label.t, label.ry] == [-1, -1, -1, -1000, -1000, -1000, -10]
        cares += len(rows)
    report = json.loads((training.parent / "export_report.json").read_text())
    assert cares == report["counts"]["dont_care"] > 0
    assert report["counts"]["boxes_fitted_around_tilted_objects"] > 0


def test_a_box_on_its_side_is_upright_and_its_heading_level(
    native: Any, box_type: Any, exported: Any, tmp_path: Path
) -> None:
    level = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    lying = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # its x axis points down

    def boxes(frame: int) -> list[Any]:
        return [box_type("parcel", (0.8, 0.6, 0.4), lying, np.array([0.2, 5.0, 0.1]), "c" * 16, "/Box")]

    root = native(tmp_path / "native", {"one": level}, boxes, frames=1).write()
    (label,) = labels(exported(root, tmp_path, "kitti", types={"parcel": "Small Box"}) / "training", "000000")
    assert label.type == "Small_Box"
    assert np.allclose([label.h, label.l, label.w], [0.8, 0.6, 0.4])
    # y of the object looks along the camera's z: a quarter turn to the right is -pi/2 in KITTI
    assert np.allclose(label.t, [0.2, -0.1 + 0.4, 5.0]) and label.ry == pytest.approx(-pi / 2, abs=1e-5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"projection": {"kind": "fisheye", "coefficients": [0.1, 0, 0, 0]}}, "lens of kind fisheye"),
        ({"distortion": [0.1, 0, 0, 0, 0]}, "distorted pinhole"),
        ({"path": {"seconds": [0, 1], "world_from_camera": []}}, "rolling shutter"),
        ({"images": {}}, "needs the picture 'rgb'"),
    ],
)
@pytest.mark.parametrize("kind", ["kitti", "bop"])
def test_what_the_format_cannot_say_is_refused(
    native: Any,
    box_type: Any,
    exported: Any,
    tmp_path: Path,
    change: dict[str, Any],
    sentence: str,
    kind: str,
) -> None:
    level = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    box = box_type("parcel", (0.8, 0.6, 0.4), np.eye(3), np.array([0.2, 5.0, 0.1]), "c" * 16, "/Box")
    root = native(tmp_path / "native", {"one": level}, lambda frame: [box], frames=1).write()
    path = root / "records/000000.json"
    record = json.loads(path.read_text())
    record["cameras"][0] |= change
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match=sentence):
        exported(root, tmp_path, kind)
