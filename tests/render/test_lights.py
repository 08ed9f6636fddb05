"""Lights by the formulas of form factors: a matt floor under one light has radiance albedo / pi times its irradiance."""

import io
from dataclasses import replace
from math import atan, cos, pi, radians, sin, sqrt, tan

import numpy as np
import pytest
from tests.scene.test_ies import ies

from twinstage.render.camera import look_at
from twinstage.render.engines import open_engine
from twinstage.scene.snapshot import Light, Material, Shaping, Texture, TextureInput

MATT = Material("/matt", diffuse_color=(0.5, 0.5, 0.5), roughness=1.0, ior=1.0)


def _light(kind, radiance=1.0, **fields):
    return Light(prim=0, kind=kind, radiance=(radiance,) * 3, **fields)


def _at(x=0.0, y=0.0, z=0.0):
    pose = np.eye(4)
    pose[:3, 3] = x, y, z
    return pose


def _floor(
    hand,
    lights,
    *,
    at=(0.0, 0.0),
    kind="path",
    spp=1024,
    material=MATT,
    more=(),
    worn=(),
    textures=(),
    **fields,
):
    """Radiance that a floor sends up from a point; `more`: other things, of the materials in `worn`."""
    items = [(hand.quad(200.0), np.eye(4), 0), *((p, m, i + 1) for i, (p, m) in enumerate(more))]
    used = [material, *worn]
    snapshot = hand.snapshot(
        items,
        materials=used,
        material_of=[[k] for k in range(len(items))],
        lights=lights,
        textures=textures,
    )
    x, y = at
    camera = look_at([x, y - 1e-3, 0.5], [x, y, 0], width=4, height=4, fov=0.01)
    settings = {"spp": spp, "clamp": 0, "max_depth": 2, **fields}
    return open_engine(kind=kind, **settings).linear(snapshot, camera).mean((0, 1))


def _rect_factor(width, height, distance):
    """Form factor from a point to a parallel rectangle over it."""
    a, b = width / 2 / distance, height / 2 / distance
    part = a / sqrt(1 + a * a) * atan(b / sqrt(1 + a * a)) + b / sqrt(1 + b * b) * atan(a / sqrt(1 + b * b))
    return 4 * part / (2 * pi)


class TestFormFactors:
    def test_a_large_rectangle(self, hand):
        got = _floor(hand, [(_light("rect", width=2.0, height=1.0), _at(z=1.0))])
        assert np.allclose(got, 0.5 * _rect_factor(2, 1, 1), rtol=0.03)

    def test_a_large_disk(self, hand):
        got = _floor(hand, [(_light("disk", radius=0.8), _at(z=1.0))])
        assert np.allclose(got, 0.5 * 0.64 / (0.64 + 1), rtol=0.03)

    def test_a_large_sphere(self, hand):
        for radius in (0.3, 0.9):
            got = _floor(hand, [(_light("sphere", radius=radius), _at(z=1.0))], spp=4096)
            assert np.allclose(got, 0.5 * radius**2, rtol=0.04)

    def test_a_wide_distant_light_and_its_half_shadow(self, hand):
        """A sun of 60 degrees gives pi sin^2(30); a wall's edge before its middle leaves a half."""
        sun = (_light("distant", angle=radians(60)), np.eye(4))
        whole = _floor(hand, [sun])
        assert np.allclose(whole, 0.5 * sin(radians(30)) ** 2, rtol=0.03)
        half = _floor(hand, [sun], more=[(hand.quad(100.0), _at(x=50.0, z=1.0))], worn=[MATT])
        assert np.allclose(half, whole / 2, rtol=0.04)

    @pytest.mark.parametrize("kind", ["sphere", "cylinder"])
    def test_the_hint_to_treat_a_light_as_a_point_or_line_keeps_its_power(self, hand, kind):
        light = _light(kind, 50.0, radius=0.02, length=0.2)
        pose = _at(z=3.0)
        both = [_floor(hand, [(x, pose)]) for x in (light, replace(light, treat_as_point=True))]
        assert np.allclose(both[0], both[1], rtol=0.03)

    @pytest.mark.parametrize("kind", ["direct", "path"])
    def test_a_glowing_surface_and_a_gprim_that_is_a_light(self, hand, kind):
        """A square that glows by its material, and one by a MeshLightAPI, among other lights."""
        quad = hand.prototype(
            hand.quad(2.0).points,
            hand.quad(2.0).triangles,
            np.tile([0.0, 0.0, -1.0], (4, 1)),
            hand.quad(2.0).uv,
        )
        sky, expected = (_light("dome", 0.1), np.eye(4)), _rect_factor(2, 2, 1)
        black = Material("/lamp", diffuse_color=(0, 0, 0), roughness=1.0, ior=1.0)
        glowing = replace(black, emissive_color=(1.0, 2.0, 0.0))
        more = [(quad, _at(z=1.0))]
        base = 0.5 * 0.1 * (1 - expected)
        got = _floor(hand, [sky], kind=kind, more=more, worn=[glowing], spp=4096)
        assert np.allclose(got, base + 0.5 * expected * np.array([1, 2, 0]), rtol=0.04)
        snapshot = hand.snapshot(
            [(hand.quad(200.0), np.eye(4), 0), (quad, _at(z=1.0), 1)],
            materials=[MATT, black],
            material_of=[[0], [1]],
            lights=[sky, (_light("mesh", 8.0, normalize=True), np.eye(4))],
        )
        mesh = replace(snapshot, lights=(snapshot.lights[0], replace(snapshot.lights[1], prim=1)))
        camera = look_at([0, -1e-3, 0.5], [0, 0, 0], width=4, height=4, fov=0.01)
        got = open_engine(kind=kind, spp=4096, clamp=0, max_depth=2).linear(mesh, camera).mean((0, 1))
        assert np.allclose(got, base + 0.5 * expected * 2.0, rtol=0.04)  # 8 over its 4 square metres

    def test_both_ways_of_finding_a_glowing_surface_add_up_to_one(self, hand):
        """A glossy floor right below a glowing square: `direct` asks the square only, `path` weighs both ways."""
        quad = hand.quad(0.5)
        glowing = Material("/lamp", diffuse_color=(0, 0, 0), emissive_color=(1, 1, 1))
        glossy = replace(MATT, roughness=0.3, metallic=0.5)
        args = {"more": [(quad, _at(x=0.2, z=0.6))], "worn": [glowing], "material": glossy, "spp": 16384}
        direct, path = (_floor(hand, [], kind=kind, **args) for kind in ("direct", "path"))
        assert np.allclose(direct, path, rtol=0.03)

    def test_a_hundred_lights_are_the_sum_of_each(self, hand):
        rng = np.random.default_rng(6)
        lights = [
            (
                _light("disk", float(rng.uniform(1, 50)), radius=0.1),
                _at(*rng.uniform(-4, 4, 2), z=float(rng.uniform(1, 3))),
            )
            for _ in range(100)
        ]
        # Small discs: radiance * area * cos^2 / distance^2.
        expected = 0.0
        for light, pose in lights:
            d2 = float(pose[:3, 3] @ pose[:3, 3])
            expected += light.radiance[0] * pi * 0.01 * pose[2, 3] ** 2 / d2 / d2
        got = _floor(hand, lights, spp=4096)
        assert np.allclose(got, 0.5 / pi * expected, rtol=0.04)


