"""Whole scenes as GLB, judged by the Khronos validator, by pxr's own transforms and by the formulas of the specifications."""

import io
import json
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twinstage.base.errors import UserError
from twinstage.scene.columns import frozen
from twinstage.scene.glb import bake_prototype
from twinstage.scene.glb_scene import bake_scene
from twinstage.scene.glb_textures import uv_transform
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Material, Snapshot, Texture, TextureInput
from twinstage.scene.stage import open_stage

REAL = [
    "industrial/aws_small_warehouse/small_warehouse.usda",
    "industrial/f1tenth_ackermann/F1Tenth.usd",
    "industrial/abb_irb2400/usd/abb_irb2400.usda",
    "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda",
    "industrial/newton_cell/palletizer_scene.usda",
    "industrial/newton_cell/crazyflie.usd",
    "industrial/newton_cell/boxes_fourbar.usda",
    "industrial/newton_cell/rj45_plug.usd",
    "industrial/usd_optimize/factory.usda",
    "industrial/usd_optimize/pointInstancer.usda",
    "industrial/usd_optimize/mergeCastle.usda",
    "industrial/usd_optimize/twoMeshesWithBimData.usd",
    "full/Teapot/Teapot.usd",
    "full/Vehicles/assets/vehicles/vehicleVariants.usda",
    "full/StandardShaderBall/standard_shader_ball_scene.usda",
    "features/usdwg/TextureTransformTest/TextureTransformTest.usd",
    "features/usdz/CesiumMan/CesiumMan.usdz",
    "features/pixar/pointinstancer/ni_pi.usda",
]


def parse(data: bytes) -> tuple[dict[str, Any], bytes]:
    """JSON and binary chunk."""
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def matrix(node: dict[str, Any]) -> np.ndarray:
    """A node's local matrix, as section 3.5.3 of the specification puts it together."""
    out = np.eye(4)
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    axis = np.array([x, y, z])
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    out[:3, :3] = np.eye(3) * (w * w - axis @ axis) + 2 * np.outer(axis, axis) + 2 * w * cross
    out[:3, :3] *= np.array(node.get("scale", (1, 1, 1)))[None]
    out[:3, 3] = node.get("translation", (0, 0, 0))
    return out


def worlds(document: dict[str, Any]) -> list[np.ndarray]:
    """world_from_node of every node."""
    out: list[Any] = [None] * len(document["nodes"])

    def walk(number: int, above: np.ndarray) -> None:
        out[number] = above @ matrix(document["nodes"][number])
        for child in document["nodes"][number].get("children", []):
            walk(child, out[number])

    for root in document["scenes"][0].get("nodes", []):
        walk(root, np.eye(4))
    return out


def snapshot_of(path: Path, shared: Path) -> Snapshot:
    return read_snapshot(open_stage(path, asset_roots=[shared / "assets"], probe=False))


@pytest.mark.parametrize("name", REAL)
def test_real_scenes_pass_the_validator(
    name: str, shared: Path, validate_glb: Callable[..., list[str]]
) -> None:
    snapshot = snapshot_of(shared / "assets" / name, shared)
    for instancing in (False, True):
        baked = bake_scene(snapshot, instancing=instancing)
        assert validate_glb(baked.data) == []
    for prototype in snapshot.prototypes[:30]:
        assert validate_glb(bake_prototype(prototype)) == []


def test_the_work_cell_passes_and_is_the_same_every_time(
    root: Path, validate_glb: Callable[..., list[str]]
) -> None:
    path = root / "assets" / "library" / "workcell" / "workcell.usda"
    first, second = (bake_scene(read_snapshot(open_stage(path, probe=False))) for _ in range(2))
    assert first.data == second.data
    assert validate_glb(first.data) == []
    document, _ = parse(first.data)
    assert document["images"] and document["cameras"] and len(document["meshes"]) == first.meshes


