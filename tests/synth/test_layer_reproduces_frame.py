"""The proof of the randomization layer: the stage with the layer on top reads as the snapshot that was labelled."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.camera_edits import CAMERA_TYPES
from twinstage.scene.edits import Edit, apply_edits, batch, light_edits, transform_edit
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage
from twinstage.synth.frame import FrameMaker
from twinstage.synth.staged import StagedRecipe

MORE = [
    {"kind": "visibility", "name": "gone", "prims": ["/Yard/Parcels", "/Yard/Pallet_*"], "probability": 0.5},
    {
        "kind": "light",
        "name": "warm",
        "lights": ["/Yard/Lights/Bulb"],
        "temperature": [2500, 6500],
        "rotate": [0, 90],
    },
    {"kind": "light", "name": "sky", "lights": ["/Yard/Lights/Dome", "/Yard/Lights/Sun"], "rotate": [0, 360]},
    {
        "kind": "color",
        "name": "gloss",
        "materials": ["/Yard/Looks/Red"],
        "roughness": [0, 1],
        "metallic": [0, 1],
    },
    {
        "kind": "camera",
        "name": "zoom",
        "cameras": ["side"],
        "target": ["/Yard/Box_*"],
        "fill": [0.1, 0.3],
        "fov": [40, 70],
    },
    {
        "kind": "pose",
        "name": "lift",
        "prims": ["/Yard/Pallet_*"],
        "translate": {"z": [0, 0.4]},
        "scale": [0.8, 1.2],
    },
    {
        "kind": "pose",
        "name": "tilt",
        "prims": ["/Yard"],
        "rotate": {"x": [-5, 5]},
        "translate": {"x": [-1, 1]},
    },
]


def read_with_layer(stage: Path, text: str, folder: Path) -> Snapshot:
    """The snapshot of a new root layer that has the frame's layer above the stage."""
    (folder / "frame.usda").write_text(text)
    root = folder / "root.usda"
    head = "\n".join(line for line in text.splitlines()[2:5])  # units and axis, which a root layer decides
    root.write_text(f"#usda 1.0\n(\n{head}\n    subLayers = [@frame.usda@, @{stage}@]\n)\n")
    return read_snapshot(open_stage(root, asset_roots=[stage.parent], probe=False))


def assert_same_scene(made: Snapshot, read: Snapshot) -> None:
    """Everything that an edit can reach is the same; of prims, the layer may add shaders that feed images to materials."""
    paths = list(read.prims.path)
    kept = [i for i, path in enumerate(paths) if path in made.prims.index_of]
    extra = [paths[i] for i in sorted(set(range(len(paths))) - set(kept))]
    assert all(path.rsplit("/", 1)[1].startswith("Twinstage_") for path in extra), extra
    assert list(made.prims.path) == [paths[i] for i in kept]
    nodes = [*kept, *range(len(paths), read.node_count)]
    np.testing.assert_allclose(made.node_world, read.node_world[nodes], rtol=0, atol=1e-10)
    assert np.array_equal(made.instances.visible, read.instances.visible)
    assert_same_looks(made, read)
    row = {prim: i for i, prim in enumerate(kept)}
    assert made.cameras == tuple(replace(camera, prim=row[camera.prim]) for camera in read.cameras)
    for ours, theirs in zip(made.lights, read.lights, strict=True):
        assert ours.prim == row[theirs.prim]
        assert ours.radiance == pytest.approx(theirs.radiance, rel=1e-7)
        assert hash_of(made, ours.texture) == hash_of(read, theirs.texture)
        for name in ("width", "height", "radius", "length", "angle"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-7)
        names = ("prim", "radiance", "texture", "width", "height", "radius", "length", "angle")
        assert replace(ours, **{name: getattr(theirs, name) for name in names}) == theirs


def assert_same_looks(made: Snapshot, read: Snapshot) -> None:
    """Every slot of every instance wears an equal material; textures are compared by content, as indices may differ."""
    assert len(made.instances) == len(read.instances)
    for ours, theirs in zip(made.instances.material_set, read.instances.material_set, strict=True):
        pairs = zip(made.material_sets[ours], read.material_sets[theirs], strict=True)
        for mine, other in {pair: None for pair in pairs}:
            assert by_content(made, mine) == by_content(read, other)


def by_content(snapshot: Snapshot, row: int) -> tuple[Any, ...]:
    material = snapshot.materials[row]
    images = [
        (name, snapshot.textures[source.texture].hash, replace(source, texture=-1))
        for name, source in material.textures
    ]
    return replace(material, textures=()), images


def hash_of(snapshot: Snapshot, texture: int) -> str:
    return snapshot.textures[texture].hash if texture >= 0 else ""


@pytest.mark.parametrize(("up", "mpu"), [("Z", 1.0), ("Y", 0.01), ("Z", 0.001)])
def test_the_layer_over_the_stage_reads_as_the_labelled_scene(
    up: str, mpu: float, yard_recipe: Callable[..., Any], yard_writer: Callable[..., Path], tmp_path: Path
) -> None:
    stage = yard_writer(tmp_path, up=up, mpu=mpu)
    recipe = yard_recipe(randomize=[*yard_recipe().model_dump(mode="json")["randomize"], *MORE])
    maker = FrameMaker(recipe, stage.parent)
    for frame in range(3):
        made = maker.randomized(frame)
        assert {edit.property for edit in made.edits.edits} >= {
            "focalLength",
            "inputs:diffuseColor/inputs:scale",
        }
        assert_same_scene(made.snapshot, read_with_layer(stage, maker.layer(made), tmp_path))


