"""The BOP export against BOP's definitions, computed here from its own files: models, poses, cameras, masks and depth."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image

from twinstage.base.errors import UserError

W, H = 160, 120


@pytest.fixture(scope="module")
def folder(goods_dataset: Path, exported: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(goods_dataset, tmp_path_factory.mktemp("bop"), "bop")


def scenes(folder: Path) -> list[Path]:
    return sorted(p.parent for p in folder.glob("*/*/scene_gt.json"))


def document(scene: Path, name: str) -> dict[int, Any]:
    return {int(k): v for k, v in json.loads((scene / f"{name}.json").read_text()).items()}


def grey(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


def model(folder: Path, number: int) -> trimesh.Trimesh:
    return trimesh.load(folder / f"models/obj_{number:06d}.ply", process=False)


def rendered(K: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The silhouette of a convex model on a canvas three times as large, for integer pixel centres: places 16 times as
    fine, so that a pixel is in where its centre is."""
    places = points @ K.T
    places = places[:, :2] / places[:, 2:] + [W, H]
    hull = cv2.convexHull(np.rint(places * 16).astype(np.int32))
    big = np.zeros((3 * H * 16, 3 * W * 16), np.uint8)
    cv2.fillConvexPoly(big, hull, 1)
    return big[::16, ::16].astype(bool)


def entries(folder: Path) -> list[tuple[Path, int, int, dict[str, Any], dict[str, Any], dict[str, Any]]]:
    out = []
    for scene in scenes(folder):
        cameras, truth, info = (document(scene, n) for n in ("scene_camera", "scene_gt", "scene_gt_info"))
        assert list(cameras) == list(truth) == list(info)
        for image, listed in truth.items():
            assert len(listed) == len(info[image])
            for place, (gt, about) in enumerate(zip(listed, info[image], strict=True)):
                out.append((scene, image, place, cameras[image], gt, about))
    return out


def test_the_layout_and_the_cameras(folder: Path, goods_dataset: Path, records: Any) -> None:
    assert [str(s.relative_to(folder)) for s in scenes(folder)] == [
        "train_pbr/000000",
        "train_pbr/000001",
        "val/000000",
        "val/000001",
    ]
    camera = json.loads((folder / "camera.json").read_text())
    assert camera == {
        "cx": 82.5,
        "cy": 56.5,
        "fx": 140.0,
        "fy": 150.0,
        "depth_scale": 1.0,
        "width": W,
        "height": H,
    }
    for record in records(goods_dataset):
        for row, told in enumerate(record["cameras"]):
            scene = folder / ("val" if record["split"] == "val" else "train_pbr") / f"{row:06d}"
            entry = document(scene, "scene_camera")[record["frame"]]
            into = np.linalg.inv(told["world_from_camera"])
            assert np.allclose(np.reshape(entry["cam_R_w2c"], (3, 3)), into[:3, :3])
            assert np.allclose(entry["cam_t_w2c"], into[:3, 3] * 1000)
            assert np.allclose(entry["cam_K"], [140, 0, 82.5, 0, 150, 56.5, 0, 0, 1])
            picture = scene / f"rgb/{record['frame']:06d}.png"
            assert picture.read_bytes() == (goods_dataset / told["images"]["rgb"]).read_bytes()