@pytest.mark.parametrize("name", [REAL[1], REAL[3], REAL[8], REAL[9], REAL[10]])
def test_nodes_stand_where_pxr_says(name: str, shared: Path) -> None:
    """A Y-up file stays as it is (but for metres), a Z-up one is turned by -90 degrees about X."""
    from pxr import Gf, Usd, UsdGeom

    path = shared / "assets" / name
    opened = open_stage(path, asset_roots=[shared / "assets"], probe=False)
    document, _ = parse(bake_scene(read_snapshot(opened)).data)
    stage = Usd.Stage.Open(str(path))
    time = stage.GetStartTimeCode() if stage.HasAuthoredTimeCodeRange() else Usd.TimeCode.EarliestTime()
    cache = UsdGeom.XformCache(time)
    turn = Gf.Matrix4d(1.0)
    if UsdGeom.GetStageUpAxis(stage) == "Z":
        turn.SetRotate(Gf.Rotation(Gf.Vec3d(1, 0, 0), -90.0))
    metres = UsdGeom.GetStageMetersPerUnit(stage)
    checked = 0
    for node, world in zip(document["nodes"], worlds(document), strict=True):
        extras = node.get("extras", {})
        if "prim" not in extras or "point" in extras or "name" not in node:
            continue
        expected = np.array(cache.GetLocalToWorldTransform(stage.GetPrimAtPath(extras["prim"])) * turn).T
        expected[:3, 3] *= metres
        assert np.allclose(world, expected, atol=1e-5 * max(1.0, np.abs(expected).max())), extras["prim"]
        checked += 1
    assert checked >= 7


def test_point_instances_stand_where_pxr_says_in_both_ways(shared: Path) -> None:
    from pxr import Usd, UsdGeom

    path = shared / "assets" / "industrial/usd_optimize/pointInstancer.usda"
    opened = open_stage(path, asset_roots=[shared / "assets"], probe=False)
    snapshot = read_snapshot(opened)
    document, _ = parse(bake_scene(snapshot).data)
    few, binary = parse(bake_scene(snapshot, instancing=True).data)
    stage = Usd.Stage.Open(str(path))
    time = Usd.TimeCode.EarliestTime()
    expected = []
    for prim in stage.Traverse():
        if (
            prim.IsA(UsdGeom.PointInstancer)
            and UsdGeom.Imageable(prim).ComputeVisibility(time) != "invisible"
        ):
            api = UsdGeom.PointInstancer(prim)
            local = np.array(
                api.ComputeInstanceTransformsAtTime(time, time, UsdGeom.PointInstancer.ExcludeProtoXform)
            )
            world = np.array(UsdGeom.XformCache(time).GetLocalToWorldTransform(prim))
            expected += [(m @ world)[3, :3] for m in local]
    expected = sorted(np.round(expected, 3).tolist())
    table = worlds(document)
    named = {
        (n["extras"]["prim"], n["extras"]["point"]): i
        for i, n in enumerate(document["nodes"])
        if "point" in n.get("extras", {})
    }
    found = sorted(np.round([table[i][:3, 3] for i in named.values()], 3).tolist())
    assert len(found) == 25
    assert np.allclose(found, expected, atol=2e-3)
    placed = 0
    for node in few["nodes"]:
        extension = node.get("extensions", {}).get("EXT_mesh_gpu_instancing")
        if extension:
            accessor = few["accessors"][extension["attributes"]["TRANSLATION"]]
            view = few["bufferViews"][accessor["bufferView"]]
            rows = np.frombuffer(binary, "<f4", accessor["count"] * 3, view["byteOffset"]).reshape(-1, 3)
            assert len(rows) == len(node["extras"]["points"])
            placed += len(rows)
    assert placed == sum("mesh" in n for n in document["nodes"] if "point" in n.get("extras", {})) + sum(
        "mesh" in document["nodes"][c]
        for n in document["nodes"]
        if "point" in n.get("extras", {})
        for c in n.get("children", [])
    )
    assert len(few["nodes"]) < len(document["nodes"]) / 50


