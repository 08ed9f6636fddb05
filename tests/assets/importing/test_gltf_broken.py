"""Damaged glTF files: one sentence that says where, never a traceback; and what is not damaged is read."""

import copy
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinstage.assets.importing.document import Document
from twinstage.assets.importing.gltf.importer import Gltf
from twinstage.assets.importing.imports import import_file
from twinstage.assets.importing.package import write_package
from twinstage.assets.importing.source import Source
from twinstage.base.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))
from tiny_gltf import TinyGltf, arm


def read(path: Path) -> Document:
    return Gltf()(Source(path))


def furnished() -> TinyGltf:
    """A file with something of most kinds."""
    tiny = arm()
    look = {
        "name": "paint",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": tiny.texture(wrapS=33071)},
            "metallicFactor": 0.2,
        },
        "normalTexture": {
            "index": 0,
            "scale": 0.5,
            "extensions": {"KHR_texture_transform": {"rotation": 0.5}},
        },
        "emissiveFactor": [1, 0, 0],
        "extensions": {"KHR_materials_emissive_strength": {"emissiveStrength": 3}},
    }
    material = tiny.add("materials", look)
    uv = np.zeros((8, 2))
    tiny.node(name="box", mesh=tiny.cube(material=material, TEXCOORD_0=uv), extras={"serial": 5})
    camera = {"type": "perspective", "perspective": {"yfov": 0.6, "znear": 0.1, "aspectRatio": 1.5}}
    tiny.node(name="eye", camera=tiny.add("cameras", camera))
    tiny.document["extensions"] = {
        "KHR_lights_punctual": {"lights": [{"type": "spot", "intensity": 5, "spot": {}}]}
    }
    tiny.node(name="lamp", extensions={"KHR_lights_punctual": {"light": 0}})
    tiny.document["accessors"][0]["sparse"] = {
        "count": 1,
        "indices": {"bufferView": tiny.view(b"\1\0\0\0"), "componentType": 5125},
        "values": {"bufferView": tiny.view(np.array([9, 9, 9], "<f4").tobytes())},
    }
    return tiny


def _uri(text: str, length: int = 4) -> list[dict[str, Any]]:
    return [{"byteLength": length, "uri": text}]


