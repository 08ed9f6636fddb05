"""`direct` asks one light a sample: the mean is that of asking all. And the random numbers that choose."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from twinstage.render.camera import look_at
from twinstage.render.engines import open_engine
from twinstage.render.mi.numbers import PixelNumbers
from twinstage.render.mi.runtime import load_mitsuba
from twinstage.scene.snapshot import Light, Material, Texture, TextureInput

GREY = Material("/grey", diffuse_color=(0.6, 0.5, 0.4), roughness=0.4)
GLOW = Material("/glow", diffuse_color=(0.1, 0.1, 0.1), emissive_color=(6.0, 4.0, 1.0))
GLASS = Material("/glass", diffuse_color=(0.3, 0.5, 0.6), opacity=0.3, roughness=0.2)


@pytest.fixture(scope="module")
def runtime():
    loaded = load_mitsuba()
    if not loaded.vectorised:
        pytest.skip("needs libLLVM")
    return loaded


def _at(x=0.0, y=0.0, z=0.0, turn=0.0):
    pose = np.eye(4)
    cos, sin = np.cos(turn), np.sin(turn)
    pose[:3, :3] = [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]
    pose[:3, 3] = x, y, z
    return pose


def _image(pixels, name):
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(data, "PNG")
    return Texture(f"{name}.png", name, data.getvalue())


def _scene(hand):
    """A floor with a cut-out fence, a glass pane, a roof and a glowing square over it, under lights of all kinds."""
    holes = TextureInput(1, channel="r", color_space="raw")
    fence = replace(GREY, path="/fence", textures=(("opacity", holes),), opacity_threshold=0.5)
    sky = np.zeros((8, 16, 3))
    sky[:4] = [60, 70, 90]
    sky[2, 5] = 255
    lights = [
        (Light(0, "distant", (1.2, 1.1, 0.9), angle=0.1, normalize=True), _at(turn=0.7)),
        (Light(0, "distant", (0.3, 0.2, 0.2), angle=0.0, shadow=False, normalize=True), _at(turn=-0.4)),
        (Light(0, "rect", (9.0, 9.0, 9.0), width=0.5, height=0.3, specular=0.2), _at(x=0.4, z=1.5)),
        (Light(0, "sphere", (30.0, 20.0, 10.0), radius=0.1, diffuse=0.7), _at(x=-1.0, y=0.5, z=1.2)),
        (Light(0, "dome", (0.7, 0.7, 0.7), texture=0), np.eye(4)),
    ]
    things = [
        (hand.quad(6.0), np.eye(4), 0),
        (hand.quad(0.8), _at(x=0.3, y=0.3, z=0.6), 1),
        (hand.quad(0.7), _at(x=-0.6, z=0.5, turn=0.4), 2),
        (hand.quad(0.7), _at(x=0.8, y=-0.4, z=0.4, turn=-0.3), 3),
        (hand.quad(0.2), _at(x=0.0, y=-0.6, z=0.8), 4),
    ]
    return hand.snapshot(
        things,
        materials=[GREY, replace(GREY, path="/roof"), fence, GLASS, GLOW],
        material_of=[[k] for k in range(5)],
        lights=lights,
        textures=(
            _image(sky, "sky"),
            _image((np.indices((8, 8)).sum(0) % 2 * 255)[..., None].repeat(3, 2), "f"),
        ),
    )


CAMERA = look_at([1.5, -2.0, 1.6], [0.0, 0.0, 0.3], width=24, height=18, fov=0.9)


def test_one_light_a_sample_has_the_mean_of_all_of_them(hand, runtime):
    """Against `path` with one reflection, which asks all lights at the first surface; block by block of the picture."""
    snapshot = _scene(hand)
    blocks = []
    for kind in ("direct", "path"):
        engine = open_engine(kind=kind, spp=2048, clamp=0, max_depth=2)
        linear = engine.linear(snapshot, CAMERA)
        blocks.append(linear.reshape(6, 3, 6, 4, 3).mean((1, 3)))
    assert blocks[1].min() > 0.0
    assert np.allclose(*blocks, rtol=0.04)
    assert blocks[0].mean() == pytest.approx(blocks[1].mean(), rel=0.01)


def test_the_choice_of_one_light_is_the_same_with_any_number_of_threads(hand, runtime):
    snapshot, before = _scene(hand), runtime.dr.thread_count()
    try:
        pictures = [
            open_engine(kind="direct", spp=3, seed=5, threads=n).linear(snapshot, CAMERA) for n in (1, 2)
        ]
    finally:
        runtime.dr.set_thread_count(before)
    assert np.array_equal(*pictures)
    other = open_engine(kind="direct", spp=3, seed=6).linear(snapshot, CAMERA)
    assert (other != pictures[0]).mean() > 0.5


def _draws(runtime, size=64, spp=4, seed=1, first=0):
    mi, dr = runtime.mi, runtime.dr
    index = dr.arange(mi.UInt32, size * size * spp)
    pixel = index // spp
    row = pixel // size
    sample = index - pixel * spp + first
    numbers = PixelNumbers(runtime, pixel - row * size, row, sample, spp, seed)
    return SimpleNamespace(
        points=[np.array(numbers.next_2d()).T for _ in range(3)],
        values=[np.array(numbers.next_1d()) for _ in range(3)],
    )


class TestNumbers:
    def test_each_pixel_has_one_number_in_each_part_of_the_range(self, runtime):
        draws = _draws(runtime)
        for values in draws.values:
            assert values.min() >= 0.0 and values.max() < 1.0
            parts = np.sort((values.reshape(-1, 4) * 4).astype(int), 1)
            assert (parts == np.arange(4)).all()
        for points in draws.points:
            # A quarter of the square each, and so for rows and for columns: a (0, 2, 2)-net.
            cells = (points.reshape(-1, 4, 2) * 2).astype(int)
            assert (np.sort(cells[..., 0] * 2 + cells[..., 1], 1) == np.arange(4)).all()
            for axis in (0, 1):
                assert (np.sort((points[:, axis].reshape(-1, 4) * 4).astype(int), 1) == np.arange(4)).all()

    def test_squares_of_pixels_are_even_together(self, runtime):
        values = _draws(runtime).values[0].reshape(64, 64, 4)
        squares = values.reshape(16, 4, 16, 4, 4).transpose(0, 2, 1, 3, 4).reshape(256, 64)
        assert (np.sort((squares * 64).astype(int), 1) == np.arange(64)).all()

    def test_draws_and_seeds_do_not_know_of_each_other(self, runtime):
        one, two = _draws(runtime), _draws(runtime, seed=2)
        columns = [p[:, k] for p in (*one.points, *two.points) for k in (0, 1)] + one.values + two.values
        # Even numbers of 4 tiles: a few correlate by more than chance would let 16,384.
        found = np.corrcoef(np.array(columns)) - np.eye(len(columns))
        assert np.abs(found).max() < 0.06
        for a, b in ((one.points[0][:, 0], one.points[1][:, 1]), (one.values[0], two.values[0])):
            counts = np.histogram2d(a, b, bins=8, range=[[0, 1], [0, 1]])[0]
            assert 0.4 < ((counts - 256) ** 2 / 256).mean() < 1.8