def test_rendered_models_are_the_masks_the_boxes_and_the_counts(folder: Path) -> None:
    found, beyond, hidden = 0, 0, 0
    for scene, image, place, camera, gt, info in entries(folder):
        R, t = np.reshape(gt["cam_R_m2c"], (3, 3)), np.array(gt["cam_t_m2c"])
        assert np.allclose(R @ R.T, np.eye(3), atol=1e-9) and np.linalg.det(R) > 0
        points = np.asarray(model(folder, gt["obj_id"]).vertices) @ R.T + t
        whole = rendered(np.reshape(camera["cam_K"], (3, 3)), points)
        inside = whole[H : 2 * H, W : 2 * W]
        mask = grey(scene / f"mask/{image:06d}_{place:06d}.png") > 0
        visible = grey(scene / f"mask_visib/{image:06d}_{place:06d}.png") > 0
        edge = 2 * (np.ptp(np.nonzero(whole)[0]) + np.ptp(np.nonzero(whole)[1])) + 8
        assert (mask ^ inside).sum() <= 0.05 * edge + 2
        assert abs(info["px_count_all"] - whole.sum()) <= 0.1 * edge + 2
        rows, columns = np.nonzero(whole)
        box = np.array(
            [columns.min() - W, rows.min() - H, columns.max() - columns.min(), rows.max() - rows.min()]
        )
        if ((box[:2] > [-W, -H]) & (box[:2] + box[2:] < [2 * W - 1, 2 * H - 1])).all():
            assert np.abs(box - info["bbox_obj"]).max() <= 1
            beyond += bool((box[:2] < 0).any())
        assert not (visible & ~mask).any() and visible.sum() == info["px_count_visib"]
        assert info["visib_fract"] == pytest.approx(visible.sum() / info["px_count_all"])
        if visible.any():
            rows, columns = np.nonzero(visible)
            assert info["bbox_visib"] == [columns.min(), rows.min(), np.ptp(columns), np.ptp(rows)]
        else:
            assert info["bbox_visib"] == [-1, -1, -1, -1]
            hidden += 1
        depth = grey(scene / f"depth/{image:06d}.png")
        assert info["px_count_valid"] == (depth[mask] > 0).sum()
        found += 1
    assert found > 60 and beyond > 0 and hidden > 0


def test_depth_at_visible_masks_is_the_z_of_the_model(folder: Path) -> None:
    for scene, image, place, camera, gt, _ in entries(folder):
        visible = grey(scene / f"mask_visib/{image:06d}_{place:06d}.png") > 0
        depth = grey(scene / f"depth/{image:06d}.png")
        assert depth.dtype == np.uint16
        if not visible.any():
            continue
        K = np.reshape(camera["cam_K"], (3, 3))
        R, t = np.reshape(gt["cam_R_m2c"], (3, 3)), np.array(gt["cam_t_m2c"])
        y, x = np.nonzero(visible)
        z = depth[visible] * camera["depth_scale"]
        points = np.stack([(x - K[0, 2]) / K[0, 0] * z, (y - K[1, 2]) / K[1, 1] * z, z], -1)
        own = (points - t) @ R
        half = np.asarray(model(folder, gt["obj_id"]).vertices).max(0)
        # On the surface of the box: the greatest of |x| / half is 1, up to the step of depth.
        excess = np.abs(own) - half
        assert np.abs(excess.max(1)).max() < 2.0


def test_models_and_their_measures(folder: Path) -> None:
    infos = json.loads((folder / "models/models_info.json").read_text())
    assert [info["class"] for info in infos.values()] == ["crate", "parcel", "floor"]
    for number, info in infos.items():
        points = np.asarray(model(folder, int(number)).vertices)
        gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
        assert info["diameter"] == pytest.approx(gaps.max(), rel=1e-6)
        for k, axis in enumerate("xyz"):
            assert info[f"min_{axis}"] == pytest.approx(points[:, k].min())
            assert info[f"size_{axis}"] == pytest.approx(np.ptp(points[:, k]))
    assert infos["1"]["size_x"] == pytest.approx(1000)  # millimetres
    assert b"comment unit mm" in (folder / "models/obj_000001.ply").read_bytes()
    assert len(model(folder, 1).faces) == 12


