"""Cameras that are placed, framed, taken along paths, and seen through drawn lenses, judged by closed forms."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera
from twinstage.render.casting import Bvh
from twinstage.scene.edits import apply_edits, batch
from twinstage.scene.snapshot import Prototype, Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.frame import FrameMaker
from twinstage.synth.look import recipe_camera
from twinstage.synth.randomizers import RANDOMIZERS, Randomizer, Rejected
from twinstage.synth.randomizers.camera_path import curve
from twinstage.synth.recipe import parse_recipe
from twinstage.synth.sightlines import Surroundings, closed_volume

MakeRecipe = Callable[..., Any]


def randomizer(**fields: Any) -> Randomizer:
    kind = fields.get("kind", "camera")
    found: Randomizer = RANDOMIZERS.get(kind).model_validate(
        {"name": "r", "cameras": ["Front"], **fields, "kind": kind}
    )
    return found


def seen(snapshot: Snapshot, recipe: Any, fields: dict[str, Any], frame: int = 0) -> tuple[Camera, Draws]:
    """The camera `Front` after the randomizer, as the recipe looks through it."""
    draws = Draws(7, frame, "r")
    changed = apply_edits(snapshot, batch(randomizer(**fields)(snapshot, draws)))
    return recipe_camera(recipe, changed, recipe.cameras[0])[0], draws


@pytest.fixture(scope="module")
def recipe(yard_recipe: MakeRecipe) -> Any:
    return yard_recipe(randomize=[])


def test_off_centre_puts_the_point_where_it_says(snapshot: Snapshot, recipe: Any) -> None:
    fields = {"target": [0.3, 0.2, 0.4], "distance": 5, "off_centre": {"x": [-0.8, 0.8], "y": [-0.8, 0.8]}}
    for frame in range(8):
        camera, draws = seen(snapshot, recipe, fields, frame)
        pixels, _ = camera.project(np.array([[0.3, 0.2, 0.4]]))
        x, y = (draws.log[f"off_centre /Yard/Cameras/Front.{axis}"] for axis in "xy")
        np.testing.assert_allclose(pixels[0], [120 * (1 + x) / 2, 90 * (1 + y) / 2], atol=1e-6)
        assert abs(camera.world_from_camera[2, 0]) < 1e-12  # level


def test_the_whole_target_lies_within_the_margin(snapshot: Snapshot, recipe: Any) -> None:
    fields = {"target": "/Yard/Box_A", "distance": [0.6, 3], "whole": True, "margin": 0.1}
    corners = np.array([[x, y, z] for x in (-1.75, -1.25) for y in (-0.25, 0.25) for z in (0, 0.5)])
    refused = 0
    for frame in range(12):
        camera, draws = seen(snapshot, recipe, fields, frame)
        pixels, depth = camera.project(corners)
        assert depth.min() > 0
        assert (pixels.min(0) >= [11.999, 8.999]).all() and (pixels.max(0) <= [108.001, 81.001]).all()
        refused += draws.log.get("refused /Yard/Cameras/Front", {}).get(
            "with the target not whole in the picture", 0
        )
    assert refused > 0


def test_height_bands_and_spheres(snapshot: Snapshot, recipe: Any) -> None:
    aim = [0, 0, 0.3]
    for frame in range(10):
        camera, draws = seen(snapshot, recipe, {"target": aim, "distance": 4, "height": [1, 2]}, frame)
        eye = camera.world_from_camera[:3, 3]
        assert eye[2] == pytest.approx(draws.log["height /Yard/Cameras/Front"]) and 1 <= eye[2] <= 2
        assert np.linalg.norm(eye - aim) == pytest.approx(4)
    levels = {"target": aim, "distance": 4, "elevation": [-80, 80], "levels": [0.5, 1.0]}
    assert all(0.5 <= seen(snapshot, recipe, levels, f)[0].world_from_camera[2, 3] <= 1 for f in range(10))
    even = {"target": aim, "distance": 1, "elevation": [0, 90], "spread": "sphere"}
    heights = [seen(snapshot, recipe, even, f)[0].world_from_camera[2, 3] - 0.3 for f in range(300)]
    # Archimedes: on a sphere heights are uniform.
    assert np.mean(heights) == pytest.approx(0.5, abs=0.06) and np.std(heights) == pytest.approx(
        0.289, abs=0.04
    )


def test_a_height_that_cannot_be_reached_is_counted_and_rejected(snapshot: Snapshot, recipe: Any) -> None:
    with pytest.raises(Rejected, match=r"in 5 tries \(5 too far for that height\)"):
        seen(snapshot, recipe, {"target": [0, 0, 0.3], "distance": 1, "height": 9, "tries": 5})


def test_a_camera_in_a_box_or_near_its_side_is_refused(snapshot: Snapshot) -> None:
    around = Surroundings(snapshot)
    assert around.inside(np.array([-1.5, 0.1, 0.2]))  # in Box_A, 0.5 m wide
    assert not around.inside(np.array([-1.5, 0.3, 0.2]))
    assert not around.inside(
        np.array([1.5 - 0.2, 0.2, 0.2])
    )  # in the bounding box of the turned Box_C, not in it
    assert around.closer_than(np.array([-1.5, 0.3, 0.2]), 0.06)
    assert not around.closer_than(np.array([-1.5, 0.3, 0.2]), 0.04)


def _cube(flip: bool, opened: bool = False) -> Bvh:
    import trimesh

    mesh = trimesh.creation.box((1, 2, 3))
    triangles = np.asarray(mesh.faces, np.uint32)[: 11 if opened else 12, :: -1 if flip else 1]
    points = np.asarray(mesh.vertices, np.float32)
    slot = np.zeros(len(triangles), np.int32)
    return Bvh(Prototype("/P", f"{flip}{opened}", points, points, None, None, triangles, slot, ("",)))


def test_rooms_and_open_shells_are_no_bodies() -> None:
    assert closed_volume(_cube(False)) == pytest.approx(6)
    assert closed_volume(_cube(True)) == pytest.approx(-6)
    assert closed_volume(_cube(False, opened=True)) == 0


def test_hidden_targets_are_refused_before_the_label_pass(snapshot: Snapshot, recipe: Any) -> None:
    # From low down on the left Box_A stands before Box_B and Box_C: nothing of Box_C is to be seen.
    line = {"min": [-4.0, 0.0, 0.2], "max": [-4.0, 0.0, 0.2]}
    with pytest.raises(Rejected, match="with the target hidden"):
        seen(snapshot, recipe, {"target": "/Yard/Box_C", "eye": line, "visible": 0.5, "tries": 3})
    camera, _ = seen(snapshot, recipe, {"target": "/Yard/Box_A", "eye": line, "visible": 0.9, "tries": 3})
    assert camera.world_from_camera[0, 3] == pytest.approx(-4)


def test_the_share_that_is_seen_is_the_share_that_is_free(snapshot: Snapshot, recipe: Any) -> None:
    camera, _ = seen(
        snapshot, recipe, {"target": [-1.5, 0, 0.25], "distance": 3, "azimuth": 180, "elevation": 0}
    )
    rows = np.flatnonzero(snapshot.instances.object == 0)
    on_floor = np.stack([np.linspace(-1.3, -0.5, 200), np.zeros(200), np.full(200, 0.0)], -1)
    share = Surroundings(snapshot).seen_share(camera, on_floor, np.empty(0, np.int64))
    assert share == 0  # behind the box
    assert Surroundings(snapshot).seen_share(camera, on_floor, rows) == 1  # the box is asked not to count


def test_lenses_are_drawn_whole_and_keep_the_resolution(snapshot: Snapshot, recipe: Any) -> None:
    fields = {
        "kind": "lens",
        "fov": [50, 70],
        "principal_point": {"x": [-0.05, 0.05], "y": [-0.05, 0.05]},
        "model": "opencv",
        "coefficients": [[-0.3, -0.1], 0.02, [-0.001, 0.001], 0, 0],
        "near": 0.2,
        "far": 50,
        "f_stop": 2,
        "focus_distance": 4,
    }
    for frame in range(4):
        camera, draws = seen(snapshot, recipe, fields, frame)
        log = {name.removesuffix(" /Yard/Cameras/Front"): value for name, value in draws.log.items()}
        assert camera.K[0, 0] == pytest.approx(60 / np.tan(np.radians(log["fov"]) / 2), rel=1e-6)
        assert camera.K[0, 2] == pytest.approx(60 + 120 * log["principal_point.x"], abs=1e-4)
        assert camera.K[1, 2] == pytest.approx(45 + 90 * log["principal_point.y"], abs=1e-4)
        assert camera.lens.coefficients[:3] == (log["coefficient 0"], 0.02, log["coefficient 2"])  # type: ignore[attr-defined]
        assert (camera.near, camera.far) == pytest.approx((0.2, 50))
        assert camera.focus_distance == pytest.approx(4) and camera.aperture_radius > 0
    fish, draws = seen(
        snapshot, recipe, {"kind": "lens", "fov": 180, "model": "fisheye", "coefficients": [0, 0, 0, 0]}
    )
    assert fish.lens.kind == "fisheye" and fish.K[0, 0] == pytest.approx(120 / np.pi, rel=1e-6)


def test_a_shutter_is_centred_on_the_frame(snapshot: Snapshot, recipe: Any) -> None:
    fields = {
        "kind": "shutter",
        "exposure": 0.01,
        "readout": 0.03,
        "velocity": {"x": 1},
        "turn": {"y": {"normal": [0, 20]}},
    }
    camera, draws = seen(snapshot, recipe, fields)
    assert camera.path is not None and camera.shutter.middle == pytest.approx(0, abs=1e-12)
    first, last = camera.path.at(np.array([-0.02, 0.02]))
    np.testing.assert_allclose((last - first)[:3, 3], camera.world_from_camera[:3, 0] * 0.04, atol=1e-9)
    angle = np.degrees(np.arccos((np.trace(first[:3, :3].T @ last[:3, :3]) - 1) / 2))
    assert angle == pytest.approx(abs(draws.log["turn /Yard/Cameras/Front.y"]) * 0.04, rel=1e-4)


def test_an_orbit_goes_around_once_and_begins_again(snapshot: Snapshot, recipe: Any) -> None:
    orbit = {"distance": 3, "height": 1.0, "start": 0, "stop": 270}
    fields = {"kind": "camera_path", "orbit": orbit, "target": [1, 0, 0.5], "frames": 4, "after": "loop"}
    expected = [[4, 0, 1.5], [1, 3, 1.5], [-2, 0, 1.5], [1, -3, 1.5], [4, 0, 1.5]]
    for frame, eye in enumerate(expected):
        camera, _ = seen(snapshot, recipe, fields, frame)
        np.testing.assert_allclose(camera.world_from_camera[:3, 3], eye, atol=1e-9)
        pixels, _ = camera.project(np.array([[1, 0, 0.5]]))
        np.testing.assert_allclose(pixels[0], [60, 45], atol=1e-6)


def test_keys_are_reached_at_their_frames(snapshot: Snapshot, recipe: Any) -> None:
    keys = [
        {"frame": 2, "eye": [0, -5, 1], "target": [0, 0, 0], "fov": 40},
        {"frame": 4, "eye": [2, -5, 1], "target": [0, 0, 1], "fov": 60},
        {"frame": 8, "eye": [2, -3, 3], "target": [0, 0, 1], "fov": 60},
    ]
    places = {
        0: [0, -5, 1],
        2: [0, -5, 1],
        3: [1, -5, 1],
        4: [2, -5, 1],
        6: [2, -4, 2],
        8: [2, -3, 3],
        10: [2, -4, 2],
    }
    fields = {"kind": "camera_path", "keys": keys, "after": "bounce"}
    for frame, eye in places.items():
        camera, _ = seen(snapshot, recipe, fields, frame)
        np.testing.assert_allclose(camera.world_from_camera[:3, 3], eye, atol=1e-9)
    assert seen(snapshot, recipe, fields, 3)[0].K[0, 0] == pytest.approx(
        60 / np.tan(np.radians(25)), rel=1e-6
    )
    for key in keys:
        camera, _ = seen(snapshot, recipe, {**fields, "smooth": True}, key["frame"])  # type: ignore[arg-type]
        np.testing.assert_allclose(camera.world_from_camera[:3, 3], key["eye"], atol=1e-9)  # type: ignore[arg-type]


@given(st.lists(st.tuples(*[st.floats(-10, 10)] * 3), min_size=2, max_size=6, unique=True), st.integers(1, 4))
def test_a_curve_goes_through_its_points_without_a_jump(points: list[tuple[float, ...]], k: int) -> None:
    p = np.array(points)
    if np.linalg.norm(np.diff(p, axis=0), axis=1).min() < 1e-2:
        return
    for i in range(len(p)):
        place, direction = curve(p, float(i))
        np.testing.assert_allclose(place, p[i], atol=1e-6)
        assert np.linalg.norm(direction) == pytest.approx(1)
    k = min(k, len(p) - 1)
    np.testing.assert_allclose(curve(p, k - 1e-9)[0], curve(p, k + 0.0)[0], atol=1e-5)


def test_points_on_a_line_give_a_straight_way(snapshot: Snapshot, recipe: Any) -> None:
    fields = {"kind": "camera_path", "through": [[0, -6, 1], [2, -6, 1], [4, -6, 1]], "frames": 5}
    for frame in range(5):
        camera, _ = seen(snapshot, recipe, fields, frame)
        np.testing.assert_allclose(camera.world_from_camera[:3, 3], [frame, -6, 1], atol=1e-9)
        np.testing.assert_allclose(camera.world_from_camera[:3, 2], [1, 0, 0], atol=1e-6)  # looks ahead


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"target": [0, 0, 0], "distance": 1, "visible": 0.5}, "visible needs a target prim"),
        ({"target": "/Yard", "distance": 1, "margin": 0.1}, "give whole: true, too"),
        ({"target": "/Yard", "distance": 1, "elevation": 5, "spread": "sphere"}, "spread: sphere needs"),
        ({"target": "/Yard", "distance": 1, "levels": [2, 1]}, "levels go from 2 up"),
        ({"kind": "lens"}, "nothing to do: give fov"),
        (
            {"kind": "lens", "model": "opencv", "coefficients": [0, 0]},
            "takes 4 or 5 or 8 or 12 or 14 coefficients",
        ),
        ({"kind": "lens", "fov": 50, "focal_length": 20}, "not both"),
        ({"kind": "shutter", "velocity": {"x": 1}}, "give exposure or readout"),
        ({"kind": "camera_path"}, "exactly one of keys, through and orbit"),
        ({"kind": "camera_path", "orbit": {"distance": 1}, "frames": 5}, "an orbit needs a target"),
        ({"kind": "camera_path", "through": [[0, 0, 0], [1, 0, 0]]}, "through needs frames"),
        ({"kind": "camera_path", "keys": [{"frame": 1, "eye": [0, 0, 0]}]}, "keys need two frames"),
    ],
)
def test_bad_fields_are_told_in_one_sentence(
    yard_recipe: MakeRecipe, fields: dict[str, Any], sentence: str
) -> None:
    entry = {"kind": "camera", "name": "r", "cameras": ["Front"], **fields}
    with pytest.raises(UserError, match=sentence):
        yard_recipe(randomize=[entry])


def test_the_layer_reproduces_drawn_lenses_shutters_and_paths(
    yard_recipe: MakeRecipe, yard_writer: Callable[..., Path], tmp_path: Path
) -> None:
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    stage = yard_writer(tmp_path, up="Y", mpu=0.01)
    steps = [
        {"kind": "camera_path", "name": "way", "cameras": ["Front"], "through": [[-3, -4, 2], [0, -6, 3], [3, -4, 2]],
         "frames": 3, "target": "/Yard/Box_B", "jitter": {"z": [0, 0.1]}},
        {"kind": "lens", "name": "glass", "cameras": ["Front", "side"], "fov": [80, 100], "model": "fisheye",
         "coefficients": [[-0.05, 0.05], 0, 0, 0], "max_angle": 80},
        {"kind": "shutter", "name": "shake", "cameras": ["side"], "readout": 0.02, "velocity": {"y": [0, 1]}},
    ]  # fmt: skip
    maker = FrameMaker(yard_recipe(randomize=steps), stage.parent)
    made = maker.randomized(1)
    opened = open_stage(stage, probe=False)
    opened.layers.randomization.ImportFromString(maker.layer(made))
    read = read_snapshot(opened)
    assert made.snapshot.cameras == read.cameras
    np.testing.assert_allclose(made.snapshot.node_world, read.node_world, atol=1e-12)
    assert parse_recipe(maker.recipe.model_dump(mode="json")) == maker.recipe
