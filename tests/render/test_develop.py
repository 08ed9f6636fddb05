"""From light to files' bytes: tone maps by their published curves, outputs, denoising, and settings in recipes."""

import subprocess
import sys

import numpy as np
import pytest
import yaml

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.color import aces, agx, linear_from_bytes, tone_map
from twinstage.render.denoise import denoised, input_scale
from twinstage.render.engines import EngineSettings, open_engine
from twinstage.scene.color import linear_from_srgb, srgb_from_linear
from twinstage.scene.snapshot import Light, Material

RAMP = np.linspace(0, 40, 4001, dtype=np.float32)
GREYS = np.repeat(RAMP[:, None], 3, 1)


class TestToneMaps:
    def test_srgb_is_the_curve_and_clips(self):
        expected = np.rint(srgb_from_linear(np.minimum(GREYS.astype(float), 1)) * 255)
        assert np.abs(tone_map(GREYS, 0, "srgb").astype(int) - expected).max() <= 1

    def test_linear_bytes_are_light(self):
        assert np.array_equal(
            tone_map(GREYS, 0, "linear"), np.rint(np.minimum(GREYS, 1) * 255).astype(np.uint8)
        )

    def test_aces_is_hills_fit(self):
        """Greys go through the rational curve alone, as the rows of both matrices sum to 1 (written here by hand)."""
        x = RAMP.astype(np.float64)
        curve = (x * (x + 0.0245786) - 0.000090537) / (x * (0.983729 * x + 0.4329510) + 0.238081)
        assert np.abs(aces(GREYS) - np.clip(curve, 0, 1)[:, None]).max() < 2e-3
        red = aces(np.array([4.0, 0.0, 0.0]))
        assert red[0] > 0.9 and 0 < red[1] < red[0] and red[2] < red[0]

    def test_agx_meets_its_known_points(self):
        """Middle grey is encoded as 0.46 to 0.51, black and white lie at -12.47 and +4.03 stops around 1."""
        grey = agx(np.full(3, 0.18, np.float32))
        assert np.ptp(grey) < 1e-3 and 0.45 < grey[0] < 0.52
        assert agx(np.full(3, 2.0**-12.5, np.float32)).max() < 0.01
        assert agx(np.full(3, 2.0**4.1, np.float32)).min() > 0.98
        blue = agx(np.array([0.0, 0.0, 40.0], np.float32))
        assert blue.min() > 0.5  # bright colours fade to white

    @pytest.mark.parametrize("kind", ["soft", "srgb", "aces", "agx", "linear"])
    def test_brighter_light_is_never_darker_and_broken_numbers_are_no_trouble(self, kind):
        got = tone_map(GREYS, 0, kind).astype(int)
        assert (np.diff(got, axis=0) >= 0).all() and got[0].max() <= 2 and got[-1].min() >= 250
        odd = tone_map(np.array([np.nan, -1.0, np.inf], np.float32)[None], 0, kind)[0]
        assert odd[0] <= odd[2] and odd[2] >= 200
        assert np.array_equal(tone_map(GREYS, 1, kind), tone_map(GREYS * 2, 0, kind))

    def test_bytes_turn_back_into_light(self):
        every = np.arange(256, dtype=np.uint8)
        assert np.array_equal(tone_map(linear_from_bytes(every), 0, "srgb"), every)


def _room(hand):
    items = [(hand.quad(12.0), np.eye(4), 0), (hand.box(), hand.pose([0, 0, 0.5]), 1)]
    materials = [
        Material("/floor", diffuse_color=(0.5, 0.5, 0.5)),
        Material("/red", diffuse_color=(0.7, 0.2, 0.1)),
    ]
    lights = [(Light(prim=0, kind="dome", radiance=(0.6, 0.7, 0.9)), np.eye(4))]
    snapshot = hand.snapshot(items, materials=materials, material_of=[[0], [1]], lights=lights)
    return snapshot, look_at([2, -3, 2], [0, 0, 0.4], width=96, height=72)


class TestOutputs:
    @pytest.mark.parametrize("kind", ["direct", "path", "raycast", "null"])
    def test_are_those_asked_for(self, hand, kind):
        snapshot, camera = _room(hand)
        for outputs in (("rgb",), ("linear",), ("rgb", "linear")):
            aovs = open_engine(kind=kind, spp=1, outputs=outputs).render(snapshot, camera).aovs
            assert tuple(aovs) == outputs
        assert aovs["linear"].dtype == np.float32 and aovs["linear"].shape == (72, 96, 3)
        tone = "srgb" if kind == "null" else "soft"
        assert np.array_equal(tone_map(aovs["linear"], 0, tone), aovs["rgb"])

    def test_the_tone_map_of_the_settings_is_used(self, hand):
        snapshot, camera = _room(hand)
        linear = open_engine(kind="direct", spp=1).linear(snapshot, camera)
        for kind in ("soft", "srgb", "aces", "agx", "linear"):
            got = open_engine(kind="direct", spp=1, tone_map=kind, exposure=1.0).render(snapshot, camera)
            assert np.array_equal(got.aovs["rgb"], tone_map(linear, 1.0, kind))

    def test_unknown_names_are_refused(self):
        for field, value in (
            ("tone_map", "film"),
            ("outputs", ("rgba",)),
            ("variant", "metal"),
            ("threads", -1),
        ):
            with pytest.raises(ValueError, match=field):
                EngineSettings(**{field: value})