def test_its_coco_file_is_perfect_as_prediction(folder: Path, coco: Any) -> None:
    from pycocotools import mask

    for scene in scenes(folder):
        truth = coco(scene / "scene_gt_coco.json")
        gt, info = document(scene, "scene_gt"), document(scene, "scene_gt_info")
        visible = [
            (image, g["obj_id"], i)
            for image in gt
            for g, i in zip(gt[image], info[image], strict=True)
            if i["px_count_visib"]
        ]
        assert sorted(truth.getAnnIds()) == list(range(1, len(visible) + 1))
        for entry, (image, number, about) in zip(truth.dataset["annotations"], visible, strict=True):
            x, y, w, h = about["bbox_obj"]
            assert (entry["image_id"], entry["category_id"]) == (image, number)
            assert entry["bbox"] == [x, y, w + 1, h + 1]
            assert entry["area"] == about["px_count_visib"] == mask.area(entry["segmentation"])
            assert entry["ignore"] == (about["visib_fract"] < 0.1)


def test_a_thousand_frames_a_scene(native: Any, box_type: Any, exported: Any, tmp_path: Path) -> None:
    level = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    box = box_type("parcel", (1, 1, 1), np.eye(3), np.array([0, 5.0, 0]), "c" * 16, "/Box")
    root = native(tmp_path / "native", {"one": level, "two": level}, lambda frame: [box], frames=3).write()
    for frame, number in ((1, 999), (2, 1000)):
        record = json.loads((root / f"records/{frame:06d}.json").read_text())
        (root / f"records/{frame:06d}.json").unlink()
        (root / f"records/{number:06d}.json").write_text(json.dumps({**record, "frame": number}))
    folder = exported(root, tmp_path, "bop")
    found = {s.name: list(document(s, "scene_gt")) for s in scenes(folder)}
    assert found == {"000000": [0, 999], "000001": [0, 999], "000002": [1000], "000003": [1000]}


def test_a_mirrored_object_is_refused_or_left_out_and_counted(
    native: Any, box_type: Any, exported: Any, tmp_path: Path
) -> None:
    level = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])

    def boxes(frame: int) -> list[Any]:
        good = box_type("parcel", (1, 1, 1), np.eye(3), np.array([-1, 5.0, 0]), "c" * 16, "/Good")
        return [
            good,
            box_type("parcel", (1, 1, 1), np.eye(3), np.array([1, 5.0, 0]), "d" * 16, "/Bad", mirrored=True),
        ]

    root = native(tmp_path / "native", {"one": level}, boxes, frames=1).write()
    (root / "models" / f"{'d' * 16}.ply").unlink()
    listed = json.loads((root / "models/models.json").read_text())
    del listed["d" * 16]
    (root / "models/models.json").write_text(json.dumps(listed))
    with pytest.raises(UserError, match=r"frame 0, camera one: /Bad is mirrored or squashed"):
        exported(root, tmp_path, "bop")
    folder = exported(root, tmp_path, "bop", without_pose="omit")
    assert len(document(folder / "train_pbr/000000", "scene_gt")[0]) == 1
    report = json.loads((folder / "export_report.json").read_text())
    assert report["counts"]["objects_without_a_rigid_pose"] == 1


def test_without_models_it_says_what_to_add(goods_dataset: Path, exported: Any, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(goods_dataset, copy, ignore=shutil.ignore_patterns("models"))
    with pytest.raises(UserError, match="add `models` to `annotate`"):
        exported(copy, tmp_path, "bop")


def test_a_model_for_each_frame_is_refused(native: Any, box_type: Any, exported: Any, tmp_path: Path) -> None:
    level = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])

    def boxes(frame: int) -> list[Any]:
        side = 1 + frame / 10
        at = np.array([0, 5.0, 0])
        return [box_type("parcel", (side, side, side), np.eye(3), at, f"{frame:016x}", "/Growing")]

    root = native(tmp_path / "native", {"one": level}, boxes, frames=4).write()
    with pytest.raises(UserError, match="has 4 models, 4 of them of /Growing alone"):
        exported(root, tmp_path / "a", "bop", most_models=3)
    folder = exported(root, tmp_path / "b", "bop")
    assert len(json.loads((folder / "models/models_info.json").read_text())) == 4
