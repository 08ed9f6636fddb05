"""Effects on pictures against closed forms; labels never depend on them."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinstage.render.camera import look_at_matrix
from twinstage.render.capture import Camera
from twinstage.render.labels import label_pass
from twinstage.render.sensors.jpeg import through_jpeg
from twinstage.scene.edits import ImageFile
from twinstage.scene.snapshot import Snapshot, Texture
from twinstage.synth.draws import Draws
from twinstage.synth.effects import Shot, ranges
from twinstage.synth.frame import FrameMaker
from twinstage.synth.randomizers.background import (
    MapBackground,
    PictureBackground,
    PlainBackground,
    covering,
    looked_up,
)
from twinstage.synth.randomizers.fog import Fog, FogRandomizer
from twinstage.synth.randomizers.sensor import Sensing, SensorRandomizer
from twinstage.synth.recipe import Recipe

W, H = 16, 12


def shot(snapshot: Snapshot, depth: np.ndarray, **camera: Any) -> Shot:
    """A camera at (0, 0, 2) that looks along +Y and a little down."""
    k = np.array([[12.0, 0, W / 2], [0, 12.0, H / 2], [0, 0, 1]])
    pose = look_at_matrix(np.array([0.0, 0, 2]), np.array([0.0, 10, 1]))
    seen = Camera("c", W, H, k, pose, 0.01, 1e6, **camera)
    return Shot(snapshot, seen, depth.astype(np.float32), ranges(seen, depth), (3, 7, "effects", "c"))


@pytest.fixture
def depth() -> np.ndarray:
    out = np.random.default_rng(0).uniform(1, 60, (H, W))
    out[:3] = np.inf
    return out


@pytest.fixture
def light() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 2, (H, W, 3)).astype(np.float32)


# --- fog ----------------------------------------------------------------------------------------------------------


def test_fog_is_koschmieders(snapshot: Snapshot, depth: np.ndarray, light: np.ndarray) -> None:
    air = (0.7, 0.8, 0.9)
    view = shot(snapshot, depth)
    out = Fog(0.05, air).on_light(light, view)
    y, x = np.mgrid[:H, :W]
    z = np.where(np.isfinite(depth), depth, 0)
    distance = z * np.sqrt(((x + 0.5 - W / 2) / 12) ** 2 + ((y + 0.5 - H / 2) / 12) ** 2 + 1)
    t = np.where(np.isfinite(depth), np.exp(-0.05 * distance), 0)[..., None]
    np.testing.assert_allclose(out, light * t + np.array(air) * (1 - t), rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(out[:3], np.broadcast_to(air, (3, W, 3)), rtol=1e-6)


def test_fog_that_thins_out_is_an_integral_along_the_ray(snapshot: Snapshot, depth: np.ndarray) -> None:
    view = shot(snapshot, depth)
    fog = Fog(0.2, (1, 1, 1), height=3.0, base=0.5)
    found = fog.depth(view)
    _, direction = view.camera.rays()
    unit = (direction / np.linalg.norm(direction, axis=-1, keepdims=True)).reshape(H, W, 3)
    for row, column in ((4, 2), (6, 8), (11, 15), (0, 3), (1, 8)):
        far = min(float(view.range[row, column]), 400.0)  # 400 m up, what is left is below 1e-16
        rise = float(unit[row, column, 2])
        steps = np.linspace(0, far, 100_001)
        value = np.trapezoid(0.2 * np.exp(-(2.0 + rise * steps - 0.5) / 3.0), steps)
        if np.isinf(view.range[row, column]) and rise <= 0:
            assert np.isinf(found[row, column])
        else:
            assert found[row, column] == pytest.approx(value, rel=1e-5)


def test_a_level_ray_in_fog_that_thins_out(snapshot: Snapshot) -> None:
    level = shot(snapshot, np.full((H, W), 10.0))
    flat = replace(
        level,
        camera=replace(
            level.camera, world_from_camera=look_at_matrix(np.array([0.0, 0, 2]), np.array([0.0, 10, 2]))
        ),
    )
    fog = Fog(0.2, (1, 1, 1), height=1e9)
    np.testing.assert_allclose(fog.depth(flat), 0.2 * flat.range, rtol=1e-6)


@pytest.mark.parametrize(("law", "share"), [("wmo", 0.05), ("koschmieder", 0.02)])
def test_visibility_leaves_that_share_of_light(snapshot: Snapshot, law: Any, share: float) -> None:
    fog = FogRandomizer(name="f", visibility=25, law=law)
    (effect,) = fog.picture_effects(snapshot, Draws(1, 0, "f"))
    assert isinstance(effect, Fog)
    assert np.exp(-effect.beta * 25) == pytest.approx(share)


# --- background ---------------------------------------------------------------------------------------------------


def picture_file(pixels: np.ndarray) -> ImageFile:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return ImageFile("b.png", Texture("b.png", str(hash(pixels.tobytes())), buffer.getvalue()))


def seen(snapshot: Snapshot) -> Shot:
    """A small picture of the yard, with the depth that the label pass gives."""
    pose = look_at_matrix(np.array([0.0, -6, 1.2]), np.array([0.0, 0, 0.6]))
    camera = Camera("c", 48, 36, np.array([[40.0, 0, 24], [0, 40.0, 18], [0, 0, 1]]), pose, 0.01, 1e6)
    depth = label_pass(snapshot, camera, objects=[], outside_rays=None).aovs["depth"]
    return Shot(snapshot, camera, depth, ranges(camera, depth), (3, 7, "effects", "c"))


def test_backgrounds_are_seen_where_no_surface_is(snapshot: Snapshot) -> None:
    grey = picture_file(np.full((20, 30, 3), 188, np.uint8))
    view = seen(snapshot)
    light = np.full((36, 48, 3), 0.25, np.float32)
    gone = ~np.isfinite(view.depth)
    inside = [minimum(mask) for mask in (gone, ~gone)]  # off the edges
    assert inside[0].sum() > 100 and inside[1].sum() > 100
    for effect, expected in (
        (PlainBackground((0.1, 0.2, 0.3)), (0.1, 0.2, 0.3)),
        (PictureBackground(grey, 0.3, True, 2.0), (2 * 0.5028864580325687,) * 3),
        (MapBackground(grey, 40.0, 1.0), (0.5028864580325687,) * 3),
    ):
        out = effect.on_light(light, view)
        np.testing.assert_allclose(out[inside[0]], np.broadcast_to(expected, (inside[0].sum(), 3)), rtol=1e-5)
        assert np.array_equal(out[inside[1]], light[inside[1]])
        assert json.loads(json.dumps(effect.as_data()))["effect"] == "background"


def minimum(mask: np.ndarray) -> np.ndarray:
    """Pixels all of whose neighbours are of the mask, too."""
    padded = np.pad(mask, 1, mode="edge")
    h, w = mask.shape
    return np.logical_and.reduce([padded[i : i + h, j : j + w] for i in range(3) for j in range(3)])


def test_edges_show_the_new_background_and_nothing_of_the_old(snapshot: Snapshot) -> None:
    """One surface colour before a bright sky, mixed at edges by 8 x 8 rays: the same mixture with the new background."""
    view = seen(snapshot)
    k = np.diag([8, 8, 1.0]) @ view.camera.K
    fine = replace(view.camera, width=48 * 8, height=36 * 8, K=k)
    hit = np.isfinite(label_pass(snapshot, fine, objects=[], outside_rays=None).aovs["depth"])
    share = hit.reshape(36, 8, 48, 8).mean((1, 3))[..., None]
    surface, sky, new = np.array([0.2, 0.3, 0.1]), np.array([5.0, 5.0, 6.0]), (0.02, 0.01, 0.03)
    mixed = (share * surface + (1 - share) * sky).astype(np.float32)
    out = PlainBackground(new).on_light(mixed, view)
    expected = share * surface + (1 - share) * np.array(new)
    edge = ((share > 0) & (share < 1))[..., 0]
    assert edge.sum() > 40
    assert np.abs(out - expected)[edge].max() < 0.25  # a naive cut leaves up to 6
    assert np.abs(out - expected)[edge].mean() < 0.02


def test_a_picture_covers_the_image_and_keeps_its_shape() -> None:
    y, x = np.mgrid[:40, :100].astype(np.float32)
    ramp = np.stack([x, y, x * 0], -1)
    for place, left in ((0.0, 0.0), (1.0, 50.0), (0.5, 25.0)):  # 40 high covers 50 x 40 of 100 x 40
        out = covering(ramp, 25, 20, place)
        assert out.shape == (20, 25, 3)
        inner = out[2:-2, 2:-2]
        np.testing.assert_allclose(
            inner[..., 0], np.broadcast_to(left + np.arange(2, 23) * 2 + 0.5, (16, 21)), atol=0.02
        )
        np.testing.assert_allclose(
            inner[..., 1], np.broadcast_to((np.arange(2, 18) * 2 + 0.5)[:, None], (16, 21)), atol=0.02
        )


def test_a_map_is_seen_where_the_dome_shows_it() -> None:
    """Azimuths by hand: unturned, the map's middle lies along -Y, a quarter to its right along -X."""
    pixels = np.zeros((8, 16, 3), np.float32)
    pixels[4, 8], pixels[4, 12], pixels[0] = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    east = np.pi / 16  # half a pixel: where the middles of pixels are

    def toward(azimuth: float, down: float) -> np.ndarray:
        return np.array([np.cos(azimuth) * np.cos(down), np.sin(azimuth) * np.cos(down), -np.sin(down)])

    seen = looked_up(
        pixels,
        np.stack([toward(-np.pi / 2 - east, np.pi / 16), toward(np.pi - east, np.pi / 16), [0.0, 0.0, 1.0]]),
        0.0,
    )
    np.testing.assert_allclose(seen, np.eye(3), atol=1e-6)
    turned = looked_up(pixels, toward(-np.pi / 2 - east + np.radians(30), np.pi / 16)[None], 30.0)
    np.testing.assert_allclose(turned, [[1, 0, 0]], atol=1e-6)