LAMP = "extensions/KHR_lights_punctual/lights/0/type"
CASES: dict[str, tuple[str, Any, str]] = {
    "version": ("asset/version", "1.0", "glTF 1.0; version 2 can be imported"),
    "no asset": ("asset", {}, "no asset with a version"),
    "beyond": ("meshes/0/primitives/0/indices", 99, "mesh 0, primitive 0 names accessor 99, and there are"),
    "type": ("accessors/0/type", "VEC2", "accessor 0 is of type 'VEC2'; mesh 0, primitive 0 needs VEC3"),
    "component": ("accessors/0/componentType", 1, "accessor 0: componentType 1 is none of glTF's"),
    "count": ("accessors/0/count", 10**6, "accessor 0 needs 12,000,000 bytes of buffer view 0, which has"),
    "negative count": ("accessors/0/count", -1, "accessor 0: count is -1; a whole number of 1"),
    "text": ("accessors/0/count", "12", "accessor 0: count is '12'; a whole number"),
    "view": ("bufferViews/0/byteLength", 10**9, "buffer view 0 ends at byte 1,000,000,000 of a buffer of"),
    "stride": (
        "bufferViews/0/byteStride",
        4,
        "byteStride of buffer view 0 is 4, and an element has 12 bytes",
    ),
    "parents": ("nodes/2/children", [1], "node 1 'upper' is a child of node 0 and of node 2"),
    "ancestor": (
        "nodes/1/children",
        [0],
        "scene 0 names node 0 'lower' as a root, which is a child of node 1",
    ),
    "rotation": ("nodes/0/rotation", [0, 0, 0, 0], "node 0 'lower': its rotation is 0, 0, 0, 0"),
    "matrix": ("nodes/0/matrix", [1] * 16, "node 0 'lower': the last row of its matrix"),
    "infinite": ("nodes/0/scale", [float("inf"), 1, 1], "its JSON holds Infinity, which is no number there"),
    "large": ("nodes/0/scale", [10**400, 1, 1], "node 0 'lower': scale is a list; 3 finite numbers"),
    "skin": ("nodes/2/skin", 7, "node 'arm' names skin 7, and there are 1"),
    "joint": ("skins/0/joints", [0, 77], "skin 0 names node 77, and there are"),
    "image": ("textures/0/source", 5, "texture 0 names image 5, and there are 1"),
    "camera": ("cameras/0/type", "fisheye", "camera 0: type is 'fisheye'"),
    "field of view": ("cameras/0/perspective/yfov", 4, "yfov is 4; an angle above 0 and below pi"),
    "lamp": (LAMP, "moon", "light 0: type is 'moon'"),
    "way": ("animations/0/samplers/0/interpolation", "SMOOTH", "sampler 0: interpolation is 'SMOOTH'"),
    "output": (
        "animations/0/samplers/0/output",
        0,
        "accessor 0 is of type 'VEC3'; animation 0 'move', sampler 0",
    ),
    "sparse": ("accessors/0/sparse/count", 10**6, "accessor 0, sparse: count is 1000000"),
    "required": (
        "extensionsRequired",
        ["ACME_magic"],
        "without the extension 'ACME_magic', which is not known",
    ),
    "network": ("buffers", _uri("https://example.com/a.bin"), "buffer 0 lies on the network"),
    "outside": ("buffers", _uri("../../etc/passwd"), "which lies outside the file's own folder"),
    "missing": ("buffers", _uri("none.bin"), "buffer 0 names 'none.bin', which is not there"),
    "base64": ("buffers", _uri("data:;base64,***"), "buffer 0: its data URI is not valid base64"),
    "short": (
        "buffers",
        _uri("data:;base64,AAAA", 10**6),
        "buffer 0 has 3 bytes; its byteLength says 1,000,000",
    ),
    "nodes": ("nodes", 5, "nodes is 5; a list of objects"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_broken_file_is_one_sentence(tmp_path: Path, case: str) -> None:
    tiny = furnished()
    place, value, sentence = CASES[case]
    tiny.buffer()
    path = tiny.write(tmp_path)
    assert read(path).nodes
    tiny.buffer = lambda: None  # type: ignore[method-assign]
    *way, last = [int(key) if key.isdigit() else key for key in place.split("/")]
    holder: Any = tiny.document
    for key in way:
        holder = holder[key]
    holder[last] = value
    path.write_bytes(tiny.glb())
    with pytest.raises(UserError) as caught:
        document = read(path)
        write_package(document, tmp_path, "x")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("tiny.glb: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "JSON is broken"),
        (b"glTF", "ends after 4 bytes"),
        (b"glTF" + (1).to_bytes(4, "little") + bytes(20), "GLB file of version 1"),
        (
            b"glTF" + (2).to_bytes(4, "little") + (99).to_bytes(4, "little") + bytes(20),
            "cut off: it has 32 of 99 bytes",
        ),
        (b"[1]", "JSON is no object"),
        (b'{"asset": {"version": NaN}}', "holds NaN"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number too long"),
        (b'{"asset": {"version": "2.0"}}', "nothing that can be drawn"),
    ],
)
def test_what_is_no_gltf(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = tmp_path / "x.glb"
    path.write_bytes(data)
    with pytest.raises(UserError, match=sentence):
        write_package(read(path), tmp_path / "out", "x")


def test_nothing_is_left_of_a_file_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "x.glb"
    path.write_bytes(b"glTF nonsense, and more of it")
    with pytest.raises(UserError, match=r"x\.glb: it is a GLB file of version"):
        import_file(path, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.glb"]


def draco(tmp_path: Path) -> Path:
    """A file whose compressed data are none."""
    tiny = TinyGltf()
    tiny.node(mesh=tiny.cube())
    tiny.document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    primitive = tiny.document["meshes"][0]["primitives"][0]
    primitive["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {}}}
    return tiny.write(tmp_path)


def test_a_draco_file_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    with pytest.raises(
        UserError, match=r"mesh 0, primitive 0 is compressed with Draco: pip install 'twinstage\[draco\]'"
    ):
        read(draco(tmp_path))


def test_broken_draco_data_are_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("DracoPy", reason="DracoPy is not installed (the extra draco)")
    with pytest.raises(UserError, match="KHR_draco_mesh_compression: its data cannot be decoded"):
        read(draco(tmp_path))


FURNISHED = furnished().glb()
JUNK = st.sampled_from(
    [-1, 0, 1, 2, 5121, 5125, 2**31, 2**63, 1e308, 0.5, "", "x", None, True, [], {}, [0] * 16, [1e39] * 3]
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    out = [path]
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        out += _places(child, (*path, key))
    return out


def _tried(data: bytes, folder: Path) -> None:
    """Read and write; only a UserError of one line may come."""
    path = folder / "f.glb"
    path.write_bytes(data)
    out = folder / "out"
    try:
        document = read(path)
        out.mkdir(exist_ok=True)
        shutil.rmtree(out)
        out.mkdir()
        write_package(document, out, "f")
    except UserError as problem:
        assert "\n" not in str(problem) and len(str(problem)) < 600


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_values_never_end_in_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    length = int.from_bytes(FURNISHED[12:16], "little")
    document = json.loads(FURNISHED[20 : 20 + length])
    for _ in range(data.draw(st.integers(1, 3))):
        places = _places(document)
        *way, last = data.draw(st.sampled_from(places[1:]))
        holder = document
        for key in way:
            holder = holder[key]
        if isinstance(holder, dict) and data.draw(st.booleans()):
            holder.pop(last)
        else:
            holder[last] = copy.deepcopy(data.draw(JUNK))
    tiny = TinyGltf()
    tiny.document, tiny.data = document, bytearray(FURNISHED[28 + length :])
    tiny.buffer = lambda: None  # type: ignore[method-assign]
    _tried(tiny.glb(), tmp_path)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(FURNISHED) - 1), value=st.binary(min_size=1, max_size=9), cut=st.booleans())
def test_changed_bytes_never_end_in_a_traceback(tmp_path: Path, at: int, value: bytes, cut: bool) -> None:
    _tried(FURNISHED[:at] if cut else FURNISHED[:at] + value + FURNISHED[at + len(value) :], tmp_path)
