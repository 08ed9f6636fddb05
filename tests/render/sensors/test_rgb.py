"""The colour camera: identity when off, photon statistics, steps, glass and files."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.color import tone_map
from twinstage.render.sensors import load_sensor, sense
from twinstage.render.sensors.bayer import channel_map, demosaicked, mosaicked
from twinstage.render.sensors.optics import blurred, scaled_about
from twinstage.render.sensors.white import balance_gains, blackbody_rgb

CAMERA = look_at((0, 0, 0), (1, 0, 0), width=160, height=120)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Light from black to 6, with a few impossible values."""
    out = np.random.default_rng(1).uniform(0, 1, (120, 160, 3)).astype(np.float32) ** 3 * 6
    out[0, 0], out[0, 1], out[0, 2] = np.nan, np.inf, -1
    return out


@pytest.fixture(scope="module")
def nothing(hand):
    return hand.snapshot([])


def _rgb(nothing, light, seed=0, camera=CAMERA, **fields):
    return sense({"kind": "rgb", **fields}, nothing, camera, seed=seed, linear=light)


@pytest.mark.parametrize("ev", [0.0, 1.37, -3.0])
def test_all_off_is_the_engines_tone_map(nothing, picture, ev) -> None:
    out = _rgb(nothing, picture, exposure=ev)
    assert np.array_equal(out["rgb"], tone_map(picture, ev))
    for tone in ("srgb", "aces", "agx", "linear"):
        assert np.array_equal(
            _rgb(nothing, picture, exposure=ev, tone=tone)["rgb"], tone_map(picture, ev, tone)
        )
    own = _rgb(nothing, picture, camera=replace(CAMERA, exposure=ev))
    assert np.array_equal(own["rgb"], tone_map(picture, ev))


def test_each_stage_at_its_neutral_setting_changes_nothing(nothing, picture) -> None:
    clean = np.nan_to_num(picture, nan=0, posinf=1e6, neginf=0).clip(0)
    wanted = tone_map(clean)
    for fields in (
        {"white_balance": 6504.0},
        {"vignetting": 1e-12},
        {"blur": 1e-3},
        {"falloff": (0.0, 0.0)},
        {"red_scale": 1 + 1e-12},
        {"full_well": 1e9, "white": 8.0, "shot_noise": False},
    ):
        got = _rgb(nothing, picture, **fields)["rgb"].astype(int)
        assert np.abs(got - wanted).max() <= 1, fields


def test_exposure_of_iso_time_and_f_number(nothing) -> None:
    sensor = load_sensor({"kind": "rgb", "iso": 100, "time": 1 / 125, "f_number": 16})
    # Sunny 16: EV 15.
    assert sensor.stops(CAMERA) == pytest.approx(-np.log2(1.2 * 256 * 125))
    light = np.full((120, 160, 3), 0.18 * 1.2 * 256 * 125, np.float32)
    out = sense(sensor, nothing, CAMERA, linear=light)
    assert np.abs(out["rgb"].astype(int) - tone_map(np.full(1, 0.18))).max() <= 1
    with pytest.raises(UserError, match="given together"):
        load_sensor({"kind": "rgb", "iso": 100})


@pytest.mark.parametrize("electrons", [4.0, 60.0, 3000.0])
def test_photon_transfer(nothing, electrons) -> None:
    """EMVA 1288: the variance is that of light (its mean), of darkness (its mean) and of reading."""
    light = np.full((120, 160, 3), electrons / 10_000 * 4, np.float32)
    out = _rgb(nothing, light, seed=5, full_well=10_000, dark_electrons=9.0, read_noise=3.0)
    got = out["linear"].astype(float) / 4 * 10_000
    n, variance = got.size, electrons + 9 + 9
    assert abs(got.mean() - electrons - 9) < 5 * np.sqrt(variance / n)
    assert abs(got.var() / variance - 1) < 0.03
    dark = _rgb(nothing, light * 0, seed=5, full_well=10_000)
    assert (dark["linear"] == 0).all()


