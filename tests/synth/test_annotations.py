"""Every picture that `annotate` can name, against the record and against each other, read by other libraries."""

import os
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
from twinstage.synth.verify import verify

ALL = [
    *(
        "rgb",
        "linear",
        "depth",
        "depth_mm",
        "range",
        "normal",
        "normal_camera",
        "instance",
        "semantic",
        "panoptic",
    ),
    *("part", "material", "uv", "nocs", "position", "motion", "flow", "flow_occluded"),
]

MOVING = """#usda 1.0
(
    subLayers = [@{yard}@]
    metersPerUnit = 1
    upAxis = "Z"
    defaultPrim = "Yard"
    startTimeCode = 0
    endTimeCode = 10
    timeCodesPerSecond = 10
)
over "Yard"
{{
    over "Box_A"
    {{
        double3 xformOp:translate.timeSamples = {{ 0: (-1.5, 0, 0.25), 10: (-0.5, 0, 0.25) }}
    }}
    over "Cameras"
    {{
        over "Front"
        {{
            double shutter:close = {close}
            custom double twin:shutter:readout = {readout}
        }}
    }}
}}
"""


def made(yard: Path, yard_recipe: Callable[..., Recipe], folder: Path, **more: Any) -> Path:
    """The dataset of one frame of the moving stage."""
    times = {"close": more.pop("close", 0), "readout": more.pop("readout", 0)}
    (folder / "stage.usda").write_text(MOVING.format(yard=yard, **times))
    recipe = yard_recipe(
        stage="stage.usda",
        asset_roots=[os.path.relpath(yard.parent, folder)],
        randomize=[],
        frames=1,
        cameras=["Front"],
        export=[],
        **more,
    )
    assert generate(recipe, folder / "out", base_dir=folder).findings == ()
    return folder / "out"


@pytest.fixture(scope="module")
def dataset(yard: Path, yard_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(
        yard,
        yard_recipe,
        tmp_path_factory.mktemp("all"),
        annotate=[*ALL, "models"],
        engine={"kind": "raycast", "spp": 1},
    )


def exr(path: Path) -> dict[str, np.ndarray]:
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: np.array(channel.pixels) for name, channel in file.channels().items()}


def png(path: Path) -> np.ndarray:
    import cv2

    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found[..., ::-1] if found.ndim == 3 else found)


