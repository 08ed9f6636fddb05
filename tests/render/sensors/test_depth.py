"""Depth cameras: truth without noise, statistics with it, steps, shadows and losses in scenes whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.labels import label_pass
from twinstage.render.sensors import load_sensor, sense
from twinstage.render.sensors.depth import REASONS
from twinstage.render.sensors.disparity import (
    box_sum,
    depth_of,
    disparity_of,
    fattened,
    jittered,
    nguyen_axial,
    texture_variance,
)
from twinstage.scene.snapshot import Material

FACING = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
KINDS = ("structured-light", "stereo")
CLEAN = {
    "disparity_sigma": 0,
    "disparity_step": 0,
    "fattening": 0,
    "shadow": False,
    "min_range": 0.01,
    "grazing": 90,
}
PLAIN = {
    "structured-light": {
        "kind": "structured-light",
        "lateral_sigma": 0,
        "range_of_10_percent": None,
        **CLEAN,
    },
    "stereo": {"kind": "stereo", "max_disparity": 10_000, **CLEAN},
}


@pytest.fixture(scope="module")
def camera():
    """160 x 120 pixels, focal length 138.56 px, along +X."""
    return look_at((0, 0, 0), (1, 0, 0), width=160, height=120)


def _wall(hand, z, material=None, more=()):
    items = [(hand.quad(40.0), hand.pose([z, 0, 0], rotation=FACING), 0), *more]
    return hand.snapshot(items, materials=[material or Material("/white", diffuse_color=(0.9, 0.9, 0.9))])


def _count(out, name):
    return int((out["reason"] == REASONS.index(name)).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_it_is_the_label_pass(hand, camera, kind) -> None:
    rng = np.random.default_rng(3)
    more = [
        (hand.sphere(0.3), hand.pose([rng.uniform(2, 4), *rng.uniform(-1.5, 1.5, 2)]), k + 1)
        for k in range(9)
    ]
    snapshot = _wall(hand, 4.5, more=more)
    out = sense(PLAIN[kind], snapshot, camera)
    depth = label_pass(snapshot, camera, amodal=False).aovs["depth"]
    inside = out["valid"]
    assert np.abs(out["depth"][inside] / depth[inside] - 1).max() < 2e-6
    # All that is lost lies beyond the edge of the other image: columns left of the disparity.
    lost = ~inside
    assert (out["reason"][lost] == REASONS.index("outside")).all()
    assert np.array_equal(lost, np.arange(160) + 0.5 < camera.K[0, 0] * load_sensor(kind).baseline / depth)


@pytest.mark.parametrize("kind", KINDS)
def test_sigma_of_depth_grows_with_its_square(hand, camera, kind) -> None:
    spec = PLAIN[kind] | {"disparity_sigma": 0.05, "max_range": 50}
    strength = camera.K[0, 0] * load_sensor(kind).baseline
    for z in (1.0, 3.0):
        out = sense(spec, _wall(hand, z), camera, seed=2)
        error = strength / out["depth"][out["valid"]].astype(float) - strength / z
        n = error.size
        assert n > 15_000
        assert abs(error.mean()) < 5 * 0.05 / np.sqrt(n) and abs(error.std() / 0.05 - 1) < 0.03
        sigma = out["depth"][out["valid"]].std()
        assert sigma == pytest.approx(z**2 / strength * 0.05, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_depths_lie_on_steps_of_disparity(hand, camera, kind) -> None:
    spec = PLAIN[kind] | {"disparity_sigma": 0.3, "disparity_step": 0.25}
    out = sense(spec, _wall(hand, 2.0), camera)
    strength = camera.K[0, 0] * load_sensor(kind).baseline
    steps = strength / out["depth"][out["valid"]].astype(float) / 0.25
    assert np.abs(steps - np.rint(steps)).max() < 1e-4 and len(set(np.rint(steps).tolist())) > 3


@pytest.mark.parametrize("baseline", [0.3, -0.3])
def test_the_shadow_of_a_post(hand, camera, baseline) -> None:
    """A plate at 2 m before a wall at 4 m: seen from beside it hides b (4 - 2) / 2 of the wall beside itself."""
    plate = (hand.quad(0.5), hand.pose([2, 0, 0], rotation=FACING), 1)
    spec = PLAIN["structured-light"] | {"baseline": baseline, "shadow": True}
    out = sense(spec, _wall(hand, 4.0, more=[plate]), camera)
    row = out["reason"][60]
    fx, b = camera.K[0, 0], abs(baseline)
    # On the wall: the plate spans -0.25..0.25 at 2 m, so from (b, 0) it hides 2 * x - b: -0.5 - b .. 0.5 - b;
    # what the camera itself sees of the wall lies outside -0.5..0.5.
    edges = np.array([-0.5 - b, -0.5]) * fx / 4 + 80
    columns = np.arange(160) + 0.5
    if baseline < 0:
        columns = 160 - columns
    wanted = (columns > edges[0]) & (columns < edges[1])
    assert np.array_equal(row == REASONS.index("shadow"), wanted)
    assert _count(sense(spec | {"shadow": False}, _wall(hand, 4.0, more=[plate]), camera), "shadow") == 0


def test_dark_shiny_and_steep_surfaces_send_little_back(hand, camera) -> None:
    spec = PLAIN["structured-light"] | {"range_of_10_percent": 2.0}
    half = sense(spec, _wall(hand, 2.0, Material("/d", diffuse_color=(0.1,) * 3)), camera, seed=1)
    middle = half["reason"][50:70, 70:90]
    assert 0.3 < (middle == REASONS.index("signal")).mean() < 0.7
    assert _count(sense(spec, _wall(hand, 2.0), camera), "signal") == 0
    chrome = sense(
        spec, _wall(hand, 2.0, Material("/m", diffuse_color=(0.9,) * 3, metallic=1, roughness=0.5)), camera
    )
    lost = chrome["reason"] == REASONS.index("signal")
    assert not lost[55:65, 75:85].any() and lost[:, 140:].all()
    turned = np.array([[np.sqrt(0.5), 0, -np.sqrt(0.5)], [0, 1, 0], [np.sqrt(0.5), 0, np.sqrt(0.5)]])
    slope = hand.snapshot([(hand.quad(30.0), hand.pose([2, 0, 0], rotation=turned), 0)])
    steep = sense(PLAIN["structured-light"] | {"grazing": 50, "max_range": 99}, slope, camera)
    y = (np.arange(120) + 0.5 - 60) / camera.K[0, 0]
    x = (np.arange(160) + 0.5 - 80) / camera.K[0, 0]
    ray = np.stack(np.broadcast_arrays(1.0, -x[None, :], -y[:, None]), -1)
    angle = np.degrees(np.arccos(np.abs(ray @ turned[:, 2]) / np.linalg.norm(ray, axis=-1)))
    assert np.array_equal(steep["reason"] == REASONS.index("grazing"), angle > 50)


def test_range_background_and_invalid_value(hand, camera) -> None:
    far = sense(PLAIN["stereo"] | {"max_range": 3.0}, _wall(hand, 4.0), camera)
    assert not far["valid"].any() and (far["depth"] == 0).all() and _count(far, "range") > 15_000
    nothing = sense(PLAIN["stereo"] | {"invalid": "inf"}, hand.snapshot([]), camera)
    assert np.isinf(nothing["depth"]).all() and _count(nothing, "background") == 160 * 120
    near = sense(PLAIN["stereo"] | {"max_disparity": 3.0}, _wall(hand, 2.0), camera)
    assert not near["valid"].any()


def test_glass_is_looked_through_and_frosted_glass_is_not(hand, camera) -> None:
    items = [(hand.quad(40.0), hand.pose([z, 0, 0], rotation=FACING), k) for k, z in enumerate((1.0, 2.0))]
    for opacity, z in ((0.3, 2.0), (0.7, 1.0)):
        materials = [Material("/glass", opacity=opacity), Material("/wall")]
        snapshot = hand.snapshot(items, materials=materials, material_of=[[0], [1]])
        out = sense(PLAIN["stereo"], snapshot, camera)
        assert np.allclose(out["depth"][out["valid"]], z, atol=1e-4)


def test_texture_decides_passive_stereo_and_not_active(hand, camera) -> None:
    light = np.full((120, 160, 3), 0.2, np.float32)
    light[:, 80:] *= 1 + 0.5 * np.random.default_rng(0).choice([-1, 1], (120, 80, 1)).astype(np.float32)
    spec = PLAIN["stereo"] | {"window": 5}
    passive = sense(spec, _wall(hand, 2.0), camera, linear=light)
    lost = passive["reason"] == REASONS.index("texture")
    assert lost[:, 10:76].all() and not lost[:, 86:158].any()
    active = sense(spec | {"active": True}, _wall(hand, 2.0), camera, linear=light)
    assert _count(active, "texture") == 0


def test_texture_variance_is_noise_over_gradient() -> None:
    ramp = np.broadcast_to(0.02 * np.arange(30.0), (20, 30))
    inside = texture_variance(ramp, 0.01, 5)[4:-4, 5:-5]
    assert np.allclose(inside, 2 * 0.01**2 / (25 * 0.02**2))
    assert np.isinf(texture_variance(np.ones((9, 9)), 0.01, 3)).all()


def test_nguyen_at_the_numbers_of_the_paper(hand, camera) -> None:
    assert nguyen_axial(np.array([0.4]), np.zeros(1))[0] == pytest.approx(0.0012)
    assert nguyen_axial(np.array([3.0]), np.zeros(1))[0] == pytest.approx(0.0012 + 0.0019 * 2.6**2)
    steep = nguyen_axial(np.array([1.0]), np.radians([60.0]))[0]
    assert steep == pytest.approx(0.0012 + 0.0019 * 0.36 + 1e-4 * 4)
    spec = PLAIN["structured-light"] | {"model": "nguyen"}
    out = sense(spec, _wall(hand, 2.0), camera, seed=4)
    sigma = out["depth"][40:80, 50:110].std()
    assert sigma == pytest.approx(0.0012 + 0.0019 * 1.6**2, rel=0.06)


def test_outliers_and_seeds(hand, camera) -> None:
    spec = PLAIN["stereo"] | {"outliers": 0.2, "max_disparity": 64}
    a, b, c = (sense(spec, _wall(hand, 2.0), camera, seed=s) for s in (1, 1, 2))
    assert all(np.array_equal(a[name], b[name]) for name in a.arrays)
    assert not np.array_equal(a["depth"], c["depth"])
    wrong = (np.abs(a["depth"] - 2) > 1e-3)[:, 20:]
    assert abs(wrong.mean() - 0.2) < 0.02


def test_files(hand, camera, tmp_path) -> None:
    from PIL import Image

    sensor = load_sensor("stereo")
    out = sense(sensor, _wall(hand, 2.0), camera)
    exr, png = sensor.save(out, tmp_path, "depth")
    assert exr.read_bytes()[:4] == b"\x76\x2f\x31\x01"
    with Image.open(png) as image:
        assert np.array_equal(np.asarray(image), np.rint(out["depth"] * 1000))


@given(st.floats(0.1, 50), st.floats(1, 200))
def test_depth_and_disparity_are_inverse(depth: float, strength: float) -> None:
    there = disparity_of(np.array([depth, np.inf]), strength)
    back = depth_of(there, strength)
    assert back[0] == pytest.approx(depth) and np.isinf(back[1]) and there[1] == 0


@given(st.integers(0, 4), st.integers(0, 2**20))
@settings(deadline=None)
def test_fattening_against_a_loop(radius: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 6, (7, 9)).astype(float) * 2
    wanted = values
    for axis in (1, 0):
        grown = wanted.copy()
        for y, x in np.ndindex(*values.shape):
            for k in range(-radius, radius + 1):
                p, q = (y, x + k) if axis == 1 else (y + k, x)
                if 0 <= p < 7 and 0 <= q < 9 and wanted[p, q] > wanted[y, x] + 1:
                    grown[y, x] = max(grown[y, x], wanted[p, q])
        wanted = grown
    assert np.array_equal(fattened(values, radius), wanted)


@given(st.integers(1, 4), st.integers(0, 2**20))
@settings(deadline=None)
def test_box_sum_against_a_loop(half: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 1, (6, 8))
    out = box_sum(values, 2 * half + 1)
    for y, x in ((0, 0), (3, 4), (5, 7)):
        block = values[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1]
        assert out[y, x] == pytest.approx(block.sum())


def test_jitter_reads_beside_and_does_not_mix_in_the_background() -> None:
    x, y = np.meshgrid(np.arange(8.0), np.arange(6.0))
    ramp = 10 + x + 3 * y
    got = jittered(ramp, np.full((6, 8), 0.25), np.full((6, 8), -0.5))
    assert np.allclose(got[1:, :-1], (ramp + 0.25 - 1.5)[1:, :-1])
    ramp[:, 4:] = 0
    edge = jittered(ramp, np.full((6, 8), 0.4), np.zeros((6, 8)))
    assert np.array_equal(edge[:, 3], ramp[:, 3]) and (edge[:, 4:] == 0).all()


def test_mistakes_are_one_sentence(hand, camera) -> None:
    with pytest.raises(UserError, match="a baseline of 0 measures no depth"):
        load_sensor({"kind": "stereo", "baseline": 0})
    with pytest.raises(UserError, match="min_range is below max_range"):
        load_sensor({"kind": "stereo", "min_range": 9, "max_range": 2})
    from dataclasses import replace

    from twinstage.render.lens import ORTHOGRAPHIC

    flat = replace(camera, lens=ORTHOGRAPHIC)
    with pytest.raises(
        UserError, match="sensor stereo needs a pinhole camera, and the lens of camera is orthographic"
    ):
        sense("stereo", _wall(hand, 2.0), flat)


def test_rows_of_a_rolling_shutter_see_the_scene_at_their_own_time(hand, camera) -> None:
    from dataclasses import replace

    from twinstage.render.motion import Motion, Shutter

    motion = Motion((0.0, 0.1), (_wall(hand, 2.0), _wall(hand, 3.0)))
    down = 2 + np.arange(120) / 119
    for shutter, wanted in ((Shutter(readout=0.1), down), (Shutter(0.1, 0.1, readout=-0.1), down[::-1])):
        rolling = replace(camera, shutter=shutter)
        out = sense(PLAIN["stereo"], motion.snapshots[0], rolling, motion=motion)
        for row in (0, 40, 119):
            assert np.allclose(out["depth"][row][out["valid"][row]], wanted[row], atol=1e-4)
