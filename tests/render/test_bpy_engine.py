"""The `bpy` engine: light by the book, silhouettes against our own rays, what it refuses; the rest skips without bpy."""

import json
import subprocess
import sys
from dataclasses import replace
from math import cos, pi, radians
from pathlib import Path

import numpy as np
import pytest

from twinstage.base.errors import TwinstageError, UserError
from twinstage.render.camera import look_at
from twinstage.render.capture import Camera, pinhole
from twinstage.render.engines import ENGINES, Engine, EngineSettings, open_engine
from twinstage.render.engines.bpy import BpyEngine
from twinstage.render.engines.bpy_camera import camera_message
from twinstage.render.engines.bpy_lamps import _euler
from twinstage.render.engines.bpy_link import BpyLink, find_python
from twinstage.render.engines.bpy_looks import Images, surface_graph
from twinstage.render.lens import ORTHOGRAPHIC
from twinstage.render.motion import Trajectory
from twinstage.scene.columns import PoseColumns, frozen
from twinstage.scene.snapshot import Light, Material, Shaping

MATT = Material("/matt", diffuse_color=(0.5, 0.4, 0.3), use_specular_workflow=True, roughness=1.0)
GLOW = replace(MATT, path="/glow", diffuse_color=(0.0, 0.0, 0.0), emissive_color=(1.0, 0.5, 0.25))


@pytest.fixture(scope="module")
def engine():
    """One Blender for all tests of this file."""
    if find_python() is None:
        pytest.skip("no Python with bpy: set TWINSTAGE_BPY_PYTHON or make .venv-bpy")
    made = BpyEngine(EngineSettings(kind="bpy", spp=16, max_depth=2, clamp=0))
    yield made
    made.close()


def _turned(degrees):
    c, s = cos(radians(degrees)), np.sin(radians(degrees))
    return np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1.0]])


def _sun(irradiance=2.0):
    return Light(prim=0, kind="distant", radiance=(irradiance,) * 3, normalize=True)


def _above(width=24, height=16):
    return look_at([0, 0, 4], [0, 0, 0], up=[0, 1, 0], width=width, height=height, fov=0.3)


def test_a_matt_card_under_a_known_sun_has_the_colour_of_the_book(hand, engine):
    """Radiance of a Lambertian surface: albedo / pi * irradiance * cosine."""
    card = (hand.quad(50.0), np.eye(4), 0)
    scene = hand.snapshot([card], materials=[MATT], material_of=[[0]], lights=[(_sun(), _turned(40))])
    found = engine.linear(scene, _above()).mean((0, 1))
    assert found == pytest.approx(np.array([0.5, 0.4, 0.3]) / pi * 2.0 * cos(radians(40)), rel=0.01)
    assert 0 < engine.sampling_seconds < engine.seconds and engine.version.startswith("5.")


@pytest.mark.parametrize(
    ("kind", "fields", "area"),
    [
        ("rect", {"width": 0.2, "height": 0.1}, 0.02),
        ("disk", {"radius": 0.1}, pi * 0.01),
        ("sphere", {"radius": 0.05}, pi * 0.0025),
        ("cylinder", {"radius": 0.02, "length": 0.2}, 2 * 0.02 * 0.2),
    ],
)
def test_small_lights_light_as_their_apparent_area_says(hand, engine, kind, fields, area):
    """Straight below, far away: irradiance = radiance * projected area / distance^2."""
    light = Light(prim=0, kind=kind, radiance=(300.0,) * 3, **fields)
    pose = hand.pose([0, 0, 3])
    card = (hand.quad(50.0), np.eye(4), 0)
    scene = hand.snapshot([card], materials=[MATT], material_of=[[0]], lights=[(light, pose)])
    camera = replace(_above(8, 8), K=pinhole(400, 400, 4, 4))  # sees 8 cm of the floor
    many = BpyEngine(EngineSettings(kind="bpy", spp=64, max_depth=2, clamp=0))
    try:
        found = many.linear(scene, camera).mean((0, 1))
    finally:
        many.close()
    assert found == pytest.approx(np.array([0.5, 0.4, 0.3]) / pi * 300 * area / 9, rel=0.03)


def test_a_cone_cuts_where_its_angle_says(hand, engine):
    """A lamp 2 m up with a hard cone of 20 degrees lights a disk of radius 2 tan 20."""
    light = Light(
        prim=0, kind="disk", radiance=(1e4,) * 3, radius=0.01, shaping=Shaping(cone_angle=radians(20))
    )
    card = (hand.quad(50.0), np.eye(4), 0)
    scene = hand.snapshot([card], materials=[MATT], material_of=[[0]], lights=[(light, hand.pose([0, 0, 2]))])
    camera = look_at([0, 0, 4], [0, 0, 0], up=[0, 1, 0], width=64, height=64, fov=0.6)
    lit = engine.linear(scene, camera).max(2) > 1e-4
    origins, directions = camera.rays()
    ground = (origins + directions * 4)[:, :2].reshape(64, 64, 2)
    distance = np.linalg.norm(ground, axis=2)
    edge = 2 * np.tan(radians(20))
    assert lit[distance < edge - 0.05].all() and not lit[distance > edge + 0.05].any()


