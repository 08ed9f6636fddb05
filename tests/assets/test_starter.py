"""The bundled starter set: what it claims, read back with pxr, in every variant."""

import io
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pxr import Kind, Usd, UsdGeom, UsdPhysics, UsdSemantics, UsdShade, UsdValidation

from twinstage.assets.check import Asked, check_file, check_stage
from twinstage.assets.library.build_starter.shelf import ASSETS, files

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "library" / "starter"
SIZES = {
    "box": (0.35, 0.25, 0.20),
    "conveyor": (2.0, 1.1, 0.82),
    "motor": (0.42, 0.23, 0.26),
    "pallet": (1.2, 0.8, 0.144),
    "person": (0.35, 0.6, 1.81),
    "pump": (0.87, 0.25, 0.42),
    "robot_arm": (0.8, 0.3, 0.65),
    "sensor": (0.1, 0.05, 0.1),
    "shelf": (1.05, 0.5, 2.0),
    "tank": (1.25, 1.1, 2.1),
    "vehicle": (0.98, 0.66, 0.31),
}
"""Of the default variants [m], as a buyer would measure them, give or take a fifth and a centimetre."""
WITHOUT_COLLIDER = {
    "box": {"/Box/Sticker", "/Box/Tape"},
    "person": {"/Person/Body/Torso/Chest/Bands", "/Person/Body/Torso/Chest/Vest"},
    "sensor": {"/Sensor/Needle/Body"},
    "tank": {"/Tank/Glass", "/Tank/Liquid/Body"},
    "vehicle": {"/Vehicle/StatusStrip"},
}
"""Stuck on, worn by or inside something that has one."""
HEAD = '#usda 1.0\n(\n    defaultPrim = "{root}"\n    metersPerUnit = 1\n    upAxis = "Z"\n    subLayers = [@{file}@]\n)\n'
HANGING = {"sensor"}
"""Assets that are mounted by their origin and do not stand on the floor."""


def stages(name: str) -> Iterator[tuple[str, Usd.Stage]]:
    """The asset with every choice of its variant sets."""
    stage = Usd.Stage.Open(str(FOLDER / f"{name}.usda"))
    root = stage.GetDefaultPrim()
    sets = root.GetVariantSets()
    names = sets.GetNames()
    stage.SetEditTarget(stage.GetSessionLayer())
    for chosen in product(*(sets.GetVariantSet(one).GetVariantNames() for one in names)):
        for one, variant in zip(names, chosen, strict=True):
            sets.GetVariantSet(one).SetVariantSelection(variant)
        yield " ".join(chosen), stage


def below(stage: Usd.Stage, schema: type) -> list[Usd.Prim]:
    return [prim for prim in stage.Traverse() if prim.IsA(schema)]


def bounds(stage: Usd.Stage) -> np.ndarray:
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"]).ComputeWorldBound(stage.GetDefaultPrim())
    around = box.ComputeAlignedRange()
    return np.array([around.GetMin(), around.GetMax()])