def test_seeds_and_devices(nothing, picture) -> None:
    spec = {"full_well": 5000.0, "read_noise": 2.0}
    a, b, c = (_rgb(nothing, picture, seed=s, **spec) for s in (1, 1, 2))
    assert np.array_equal(a["rgb"], b["rgb"]) and not np.array_equal(a["rgb"], c["rgb"])
    flat = np.full((120, 160, 3), 1.0, np.float32)
    fixed = {"full_well": 5000.0, "shot_noise": False, "prnu": 0.02}
    one, same, other = (
        _rgb(nothing, flat, seed=s, device=d, **fixed)["linear"] for s, d in ((1, 3), (2, 3), (1, 4))
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert abs(one.std() / one.mean() - 0.02) < 5e-4


def test_converter_steps_and_black_level(nothing) -> None:
    ramp = np.broadcast_to(np.linspace(0, 5, 160, dtype=np.float32)[None, :, None], (120, 160, 3))
    out = _rgb(nothing, ramp, bits=4)
    assert out["raw"].dtype == np.uint16 and sorted(set(out["raw"].ravel().tolist())) == list(range(16))
    assert np.allclose(out["linear"], np.minimum(np.rint(ramp / 4 * 15) / 15 * 4, 4), atol=1e-6)
    dark = np.zeros((120, 160, 3), np.float32)
    noisy = {"full_well": 1000.0, "read_noise": 4.0, "bits": 12}
    lifted = _rgb(nothing, dark, black_level=0.05, **noisy)["linear"]
    clipped = _rgb(nothing, dark, **noisy)["linear"]
    assert abs(lifted.mean()) < 2e-4 and lifted.min() < 0
    assert clipped.min() == 0 and clipped.mean() > 1e-3


def test_full_well_clips(nothing) -> None:
    bright = np.full((120, 160, 3), 50.0, np.float32)
    assert (_rgb(nothing, bright, full_well=1000.0, white=2.0, read_noise=1.0)["linear"].max()) == 2


def test_vignetting_is_cos4_of_the_ray(nothing) -> None:
    light = np.ones((120, 160, 3), np.float32)
    got = _rgb(nothing, light, vignetting=1.0)["linear"][..., 0]
    fx = CAMERA.K[0, 0]
    x, y = np.meshgrid(np.arange(160) + 0.5 - 80, np.arange(120) + 0.5 - 60)
    assert np.allclose(got, (1 / (1 + (x**2 + y**2) / fx**2)) ** 2, rtol=1e-5)
    half = _rgb(nothing, light, vignetting=0.5)["linear"][..., 0]
    assert np.allclose(half, 0.5 + 0.5 * got, rtol=1e-5)
    poly = _rgb(nothing, light, falloff=(-0.3, 0.1))["linear"][..., 0]
    r2 = (x**2 + y**2) / (80**2 + 60**2)
    assert np.allclose(poly, 1 - 0.3 * r2 + 0.1 * r2**2, rtol=1e-5)


def test_colours_of_another_size(nothing) -> None:
    """A linear ramp stays one, steeper or flatter, about the principal point; green is where the labels are."""
    ramp = np.broadcast_to(
        (np.arange(160, dtype=np.float32)[None, :, None] + 0.5) / 160, (120, 160, 3)
    ).copy()
    out = _rgb(nothing, ramp, red_scale=1.05, blue_scale=0.96)["linear"]
    inner = slice(8, 152)
    x = np.arange(160)[inner] + 0.5
    assert np.allclose(out[:, inner, 0], (80 + (x - 80) / 1.05) / 160, atol=1e-6)
    assert np.allclose(out[:, inner, 2], (80 + (x - 80) / 0.96) / 160, atol=1e-6)
    assert np.array_equal(out[..., 1], ramp[..., 1])


def test_scaling_and_blur_keep_what_they_must() -> None:
    image = np.random.default_rng(2).uniform(0, 1, (30, 40)).astype(np.float32)
    assert np.allclose(scaled_about(image, np.array([20.0, 15.0]), 1.0), image)
    spot = np.zeros((41, 41), np.float32)
    spot[20, 20] = 1
    soft = blurred(spot, 2.0)
    x = np.arange(41) - 20
    bell = np.exp(-(x**2) / 8)
    assert np.allclose(soft, np.outer(bell, bell) / bell.sum() ** 2, atol=1e-4)
    assert soft.sum() == pytest.approx(1, abs=1e-5)


@given(st.sampled_from(["rggb", "bggr", "grbg", "gbrg"]), st.integers(2, 9), st.integers(2, 9))
@settings(deadline=None)
def test_demosaicking_keeps_flat_colours_and_measured_values(mosaic, height, width) -> None:
    channels = channel_map(mosaic, height, width)
    flat = np.broadcast_to([0.2, 0.5, 0.9], (height, width, 3))
    assert np.allclose(demosaicked(mosaicked(flat, channels), channels), flat)
    image = np.random.default_rng(height * 10 + width).uniform(0, 1, (height, width, 3))
    raw = mosaicked(image, channels)
    assert np.array_equal(mosaicked(demosaicked(raw, channels), channels), raw)
    assert ["rgb"[k] for k in channels[:2, :2].ravel()] == list(mosaic)


def test_demosaicking_is_exact_on_a_ramp_inside() -> None:
    x, y = np.meshgrid(np.arange(20.0), np.arange(14.0))
    ramp = np.stack([x + 2 * y, 3 * x - y, 5 + x], -1)
    channels = channel_map("rggb", 14, 20)
    assert np.allclose(demosaicked(mosaicked(ramp, channels), channels)[1:-1, 1:-1], ramp[1:-1, 1:-1])


def test_white_balance_neutralises_a_lamp(nothing) -> None:
    from pxr import UsdLux

    for kelvin in (2700.0, 4500.0, 6500.0, 9000.0):
        ours = blackbody_rgb(kelvin)
        theirs = np.array(UsdLux.BlackbodyTemperatureAsRgb(kelvin))
        assert np.allclose(ours, theirs / theirs[1], rtol=0.06, atol=0.02)
    lamp = np.broadcast_to(blackbody_rgb(3000.0), (120, 160, 3)).astype(np.float32) * 0.3
    out = _rgb(nothing, lamp, white_balance=3000.0)["linear"].reshape(-1, 3)
    d65 = np.array([1.0, 1.0, 1.0])
    assert np.allclose(out / out[:, 1:2], d65, atol=0.06)
    assert np.allclose(balance_gains(6504.0), 1)


def test_tone_srgb_is_the_plain_curve(nothing) -> None:
    linear = np.broadcast_to(np.linspace(0, 1.2, 160)[None, :, None], (120, 160, 3)).astype(np.float32)
    x = np.clip(linear.astype(float), 0, 1)
    wanted = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055) * 255
    assert np.abs(_rgb(nothing, linear, tone="srgb")["rgb"] - wanted).max() <= 0.5001


