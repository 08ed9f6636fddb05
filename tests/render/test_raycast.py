"""The raycast engine's own promises: shared first hits, shadows where they belong, even light, finer with more samples."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.render.camera import look_at
from twinstage.render.engines import FromHits, irradiance, nodes, open_engine
from twinstage.render.engines.lamps import Lamp
from twinstage.render.engines.raycast import first_hits
from twinstage.render.engines.world import WorldBvh
from twinstage.render.labels import label_pass
from twinstage.render.lens import Fisheye
from twinstage.render.lighting import PlacedLight
from twinstage.render.motion import Shutter, Trajectory
from twinstage.render.texels import colors_at
from twinstage.scene.snapshot import Light, Material, TextureInput

MATT = Material("/matt", diffuse_color=(0.5, 0.5, 0.5))
DOWN = np.eye(4)


def _light(kind, radiance=1.0, **fields):
    return Light(prim=0, kind=kind, radiance=(radiance,) * 3, **fields)


def _sun(irradiance=np.pi):
    return _light("distant", irradiance, normalize=True), DOWN


def _lamp(at, radiance=100.0, size=0.1):
    pose = np.eye(4)
    pose[:3, 3] = at
    return _light("rect", radiance, width=size, height=size), pose


def _top(width=96, height=72, distance=6.0, fov=0.6):
    return look_at([0, 0, distance], [0, 0, 0], up=[0, 1, 0], width=width, height=height, fov=fov)


def _yard(hand, lights=None):
    """Boxes and a ball on a floor under a sun, a lamp and a sky."""
    items = [(hand.quad(30.0), np.eye(4), -1)]
    items += [
        (hand.box(), hand.pose([x, y, 0.5]), i) for i, (x, y) in enumerate([(0, 0), (1.4, 0.3), (-1.2, 1)])
    ]
    items.append((hand.sphere(0.4, 20), hand.pose([0.3, -1.2, 0.4]), 3))
    lights = lights or [_sun(1.0), _lamp([2, -2, 4], 300.0, 0.3), (_light("dome", 0.3), DOWN)]
    return hand.snapshot(items, materials=[MATT], material_of=[[0]] * 5, lights=lights)


def _linear(snapshot, camera, spp=1):
    return open_engine(kind="raycast", spp=spp).linear(snapshot, camera)


def _floor_points(camera):
    """Where rays meet z = 0, f8[h, w, 2]."""
    origin, direction = camera.rays()
    points = origin - direction * (origin[:, 2:] / direction[:, 2:])
    return points[:, :2].reshape(camera.height, camera.width, 2)


class TestFromTheLabelPass:
    EYE = look_at([3, -4, 3], [0, 0, 0.3], width=97, height=61)

    def _both(self, snapshot, camera, spp=1):
        kept = []
        label_pass(snapshot, camera, keep=kept.append)
        outputs = {"kind": "raycast", "spp": spp, "outputs": ("rgb", "linear")}
        shared, own = open_engine(**outputs), open_engine(**outputs)
        assert isinstance(shared, FromHits)
        return shared.render_seen(kept[0]), own.render(snapshot, camera)

    @pytest.mark.parametrize("spp", [1, 4])
    def test_the_picture_is_the_same_to_the_byte(self, hand, spp):
        shared, own = self._both(_yard(hand), self.EYE, spp)
        for name in ("rgb", "linear"):
            assert shared.aovs[name].tobytes() == own.aovs[name].tobytes()
        assert own.aovs["rgb"].std() > 10

    def test_a_fisheye_that_sees_no_corners(self, hand):
        lens = Fisheye(max_angle=0.3)
        camera = replace(self.EYE, lens=lens)
        shared, own = self._both(_yard(hand), camera)
        assert shared.aovs["linear"].tobytes() == own.aovs["linear"].tobytes()
        blind = ~np.isfinite(camera.local_rays(np.array([[0.5, 0.5]]))[1]).all()
        assert blind and not own.aovs["linear"][0, 0].any()

    def test_a_camera_that_moves_while_rows_are_read(self, hand):
        poses = np.stack([self.EYE.world_from_camera] * 2)
        poses[1, 0, 3] += 0.5
        path = Trajectory(np.array([0.0, 1.0]), poses)
        camera = replace(self.EYE, path=path, shutter=Shutter(0.0, 0.0, 1.0))
        shared, own = self._both(_yard(hand), camera)
        assert shared.aovs["linear"].tobytes() == own.aovs["linear"].tobytes()


class TestShadows:
    def test_a_suns_shadow_has_edges_sharp_to_the_pixel(self, hand):
        """A plate of 1.3 x 1.3 m floats 1 m over the floor, out of sight: the camera looks from below it."""
        plate = (hand.quad(1.3), hand.pose([0.11, 0.07, 5.0]), -1)
        snapshot = hand.snapshot(
            [(hand.quad(50.0), np.eye(4), -1), plate],
            materials=[MATT],
            material_of=[[0]] * 2,
            lights=[_sun()],
        )
        camera = _top(distance=4.0)
        got = _linear(snapshot, camera)[..., 0]
        off = np.abs(_floor_points(camera) - [0.11, 0.07]).max(-1) - 0.65
        sure = np.abs(off) > 1e-3
        assert (off[sure] < 0).sum() > 500
        assert np.allclose(got[sure], np.where(off[sure] < 0, 0, 0.5), atol=1e-5)

    def test_a_lamps_shadow_grows_with_the_distance(self, hand):
        plate = (hand.quad(0.5), hand.pose([0, 0, 5.0]), -1)
        snapshot = hand.snapshot(
            [(hand.quad(50.0), np.eye(4), -1), plate],
            materials=[MATT],
            material_of=[[0]] * 2,
            lights=[_lamp([0.2, 0, 10.0])],
        )
        camera = _top(distance=4.0)
        dark = _linear(snapshot, camera)[..., 0] == 0
        off = np.abs(_floor_points(camera) - [-0.2, 0]).max(-1) - 0.5
        sure = np.abs(off) > 2e-3
        assert np.array_equal(dark[sure], off[sure] < 0)

    def test_no_light_comes_through_a_wall_of_a_millimetre(self, hand):
        """A floor with a wall along y; the lamp is on its right, so all of the left is black."""
        wall = (hand.box([0.001, 20, 3]), hand.pose([0, 0, 1.5]), -1)
        snapshot = hand.snapshot(
            [(hand.quad(50.0), np.eye(4), -1), wall],
            materials=[MATT],
            material_of=[[0]] * 2,
            lights=[_lamp([1.0, 0, 1.0])],
        )
        camera = look_at([0, -3, 6], [0, 0, 0], width=160, height=120)
        got = _linear(snapshot, camera)[..., 0]
        x = _floor_points(camera)[..., 0]
        left = x < 0
        assert (got[left] == 0).all() and left.sum() > 8000
        assert (got[x > 0.7] > 0).any()

    def test_a_closed_room_is_dark(self, hand):
        room = (hand.box([8, 8, 4]), hand.pose([0, 0, 2]), -1)
        lights = [(_light("dome", 1.0), DOWN), _sun(), _lamp([20, 0, 5])]
        snapshot = hand.snapshot([room], materials=[MATT], material_of=[[0]], lights=lights)
        assert not _linear(snapshot, look_at([-3, -3, 2], [0, 0, 1.5], width=64, height=48)).any()

    def test_a_lamp_without_shadows_shines_through(self, hand):
        light = replace(_sun()[0], shadow=False), DOWN
        plate = (hand.quad(1.3), hand.pose([0, 0, 5.0]), -1)
        snapshot = hand.snapshot(
            [(hand.quad(50.0), np.eye(4), -1), plate], materials=[MATT], material_of=[[0]] * 2, lights=[light]
        )
        assert np.allclose(_linear(snapshot, _top(distance=4.0)), 0.5, atol=1e-5)


class TestSky:
    def test_an_open_floor_has_all_of_it_and_no_pattern(self, hand):
        snapshot = hand.snapshot(
            [(hand.quad(50.0), np.eye(4), -1)],
            materials=[MATT],
            material_of=[[0]],
            lights=[(_light("dome", 0.8), DOWN)],
        )
        assert np.allclose(_linear(snapshot, _top()), 0.4, atol=1e-6)

    def test_a_long_high_wall_takes_half_of_it_at_its_foot(self, hand):
        """Share (1 + cos a) / 2 at distance d from a wall of height h, tan a = h / d... here h is without end: one half."""
        wall = (hand.box([0.1, 4000, 2000]), hand.pose([1.05, 0, 0]), -1)
        snapshot = hand.snapshot(
            [(hand.quad(4000.0), np.eye(4), -1), wall],
            materials=[MATT],
            material_of=[[0]] * 2,
            lights=[(_light("dome", 1.0), DOWN)],
        )
        got = _linear(snapshot, _top(distance=4.0, fov=0.3))[..., 0]
        assert got.mean() == pytest.approx(0.25, rel=0.07)
        inner = got[8:-8, 8:-8]
        assert inner.std() < 0.02 * inner.mean(), "even, without the pattern of the nodes"


class TestMoreSamples:
    def test_pictures_of_all_samples_have_the_same_mean(self, hand):
        snapshot, camera = _yard(hand), look_at([3, -4, 3], [0, 0, 0.3], width=128, height=96)
        one, four, nine = (_linear(snapshot, camera, spp) for spp in (1, 4, 9))
        for picture in (one, four):
            assert np.allclose(picture.mean((0, 1)), nine.mean((0, 1)), rtol=0.01)
        assert np.abs(four - nine).mean() < np.abs(one - nine).mean()

    def test_light_between_nodes_is_near_the_light_of_each_pixel(self, hand, monkeypatch):
        """All pixels as nodes is the model without interpolation."""
        camera = look_at([3, -4, 3], [0, 0, 0.3], width=160, height=120)
        # Without a sky, whose directions differ from node to node.
        snapshot = _yard(hand, [_sun(1.0), _lamp([2, -2, 4], 300.0, 0.3)])
        quick = _linear(snapshot, camera)
        monkeypatch.setattr(irradiance, "STEP", 1)
        monkeypatch.setattr(nodes, "STEP", 1)
        slow = _linear(snapshot, camera)
        off = np.abs(quick - slow).max(-1) > 0.02 * slow.max(-1) + 0.002
        assert off.mean() < 0.04
        assert np.abs(quick - slow).mean() < 0.006 * slow.mean()


class TestWorld:
    @staticmethod
    def _scene(hand, places):
        items = [(hand.box([0.4, 0.4, 0.4]), hand.pose(place), -1) for place in places]
        return hand.snapshot(items, materials=[MATT], material_of=[[0]] * len(items))

    def test_what_stands_still_is_not_built_again_and_answers_stay(self, hand):
        rng = np.random.default_rng(3)
        places = rng.uniform(-2, 2, (30, 3))
        start = rng.uniform(-4, 4, (3, 20_000)).astype(np.float32)
        way = (4 * rng.normal(size=(3, 20_000))).astype(np.float32)
        kept, built = WorldBvh(), []
        for _ in range(4):
            places[:4] = rng.uniform(-2, 2, (4, 3))
            snapshot = self._scene(hand, places)
            kept.follow(snapshot)
            fresh = WorldBvh()
            fresh.follow(snapshot)
            expected = fresh.blocked(start, way, 1.0)
            assert np.array_equal(kept.blocked(start, way, 1.0), expected) and 0.05 < expected.mean() < 0.95
            built.append(kept._scenes)
        assert [len(scenes) for scenes in built] == [1, 2, 2, 2]
        assert built[1][0] is built[2][0] is built[3][0]

    def test_far_from_the_worlds_origin(self, hand):
        far = np.array([5000.0, -7000.0, 300.0])
        world = WorldBvh()
        world.follow(self._scene(hand, [far]))
        start = (far - world.origin + np.array([0, 0, 1])).astype(np.float32)[:, None]
        down, up = np.array([[0], [0], [-1]], np.float32), np.array([[0], [0], [1]], np.float32)
        assert world.blocked(start, down, np.inf)[0] and not world.blocked(start, up, np.inf)[0]

    def test_an_empty_world_blocks_nothing(self, hand):
        world = WorldBvh()
        world.follow(hand.snapshot([]))
        assert not world.blocked(np.zeros((3, 2), np.float32), np.ones((3, 2), np.float32), np.inf).any()


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["rect", "disk", "sphere", "cylinder", "distant"]),
    place=st.tuples(*[st.floats(-3, 3)] * 3),
    angles=st.tuples(st.floats(0, 6.28), st.floats(0, 3.14)),
)
def test_a_lamp_sends_what_the_book_says(kind, place, angles):
    """Radiance of a white matt surface: L A cos cos' / (pi r^2), written apart in float64."""
    light = Light(prim=0, kind=kind, radiance=(1.0,) * 3, width=0.3, height=0.2, radius=0.1, length=0.5)
    pose = np.eye(4)
    pose[:3, 3] = [0.5, -0.5, 5.0]
    normal = np.array(
        [np.cos(angles[0]) * np.sin(angles[1]), np.sin(angles[0]) * np.sin(angles[1]), np.cos(angles[1])]
    )
    lamp = Lamp(PlacedLight(kind, pose, (1.0,) * 3, light), np.zeros(3), np.ones(3, np.float32))
    columns = [np.array(v, np.float32)[:, None] for v in (place, normal)]
    share, _ = lamp.sent(*columns)
    offset = pose[:3, 3] - np.array(place)
    distance = np.linalg.norm(offset)
    cosine = max(float(normal @ offset) / distance, 0.0)
    turned = max(offset[2] / distance, 0.0)  # the light shines down
    area = {
        "rect": 0.06 * turned,
        "disk": np.pi * 0.01 * turned,
        "sphere": np.pi * 0.01,
        "cylinder": 2 * 0.1 * 0.5,
    }
    expected = (
        max(normal[2], 0.0) / np.pi if kind == "distant" else area[kind] * cosine / (np.pi * distance**2)
    )
    assert share[0] == pytest.approx(expected, rel=1e-4, abs=1e-8)


