"""Edits of lights and materials: the layer over the stage reads as the snapshot that the edits were applied to."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.synth.test_layer_reproduces_frame import assert_same_looks, assert_same_scene, read_with_layer

from twinstage.base.errors import UserError
from twinstage.scene.author import author_layer, shader_paths
from twinstage.scene.edit_looks import ImageFile, TextureUse
from twinstage.scene.edits import BINDING, Edit, apply_edits, batch, light_edits
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot, Texture
from twinstage.scene.stage import open_stage

UNITS = [("Z", 1.0), ("Y", 0.01)]
RED, PRINTED = "/Yard/Looks/Red", "/Yard/Looks/Printed"


def image(folder: Path, name: str, seed: int = 0) -> ImageFile:
    """A small picture beside the stage."""
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    (folder / name).write_bytes(buffer.getvalue())
    import hashlib

    data = buffer.getvalue()
    return ImageFile(name, Texture(str(folder / name), hashlib.sha256(data).hexdigest(), data))


def both(stage: Path, edits: list[Edit], folder: Path) -> tuple[Snapshot, Snapshot]:
    """The edited snapshot, and the one read from the stage with the edits' layer on top."""
    opened = open_stage(stage, probe=False)
    before = read_snapshot(opened)
    edits_ = batch(edits)
    text = author_layer(edits_, before.stage, shaders=shader_paths(opened.stage))
    return apply_edits(before, edits_), read_with_layer(stage, text, folder)


@pytest.fixture(params=UNITS, ids=["Z-m", "Y-cm"])
def stage(request: pytest.FixtureRequest, yard_writer: Callable[..., Path], tmp_path: Path) -> Path:
    up, mpu = request.param
    return yard_writer(tmp_path, up=up, mpu=mpu)


def test_plain_inputs(stage: Path, tmp_path: Path) -> None:
    numbers = {
        "roughness": 0.31,
        "metallic": 0.2,
        "clearcoat": 0.7,
        "clearcoatRoughness": 0.12,
        "opacity": 0.6,
        "opacityThreshold": 0.0,
        "ior": 1.33,
    }
    colors = {"diffuseColor": (0.1, 0.2, 0.3), "emissiveColor": (1.0, 2.0, 0.5), "specularColor": (0.1, 0, 0)}
    edits = [Edit(RED, f"inputs:{n}", v) for n, v in [*numbers.items(), *colors.items()]]
    made, read = both(stage, edits, tmp_path)
    assert_same_scene(made, read)
    red = next(m for m in read.materials if m.path == RED)
    assert (red.ior, red.clearcoat) == pytest.approx((1.33, 0.7)) and red.emissive_color == (1.0, 2.0, 0.5)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("diffuseColor", {}),
        ("emissiveColor", {"scale": (2.0, 2.0, 2.0, 1.0)}),
        ("specularColor", {}),
        ("roughness", {"channel": "g", "color_space": "raw", "bias": (0.1,) * 4}),
        ("metallic", {"channel": "b", "color_space": "raw"}),
        ("clearcoat", {"channel": "r", "color_space": "raw"}),
        ("opacity", {"channel": "a", "color_space": "raw"}),
        ("normal", {"color_space": "raw", "scale": (2, 2, 2, 1), "bias": (-1, -1, -1, 0)}),
    ],
)
@pytest.mark.parametrize("material", [RED, PRINTED])
def test_images_on_any_input(
    name: str, more: dict[str, Any], material: str, yard_writer: Callable[..., Path], tmp_path: Path
) -> None:
    stage = yard_writer(tmp_path)
    use = TextureUse(
        image(tmp_path, "new.png"), uv_scale=(2.0, 3.0), uv_rotation=30.0, uv_translation=(0.25, -0.5), **more
    )
    made, read = both(stage, [Edit(material, f"inputs:{name}/texture", use)], tmp_path)
    assert_same_scene(made, read)
    source = next(m for m in read.materials if m.path == material).texture(name)
    assert source is not None and source.uv_rotation == pytest.approx(np.radians(30))
    assert read.textures[source.texture].path.endswith("new.png")


def test_range_of_images_old_and_new(stage: Path, tmp_path: Path) -> None:
    use = TextureUse(image(tmp_path, "new.png"), channel="r", color_space="raw")
    edits = [
        Edit(PRINTED, "inputs:diffuseColor/inputs:scale", (0.5, 0.6, 0.7, 1.0)),
        Edit(PRINTED, "inputs:diffuseColor/inputs:bias", (0.1, 0.2, 0.3, 0.0)),
        Edit(PRINTED, "inputs:roughness/texture", use),
        Edit(PRINTED, "inputs:roughness/inputs:scale", (0.5,) * 4),
    ]
    made, read = both(stage, edits, tmp_path)
    assert_same_scene(made, read)
    printed = next(m for m in read.materials if m.path == PRINTED)
    rough, color = printed.texture("roughness"), printed.texture("diffuseColor")
    assert rough is not None and rough.scale == (0.5,) * 4
    assert color is not None and color.bias == pytest.approx((0.1, 0.2, 0.3, 0.0))