def test_instanced_points_are_the_same_matrices_as_nodes(shared: Path) -> None:
    """Translation, rotation and scale of EXT_mesh_gpu_instancing, times the node's own, against the mesh nodes."""
    path = shared / "assets" / "features/pixar/pointinstancer/pi.usda"
    snapshot = snapshot_of(path, shared)
    document, _ = parse(bake_scene(snapshot).data)
    few, binary = parse(bake_scene(snapshot, instancing=True).data)
    table = worlds(document)
    expected = [table[i] for i, node in enumerate(document["nodes"]) if "mesh" in node]
    found = []
    for node, world in zip(few["nodes"], worlds(few), strict=True):
        extension = node.get("extensions", {}).get("EXT_mesh_gpu_instancing")
        if extension is None:
            found += [world] if "mesh" in node else []
            continue
        columns = {}
        for name, number in extension["attributes"].items():
            accessor = few["accessors"][number]
            view = few["bufferViews"][accessor["bufferView"]]
            width = {"VEC3": 3, "VEC4": 4}[accessor["type"]]
            rows = np.frombuffer(binary, "<f4", accessor["count"] * width, view["byteOffset"])
            columns[name.lower()] = rows.reshape(-1, width)
        for t, r, s in zip(columns["translation"], columns["rotation"], columns["scale"], strict=True):
            found.append(world @ matrix({"translation": t, "rotation": r, "scale": s}))
    assert len(found) == len(expected) >= 4
    for one in expected:
        assert min(np.abs(one - other).max() for other in found) < 1e-4


def test_shear_is_kept_by_two_nodes(open_text: Any, validate_glb: Callable[..., list[str]]) -> None:
    body = """def Xform "A" (kind = "component") {
    matrix4d xformOp:transform = ((1, 0.5, 0, 0), (0, -2, 0.25, 0), (0.1, 0, 1, 0), (3, 4, 5, 1))
    uniform token[] xformOpOrder = ["xformOp:transform"]
    def Cube "C" {
    } }
"""
    data = bake_scene(read_snapshot(open_text(body))).data
    assert validate_glb(data) == []
    document, _ = parse(data)
    table = worlds(document)
    (number,) = [i for i, n in enumerate(document["nodes"]) if n.get("extras", {}).get("prim") == "/A"]
    up = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    expected = up @ np.array([[1, 0.5, 0, 0], [0, -2, 0.25, 0], [0.1, 0, 1, 0], [3, 4, 5, 1]]).T
    assert np.allclose(table[number], expected, atol=1e-9)


def test_hidden_things_and_guides_are_left_out(open_text: Any) -> None:
    body = """def Cube "Seen" {
    }
def Cube "Hidden" {
    token visibility = "invisible" }
def Cube "Guide" {
    uniform token purpose = "guide" }
"""
    document, _ = parse(bake_scene(read_snapshot(open_text(body))).data)
    assert [n["name"] for n in document["nodes"]] == ["Seen", "Z_up"]


def test_an_empty_stage_is_a_valid_file(open_text: Any, validate_glb: Callable[..., list[str]]) -> None:
    assert validate_glb(bake_scene(read_snapshot(open_text('def Xform "A" {\n }\n'))).data) == []