CAMERA_EDITS: dict[str, Any] = {
    "focalLength": 17.3,
    "horizontalAperture": 21.7,
    "verticalAperture": 13.1,
    "horizontalApertureOffset": 1.3,
    "verticalApertureOffset": -0.7,
    "fStop": 2.8,
    "focusDistance": 3.3,
    "clippingRange": (0.13, 77.7),
    "shutter:open": -0.2,
    "shutter:close": 0.3,
    "twin:shutter:readout": 0.021,
    "twin:motion:velocity": (0.3, -0.1, 1.7),
    "twin:motion:angularVelocity": (10.0, -33.0, 7.0),
    "twin:lens:model": "opencv",
    "twin:lens:coefficients": (-0.2, 0.05, 0.001, -0.002, 0.01),
    "twin:lens:K": (100.0, 98.0, 61.0, 44.5),
    "twin:lens:imageSize": (120.0, 90.0),
    "twin:lens:maxAngle": 101.0,
}


@pytest.mark.parametrize(("up", "mpu"), [("Z", 1.0), ("Y", 0.01)])
def test_every_property_of_a_camera_reads_as_it_was_edited(
    up: str, mpu: float, yard_recipe: Callable[..., Any], yard_writer: Callable[..., Path], tmp_path: Path
) -> None:
    assert set(CAMERA_EDITS) == set(CAMERA_TYPES)
    stage = yard_writer(tmp_path, up=up, mpu=mpu)
    staged = StagedRecipe(yard_recipe(randomize=[]), stage.parent)
    lens = {name: value for name, value in CAMERA_EDITS.items() if name.startswith("twin:lens:")}
    alone = [{name: value} for name, value in CAMERA_EDITS.items() if name not in lens]
    for values in (*alone, lens, CAMERA_EDITS):
        edits = batch(Edit("/Yard/Cameras/Front", name, value) for name, value in values.items())
        made = apply_edits(staged.first.snapshot, edits)
        assert made.cameras != staged.first.snapshot.cameras
        assert_same_scene(made, read_with_layer(stage, staged.layer(staged.first, edits), tmp_path))


def test_a_lens_is_edited_whole(snapshot: Snapshot) -> None:
    with pytest.raises(UserError, match="an edit of a lens sets all of"):
        apply_edits(snapshot, batch([Edit("/Yard/Cameras/Front", "twin:lens:model", "fisheye")]))


def test_a_replaced_texture_is_cut_off_in_the_layer(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    paint = {"kind": "color", "name": "paint", "materials": ["/Yard/Looks/Printed"], "palette": ["#30a060"]}
    maker = FrameMaker(yard_recipe(randomize=[{**paint, "textured": "replace"}]), yard.parent)
    made = maker.randomized(0)
    assert next(m for m in made.snapshot.materials if m.path == "/Yard/Looks/Printed").textures == ()
    assert_same_scene(made.snapshot, read_with_layer(yard, maker.layer(made), tmp_path))


def test_the_world_is_the_same_in_any_units(
    yard_recipe: Callable[..., Any], yard_writer: Callable[..., Path], tmp_path: Path
) -> None:
    worlds = []
    for up, mpu in (("Z", 1.0), ("Y", 0.01)):
        folder = tmp_path / f"{up}{mpu}"
        folder.mkdir()
        stage = yard_writer(folder, up=up, mpu=mpu)
        made = FrameMaker(yard_recipe(), stage.parent).randomized(1).snapshot
        worlds.append(
            np.array([made.node_world[made.prims.index_of[f"/Yard/Box_{n}"]][:3, 3] for n in "ABC"])
        )
    np.testing.assert_allclose(worlds[0], worlds[1], atol=1e-9)


def test_the_session_layer_is_the_same_as_a_sublayer(yard: Path, yard_recipe: Callable[..., Any]) -> None:
    maker = FrameMaker(yard_recipe(), yard.parent)
    made = maker.randomized(0)
    opened = open_stage(yard, probe=False)
    opened.layers.randomization.ImportFromString(maker.layer(made))
    assert_same_scene(made.snapshot, read_snapshot(opened))


def test_edits_of_unknown_things_are_refused(snapshot: Snapshot) -> None:
    with pytest.raises(UserError, match="no prim /Nowhere to edit"):
        apply_edits(snapshot, batch([Edit("/Nowhere", "visibility", "invisible")]))
    with pytest.raises(UserError, match="no property 'size'"):
        apply_edits(snapshot, batch([Edit("/Yard/Box_A", "size", 3.0)]))
    with pytest.raises(UserError, match="no texture on diffuseColor"):
        apply_edits(
            snapshot, batch([Edit("/Yard/Looks/Red", "inputs:diffuseColor/inputs:scale", (1.0,) * 4)])
        )
    with pytest.raises(UserError, match="sets all of"):
        apply_edits(snapshot, batch([Edit("/Yard/Lights/Sun", "inputs:intensity", 3.0)]))


def test_an_edit_leaves_the_snapshot_that_it_started_from_alone(snapshot: Snapshot) -> None:
    prim = snapshot.prims.index_of["/Yard/Box_A"]
    before = np.array(snapshot.node_world[prim])
    moved = apply_edits(snapshot, batch([transform_edit(snapshot, prim, np.eye(4))]))
    assert np.array_equal(snapshot.node_world[prim], before)
    assert not np.array_equal(moved.node_world[prim], before)
    assert moved.prototypes is snapshot.prototypes and moved.revision == snapshot.revision


def test_the_later_of_two_edits_holds() -> None:
    edits = light_edits("/L", (1.0, 1.0, 1.0), 2.0) + light_edits("/L", (1.0, 1.0, 1.0), 3.0)
    assert batch(edits).by_prim()["/L"]["inputs:intensity"] == 3.0
    assert len(batch(edits)) == 5