def test_a_dome_is_what_an_empty_picture_shows(hand, engine):
    dome = Light(prim=0, kind="dome", radiance=(0.25, 0.5, 0.75))
    away = (hand.quad(0.1), hand.pose([0, 0, -50]), 0)
    scene = hand.snapshot([away], materials=[MATT], material_of=[[0]], lights=[(dome, np.eye(4))])
    camera = look_at([0, 0, 0], [1, 0, 1], width=8, height=8)
    assert engine.linear(scene, camera) == pytest.approx(np.full((8, 8, 3), (0.25, 0.5, 0.75)), rel=1e-5)


CAMERAS = {
    "square": {},
    "offset": {"K": pinhole(90, 90, 20.25, 61.5)},
    "non-square, wide pixels": {"K": pinhole(60, 100, 50.5, 33.25)},
    "non-square, tall pixels": {"K": pinhole(100, 60, 40.0, 20.5)},
    "orthographic": {"K": pinhole(30, 24, 44.0, 30.0), "lens": ORTHOGRAPHIC},
}


def _box_hits(camera, box, pose):
    """Whether the ray through each pixel centre meets a box, by its slabs: bool[h, w]."""
    origins, directions = camera.rays()
    inverse = np.linalg.inv(pose)
    origins = origins @ inverse[:3, :3].T + inverse[:3, 3]
    directions = directions @ inverse[:3, :3].T
    low, high = box.points.min(0), box.points.max(0)
    with np.errstate(divide="ignore"):
        a, b = (low - origins) / directions, (high - origins) / directions
    enter, leave = np.minimum(a, b).max(1), np.maximum(a, b).min(1)
    return ((enter < leave) & (leave > 0)).reshape(camera.height, camera.width)


@pytest.mark.parametrize("change", CAMERAS.values(), ids=CAMERAS)
def test_silhouettes_lie_where_our_rays_say(hand, engine, change):
    """Boxes that glow on black, sheared and mirrored ones, too: pixels that are all covered or all free agree."""
    shear = np.eye(4)
    shear[0, 1], shear[:3, 3] = 0.7, (1.2, 0.3, 0.1)
    mirror = np.diag([-0.6, 1.0, 0.8, 1.0])
    mirror[:3, 3] = (-1.1, -0.2, 0.2)
    items = [(hand.box(), shear, 0), (hand.box([0.5, 0.7, 0.9], [0.2, 0, 0]), mirror, 1)]
    dark = Light(prim=0, kind="dome", radiance=(0.0, 0.0, 0.0))
    scene = hand.snapshot(items, materials=[GLOW], material_of=[[0], [0]], lights=[(dark, np.eye(4))])
    camera = replace(look_at([1, -4, 2.5], [0, 0, 0], width=96, height=64, fov=1.0), **change)
    shown = engine.linear(scene, camera)
    ours = np.any([_box_hits(camera, proto, pose) for proto, pose, _ in items], 0)
    theirs = shown[..., 0] > 0.5
    assert ours.sum() > 200
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.985  # centre against half of a pixel's area
    inside = shown[..., 0] > 0.999
    free = shown[..., 0] == 0
    assert ours[inside].all() and not ours[free].any()
    assert shown[inside] == pytest.approx(np.broadcast_to(GLOW.emissive_color, shown[inside].shape), rel=1e-4)


def test_moves_and_looks_change_in_place_as_if_built_anew(hand, engine):
    items = [(hand.box(), hand.pose([0, 0, 0]), 0), (hand.box(), hand.pose([2, 0, 0]), 1)]
    first = hand.snapshot(
        items, materials=[GLOW, MATT], material_of=[[0], [1]], lights=[(_sun(), _turned(30))]
    )
    camera = look_at([1, -6, 3], [1, 0, 0], width=48, height=32)
    before = engine.linear(first, camera, seed=3)
    pose = PoseColumns(
        0,
        0,
        frozen(np.array([1]), np.uint32),
        frozen(np.array([[2.0, 0.0, 0.8]]), np.float64),
        frozen(np.array([[1.0, 0.0, 0.0, 0.0]]), np.float32),
    )
    moved = first.moved(pose)
    painted = replace(moved, materials=(GLOW, replace(MATT, diffuse_color=(0.1, 0.2, 0.9))))
    followed = [engine.linear(one, camera, seed=3) for one in (moved, painted)]
    engine.close()
    anew = [engine.linear(one, camera, seed=3) for one in (moved, painted)]
    for one, other in zip(followed, anew, strict=True):
        assert one == pytest.approx(other, abs=2e-5)
    assert np.abs(followed[0] - before).max() > 0.05 and np.abs(followed[1] - followed[0]).max() > 0.05
    assert np.array_equal(engine.linear(painted, camera, seed=3), anew[1])