def test_committed_files_are_what_the_script_writes() -> None:
    made = files()
    there = {p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*") if p.is_file()}
    assert there == set(made) | {f"thumbnails/{name}.png" for name in ASSETS}
    for name, data in made.items():
        if name.endswith(".usda"):
            assert (FOLDER / name).read_bytes() == data, name
        else:  # the encoder's zlib may differ between machines, the picture may not
            old, new = (Image.open(f).convert("RGB") for f in (FOLDER / name, io.BytesIO(data)))
            assert np.array_equal(np.asarray(old), np.asarray(new)), name


def test_the_set_has_what_a_plant_begins_with() -> None:
    assert set(ASSETS) == set(SIZES)


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_it_is_clean_by_our_own_findings(name: str) -> None:
    assert [(f.code, f.path, f.message) for f in check_stage(FOLDER / f"{name}.usda")] == []


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_variant_is_clean_too(name: str, tmp_path: Path) -> None:
    """The check looks at what is selected; a layer over the file selects each choice in turn."""
    asked = Asked((str(FOLDER),))
    choices = 0
    for number, (chosen, stage) in enumerate(stages(name)):
        choice = tmp_path / f"{number}.usda"
        over = stage.GetSessionLayer().ExportToString().removeprefix("#usda 1.0")
        choice.write_text(
            HEAD.format(file=FOLDER / f"{name}.usda", root=stage.GetDefaultPrim().GetName()) + over
        )
        done = check_file(choice, asked)
        assert [(f.severity, f.code, f.path, f.message) for f in done.findings] == [], chosen
        shown = {str(p.GetPath()) for p in below(Usd.Stage.Open(str(choice)), UsdGeom.Gprim)}
        assert shown == {str(p.GetPath()) for p in below(stage, UsdGeom.Gprim)} and done.triangles, chosen
        choices += 1
    assert choices >= 3


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_shape_has_a_collider_or_says_why_not_and_a_label(name: str) -> None:
    reasons = set()
    for chosen, stage in stages(name):
        shapes = below(stage, UsdGeom.Gprim)
        assert shapes, chosen
        for prim in shapes:
            if not prim.HasAPI(UsdPhysics.CollisionAPI):
                words = prim.GetMetadata("documentation") or ""
                assert words.startswith("No collider: ") and words.endswith("."), (chosen, prim.GetPath())
                reasons.add(str(prim.GetPath()))
            labels = UsdSemantics.LabelsQuery("class", Usd.TimeCode.Default())
            assert labels.ComputeUniqueInheritedLabels(prim), (chosen, prim.GetPath())
    assert reasons == WITHOUT_COLLIDER.get(name, set())


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_variant_composes_validates_and_is_bound(name: str) -> None:
    registry = UsdValidation.ValidationRegistry()
    validators = [registry.GetOrLoadValidatorByName(m.name) for m in registry.GetAllValidatorMetadata()]
    context = UsdValidation.ValidationContext(validators)
    seen = set()
    for chosen, stage in stages(name):
        assert stage.GetCompositionErrors() == [], chosen
        assert [(e.GetName(), e.GetMessage()) for e in context.Validate(stage)] == [], chosen
        meshes = below(stage, UsdGeom.Mesh)
        assert meshes, chosen
        for prim in meshes:
            subsets = UsdShade.MaterialBindingAPI(prim).GetMaterialBindSubsets()
            for part in [s.GetPrim() for s in subsets] or [prim]:
                material, _ = UsdShade.MaterialBindingAPI(part).ComputeBoundMaterial()
                assert material and material.ComputeSurfaceSource()[0], (chosen, part.GetPath())
        assert any(prim.HasAPI(UsdPhysics.CollisionAPI) for prim in meshes), chosen
        materials = tuple(
            str(UsdShade.MaterialBindingAPI(p).ComputeBoundMaterial()[0].GetPath())
            for p in stage.Traverse()
            if p.IsA(UsdGeom.Mesh) or p.IsA(UsdGeom.Subset)
        )
        frames = tuple(
            map(str, (UsdGeom.Xformable(p).GetLocalTransformation() for p in below(stage, UsdGeom.Xform)))
        )
        counts = tuple(len(UsdGeom.Mesh(p).GetPointsAttr().Get()) for p in meshes)
        seen.add((tuple(np.round(bounds(stage).ravel(), 6)), counts, materials, frames))
    choices, stage = 1, Usd.Stage.Open(str(FOLDER / f"{name}.usda"))
    sets = stage.GetDefaultPrim().GetVariantSets()
    for one in sets.GetNames():
        choices *= len(sets.GetVariantSet(one).GetVariantNames())
    assert len(seen) == choices >= 3, "each choice shows something of its own"


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_it_says_what_it_is(name: str) -> None:
    stage = Usd.Stage.Open(str(FOLDER / f"{name}.usda"))
    root = stage.GetDefaultPrim()
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0 and UsdGeom.GetStageUpAxis(stage) == "Z"
    assert Usd.ModelAPI(root).GetKind() == Kind.Tokens.component
    assert len(UsdSemantics.LabelsAPI(root, "class").GetLabelsAttr().Get()) == 1
    info = root.GetAssetInfo()
    assert info["name"] and info["license"] == "Apache-2.0" and len(info["tags"]) >= 4
    picture = info["previews"]["thumbnails"]["default"]["defaultImage"]
    pixels = np.asarray(Image.open(picture.resolvedPath).convert("RGB"), int)
    assert pixels.shape == (256, 256, 3)
    differs = np.abs(pixels - pixels[0, 0]).sum(2) > 30
    assert 0.03 < differs.mean() < 0.8 and not differs[0].any() and not differs[-1].any()


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_it_stands_where_it_says_and_has_a_real_size(name: str) -> None:
    low, high = bounds(Usd.Stage.Open(str(FOLDER / f"{name}.usda")))
    assert np.allclose(high - low, SIZES[name], rtol=0.2, atol=0.01)
    for chosen, stage in stages(name):
        low, high = bounds(stage)
        if name not in HANGING and not chosen.startswith(("walking", "reaching")):
            assert abs(low[2]) < 1e-3, chosen
        assert (low[:2] < 0.02).all() and (high[:2] > -0.02).all(), chosen


def test_meshes_are_sound() -> None:
    for name in ASSETS:
        for chosen, stage in stages(name):
            for prim in below(stage, UsdGeom.Mesh):
                mesh = UsdGeom.Mesh(prim)
                points = np.array(mesh.GetPointsAttr().Get(), np.float64)
                counts = np.array(mesh.GetFaceVertexCountsAttr().Get())
                indices = np.array(mesh.GetFaceVertexIndicesAttr().Get())
                where = (name, chosen, str(prim.GetPath()))
                assert counts.sum() == len(indices) and set(indices) == set(range(len(points))), where
                assert outward(points, counts, indices) > 0, where
            if name in ("conveyor", "shelf"):
                break


def outward(points: np.ndarray, counts: np.ndarray, indices: np.ndarray) -> float:
    """Six times the volume that the faces enclose, positive where they look outwards."""
    volume, start = 0.0, 0
    for count in counts:
        p = points[indices[start : start + count]]
        volume += float(np.einsum("ij,ij->", np.cross(p[1:-1], p[2:]), np.repeat(p[:1], count - 2, 0)))
        start += count
    return volume


@pytest.mark.parametrize("name", ["motor", "robot_arm", "vehicle"])
def test_joints_sit_where_their_bodies_meet(name: str) -> None:
    for chosen, stage in stages(name):
        joints = below(stage, UsdPhysics.RevoluteJoint)
        assert joints
        frames = UsdGeom.XformCache()
        for prim in joints:
            joint = UsdPhysics.Joint(prim)
            ends = []
            for body, place in (
                (joint.GetBody0Rel(), joint.GetLocalPos0Attr()),
                (joint.GetBody1Rel(), joint.GetLocalPos1Attr()),
            ):
                (target,) = body.GetTargets()
                ends.append(
                    np.array(
                        frames.GetLocalToWorldTransform(stage.GetPrimAtPath(target)).Transform(place.Get())
                    )
                )
            assert np.allclose(*ends, atol=1e-6), (chosen, prim.GetPath())


def test_signals_have_units() -> None:
    for name in ("conveyor", "motor", "pump", "tank", "vehicle"):
        stage = Usd.Stage.Open(str(FOLDER / f"{name}.usda"))
        own = [a for a in stage.GetDefaultPrim().GetAttributes() if a.GetName().startswith("twin:")]
        assert own and all(a.GetCustomDataByKey("ucum") for a in own)


def test_files_are_small() -> None:
    sizes = {p.name: p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()}
    assert max(sizes.values()) < 700_000 and sum(sizes.values()) < 4_000_000
