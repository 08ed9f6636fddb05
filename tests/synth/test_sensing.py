"""Sensors in a recipe: their files and entries, against the cameras' own labels and closed forms."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.synth.dataset import Dataset
from twinstage.synth.generation import generate
from twinstage.synth.masks import decode
from twinstage.synth.recipe import Recipe, parse_recipe

PATTERN = {"kind": "spinning", "channels": 32, "elevation_range": [-60, 0], "azimuth_resolution": 1.0}

SENSORS: list[dict[str, Any]] = [
    {"name": "velo", "kind": "lidar", "camera": "Front", "pattern": PATTERN},
    {
        "name": "roof",
        "kind": "lidar",
        "eye": [0, 0, 3],
        "target": [1, 0, 3],
        "pattern": PATTERN,
        "range_sigma": 0.01,
    },
    {"name": "box", "kind": "lidar", "prim": "/Yard/Box_B", "offset": [0, 0, 0.5], "pattern": PATTERN},
    {"name": "pair", "kind": "stereo", "camera": "side"},
    {"name": "dots", "kind": "structured-light", "camera": "side"},
    {"name": "noisy", "kind": "rgb", "camera": "Front", "full_well": 5000, "bits": 10},
    {
        "name": "heat",
        "kind": "thermal",
        "eye": [0, -5, 3],
        "target": [0, 0, 0],
        "fov": 60,
        "resolution": [64, 48],
    },
]


@pytest.fixture(scope="module")
def recipe(yard_recipe: Callable[..., Recipe]) -> Recipe:
    return yard_recipe(
        sensors=SENSORS,
        annotate=["rgb", "depth", "models"],
        frames=2,
        engine={"kind": "raycast", "spp": 1},
        export=[],
    )


@pytest.fixture(scope="module")
def dataset(yard: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sensors") / "out"
    assert generate(recipe, out, base_dir=yard.parent).findings == ()
    return out


def entry(dataset: Path, name: str, frame: int = 0) -> dict[str, Any]:
    sensors = list(Dataset(dataset).records())[frame]["sensors"]
    found: dict[str, Any] = next(s for s in sensors if s["name"] == name)
    return found


def test_each_sensor_has_its_files_and_they_are_in_the_manifest(dataset: Path) -> None:
    import json

    listed = json.loads((dataset / "manifest.json").read_bytes())["files"]
    for spec in SENSORS:
        found = entry(dataset, spec["name"])
        assert found["kind"] == spec["kind"] and found["camera"] == spec.get("camera")
        assert found["files"] and all(path in listed for path in found["files"].values())
    assert entry(dataset, "velo")["files"] == {
        what: f"sensors/000000_velo.{what}" for what in ("bin", "label", "pcd", "ply")
    }
    assert set(entry(dataset, "noisy")["files"]) == {"png", "raw"}
    assert set(entry(dataset, "heat")["files"]) == {"png", "radiometric"}


def cloud(dataset: Path, name: str, frame: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in the world, class ids and instance ids."""
    found = entry(dataset, name, frame)
    points = np.fromfile(dataset / found["files"]["bin"], "<f4").reshape(-1, 4)[:, :3].astype(float)
    labels = np.fromfile(dataset / found["files"]["label"], "<u4")
    pose = np.array(found["world_from_sensor"])
    return points @ pose[:3, :3].T + pose[:3, 3], labels & 0xFFFF, labels >> 16


def test_a_lidar_at_a_camera_looks_forward_with_it_and_hits_what_it_labels(dataset: Path) -> None:
    record = next(Dataset(dataset).records())
    camera = record["cameras"][0]
    pose, velo = np.array(camera["world_from_camera"]), np.array(entry(dataset, "velo")["world_from_sensor"])
    np.testing.assert_allclose(velo[:3, 0], pose[:3, 2])  # forward
    np.testing.assert_allclose(velo[:3, 1], -pose[:3, 0])  # left
    np.testing.assert_allclose(velo[:3, 3], pose[:3, 3])
    points, semantic, instance = cloud(dataset, "velo")
    classes = {"pallet": 1, "box": 2, "parcel": 3}
    inverse, K = np.linalg.inv(pose), np.array(camera["K"])
    compared = 0
    for item in camera["objects"]:
        mine = instance == item["instance_id"]
        assert (semantic[mine] == classes[item["class"]]).all()
        corners = np.array(item["bbox_3d"])
        axes = corners[[4, 2, 1]] - corners[0]
        share = (points[mine] - corners[0]) @ axes.T / (axes**2).sum(1)
        assert (share > -1e-3).all() and (share < 1 + 1e-3).all()
        local = points[mine] @ inverse[:3, :3].T + inverse[:3, 3]
        pixels = local @ K.T
        inside = pixels[:, 2] > 0
        pixels = pixels[inside, :2] / pixels[inside, 2:]
        at = np.floor(pixels).astype(int)
        seen = (at >= 1).all(1) & (at < [119, 89]).all(1)
        # A beam that hits an object is seen by the camera at the same place, so the visible mask holds its pixel.
        mask = decode(item["visible_rle"])
        grown = mask | np.roll(mask, 1, 0) | np.roll(mask, -1, 0) | np.roll(mask, 1, 1) | np.roll(mask, -1, 1)
        assert grown[at[seen, 1], at[seen, 0]].all()
        compared += int(seen.sum())
    assert compared > 40


