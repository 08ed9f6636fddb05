"""Every package satisfies the rules of a clean asset: judged by pxr alone, by pxr.UsdValidation and by our own check."""

import io
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.assets.check import check_stage
from twinstage.assets.importing.document import (
    Document,
    Image,
    Material,
    Mesh,
    Node,
    Origin,
    Primvar,
    Shape,
    Subset,
    Texture,
    Transform,
    color,
)
from twinstage.assets.importing.imports import Wish, import_file
from twinstage.assets.importing.names import Names, file_name, prim_name
from twinstage.assets.importing.package import Options, write_package
from twinstage.assets.importing.standard import Change
from twinstage.base.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))
from tiny_gltf import CUBE_CORNERS, CUBE_FACES, PNG, TinyGltf, arm

SQUARES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def crate(**changes: Any) -> Mesh:
    """A cube of squares, with corners to spare."""
    uv = np.tile([[0, 0], [1, 0], [1, 1], [0, 1.0]], (6, 1))
    points = np.concatenate([CUBE_CORNERS, [[9, 9, 9]]])  # nobody uses the last one
    values: dict[str, Any] = {
        "name": "crate",
        "points": points,
        "counts": np.full(6, 4),
        "indices": SQUARES.reshape(-1),
    }
    return Mesh(**{**values, "uvs": (Primvar(uv, "faceVarying"),), "material": 0, **changes})


def document(*geometry: Any, **changes: Any) -> Document:
    nodes = tuple(
        Node(f"part {n}", geometry=n, transform=Transform((2.0 * n, 0, 0))) for n in range(len(geometry))
    )
    texture = Texture(0, color_space="sRGB")
    normal = Texture(0, color_space="raw", scale=(2, 2, 2, 1), bias=(-1, -1, -1, 0))
    materials = (Material("card", base_color=color(1, 1, 1, texture), normal=normal), Material("steel"))
    return Document(
        nodes=nodes,
        geometry=geometry,
        materials=materials,
        images=(Image("card.png", PNG, "image/png"),),
        **changes,
    )


def stage_of(folder: Path, made: Document, name: str = "thing", options: Options | None = None) -> Any:
    from pxr import Usd

    folder.mkdir(parents=True, exist_ok=True)
    written = write_package(made, folder, name, options)
    return Usd.Stage.Open(str(folder / written.root))


def test_stage_and_root(tmp_path: Path) -> None:
    from pxr import Kind, Usd, UsdGeom, UsdSemantics

    made = document(
        crate(), up_axis="Y", metres_per_unit=0.01, origin=Origin(author="A. Maker", license="CC0-1.0")
    )
    stage = stage_of(tmp_path, made, "A thing: nr. 5", Options(labels=("crate",)))
    root = stage.GetDefaultPrim()
    assert [str(p.GetPath()) for p in stage.GetPseudoRoot().GetChildren()] == ["/A_thing__nr__5"]
    assert root.IsA(UsdGeom.Xformable) and not UsdGeom.Xformable(root).GetOrderedXformOps()
    assert (UsdGeom.GetStageUpAxis(stage), UsdGeom.GetStageMetersPerUnit(stage)) == ("Z", 1.0)
    assert Usd.ModelAPI(root).GetKind() == Kind.Tokens.component
    assert UsdSemantics.LabelsAPI(root, "class").GetLabelsAttr().Get() == ["crate"]
    assert root.GetAssetInfo()["author"] == "A. Maker" and root.GetAssetInfo()["license"] == "CC0-1.0"
    for layer in stage.GetUsedLayers():
        if not layer.anonymous:
            assert layer.pseudoRoot.GetInfo("metersPerUnit") == 1.0 and layer.defaultPrim == root.GetName()
    assert all(prim.IsDefined() for prim in stage.TraverseAll())  # no dangling overs
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
    box = cache.ComputeWorldBound(root).ComputeAlignedRange()
    assert np.allclose(box.GetMin(), (0, -0.01, 0)) and np.allclose(box.GetMax(), (0.01, 0, 0.01))