def test_too_many_things_are_refused_in_one_sentence(open_text: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.scene.glb_scene.MAX_NODES", 1)
    snapshot = read_snapshot(open_text('def Cube "A" {\n }\ndef Cube "B" {\n }\n'))
    with pytest.raises(UserError, match="draws 2 things"):
        bake_scene(snapshot)


# --- materials ------------------------------------------------------------------------------------------------------


def image(pixels: np.ndarray, kind: str = "PNG") -> Texture:
    out = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(out, kind)
    return Texture(f"made.{kind.lower()}", str(hash(out.getvalue())), out.getvalue())


@pytest.fixture
def dress(open_text: Any, validate_glb: Callable[..., list[str]]) -> Callable[..., Any]:
    """A square with uv that wears a material; returns the glTF material, the document, the binary part, the findings."""
    body = """def Mesh "M" {
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "vertex") }
"""

    def wear(material: Material, *textures: Texture, **options: Any) -> Any:
        snapshot = read_snapshot(open_text(body))
        prototype = snapshot.prototypes[0]
        if prototype.uv is None:
            uv = prototype.points[:, :2]
            prototype = replace(prototype, uv=frozen(np.array(uv), np.float32))
        snapshot = replace(
            snapshot,
            materials=(material,),
            material_sets=((0,),),
            textures=textures,
            prototypes=(prototype,),
            instances=replace(snapshot.instances, material_set=frozen(np.zeros(1), np.int32)),
        )
        baked = bake_scene(snapshot, **options)
        assert validate_glb(baked.data) == []
        document, binary = parse(baked.data)
        return document["materials"][0], document, binary, baked.findings

    return wear


def pixels_of(document: dict[str, Any], binary: bytes, reference: dict[str, Any]) -> np.ndarray:
    source = document["images"][document["textures"][reference["index"]]["source"]]
    view = document["bufferViews"][source["bufferView"]]
    data = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    return np.asarray(Image.open(io.BytesIO(data)))


def test_plain_values_are_the_factors(dress: Callable[..., Any]) -> None:
    source = Material(
        "/M",
        (0.1, 0.2, 0.3),
        (2.0, 4.0, 0.0),
        metallic=0.7,
        roughness=0.4,
        clearcoat=0.5,
        opacity=0.25,
        ior=1.4,
    )
    material, document, *_ = dress(source)
    pbr = material["pbrMetallicRoughness"]
    assert pbr["baseColorFactor"] == [0.1, 0.2, 0.3, 0.25]
    assert (pbr["metallicFactor"], pbr["roughnessFactor"]) == (0.7, 0.4)
    assert material["alphaMode"] == "BLEND"
    assert material["emissiveFactor"] == [0.5, 1.0, 0.0]
    assert material["extensions"]["KHR_materials_emissive_strength"] == {"emissiveStrength": 4.0}
    assert material["extensions"]["KHR_materials_ior"] == {"ior": 1.4}
    assert material["extensions"]["KHR_materials_clearcoat"]["clearcoatFactor"] == 0.5
    assert set(document["extensionsUsed"]) == set(material["extensions"])
    cut, *_ = dress(replace(source, opacity_threshold=0.3))
    assert (cut["alphaMode"], cut["alphaCutoff"]) == ("MASK", 0.3)


def test_the_specular_workflow_keeps_its_reflectance(dress: Callable[..., Any]) -> None:
    material, *_ = dress(
        Material("/M", use_specular_workflow=True, specular_color=(0.02, 0.04, 0.5), metallic=1.0)
    )
    factor = material["extensions"]["KHR_materials_specular"]["specularColorFactor"]
    f0 = ((1.5 - 1) / (1.5 + 1)) ** 2 * np.array(factor)  # KHR_materials_specular, section "Dielectrics"
    assert np.allclose(f0, [0.02, 0.04, 0.5])
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0.0


def test_a_colour_image_is_embedded_as_it_is(dress: Callable[..., Any]) -> None:
    picture = image(np.arange(48).reshape(4, 4, 3) * 5)
    source = Material("/M", textures=(("diffuseColor", TextureInput(0, wrap_s="mirror", wrap_t="clamp")),))
    material, document, binary, _ = dress(source, picture)
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    assert binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]] == picture.data
    sampler = document["samplers"][0]
    assert (sampler["wrapS"], sampler["wrapT"]) == (33648, 33071)
    assert material["pbrMetallicRoughness"]["baseColorFactor"] == [1, 1, 1, 1]


def test_scale_and_bias_of_a_colour_are_baked_in_linear_light(dress: Callable[..., Any]) -> None:
    picture = image(np.full((2, 2, 3), 188))
    fed = TextureInput(0, scale=(0.5, 0.5, 0.5, 1), bias=(0.25, 0, 0, 0))
    material, document, binary, _ = dress(Material("/M", textures=(("diffuseColor", fed),)), picture)
    found = pixels_of(document, binary, material["pbrMetallicRoughness"]["baseColorTexture"])[0, 0, :3]
    linear = ((188 / 255 + 0.055) / 1.055) ** 2.4
    expected = [1.055 * v ** (1 / 2.4) - 0.055 for v in (0.5 * linear + 0.25, 0.5 * linear, 0.5 * linear)]
    assert np.allclose(found / 255, expected, atol=1.5 / 255)


def test_metallic_and_roughness_are_packed(dress: Callable[..., Any]) -> None:
    rough, metal = image(np.full((2, 2), 50)), image(np.full((4, 4), 200))
    fed = (
        ("roughness", TextureInput(0, channel="r")),
        ("metallic", TextureInput(1, channel="r", scale=(0.5,) * 4)),
    )
    material, document, binary, _ = dress(Material("/M", textures=fed), rough, metal)
    pbr = material["pbrMetallicRoughness"]
    found = pixels_of(document, binary, pbr["metallicRoughnessTexture"])
    assert found.shape == (4, 4, 3)
    assert found[0, 0].tolist() == [255, 50, 100]
    assert (pbr["metallicFactor"], pbr["roughnessFactor"]) == (1.0, 1.0)