# --- sensor -------------------------------------------------------------------------------------------------------


def sensing(snapshot: Snapshot, **fields: Any) -> Sensing:
    (effect,) = SensorRandomizer(name="s", **fields).picture_effects(snapshot, Draws(1, 0, "s"))
    assert isinstance(effect, Sensing)
    return effect


def test_exposure_is_a_factor_of_light(snapshot: Snapshot, depth: np.ndarray, light: np.ndarray) -> None:
    out = sensing(snapshot, exposure=-1.5).on_light(light, shot(snapshot, depth, exposure=2.0))
    np.testing.assert_allclose(out, light * 2**-1.5, rtol=1e-6)


def test_shot_noise_has_the_variance_of_its_mean(snapshot: Snapshot) -> None:
    view = shot(snapshot, np.ones((H, W)))
    big = replace(view, camera=replace(view.camera, width=256, height=256))
    flat = np.full((256, 256, 3), 1.0, np.float32)  # of a white level of 4: a quarter of the full well
    electrons = (
        sensing(snapshot, full_well=400, read_noise=5).on_light(flat, big).astype(np.float64) / 4 * 400
    )
    assert electrons.mean() == pytest.approx(100, rel=2e-3)
    assert electrons.var() == pytest.approx(100 + 25, rel=0.02)