def test_mesh_rules(tmp_path: Path) -> None:
    from pxr import UsdGeom, UsdShade

    doubled = np.concatenate([SQUARES, [[0, 1, 1, 0], [2, 2, 3, 3]]])  # two faces without area
    mesh = crate(
        counts=np.full(8, 4),
        indices=doubled.reshape(-1),
        uvs=(Primvar(np.zeros((32, 2)), "faceVarying"),),
        subsets=(Subset(1, np.array([0, 6])), Subset(0, np.array([1, 2, 7]))),
    )
    stage = stage_of(tmp_path, document(mesh))
    prim = stage.GetPrimAtPath("/thing/part_0")
    api = UsdGeom.Mesh(prim)
    points = np.array(api.GetPointsAttr().Get())
    indices = np.array(api.GetFaceVertexIndicesAttr().Get())
    counts = np.array(api.GetFaceVertexCountsAttr().Get())
    assert (len(points), len(counts), counts.sum()) == (8, 6, len(indices))
    assert sorted(set(indices.tolist())) == list(range(8))  # no unused point
    assert api.GetSubdivisionSchemeAttr().Get() == "none"
    assert np.array_equal(np.array(api.GetExtentAttr().Get()), [points.min(0), points.max(0)])
    normals = np.array(api.GetNormalsAttr().Get())
    assert len(normals) == len(indices) and api.GetNormalsInterpolation() == "faceVarying"
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    centre = points[indices].reshape(-1, 4, 3).mean(1) - 0.5
    assert (np.einsum("ij,ij->i", normals.reshape(-1, 4, 3)[:, 0], centre) > 0.4).all()  # outwards
    st_ = UsdGeom.PrimvarsAPI(prim).GetPrimvar("st")
    assert st_.GetInterpolation() == "faceVarying" and st_.IsIndexed() and len(st_.Get()) == 1
    subsets = UsdShade.MaterialBindingAPI(prim).GetMaterialBindSubsets()
    assert UsdGeom.Subset.GetFamilyType(api, "materialBind") == "partition"
    assert sorted(i for s in subsets for i in s.GetIndicesAttr().Get()) == list(range(6))
    bound = {
        str(s.GetPrim().GetName()): UsdShade.MaterialBindingAPI(s.GetPrim())
        .GetDirectBinding()
        .GetMaterialPath()
        for s in subsets
    }
    assert bound == {
        "steel": "/thing/Materials/steel",
        "card": "/thing/Materials/card",
        "rest": "/thing/Materials/card",
    }
    assert all(s.GetPrim().HasAPI(UsdShade.MaterialBindingAPI) for s in subsets)


def test_material_rules(tmp_path: Path) -> None:
    from pxr import Sdr, UsdShade

    stage = stage_of(tmp_path, document(crate()))
    shaders = [UsdShade.Shader(p) for p in stage.Traverse() if p.IsA(UsdShade.Shader)]
    known = Sdr.Registry()
    assert shaders and all(known.GetShaderNodeByIdentifier(s.GetIdAttr().Get()) for s in shaders)
    textures = {s.GetPrim().GetName(): s for s in shaders if s.GetIdAttr().Get() == "UsdUVTexture"}
    assert set(textures) == {"BaseColor", "Normal"}
    normal = textures["Normal"]
    assert normal.GetInput("scale").Get() == (2, 2, 2, 1) and normal.GetInput("bias").Get() == (-1, -1, -1, 0)
    assert normal.GetInput("sourceColorSpace").Get() == "raw"
    assert textures["BaseColor"].GetInput("sourceColorSpace").Get() == "sRGB"
    for texture in textures.values():
        asset = texture.GetInput("file").Get()
        assert asset.path == "./textures/card.png"
        assert Path(asset.resolvedPath).read_bytes() == PNG


def test_validators_find_nothing(tmp_path: Path) -> None:
    from pxr import Usd, UsdValidation

    tiny = arm()
    look = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": tiny.texture()}},
        "normalTexture": {"index": 0},
    }
    tiny.node(name="box", mesh=tiny.cube(material=tiny.add("materials", look), TEXCOORD_0=np.zeros((8, 2))))
    file = tiny.write(tmp_path)
    import_file(file, tmp_path / "out", Wish(labels=("arm",), usdz=True, collider="convexHull"))
    for name in ("tiny.usda", "tiny.usdz"):
        path = tmp_path / "out" / name
        assert check_stage(path) == []
        context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
        assert [
            e.GetMessage() for e in context.Validate(Usd.Stage.Open(str(path))) if not e.HasNoError()
        ] == []


