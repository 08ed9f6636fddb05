"""Engines: what light does by the book, byte identity, and pictures against labels."""

import io
from dataclasses import replace
from math import cos, pi, radians

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.capture import Camera, pinhole
from twinstage.render.color import auto_exposure, tone_map
from twinstage.render.engines import ENGINES, Engine, EngineSettings, open_engine
from twinstage.render.labels import label_pass
from twinstage.render.mi.runtime import find_llvm
from twinstage.scene.color import linear_from_srgb, srgb_from_linear
from twinstage.scene.columns import PoseColumns, frozen
from twinstage.scene.snapshot import Light, Material, Shaping, Texture, TextureInput

MATT = Material("/matt", diffuse_color=(0.5, 0.5, 0.5), roughness=1.0, ior=1.01)
DOWN = np.eye(4)  # a light's -Z points down


def _top_view(width=16, height=12, distance=4.0) -> Camera:
    return look_at([0, 0, distance], [0, 0, 0], up=[0, 1, 0], width=width, height=height, fov=0.3)


def _floor(hand, *lights, material=MATT, **more):
    return hand.snapshot(
        [(hand.quad(50.0), np.eye(4), 0)], materials=[material], material_of=[[0]], lights=lights, **more
    )


def _light(kind, radiance=1.0, **fields):
    return Light(prim=0, kind=kind, radiance=(radiance,) * 3, **fields)


def _at(position):
    pose = np.eye(4)
    pose[:3, 3] = position
    return pose


def _linear(engine, snapshot, camera):
    return engine.linear(snapshot, camera).mean((0, 1))


_NAMES = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1)}


def _quarters(hand, kind, source):
    """A square with an image of four colours, seen from above and filling 40 x 40 pixels."""
    from PIL import Image

    pixels = np.zeros((4, 4, 3), np.uint8)
    quarters = {
        "red": (slice(2), slice(2)),
        "green": (slice(2), slice(2, 4)),
        "blue": (slice(2, 4), slice(2)),
    }
    pixels[...] = 255
    for name, where in quarters.items():
        pixels[where] = np.array(_NAMES[name]) * 255
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    snapshot = hand.snapshot(
        [(hand.quad(2.0), np.eye(4), 0)],
        materials=[replace(MATT, textures=(("diffuseColor", source),))],
        material_of=[[0]],
        lights=[(_light("distant", pi, normalize=True), DOWN)],
        textures=(Texture("quarters.png", "quarters", data.getvalue()),),
    )
    camera = look_at([0, 0, 4], [0, 0, 0], up=[0, 1, 0], width=40, height=40, fov=2 * np.arctan(0.25))
    return open_engine(kind=kind, spp=1, clamp=0).linear(snapshot, camera)


def _colours(picture, at=(10, 29)):
    """Names of the colours at two rows and, in each, at columns 10 and 29."""
    out = {}
    for row, line in zip(at, ("upper", "lower"), strict=True):
        for column, side in ((10, "left"), (29, "right")):
            near = min(_NAMES, key=lambda name: np.abs(picture[row, column] - _NAMES[name]).sum())
            assert np.allclose(picture[row, column], _NAMES[near], atol=0.05)
            out[f"{line} {side}"] = near
    return out


