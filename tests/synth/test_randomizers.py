"""What randomizers do to a real scene; sizes and places are measured by pxr where it can."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.edits import TRANSFORM, apply_edits, batch
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws
from twinstage.synth.frame import FrameMaker
from twinstage.synth.randomizers import RANDOMIZERS, Rejected


def run(snapshot: Snapshot, frame: int = 0, **fields: Any) -> Snapshot:
    """The scene after one randomizer."""
    randomizer = RANDOMIZERS.get(fields["kind"]).model_validate({"name": "r", **fields})
    return apply_edits(snapshot, batch(randomizer(snapshot, Draws(5, frame, "r"))))


def origin(snapshot: Snapshot, path: str) -> np.ndarray:
    return np.array(snapshot.node_world[snapshot.prims.index_of[path]][:3, 3])


def test_scattered_boxes_keep_off_each_other_by_pxr(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    from pxr import Gf, Usd, UsdGeom

    maker = FrameMaker(yard_recipe(), yard.parent)
    stage = Usd.Stage.Open(str(yard))
    paths = [f"/Yard/{name}" for name in ("Box_A", "Box_B", "Box_C", "Pallet_1", "Pallet_2")]
    for frame in range(8):
        made = maker.randomized(frame)
        stage.GetSessionLayer().ImportFromString(maker.layer(made))
        cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
        boxes = [cache.ComputeWorldBound(stage.GetPrimAtPath(p)) for p in paths]
        rng = np.random.Generator(np.random.PCG64(frame))
        inside = np.zeros(4000, int)
        points = rng.uniform((-3.2, -3.5, 0.01), (3.2, 2, 0.5), (4000, 3))
        for box in boxes:
            local = np.array([box.GetInverseMatrix().Transform(Gf.Vec3d(*p)) for p in points])
            inside += np.all((local > box.GetRange().GetMin()) & (local < box.GetRange().GetMax()), axis=1)
        assert inside.max() == 1  # some points are in a box, none in two


def test_scatter_keeps_the_plane_and_the_rectangle(snapshot: Snapshot) -> None:
    for frame in range(10):
        out = run(
            snapshot, frame, kind="pose", prims=["/Yard/Box_*"], scatter={"min": [1, -1], "max": [2, 0]}
        )
        for name in "ABC":
            x, y, z = origin(out, f"/Yard/Box_{name}")
            assert 1 <= x <= 2 and -1 <= y <= 0 and z == pytest.approx(0.25)


def test_no_room_rejects_the_frame(snapshot: Snapshot) -> None:
    with pytest.raises(Rejected, match="found no place for /Yard/Box_B in 7 tries: 7 x hits something"):
        run(
            snapshot,
            kind="pose",
            prims=["/Yard/Box_*"],
            scatter={"min": [0, 0], "max": [0.1, 0.1]},
            no_overlap=True,
            tries=7,
        )


def test_rotation_turns_about_the_prims_own_origin(snapshot: Snapshot) -> None:
    out = run(snapshot, kind="pose", prims=["/Yard/Box_A"], rotate={"z": 90})
    world = out.node_world[out.prims.index_of["/Yard/Box_A"]]
    np.testing.assert_allclose(world[:3, 3], origin(snapshot, "/Yard/Box_A"), atol=1e-12)
    np.testing.assert_allclose(world[:3, 0], [0, 1, 0], atol=1e-12)  # its x axis points along +Y


def test_a_child_matched_with_its_parent_moves_with_it_and_by_itself(snapshot: Snapshot) -> None:
    out = run(snapshot, kind="pose", prims=["/Yard/Box_A", "/Yard/Box_A/Body"], translate={"x": 1})
    assert origin(out, "/Yard/Box_A")[0] == pytest.approx(-0.5)
    assert origin(out, "/Yard/Box_A/Body")[0] == pytest.approx(0.5)


def test_adding_a_randomizer_or_a_prim_disturbs_no_other(yard: Path, yard_recipe: Callable[..., Any]) -> None:
    base = yard_recipe()
    rest = base.model_dump(mode="json")["randomize"]
    extra = {"kind": "pose", "name": "extra", "prims": ["/Yard/Parcels"], "translate": {"z": [0, 1]}}
    before = FrameMaker(base, yard.parent).randomized(2).edits
    after = FrameMaker(yard_recipe(randomize=[extra, *rest]), yard.parent).randomized(2).edits
    assert set(before.edits) < set(after.edits)
    new = {(e.prim_path, e.property) for e in set(after.edits) - set(before.edits)}
    assert new == {("/Yard/Parcels", TRANSFORM)}
    jitter = {"kind": "pose", "name": "j", "translate": {"x": [-1, 1]}}
    one = (
        FrameMaker(yard_recipe(randomize=[{**jitter, "prims": ["/Yard/Box_B"]}]), yard.parent)
        .randomized(0)
        .edits
    )
    all_ = (
        FrameMaker(yard_recipe(randomize=[{**jitter, "prims": ["/Yard/Box_*"]}]), yard.parent)
        .randomized(0)
        .edits
    )
    assert set(one.edits) < set(all_.edits)


def test_the_camera_looks_at_its_target_from_the_shell(snapshot: Snapshot) -> None:
    for frame in range(10):
        out = run(
            snapshot,
            frame,
            kind="camera",
            cameras=["Front"],
            target=["/Yard/Box_B"],
            distance=[3, 4],
            elevation=[20, 40],
            roll=[-10, 10],
        )
        world = out.node_world[out.prims.index_of["/Yard/Cameras/Front"]]
        aim = origin(snapshot, "/Yard/Box_B") - world[:3, 3]
        distance = float(np.linalg.norm(aim))
        assert 3 <= distance <= 4
        np.testing.assert_allclose(-world[:3, 2], aim / distance, atol=1e-9)  # it looks along its -z
        assert 20 <= np.degrees(np.arcsin(-aim[2] / distance)) <= 40
        assert np.linalg.det(world[:3, :3]) == pytest.approx(1)


def test_fill_makes_the_target_that_large(snapshot: Snapshot) -> None:
    from twinstage.render.camera import camera_from_scene

    out = run(snapshot, kind="camera", cameras=["Front"], target=["/Yard/Parcels"], fill=0.5)
    camera = camera_from_scene(out, out.cameras[0], 200, 150)
    low, high = np.array([-2.15, 1.85, 0]), np.array([2.15, 2.15, 0.3])
    radius, centre = np.linalg.norm(high - low) / 2, (low + high) / 2
    # Rays that touch the sphere make a cone; seen head on, its picture is a circle of this radius.
    distance = np.linalg.norm(camera.world_from_camera[:3, 3] - centre)
    pixels = camera.K[1, 1] * radius / np.sqrt(distance**2 - radius**2)
    assert 2 * pixels == pytest.approx(0.5 * min(150, 150 * camera.K[1, 1] / camera.K[0, 0]), rel=0.02)


def test_the_camera_keeps_out_of_boxes_and_inside_its_volume(snapshot: Snapshot) -> None:
    for frame in range(20):
        out = run(
            snapshot,
            frame,
            kind="camera",
            cameras=["Front"],
            target=[0, 0, 0],
            distance=[0.1, 3],
            avoid=["/Yard/Box_*"],
            clearance=0.2,
            within={"min": [-2, -2, 0.1], "max": [2, 2, 2]},
        )
        eye = out.node_world[out.prims.index_of["/Yard/Cameras/Front"]][:3, 3]
        assert np.all(np.abs(eye[:2]) <= 2) and 0.1 <= eye[2] <= 2
        assert np.max(np.abs(eye - origin(snapshot, "/Yard/Box_A"))) > 0.45  # half a box and the clearance


def test_a_view_that_is_never_allowed_rejects_the_frame(snapshot: Snapshot) -> None:
    with pytest.raises(Rejected, match="found no allowed view for /Yard/Cameras/Front in 5 tries"):
        run(
            snapshot,
            kind="camera",
            cameras=["Front"],
            target=[0, 0, 0],
            distance=3,
            tries=5,
            within={"min": [9, 9, 9], "max": [9, 9, 9]},
        )


def test_the_lens_gives_the_field_of_view(snapshot: Snapshot) -> None:
    out = run(snapshot, kind="camera", cameras=["Front"], target=[0, 0, 0], distance=5, fov=90)
    camera = out.cameras[0]
    assert camera.focal_length * 2 == pytest.approx(camera.horizontal_aperture, rel=1e-6)


def test_intensity_scales_radiance_and_keeps_colour(snapshot: Snapshot) -> None:
    out = run(snapshot, kind="light", lights=["/Yard/Lights/*"], intensity=2)
    for before, after in zip(snapshot.lights, out.lights, strict=True):
        assert after.radiance == pytest.approx([2 * v for v in before.radiance], rel=1e-5)


def test_temperature_changes_colour_and_keeps_luminance(snapshot: Snapshot) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    out = run(snapshot, kind="light", lights=["/Yard/Lights/Sun"], temperature=2500)
    before, after = (next(x for x in s.lights if x.kind == "distant") for s in (snapshot, out))
    assert np.dot(after.radiance, weights) == pytest.approx(np.dot(before.radiance, weights), rel=1e-3)
    assert after.radiance[0] > 4 * after.radiance[2]


def test_lights_turn_about_the_vertical_on_the_spot(snapshot: Snapshot) -> None:
    out = run(snapshot, kind="light", lights=["/Yard/Lights/*"], rotate=90)
    for light in snapshot.lights:
        before, after = snapshot.node_world[light.prim], out.node_world[light.prim]
        np.testing.assert_allclose(after[:3, 3], before[:3, 3])
        np.testing.assert_allclose(after[2, :3], before[2, :3], atol=1e-12)  # heights stay
        np.testing.assert_allclose(after[0, :3], -before[1, :3], atol=1e-12)


def test_palette_colours_are_linear_and_from_the_palette(snapshot: Snapshot) -> None:
    seen = set()
    for frame in range(20):
        out = run(
            snapshot, frame, kind="color", materials=["/Yard/Looks/Red"], palette=["#ff0000", "#808080"]
        )
        seen.add(next(m.diffuse_color for m in out.materials if m.path == "/Yard/Looks/Red"))
    assert len(seen) == 2
    assert {round(c[1], 4) for c in seen} == {0.0, 0.2159}  # 0x80 in linear light


@pytest.mark.parametrize(
    ("textured", "has_texture", "scale"), [("tint", True, 1.0), ("replace", False, None), ("keep", True, 0.9)]
)
def test_textured_materials(
    snapshot: Snapshot, textured: str, has_texture: bool, scale: float | None
) -> None:
    out = run(
        snapshot, kind="color", materials=["/Yard/Looks/Printed"], palette=["#ffffff"], textured=textured
    )
    texture = next(m for m in out.materials if m.path == "/Yard/Looks/Printed").texture("diffuseColor")
    assert (texture is not None) is has_texture
    if texture is not None and scale is not None:
        assert texture.scale[:3] == pytest.approx([scale] * 3)


def test_visibility_hides_prims_and_points(snapshot: Snapshot) -> None:
    drawn = [
        int(
            run(
                snapshot, f, kind="visibility", prims=["/Yard/Parcels"], probability=0.5
            ).instances.visible.sum()
        )
        for f in range(20)
    ]
    whole = int(snapshot.instances.visible.sum())
    assert min(drawn) < max(drawn) <= whole and min(drawn) >= whole - 4
    assert run(snapshot, kind="visibility", prims=["/Yard/**"], probability=0).instances.visible.sum() == 0
    assert (
        run(snapshot, kind="visibility", prims=["/Yard/**"], probability=1).instances.visible.sum() == whole
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"kind": "pose", "prims": ["/Yard/Bax_A"], "scale": 2},
            "no prim matches '/Yard/Bax_A'; did you mean",
        ),
        ({"kind": "light", "lights": ["/Yard/Box_A"], "intensity": 2}, "no light matches '/Yard/Box_A'"),
        (
            {"kind": "camera", "cameras": ["Fron"], "target": [0, 0, 0], "distance": 1},
            "no camera 'Fron'; did you mean 'Front'",
        ),
        (
            {"kind": "camera", "cameras": ["Front"], "target": "/Yard/Bax", "distance": 1},
            "no prim matches '/Yard/Bax'",
        ),
        (
            {"kind": "color", "materials": ["/Yard/Looks/Rad"], "roughness": 1},
            "no material matches '/Yard/Looks/Rad'; did you mean",
        ),
        (
            {"kind": "color", "materials": ["/Yard/Pallet_*/**"], "roughness": 1},
            "lies inside the native instance /Yard/Pallet_",
        ),
    ],
)
def test_what_the_stage_does_not_have_is_told(
    snapshot: Snapshot, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=f"randomizer 'r'.*{sentence}"):
        run(snapshot, **fields)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": "pose", "prims": ["/A"]}, "nothing to do"),
        ({"kind": "pose", "prims": ["/A"], "scatter": {"min": [1, 0], "max": [0, 1]}}, "lies below min"),
        ({"kind": "light", "lights": ["/A"]}, "nothing to do"),
        ({"kind": "color", "materials": ["/A"]}, "nothing to do"),
        (
            {"kind": "camera", "cameras": ["/A"], "target": [0, 0, 0]},
            "exactly one of distance, fill and eye, not none",
        ),
        ({"kind": "camera", "cameras": ["/A"], "target": [0, 0, 0], "fill": 1}, "fill needs a target prim"),
        ({"kind": "color", "materials": ["/A"], "palette": ["red"]}, "should match pattern"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        RANDOMIZERS.get(fields["kind"]).model_validate({"name": "r", **fields})