@pytest.mark.parametrize("kind", ["arm", "box"])
def test_the_second_opinion_finds_nothing(tmp_path: Path, kind: str) -> None:
    engine = pytest.importorskip("usd_validation_nvidia", reason="usd-validation-nvidia is not installed")
    tiny = arm() if kind == "arm" else TinyGltf()
    tiny.node(name="box", mesh=tiny.cube())
    import_file(tiny.write(tmp_path), tmp_path / "out")
    found = engine.ValidationEngine(init_rules=True, variants=False).validate(
        str(tmp_path / "out" / "tiny.usda")
    )
    # It wants pxr's own guess for a SkelRoot, the joints' box padded by the meshes'; ours is the box of what is drawn.
    others = [
        i
        for i in found.issues()
        if not (i.rule.__name__ == "ExtentsChecker" and str(i.at).endswith("/Skin)"))
    ]
    assert [f"{i.rule.__name__} {i.at}: {i.message}" for i in others] == []


def test_a_usdz_holds_everything_aligned_and_stored(tmp_path: Path) -> None:
    tiny = TinyGltf()
    look = {"pbrMetallicRoughness": {"baseColorTexture": {"index": tiny.texture()}}}
    tiny.node(mesh=tiny.cube(material=tiny.add("materials", look)))
    import_file(tiny.write(tmp_path), tmp_path / "out", Wish(usdz=True))
    data = (tmp_path / "out" / "tiny.usdz").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        assert entries[0].filename == "tiny.usda" and len(entries) == 5
        for entry in entries:
            extra = int.from_bytes(data[entry.header_offset + 28 : entry.header_offset + 30], "little")
            assert (entry.header_offset + 30 + len(entry.filename) + extra) % 64 == 0
            assert entry.compress_type == zipfile.ZIP_STORED


def test_licences_beside_the_file_come_along(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "LICENSE.txt").write_text("CC0")
    (tmp_path / "secret").write_text("not for others")
    (tmp_path / "in" / "NOTICE").symlink_to(tmp_path / "secret")
    tiny = TinyGltf()
    tiny.node(mesh=tiny.cube())
    tiny.document["asset"]["copyright"] = "2026 A. Maker, CC0"
    import_file(tiny.write(tmp_path / "in"), tmp_path / "out")
    assert (tmp_path / "out" / "LICENSE.txt").read_text() == "CC0"
    assert not (tmp_path / "out" / "NOTICE").exists()
    assert 'license = "2026 A. Maker, CC0"' in (tmp_path / "out" / "tiny.usda").read_text()


def test_a_document_that_does_not_hold_together_is_refused(tmp_path: Path) -> None:
    for made, sentence in (
        (document(crate(material=9)), "geometry 0 'crate' names material 9, and there are 2"),
        (document(crate(indices=SQUARES.reshape(-1) + 5)), "a face names point"),
        (document(crate(counts=np.full(6, 3))), "its faces have 18 corners, and there are 24 indices"),
        (document(crate(points=np.full((9, 3), np.nan))), "its points hold numbers that are not finite"),
        (
            document(crate(uvs=(Primvar(np.zeros((3, 2))),))),
            "3 texture coordinates 0 of interpolation vertex; 9",
        ),
        (document(Shape("s", "sphere", (0.0,))), "nothing that can be drawn"),
    ):
        with pytest.raises(UserError, match=sentence):
            write_package(made, tmp_path / "out", "x")