@pytest.mark.parametrize("kind", ["direct", "path", "raycast"])
class TestLightByTheBook:
    """Radiance of a matt floor (albedo a) is a / pi times its irradiance."""

    def test_normalized_distant_light_gives_its_intensity_as_irradiance(self, hand, kind):
        snapshot = _floor(hand, (_light("distant", 2.0, normalize=True, angle=0.01), DOWN))
        got = _linear(open_engine(kind=kind, spp=4, clamp=0), snapshot, _top_view())
        assert np.allclose(got, 0.5 / pi * 2.0, rtol=0.02)

    def test_distant_light_gives_radiance_times_its_projected_solid_angle(self, hand, kind):
        angle = 0.2
        snapshot = _floor(hand, (_light("distant", 10.0, angle=angle), DOWN))
        got = _linear(open_engine(kind=kind, spp=4, clamp=0), snapshot, _top_view())
        assert np.allclose(got, 0.5 / pi * 10.0 * pi * np.sin(angle / 2) ** 2, rtol=0.02)

    def test_a_dome_over_a_floor_gives_albedo_times_its_radiance(self, hand, kind):
        got = _linear(
            open_engine(kind=kind, spp=64, clamp=0), _floor(hand, (_light("dome", 0.8), DOWN)), _top_view()
        )
        # Burley's matt term reflects some percent more at grazing angles than Lambert's.
        assert np.allclose(got, 0.4, rtol=0.06)

    @pytest.mark.parametrize(
        ("shape", "fields", "area"),
        [
            ("rect", {"width": 0.2, "height": 0.1}, 0.02),
            ("disk", {"radius": 0.1}, pi * 0.01),
            ("sphere", {"radius": 0.1}, pi * 0.01),  # the disc that a sphere shows
            ("cylinder", {"radius": 0.02, "length": 0.3}, 2 * 0.02 * 0.3),
        ],
    )
    def test_small_lights_follow_the_inverse_square(self, hand, kind, shape, fields, area):
        height = 5.0
        snapshot = _floor(hand, (_light(shape, 1000.0, **fields), _at([0, 0, height])))
        camera = look_at([0, -0.01, 3], [0, 0, 0], width=4, height=4, fov=0.02)
        got = _linear(open_engine(kind=kind, spp=256, clamp=0, max_depth=2), snapshot, camera)
        assert np.allclose(got, 0.5 / pi * 1000.0 * area / height**2, rtol=0.05)

    def test_normalize_divides_by_the_area_in_stage_units(self, hand, kind):
        light = _light("rect", 1e4, normalize=True, width=0.2, height=0.1)
        snapshot = _floor(hand, (light, _at([0, 0, 5.0])))
        centimetres = replace(snapshot, stage=replace(snapshot.stage, meters_per_unit=0.01))
        engine = open_engine(kind=kind, spp=64, clamp=0, max_depth=2)
        camera = look_at([0, -0.01, 3], [0, 0, 0], width=4, height=4, fov=0.02)
        metres, cm = (_linear(engine, s, camera) for s in (snapshot, centimetres))
        assert np.allclose(metres, 0.5 / pi * 1e4 / 25.0, rtol=0.05)
        assert np.allclose(cm * 1e4, metres, rtol=1e-3)

    @pytest.mark.parametrize(
        ("shaping", "at", "left"),
        [
            (Shaping(cone_angle=np.pi / 6), 0.0, (1, 1, 1)),
            (Shaping(cone_angle=np.pi / 6), 35.0, (0, 0, 0)),
            (
                Shaping(cone_angle=np.pi / 6, cone_softness=1.0),
                15.0,
                (0.5, 0.5, 0.5),
            ),  # half way: smoothstep(1/2)
            (Shaping(cone_angle=np.pi, focus=4.0), 20.0, (cos(radians(20)) ** 4,) * 3),
            (
                Shaping(cone_angle=np.pi, focus=2.0, focus_tint=(1.0, 0.5, 0.0)),
                45.0,
                (1, 0.75, 0.5),  # half of the light is tinted
            ),
        ],
    )
    def test_shaping_by_the_text_of_usdlux(self, hand, kind, shaping, at, left):
        """A small sphere 5 m above a floor, seen where its light comes at an angle; against the same without shaping."""
        x = 5.0 * np.tan(radians(at))
        camera = look_at([x, -0.01, 3], [x, 0, 0], width=4, height=4, fov=0.02)
        engine = open_engine(kind=kind, spp=64, clamp=0, max_depth=2)
        plain = _light("sphere", 1e4, radius=0.05)
        pose = _at([0, 0, 5.0])
        shaped, bare = (
            _linear(engine, _floor(hand, (light, pose)), camera)
            for light in (replace(plain, shaping=shaping), plain)
        )
        assert bare.min() > 0
        assert np.allclose(shaped / bare, left, atol=0.03)

    def test_an_image_on_a_rectangle_shines_in_its_mean_colour(self, hand, kind):
        from PIL import Image

        pixels = np.zeros((2, 2, 3), np.uint8)
        pixels[0] = (255, 0, 188)  # the upper half; the lower is black
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        light = _light("rect", 1e3, width=0.2, height=0.1)
        pose = _at([0, 0, 5.0])
        texture = Texture("t.png", "t", stream.getvalue())
        camera = look_at([0, -0.01, 3], [0, 0, 0], width=4, height=4, fov=0.02)
        engine = open_engine(kind=kind, spp=16, clamp=0, max_depth=2)
        plain = _linear(engine, _floor(hand, (light, pose)), camera)
        lit = replace(light, texture=0)
        tinted = _linear(engine, _floor(hand, (lit, pose), textures=[texture]), camera)
        assert np.allclose(tinted / plain, [0.5, 0, linear_from_srgb(np.array(188 / 255)) / 2], atol=0.02)

    def test_a_light_of_no_known_kind_is_left_out_and_multipliers_count(self, hand, kind):
        engine = open_engine(kind=kind, spp=4)
        camera = _top_view()
        sun = _light("distant", 2.0, normalize=True)
        full = _linear(engine, _floor(hand, (sun, np.eye(4)), (_light("mesh", 9.0), np.eye(4))), camera)
        half = _linear(engine, _floor(hand, (replace(sun, diffuse=0.5), np.eye(4))), camera)
        assert np.allclose(full, 0.5 / pi * 2.0, rtol=0.02)
        assert np.allclose(half, full / 2, rtol=0.02)

    def test_a_rect_light_shines_along_minus_z_only(self, hand, kind):
        up = np.diag([1.0, -1.0, -1.0, 1.0])
        up[2, 3] = 5.0
        snapshot = _floor(hand, (_light("rect", 1e3, width=1, height=1), up))
        assert _linear(open_engine(kind=kind, spp=4), snapshot, _top_view()).max() == 0

    def test_a_box_throws_a_shadow(self, hand, kind):
        items = [(hand.quad(20.0), np.eye(4), 0), (hand.box([1, 1, 0.1]), hand.pose([0, 0, 2]), 1)]
        slanted = np.eye(4)
        slanted[:3, :3] = [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]  # light goes to (0, .6, -.8)
        snapshot = hand.snapshot(items, lights=[(_light("distant", 3.0, normalize=True), slanted)])
        camera = look_at([3, 1.5, 4], [0, 1.5, 0], width=33, height=25, fov=0.5)
        picture = open_engine(kind=kind, spp=4).linear(snapshot, camera)
        shadow, _ = camera.project(np.array([[0.0, 1.5, 0.0]]))
        lit, _ = camera.project(np.array([[0.0, 3.0, 0.0]]))
        dark = picture[int(shadow[0, 1]), int(shadow[0, 0])].max()
        assert dark < 0.02 * picture[int(np.clip(lit[0, 1], 0, 24)), int(np.clip(lit[0, 0], 0, 32))].max()

    def test_a_texture_is_the_right_way_up(self, hand, kind):
        picture = _quarters(hand, kind, TextureInput(0))
        # uv (0, 0) is the lower left corner and belongs to the image's lower left.
        assert _colours(picture) == {
            "upper left": "red",
            "upper right": "green",
            "lower left": "blue",
            "lower right": "white",
        }

    def test_a_texture_is_turned_counter_clockwise_then_moved(self, hand, kind):
        """UsdTransform2d by hand: uv (.25, .25) turned by 90 degrees is (-.25, .25), which wraps to (.75, .25)."""
        turned = _quarters(hand, kind, TextureInput(0, uv_rotation=pi / 2))
        assert _colours(turned) == {
            "upper left": "blue",
            "upper right": "red",
            "lower left": "white",
            "lower right": "green",
        }
        moved = _quarters(hand, kind, TextureInput(0, uv_rotation=pi / 2, uv_translation=(0.0, 0.5)))
        assert _colours(moved)["lower left"] == "green" and _colours(moved)["lower right"] == "white"
        scaled = _quarters(hand, kind, TextureInput(0, uv_scale=(1.0, 2.0)))
        assert _colours(scaled, at=(4, 14)) == {
            "upper left": "red",
            "upper right": "green",
            "lower left": "blue",
            "lower right": "white",
        }

    def test_outside_a_black_border_there_is_the_bias(self, hand, kind):
        """uv in [-0.5, 1.5): the picture stands in the middle half, around it the border (0) * scale + bias."""
        source = TextureInput(
            0, wrap_s="black", wrap_t="black", bias=(0.0, 0.5, 0.0, 0.0), scale=(1.0, 0.0, 0.0, 1.0),
            uv_scale=(2.0, 2.0), uv_translation=(-0.5, -0.5),
        )  # fmt: skip
        picture = _quarters(hand, kind, source)
        height, width = picture.shape[:2]
        corner, inside = picture[1, 1], picture[int(height * 0.4), int(width * 0.4)]
        assert corner[0] < 0.02 and corner[1] > 0.1 and corner[2] < 0.02
        assert inside[0] > 0.2  # the red quarter

    def test_a_bound_material_can_show_the_colours_of_the_vertices(self, hand, kind):
        colors = np.tile([0.0, 0.75, 0.0], (4, 1))
        quad = replace(hand.quad(20.0), color=frozen(colors, np.float32), hash="0" * 64)
        for shown, channel in ((True, 1), (False, 0)):
            matt = replace(MATT, path="/M", diffuse_color=(0.75, 0.0, 0.0), vertex_color=shown)
            snapshot = hand.snapshot(
                [(quad, np.eye(4), 0)], materials=[matt], lights=[(_light("dome", 1.0), DOWN)]
            )
            got = _linear(open_engine(kind=kind, spp=4), snapshot, _top_view())
            assert got[channel] > 0.3 and got[1 - channel] < 0.05

    def test_a_stage_without_lights_gets_a_sky_and_a_sun(self, hand, kind):
        assert _linear(open_engine(kind=kind, spp=4), _floor(hand), _top_view()).min() > 0.1

    def test_a_glowing_surface_is_as_bright_as_it_says(self, hand, kind):
        lamp = Material(
            "/lamp", diffuse_color=(0, 0, 0), emissive_color=(0.3, 0.6, 0.1), roughness=1.0, ior=1.01
        )
        got = _linear(open_engine(kind=kind, spp=4), _floor(hand, material=lamp), _top_view())
        assert np.allclose(got, [0.3, 0.6, 0.1], atol=0.02)

    def test_transparent_material_is_not_in_the_picture(self, hand, kind):
        snapshot = _floor(hand, (_light("dome", 0.7), DOWN), material=replace(MATT, opacity=0.0))
        assert np.allclose(_linear(open_engine(kind=kind, spp=1), snapshot, _top_view()), 0.7)

    def test_same_seed_same_bytes(self, many, kind):
        snapshot, camera = many(20), look_at([0, -9, 5], [0, 0, 0], width=64, height=48)
        one, two = (
            open_engine(kind=kind, spp=4, seed=7).render(snapshot, camera).aovs["rgb"] for _ in range(2)
        )
        assert one.dtype == np.uint8 and one.shape == (48, 64, 3)
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("kind", ["direct", "path"])
def test_other_seeds_give_other_noise(many, kind):
    snapshot, camera = many(20), look_at([0, -9, 5], [0, 0, 0], width=64, height=48)
    engine = open_engine(kind=kind, spp=4)
    assert (
        engine.render(snapshot, camera, seed=1).aovs["rgb"]
        != engine.render(snapshot, camera, seed=2).aovs["rgb"]
    ).any()