class TestControls:
    def test_lights_without_shadow_shine_through(self, hand):
        for light in (_light("distant", 1.0, normalize=True), _light("disk", 10.0, radius=0.1)):
            pose = _at(z=5.0)
            roof = {"more": [(hand.quad(3.0), _at(z=1.0))], "worn": [MATT]}
            free = _floor(hand, [(light, pose)], spp=64)
            assert np.allclose(_floor(hand, [(light, pose)], spp=64, **roof), 0.0)
            assert np.allclose(
                _floor(hand, [(replace(light, shadow=False), pose)], spp=64, **roof), free, rtol=0.03
            )

    @pytest.mark.parametrize("kind", ["direct", "path"])
    def test_matt_and_glossy_have_multipliers_of_their_own(self, hand, kind):
        """diffuse + specular parts of any light add up; a mirror sees only the second."""
        material = replace(MATT, roughness=0.4, ior=2.0)
        for light, pose in (
            (_light("distant", 2.0, normalize=True, angle=0.2), np.eye(4)),
            (_light("rect", 2.0, width=1.0, height=1.0), _at(z=1.5)),
            (_light("dome", 0.5), np.eye(4)),
        ):
            whole, matt, shiny, none = (
                _floor(hand, [(replace(light, diffuse=d, specular=s), pose)], kind=kind, material=material)[0]
                for d, s in ((1, 1), (1, 0), (0, 1), (0, 0))
            )
            assert matt + shiny == pytest.approx(whole, rel=0.03) and min(matt, shiny) > 0.02 * whole
            assert none == 0.0

    def test_an_image_on_a_rectangle_shines_from_where_it_is(self, hand):
        """Red left, blue right, green below: u along X, v along Y, for a light that looks down its -Z."""
        from PIL import Image

        pixels = np.zeros((2, 2, 3), np.uint8)
        pixels[0, 0], pixels[0, 1], pixels[1] = [255, 0, 0], [0, 0, 255], [0, 255, 0]
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "PNG")
        textures = (Texture("lamp.png", "lamp", data.getvalue()),)
        light = [(_light("rect", 10.0, width=2.0, height=2.0, texture=0), _at(z=0.6))]
        near = {
            name: _floor(hand, light, at=at, textures=textures, spp=256)
            for name, at in {"left": (-0.5, 0.5), "right": (0.5, 0.5), "below": (0.0, -0.5)}.items()
        }
        assert [int(near[name].argmax()) for name in ("left", "right", "below")] == [0, 2, 1]


