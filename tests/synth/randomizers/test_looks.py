"""What randomizers of materials and lights do, against closed forms; images that they choose among."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.render.engines import open_engine
from twinstage.scene.edits import ImageFile, apply_edits, batch
from twinstage.scene.snapshot import Light, Material, Snapshot
from twinstage.synth.dealing import Dealing
from twinstage.synth.draws import Draws
from twinstage.synth.effects import Shot
from twinstage.synth.frame import FrameMaker
from twinstage.synth.look import recipe_camera
from twinstage.synth.randomizers import RANDOMIZERS
from twinstage.synth.randomizers.background import MapBackground, decoded, looked_up
from twinstage.synth.recipe import Recipe
from twinstage.synth.unfinished import cpu

MakeYard = Callable[..., tuple[FrameMaker, Path]]


POSTER = """
def Mesh "Poster" (prepend apiSchemas = ["MaterialBindingAPI"])
{
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(-1, 3.9, 0.5), (1, 3.9, 0.5), (1, 3.9, 1.5), (-1, 3.9, 1.5)]
    texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "vertex")
    uniform token subdivisionScheme = "none"
    rel material:binding = </Yard/Looks/Printed>
}
"""
"""Cubes have no texture coordinates; this has."""


@pytest.fixture
def yard_with(yard_writer: Callable[..., Path], yard_recipe: Callable[..., Any], tmp_path: Path) -> MakeYard:
    """A frame maker of the yard with these randomizers alone, and the yard's folder."""

    def make(
        *randomize: dict[str, Any], up: str = "Z", mpu: float = 1.0, **more: Any
    ) -> tuple[FrameMaker, Path]:
        stage = yard_writer(tmp_path, up=up, mpu=mpu)
        stage.write_text(stage.read_text() + POSTER)
        items = [{"name": f"r{i}", **fields} for i, fields in enumerate(randomize)]
        return FrameMaker(yard_recipe(randomize=items, **more), stage.parent), stage.parent

    return make


def light_of(snapshot: Snapshot, path: str) -> Light:
    return next(light for light in snapshot.lights if snapshot.prims.path[light.prim] == path)


def material_of(snapshot: Snapshot, path: str) -> Material:
    return next(m for m in snapshot.materials if m.path == path)


def save(folder: Path, name: str, value: tuple[int, int, int]) -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (8, 4), value).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- lights -------------------------------------------------------------------------------------------------------


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


# --- materials ----------------------------------------------------------------------------------------------------


def test_numbers_stay_within_their_limits(yard_with: MakeYard) -> None:
    wild = {"normal": [0.5, 0.8]}
    maker, _ = yard_with(
        {
            "kind": "material",
            "materials": ["/Yard/Looks/*"],
            **{
                k: wild
                for k in ("roughness", "metallic", "clearcoat", "clearcoat_roughness", "opacity", "ior")
            },
        }
    )
    found = [material_of(maker.randomized(f).snapshot, "/Yard/Looks/Red") for f in range(8)]
    for m in found:
        assert all(0 <= v <= 1 for v in (m.roughness, m.metallic, m.clearcoat, m.clearcoat_roughness))
        assert m.opacity + 1e-6 >= 0.01 and m.opacity <= 1 and 1 <= m.ior <= 3
    assert len({m.roughness for m in found}) > 2