def test_jpeg_and_files(nothing, picture, tmp_path) -> None:
    from PIL import Image

    sensor = load_sensor({"kind": "rgb", "jpeg": 90, "bits": 12, "mosaic": "rggb"})
    out = sense(sensor, nothing, CAMERA, linear=picture)
    again = sense(sensor, nothing, CAMERA, linear=picture)
    assert np.array_equal(out["jpeg"], again["jpeg"])
    with Image.open(io.BytesIO(out["jpeg"].tobytes())) as image:
        assert image.format == "JPEG" and np.array_equal(np.asarray(image), out["rgb"])
    paths = sensor.save(out, tmp_path, "view")
    assert [p.name for p in paths] == ["view.jpg", "view_raw.png"]
    with Image.open(paths[1]) as raw:
        assert np.array_equal(np.asarray(raw), out["raw"])
    plain = load_sensor("rgb")
    (png,) = plain.save(sense(plain, nothing, CAMERA, linear=picture), tmp_path, "plain")
    with Image.open(png) as image:
        assert np.array_equal(np.asarray(image), tone_map(picture))


def test_without_a_picture_it_says_so(nothing) -> None:
    with pytest.raises(UserError, match="sensor rgb of camera camera needs a linear picture"):
        sense("rgb", nothing, CAMERA)
    with pytest.raises(UserError, match="need a full_well"):
        load_sensor({"kind": "rgb", "read_noise": 2})