def _moved(snapshot, rows, rng):
    translation = snapshot.prims.local[rows, :3, 3] + rng.normal(0, 0.2, (len(rows), 3))
    quats = np.tile([1.0, 0, 0, 0], (len(rows), 1))
    index = frozen(np.array(rows), np.uint32)
    return snapshot.moved(
        PoseColumns(1, 0, index, frozen(translation, np.float64), frozen(quats, np.float32))
    )


@pytest.mark.parametrize("kind", ["direct", "path", "raycast"])
def test_a_picture_does_not_depend_on_what_was_rendered_before(hand, kind):
    """Moves, colours, lights, visibility: one engine through all of them equals a new engine each time."""
    rng = np.random.default_rng(5)
    ball, floor = hand.sphere(0.4, 12), hand.quad(20.0)
    items = [(floor, np.eye(4), 0)] + [
        (ball, hand.pose([x, 0, 0.4]), i + 1) for i, x in enumerate((-1, 0, 1))
    ]
    materials = [
        MATT,
        Material("/red", diffuse_color=(0.8, 0.1, 0.1), roughness=0.2),
        Material("/blue", metallic=1.0),
    ]
    start = hand.snapshot(
        items,
        materials=materials,
        material_of=[[0], [1], [2], [1]],
        lights=[
            (_light("dome", 0.3), DOWN),
            (_light("rect", 8.0, width=1, height=1), _at([0, 0, 4])),
            (_light("distant", 1.0, normalize=True), DOWN),
        ],
    )
    camera = look_at([0, -4, 2], [0, 0, 0], width=48, height=36)
    moved = _moved(start, [1, 2], rng)
    painted = replace(
        moved,
        materials=(MATT, replace(materials[1], diffuse_color=(0.1, 0.8, 0.1), roughness=0.6), materials[2]),
    )
    relit = replace(
        painted,
        lights=(painted.lights[0], replace(painted.lights[1], radiance=(2.0, 9.0, 2.0)), painted.lights[2]),
    )
    hidden = replace(
        relit, instances=replace(relit.instances, visible=frozen(np.array([1, 1, 0, 1]), np.bool_))
    )
    again = _moved(replace(hidden, instances=start.instances), [3], rng)
    engine = open_engine(kind=kind, spp=4, seed=3)
    for snapshot in (start, moved, painted, relit, hidden, again, start):
        living = engine.render(snapshot, camera).aovs["rgb"]
        fresh = open_engine(kind=kind, spp=4, seed=3).render(snapshot, camera).aovs["rgb"]
        assert living.tobytes() == fresh.tobytes()


