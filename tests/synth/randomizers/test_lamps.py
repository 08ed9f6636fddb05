"""Lamps, skies and the sun, against closed forms."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.synth.randomizers.looks import MakeYard, light_of, save

from twinstage.render.engines import open_engine
from twinstage.scene.edits import ImageFile
from twinstage.synth.look import recipe_camera
from twinstage.synth.randomizers.background import decoded, looked_up


@pytest.mark.parametrize(("up", "mpu"), [("Z", 1.0), ("Y", 0.01)])
def test_a_pool_of_lamps_lights_its_centre_as_it_says(yard_with: MakeYard, up: str, mpu: float) -> None:
    centre = np.array([0.5, -1.0, 0.3])
    maker, _ = yard_with(
        {
            "kind": "lights",
            "name": "pool",
            "count": {"choice": [0, 1, 3]},
            "most": 3,
            "kinds": ["rect", "disk", "sphere", "distant"],
            "center": centre.tolist(),
            "illuminance": [0.5, 2],
            "temperature": 6500,
        },
        up=up,
        mpu=mpu,
    )
    kinds = set()
    for frame in range(6):
        made = maker.randomized(frame)
        draws, snapshot = made.draws["pool"], made.snapshot
        lit = [
            light
            for light in snapshot.lights
            if max(light.radiance) > 0 and "/TwinstageRandomLights/_pool_" in snapshot.prims.path[light.prim]
        ]
        assert len(lit) == draws["count"]
        for light in lit:
            slot = int(snapshot.prims.path[light.prim].split("_")[-2])
            world = snapshot.node_world[light.prim]
            offset = centre - world[:3, 3]
            distance = float(np.linalg.norm(offset))
            luminance = float(np.array(light.radiance) @ [0.2126, 0.7152, 0.0722])
            area = {
                "rect": light.width * light.height,
                "disk": np.pi * light.radius**2,
                "sphere": np.pi * light.radius**2,
            }.get(light.kind)
            illuminance = luminance if area is None else luminance * area / distance**2
            assert illuminance == pytest.approx(draws[f"illuminance {slot}"], rel=2e-3)
            assert light.normalize == (light.kind == "distant")
            assert 2 <= distance <= 4
            np.testing.assert_allclose(-world[:3, 2], offset / distance, atol=1e-6)
            kinds.add(light.kind)
    assert len(kinds) >= 3


def test_the_ground_is_as_bright_as_the_lamp_says(yard_with: MakeYard) -> None:
    """A matt floor under one lamp: radiance = albedo / pi * illuminance * cosine, at the lamp's centre."""
    spot = [3.0, -3.0, 0.0]  # free floor
    look_at = {"eye": [3.0, -3.6, 1.0], "target": spot, "fov": 4}
    maker, _ = yard_with(
        {
            "kind": "lights",
            "count": 1,
            "kinds": ["rect", "disk", "sphere", "distant"],
            "center": spot,
            "azimuth": [0, 360],
            "elevation": [50, 88],
            "illuminance": [0.5, 3],
            "temperature": 6500,
            "replaces": ["/Yard/Lights/*", "/TwinstageLights/fill"],
        },
        cameras=[{"name": "down", "look_at": look_at}],
        resolution=[9, 9],
    )
    engine = open_engine(kind="raycast", spp=1, outputs=("linear",))
    for frame in range(5):
        made = maker.randomized(frame)
        camera, _ = recipe_camera(maker.recipe, made.snapshot, maker.recipe.cameras[0])
        middle = engine.render(made.snapshot, camera).aovs["linear"][4, 4]
        draws = made.draws["r0"]
        expected = 0.18 / np.pi * draws["illuminance 0"] * np.sin(np.radians(draws["elevation 0"]))
        assert float(middle @ [0.2126, 0.7152, 0.0722]) == pytest.approx(expected, rel=0.02), draws


def test_the_sun_shines_from_where_it_stands(yard_with: MakeYard) -> None:
    maker, _ = yard_with(
        {"kind": "sun", "azimuth": [0, 360], "elevation": [-20, 80], "intensity": 3, "turbidity": 2.5}
    )
    nights = 0
    for frame in range(12):
        made = maker.randomized(frame)
        azimuth, elevation = np.radians(made.draws["r0"]["sun"])
        sun = light_of(made.snapshot, "/TwinstageRandomLights/_r0")
        if elevation <= 0:
            nights += 1
            assert not made.snapshot.prims.visible[sun.prim]
            continue
        toward = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
        np.testing.assert_allclose(made.snapshot.node_world[sun.prim][:3, 2], toward, atol=1e-9)
        assert sun.normalize and 0 < max(sun.radiance) < 3 and sun.radiance[0] > sun.radiance[2]
    assert 0 < nights < 12