class TestDenoising:
    def test_takes_most_of_the_noise_and_keeps_the_mean(self, hand):
        snapshot, camera = _room(hand)
        exact = open_engine(kind="path", spp=256, seed=9).linear(snapshot, camera)
        noisy, clean = (
            open_engine(kind="path", spp=8, seed=1, denoise=on, outputs=("linear",)).render(snapshot, camera)
            for on in (False, True)
        )
        errors = [np.sqrt(((c.aovs["linear"] - exact) ** 2).mean()) for c in (noisy, clean)]
        assert errors[1] < 0.45 * errors[0]
        assert clean.aovs["linear"].mean() == pytest.approx(exact.mean(), rel=0.02)
        edges = np.abs(np.diff(exact.mean(-1), axis=1, prepend=0)) > 0.05
        off = np.abs(clean.aovs["linear"] - exact)
        assert edges.sum() > 50 and off[edges].mean() < 0.03

    def test_light_is_the_same_with_and_without_features(self, hand):
        snapshot, camera = _room(hand)
        engine = open_engine(kind="path", spp=4, denoise=True)
        traced = engine._traced(snapshot, camera, None, None, features=True)
        assert np.array_equal(traced[..., :3], engine.linear(snapshot, camera))
        floor, red = traced[-3, 5, 3:6], traced[36, 48, 3:6]
        assert np.allclose(floor, 0.5, atol=0.01) and np.allclose(red, (0.7, 0.2, 0.1), atol=0.01)
        assert np.allclose(traced[-3, 5, 6:], (0, 0, 1), atol=1e-3)

    def test_bytes_do_not_depend_on_threads(self, hand):
        import drjit as dr

        rng = np.random.default_rng(0)
        noise = rng.exponential(0.4, (72, 96, 3)).astype(np.float32)
        before, found = dr.thread_count(), set()
        try:
            for count in (1, 2, 5):
                dr.set_thread_count(count)
                found.add(denoised(noise).tobytes())
        finally:
            dr.set_thread_count(before)
        assert len(found) == 1

    def test_other_engines_are_denoised_without_features(self, hand):
        snapshot, camera = _room(hand)
        got = open_engine(kind="raycast", spp=1, denoise=True).render(snapshot, camera)
        assert got.aovs["rgb"].std() > 10

    def test_numbers_that_are_not_finite_do_not_spread(self):
        grey = np.full((32, 32, 3), 0.3, np.float32)
        grey[4, 4], grey[20, 20] = np.nan, -1.0
        out = denoised(grey)
        assert np.isfinite(out).all() and np.abs(out[10:16, 10:16] - 0.3).max() < 0.02
        assert input_scale(np.full((4, 4, 3), 0.36, np.float32)) == pytest.approx(0.5)
        assert input_scale(np.zeros((4, 4, 3), np.float32)) == 1.0

    def test_a_missing_package_names_the_extra(self, monkeypatch):
        from twinstage.render import denoise

        denoise._library.cache_clear()
        monkeypatch.setitem(sys.modules, "mitsuba_oidn", None)
        with pytest.raises(
            UserError, match=r"needs the package mitsuba-oidn.*pip install 'twinstage\[denoise\]'"
        ):
            denoise.denoised(np.zeros((4, 4, 3), np.float32))


class TestSettingsInFiles:
    def test_what_older_recipes_did_not_have_is_left_out_at_its_default(self):
        first = [
            "kind",
            "spp",
            "seed",
            "max_depth",
            "exposure",
            "auto_exposure",
            "clamp",
            "largest_texture",
            "largest_map",
        ]
        assert list(EngineSettings().model_dump(mode="json")) == first
        assert list(EngineSettings(spp=2).model_dump(mode="json", exclude={"seed"})) == [
            n for n in first if n != "seed"
        ]
        changed = EngineSettings(tone_map="agx", denoise=True, outputs=("rgb", "linear"), threads=2)
        assert set(changed.model_dump()) == {*first, "tone_map", "denoise", "outputs", "threads"}

    def test_settings_come_back_from_yaml(self):
        for settings in (
            EngineSettings(),
            EngineSettings(denoise=True, outputs=("linear",), variant="scalar"),
        ):
            text = yaml.safe_dump(settings.model_dump(mode="json"))
            assert EngineSettings.model_validate(yaml.safe_load(text)) == settings


THREADS = """
import sys, hashlib, numpy as np
sys.path.insert(0, {folder!r})
import conftest as hand
from twinstage.render.camera import look_at
from twinstage.render.engines import open_engine
from twinstage.scene.snapshot import Light
items = [(hand.make_quad(9.0), np.eye(4), 0), (hand.make_sphere(), hand.make_pose([0, 0, 1]), 1)]
snapshot = hand.make_snapshot(items, lights=[(Light(prim=0, kind="dome", radiance=(1.0, 1.0, 1.0)), np.eye(4))])
camera = look_at([0, -4, 2], [0, 0, 0.5], width=80, height=60)
for kind in ("direct", "path"):
    engine = open_engine(kind=kind, spp=4, threads={threads}, denoise=True, outputs=("rgb", "linear"))
    for aov in engine.render(snapshot, camera).aovs.values():
        print(hashlib.sha256(aov.tobytes()).hexdigest())
import drjit
print(drjit.thread_count(), file=sys.stderr)
"""


def test_pictures_are_the_same_for_any_number_of_threads(root):
    folder = str(root / "tests/render")
    runs = []
    for threads in (1, 2):
        code = THREADS.format(folder=folder, threads=threads)
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert run.stderr.strip().endswith(str(threads))
        runs.append(run.stdout)
    assert runs[0] == runs[1] and len(set(runs[0].split())) == 4
    assert linear_from_srgb(np.array(1.0)) == 1.0