def view(out: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    camera = next(Dataset(out).records())["cameras"][0]
    return camera, {what: out / path for what, path in camera["images"].items()}


def rays(camera: dict[str, Any]) -> np.ndarray:
    x, y = np.meshgrid(np.arange(120) + 0.5, np.arange(90) + 0.5)
    return np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(np.array(camera["K"])).T


def test_all_are_there_and_listed(dataset: Path) -> None:
    _, files = view(dataset)
    assert list(files) == sorted(ALL) and all(path.is_file() for path in files.values())


def test_depth_range_and_position_are_of_the_same_surface(dataset: Path) -> None:
    camera, files = view(dataset)
    depth, away = exr(files["depth"])["Z"], exr(files["range"])["range"]
    hit = np.isfinite(depth)
    assert np.array_equal(hit, np.isfinite(away)) and hit.any() and not hit.all()
    directions = rays(camera)
    np.testing.assert_allclose(away[hit], (depth * np.linalg.norm(directions, axis=-1))[hit], rtol=1e-6)
    place = np.stack([exr(files["position"])[c] for c in "XYZ"], -1)
    pose = np.array(camera["world_from_camera"])
    expected = (directions * np.where(hit, depth, 0)[..., None]) @ pose[:3, :3].T + pose[:3, 3]
    np.testing.assert_allclose(place[hit], expected[hit], atol=1e-5)
    millimetres = png(files["depth_mm"])
    assert millimetres.dtype == np.uint16 and not millimetres[~hit].any()
    np.testing.assert_allclose(millimetres[hit], depth[hit] * 1000, atol=0.51)


def test_normals_turn_with_the_camera(dataset: Path) -> None:
    camera, files = view(dataset)
    world, local = (np.stack([exr(files[n])[c] for c in "XYZ"], -1) for n in ("normal", "normal_camera"))
    np.testing.assert_allclose(local, world @ np.array(camera["world_from_camera"])[:3, :3], atol=1e-6)
    facing = (local * rays(camera)).sum(-1)
    assert (facing[np.abs(local).sum(-1) > 0] < 1e-6).all()


def test_ids_are_those_of_the_record(dataset: Path) -> None:
    camera, files = view(dataset)
    instance, semantic, panoptic = (png(files[n]) for n in ("instance", "semantic", "panoptic"))
    assert panoptic.dtype == np.uint8
    assert np.array_equal(panoptic.astype(int) @ [1, 256, 65536], instance)
    classes = {"pallet": 1, "box": 2, "parcel": 3}
    expected = np.zeros((90, 120), int)
    for entry in camera["objects"]:
        expected[decode(entry["visible_rle"])] = classes[entry["class"]]
    assert np.array_equal(semantic, expected)
    material = png(files["material"])
    boxes = next(o for o in camera["objects"] if o["prim_path"] == "/Yard/Box_A")
    seen = {camera["materials"][str(n)] for n in np.unique(material[decode(boxes["visible_rle"])])}
    assert seen == {"/Yard/Looks/Red"}
    assert set(np.unique(png(files["part"]))) <= {0, 1}


def test_places_in_objects_are_between_0_and_1(dataset: Path) -> None:
    camera, files = view(dataset)
    nocs = np.stack([exr(files["nocs"])[c] for c in "XYZ"], -1)
    place = np.stack([exr(files["position"])[c] for c in "XYZ"], -1)
    entry = next(o for o in camera["objects"] if o["prim_path"] == "/Yard/Box_C")
    mask = decode(entry["visible_rle"])
    corners = np.array(entry["bbox_3d"])
    axes = corners[[4, 2, 1]] - corners[0]
    expected = (place[mask] - corners[0]) @ axes.T / (axes**2).sum(1)
    np.testing.assert_allclose(nocs[mask], expected, atol=1e-4)
    assert set(exr(files["uv"])) == {"U", "V"}


def test_flow_is_what_moves_until_the_next_frame(dataset: Path) -> None:
    camera, files = view(dataset)
    flow, motion = (np.stack([exr(files[n])[c] for c in "XY"], -1) for n in ("flow", "motion"))
    depth = exr(files["depth"])["Z"]
    mask = decode(next(o for o in camera["objects"] if o["prim_path"] == "/Yard/Box_A")["visible_rle"])
    np.testing.assert_allclose(motion[mask], np.tile([0.1, 0], (mask.sum(), 1)), atol=1e-5)
    # The camera looks along y, so a step along x is one along the picture's rows.
    np.testing.assert_allclose(flow[mask, 0], camera["K"][0][0] * 0.1 / depth[mask], rtol=1e-4)
    still = np.isfinite(depth) & ~mask
    np.testing.assert_allclose(flow[still], 0, atol=1e-4)
    hidden = png(files["flow_occluded"])
    assert set(np.unique(hidden)) <= {0, 255}


def test_linear_light_is_written_beside_the_picture(dataset: Path) -> None:
    _, files = view(dataset)
    light = np.stack([exr(files["linear"])[c] for c in "RGB"], -1)
    assert light.dtype == np.float32 and light.min() >= 0 and light.max() > 0.05
    picture = png(files["rgb"]).astype(float).sum(-1)
    assert np.corrcoef(picture.ravel(), np.log(light.sum(-1).ravel() + 0.01))[0, 1] > 0.8


def test_flow_without_a_time_is_refused(
    yard: Path, yard_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    recipe = yard_recipe(annotate=["flow"], randomize=[])
    with pytest.raises(UserError, match="flow needs a next frame, but the stage has no time range"):
        generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert not (tmp_path / "d").exists()


def test_things_that_move_while_rows_are_exposed_are_told(
    yard: Path, yard_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    camera, _ = view(made(yard, yard_recipe, tmp_path, annotate=["depth"], readout=0.5))
    moving = [o["prim_path"] for o in camera["objects"] if o.get("moves")]
    assert moving == ["/Yard/Box_A"] and camera["path"] is None
    box = next(o for o in camera["objects"] if o["prim_path"] == "/Yard/Box_A")
    assert box["world_from_object"][0][3] == -1.5  # at the frame's time
    # By the time its rows are read out, the box has gone on to the right.
    row = box["bbox_amodal"][1] + box["bbox_amodal"][3] / 2
    shift = camera["K"][0][0] * 1.0 * 0.5 * row / 89 / box["pose"]["t"][2]
    middle = box["bbox_amodal"][0] + box["bbox_amodal"][2] / 2
    still = camera["K"][0][2] + camera["K"][0][0] * box["pose"]["t"][0] / box["pose"]["t"][2]
    assert middle - still == pytest.approx(shift, abs=1.0) and shift > 3


def test_nothing_moves_while_a_shutter_takes_no_time(dataset: Path, tmp_path: Path) -> None:
    import json
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(dataset, copy)
    path = copy / "records" / "000000.json"
    record = json.loads(path.read_bytes())
    record["cameras"][0]["objects"][0]["moves"] = True
    path.write_text(json.dumps(record))
    assert "object.moves" in {finding.code for finding in verify(copy).findings}


def test_the_page_tells_of_every_annotation_and_field(root: Path, dataset: Path) -> None:
    import re
    from typing import get_args

    import yaml

    from twinstage.synth.recipe import Annotation, parse_recipe

    page = (root / "docs" / "records.md").read_text("utf-8")
    told = set(re.findall(r"`([A-Za-z_0-9]+)`", page))
    assert set(get_args(Annotation)) <= told
    record = next(Dataset(dataset).records())
    camera = record["cameras"][0]
    assert set(camera) | set(camera["objects"][0]) <= told
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.S)
    data: dict[str, Any] = {"stage": "s.usda", "cameras": ["front"]}
    for block in blocks:
        data |= yaml.safe_load(block)
    assert [spec.name for spec in parse_recipe(data).sensors] == ["velodyne", "roof", "heat"]
