"""Records of any lens, key points, poses and models, judged by pxr, OpenCV and the files themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.synth.dataset import Dataset
from twinstage.synth.generation import generate
from twinstage.synth.masks import decode
from twinstage.synth.recipe import Recipe

OVERS = """#usda 1.0
(
    subLayers = [@{yard}@]
    metersPerUnit = 1
    upAxis = "Z"
    defaultPrim = "Yard"
)
over "Yard"
{{
    over "Box_A"
    {{
        custom double3 twin:keypoint:top = (0.25, 0.25, 0.25)
        custom double3 twin:keypoint:bottom = (0, 0, -0.25)
        custom double3 twin:keypoint:unnamed = (0, 0, 0)
    }}
    over "Box_B"
    {{
        double3 xformOp:scale = (-1, 1, 1)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
    }}
    over "Box_C"
    {{
        double3 xformOp:scale = (2, 1, 0.5)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ", "xformOp:scale"]
    }}
    over "Cameras"
    {{
        over "Front"
        {{
            custom token twin:lens:model = "{model}"
            custom double[] twin:lens:coefficients = {coefficients}
            custom double4 twin:lens:K = (60, 58, 61.5, 44)
            custom int2 twin:lens:imageSize = (120, 90)
        }}
    }}
}}
"""

LENSES = {
    "fisheye": [-0.05, 0.01, 0.0, 0.0],
    "opencv": [-0.2, 0.05, 0.001, -0.002, 0.0],
    "equirectangular": [],
}

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def make(yard: Path, yard_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A function from a lens to a dataset of one frame without any randomizer."""

    def one(model: str, coefficients: list[float], **changes: Any) -> Path:
        folder = tmp_path_factory.mktemp(model)
        text = OVERS.format(yard=yard, model=model, coefficients=coefficients)
        (folder / "stage.usda").write_text(text)
        recipe = yard_recipe(
            stage="stage.usda",
            asset_roots=[str(yard.parent)],
            randomize=[],
            frames=1,
            export=[],
            annotate=["depth", "models"],
            labels={
                "pallet": None,
                "box": {"labels": ["box"], "keypoints": ["bottom", "top"], "skeleton": [["top", "bottom"]]},
                "parcel": "parcel",
            },
            accept={"min_objects": 0},
            **changes,
        )
        generate(recipe, folder / "out", base_dir=folder)
        return folder / "out"

    return one


@pytest.fixture(scope="module")
def fisheye(make: Make) -> Path:
    """The dataset through a fisheye (Front) and a pinhole (side)."""
    return make("fisheye", LENSES["fisheye"])


def record(out: Path) -> dict[str, Any]:
    return next(Dataset(out).records())


def item(camera: dict[str, Any], path: str) -> dict[str, Any]:
    found: dict[str, Any] = next(o for o in camera["objects"] if o["prim_path"] == path)
    return found


def test_the_fisheye_says_how_it_sees_and_key_points_lie_where_opencv_puts_them(fisheye: Path) -> None:
    import cv2

    camera = record(fisheye)["cameras"][0]
    assert camera["projection"] == {"kind": "fisheye", "coefficients": LENSES["fisheye"]}
    assert camera["distortion"] == LENSES["fisheye"]
    assert camera["K"] == [[60, 0, 61.5], [0, 58, 44], [0, 0, 1]]
    assert camera["calibration"] == {"K": [60, 58, 61.5, 44], "size": [120, 90]}
    assert camera["path"] is None and camera["shutter"] == {"open": 0, "close": 0, "readout": 0}
    box = item(camera, "/Yard/Box_A")
    assert [p["name"] for p in box["keypoints"]] == ["bottom", "top"]  # the recipe's names in its order
    world = np.array([p["world"] for p in box["keypoints"]])
    np.testing.assert_allclose(world, [[-1.5, 0, 0], [-1.25, 0.25, 0.5]], atol=1e-12)
    inverse = np.linalg.inv(np.array(camera["world_from_camera"]))
    local = (world @ inverse[:3, :3].T + inverse[:3, 3]).reshape(1, -1, 3)
    zero = np.zeros(3)
    pixels, _ = cv2.fisheye.projectPoints(
        local, zero, zero, np.array(camera["K"]), np.array(LENSES["fisheye"])
    )
    np.testing.assert_allclose([p["px"] for p in box["keypoints"]], pixels[0], atol=1e-6)
    assert [p["v"] for p in box["keypoints"]] == [1, 2]  # the middle of its underside is hidden by the box
    assert "keypoints" not in item(camera, "/Yard/Pallet_1")