def test_a_packed_image_is_used_as_it_is(dress: Callable[..., Any]) -> None:
    orm = image(np.tile([10, 20, 30], (2, 2, 1)))
    fed = (
        ("occlusion", TextureInput(0, channel="r", color_space="raw")),
        ("roughness", TextureInput(0, channel="g", color_space="raw", scale=(1, 0.5, 1, 1))),
        ("metallic", TextureInput(0, channel="b", color_space="raw")),
    )
    material, document, _, _ = dress(Material("/M", textures=fed), orm)
    assert len(document["images"]) == 1
    assert material["pbrMetallicRoughness"]["roughnessFactor"] == 0.5
    assert "occlusionTexture" in material


def test_a_roughness_image_does_not_make_metal(dress: Callable[..., Any]) -> None:
    """The blue of a grey roughness image would scale the metallic factor, so it is written anew where there is one."""
    rough = image(np.full((2, 2, 3), 50))
    fed = (("roughness", TextureInput(0, channel="g", color_space="raw")),)
    material, document, binary, _ = dress(Material("/M", metallic=1.0, textures=fed), rough)
    pbr = material["pbrMetallicRoughness"]
    assert pixels_of(document, binary, pbr["metallicRoughnessTexture"])[0, 0].tolist() == [255, 50, 255]
    assert pbr["metallicFactor"] == 1.0


def test_normal_maps(dress: Callable[..., Any]) -> None:
    picture = image(np.tile([200, 40, 250], (2, 2, 1)))
    usual = TextureInput(0, color_space="raw", scale=(2, 2, 2, 1), bias=(-1, -1, -1, 0))
    material, document, binary, _ = dress(Material("/M", textures=(("normal", usual),)), picture)
    assert pixels_of(document, binary, material["normalTexture"])[0, 0].tolist() == [200, 40, 250]
    flipped = replace(usual, scale=(2, -2, 2, 1), bias=(-1, 1, -1, 0))
    material, document, binary, _ = dress(Material("/M", textures=(("normal", flipped),)), picture)
    assert pixels_of(document, binary, material["normalTexture"])[0, 0].tolist() == [200, 215, 250]


def test_opacity_of_another_image_becomes_alpha(dress: Callable[..., Any]) -> None:
    color, mask = image(np.full((4, 4, 3), 77)), image(np.array([[0, 255], [255, 0]]))
    fed = (("diffuseColor", TextureInput(0)), ("opacity", TextureInput(1, channel="r")))
    material, document, binary, _ = dress(Material("/M", opacity_threshold=0.5, textures=fed), color, mask)
    found = pixels_of(document, binary, material["pbrMetallicRoughness"]["baseColorTexture"])
    assert found[..., 3].tolist() == [[0, 0, 255, 255]] * 2 + [[255, 255, 0, 0]] * 2
    assert np.abs(found[..., :3].astype(int) - 77).max() <= 1


def test_an_image_with_alpha_does_not_make_an_opaque_constant_transparent(dress: Callable[..., Any]) -> None:
    color = image(np.tile([10, 20, 30, 0], (2, 2, 1)))
    source = Material("/M", opacity=0.5, textures=(("diffuseColor", TextureInput(0)),))
    material, document, binary, _ = dress(source, color)
    found = pixels_of(document, binary, material["pbrMetallicRoughness"]["baseColorTexture"])
    assert found.shape[2] == 3 or found[..., 3].min() == 255
    assert material["pbrMetallicRoughness"]["baseColorFactor"][3] == 0.5


def test_other_formats_become_png_and_unreadable_ones_are_told(dress: Callable[..., Any]) -> None:
    picture = image(np.full((2, 2, 3), 99), "TGA")
    source = Material("/M", textures=(("diffuseColor", TextureInput(0)),))
    material, document, binary, _ = dress(source, picture)
    found = pixels_of(document, binary, material["pbrMetallicRoughness"]["baseColorTexture"])
    assert found[0, 0, :3].tolist() == [99, 99, 99]
    material, _, _, findings = dress(source, Texture("x.exr", "0", b"\x76\x2f\x31\x01rest"))
    assert "baseColorTexture" not in material["pbrMetallicRoughness"]
    assert "x.exr" in str(findings[0]) and findings[0].code == "gltf.texture"