def test_sensors_of_their_own_stand_where_they_were_put(dataset: Path) -> None:
    roof = np.array(entry(dataset, "roof")["world_from_sensor"])
    np.testing.assert_allclose(roof, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 3], [0, 0, 0, 1]], atol=1e-12)
    record = next(Dataset(dataset).records())
    boxes = [o for c in record["cameras"] for o in c["objects"] if o["prim_path"] == "/Yard/Box_B"]
    world = np.array(boxes[0]["world_from_object"])
    expected = world[:3, 3] + [0, 0, 0.5]
    np.testing.assert_allclose(
        np.array(entry(dataset, "box")["world_from_sensor"])[:3, 3], expected, atol=1e-9
    )
    np.testing.assert_allclose(
        np.array(entry(dataset, "box")["world_from_sensor"])[:3, :3], world[:3, :3], atol=1e-9
    )
    heat = entry(dataset, "heat")
    assert heat["resolution"] == [64, 48]
    assert heat["K"][0][0] == pytest.approx(32 / np.tan(np.radians(30)))


def test_noise_differs_from_frame_to_frame_and_not_from_run_to_run(
    dataset: Path, yard: Path, recipe: Recipe, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    generate(recipe, again, base_dir=yard.parent, shard=(1, 2))
    for path in entry(dataset, "roof", 1)["files"].values():
        assert (again / path).read_bytes() == (dataset / path).read_bytes()
    first, second = (cloud(dataset, "roof", frame)[0] for frame in (0, 1))
    floor = [points[np.abs(points[:, 2]) < 0.05, 2] for points in (first, second)]
    assert len(floor[0]) > 100 and floor[0][:50].tolist() != floor[1][:50].tolist()


def test_shards_merge_into_the_whole(dataset: Path, yard: Path, recipe: Recipe, tmp_path: Path) -> None:
    from twinstage.synth.merge import merge

    for k in (0, 1):
        generate(recipe, tmp_path / str(k), base_dir=yard.parent, shard=(k, 2))
    merge([tmp_path / "1", tmp_path / "0"], tmp_path / "merged")
    names = sorted(
        p.relative_to(dataset).as_posix() for p in dataset.rglob("*") if p.is_file() and p.name != "run.log"
    )
    assert names == sorted(
        p.relative_to(tmp_path / "merged").as_posix()
        for p in (tmp_path / "merged").rglob("*")
        if p.is_file() and p.name != "run.log"
    )
    assert all((dataset / n).read_bytes() == (tmp_path / "merged" / n).read_bytes() for n in names)
    assert "models/models.json" in names


def test_resolved_recipes_come_back(recipe: Recipe) -> None:
    import yaml

    written = yaml.safe_load(recipe.to_yaml())
    assert parse_recipe(written) == recipe
    assert written["sensors"][0]["kind"] == "lidar" and "sensor" not in written["sensors"][0]


def test_editors_know_sensors_by_the_schema(recipe_judge: Any) -> None:
    entries = {
        "recipe": 1,
        "stage": "s.usda",
        "cameras": ["Front", "side"],
        "labels": ["box"],
        "sensors": SENSORS,
    }
    assert recipe_judge.is_valid(entries)
    for wrong in ({"max_rage": 3}, {"kind": "sonar"}, {"name": "a b"}):
        assert not recipe_judge.is_valid({**entries, "sensors": [{**SENSORS[0], **wrong}]})


@pytest.mark.parametrize(
    ("sensor", "sentence"),
    [
        ({"name": "s", "kind": "lidr", "camera": "Front"}, "no sensor named 'lidr'; did you mean 'lidar'"),
        ({"name": "s", "kind": "lidar"}, "exactly one of camera, prim and eye, not none"),
        ({"name": "s", "kind": "lidar", "camera": "Fron"}, "no camera of the recipe.*Front"),
        (
            {"name": "s", "kind": "lidar", "camera": "Front", "max_rage": 3},
            "unknown field 'max_rage'; did you mean 'max_range'",
        ),
        ({"name": "s", "kind": "lidar", "eye": [0, 0, 0]}, "needs a target elsewhere"),
        ({"name": "a_b", "kind": "lidar", "camera": "Front"}, "name"),
    ],
)
def test_bad_sensors_are_told(
    yard_recipe: Callable[..., Recipe], sensor: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        yard_recipe(sensors=[sensor])


def test_a_sensor_at_no_prim_is_refused_before_anything_is_written(
    yard: Path, yard_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    recipe = yard_recipe(sensors=[{"name": "s", "kind": "lidar", "prim": "/Yard/Box_X"}])
    with pytest.raises(UserError, match="sensor 's': there is no prim /Yard/Box_X"):
        generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert not (tmp_path / "d").exists()