def test_wear_mixes_numbers_and_images_alike(yard_with: MakeYard) -> None:
    maker, _ = yard_with(
        {
            "kind": "material",
            "materials": ["/Yard/Looks/*"],
            "wear": {"amount": [0.2, 0.8], "color": "#ff0000", "roughness": 1.0},
        }
    )
    made = maker.randomized(0)
    before = material_of(maker.snapshot, "/Yard/Looks/Red")
    for name in ("Red", "Printed"):
        amount = made.draws["r0"][f"wear /Yard/Looks/{name}"]
        after = material_of(made.snapshot, f"/Yard/Looks/{name}")
        if name == "Red":
            expected = (1 - amount) * np.array(before.diffuse_color) + amount * np.array([1, 0, 0])
            np.testing.assert_allclose(after.diffuse_color, expected, rtol=1e-6)
            assert after.roughness == pytest.approx((1 - amount) * before.roughness + amount)
        else:
            image = after.texture("diffuseColor")
            assert image is not None
            np.testing.assert_allclose(image.scale, [0.9 * (1 - amount)] * 3 + [1], rtol=1e-6)
            np.testing.assert_allclose(image.bias, [amount, 0, 0, 0], atol=1e-6)


def test_matched_images_come_from_the_same_place_of_each_list(yard_with: MakeYard, tmp_path: Path) -> None:
    for k in range(4):
        save(tmp_path, f"t/{k}_color.png", (k, 0, 0))
        save(tmp_path, f"t/{k}_normal.png", (0, k, 0))
    item = {
        "kind": "material",
        "materials": ["/Yard/Looks/Printed"],
        "images": {"diffuseColor": ["t/*_color.png"], "normal": ["t/*_normal.png"]},
        "matched": True,
        "placement": {"scale": 2, "rotation": 90, "offset": 0.25},
    }
    maker, _ = yard_with(item)
    seen = set()
    for frame in range(8):
        made = maker.randomized(frame)
        chosen = material_of(made.snapshot, "/Yard/Looks/Printed")
        color, normal = chosen.texture("diffuseColor"), chosen.texture("normal")
        assert color is not None and normal is not None
        names = [Path(made.snapshot.textures[t.texture].path).name for t in (color, normal)]
        assert names[0][0] == names[1][0]
        seen.add(names[0])
        assert (color.color_space, normal.color_space, normal.bias[:3]) == ("sRGB", "raw", (-1, -1, -1))
        assert color.uv_scale == pytest.approx((2, 2)) and color.uv_translation == (0.25, 0.25)
        assert color.uv_rotation == pytest.approx(np.pi / 2)
    assert len(seen) >= 3
    (tmp_path / "t" / "3_normal.png").unlink()
    with pytest.raises(
        UserError, match="lists of the same length, and there are 4 of diffuseColor, 3 of normal"
    ):
        yard_with(item)[0].check()


def test_bindings_are_of_the_given_materials(yard_with: MakeYard) -> None:
    maker, _ = yard_with(
        {"kind": "binding", "prims": ["/Yard/Box_*"], "materials": ["/Yard/Looks/*"]},
    )
    worn = set()
    for frame in range(6):
        snapshot = maker.randomized(frame).snapshot
        for row, prim in enumerate(snapshot.instances.prim):
            if snapshot.prims.path[prim].startswith("/Yard/Box_"):
                (material,) = snapshot.material_sets[snapshot.instances.material_set[row]]
                worn.add((snapshot.prims.path[prim], snapshot.materials[material].path))
    assert len(worn) == 6  # three boxes, two materials each


# --- image files --------------------------------------------------------------------------------------------------