def test_noise_differs_by_frame_and_camera_and_repeats(snapshot: Snapshot, light: np.ndarray) -> None:
    effect = sensing(snapshot, full_well=400)
    view = shot(snapshot, np.ones((H, W)))
    first = effect.on_light(light, view)
    assert np.array_equal(first, effect.on_light(light, view))
    for key in ((3, 8, "effects", "c"), (3, 7, "effects", "d")):
        assert not np.array_equal(first, effect.on_light(light, replace(view, key=key)))


def test_gamma_and_jpeg(snapshot: Snapshot, depth: np.ndarray) -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (H, W, 3), np.uint8)
    view = shot(snapshot, depth)
    bent = sensing(snapshot, gamma=1.3).on_picture(rgb, view)
    assert np.array_equal(bent, np.rint(255 * (rgb / 255) ** 1.3).astype(np.uint8))
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=30)
    assert np.array_equal(
        sensing(snapshot, jpeg=30).on_picture(rgb, view),
        np.asarray(Image.open(io.BytesIO(buffer.getvalue()))),
    )
    assert np.array_equal(through_jpeg(rgb, 30), through_jpeg(rgb, 30))


def test_white_balance_makes_that_light_grey(snapshot: Snapshot, depth: np.ndarray) -> None:
    from pxr import UsdLux

    warm = np.array(UsdLux.BlackbodyTemperatureAsRgb(3000.0))
    light = np.broadcast_to(warm, (H, W, 3)).astype(np.float32)
    out = sensing(snapshot, white_balance=3000).on_light(light, shot(snapshot, depth))[5, 5]
    assert np.ptp(out) < 0.08 * out.mean()  # the sensor's daylight and USD's black body differ a little
    assert np.ptp(warm) > 0.5


# --- labels -------------------------------------------------------------------------------------------------------


def test_labels_and_their_files_are_the_same_bytes_with_and_without_effects(
    small_recipe: Callable[..., Recipe], recipes: Path, tmp_path: Path
) -> None:
    plain = small_recipe("sensor", ["engine={kind: raycast, spp: 1}"])
    items = [*small_recipe("fog").randomize[1:], *small_recipe("background").randomize[1:], *plain.randomize]
    for name, randomize in (("without", ()), ("with", tuple(items))):
        FrameMaker(plain.model_copy(update={"randomize": randomize}), recipes).make(tmp_path / name, 1)
    files = [
        sorted(p.relative_to(tmp_path / name).as_posix() for p in (tmp_path / name).rglob("*") if p.is_file())
        for name in ("without", "with")
    ]
    assert files[0] == files[1] and len(files[0]) == 5
    for path in files[0]:
        one, two = ((tmp_path / name / path).read_bytes() for name in ("without", "with"))
        if path.startswith("records/"):
            keys = ("draws", "picked", "effects")
            one, two = (
                json.dumps({k: v for k, v in json.loads(data).items() if k not in keys}).encode()
                for data in (one, two)
            )
        assert (one != two) if path.endswith("_rgb.png") else (one == two), path
    record = json.loads((tmp_path / "with" / "records" / "000001.json").read_text())
    assert [e["effect"] for e in record["effects"]] == ["fog", "background", "sensor"]