def test_moves_and_colours_update_the_scene_in_place(many):
    rng = np.random.default_rng(1)
    snapshot, camera = many(10), look_at([0, -9, 5], [0, 0, 0], width=32, height=24)
    engine = open_engine(kind="direct", spp=1)
    for k in range(5):
        colour = tuple(rng.random(3))
        changed = replace(_moved(snapshot, [1, 2, 3], rng), materials=(Material("", diffuse_color=colour),))
        engine.render(changed, camera)
        if k == 1:
            builds = engine._living.builds
    assert engine._living.builds == builds <= 2


def test_depth_of_the_picture_is_the_depth_of_the_labels(hand, many):
    """Mitsuba's own intersections through pixel centres against the label pass."""
    snapshot, camera = many(30), look_at([1.3, -9, 5], [0.2, 0, 0], width=160, height=120)
    engine = open_engine(kind="direct", spp=1)
    engine.render(snapshot, camera)
    living, labels = engine._living, label_pass(snapshot, camera)
    import mitsuba as mi

    eye, direction = camera.rays()
    length = np.linalg.norm(direction, axis=1)
    ray = mi.Ray3f(mi.Point3f(*(eye - living.origin).T), mi.Vector3f(*(direction / length[:, None]).T))
    distance = np.array(living.scene.ray_intersect_preliminary(ray).t)
    depth = labels.aovs["depth"].ravel()
    agree = np.isclose(distance / length, depth, rtol=1e-4) | (np.isinf(distance) & np.isinf(depth))
    # Rays that graze a silhouette may go either way in float32.
    assert agree.mean() > 0.999