def test_a_split_sees_its_own_images_only(yard_with: MakeYard, tmp_path: Path) -> None:
    for k in range(6):
        save(tmp_path, f"sky/{k}.png", (k, k, k))
    maker, _ = yard_with({"kind": "environment", "maps": ["sky"]})
    (randomizer,) = maker.recipe.randomize
    dealing = Dealing(3, {"train": 1, "val": 1}, frozenset({"hdri"}))
    seen: dict[str, set[str]] = {"train": set(), "val": set()}
    for split, found in seen.items():
        for frame in range(20):
            draws = Draws(3, frame, "r0", 0, split, dealing)
            randomizer(maker.snapshot, draws)
            found.add(draws.log["map"])
    assert len(seen["train"]) == len(seen["val"]) == 3 and not seen["train"] & seen["val"]


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (["nothing.hdr"], "'nothing.hdr' names no image in the recipe's folder"),
        (["none/*.hdr"], "names no image"),
        (["../elsewhere.png"], "outside the stage's folder and the recipe's asset_roots"),
        (["/etc/passwd"], "is absolute"),
        (["yard.usda"], "yard.usda is no image"),
    ],
)
def test_images_that_cannot_be_used(
    yard_writer: Callable[..., Path],
    yard_recipe: Callable[..., Any],
    tmp_path: Path,
    maps: list[str],
    message: str,
) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    yard_writer(folder)
    save(tmp_path, "elsewhere.png", (1, 2, 3))
    recipe = yard_recipe(randomize=[{"kind": "environment", "name": "sky", "maps": maps}])
    with pytest.raises(UserError, match=message) as caught:
        FrameMaker(recipe, folder).check()
    assert "\n" not in str(caught.value) and "'sky'" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "sun"}, "give azimuth and elevation, or place"),
        ({"kind": "sun", "azimuth": 1}, "give azimuth and elevation, or place"),
        ({"kind": "background", "palette": ["#ffffff"], "images": ["x"]}, "give one of"),
        ({"kind": "material", "materials": ["/a"]}, "nothing to do"),
        ({"kind": "material", "materials": ["/a"], "roughness": 1, "images": {"roughness": ["x"]}}, "both"),
        ({"kind": "sensor", "read_noise": 3}, "need a full_well"),
        ({"kind": "fog", "visibility": 3, "law": "other"}, "wmo"),
        ({"kind": "lights", "kinds": ["rect", "rect"]}, "each kind is named once"),
    ],
)
def test_recipes_that_make_no_sense(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RANDOMIZERS.get(fields["kind"]).model_validate({"name": "r", **fields})


# --- repeatability ------------------------------------------------------------------------------------------------

KINDS = ("material", "binding", "environment", "sun", "lights", "background", "fog", "sensor")


def test_a_frame_made_alone_has_the_bytes_of_one_made_in_a_run(
    small_recipe: Callable[..., Recipe], recipes: Path, tmp_path: Path
) -> None:
    more = ["engine={kind: raycast, spp: 1}"]
    items = {r.name: r for kind in KINDS for r in small_recipe(kind, more).randomize}
    recipe = small_recipe("fog", more).model_copy(update={"randomize": tuple(items.values())})
    run = FrameMaker(recipe, recipes)
    for frame in range(3):
        run.make(tmp_path / "run", frame)
    FrameMaker(recipe, recipes).make(tmp_path / "alone", 2)
    alone = sorted(p.relative_to(tmp_path / "alone") for p in (tmp_path / "alone").rglob("*") if p.is_file())
    assert len(alone) == 5
    for path in alone:
        assert (tmp_path / "alone" / path).read_bytes() == (tmp_path / "run" / path).read_bytes(), path


def test_adding_one_disturbs_no_other(yard_with: MakeYard) -> None:
    lamps = {"kind": "lights", "name": "pool"}
    sun = {"kind": "sun", "name": "sun", "azimuth": [0, 9], "elevation": [20, 50]}
    fog = {"kind": "fog", "name": "fog", "visibility": [1, 9]}
    alone = yard_with(lamps)[0].randomized(1).draws["pool"]
    among = yard_with(fog, sun, lamps)[0].randomized(1).draws
    assert among["pool"] == alone and set(among) == {"fog", "sun", "pool"}
    assert apply_edits(yard_with()[0].snapshot, batch([])).lights  # an empty batch changes nothing


def test_an_image_that_changed_is_not_the_same_dataset(
    yard_writer: Callable[..., Path], yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    from twinstage.synth.generate import generate

    stage = yard_writer(tmp_path)
    digest = save(tmp_path, "sky.png", (1, 2, 3))
    recipe = yard_recipe(randomize=[{"kind": "environment", "name": "sky", "maps": ["sky.png"]}], export=[])
    generate(recipe, tmp_path / "out", frames=1, base_dir=stage.parent)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["inputs"] == {"sky.png": digest}
    state = {**manifest, "recipe_hash": recipe.model_copy(update={"frames": 1}).hash, "shard": [0, 1]}
    (tmp_path / "out" / "manifest.json").unlink()
    kept = {k: state[k] for k in ("recipe_hash", "stages", "inputs", "shard", "versions")}
    (tmp_path / "out" / ".run.json").write_text(json.dumps(kept | {"cpu": cpu()}))
    generate(recipe, tmp_path / "out", frames=1, base_dir=stage.parent)  # the same goes on
    (tmp_path / "out" / "manifest.json").unlink()
    (tmp_path / "out" / ".run.json").write_text(json.dumps(kept | {"cpu": cpu()}))
    save(tmp_path, "sky.png", (3, 2, 1))
    with pytest.raises(UserError, match="other image files beside the stage"):
        generate(recipe, tmp_path / "out", frames=1, base_dir=stage.parent)


def test_the_engine_follows_images_that_change_under_equal_materials(
    yard_with: MakeYard, tmp_path: Path
) -> None:
    """Both frames' materials name the same texture index; only what lies there differs."""
    for k, value in enumerate(((255, 0, 0), (0, 255, 0))):
        save(tmp_path, f"t/{k}.png", value)
    item = {"kind": "material", "materials": ["/Yard/Looks/Printed"], "images": {"diffuseColor": ["t"]}}
    camera = {"name": "poster", "look_at": {"eye": [0, 2.5, 1], "target": [0, 3.9, 1], "fov": 20}}
    maker, _ = yard_with(item, cameras=[camera], resolution=[8, 8])
    scenes = {}
    for frame in range(8):
        made = maker.randomized(frame)
        scenes[made.draws["r0"]["image diffuseColor /Yard/Looks/Printed"]] = made.snapshot
    one, two = scenes["t/0.png"], scenes["t/1.png"]
    assert one.materials == two.materials and one.textures != two.textures
    engine = open_engine(kind="direct", spp=1, outputs=("linear",))
    seen, _ = recipe_camera(maker.recipe, one, maker.recipe.cameras[0])
    red, green = (engine.render(s, seen, seed=1).aovs["linear"].mean((0, 1)) for s in (one, two))
    assert red[0] > 10 * red[1] > 0 and green[1] > 10 * green[0] > 0


def test_a_background_map_is_seen_as_the_engine_shows_it_on_a_dome(
    yard_with: MakeYard, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    pixels = np.kron(rng.integers(40, 255, (4, 8, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    Image.fromarray(pixels).save(tmp_path / "sky.png")
    camera = {"name": "up", "look_at": {"eye": [0, 0, 5], "target": [3, 2, 7], "fov": 70}}
    maker, _ = yard_with(
        {"kind": "environment", "maps": ["sky.png"], "rotate": 77, "replaces": ["/Yard/Lights/*"]},
        cameras=[camera],
        resolution=[40, 30],
    )
    made = maker.randomized(0)
    seen, _ = recipe_camera(maker.recipe, made.snapshot, maker.recipe.cameras[0])
    engine = open_engine(kind="direct", spp=64, outputs=("linear",))
    shown = engine.render(made.snapshot, seen, seed=1).aovs["linear"]
    (image,) = [t for t in made.snapshot.textures if t.path.endswith("sky.png")]
    depth = np.full((30, 40), np.inf, np.float32)
    shot = Shot(made.snapshot, seen, depth, depth, (1,))
    found = MapBackground(ImageFile("sky.png", image), 77.0, 1.0).on_light(shown * 0, shot)
    assert np.median(np.abs(found - shown)) < 0.01
    assert np.corrcoef(found.ravel(), shown.ravel())[0, 1] > 0.97


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
