"""What the glTF reader makes of accessors, primitives and materials; closed forms and small files."""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.assets.importing.document import Cloud, Curves, Document, Input, Mesh
from twinstage.assets.importing.gltf.entry import Entry
from twinstage.assets.importing.gltf.importer import Gltf
from twinstage.assets.importing.gltf.materials import _moved
from twinstage.assets.importing.gltf.meshopt import decode_attributes, decode_indices
from twinstage.assets.importing.source import Source

sys.path.insert(0, str(Path(__file__).parent))
from tiny_gltf import CUBE_CORNERS, CUBE_FACES, TinyGltf


def read(tiny: TinyGltf, folder: Path) -> Document:
    return Gltf()(Source(tiny.write(folder)))


def only_mesh(document: Document) -> Mesh:
    (mesh,) = document.geometry
    assert isinstance(mesh, Mesh)
    return mesh


def test_text_and_binary_files_are_the_same(tmp_path: Path) -> None:
    tiny = TinyGltf()
    tiny.node(mesh=tiny.cube())
    one = Gltf()(Source(tiny.write(tmp_path)))
    two = Gltf()(Source(tiny.write_text(tmp_path)))
    assert np.array_equal(only_mesh(one).points, only_mesh(two).points)
    assert one.up_axis == "Y" and one.metres_per_unit == 1.0


def test_buffers_lie_beside_the_file_by_percent_encoded_names(tmp_path: Path) -> None:
    tiny = TinyGltf()
    tiny.node(mesh=tiny.cube())
    path = tiny.write_text(tmp_path)
    (tmp_path / "my data.bin").write_bytes(bytes(tiny.data))
    import json

    document = json.loads(path.read_text())
    document["buffers"][0]["uri"] = "my%20data.bin"
    path.write_text(json.dumps(document))
    assert np.array_equal(only_mesh(Gltf()(Source(path))).points, CUBE_CORNERS)


def test_strided_sparse_and_normalized_accessors(tmp_path: Path) -> None:
    tiny = TinyGltf()
    mesh = tiny.cube()
    accessors = tiny.document["accessors"]
    # Positions and texture coordinates side by side, 20 bytes an element, from byte 8 on.
    rows = np.zeros((8, 5), "<f4")
    rows[:, :3] = CUBE_CORNERS
    rows[:, 3:] = CUBE_CORNERS[:, :2] * 0.25
    view = tiny.view(bytes(8) + rows.tobytes(), byteStride=20)
    accessors[0] |= {"bufferView": view, "byteOffset": 8}
    accessors[0]["sparse"] = {
        "count": 2,
        "indices": {"bufferView": tiny.view(np.array([1, 6], "<u2").tobytes()), "componentType": 5123},
        "values": {"bufferView": tiny.view(np.array([[5, 6, 7], [8, 9, 1]], "<f4").tobytes())},
    }
    attributes = tiny.document["meshes"][mesh]["primitives"][0]["attributes"]
    attributes["TEXCOORD_0"] = tiny.add(
        "accessors",
        {"bufferView": view, "byteOffset": 20, "componentType": 5126, "count": 8, "type": "VEC2"},
    )
    shades = np.array([[0, 128, 255, 255]] * 8)
    attributes["COLOR_0"] = tiny.accessor(shades, "u1", normalized=True)
    tiny.node(mesh=mesh)
    found = only_mesh(read(tiny, tmp_path))
    wanted = CUBE_CORNERS.copy()
    wanted[[1, 6]] = [[5, 6, 7], [8, 9, 1]]
    assert np.array_equal(found.points, wanted)
    assert np.allclose(found.uvs[0].values, [[0.25 * x, 1 - 0.25 * y] for x, y, _ in CUBE_CORNERS])
    assert found.colors is not None
    assert np.allclose(found.colors.values, [[0, 128 / 255, 1, 1]] * 8)


def test_quantized_positions_are_numbers_or_fractions(tmp_path: Path) -> None:
    for normalized, most in ((False, 1.0), (True, 32767.0)):
        tiny = TinyGltf()
        mesh = tiny.cube()
        positions = tiny.accessor(CUBE_CORNERS * 1000, "i2", normalized=normalized)
        tiny.document["meshes"][mesh]["primitives"][0]["attributes"]["POSITION"] = positions
        tiny.document["extensionsRequired"] = ["KHR_mesh_quantization"]
        tiny.node(mesh=mesh)
        assert np.allclose(only_mesh(read(tiny, tmp_path)).points, CUBE_CORNERS * 1000 / most)


@pytest.mark.parametrize(("mode", "counts", "closed"), [(1, [2, 2], False), (2, [4], True), (3, [4], False)])
def test_lines_become_curves(tmp_path: Path, mode: int, counts: list[int], closed: bool) -> None:
    tiny = TinyGltf()
    tiny.node(mesh=tiny.mesh(CUBE_CORNERS[:4], mode=mode))
    (curves,) = read(tiny, tmp_path).geometry
    assert isinstance(curves, Curves)
    assert (curves.counts.tolist(), curves.closed) == (counts, closed)