@pytest.mark.parametrize("name", ["diffuseColor", "normal", "roughness", "emissiveColor", "occlusion"])
def test_broken_and_monstrous_images_are_left_out_and_told(dress: Callable[..., Any], name: str) -> None:
    channel = "g" if name == "roughness" else "r" if name == "occlusion" else "rgb"
    fed = (
        TextureInput(0, channel=channel, scale=(2, 2, 2, 1), bias=(-1, -1, -1, 0))
        if name == "normal"
        else None
    )
    source = Material("/M", textures=((name, fed or TextureInput(0, channel=channel)),))
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 13, b"IHDR") + header
    bomb += struct.pack(">I", zlib.crc32(b"IHDR" + header))
    for data in (b"\x89PNG\r\n\x1a\nbroken", bomb + struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))):
        _, document, _, findings = dress(source, Texture("x.png", "0", data))
        assert "images" not in document
        assert findings and "x.png cannot be read" in str(findings[0])


def test_a_decoder_reads_what_pillow_cannot(dress: Callable[..., Any]) -> None:
    from twinstage.scene.glb_images import Pixels

    def decode(texture: Texture, largest: int) -> Pixels:
        return Pixels(np.full((2, 2, 4), 0.5, np.float32), 32, 4)

    source = Material("/M", textures=(("diffuseColor", TextureInput(0)),))
    material, document, binary, findings = dress(
        source, Texture("x.exr", "0", b"\x76\x2f\x31\x01rest"), decode=decode
    )
    found = pixels_of(document, binary, material["pbrMetallicRoughness"]["baseColorTexture"])
    assert found[0, 0, 0] == 188  # 0.5 linear in sRGB
    assert findings == ()


@pytest.mark.parametrize("angle", [0.0, 30.0, -100.0])
def test_uv_transforms_read_the_same_place_of_the_image(angle: float) -> None:
    source = TextureInput(0, uv_scale=(2.0, 3.0), uv_rotation=math.radians(angle), uv_translation=(0.1, 0.7))
    entry = uv_transform(source)
    for u, v in np.random.default_rng(1).uniform(-2, 2, (20, 2)):
        # UsdTransform2d: scale, rotate counter-clockwise, translate; v up. The image's row 0 is at v = 1.
        a = math.radians(angle)
        su, sv = 2.0 * u, 3.0 * v
        usd = (math.cos(a) * su - math.sin(a) * sv + 0.1, math.sin(a) * su + math.cos(a) * sv + 0.7)
        # KHR_texture_transform as three.js applies it: offset + [[c, s], [-s, c]] scale uv; v down.
        c, s = math.cos(entry.get("rotation", 0)), math.sin(entry.get("rotation", 0))
        gu, gv = 2.0 * u, 3.0 * (1 - v)
        gltf = (c * gu + s * gv + entry["offset"][0], -s * gu + c * gv + entry["offset"][1])
        assert np.allclose((usd[0], 1 - usd[1]), gltf)
    assert uv_transform(TextureInput(0)) == {}


def test_a_mesh_without_uv_reads_the_texture_at_its_lower_left(
    open_text: Any, validate_glb: Callable[..., list[str]]
) -> None:
    snapshot = read_snapshot(open_text('def Cube "A" {\n }\n'))
    fed = Material("/M", textures=(("diffuseColor", TextureInput(0)),))
    prototypes = tuple(replace(p, uv=None) for p in snapshot.prototypes)
    snapshot = replace(
        snapshot,
        prototypes=prototypes,
        materials=(fed,),
        material_sets=((0,),),
        textures=(image(np.zeros((2, 2, 3))),),
    )
    snapshot = replace(
        snapshot, instances=replace(snapshot.instances, material_set=frozen(np.zeros(1), np.int32))
    )
    data = bake_scene(snapshot).data
    assert validate_glb(data) == []
    document, _ = parse(data)
    reference = document["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_0"]
    assert "bufferView" not in document["accessors"][reference]


