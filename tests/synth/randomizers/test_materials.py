"""Materials: numbers, wear, images that belong together, bindings; and the engine that follows them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.synth.randomizers.looks import MakeYard, material_of, save

from twinstage.base.errors import UserError
from twinstage.render.engines import open_engine
from twinstage.scene.edits import ImageFile
from twinstage.synth.effects import Shot
from twinstage.synth.look import recipe_camera
from twinstage.synth.randomizers.background import MapBackground


def test_numbers_stay_within_their_limits(yard_with: MakeYard) -> None:
    wild = {"normal": [0.5, 0.8]}
    maker, _ = yard_with(
        {
            "kind": "material",
            "materials": ["/Yard/Looks/*"],
            **{k: wild for k in ("roughness", "metallic", "clearcoat", "clearcoat_roughness", "opacity")},
            "ior": {"normal": [1.5, 0.8]},
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
