"""Surfaces by closed forms: furnaces, Fresnel, normal maps, glass, cut-outs, and what textures feed."""

import io
from dataclasses import replace
from math import cos, pi, radians, sin

import numpy as np
import pytest

from twinstage.render.camera import look_at
from twinstage.render.engines import open_engine
from twinstage.render.mi.microfacets import SIZE, albedo_table
from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import Light, Material, Texture, TextureInput

MATT = Material("/matt", diffuse_color=(0.5, 0.5, 0.5), roughness=1.0, ior=1.0)


def _light(kind, radiance=1.0, **fields):
    return Light(prim=0, kind=kind, radiance=(radiance,) * 3, **fields)


def _sun(toward):
    """A distant light of irradiance pi from a direction: a white matt surface that faces it has radiance 1."""
    z = np.array(toward, float) / np.linalg.norm(toward)
    x = np.cross([0.0, 1.0, 0.0], z)
    x = x / np.linalg.norm(x) if np.linalg.norm(x) > 1e-6 else np.array([1.0, 0, 0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([x, np.cross(z, x), z], 1)
    return _light("distant", pi, normalize=True), pose


SKY = (_light("dome", 1.0), np.eye(4))


def _image(pixels):
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(data, "PNG")
    return Texture("image.png", str(hash(data.getvalue())), data.getvalue())


def _seen(
    hand, material, lights, *, view=0.0, kind="direct", spp=256, pixels=None, prototype=None, below=None
):
    """Mean radiance of a square, seen under an angle [deg] to its normal."""
    items, worn = [(prototype or hand.quad(50.0), np.eye(4), 0)], [[0]]
    if below is not None:
        items.append((hand.quad(500.0), hand.pose([0, 0, -1]), 1))
        worn.append([1])
    snapshot = hand.snapshot(
        items,
        materials=[material] if below is None else [material, below],
        material_of=worn,
        lights=lights,
        textures=() if pixels is None else tuple(_image(p) for p in pixels),
    )
    eye = np.array([sin(radians(view)), 0.0, cos(radians(view))]) * 3
    camera = look_at(eye, [0, 0, 0], up=[0, 1, 0], width=4, height=4, fov=0.01)
    return open_engine(kind=kind, spp=spp, clamp=0, max_depth=2).linear(snapshot, camera).mean((0, 1))


class TestFurnace:
    """In a sky of 1, whatever takes no light away is invisible."""

    @pytest.mark.parametrize("kind", ["direct", "path"])
    @pytest.mark.parametrize("view", [0.0, 60.0, 80.0])
    def test_a_white_surface_in_a_white_sky_is_white(self, hand, kind, view):
        for roughness in (0.05, 0.5, 1.0):
            white = Material("/w", diffuse_color=(1, 1, 1), roughness=roughness)
            metal = replace(white, metallic=1.0)
            half = replace(white, metallic=0.5)
            coated = replace(white, clearcoat=1.0, clearcoat_roughness=0.3)
            for material in (white, metal, half, coated):
                got = _seen(hand, material, [SKY], view=view, kind=kind, spp=1024)
                assert np.allclose(got, 1.0, atol=0.025), (material, got)

    def test_the_table_is_what_integration_over_the_hemisphere_gives(self):
        """Another way: half vectors evenly over the hemisphere instead of visible normals, at a rough surface."""
        rng = np.random.default_rng(3)
        row, column = SIZE - 1, 20
        alpha, mu = (row / (SIZE - 1)) ** 2, column / (SIZE - 1)
        view = np.array([np.sqrt(1 - mu**2), 0, mu])
        z, phi = rng.random(400_000), 2 * np.pi * rng.random(400_000)
        out = np.stack([np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi), z], 1)
        half = out + view
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        d = alpha**2 / (np.pi * (half[:, 2] ** 2 * (alpha**2 - 1) + 1) ** 2)
        g = 1 / (1 + _smith(alpha, mu) + _smith(alpha, z))
        schlick = (1 - half @ view) ** 5
        value = d * g / (4 * mu) * 2 * np.pi
        expected = [(value * (1 - schlick)).mean(), (value * schlick).mean()]
        assert albedo_table()[row, column] == pytest.approx(expected, rel=0.02)


def _smith(alpha, cosine):
    return (np.sqrt(1 + alpha**2 * (1 / cosine**2 - 1)) - 1) / 2


class TestReflectance:
    def test_a_smooth_surface_mirrors_f0_of_its_ior(self, hand):
        for ior in (1.5, 2.0):
            got = _seen(hand, Material("/m", diffuse_color=(0, 0, 0), roughness=0.05, ior=ior), [SKY])
            assert np.allclose(got, ((1 - ior) / (1 + ior)) ** 2, rtol=0.03)

    def test_a_metal_mirrors_its_colour_and_the_specular_workflow_its_specular_colour(self, hand):
        colour = (0.9, 0.5, 0.1)
        metal = Material("/m", diffuse_color=colour, metallic=1.0, roughness=0.1)
        special = Material(
            "/s", diffuse_color=(0, 0, 0), use_specular_workflow=True, specular_color=colour, roughness=0.1
        )
        for material in (metal, special):
            assert np.allclose(_seen(hand, material, [SKY]), colour, rtol=0.03)
        both = replace(special, diffuse_color=(0.4, 0.4, 0.4), specular_color=(0.5, 0.0, 0.0))
        assert np.allclose(_seen(hand, both, [SKY]), [0.5 + 0.5 * 0.4, 0.4, 0.4], rtol=0.04)

    def test_a_coat_mirrors_above_what_is_below(self, hand):
        coated = Material("/c", diffuse_color=(0, 0, 0), ior=1.0, roughness=1.0, clearcoat=1.0)
        got = _seen(hand, replace(coated, ior=2.0, clearcoat_roughness=0.05), [SKY])
        base = _seen(hand, replace(coated, ior=2.0, clearcoat=0.0), [SKY])
        assert np.allclose(got, 1 / 9 + base * 8 / 9, rtol=0.04)

    @pytest.mark.parametrize("name", ["clearcoat", "roughness", "metallic", "specularColor"])
    def test_an_image_is_what_the_number_would_be(self, hand, name):
        """An image of one value against the number, under a sun and a sky."""
        plain = Material("/p", diffuse_color=(0.2, 0.3, 0.4), roughness=0.4, ior=1.8, clearcoat_roughness=0.2)
        plain = replace(plain, use_specular_workflow=name == "specularColor")
        field = {"specularColor": "specular_color"}.get(name, name)
        value = (0.6, 0.6, 0.6) if name == "specularColor" else 0.6
        numbered = replace(plain, **{field: value})
        channel = "rgb" if name == "specularColor" else "g"
        source = TextureInput(0, channel=channel, color_space="raw")
        pictured = replace(plain, textures=((name, source),))
        lights = [SKY, _sun([1, 0, 1])]
        got = _seen(hand, pictured, lights, view=40, pixels=[np.full((2, 2, 3), 153)], spp=1024)
        assert np.allclose(got, _seen(hand, numbered, lights, view=40, spp=1024), rtol=0.03)


class TestNormalMaps:
    """A matt square whose map tilts its normal by 30 degrees, under suns: the cosine law."""

    @staticmethod
    def _map(direction):
        """An 8-bit map of one normal."""
        return np.broadcast_to(np.rint((np.array(direction) * 0.5 + 0.5) * 255), (2, 2, 3))

    def _lit(self, hand, normal, toward, prototype=None, view=0.0):
        source = TextureInput(0, color_space="raw", scale=(2, 2, 2, 1), bias=(-1, -1, -1, 0))
        material = replace(MATT, diffuse_color=(1, 1, 1), textures=(("normal", source),))
        lights = [_sun(toward)]
        return _seen(
            hand, material, lights, pixels=[self._map(normal)], spp=4, prototype=prototype, view=view
        )[0]

    def test_red_goes_along_u_and_green_along_v_upwards(self, hand):
        tilt, cos30, sin30 = radians(30), cos(radians(30)), 0.5
        right, up = [sin(tilt), 0, cos(tilt)], [0, sin(tilt), cos(tilt)]
        for normal, from_there, from_beyond in (
            (right, [1, 0, 1], [-1, 0, 1]),
            (up, [0, 1, 1], [0, -1, 1]),
        ):
            assert self._lit(hand, normal, [0, 0, 1]) == pytest.approx(cos30, abs=0.03)
            assert self._lit(hand, normal, from_there) == pytest.approx((cos30 + sin30) / 2**0.5, abs=0.03)
            assert self._lit(hand, normal, from_beyond) == pytest.approx((cos30 - sin30) / 2**0.5, abs=0.03)

    def test_mirrored_coordinates_turn_the_map_with_them(self, hand):
        quad = hand.quad(50.0)
        tilt = radians(30)
        dark, bright = (cos(tilt) - 0.5) / 2**0.5, (cos(tilt) + 0.5) / 2**0.5
        for axis, normal, toward in (
            (0, [sin(tilt), 0, cos(tilt)], [1, 0, 1]),
            (1, [0, sin(tilt), cos(tilt)], [0, 1, 1]),
        ):
            uv = np.array(quad.uv)
            uv[:, axis] = 1 - uv[:, axis]
            mirrored = replace(quad, uv=frozen(uv, np.float32), hash=f"mirrored{axis}")
            assert self._lit(hand, normal, toward, mirrored) == pytest.approx(dark, abs=0.03)
            # The other axis is untouched.
            other = [normal[1], normal[0], normal[2]], [toward[1], toward[0], toward[2]]
            assert self._lit(hand, *other, mirrored) == pytest.approx(bright, abs=0.03)

    def test_the_back_has_the_normal_of_the_front_reversed(self, hand):
        tilt = radians(30)
        got = self._lit(hand, [sin(tilt), 0, cos(tilt)], [-1, 0, -1], view=180.0)
        assert got == pytest.approx((cos(tilt) + 0.5) / 2**0.5, abs=0.03)


class TestGlass:
    GLASS = Material("/g", diffuse_color=(0.5, 0.5, 0.5), opacity=0.3, roughness=0.05, ior=1.5)

    @pytest.mark.parametrize("kind", ["direct", "path"])
    def test_a_pane_before_the_sky(self, hand, kind):
        """Reflected F, of the rest: opacity * diffuse, and (1 - opacity) straight through."""
        f = 0.04
        got = _seen(hand, self.GLASS, [SKY], kind=kind, spp=4096)
        assert np.allclose(got, f + 0.3 * 0.5 * (1 - f) + 0.7 * (1 - f), rtol=0.02)
        clear = replace(self.GLASS, opacity=1e-3)
        assert np.allclose(_seen(hand, clear, [SKY], kind=kind, spp=4096), 1.0, rtol=0.02)

    @pytest.mark.parametrize("kind", ["direct", "path"])
    def test_its_shadow_lets_through_what_it_does_not_take(self, hand, kind):
        """A floor under two panes in the sun, seen from the side below them."""
        items = [(hand.quad(50.0), np.eye(4), 0)]
        items += [(hand.quad(50.0), hand.pose([0, 0, z]), 1) for z in (4, 5)]
        snapshot = hand.snapshot(
            items,
            materials=[replace(MATT, diffuse_color=(1, 1, 1)), self.GLASS],
            material_of=[[0], [1], [1]],
            lights=[_sun([0, 0, 1])],
        )
        camera = look_at([0, -0.5, 2], [0, 0, 0], up=[0, 1, 0], width=4, height=4, fov=0.01)
        got = open_engine(kind=kind, spp=16, clamp=0, max_depth=2).linear(snapshot, camera)
        assert np.allclose(got, (0.7 * 0.96) ** 2, rtol=0.03)

    @pytest.mark.parametrize("kind", ["direct", "path"])
    def test_presence_takes_the_highlight_away_too(self, hand, kind):
        white = Material(
            "/p", diffuse_color=(0, 0, 0), metallic=1.0, opacity=0.25, roughness=0.3, opacity_mode="presence"
        )
        # A black metal reflects nothing at all: what is seen is the sky behind three quarters of it.
        assert np.allclose(_seen(hand, white, [SKY], kind=kind, spp=1024), 0.75, atol=0.02)

    def test_many_layers_by_chance_are_unbiased(self, hand):
        hole = replace(MATT, diffuse_color=(0, 0, 0), ior=1.0, roughness=1.0, opacity=0.5)
        hole = replace(hole, opacity_mode="presence", metallic=1.0)
        items = [(hand.quad(50.0), hand.pose([0, 0, 0.1 * k]), k) for k in range(3)]
        snapshot = hand.snapshot(items, materials=[hole], material_of=[[0]] * 3, lights=[SKY])
        camera = look_at([0, 0, 3], [0, 0, 0], up=[0, 1, 0], width=16, height=16, fov=0.01)
        got = open_engine(kind="direct", spp=64, clamp=0).linear(snapshot, camera).mean()
        assert got == pytest.approx(0.125, abs=0.01)


def test_a_cut_out_shows_whole_texels_after_the_threshold(hand):
    """8 x 8 random opacities over 64 x 64 pixels whose borders are the texels': every pixel is all or nothing."""
    alpha = np.random.default_rng(2).integers(0, 256, (8, 8)).astype(np.uint8)
    alpha[0, 0] = 128
    leaf = replace(
        MATT,
        diffuse_color=(1, 1, 1),
        opacity_threshold=128 / 255,
        textures=(("opacity", TextureInput(0, channel="r", color_space="raw")),),
    )
    snapshot = hand.snapshot(
        [(hand.quad(2.0), np.eye(4), 0)],
        materials=[leaf],
        material_of=[[0]],
        lights=[_sun([0, 0, 1])],
        textures=(_image(np.repeat(alpha[..., None], 3, 2)),),
    )
    camera = look_at([0, 0, 4], [0, 0, 0], up=[0, 1, 0], width=64, height=64, fov=2 * np.arctan(0.25))
    for kind in ("direct", "path"):
        got = open_engine(kind=kind, spp=4, clamp=0).linear(snapshot, camera)[..., 0]
        expected = np.repeat(np.repeat(alpha >= 128, 8, 0), 8, 1)
        inner = np.s_[1:-1, 1:-1]
        assert ((got > 0.5) == expected)[inner].mean() > 0.999
        assert np.isin(np.round(got[inner], 2), [0.0, *np.unique(np.round(got[expected], 2))]).all()


def test_colours_of_vertices_are_mixed_between_them(hand):
    quad = hand.quad(2.0)
    colors = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)  # x, y, 0
    painted = hand.prototype(quad.points, quad.triangles, quad.normals, quad.uv, color=colors)
    material = replace(MATT, path="", roughness=1.0)
    snapshot = hand.snapshot([(painted, np.eye(4), 0)], materials=[material], lights=[_sun([0, 0, 1])])
    camera = look_at([0, 0, 4], [0, 0, 0], up=[0, 1, 0], width=32, height=32, fov=2 * np.arctan(0.25))
    got = open_engine(kind="direct", spp=4, clamp=0).linear(snapshot, camera)
    x, y = np.meshgrid((np.arange(32) + 0.5) / 32, 1 - (np.arange(32) + 0.5) / 32)
    assert np.allclose(got[..., 0], x, atol=0.04) and np.allclose(got[..., 1], y, atol=0.04)
    assert got[..., 2].max() < 0.03