def test_points_become_a_cloud_beside_the_triangles(tmp_path: Path) -> None:
    tiny = TinyGltf()
    mesh = tiny.cube()
    tiny.document["meshes"][mesh]["primitives"].append({"attributes": {"POSITION": 0}, "mode": 0})
    tiny.node(name="scan", mesh=mesh)
    document = read(tiny, tmp_path)
    assert [type(item) for item in document.geometry] == [Mesh, Cloud]
    assert [(n.name, n.parent, n.geometry) for n in document.nodes] == [("scan", -1, 0), ("scan_1", 0, 1)]


def test_primitives_become_subsets_by_material(tmp_path: Path) -> None:
    tiny = TinyGltf()
    for name in ("red", "blue"):
        tiny.add("materials", {"name": name})
    mesh = tiny.cube(material=1)
    primitives = tiny.document["meshes"][mesh]["primitives"]
    primitives += [dict(primitives[0], material=0), dict(primitives[0])]
    tiny.node(mesh=mesh)
    document = read(tiny, tmp_path)
    found = only_mesh(document)
    named = [(document.materials[s.material].name, s.faces.tolist()) for s in found.subsets]
    assert named == [("blue", [*range(12), *range(24, 36)]), ("red", list(range(12, 24)))]


def look(tmp_path: Path, **material: Any) -> Any:
    """The document's material of a cube that wears this one."""
    tiny = TinyGltf()
    tiny.texture(wrapS=33648, wrapT=33071)
    tiny.texture()
    tiny.node(mesh=tiny.cube(material=tiny.add("materials", material), TEXCOORD_0=np.zeros((8, 2))))
    (found,) = read(tiny, tmp_path).materials
    return found


def test_factors_and_textures_of_metallic_roughness(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        name="paint",
        pbrMetallicRoughness={
            "baseColorFactor": [0.5, 0.25, 1, 0.75],
            "baseColorTexture": {"index": 0},
            "metallicRoughnessTexture": {"index": 1, "texCoord": 1},
            "metallicFactor": 0.5,
            "roughnessFactor": 0.25,
        },
        normalTexture={"index": 1, "scale": 0.5},
        occlusionTexture={"index": 1, "strength": 0.25},
        emissiveFactor=[1, 0.5, 0],
        emissiveTexture={"index": 0},
        alphaMode="BLEND",
        doubleSided=True,
        extensions={"KHR_materials_emissive_strength": {"emissiveStrength": 4}},
    )
    assert found.name == "paint" and found.double_sided and found.alpha_mode == "blend"
    base = found.base_color.texture
    assert (base.scale, base.color_space, base.wrap_s, base.wrap_t) == (
        (0.5, 0.25, 1, 0.75),
        "sRGB",
        "mirror",
        "clamp",
    )
    assert (found.opacity.texture.channel, found.opacity.value) == ("a", (0.75,))
    metal, rough = found.metallic.texture, found.roughness.texture
    assert (metal.channel, rough.channel, metal.color_space, metal.uv_set) == ("b", "g", "raw", 1)
    assert metal.scale[2] == 0.5 and rough.scale[1] == 0.25 and metal.scale == rough.scale
    # 2 x - 1 for every component, x and y times the strength.
    assert found.normal.scale == (1.0, 1.0, 2.0, 1.0) and found.normal.bias == (-0.5, -0.5, -1.0, 0.0)
    assert found.normal.color_space == "raw"
    # 1 + strength (x - 1).
    assert found.occlusion.texture.scale[0] == 0.25 and found.occlusion.texture.bias[0] == 0.75
    assert found.emissive.value == (4.0, 2.0, 0.0) and found.emissive.texture.scale[:3] == (4.0, 2.0, 0.0)


def test_extensions_of_materials(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        alphaMode="MASK",
        alphaCutoff=0.3,
        extensions={
            "KHR_materials_ior": {"ior": 1.33},
            "KHR_materials_clearcoat": {"clearcoatFactor": 0.5, "clearcoatRoughnessFactor": 0.1},
            "KHR_materials_transmission": {"transmissionFactor": 0.9},
            "KHR_materials_unlit": {},
        },
    )
    assert (found.alpha_mode, found.alpha_cutoff, found.ior, found.unlit) == ("mask", 0.3, 1.33, True)
    assert (found.clearcoat, found.clearcoat_roughness) == (Input((0.5,)), Input((0.1,)))
    assert found.transmission == Input((0.9,))


def test_the_older_specular_glossiness_look(tmp_path: Path) -> None:
    glossy = {"diffuseFactor": [1, 0, 0, 1], "specularFactor": [0.2, 0.3, 0.4], "glossinessFactor": 0.75}
    found = look(tmp_path, extensions={"KHR_materials_pbrSpecularGlossiness": glossy})
    assert found.base_color == Input((1, 0, 0)) and found.specular == Input((0.2, 0.3, 0.4))
    assert found.roughness == Input((0.25,))


