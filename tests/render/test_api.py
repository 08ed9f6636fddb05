"""`twinstage.render`: a stage, its pictures and its labels in a few lines."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twinstage import render
from twinstage.base.errors import UserError
from twinstage.render.api import Scene, engine_settings

STAGE = """#usda 1.0
(
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "W" {
    def Camera "Top" {
        float horizontalAperture = 20
        float verticalAperture = 15
        float focalLength = 20
        double3 xformOp:translate = (0, 0, 9)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Cube "Box" (
        prepend apiSchemas = ["SemanticsLabelsAPI:class"]
    ) {
        token[] semantics:labels:class = ["box"]
        color3f[] primvars:displayColor = [(0.9, 0.1, 0.1)]
        double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 10: (2, 0, 0) }
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def DomeLight "Sky" {
    }
}
"""
SIZE = (64, 48)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "cell.usda"
    path.write_text(STAGE)
    return path


@pytest.fixture(scope="module")
def scene(stage: Path) -> Scene:
    return render.open(stage)


def _middle(scene: Scene) -> float:
    """Column of the middle of the box, by the labels."""
    return float(np.nonzero(scene.labels("Top", size=SIZE).aovs["object"] == 1)[1].mean() + 0.5)


def test_ten_lines(scene: Scene, tmp_path: Path) -> None:
    picture = scene.picture("Top", size=SIZE, engine="raycast", spp=1)
    picture.save(tmp_path / "top.png")
    labels = scene.labels("Top", size=SIZE)
    labels.save(tmp_path / "top.json")
    labels.save_aov("depth", tmp_path / "depth.exr")
    labels.save_aov("object", tmp_path / "object.png", preview=True)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "top.png")), picture.rgb)
    assert picture.rgb[24, 32, 0] > picture.rgb[24, 32, 2] + 60
    assert labels.aovs["depth"][24, 32] == pytest.approx(8, rel=1e-6)
    (view,) = json.loads((tmp_path / "top.json").read_text())["views"]
    # 2 m wide and 8 m away through a focal length of one width: 16 px.
    assert view["objects"][0]["bbox_visible"] == [24, 16, 16, 16]
    assert view["camera"]["K"] == [[64, 0, 32], [0, 64, 24], [0, 0, 1]]
    drawn = labels.over(picture)
    assert drawn.shape == picture.rgb.shape and (drawn != picture.rgb).any()


def test_records_hold_poses_in_opencvs_and_opengls_terms(scene: Scene) -> None:
    """The corners of the box (2 m, its own axes) come to the same pixels by all the ways in the record."""
    record = json.loads(json.dumps(scene.labels("Top", size=SIZE).record()))
    camera, (item,) = record["camera"], record["objects"]
    own = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    world = own @ np.array(item["world_from_object"])[:3, :3].T + np.array(item["world_from_object"])[:3, 3]
    pose = {name: np.array(value) for name, value in item["pose"].items()}
    seen = (own @ pose["A"].T) @ pose["R"].T + pose["t"]
    assert np.allclose(pose["R"] @ pose["R"].T, np.eye(3)) and np.linalg.det(pose["R"]) == pytest.approx(1)
    homogeneous = np.c_[world, np.ones(8)]
    assert np.allclose(seen, (homogeneous @ np.array(camera["camera_from_world"]).T)[:, :3])
    pixels = seen @ np.array(camera["K"]).T
    pixels = pixels[:, :2] / pixels[:, 2:]
    gl = homogeneous @ np.array(camera["opengl"]["view"]).T @ np.array(camera["opengl"]["projection"]).T
    ndc = gl[:, :2] / gl[:, 3:]
    assert np.allclose((ndc + 1) / 2 * SIZE, pixels * (1, -1) + (0, SIZE[1]))
    assert np.allclose(sorted(pixels.tolist()), sorted(np.array(item["bbox_3d_px"]).tolist()))


def test_the_time_of_opening_is_in_the_record(scene: Scene, stage: Path) -> None:
    assert render.open(stage, time=5).labels("Top", size=SIZE).record()["time_code"] == 5
    assert _middle(render.open(stage, time=10)) == pytest.approx(48, abs=1.2)


def test_engines_stay_alive_whatever_the_seed_and_the_scene(scene: Scene) -> None:
    settings = engine_settings(kind="null", spp=1, seed=5)
    engine = scene.engine(settings)
    assert scene.engine(settings.model_copy(update={"seed": 9})) is engine
    assert scene.at(10).engine(settings) is engine
    assert scene.engine(engine_settings(kind="null", spp=2)) is not engine
    # The null engine writes its seed into the first pixel.
    for seed in (7, 300):
        picture = scene.picture("Top", size=SIZE, engine="null", spp=1, seed=seed)
        assert picture.rgb[0, 0].tolist() == [0, seed >> 8, seed & 255]


def test_other_times_and_other_places(scene: Scene) -> None:
    assert _middle(scene) == pytest.approx(32, abs=0.6)
    assert _middle(scene.at(10)) == pytest.approx(48, abs=1.2)
    pose = np.eye(4)
    pose[:3, 3] = (-2, 0, 0)
    moved = scene.moved({"/W/Box": pose})
    assert _middle(moved) == pytest.approx(16, abs=1.2)
    assert _middle(scene) == pytest.approx(32, abs=0.6), "the first scene is what it was"
    assert _middle(moved.at(10)) == pytest.approx(48, abs=1.2), "a time code reads the stage again"
    assert scene.at(10).labels("Top", size=SIZE).record()["time_code"] == 10


def test_cameras_of_all_kinds(scene: Scene) -> None:
    assert scene.cameras == ("/W/Top",)
    assert scene.camera(size=SIZE).name == "Top", "the first one of the stage"
    eye = scene.look_at((0, -9, 0), size=SIZE)
    ids = scene.labels(eye).aovs["object"]
    assert ids.shape == (48, 64) and ids[24, 32] == 1
    around = scene.turntable(4, size=SIZE, elevation=0)
    assert all(scene.labels(camera).aovs["object"][24, 32] == 1 for camera in around)


def test_mistakes_are_one_sentence(scene: Scene, tmp_path: Path) -> None:
    pose = np.eye(4)
    for work, words in (
        (lambda: render.open(tmp_path / "none.usda"), "none.usda"),
        (lambda: scene.picture("Tap", size=SIZE), r"no camera named 'Tap' .*did you mean 'Top'\?"),
        (lambda: scene.picture("Top", engine="dirct"), r"no engine named 'dirct'; did you mean 'direct'\?"),
        (lambda: scene.picture("Top", sp=3), "engines have no setting 'sp'; did you mean 'spp'"),
        (lambda: scene.picture("Top", spp=0), "the engine's spp is 0: "),
        (lambda: scene.picture("Top", size=(0, 4)), "a picture of 0 x 4 pixels"),
        (lambda: scene.labels("Top", aovs=["dept"]), r"there is no AOV 'dept'; did you mean 'depth'\?"),
        (lambda: scene.labels("Top", aovs=["rgb"]), "rgb is no label; `picture` makes it"),
        (lambda: scene.at(float("inf")), "inf is no time code"),
        (lambda: scene.moved({"/W/Bax": pose}), r"no prim '/W/Bax' in this scene; did you mean '/W/Box'\?"),
        (lambda: scene.moved({"/W/Box": pose[:3]}), "a pose of 4 x 4 finite numbers"),
        (lambda: scene.moved({"/W/Box": pose * np.nan}), "a pose of 4 x 4 finite numbers"),
        (
            lambda: scene.labels("Top", size=SIZE).save_aov("uv", tmp_path / "a.exr"),
            "have no AOV 'uv'; known: depth",
        ),
        (
            lambda: scene.labels("Top", size=SIZE).save_aov("depth", tmp_path / "a.jpg"),
            "a JPEG would spoil",
        ),
        (lambda: Scene(scene.snapshot).at(2), "was not read from a stage"),
    ):
        with pytest.raises(UserError, match=words):
            work()
    assert not list(tmp_path.iterdir())


def test_importing_it_is_cheap() -> None:
    code = (
        "import sys; from twinstage import render; render.open; "
        "print([m for m in ('pxr', 'mitsuba', 'open3d', 'PIL', 'av') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