def test_blenders_own_import_sees_the_same_through_the_same_camera(engine, tmp_path):
    stage = tmp_path / "card.usda"
    stage.write_text(
        '#usda 1.0\n(\n    upAxis = "Y"\n    metersPerUnit = 0.01\n)\n'
        'def Mesh "Card"\n{\n'
        "    point3f[] points = [(-50, 0, 0), (50, 0, 0), (50, 100, 0), (-50, 100, 0)]\n"
        "    int[] faceVertexCounts = [4]\n    int[] faceVertexIndices = [0, 1, 2, 3]\n}\n"
        'def DistantLight "Sun"\n{\n    float inputs:intensity = 1\n    bool inputs:normalize = 1\n}\n'
    )
    camera = look_at([0, -4, 0.5], [0, 0, 0.5], width=40, height=40, fov=1.0)
    shown = engine.linear_of_usd(stage, camera).max(2) > 1e-3
    half = 0.5 / 4 * camera.K[0, 0]  # a square of 1 m, 4 m away, around the middle
    assert np.flatnonzero(shown.any(0)).tolist() == list(range(round(20 - half), round(20 + half)))
    assert np.flatnonzero(shown.any(1)).tolist() == list(range(round(20 - half), round(20 + half)))
    with pytest.raises(TwinstageError, match=r"^Blender cannot do usd: [^\n]+$"):
        engine.linear_of_usd(tmp_path / "absent.usda", camera)


# ------------------------------------------------------------------------------- without bpy


def test_the_engine_is_known_and_needs_bpy_only_to_render():
    made = open_engine(kind="bpy", spp=4)
    assert "bpy" in ENGINES.kinds() and isinstance(made, Engine) and isinstance(made, BpyEngine)
    assert "bpy" not in sys.modules
    made.close()


def test_without_bpy_one_sentence_says_how_to_get_it(hand, monkeypatch, tmp_path):
    monkeypatch.setattr("twinstage.render.engines.bpy_link.find_python", lambda: None)
    with pytest.raises(
        UserError, match=r"^the bpy engine needs Blender's Python module .*TWINSTAGE_BPY_PYTHON"
    ):
        open_engine(kind="bpy").render(hand.snapshot([(hand.quad(), np.eye(4), 0)]), _above())
    monkeypatch.setenv("TWINSTAGE_BPY_PYTHON", str(tmp_path / "python"))
    with pytest.raises(UserError, match=r"^TWINSTAGE_BPY_PYTHON names .*, which is no file"):
        find_python()


def test_a_process_that_ends_is_one_sentence(monkeypatch):
    """A Python without bpy: what it said last is in the sentence."""
    if find_python() is not None and str(find_python()) == sys.executable:
        pytest.skip("this Python has bpy")
    link = BpyLink(python=Path(sys.executable))
    with pytest.raises(TwinstageError, match=r"^Blender's process ended while .* setup: ModuleNotFoundError"):
        link.call({"op": "setup"})
    link.close()


def test_an_answer_that_is_too_long_is_refused(tmp_path):
    """The other end of the pipe is read with bounds."""
    code = (
        "import io, struct, sys; sys.path.insert(0, sys.argv[1]); import bpy_worker as w\n"
        "w.receive(io.BytesIO(struct.pack('<QQ', 1 << 40, 0)))"
    )
    from twinstage.render.engines import bpy_worker

    folder = bpy_worker.__file__.rsplit("/", 1)[0]
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    assert "ValueError: a message of 1099511627776 and 0 bytes is too long" in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"K": frozen(np.array([[50, 2.0, 8], [0, 50, 8], [0, 0, 1]]), np.float64)}, "skewed K"),
        ({"path": "x"}, "moves while its shutter is open"),
    ],
)
def test_cameras_that_blender_cannot_be(change, said):
    camera = _above()
    if "path" in change:
        poses = np.stack([camera.world_from_camera, hand_moved(camera)])
        change = {"path": Trajectory(frozen(np.array([0.0, 1.0]), np.float64), frozen(poses, np.float64))}
    with pytest.raises(UserError, match=said):
        camera_message(replace(camera, **change), np.zeros(3))


def hand_moved(camera: Camera) -> np.ndarray:
    out = np.array(camera.world_from_camera)
    out[0, 3] += 1
    return out


def test_messages_are_plain_json(hand):
    """Every material and camera can be written as JSON, so nothing needs pickle."""
    scene = hand.snapshot([(hand.quad(), np.eye(4), 0)])
    for material in (
        Material("/m", clearcoat=1.0),
        Material("/s", use_specular_workflow=True, specular_color=(0.9, 0.5, 0.1)),
        Material("/g", opacity=0.2),
        Material("/c", opacity=0.2, opacity_mode="presence"),
        Material("", vertex_color=True),
    ):
        json.dumps(surface_graph(scene, material, Images(64, 64)))
    json.dumps(camera_message(replace(_above(), aperture_radius=0.01, focus_distance=2.0), np.zeros(3)))


def test_angles_of_a_rotation():
    rng = np.random.default_rng(5)
    for _ in range(50):
        q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        rotation = q * np.sign(np.linalg.det(q))
        x, y, z = _euler(rotation)
        rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
        ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
        assert rz @ ry @ rx == pytest.approx(rotation, abs=1e-9)