def test_boxes_without_key_points_of_their_own_list_none(fisheye: Path) -> None:
    assert item(record(fisheye)["cameras"][0], "/Yard/Box_C")["keypoints"] == []


def test_labels_json_names_key_points_and_bones(fisheye: Path) -> None:
    box = json.loads((fisheye / "labels.json").read_bytes())["classes"][1]
    assert box["keypoints"] == ["bottom", "top"] and box["skeleton"] == [[2, 1]] and box["flip"] == []
    assert "sigmas" not in box


def test_model_points_in_the_pose_are_where_pxr_has_the_box(fisheye: Path) -> None:
    import trimesh
    from pxr import Gf, Usd, UsdGeom

    stage = Usd.Stage.Open(str(fisheye.parent / "stage.usda"))
    for camera in record(fisheye)["cameras"]:
        for path in ("/Yard/Box_A", "/Yard/Box_C"):
            box = item(camera, path)
            rotation, shift = np.array(box["pose"]["R"]), np.array(box["pose"]["t"])
            np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
            assert np.linalg.det(rotation) == pytest.approx(1)
            mesh = trimesh.load(fisheye / "models" / f"{box['model']}.ply", process=False)
            assert mesh.volume > 0 and mesh.is_winding_consistent
            seen = np.array(mesh.vertices) @ rotation.T + shift
            matrix = UsdGeom.Xformable(stage.GetPrimAtPath(f"{path}/Body")).ComputeLocalToWorldTransform(0)
            corners = [
                list(matrix.Transform(Gf.Vec3d(x, y, z)))
                for x in (-0.25, 0.25)
                for y in (-0.25, 0.25)
                for z in (-0.25, 0.25)
            ]
            inverse = np.linalg.inv(np.array(camera["world_from_camera"]))
            expected = np.array(corners) @ inverse[:3, :3].T + inverse[:3, 3]
            away = np.linalg.norm(seen[:, None] - expected[None], axis=-1)
            assert away.min(1).max() < 1e-6 and away.min(0).max() < 1e-6


def test_a_mirrored_object_has_no_pose_and_no_model(fisheye: Path) -> None:
    box = item(record(fisheye)["cameras"][1], "/Yard/Box_B")
    assert box["pose"] is None and box["model"] is None
    assert np.linalg.det(np.array(box["world_from_object"])[:3, :3]) < 0


def test_models_json_measures_what_the_files_hold(fisheye: Path) -> None:
    models = json.loads((fisheye / "models/models.json").read_bytes())
    used = {o["model"] for c in record(fisheye)["cameras"] for o in c["objects"]} - {None}
    assert set(models) == used == {p.stem for p in (fisheye / "models").glob("*.ply")}
    stretched = models[item(record(fisheye)["cameras"][1], "/Yard/Box_C")["model"]]
    np.testing.assert_allclose(stretched["size"], [1.0, 0.5, 0.25], atol=1e-7)
    np.testing.assert_allclose(stretched["min"], [-0.5, -0.25, -0.125], atol=1e-7)
    assert stretched["diameter"] == pytest.approx(np.linalg.norm([1.0, 0.5, 0.25]), rel=1e-7)
    assert stretched["class"] == "box" and stretched["triangles"] == 12
    listed = json.loads((fisheye / "manifest.json").read_bytes())["files"]
    assert "models/models.json" in listed and f"models/{min(used)}.ply" in listed


