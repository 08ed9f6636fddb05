"""Maps: the share of drawn directions, densities that integrate to one, and light by closed forms."""

import numpy as np
import pytest

from twinstage.render.mi.runtime import load_mitsuba
from twinstage.render.mi.sky import SIDE, Sky, map_table, merged_map


def _sun(height=32, width=64, row=10, column=40):
    pixels = np.full((height, width, 3), 0.1, np.float32)
    pixels[row, column] = 500.0
    return pixels


@pytest.fixture(scope="module")
def runtime():
    loaded = load_mitsuba()
    if not loaded.vectorised:
        pytest.skip("needs libLLVM")
    return loaded


def _directions(n, seed):
    v = np.random.default_rng(seed).normal(size=(n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def _sky(runtime, pixels, **more):
    return Sky(runtime, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), map_table(runtime.mi, pixels), np.eye(3), **more)


def test_densities_integrate_to_one_over_the_sphere(runtime):
    mi = runtime.mi
    sky = _sky(runtime, np.random.default_rng(1).random((16, 32, 3)).astype(np.float32))
    directions = _directions(400_000, 2)
    _, pdf = sky.radiance_and_pdf(mi.Vector3f(directions.T.astype(np.float32)), mi.Bool(True))
    assert np.mean(np.array(pdf)) * 4 * np.pi == pytest.approx(1.0, abs=0.01)


def test_the_drawn_directions_estimate_the_light_of_the_map(runtime, monkeypatch):
    """Sum of radiance / density over the table against the sum over pixels."""
    monkeypatch.setattr("twinstage.render.mi.sky.COMPENSATION", 0.0)
    pixels = _sun()
    table = np.array(map_table(runtime.mi, pixels).samples).reshape(SIDE * SIDE, 8)
    assert np.allclose(np.linalg.norm(table[:, :3], axis=1), 1, atol=1e-5)
    angle = np.sin((np.arange(32) + 0.5) / 32 * np.pi)[:, None] * (2 * np.pi / 64) * (np.pi / 32)
    flux = (pixels * angle[..., None]).sum((0, 1))
    assert np.allclose((table[:, 4:7] / table[:, 3:4]).mean(0), flux, rtol=0.02)


def test_a_sample_has_the_density_that_is_told_for_its_direction(runtime):
    mi = runtime.mi
    sky = _sky(runtime, _sun())
    number = np.random.default_rng(4).random((2, 2000)).astype(np.float32)
    direction, density, radiance = sky.sample(mi.Point2f(number), mi.Bool(True))
    found, pdf = sky.radiance_and_pdf(direction, mi.Bool(True))
    close = np.isclose(np.array(pdf), np.array(density), rtol=1e-2)
    assert close.mean() > 0.99  # but for directions on the border of two pixels
    assert np.allclose(np.array(found), np.array(radiance), rtol=0.02, atol=0.02)


def test_two_maps_add_up_each_in_its_own_axes():
    red, blue = _sun() * np.float32([1, 0, 0]), _sun() * np.float32([0, 0, 1])
    quarter = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # about the pole
    merged = merged_map([(red, (1.0, 1.0, 1.0), np.eye(3)), (blue, (1.0, 1.0, 2.0), quarter)])
    assert np.allclose(merged[..., 0], red[..., 0], atol=0.01)
    # The map's middle now looks along +X, which the first map has a quarter from its left.
    assert np.allclose(merged[..., 2], 2 * np.roll(blue[..., 2], -16, 1), rtol=0.01, atol=0.05)