def test_what_is_left_out_is_noted_with_its_place(tmp_path: Path) -> None:
    tiny = TinyGltf()
    material = tiny.add("materials", {"name": "silk", "extensions": {"KHR_materials_sheen": {}}})
    mesh = tiny.cube(material=material, _TEMPERATURE=np.zeros(8), TANGENT=np.tile([1, 0, 0, 1], (8, 1)))
    tiny.document["meshes"][mesh]["primitives"][0]["extensions"] = {"ACME_skin": {}}
    tiny.node(name="a", mesh=mesh, extensions={"ACME_thing": {}})
    tiny.document["scenes"].append({"nodes": []})
    tiny.document["extensions"] = {"ACME_world": {}}
    notes = {(n.path, n.message) for n in read(tiny, tmp_path).notes}
    assert ("material 0 'silk'", "KHR_materials_sheen is left out: UsdPreviewSurface cannot say it") in notes
    assert ("mesh 0, primitive 0", "the attribute _TEMPERATURE is left out") in notes
    assert ("the file", "tangents are left out: renderers work them out") in notes
    assert ("mesh 0, primitive 0", "ACME_skin is left out") in notes
    assert ("node 0 'a'", "ACME_thing is left out") in notes
    assert ("the file", "ACME_world is left out") in notes
    assert any(message.startswith("the file has 2 scenes; scene 0 is imported") for _, message in notes)


finite = st.floats(-3, 3)


@settings(deadline=None)
@given(u=finite, v=finite, ox=finite, oy=finite, su=finite, sv=finite, angle=finite)
def test_texture_transforms_move_the_same_texel(
    u: float, v: float, ox: float, oy: float, su: float, sv: float, angle: float
) -> None:
    # KHR_texture_transform: T R S with R = ((c, s), (-s, c)), v down; UsdTransform2d: scale, turn, move, v up.
    c, s = math.cos(angle), math.sin(angle)
    wanted = (c * su * u + s * sv * v + ox, -s * su * u + c * sv * v + oy)
    entry = Entry({"offset": [ox, oy], "scale": [su, sv], "rotation": angle}, "here")
    (a, b), turn, (tx, ty) = _moved(entry)
    x, y = a * u, b * (1 - v)
    found = (
        math.cos(turn) * x - math.sin(turn) * y + tx,
        1 - (math.sin(turn) * x + math.cos(turn) * y + ty),
    )
    assert found == pytest.approx(wanted, abs=1e-9)


def packed_attributes(values: np.ndarray) -> bytes:
    """The plainest stream of the format: every group of 16 bytes as it is."""
    count, stride = values.shape
    block = min((0x2000 // stride) & ~15, 256)
    out, last = bytearray(b"\xa0"), values[0].astype(int)
    for begin in range(0, count, block):
        rows = values[begin : begin + block].astype(int)
        before = np.concatenate([last[None], rows[:-1]])
        deltas = (rows - before) & 255
        coded = np.where(deltas < 128, deltas * 2, (255 - deltas) * 2 + 1) & 255
        groups = -(-len(rows) // 16)
        for byte in range(stride):
            column = np.zeros(groups * 16, np.uint8)
            column[: len(rows)] = coded[:, byte]
            out += b"\xff" * (-(-groups // 4)) + column.tobytes()
        last = rows[-1]
    return bytes(out) + bytes(32) + values[0].tobytes() if stride < 32 else bytes(out) + values[0].tobytes()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 600), stride=st.sampled_from([4, 8, 12, 16, 64]))
def test_meshopt_attributes_come_back(seed: int, count: int, stride: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (count, stride)).astype(np.uint8)
    assert np.array_equal(decode_attributes(packed_attributes(values), count, stride), values)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=50))
def test_meshopt_index_sequences_come_back(values: list[int]) -> None:
    out, last = bytearray(b"\xd1"), 0
    for value in values:
        step = value - last
        word = ((step << 1) ^ (step >> 63)) << 1  # always against the first of both
        while word >= 128:
            out.append(word & 127 | 128)
            word >>= 7
        out.append(word)
        last = value
    assert decode_indices(bytes(out) + bytes(4), len(values)) == values


def test_instances_of_the_gpu_extension_are_nodes(tmp_path: Path) -> None:
    tiny = TinyGltf()
    places = tiny.accessor([[1, 0, 0], [2, 0, 0], [3, 0, 0]])
    extension = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": places}}}
    tiny.node(name="bolt", mesh=tiny.cube(), extensions=extension)
    nodes = read(tiny, tmp_path).nodes
    assert [(n.parent, n.geometry, n.transform.translation) for n in nodes[1:]] == [
        (0, 0, (1, 0, 0)),
        (0, 0, (2, 0, 0)),
        (0, 0, (3, 0, 0)),
    ]
    assert nodes[0].geometry == -1 and len(CUBE_FACES) == 12