def test_silhouettes_of_the_picture_are_those_of_the_labels_for_any_intrinsics(hand):
    """A glowing ball, non-square pixels, shifted principal point, 5 km out: the mean of the samples is the coverage."""
    far_out = np.array([5000.0, -3000.0, 0.0])
    lamp = Material("/lamp", diffuse_color=(0, 0, 0), emissive_color=(1, 1, 1), roughness=1.0, ior=1.01)
    snapshot = hand.snapshot(
        [(hand.sphere(0.5, 40), hand.pose(far_out + np.array([0.2, 0, 0.1])), 0)],
        materials=[lamp],
        material_of=[[0]],
    )
    base = look_at(far_out + np.array([0.0, -3, 0.5]), far_out, width=80, height=60)
    camera = replace(base, K=pinhole(70.0, 110.0, 31.0, 36.0))
    covered = open_engine(kind="direct", spp=16).linear(snapshot, camera)[..., 0]
    mask = label_pass(snapshot, camera).objects[0].visible
    assert abs(covered.sum() - mask.sum()) < 0.02 * mask.sum()
    assert ((covered > 0.5) != mask).mean() < 0.01


def test_lights_have_no_body_in_pictures(hand):
    """A sphere light between camera and floor is not seen, as the labels do not see it."""
    lights = [(_light("sphere", 5.0, radius=0.5), _at([0, 0, 2])), (_light("dome", 0.2), DOWN)]
    for kind in ("direct", "path"):
        picture = open_engine(kind=kind, spp=16).linear(_floor(hand, *lights), _top_view(distance=6.0))
        assert picture.max() < 4.0


