"""`twinstage render`: what comes out for what is typed, and one sentence for each mistake.

Most calls go through `cli.app.run` in this process: what they write is what a shell would get, at a tenth of the time.
"""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.cli.app import run
from twinstage.live.pictures.job import frame_text, parse_frames, parse_size
from twinstage.live.twin import open_files
from twinstage.render.calibration import calibrated, read_calibration
from twinstage.render.views import point_of_view

STAGE = """#usda 1.0
(
    startTimeCode = 0
    endTimeCode = 4
    timeCodesPerSecond = 12
    metersPerUnit = 1
    upAxis = "Z"
    defaultPrim = "W"
)
def Xform "W" {
    def Camera "Front" {
        float focalLength = 20
        float2 clippingRange = (0.1, 100)
        double3 xformOp:translate = (0, 0, 8)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Xform "Left" {
        def Camera "Front" {
            double3 xformOp:translate = (-1, 0, 8)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
    }
    def Camera "Far" {
        double3 xformOp:translate = (0, 0, 20)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Cube "Box" (prepend apiSchemas = ["SemanticsLabelsAPI:class"]) {
        token[] semantics:labels:class = ["box"]
        color3f[] primvars:displayColor = [(0.8, 0.1, 0.1)]
        double3 xformOp:translate.timeSamples = { 0: (-2, 0, 0), 4: (2, 0, 0) }
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def DomeLight "Sky" {
    }
}
"""