def test_without_texture_coordinates_there_are_no_images_and_no_holes(hand):
    quad = replace(hand.quad(50.0), uv=None, hash="without uv")
    sources = tuple((name, TextureInput(0, channel="r")) for name in ("opacity", "diffuseColor"))
    material = replace(MATT, opacity_threshold=0.5, textures=sources)
    got = _seen(hand, material, [_sun([0, 0, 1])], pixels=[np.zeros((2, 2, 3))], prototype=quad, spp=4)
    assert np.allclose(got, 0.5, atol=0.02)


def test_pictures_and_labels_agree_on_every_texel_of_a_cut_out(hand):
    """Pixels that one texel fills: what the picture shows is what the label pass calls visible."""
    from twinstage.render.labels import label_pass

    alpha = np.random.default_rng(8).integers(0, 256, (16, 16)).astype(np.uint8)
    source = TextureInput(0, channel="r", color_space="raw", wrap_s="mirror", wrap_t="clamp")
    leaf = replace(MATT, opacity_threshold=0.5, textures=(("opacity", source),))
    items = [(hand.quad(2.0), hand.pose([0, 0, 0.5]), 0)]
    snapshot = hand.snapshot(
        items,
        materials=[leaf],
        material_of=[[0]],
        lights=[_sun([0, 0, 1])],
        textures=(_image(np.repeat(alpha[..., None], 3, 2)),),
    )
    camera = look_at([0, 0, 4.5], [0, 0, 0], up=[0, 1, 0], width=64, height=64, fov=2 * np.arctan(0.25))
    picture = open_engine(kind="direct", spp=4, clamp=0).linear(snapshot, camera)[..., 0] > 0.2
    visible = label_pass(snapshot, camera).objects[0].visible
    assert 0.3 < visible.mean() < 0.7
    assert (picture == visible)[1:-1, 1:-1].mean() > 0.999
