"""The bundled work cell: what it claims, read back with pxr."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pxr import Kind, Usd, UsdGeom, UsdLux, UsdPhysics, UsdSemantics, UsdShade, UsdValidation

from twinstage.assets.library.build_workcell.scene import files

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "library" / "workcell"


@pytest.fixture(scope="module")
def stage() -> Usd.Stage:
    return Usd.Stage.Open(str(FOLDER / "workcell.usda"))


def everything(stage: Usd.Stage) -> Iterator[Usd.Prim]:
    return iter(Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()))


def of_type(stage: Usd.Stage, schema: type) -> list[Usd.Prim]:
    return [prim for prim in everything(stage) if prim.IsA(schema)]


def labels(prim: Usd.Prim) -> list[str]:
    api = UsdSemantics.LabelsAPI(prim, "class")
    return list(api.GetLabelsAttr().Get() or []) if prim.HasAPI(UsdSemantics.LabelsAPI, "class") else []


def test_committed_files_are_what_the_script_writes() -> None:
    made = files()
    own = {"contract.yaml", "bindings.yaml", "recipe.yaml"}
    there = {p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*") if p.is_file()}
    assert there - own == set(made)
    for name, data in made.items():
        if name.endswith(".usda"):
            assert (FOLDER / name).read_bytes() == data, name
        else:  # the encoder's zlib may differ between machines, the picture may not
            image, again = Image.open(FOLDER / name).convert("RGB"), tmp_image(data)
            assert np.array_equal(np.asarray(image), np.asarray(again)), name


def tmp_image(data: bytes) -> Image.Image:
    import io

    return Image.open(io.BytesIO(data)).convert("RGB")


def test_it_composes_without_error_and_validates(stage: Usd.Stage) -> None:
    assert stage.GetCompositionErrors() == []
    registry = UsdValidation.ValidationRegistry()
    validators = [registry.GetOrLoadValidatorByName(m.name) for m in registry.GetAllValidatorMetadata()]
    context = UsdValidation.ValidationContext(validators)
    for path in sorted(FOLDER.glob("*.usda")):
        found = context.Validate(Usd.Stage.Open(str(path)))
        assert [(e.GetName(), e.GetMessage()) for e in found] == [], path.name


def test_units_axes_and_root(stage: Usd.Stage) -> None:
    for path in sorted(FOLDER.glob("*.usda")):
        part = Usd.Stage.Open(str(path))
        assert UsdGeom.GetStageMetersPerUnit(part) == 1.0
        assert UsdPhysics.GetStageKilogramsPerUnit(part) == 1.0
        assert UsdGeom.GetStageUpAxis(part) == "Z"
        assert part.GetDefaultPrim()
    assert stage.GetDefaultPrim().GetPath() == "/WorkCell"
    assert Usd.ModelAPI(stage.GetDefaultPrim()).GetKind() == "assembly"


def test_files_are_small() -> None:
    sizes = {p.name: p.stat().st_size for p in FOLDER.rglob("*") if p.suffix in (".usda", ".png")}
    assert max(sizes.values()) < 500_000
    assert max(size for name, size in sizes.items() if name.endswith(".png")) < 150_000
    assert sum(sizes.values()) < 1_500_000


def test_triangle_count_is_moderate(stage: Usd.Stage) -> None:
    def triangles(prim: Usd.Prim) -> int:
        counts = np.array(UsdGeom.Mesh(prim).GetFaceVertexCountsAttr().Get())
        return int((counts - 2).sum())

    drawn = [m for m in of_type(stage, UsdGeom.Mesh) if "/Parcels/Prototypes" not in str(m.GetPath())]
    parcels = UsdGeom.PointInstancer(stage.GetPrimAtPath("/WorkCell/Parcels"))
    prototypes = [
        sum(triangles(p) for p in Usd.PrimRange(stage.GetPrimAtPath(path)) if p.IsA(UsdGeom.Mesh))
        for path in parcels.GetPrototypesRel().GetTargets()
    ]
    total = sum(map(triangles, drawn)) + sum(prototypes[i] for i in parcels.GetProtoIndicesAttr().Get())
    assert 20_000 < total < 60_000


def test_meshes_are_sound(stage: Usd.Stage) -> None:
    for prim in of_type(stage, UsdGeom.Mesh):
        mesh, path = UsdGeom.Mesh(prim), str(prim.GetPath())
        points = np.array(mesh.GetPointsAttr().Get(), np.float64)
        indices = np.array(mesh.GetFaceVertexIndicesAttr().Get())
        counts = np.array(mesh.GetFaceVertexCountsAttr().Get())
        normals = np.array(mesh.GetNormalsAttr().Get(), np.float64)
        assert counts.sum() == len(indices) and counts.min() >= 3, path
        assert set(indices) == set(range(len(points))), path
        assert len(normals) == len(points) and mesh.GetNormalsInterpolation() == "vertex", path
        assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 2e-3, path
        extent = np.array(UsdGeom.PointBased.ComputeExtent(mesh.GetPointsAttr().Get()))
        assert np.allclose(np.array(mesh.GetExtentAttr().Get()), extent, atol=1e-6), path
        st = prim.GetAttribute("primvars:st")
        assert not st or len(st.Get()) == len(points), path
        assert winding_agrees(points, normals, indices, counts) > 0.97, path


def winding_agrees(points: np.ndarray, normals: np.ndarray, indices: np.ndarray, counts: np.ndarray) -> float:
    """Share of the surface whose right-hand face normals point the way of the authored normals."""
    starts = np.cumsum(counts) - counts
    good = total = 0.0
    for start, count in zip(starts, counts, strict=True):
        face = indices[start : start + count]
        fan = points[face]
        area = np.cross(fan[1:-1] - fan[0], fan[2:] - fan[0]).sum(0)
        total += float(np.linalg.norm(area))
        good += float(np.linalg.norm(area)) * bool(area @ normals[face].sum(0) > 0)
    return good / total if total else 1.0


def test_every_mesh_has_a_preview_surface_with_its_textures(stage: Usd.Stage) -> None:
    textures = set()
    for prim in of_type(stage, UsdGeom.Mesh):
        subsets = UsdShade.MaterialBindingAPI(prim).GetMaterialBindSubsets()
        for target in [s.GetPrim() for s in subsets] or [prim]:
            material, _ = UsdShade.MaterialBindingAPI(target).ComputeBoundMaterial()
            assert material, target.GetPath()
            surface = material.ComputeSurfaceSource()[0]
            assert surface.GetIdAttr().Get() == "UsdPreviewSurface"
    for prim in of_type(stage, UsdShade.Shader):
        file = UsdShade.Shader(prim).GetInput("file")
        if file:
            assert Path(file.Get().resolvedPath).is_file(), prim.GetPath()
            textures.add(Path(file.Get().path).name)
    assert len(textures) >= 10
    assert any("normal" in name for name in textures)


def test_the_robot_is_a_chain_of_six_joints_with_limits(stage: Usd.Stage) -> None:
    cache = UsdGeom.XformCache()
    parent = "/WorkCell/Robot/Base"
    for number in range(1, 7):
        joint = UsdPhysics.RevoluteJoint(stage.GetPrimAtPath(f"/WorkCell/Robot/Joints/joint_{number}"))
        child = f"{parent}/Link{number}"
        assert joint.GetBody0Rel().GetTargets() == [parent]
        assert joint.GetBody1Rel().GetTargets() == [child]
        assert joint.GetLowerLimitAttr().Get() < 0 < joint.GetUpperLimitAttr().Get()
        ends = [
            cache.GetLocalToWorldTransform(stage.GetPrimAtPath(path)).Transform(at.Get())
            for path, at in ((parent, joint.GetLocalPos0Attr()), (child, joint.GetLocalPos1Attr()))
        ]
        assert np.allclose(ends[0], ends[1], atol=1e-6), "the joint's two frames lie apart at the zero pose"
        parent = child
    for side in ("left", "right"):
        assert stage.GetPrimAtPath(f"/WorkCell/Robot/Joints/finger_{side}").IsA(UsdPhysics.PrismaticJoint)


def test_bodies_have_masses_and_things_have_colliders(stage: Usd.Stage) -> None:
    bodies = [p for p in everything(stage) if p.HasAPI(UsdPhysics.RigidBodyAPI)]
    assert len(bodies) > 20
    for prim in bodies:
        assert prim.HasAPI(UsdPhysics.MassAPI) and UsdPhysics.MassAPI(prim).GetMassAttr().Get() > 0, (
            prim.GetPath()
        )
    for path in ("Robot", "Conveyor", "Tank", "Racks", "AGVs", "Totes", "Hall", "Stations", "Parcels"):
        below = Usd.PrimRange(stage.GetPrimAtPath(f"/WorkCell/{path}"), Usd.TraverseInstanceProxies())
        assert any(p.HasAPI(UsdPhysics.CollisionAPI) for p in below), path


def test_parcels_are_points_with_ids(stage: Usd.Stage) -> None:
    parcels = UsdGeom.PointInstancer(stage.GetPrimAtPath("/WorkCell/Parcels"))
    ids = list(parcels.GetIdsAttr().Get())
    assert len(ids) >= 12 and len(set(ids)) == len(ids)
    used = set(parcels.GetProtoIndicesAttr().Get())
    assert len(used) == len(parcels.GetPrototypesRel().GetTargets()) >= 3


def test_parcel_variants_change_size_tape_and_sticker() -> None:
    stage = Usd.Stage.Open(str(FOLDER / "parcel.usda"))
    root = stage.GetDefaultPrim()
    sets = root.GetVariantSets()
    assert sorted(sets.GetNames()) == ["size", "sticker", "tape"]
    sizes, looks = set(), set()
    for size in sets.GetVariantSet("size").GetVariantNames():
        sets.GetVariantSet("size").SetVariantSelection(size)
        bounds = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"]).ComputeWorldBound(root).GetRange()
        sizes.add(tuple(np.round(bounds.GetSize(), 3)))
    for tape in sets.GetVariantSet("tape").GetVariantNames():
        sets.GetVariantSet("tape").SetVariantSelection(tape)
        bound = UsdShade.MaterialBindingAPI(stage.GetPrimAtPath("/Parcel/Tape")).ComputeBoundMaterial()[0]
        looks.add(str(bound.GetPath()))
    assert len(sizes) == len(sets.GetVariantSet("size").GetVariantNames()) >= 3
    assert len(looks) == len(sets.GetVariantSet("tape").GetVariantNames()) >= 3


def test_rack_loads_are_native_instances_that_share_prototypes(stage: Usd.Stage) -> None:
    loads = stage.GetPrimAtPath("/WorkCell/Racks/Loads").GetChildren()
    assert len(loads) >= 8 and all(prim.IsInstance() for prim in loads)
    assert len({prim.GetPrototype().GetPath() for prim in loads}) < len(loads)
    below = Counter(
        label
        for load in loads
        for prim in Usd.PrimRange(load, Usd.TraverseInstanceProxies())
        for label in labels(prim)[:1]
    )
    assert below["pallet"] == len(loads) and below["box"] >= 4 * len(loads)


def test_labels_and_kinds(stage: Usd.Stage) -> None:
    found = Counter(label for prim in everything(stage) for label in labels(prim)[:1])
    assert found["agv"] == 3 and found["robot"] == found["tank"] == found["conveyor"] == 1
    for label in ("parcel", "pallet", "box", "rack", "tote", "fence"):
        assert found[label] >= 1, label
    for prim in everything(stage):
        if labels(prim) and str(prim.GetPath()).count("/") == 2 and not prim.IsA(UsdGeom.PointInstancer):
            assert Kind.Registry.IsA(Usd.ModelAPI(prim).GetKind(), "component"), prim.GetPath()


def test_lights_and_cameras(stage: Usd.Stage) -> None:
    assert len(of_type(stage, UsdLux.DomeLight)) == 1
    assert len(of_type(stage, UsdLux.DistantLight)) == 1
    assert len(of_type(stage, UsdLux.RectLight)) >= 4
    cameras = of_type(stage, UsdGeom.Camera)
    assert len(cameras) == 4
    for prim in cameras:
        frustum = UsdGeom.Camera(prim).GetCamera(Usd.TimeCode.Default()).frustum
        centre = frustum.ComputeViewMatrix().Transform((0.0, 1.0, 0.8))
        assert centre[2] < 0, f"{prim.GetName()} looks away from the cell"


def test_nothing_floats(stage: Usd.Stage) -> None:
    """Below everything that is labelled as goods, carrier or machine there is something within 3 mm."""
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    cache, owner = UsdGeom.XformCache(), []
    for prim in of_type(stage, UsdGeom.Mesh):
        if "/Parcels/" in str(prim.GetPath()) or prim.GetName() == "Markings":
            continue
        mesh = UsdGeom.Mesh(prim)
        points = np.array(mesh.GetPointsAttr().Get(), np.float64)
        world = np.array(cache.GetLocalToWorldTransform(prim))
        counts = np.array(mesh.GetFaceVertexCountsAttr().Get())
        indices = np.array(mesh.GetFaceVertexIndicesAttr().Get())
        starts = np.cumsum(counts) - counts
        fans = [
            (indices[s], indices[s + k], indices[s + k + 1])
            for s, c in zip(starts, counts, strict=True)
            for k in range(1, c - 1)
        ]
        vertices = (points @ world[:3, :3] + world[3, :3]).astype(np.float32)
        owner.append(str(prim.GetPath()))
        scene.add_triangles(o3d.core.Tensor(vertices), o3d.core.Tensor(np.array(fans, dtype=np.uint32)))
    bounds = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
    standing = [
        prim
        for prim in everything(stage)
        if labels(prim)[:1] and labels(prim)[0] in ("box", "pallet", "tote", "agv", "rack", "table", "cabinet", "tank", "fence")
        and "/Prototypes/" not in str(prim.GetPath())
    ]  # fmt: skip
    assert len(standing) > 100
    for prim in standing:
        box = bounds.ComputeWorldBound(prim).ComputeAlignedRange()
        low, high = np.array(box.GetMin()), np.array(box.GetMax())
        share = np.linspace(0.04, 0.96, 15)
        x, y = np.meshgrid(low[0] + share * (high[0] - low[0]), low[1] + share * (high[1] - low[1]))
        rays = np.zeros((x.size, 6), np.float32)
        rays[:, 0], rays[:, 1], rays[:, 2], rays[:, 5] = x.ravel(), y.ravel(), low[2] + 2e-3, -1.0
        hits = scene.list_intersections(o3d.core.Tensor(rays))
        own = f"{prim.GetPath()}/"
        others = np.array([not owner[i].startswith(own) for i in hits["geometry_ids"].numpy()], bool)
        gap = hits["t_hit"].numpy()[others].min(initial=9.0) - 2e-3
        assert -1.5e-3 < gap < 3e-3, (str(prim.GetPath()), float(gap))