@pytest.fixture(autouse=True)
def quick_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the child that tries the file first: it is tested elsewhere, and takes longer than all else here."""
    monkeypatch.setattr("twinstage.live.twin.open_files", partial(open_files, probe=False))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stage") / "moves.usda"
    path.write_text(STAGE)
    return path


def render(stage: Path, *arguments: object, engine: str = "null", size: str = "48x32") -> int:
    flags = ["--engine", engine, "--spp", "1", "--size", size]
    return run(["render", str(stage), *flags, *map(str, arguments)])


# ---------------------------------------------------------------------- what comes out


def test_a_folder_holds_each_camera_aov_and_frame_once(stage: Path, tmp_path: Path, capsys: object) -> None:
    out = tmp_path / "views"
    flags = [
        "--camera",
        "/W/Front",
        "--camera",
        "Far",
        "--aov",
        "rgb,depth",
        "--aov",
        "object",
        "--frames",
        "0:4:2",
    ]
    assert render(stage, *flags, "--out", out, "--json") == 0
    done = json.loads(capsys.readouterr().out)  # type: ignore[attr-defined]
    expected = {
        f"{camera}_{aov}_{frame:04d}.{kind}"
        for camera in ("W.Front", "Far")
        for aov, kind in (("rgb", "png"), ("depth", "exr"), ("object", "png"))
        for frame in (0, 2, 4)
    }
    assert {path.name for path in out.iterdir()} == expected
    assert sorted(done["files"]) == sorted(str(out / name) for name in expected)
    assert (done["cameras"], done["frames"], done["pictures"]) == (["/W/Front", "/W/Far"], 3, 18)


def test_things_move_with_the_time_code(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "{frame}.png"
    assert render(stage, "--camera", "/W/Front", "--aov", "object", "--frames", "all", "--out", out) == 0
    # The camera sees 8.4 m across the front faces of the box, 7 m away; they move by 1 m a frame.
    middles = []
    for frame in range(5):
        ids = np.asarray(Image.open(tmp_path / f"{frame:04d}.png"))
        middles.append(np.nonzero(ids == 1)[1].mean() + 0.5)
    # Pinhole: x = f / aperture * width * X / Z + width / 2, here for the front face.
    expected = 20 / 20.955 * 48 * np.arange(-2, 3) / 7 + 24
    assert np.abs(np.array(middles) - expected)[1:4].max() < 1.5
    assert np.all(np.diff(middles) > 2)


def test_two_cameras_of_one_name_get_their_paths(stage: Path, tmp_path: Path) -> None:
    assert render(stage, "--camera", "/W/Front", "--camera", "/W/Left/Front", "--out", tmp_path) == 0
    assert {p.name for p in tmp_path.iterdir()} == {"W.Front_rgb_0000.png", "W.Left.Front_rgb_0000.png"}


def test_labels_say_what_the_picture_shows(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "front.png"
    assert render(stage, "--camera", "/W/Front", "--labels", "--out", out, "--time", 2) == 0
    (view,) = json.loads((tmp_path / "front.json").read_text())["views"]
    assert view["camera"]["source"] == "/W/Front" and view["camera"]["size"] == [48, 32]
    assert np.allclose(view["camera"]["world_from_camera"][2], [0, 0, -1, 8])
    (item,) = view["objects"]
    assert (item["id"], item["prim_path"], item["class"]) == (1, "/W/Box", "box")
    # The front face, 2 m wide and 7 m away, is all that is seen; 20.955 mm is USD's horizontal aperture.
    half = np.array([20 / 20.955 * 48 / 7, 20 / 20.955 * 48 / 7])
    x, y, w, h = item["bbox_visible"]
    assert [x, y] == np.ceil(np.array([24, 16]) - half - 0.5).astype(int).tolist()
    assert [w, h] == (2 * np.floor(half + 0.5)).astype(int).tolist()
    assert item["visible_px"] == item["amodal_px_in_frame"] == w * h


def test_pixels_are_square_unless_the_aperture_is_to_be_filled(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "far.json"
    ratios = []
    for flag in ("--square-pixels", "--fill-aperture"):
        assert render(stage, "--camera", "Far", flag, "--out", out) == 0
        k = json.loads(out.read_text())["views"][0]["camera"]["K"]
        ratios.append(k[1][1] / k[0][0])
    assert ratios == pytest.approx([1, 32 / 15.2908 * 20.955 / 48])


def test_flow_says_where_things_go(stage: Path, tmp_path: Path) -> None:
    flags = ["--camera", "/W/Front", "--aov", "flow,flow_back,motion,object", "--frames", "1:3:2"]
    assert render(stage, *flags, "--out", tmp_path / "{aov}_{frame}.npy") == 0
    ids = np.load(tmp_path / "object_0001.npy")
    inside = np.zeros_like(ids, bool)
    inside[12:20] = ids[12:20] == 1
    columns = np.flatnonzero(inside.all(0) | (ids[16] == 1))[2:-6]
    # The box moves by 1 m a time code and by 2 m from frame 1 to frame 3; its front face is 7 m away.
    pixels = 20 / 20.955 * 48 / 7 * 2
    assert np.allclose(np.load(tmp_path / "motion_0001.npy")[16, columns], [2, 0, 0], atol=1e-5)
    assert np.allclose(np.load(tmp_path / "flow_0001.npy")[16, columns], [pixels, 0], atol=1e-3)
    # Before the first frame and after the last one the stage goes on with the same step.
    assert np.allclose(np.load(tmp_path / "flow_back_0003.npy")[16, 30:36], [-pixels, 0], atol=1e-3)


def test_a_turntable_has_flow_by_its_camera(stage: Path, tmp_path: Path) -> None:
    flags = ["--turntable", 8, "--aov", "flow,motion", "--out", tmp_path / "{aov}_{frame}.npy", "--time", 2]
    assert render(stage, *flags) == 0
    for i in range(8):
        flow, motion = np.load(tmp_path / f"flow_{i:04d}.npy"), np.load(tmp_path / f"motion_{i:04d}.npy")
        assert np.nanmax(np.abs(motion)) < 1e-9 and np.nanmax(np.abs(flow)) > 1


def test_another_lens_bends_the_picture_and_its_labels(stage: Path, tmp_path: Path) -> None:
    lens = tmp_path / "lens.yaml"
    lens.write_text(
        "kind: opencv\ncoefficients: [0.3, 0, 0, 0]\nintrinsics: [60, 60, 32, 24]\nimage_size: [64, 48]\n"
    )
    ros = tmp_path / "ros.yaml"
    ros.write_text(
        "image_width: 64\nimage_height: 48\ndistortion_model: plumb_bob\n"
        "camera_matrix: {rows: 3, cols: 3, data: [60, 0, 31.5, 0, 60, 23.5, 0, 0, 1]}\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0.3, 0, 0, 0, 0]}\n"
    )
    cameras = []
    for text in (lens, ros, "fisheye:0.1,0,0,0", "equirectangular"):
        assert (
            render(stage, "--camera", "Far", "--lens", text, "--out", tmp_path / "a.json", size="32x24") == 0
        )
        cameras.append(json.loads((tmp_path / "a.json").read_text())["views"][0]["camera"])
    assert cameras[0]["K"] == cameras[1]["K"] == [[30, 0, 16], [0, 30, 12], [0, 0, 1]]
    assert cameras[0]["lens"]["kind"] == cameras[1]["lens"]["kind"] == "opencv"
    assert cameras[2]["lens"] == {"kind": "fisheye", "coefficients": [0.1, 0, 0, 0]}
    assert cameras[3]["K"][0][0] == pytest.approx(32 / (2 * np.pi))
    with pytest.raises(UserError, match=r"cannot turn camera .* into or out of an orthographic one"):
        calibrated(point_of_view(None, (0, 0, 9), (0, 0, 0), (8, 8)).camera, read_calibration("orthographic"))


def test_a_camera_may_be_a_file(stage: Path, tmp_path: Path) -> None:
    pose = [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 9], [0, 0, 0, 1]]
    own = {
        "name": "mine",
        "width": 20,
        "height": 10,
        "K": [[20, 0, 10], [0, 20, 5], [0, 0, 1]],
        "world_from_camera": pose,
    }
    (tmp_path / "mine.json").write_text(json.dumps(own))
    out = tmp_path / "v"
    assert render(stage, "--camera", tmp_path / "mine.json", "--time", 2, "--labels", "--out", out) == 0
    with Image.open(out / "mine_rgb_0002.png") as image:
        assert image.size == (20, 10)
    (view,) = json.loads((out / "labels.json").read_text())["views"]
    # The box's top is 8 m away: 5 px wide, in the middle.
    assert view["objects"][0]["bbox_full"] == pytest.approx([7.5, 2.5, 5, 5])


def test_a_name_in_a_camera_file_cannot_lead_elsewhere(stage: Path, tmp_path: Path) -> None:
    pose = [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 9], [0, 0, 0, 1]]
    own = {"width": 8, "height": 8, "K": [[8, 0, 4], [0, 8, 4], [0, 0, 1]], "world_from_camera": pose}
    for k, name in enumerate(["../../up", "/etc/x", "..", "a b:c", ""]):
        (tmp_path / f"{k}.json").write_text(json.dumps({**own, "name": name}))
        assert render(stage, "--camera", tmp_path / f"{k}.json", "--out", tmp_path / "in" / "v") == 0
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")}
    assert names == {f"in/v/{name}_rgb_0000.png" for name in ("_.._up", "_etc_x", "camera", "a_b_c")}


def test_sensors_write_their_own_files_or_the_picture(stage: Path, tmp_path: Path) -> None:
    (tmp_path / "noisy.yaml").write_text("kind: rgb\nvignetting: 0\nexposure: -1\n")
    assert (
        render(stage, "--camera", "Far", "--sensor", "stereo", "--out", tmp_path / "s", engine="raycast") == 0
    )
    assert {path.name for path in (tmp_path / "s").iterdir()} >= {"Far_stereo_0000.exr"}
    assert not [path for path in (tmp_path / "s").iterdir() if path.name.startswith(".")]
    flags = ["--camera", "Far", "--out"]
    assert render(stage, *flags, tmp_path / "plain.png", engine="raycast") == 0
    assert (
        render(stage, *flags, tmp_path / "seen.png", "--sensor", tmp_path / "noisy.yaml", engine="raycast")
        == 0
    )
    plain, seen = (np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int) for name in ("plain", "seen"))
    assert seen.mean() < plain.mean() - 5, "one stop darker"


def test_an_open_shutter_smears_what_moves(stage: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow.usda"
    slow.write_text(
        STAGE.replace(
            'def Camera "Far" {', 'def Camera "Far" {\n double shutter:open = 0\n double shutter:close = 2'
        )
    )
    widths = []
    for source in (stage, slow):
        flags = ["--camera", "Far", "--time", 1, "--out", tmp_path / "a.npy", "--aov", "linear", "--spp", 9]
        assert render(source, *flags, engine="raycast", size="96x64") == 0
        row = np.load(tmp_path / "a.npy")[32].astype(float)
        redness = row[:, 0] - row[:, 2]
        widths.append(int((redness > 0.02 * redness.max()).sum()))
    # The box is 2 m wide and moves by 2 m while the shutter is open.
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.2)


def test_labels_and_pictures_see_the_same_moment(stage: Path, tmp_path: Path) -> None:
    """A shutter that is open from 1 s to 1 s later: labels are those of the middle, in pixels, boxes and poses."""
    slow = tmp_path / "slow.usda"
    opened = 'def Camera "Far" {\n double shutter:open = 0\n double shutter:close = 2'
    slow.write_text(STAGE.replace('def Camera "Far" {', opened))
    flags = ["--camera", "Far", "--aov", "object,depth"]
    assert render(slow, *flags, "--labels", "--time", 1, "--out", tmp_path / "slow") == 0
    assert render(stage, *flags, "--labels", "--time", 2, "--out", tmp_path / "then") == 0
    a, b = (
        json.loads((tmp_path / name / "labels.json").read_text())["views"][0] for name in ("slow", "then")
    )
    assert a["objects"] == b["objects"] and a["time_code"] == 1
    ids = [np.asarray(Image.open(next((tmp_path / name).glob("*object*")))) for name in ("slow", "then")]
    assert ids[0].any() and np.array_equal(*ids)
    assert a["camera"]["shutter"] == pytest.approx({"open": 0, "close": 2 / 12, "readout": 0})
    assert "shutter" not in b["camera"]


def test_a_camera_that_moves_while_its_shutter_is_open(stage: Path, tmp_path: Path) -> None:
    """The camera passes a still box: its labels are those from where it is in the middle, and its picture is smeared."""
    moves = "double3 xformOp:translate.timeSamples = { 0: (-2, 0, 20), 4: (2, 0, 20) }"
    text = STAGE.replace("{ 0: (-2, 0, 0), 4: (2, 0, 0) }", "{ 0: (0, 0, 0) }")
    views, ids, smears = [], [], []
    for close, code in ((0, 2), (2, 1)):
        source, out = tmp_path / f"{close}.usda", tmp_path / f"{close}"
        shutter = f"double shutter:open = 0\n double shutter:close = {close}\n"
        source.write_text(text.replace("double3 xformOp:translate = (0, 0, 20)", shutter + moves))
        flags = ["--camera", "Far", "--time", code]
        assert render(source, *flags, "--aov", "object", "--labels", "--out", out, size="96x64") == 0
        views.append(json.loads((out / "labels.json").read_text())["views"][0])
        ids.append(np.asarray(Image.open(next(out.glob("*object*")))))
        light = [*flags, "--aov", "linear", "--spp", 9, "--out", tmp_path / "a.npy"]
        assert render(source, *light, engine="raycast", size="96x64") == 0
        row = np.load(tmp_path / "a.npy")[32].astype(float)
        redness = row[:, 0] - row[:, 2]
        smears.append(int((redness > 0.02 * redness.max()).sum()))
    assert ids[0].any() and np.array_equal(*ids)
    still, moving = views
    for name in ("bbox_visible", "bbox_3d_px"):
        assert np.allclose(still["objects"][0][name], moving["objects"][0][name], atol=1e-6)
    assert np.allclose(still["camera"]["world_from_camera"], moving["camera"]["world_from_camera"])
    assert len(moving["camera"]["path"]["seconds"]) >= 2 and "path" not in still["camera"]
    assert smears[1] > 1.5 * smears[0]


def test_things_that_vanish_while_the_shutter_is_open_rest(
    stage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "count.usda"
    opened = 'def Camera "Far" {\n double shutter:open = 0\n double shutter:close = 2'
    crowd = """def PointInstancer "I" {
        rel prototypes = </W/I/C>
        int[] protoIndices.timeSamples = { 0: [0, 0, 0], 1: [0], 2: [0, 0] }
        point3f[] positions.timeSamples = { 0: [(0, 3, 0), (0, -3, 0), (3, 3, 0)], 1: [(0, 3, 0)], 2: [(0, 3, 0), (1, 3, 0)] }
        def Cube "C" {
        }
    }
    def DomeLight"""
    source.write_text(STAGE.replace('def Camera "Far" {', opened).replace("def DomeLight", crowd))
    flags = [
        "--camera",
        "Far",
        "--time",
        0,
        "--aov",
        "rgb,object",
        "--labels",
        "--out",
        tmp_path / "v",
        "--json",
    ]
    assert render(source, *flags, engine="raycast") == 0
    said = [row["message"] for row in json.loads(capsys.readouterr().out)["findings"]]
    assert [text for text in said if text.startswith("things appear or vanish while camera Far looks")]
    (view,) = json.loads((tmp_path / "v" / "labels.json").read_text())["views"]
    assert len([item for item in view["objects"] if item["point_id"] >= 0]) == 3


def test_a_lidar_meets_things_where_they_are_when_its_beam_does(stage: Path, tmp_path: Path) -> None:
    sensor = tmp_path / "lidar.yaml"
    # One turn in 0.2 s is 2.4 time codes, in which the box moves by 2.4 m.
    sensor.write_text(
        "kind: lidar\nformats: [pcd]\npattern: {kind: spinning, channels: 24, elevation_range: [-12, 12], "
        "rpm: 300, azimuth_resolution: 0.5}\n"
    )
    import open3d

    flags = ["--camera", "Far", "--sensor", sensor, "--time", 0]
    assert render(stage, *flags, "--out", tmp_path / "scan") == 0
    cloud = open3d.t.io.read_point_cloud(str(next((tmp_path / "scan").glob("*.pcd"))))
    assert cloud.point.positions.shape[0] > 50
    points, seconds = cloud.point.positions.numpy(), cloud.point["time"].numpy().ravel()
    front = np.abs(points[:, 0] - 19) < 0.05
    # Front face: 2 m wide about the middle, which is at -2 m + 12 time codes a second; the sensor's y is the world's -x.
    middle = -2 + 12 * seconds[front]
    assert np.abs(-points[front, 1] - middle).max() < 1.02


def test_a_thermal_camera_reads_the_stages_temperatures(stage: Path, tmp_path: Path) -> None:
    warm = tmp_path / "warm.usda"
    custom = "custom double twin:temperature.timeSamples = { 0: 300, 4: 400 }"
    warm.write_text(STAGE.replace("color3f[] primvars", custom + "\n color3f[] primvars"))
    (tmp_path / "ideal.yaml").write_text("kind: thermal\nnetd: 0\nmatt: 1\nangular: false\n")
    flags = ["--camera", "Far", "--sensor", tmp_path / "ideal.yaml", "--time", 2]
    assert render(warm, *flags, "--out", tmp_path / "seen") == 0
    counts = np.asarray(Image.open(next((tmp_path / "seen").glob("*radiometric*.png"))))
    assert counts.max() == pytest.approx(35_000, abs=2) and counts.min() == pytest.approx(29_315, abs=2)


def test_labels_alone_need_no_engine(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.json"
    assert render(stage, "--frames", "0:3", "--camera", "Far", "--out", out, engine="path") == 0
    views = json.loads(out.read_text())["views"]
    assert [view["time_code"] for view in views] == [0, 1, 2, 3] and [p.name for p in tmp_path.iterdir()] == [
        "all.json"
    ]


def test_a_film_runs_at_the_speed_of_the_stage(stage: Path, tmp_path: Path) -> None:
    import av

    out = tmp_path / "film.mp4"
    assert render(stage, "--camera", "/W/Front", "--aov", "object", "--frames", "0:4:2", "--out", out) == 0
    with av.open(str(out)) as film:
        assert film.streams.video[0].average_rate == 6
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    middles = [np.nonzero(frame.max(-1) > 100)[1].mean() for frame in frames]
    assert len(frames) == 3 and middles[0] < 16 < middles[1] < 32 < middles[2]


def test_a_turntable_and_its_sheet(stage: Path, tmp_path: Path) -> None:
    assert render(stage, "--turntable", 6, "--aov", "object", "--preview", "--out", tmp_path, "--sheet") == 0
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["sheet.png", *(f"turntable_object_{i:04d}.png" for i in range(6))]
    for name in names[1:]:
        assert (np.asarray(Image.open(tmp_path / name)).max(-1) > 100).mean() > 0.1
    assert render(stage, "--turntable", 6, "--out", tmp_path / "pot.gif", "--fps", 10) == 0
    with Image.open(tmp_path / "pot.gif") as film:
        assert film.info["duration"] == 100


def test_a_sheet_alone(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert render(stage, "--camera", "/W/Front", "--camera", "Far", "--sheet", "--out", out) == 0
    assert np.asarray(Image.open(out)).shape[1] > 900 and [p.name for p in tmp_path.iterdir()] == [
        "sheet.png"
    ]


def test_an_overlay_draws_on_the_picture(stage: Path, tmp_path: Path) -> None:
    flags = ["--camera", "/W/Front", "--time", 2]
    assert render(stage, *flags, "--out", tmp_path / "plain.png") == 0
    assert render(stage, *flags, "--overlay", "--out", tmp_path / "drawn.png") == 0
    plain, drawn = (
        np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("plain.png", "drawn.png")
    )
    changed = np.abs(plain - drawn).max(-1) > 0
    assert changed[16, 24] and not changed[:, :8].any()


def test_an_eye_looks_at_the_middle(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "eye.png"
    assert render(stage, "--eye", "0,-9,0", "--time", 2, "--aov", "object", "--out", out) == 0
    ids = np.asarray(Image.open(out))
    assert ids[16, 24] == 1 and not ids[:, 0].any()


def test_the_same_command_gives_the_same_bytes_and_overwrites(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "x"
    flags = ["--camera", "/W/Front", "--aov", "rgb,depth", "--labels", "--sheet", "--out", out]
    assert render(stage, *flags, engine="raycast") == 0
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "sheet.png").write_bytes(b"old")
    assert render(stage, *flags, engine="raycast") == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_width_and_height_still_do(stage: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.jpg"
    flags = ["--engine", "null", "--width", "20", "--height", "10", "--out", str(out)]
    assert run(["render", str(stage), *flags]) == 0
    with Image.open(out) as image:
        assert image.size == (20, 10)


# ---------------------------------------------------------------------- mistakes

MISTAKES = {
    "--size banana": "--size is 'banana'; expected WIDTHxHEIGHT, such as 1280x720",
    "--size 0x10": "a picture of 0 x 10 pixels cannot be made; 1 to 16384 a side was expected",
    "--size 9x9 --width 4": "--size and --width or --height both say how large; give one of them",
    "--camera Fra": "no camera named 'Fra' in {stage}; did you mean 'Far'?",
    "--camera Far --camera Far --out v": "--camera /W/Far is named twice; name each camera once",
    "--aov dpeth": "there is no AOV 'dpeth'; did you mean 'depth'?",
    "--aov ,": "no AOV was named; known: rgb, linear, depth, ",
    "--time nan": "--time is nan; a time code of the stage was expected",
    "--frames inf": "--frames is 'inf'; expected time codes such as 0:48, 0:48:2 or 1,5,9",
    "--frames 0:1:2:3": "--frames is '0:1:2:3'; expected time codes such as 0:48, 0:48:2 or 1,5,9",
    "--frames 5:1": "--frames is '5:1'; it ends before it begins",
    "--frames 0:9:0": "--frames is '0:9:0'; the step after the second colon must be above 0",
    "--frames 0:9e9 --out v": "--frames is '0:9e9'; at most 100000 frames were expected",
    "--frames 0:1 --time 1": "--frames and --time both say when; give one of them",
    "--frames 0:1 --turntable 2": "--turntable goes round the scene at one moment; give --time instead of --frames",
    "--frames 0:3 --out x.png": "x.png would be written 4 times: put {{frame}} into its name, or name a folder",
    "--camera /W/Front --camera Far --out x.mp4": "x.mp4 would be written 2 times: put {{camera}} into its name, or name",
    "--out {{shot}}.png": "{{shot}}.png: only {{camera}}, {{aov}} and {{frame}} may stand in braces",
    "--out {{camera.__class__}}.png": "{{camera.__class__}}.png: only {{camera}}, {{aov}} and {{frame}} may stand in",
    "--out {{frame:9}}.png": "{{frame:9}}.png: only {{camera}}, {{aov}} and {{frame}} may stand in braces",
    "--out a.bmp": "a.bmp: .bmp is no kind of picture; known: .png, .jpg, .jpeg, .exr, .npy, .mp4, ",
    "--aov uv --out d.png": "d.png: a PNG cannot hold uv; name a .exr or .npy file, or ask for --preview",
    "--aov depth --out d.jpg": "d.jpg: a JPEG would spoil the numbers of depth; name another file, or ask for --preview",
    "--aov rgb --out d.exr": "d.exr: rgb is 8 bits after the tone map; ask for --aov linear, or name a .png file",
    "--tone-map filmic": "the engine's tone_map is 'filmic': Input should be 'soft', ",
    "--lens fisheye:1,2": "a fisheye lens takes 4 coefficients, not 2",
    "--lens fisheye:1,2,3,x": "the coefficients of a fisheye lens are numbers, not ['1', '2', '3', 'x']",
    "--lens fishy:1": "there is no lens 'fishy'; expected ",
    "--lens none.yaml": "there is no lens file 'none.yaml'",
    "--camera none.json": "there is no camera file 'none.json'",
    "--sensor lida --out v": "no sensor named 'lida'; did you mean 'lidar'?",
    "--sensor lidar --out v.png": "--out v.png: this sensor writes files of its own; name a folder",
    "--sensor rgb --exposure 1": "--exposure is not used where a sensor makes the picture; set it in the sensor's file",
    "--sensor rgb --tone-map srgb": "--tone-map is not used where a sensor makes the picture; set it in the sensor",
    "--overlay --aov object": "--overlay draws on pictures; ask for --aov rgb too",
    "--sheet --out x.mp4": "x.mp4: a contact sheet is a .png file; name one, or a folder",
    "--fps 0 --out x.mp4": "a film at 0 pictures a second cannot be made; above 0, up to 1000 was expected",
    "--out /proc/none/x.png": "/proc/none cannot be made: ",
    "--turntable 3 --camera Far": "--camera and --turntable are two ways to look at the scene; give one of them",
    "--turntable 0 --out t.mp4": "a turntable of 0 views cannot be made; from 1 to 100000 were expected",
    "--turntable 2 --elevation 90": "an elevation of 90 degrees was given; between -90 and 90 was expected",
    "--look-at 1,2,3": "--look-at says where to look; --eye must say from where",
    "--eye 1,2": "--eye is '1,2'; expected x,y,z in metres, such as 2.5,-3,1.6",
    "--eye 1,2,3 --fov 180": "a horizontal field of view of 180 degrees is not between 0 and 180",
    "--eye 1,2,3 --look-at 1,2,3": "a camera at [1.0, 2.0, 3.0] cannot look at the point that it stands on",
    "--engine cycls": "no engine named 'cycls'; ",
    "--exposure 99": "the engine's exposure is 99.0: ",
    "--variant x": "--variant 'x' is not of the form '/Prim{{set}}=variant'",
}


@pytest.mark.parametrize("flags", MISTAKES)
def test_a_mistake_is_one_sentence(
    flags: str,
    stage: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    fixed = ["--engine", "null"] if "--engine" not in flags else []
    fixed += ["--size", "8x8"] if "--size" not in flags else []
    assert run(["render", str(stage), *fixed, *flags.replace("{{", "{").replace("}}", "}").split()]) == 2
    told = capsys.readouterr().err
    assert told.startswith("twinstage: " + MISTAKES[flags].format(stage=stage)), told
    assert told.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "nothing half done is left"


def test_labels_of_nothing_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = tmp_path / "bare.usda"
    bare.write_text('#usda 1.0\ndef Camera "C" {\n}\n')
    for flags in (["--labels"], ["--overlay"]):
        assert render(bare, *flags, "--out", tmp_path / "a.png") == 2
        assert f"{bare} has no object to label: it draws nothing" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bare.usda"]


def test_a_full_disk_is_one_sentence(stage: Path, tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "from twinstage.cli.app import run; sys.exit(run(sys.argv[1:]))"
    )
    flags = ["--camera", "/W/Front", "--aov", "depth", "--size", "200x200", "--out", str(tmp_path / "d.npy")]
    done = subprocess.run(
        [sys.executable, "-c", code, "render", str(stage), *flags], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (
        2,
        f"twinstage: {tmp_path / 'd.npy'} cannot be written: File too large\n",
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_whole_files_only(stage: Path, tmp_path: Path, number: int) -> None:
    flags = ["--engine", "null", "--size", "640x480", "--camera", "/W/Front", "--frames", "0:5000", "--out"]
    command = [
        sys.executable,
        "-m",
        "twinstage",
        "render",
        str(stage),
        *flags,
        str(tmp_path / "v"),
        "--labels",
    ]
    # A suite that was started in the background has SIGINT ignored, and would hand that on.
    child = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, number, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.rglob("*.png"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, number)
    _, told = child.communicate(timeout=30)
    assert (child.returncode, told) == (130, "twinstage: stopped\n")
    left = list((tmp_path / "v").iterdir())
    assert len(left) >= 3 and {path.suffix for path in left} == {".png"}
    for path in left:
        Image.open(path).load()


# ---------------------------------------------------------------------- texts


def test_frames_are_read() -> None:
    assert parse_frames("3", None) == (3.0,)
    assert parse_frames("0:4", None) == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert parse_frames("0:1:0.25, 7", None) == (0.0, 0.25, 0.5, 0.75, 1.0, 7.0)
    assert parse_frames("-2:2:2", None) == (-2.0, 0.0, 2.0)
    assert parse_frames("all", (10.0, 12.0)) == (10.0, 11.0, 12.0)
    assert len(parse_frames("0:0.3:0.1", None)) == 4, "0.1 has no exact double"


def test_frames_in_names_sort_and_differ() -> None:
    assert [frame_text(t) for t in (0.0, 48.0, 12345.0, 1.5, -3.0)] == [
        "0000",
        "0048",
        "12345",
        "0001.5",
        "-0003",
    ]


def test_sizes_are_read() -> None:
    assert [parse_size(text) for text in ("1280x720", " 64 X 48 ", "10×20")] == [
        (1280, 720),
        (64, 48),
        (10, 20),
    ]