def test_the_later_of_a_number_and_an_image_holds(stage: Path, tmp_path: Path) -> None:
    number = Edit(RED, "inputs:roughness", 0.3)
    use = Edit(
        RED, "inputs:roughness/texture", TextureUse(image(tmp_path, "n.png"), channel="r", color_space="raw")
    )
    for order, textured in (([number, use], True), ([use, number], False)):
        made, read = both(stage, order, tmp_path)
        assert_same_scene(made, read)
        one_by_one = apply_edits(
            apply_edits(read_snapshot(open_stage(stage, probe=False)), batch(order[:1])), batch(order[1:])
        )
        assert_same_looks(one_by_one, read)
        red = next(m for m in read.materials if m.path == RED)
        assert (red.texture("roughness") is not None) == textured


def test_another_material_for_all_below(stage: Path, tmp_path: Path) -> None:
    edits = [
        Edit("/Yard/Box_A", BINDING, PRINTED),
        *(Edit(f"/Yard/Pallet_{n}", BINDING, RED) for n in (1, 2)),
    ]
    made, read = both(stage, edits, tmp_path)
    assert_same_looks(made, read)
    for path, wanted in (
        ("/Yard/Box_A/Body", PRINTED),
        ("/Yard/Pallet_1/Deck", RED),
        ("/Yard/Box_C/Body", RED),
    ):
        row = list(read.instances.prim).index(read.prims.index_of[path])
        (worn,) = read.material_sets[read.instances.material_set[row]]
        assert read.materials[worn].path == wanted


def test_the_outer_binding_is_the_stronger(yard: Path, tmp_path: Path) -> None:
    edits = [Edit("/Yard/Box_A", BINDING, RED), Edit("/Yard/Box_A/Body", BINDING, PRINTED)]
    made, read = both(yard, edits, tmp_path)
    assert_same_looks(made, read)


def test_lights_of_another_size_angle_and_image(stage: Path, tmp_path: Path) -> None:
    sky = image(tmp_path, "sky.png")
    edits = [
        Edit("/Yard/Lights/Sun", "inputs:angle", 2.5),
        Edit("/Yard/Lights/Sun", "inputs:normalize", True),
        Edit("/Yard/Lights/Bulb", "inputs:radius", 0.35),
        Edit("/Yard/Lights/Dome", "inputs:texture:file", sky),
        *light_edits("/Yard/Lights/Dome", (1.0, 0.5, 0.25), 3.0, 4000.0),
    ]
    made, read = both(stage, edits, tmp_path)
    assert_same_scene(made, read)
    by_path = {read.prims.path[light.prim].rsplit("/", 1)[1]: light for light in read.lights}
    assert by_path["Sun"].angle == pytest.approx(np.radians(2.5)) and by_path["Sun"].normalize
    assert by_path["Bulb"].radius == pytest.approx(0.35 * read.stage.meters_per_unit)
    assert read.textures[by_path["Dome"].texture].hash == sky.texture.hash


def test_what_a_light_or_material_does_not_have_is_refused(snapshot: Snapshot, tmp_path: Path) -> None:
    use = TextureUse(image(tmp_path, "x.png"))
    for edit, message in (
        (Edit("/Yard/Lights/Sun", "inputs:radius", 1.0), "a distant light has no radius"),
        (Edit("/Yard/Lights/Bulb", "inputs:radius", 0.0), "without extent"),
        (Edit("/Yard/Lights/Bulb", "inputs:angle", 1.0), "only a distant light has an angle"),
        (Edit("/Yard/Lights/Bulb", "inputs:texture:file", use.image), "shows no image"),
        (Edit("/Yard/Lights/Bulb", "inputs:nothing", 1.0), "no property 'inputs:nothing'"),
        (Edit(RED, "inputs:roughness/texture", use), "roughness takes 1 channels, not 'rgb'"),
        (Edit(RED, "inputs:nothing", 1.0), "no input 'inputs:nothing'"),
        (Edit("/Yard/Box_A", BINDING, "/Yard/Looks/Rad"), "cannot wear /Yard/Looks/Rad"),
    ):
        with pytest.raises(UserError, match=message):
            apply_edits(snapshot, batch([edit]))


def test_equal_images_are_kept_once(snapshot: Snapshot, tmp_path: Path) -> None:
    one, same, other = image(tmp_path, "a.png"), image(tmp_path, "b.png"), image(tmp_path, "c.png", 1)
    edits = [
        Edit(path, "inputs:diffuseColor/texture", TextureUse(file))
        for path, file in ((RED, one), (PRINTED, same))
    ] + [Edit("/Yard/Lights/Dome", "inputs:texture:file", other)]
    out = apply_edits(snapshot, batch(edits))
    assert len(out.textures) == len(snapshot.textures) + 2
    assert out.textures[: len(snapshot.textures)] == snapshot.textures