def test_cutouts_show_what_is_behind(hand):
    from PIL import Image

    stripes = np.zeros((2, 2, 4), np.uint8)
    stripes[:, 1, 3] = 255  # right half opaque
    data = io.BytesIO()
    Image.fromarray(stripes).save(data, "PNG")
    leaf = Material(
        "/leaf",
        opacity_threshold=0.5,
        textures=(("opacity", TextureInput(0, channel="a", wrap_s="clamp", wrap_t="clamp")),),
        diffuse_color=(0, 0, 0),
        ior=1.01,
    )
    snapshot = hand.snapshot(
        [(hand.quad(2.0), hand.pose([0, 0, 1]), 0), (hand.quad(50.0), np.eye(4), 1)],
        materials=[leaf, MATT],
        material_of=[[0], [1]],
        lights=[(_light("dome", 1.0), DOWN)],
        textures=(Texture("leaf.png", "leaf", data.getvalue()),),
    )
    camera = look_at([0, 0, 4], [0, 0, 0], up=[0, 1, 0], width=40, height=40, fov=0.3)
    for kind in ("direct", "path"):
        picture = open_engine(kind=kind, spp=16).linear(snapshot, camera)
        assert picture[20, 8].mean() > 0.05 > 0.02 > picture[20, 32].mean()


def test_map_of_a_dome_is_turned_as_usdlux_says(hand):
    """The map's middle lies towards the node's +Z, its pole towards +Y; a quarter to the left is +X."""
    from PIL import Image

    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[3:5, 7:9] = [255, 0, 0]  # middle: +Z
    pixels[3:5, 3:5] = [0, 255, 0]  # a quarter from the left: +X
    pixels[0:2] = [0, 0, 255]  # top: +Y
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    light = _light("dome", 1.0, texture=0)
    items = [(hand.box([0.001] * 3), hand.pose([0, 0, -50]), 0)]
    textures = (Texture("sky.png", "sky", data.getvalue()),)
    snapshot = hand.snapshot(items, lights=[(light, DOWN)], textures=textures)
    engine = open_engine(kind="direct", spp=1)

    def towards(direction, up):
        camera = look_at([0, 0, 0], direction, up=up, width=5, height=5, fov=0.1)
        return engine.linear(snapshot, camera)[2, 2]

    assert np.allclose(towards([0, 0, 1], [0, 1, 0]), [1, 0, 0], atol=0.02)
    assert np.allclose(towards([1, 0, 0], [0, 1, 0]), [0, 1, 0], atol=0.02)
    assert np.allclose(towards([0, 1, 0], [0, 0, 1]), [0, 0, 1], atol=0.02)
    assert np.allclose(towards([-1, 0, 0], [0, 1, 0]), [0, 0, 0], atol=0.02)
    # A map that was turned with the stage: pole along the node's +Z.
    turned = replace(light, node_from_map=((1.0, 0, 0), (0, 0, -1.0), (0, 1.0, 0)))
    snapshot = hand.snapshot(items, lights=[(turned, DOWN)], textures=textures)
    assert np.allclose(towards([0, 0, 1], [0, 1, 0]), [0, 0, 1], atol=0.02)


def test_display_colour_shows_on_the_fall_back_material_only(hand):
    quad = hand.quad(50.0)
    red = np.tile([0.9, 0.05, 0.05], (4, 1))
    painted = hand.prototype(quad.points, quad.triangles, quad.normals, color=red)
    mixed = hand.prototype(quad.points, quad.triangles, quad.normals, color=red * [[0.5], [0.5], [1], [1]])
    sun = [(_light("distant", pi, normalize=True), DOWN)]
    for kind in ("direct", "raycast"):
        engine = open_engine(kind=kind, spp=4, clamp=0)
        for prototype, most in ((painted, 0.95), (mixed, 0.8)):
            plain = hand.snapshot([(prototype, np.eye(4), 0)], materials=[replace(MATT, path="")], lights=sun)
            got = _linear(engine, plain, _top_view())
            assert 0.5 < got[0] < most and got[1] < 0.12
        bound = hand.snapshot([(painted, np.eye(4), 0)], materials=[MATT], material_of=[[0]], lights=sun)
        assert np.allclose(_linear(engine, bound, _top_view()), 0.5, atol=0.03)