class TestColours:
    def test_slots_and_glow(self, hand):
        """A square of two slots: one red, one that glows green over black."""
        quad = hand.quad(50.0)
        split = hand.prototype(quad.points, quad.triangles, quad.normals, slot=np.array([0, 1], np.int32))
        materials = [
            Material("/red", diffuse_color=(0.5, 0, 0)),
            Material("/glow", diffuse_color=(0, 0, 0), emissive_color=(0, 0.7, 0)),
        ]
        snapshot = hand.snapshot(
            [(split, np.eye(4), -1)], materials=materials, material_of=[[0, 1]], lights=[_sun()]
        )
        camera = _top()
        got = _linear(snapshot, camera)
        x, y = np.moveaxis(_floor_points(camera), -1, 0)
        for chosen, colour in ((x - y > 0.1, [0.5, 0, 0]), (x - y < -0.1, [0, 0.7, 0])):
            assert np.allclose(got[chosen], colour, atol=1e-5) and chosen.sum() > 1000

    def test_an_input_is_scale_times_texel_plus_bias(self):
        image = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
        source = TextureInput(0, scale=(2.0, 1.0, 0.5, 1.0), bias=(0.0, 3.0, 0.0, 0.0))
        uv = np.array(
            [[0.1, 0.9, 1.1], [0.9, 0.1, 0.1]], np.float32
        )  # the upper left, the lower right, the lower left
        got = colors_at(image, uv, source, 0.5)
        texels = np.array([image[0, 0], image[1, 1], image[1, 0]])
        assert np.allclose(got.T, (texels * [2, 1, 0.5] + [0, 3, 0]) * 0.5)

    @pytest.mark.parametrize(("mode", "expected"), [("repeat", 0), ("clamp", 1), ("mirror", 1), ("black", 9)])
    def test_wraps(self, mode, expected):
        image = np.array([[[0.0], [1.0]]], np.float32)
        source = TextureInput(0, channel="r", wrap_s=mode, bias=(9.0, 0, 0, 0))
        uv = np.array([[1.2, np.nan], [0.5, 0.5]], np.float32)
        got = colors_at(image, uv, source)[:, 0]
        assert np.allclose(got, 9 if mode == "black" else expected + 9)


def test_threads_change_no_byte(hand, monkeypatch):
    snapshot, camera = _yard(hand), look_at([3, -4, 3], [0, 0, 0.3], width=160, height=120)
    found = []
    for count in (1, 2, 5):
        monkeypatch.setattr("twinstage.render.threads._LIMIT", count)
        found.append(_linear(snapshot, camera).tobytes())
    assert found[0] == found[1] == found[2]


def test_hits_outside_of_every_part_are_none(hand):
    """Nothing to see: no parts, no lamps to order, the sky alone."""
    snapshot = hand.snapshot([], lights=[(_light("dome", 0.3), DOWN)])
    assert (first_hits(snapshot, _top()).zbuffer.part < 0).all()
    assert np.allclose(_linear(snapshot, _top()), 0.3)