def test_vertex_colors_are_for_bare_prims_and_materials_that_read_them(open_text: Any) -> None:
    body = """def Mesh "M" {
    int[] faceVertexCounts = [3]
    int[] faceVertexIndices = [0, 1, 2]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0)]
    color3f[] primvars:displayColor = [(1, 0, 0), (0, 1, 0), (0, 0, 1)] (interpolation = "vertex") }
"""
    snapshot = read_snapshot(open_text(body))
    bound = replace(snapshot.materials[0], path="/M", diffuse_color=(0.5, 0.5, 0.5))
    looks = {"bare": snapshot.materials[0], "bound": bound}
    if "vertex_color" in Material.__dataclass_fields__:
        looks["reads"] = replace(bound, **{"vertex_color": True})
    for name, material in looks.items():
        changed = replace(snapshot, materials=(material,) * len(snapshot.materials))
        document, _ = parse(bake_scene(changed).data)
        (primitive,) = document["meshes"][0]["primitives"]
        assert ("COLOR_0" in primitive["attributes"]) == (name != "bound"), name


def test_paints_cover_a_prim_and_all_below(open_text: Any) -> None:
    body = 'def Xform "A" {\n    def Cube "C" {\n    } }\ndef Cube "B" {\n }\n'
    snapshot = read_snapshot(open_text(body))
    paints = {snapshot.prims.index_of["/A"]: (1.0, 0.0, 0.0)}
    document, _ = parse(bake_scene(snapshot, paints=paints).data)
    colors = {}
    for node in document["nodes"]:
        if "mesh" in node:
            (primitive,) = document["meshes"][node["mesh"]]["primitives"]
            factor = document["materials"][primitive["material"]]["pbrMetallicRoughness"]["baseColorFactor"]
            colors[node["extras"]["prim"]] = factor[:3]
    assert colors["/A/C"] == [1, 0, 0] and colors["/B"] != [1, 0, 0]


def test_cameras_and_lamps(open_text: Any, validate_glb: Callable[..., list[str]]) -> None:
    body = """def Camera "Cam" {
    float focalLength = 35
    float horizontalAperture = 36
    float verticalAperture = 24
    float2 clippingRange = (0.1, 50) }
def DistantLight "Sun" {
    float inputs:intensity = 1000
    float inputs:angle = 2
    color3f inputs:color = (1, 0.5, 0) }
def SphereLight "Bulb" {
    float inputs:intensity = 100
    float inputs:radius = 0.5 }
"""
    data = bake_scene(read_snapshot(open_text(body, units=1.0))).data
    assert validate_glb(data) == []
    document, _ = parse(data)
    lens = document["cameras"][0]["perspective"]
    assert lens["yfov"] == pytest.approx(2 * math.atan(12 / 35))
    assert (lens["aspectRatio"], lens["znear"], lens["zfar"]) == pytest.approx((1.5, 0.1, 50))
    bulb, sun = sorted(document["extensions"]["KHR_lights_punctual"]["lights"], key=lambda lamp: lamp["name"])
    assert sun["intensity"] == pytest.approx(1000 * math.pi * math.sin(math.radians(1)) ** 2, rel=1e-5)
    assert sun["color"] == [1, 0.5, 0]
    assert bulb["intensity"] == pytest.approx(100 * math.pi * 0.25, rel=1e-6)


def test_styled_and_changed_prototypes_stay_lawful(
    open_text: Any, validate_glb: Callable[..., list[str]]
) -> None:
    """Normals of no length, colours beyond 1 and coordinates that are no numbers would each be an error in glTF."""
    prototype = read_snapshot(open_text('def Cube "A" {\n }\n')).prototypes[0]
    n = len(prototype.points)
    normals = np.array(prototype.normals)
    normals[0], normals[1] = 0.0, (0, 3, 0)
    uv = np.full((n, 2), np.nan)
    wild = replace(
        prototype,
        normals=frozen(normals, np.float32),
        color=frozen(np.full((n, 3), 7.0), np.float32),
        uv=frozen(uv, np.float32),
    )
    assert validate_glb(bake_prototype(wild)) == []