def test_the_scalar_variant_renders_the_same_scene(hand):
    """Without LLVM: Mitsuba's own integrators agree with ours up to noise."""
    from twinstage.render.mi.runtime import Mitsuba, load_mitsuba
    from twinstage.render.mi.scalar import trace_scalar
    from twinstage.render.mi.scene import LivingScene
    from twinstage.render.mi.trace import Sampling

    items = [(hand.quad(20.0), np.eye(4), 0), (hand.box(), hand.pose([0, 0, 0.5]), 1)]
    materials = [MATT, Material("/red", diffuse_color=(0.7, 0.2, 0.1), roughness=0.7)]
    snapshot = hand.snapshot(
        items,
        materials=materials,
        material_of=[[0], [1]],
        lights=[(_light("dome", 0.5), DOWN), (_light("distant", 1.0, normalize=True), DOWN)],
    )
    camera = replace(look_at([2, -3, 2], [0, 0, 0.4], width=32, height=24), K=pinhole(25.0, 31.0, 17.0, 11.0))
    expected = open_engine(kind="path", spp=64, max_depth=4, clamp=0).linear(snapshot, camera)
    loaded = load_mitsuba()
    loaded.mi.set_variant("scalar_rgb")
    try:
        scalar = Mitsuba(loaded.mi, loaded.dr, "scalar_rgb", None)
        living = LivingScene(scalar, largest_texture=64, largest_map=64)
        living.follow(snapshot)
        got = trace_scalar(scalar, living, snapshot, camera, Sampling(4, 64, 0, float("inf")))
        darker = replace(snapshot, materials=(MATT, replace(materials[1], diffuse_color=(0.1, 0.1, 0.1))))
        living.follow(darker)
        changed = trace_scalar(scalar, living, darker, camera, Sampling(4, 64, 0, float("inf")))
    finally:
        loaded.mi.set_variant(loaded.variant)
    # The scalar variant's `principled` has Burley's matt term, which is brighter than Lambert's at grazing angles.
    assert np.allclose(got.mean((0, 1)), expected.mean((0, 1)), rtol=0.12)
    blocks = [image.reshape(6, 4, 8, 4, 3).mean((1, 3)) for image in (got, expected)]
    assert np.abs(blocks[0] - blocks[1]).max() < 0.12
    assert changed.mean() < got.mean()


def test_engines_are_found_by_kind_and_unknown_ones_named():
    assert {"direct", "path", "raycast", "null"} <= set(ENGINES.kinds())
    assert isinstance(open_engine(kind="null"), Engine)
    with pytest.raises(UserError, match="no engine named 'pth'; did you mean 'path'"):
        open_engine(kind="pth")
    with pytest.raises(ValueError, match="spp"):
        EngineSettings(spp=0)


def test_null_engine_shows_its_seed(hand):
    rgb = open_engine(kind="null").render(_floor(hand), _top_view(), seed=0x010203).aovs["rgb"]
    assert rgb[0, 0].tolist() == [1, 2, 3] and rgb[5, 5].tolist() == [128, 128, 128]


def test_exposure_doubles_light_and_auto_exposure_brings_the_mean_to_grey(hand):
    snapshot = _floor(hand, (_light("dome", 0.02), DOWN))
    plain, bright, auto = (
        open_engine(kind="direct", spp=16, **fields).render(snapshot, _top_view()).aovs["rgb"].mean()
        for fields in ({}, {"exposure": 2.0}, {"auto_exposure": True})
    )
    assert linear_from_srgb(bright / 255) == pytest.approx(4 * linear_from_srgb(plain / 255), rel=0.1)
    assert auto == pytest.approx(srgb_from_linear(np.array(0.18)) * 255, abs=4)
    assert auto_exposure(np.zeros((4, 4, 3), np.float32)) == 0.0


@pytest.mark.parametrize("kind", ["raycast", "direct"])
def test_a_cameras_own_exposure_brightens_its_pictures(hand, kind):
    snapshot = _floor(hand, (_light("distant", 0.2, normalize=True), np.eye(4)))
    plain = _top_view()
    pictures = {
        stops: open_engine(kind=kind, spp=4, exposure=own).render(snapshot, camera).aovs["rgb"]
        for stops, own, camera in [
            ("none", 0, plain),
            ("camera", 0, replace(plain, exposure=2.0)),
            ("engine", 2, plain),
        ]
    }
    assert np.array_equal(pictures["camera"], pictures["engine"])
    assert pictures["camera"].mean() > 1.5 * pictures["none"].mean()
    found = [
        open_engine(kind=kind, spp=4, auto_exposure=True).render(snapshot, camera).aovs["rgb"]
        for camera in (plain, replace(plain, exposure=2.0))
    ]
    assert np.array_equal(*found), "a picture that finds its own exposure"