def test_the_sun_of_a_place(yard_with: MakeYard) -> None:
    """Noon at midsummer north of the tropics: in the south, which is -Y where north is +Y."""
    place = {"latitude": 45, "longitude": 0, "first": "2024-06-20", "last": "2024-06-21", "hour": 12.03}
    for north, (x, y) in ((90, (0, -1)), (0, (-1, 0))):
        maker, _ = yard_with({"kind": "sun", "place": {**place, "north": north}})
        made = maker.randomized(0)
        sun = light_of(made.snapshot, "/TwinstageRandomLights/_r0")
        up = np.radians(90 - 45 + 23.44)
        expected = [np.cos(up) * x, np.cos(up) * y, np.sin(up)]
        np.testing.assert_allclose(made.snapshot.node_world[sun.prim][:3, 2], expected, atol=0.01)
        assert made.draws["r0"]["day"] in ("2024-06-20", "2024-06-21")


def test_an_environment_shows_its_map_turned_and_scaled(yard_with: MakeYard, tmp_path: Path) -> None:
    hashes = {
        name: save(tmp_path, f"hdri/{name}.png", c) for name, c in (("a", (255, 0, 0)), ("b", (0, 255, 0)))
    }
    maker, _ = yard_with(
        {
            "kind": "environment",
            "maps": ["hdri/*.png"],
            "intensity": [0.5, 2],
            "replaces": ["/Yard/Lights/*"],
        },
        {"kind": "environment", "maps": ["hdri/a.png"], "dome": "/Yard/Lights/Dome", "rotate": 90},
    )
    engine = open_engine(kind="raycast", spp=1, outputs=("linear",))
    seen = set()
    for frame in range(6):
        made = maker.randomized(frame)
        draws, snapshot = made.draws["r0"], made.snapshot
        dome = light_of(snapshot, "/TwinstageRandomLights/_r0")
        name = Path(draws["map"]).stem
        seen.add(name)
        assert snapshot.textures[dome.texture].hash == hashes[name] == draws["map sha256"]
        angle = np.radians(draws["rotate"])
        np.testing.assert_allclose(
            snapshot.node_world[dome.prim][:3, :3],
            [[np.cos(angle), 0, np.sin(angle)], [np.sin(angle), 0, -np.cos(angle)], [0, 1, 0]],
            atol=1e-9,
        )
        assert dome.radiance == pytest.approx((draws["intensity"],) * 3, rel=1e-6)
        camera, _ = recipe_camera(maker.recipe, snapshot, maker.recipe.cameras[1])
        sky = engine.render(snapshot, camera).aovs["linear"][0, 0]
        assert sky[0 if name == "a" else 1] == pytest.approx(draws["intensity"], rel=1e-5)
    assert seen == {"a", "b"}


def test_any_name_makes_lights_of_its_own(yard_with: MakeYard) -> None:
    names = ("my sun", "my-sun", "my_sun", "7", "fill")
    maker, _ = yard_with(*({"kind": "sun", "name": n, "azimuth": 0, "elevation": 30} for n in names))
    found = [s for s in maker.randomized(0).snapshot.lights if s.kind == "distant" and s.normalize]
    assert len(found) == len(names)


def test_what_is_off_in_a_frame_gives_no_light(yard_with: MakeYard, tmp_path: Path) -> None:
    save(tmp_path, "m.png", (9, 9, 9))
    never = {"from": 5}
    maker, _ = yard_with(
        {"kind": "environment", "maps": ["m.png"], "when": never},
        {"kind": "lights", "when": never},
        {"kind": "sun", "azimuth": 0, "elevation": 50, "when": never},
    )
    made = maker.randomized(0)
    added = [s for s in made.snapshot.lights if "/TwinstageRandomLights/" in made.snapshot.prims.path[s.prim]]
    assert len(added) == 1 + 4 * 2 + 1 and all(max(light.radiance) == 0 for light in added)
    assert any(max(s.radiance) > 0 for s in maker.randomized(6).snapshot.lights if s.prim == added[0].prim)


def test_illuminance_makes_maps_of_any_exposure_equally_bright(yard_with: MakeYard, tmp_path: Path) -> None:
    """A level surface's irradiance is pi times the mean over directions drawn by their cosine."""
    rng = np.random.default_rng(6)
    ramp = np.linspace(0.15, 1, 64)[:, None, None] * np.ones((64, 128, 3))
    for name, factor in (("dark", 60), ("bright", 255)):
        Image.fromarray((ramp * factor).astype(np.uint8)).save(tmp_path / f"{name}.png")
    maker, _ = yard_with({"kind": "environment", "maps": ["dark.png", "bright.png"], "illuminance": 2.0})
    up = np.sqrt(rng.random(40_000))
    turn, flat = rng.random(40_000) * 2 * np.pi, np.sqrt(1 - up**2)
    directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), up], -1)
    seen = set()
    for frame in range(6):
        made = maker.randomized(frame)
        dome = light_of(made.snapshot, "/TwinstageRandomLights/_r0")
        texture = made.snapshot.textures[dome.texture]
        light = looked_up(decoded(ImageFile("m", texture)), directions, 0.0) @ [0.2126, 0.7152, 0.0722]
        assert np.pi * light.mean() * dome.radiance[0] == pytest.approx(2.0, rel=0.02)
        seen.add(made.draws["r0"]["map"])
    assert len(seen) == 2