numbers = st.floats(-100, 100)
triples = st.tuples(numbers, numbers, numbers)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from("XYZ"), st.floats(0.001, 50), triples, triples, triples, st.floats(0, 6))
def test_what_was_drawn_at_p_is_drawn_at_c_p(
    up: str, length: float, p: Any, t: Any, axis: Any, angle: float
) -> None:
    # C written as a matrix: metres, and the up axis to Z.
    turn = {"X": [[0, 0, -1], [0, 1, 0], [1, 0, 0]], "Y": [[1, 0, 0], [0, 0, -1], [0, 1, 0]], "Z": np.eye(3)}[
        up
    ]
    c = np.eye(4)
    c[:3, :3] = length * np.array(turn, float)
    assert np.allclose(np.linalg.det(c[:3, :3]), length**3)
    q = np.array([np.cos(angle / 2), *(np.sin(angle / 2) * np.array(axis) / (np.linalg.norm(axis) or 1))])
    q = q / np.linalg.norm(q)
    scale = (1.5, 0.5, 2.0)
    change = Change(up, length)
    before = Transform(t, tuple(q), scale).to_matrix()
    after = Transform(
        tuple(change.points(np.array(t))), tuple(change.quats(q)), tuple(change.sizes(np.array(scale)))
    ).to_matrix()
    moved = after @ np.append(change.points(np.array(p)), 1)
    assert np.allclose(moved, c @ before @ np.append(p, 1), atol=1e-9 * (1 + np.abs(moved).max()))
    assert np.allclose(
        change.matrices(before), c @ before @ np.linalg.inv(c), atol=1e-9 * (1 + np.abs(moved).max())
    )


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_a_name_that_usd_takes(text: str) -> None:
    from pxr import Sdf

    from twinstage.assets.importing.usd_author import valid_name

    name = valid_name(prim_name(text, "thing"), "thing")
    assert Sdf.Path.IsValidIdentifier(name), (text, name)
    assert file_name(text, "thing").isascii() and not set(file_name(text, "thing")) & set("/\\. ")


def test_names_keep_what_they_can() -> None:
    assert [prim_name(t, "x") for t in ("Förderband 3", "3rd axis", "泵", "a.b-c", "___", "", "def")] == [
        "Förderband_3", "_3rd_axis", "泵", "a_b_c", "x", "x", "def",
    ]  # fmt: skip
    names = Names()
    assert [names.give(n) for n in ("Bolt", "bolt", "BOLT", "bolt_2")] == [
        "Bolt",
        "bolt_2",
        "BOLT_3",
        "bolt_2_2",
    ]


def test_only_what_differs_makes_points_of_its_own(tmp_path: Path) -> None:
    from pxr import UsdGeom

    # Twelve triangles with a vertex for each corner, as exporters write them.
    points = CUBE_CORNERS[CUBE_FACES.reshape(-1)]
    mesh = Mesh("c", points, np.full(12, 3), np.arange(36))
    stage = stage_of(tmp_path, document(mesh))
    found = UsdGeom.Mesh(stage.GetPrimAtPath("/thing/part_0"))
    assert len(found.GetPointsAttr().Get()) == 8 and len(found.GetFaceVertexIndicesAttr().Get()) == 36


def test_images_are_kept_turned_into_png_or_left_out(tmp_path: Path) -> None:
    from PIL import Image as Pillow

    from twinstage.assets.importing.images import as_file

    def encoded(kind: str) -> bytes:
        out = io.BytesIO()
        Pillow.effect_noise((64, 64), 50).convert("RGB").save(out, kind)
        return out.getvalue()

    assert as_file(Image("a", PNG, "image/png")) == (PNG, ".png", "")
    photo = encoded("JPEG")
    assert as_file(Image("a", photo, "")) == (photo, ".jpg", "")
    data, ending, told = as_file(Image("a", encoded("WEBP"), "image/webp"))
    assert data is not None and data.startswith(b"\x89PNG") and (ending, told) == (".png", "")
    half = photo[: len(photo) // 2]
    assert as_file(Image("a", half, ""))[:2] == (half, ".jpg")
    assert "it is damaged (image file is truncated" in as_file(Image("a", half, ""))[2]
    assert as_file(Image("a", b"no image", "image/png")) == (
        None, "", "it is no image that can be read (image/png), so it is left out",
    )  # fmt: skip
    made = document(crate())
    stage = stage_of(tmp_path, replace(made, images=(Image("bad.png", b"no image", "image/png"),)))
    surface = stage.GetPrimAtPath("/thing/Materials/card/Surface")
    assert surface.GetAttribute("inputs:diffuseColor").Get() == (1, 1, 1)  # the colour instead of the texture