def test_tone_map_is_srgb_up_to_the_shoulder_and_rises_to_white():
    ramp = np.linspace(0, 0.8, 1000, dtype=np.float32)
    expected = np.rint(srgb_from_linear(ramp.astype(np.float64)) * 255)
    assert np.abs(tone_map(ramp).astype(int) - expected).max() <= 1
    high = tone_map(np.linspace(0.8, 50, 1000, dtype=np.float32)).astype(int)
    assert (np.diff(high) >= 0).all() and high[-1] >= 254
    assert tone_map(np.array([np.nan, -1.0, np.inf], np.float32)).tolist() == [0, 0, 255]
    values = np.linspace(0, 1, 256)
    assert np.allclose(linear_from_srgb(srgb_from_linear(values)), values, atol=1e-9)


def test_the_newest_fitting_llvm_is_chosen(tmp_path):
    for name in ("libLLVM-15.so.1", "libLLVM.so.19.1", "libLLVM-20.so", "libLLVM-14.0.6.so.1"):
        (tmp_path / name).touch()
    assert find_llvm((str(tmp_path),)) == str(tmp_path / "libLLVM-20.so")
    assert find_llvm((str(tmp_path / "nothing"),)) is None
    for name in ("libLLVM.so.19.1", "libLLVM-20.so"):
        (tmp_path / name).unlink()
    assert find_llvm((str(tmp_path),)) is None


def _same_place(hand):
    """Twenty pairs of squares of two colours, each pair in exactly the same place, seen from above."""
    quad = hand.quad(1.0)
    items, poses = [], [_at([0.3 * i, 0.1 * i, 0]) for i in range(-10, 10)]
    for k, pose in enumerate(poses):
        items += [(quad, pose, 2 * k), (quad, pose, 2 * k + 1)]
    colours = [
        Material("/red", diffuse_color=(0.8, 0.0, 0.0)),
        Material("/green", diffuse_color=(0.0, 0.8, 0.0)),
    ]
    return hand.snapshot(
        items,
        materials=colours,
        material_of=[[k % 2] for k in range(40)],
        lights=[(_light("distant"), DOWN)],
        visible=[True] * 39 + [False],
    )


@pytest.mark.parametrize("kind", ["direct", "path"])
def test_surfaces_in_one_place_look_the_same_whatever_came_before(hand, kind):
    """Which of the two is hit hangs on the grouping, and that on what is expected, not on what was rendered."""
    start, camera = _same_place(hand), _top_view(80, 60, 12.0)
    rng = np.random.default_rng(5)
    examples = [_moved(start, list(range(0, 30, 3)), rng) for _ in range(2)]
    moves = [[0, 3], [3, 9, 27], [0, 6, 9], [1, 2], [35], [0, 1]]  # of the last three, some were not expected
    shown = replace(start, instances=replace(start.instances, visible=frozen(np.ones(40), np.bool_)))
    frames = [*(_moved(start, rows, rng) for rows in moves), shown, start]

    def opened():
        engine = open_engine(kind=kind, spp=2, seed=1)
        engine.expect(start, examples)
        return engine

    alone = [opened().render(frame, camera).aovs["rgb"].tobytes() for frame in frames]
    for order in (range(8), [7, 6, 5, 4, 3, 2, 1, 0], [3, 0, 6, 5, 2, 7, 1, 4]):
        engine = opened()
        for k in order:
            assert engine.render(frames[k], camera).aovs["rgb"].tobytes() == alone[k], (list(order), k)


def test_what_is_expected_is_updated_in_place_from_the_start(hand):
    start, camera = _same_place(hand), _top_view(16, 12, 12.0)
    rng = np.random.default_rng(5)
    engine = open_engine(kind="direct", spp=1)
    engine.expect(start, [_moved(start, [1, 2, 3], rng)])
    for rows in ([1], [2, 3], [1, 2, 3], [2]):
        engine.render(_moved(start, rows, rng), camera)
    assert engine._living.builds == 1