def test_boxes_of_whole_silhouettes_and_turned_boxes_hold_their_masks(fisheye: Path) -> None:
    import cv2

    found = 0
    for camera in record(fisheye)["cameras"]:
        for entry in camera["objects"]:
            x, y, w, h = entry["bbox_full"]
            bx, by, bw, bh = entry["bbox_amodal"]
            # A pixel counts by its centre, so the outline may end half a pixel before the mask's edge.
            assert x <= bx + 0.51 and y <= by + 0.51
            assert x + w >= bx + bw - 0.51 and y + h >= by + bh - 0.51
            mask = decode(entry["visible_rle"])
            if not mask.any():
                assert entry["obb"] is None
                continue
            rows, columns = np.nonzero(mask)
            corners = np.array(
                [[c + a, r + b] for r, c in zip(rows, columns, strict=True) for a, b in CORNERS]
            )
            (_, size, _) = cv2.minAreaRect(corners.astype(np.float32))
            obb = np.array(entry["obb"])
            area = np.linalg.norm(obb[1] - obb[0]) * np.linalg.norm(obb[2] - obb[1])
            assert area == pytest.approx(size[0] * size[1], rel=1e-4)
            edges = np.roll(obb, -1, 0) - obb
            for edge, at in zip(edges, obb, strict=True):
                away = corners - at
                assert (edge[0] * away[:, 1] - edge[1] * away[:, 0]).min() > -1e-6
            found += 1
    assert found > 8


CORNERS = [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize("model", ["opencv", "equirectangular"])
def test_other_lenses_are_recorded_too(make: Make, model: str) -> None:
    camera = record(make(model, LENSES[model], cameras=["Front"]))["cameras"][0]
    assert camera["projection"]["kind"] == model
    given = LENSES[model]
    assert camera["distortion"][: len(given)] == given and not any(camera["distortion"][len(given) :])
    assert camera["objects"]


def test_a_rolling_shutter_is_in_the_record_and_bends_the_labels(
    yard: Path, yard_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    over = (
        f'#usda 1.0\n( subLayers = [@{yard}@]\n metersPerUnit = 1\n upAxis = "Z"\n defaultPrim = "Yard" )\n'
        'over "Yard" {{\nover "Cameras" {{\nover "Front" {{\n'
        "custom double3 twin:motion:velocity = ({speed}, 0, 0)\ncustom double twin:shutter:readout = 0.05\n"
        "}}\n}}\n}}\n"
    )
    boxes = {}
    for name, speed in (("still", 0), ("moving", 10)):
        (tmp_path / f"{name}.usda").write_text(over.format(speed=speed))
        recipe = yard_recipe(
            stage=f"{name}.usda",
            asset_roots=[str(yard.parent)],
            randomize=[],
            frames=1,
            cameras=["Front"],
            annotate=["depth"],
            export=[],
        )
        generate(recipe, tmp_path / name / "out", base_dir=tmp_path)
        camera = record(tmp_path / name / "out")["cameras"][0]
        assert camera["shutter"] == {"open": 0, "close": 0, "readout": 0.05}
        boxes[name] = (camera, item(camera, "/Yard/Box_A"))
    still, moving = boxes["still"][0], boxes["moving"][0]
    assert still["path"] is None and moving["world_from_camera"] == still["world_from_camera"]
    assert moving["path"]["seconds"] == [0, 0.05]
    ends = np.array(moving["path"]["world_from_camera"])
    right = np.array(moving["world_from_camera"])[:3, 0]
    np.testing.assert_allclose(ends[1, :3, 3] - ends[0, :3, 3], 0.5 * right, atol=1e-12)
    # The camera went to the right until the box's rows were read out, so the box is seen further to the left.
    box = boxes["moving"][1]
    row = box["bbox_amodal"][1] + box["bbox_amodal"][3] / 2
    depth = box["pose"]["t"][2]
    shift = still["K"][0][0] * 10 * 0.05 * row / 89 / depth
    assert boxes["still"][1]["bbox_full"][0] - box["bbox_full"][0] == pytest.approx(shift, rel=0.15)
    assert shift > 3


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"keypoints": ["tip"]}, "class 'box': no object of it in the stage has a key point 'tip'"),
        ({"keypoints": ["a", "a"]}, "key point 'a' is named twice"),
        ({"keypoints": ["a", "b"], "sigmas": [0.1]}, "1 sigmas for 2 key points"),
        ({"keypoints": ["a", "b"], "skeleton": [[1, 3]]}, "skeleton names key point 3"),
        (
            {"keypoints": ["top", "end"], "flip": [["top", "tip"]]},
            "there is no key point 'tip'; did you mean 'top'",
        ),
    ],
)
def test_key_points_that_cannot_be_meant_are_refused(
    yard: Path, yard_recipe: Callable[..., Recipe], tmp_path: Path, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        recipe = yard_recipe(labels={"box": {"labels": ["box"], **fields}}, randomize=[])
        generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert not (tmp_path / "d").exists()