class TestProfiles:
    """A small sphere 4 m above a floor with a profile, against the same without one."""

    PROFILE = ies([0, 30, 60, 90], [0, 90, 180, 270], [[100, 50, 10, 0], [100, 80, 10, 0]] * 2)

    def _ratio(self, hand, shaping, angle, azimuth, kind="path"):
        radius = 4 * tan(radians(angle))
        at = radius * cos(radians(azimuth)), radius * sin(radians(azimuth))
        light = _light("sphere", 100.0, radius=0.02)
        with_it, without = (
            _floor(hand, [(x, _at(z=4.0))], at=at, spp=64, kind=kind)[0]
            for x in (replace(light, shaping=shaping), light)
        )
        return with_it / without

    @pytest.mark.parametrize("kind", ["direct", "path", "raycast"])
    def test_candela_at_angles(self, hand, kind):
        plain = Shaping(cone_angle=pi, ies=self.PROFILE)
        for angle, azimuth, candela in ((0, 0, 100), (30, 0, 50), (30, 90, 80), (30, 45, 65), (45, 0, 30)):
            assert self._ratio(hand, plain, angle, azimuth, kind) == pytest.approx(candela, rel=0.03)

    def test_scale_and_normalize_by_the_text_of_usdlux(self, hand):
        from twinstage.scene.ies import parse_ies

        plain = Shaping(cone_angle=pi, ies=self.PROFILE)
        wide, narrow = replace(plain, ies_angle_scale=1.5), replace(plain, ies_angle_scale=0.5)
        assert self._ratio(hand, wide, 45, 0) == pytest.approx(50, rel=0.03)
        assert self._ratio(hand, narrow, 15, 0) == pytest.approx(50, rel=0.03)
        power = parse_ies(self.PROFILE).power()
        normalized = replace(plain, ies_normalize=True)
        assert self._ratio(hand, normalized, 0, 0) == pytest.approx(100 / power, rel=0.03)

    def test_a_file_that_is_no_profile_shapes_nothing(self, hand):
        assert self._ratio(hand, Shaping(cone_angle=pi, ies=b"no profile"), 30, 0) == pytest.approx(
            1.0, rel=0.02
        )


def test_textures_that_glow_light_with_their_mean(hand):
    """Half of a square glows: twice the share of a plain one of half its radiance."""
    from PIL import Image

    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[:, 1] = 255
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    source = TextureInput(0, color_space="raw", wrap_s="clamp", wrap_t="clamp")
    lamp = Material("/lamp", diffuse_color=(0, 0, 0), textures=(("emissiveColor", source),))
    plain = Material("/lamp", diffuse_color=(0, 0, 0), emissive_color=(0.5, 0.5, 0.5))
    textures = (Texture("glow.png", "glow", data.getvalue()),)
    far = {"more": [(hand.quad(1.0), _at(z=4.0))]}
    for kind in ("direct", "path"):
        got = _floor(hand, [], kind=kind, worn=[lamp], textures=textures, **far)
        assert np.allclose(got, _floor(hand, [], kind=kind, worn=[plain], **far), rtol=0.03)


@pytest.mark.parametrize("kind", ["rect", "disk", "sphere"])
def test_a_mirror_shows_a_lamp_without_noise(hand, kind):
    """A smooth metal that mirrors the middle of a lamp: its radiance at any number of samples; beside it nothing."""
    mirror = Material("/m", diffuse_color=(1, 1, 1), metallic=1.0, roughness=0.02)
    light = [(_light(kind, 2.0, width=0.4, height=0.4, radius=0.2), _at(z=4.0))]
    got = _floor(hand, light, material=mirror, spp=4)
    assert np.allclose(got, 2.0, rtol=0.05)
    assert np.allclose(_floor(hand, light, at=(1.0, 0.0), material=mirror, spp=4), 0.0, atol=0.01)


def test_the_scalar_variant_knows_the_multiplier_of_matt_light(hand):
    from twinstage.render.mi.lights import LightBuilder
    from twinstage.render.mi.runtime import load_mitsuba

    lights = [(_light("distant", 2.0, normalize=True, diffuse=0.5), np.eye(4))]
    snapshot = hand.snapshot([(hand.quad(1.0), np.eye(4), 0)], lights=lights)
    loaded = load_mitsuba()
    loaded.mi.set_variant("scalar_rgb")
    try:
        dicts = LightBuilder(loaded.mi, 64, listed=False).dicts(snapshot, np.zeros(3))
    finally:
        loaded.mi.set_variant(loaded.variant)
    assert dicts["light0"]["irradiance"]["value"] == [1.0, 1.0, 1.0]
