"""Baked geometry, judged by trimesh and by a parser written here from the glTF specification."""

import importlib.util
import io
import json
import struct
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh

from twinstage.base.errors import UserError
from twinstage.scene.columns import frozen
from twinstage.scene.glb import bake_prototype, glb_size, primitive_slots
from twinstage.scene.snapshot import Prototype

DTYPES = {5123: "<u2", 5126: "<f4", 5125: "<u4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}


@pytest.fixture(scope="module")
def shapes(root: Path) -> ModuleType:
    """Hand-made prototypes."""
    spec = importlib.util.spec_from_file_location(
        "twinstage_tests_glb_make", root / "tests" / "sync" / "make.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parse(data: bytes) -> tuple[dict, bytes]:
    """Container of a GLB: JSON and binary chunk, with every rule of the container checked."""
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    assert length % 4 == 0
    chunks, at = {}, 12
    while at < length:
        size, kind = struct.unpack_from("<I4s", data, at)
        assert size % 4 == 0 and at + 8 + size <= length
        chunks[kind] = data[at + 8 : at + 8 + size]
        at += 8 + size
    assert next(iter(chunks)) == b"JSON"
    return json.loads(chunks[b"JSON"]), chunks.get(b"BIN\0", b"")


def read(document: dict, binary: bytes, number: int) -> np.ndarray:
    """One accessor, with alignment and bounds checked."""
    accessor = document["accessors"][number]
    view = document["bufferViews"][accessor["bufferView"]]
    dtype, width = np.dtype(DTYPES[accessor["componentType"]]), WIDTHS[accessor["type"]]
    assert view["byteOffset"] % dtype.itemsize == 0
    assert view["byteLength"] == accessor["count"] * width * dtype.itemsize
    assert view["byteOffset"] + view["byteLength"] <= document["buffers"][0]["byteLength"] <= len(binary)
    column = np.frombuffer(binary, dtype, accessor["count"] * width, view["byteOffset"]).reshape(-1, width)
    if "min" in accessor:
        assert np.array_equal(np.array(accessor["min"], dtype), column.min(0))
        assert np.array_equal(np.array(accessor["max"], dtype), column.max(0))
    return column


@pytest.mark.parametrize("slots", [("",), ("", "red", "blue")])
def test_a_baked_cube_holds_its_arrays_slot_by_slot(shapes: ModuleType, slots: tuple[str, ...]) -> None:
    cube = shapes.cube(color=True, slots=slots)
    document, binary = parse(bake_prototype(cube))
    primitives = document["meshes"][0]["primitives"]
    assert [p["extras"]["slot"] for p in primitives] == primitive_slots(cube) == list(range(len(slots)))
    for slot, primitive in enumerate(primitives):
        attributes = {name: read(document, binary, i) for name, i in primitive["attributes"].items()}
        assert np.array_equal(attributes["POSITION"], cube.points)
        assert np.array_equal(attributes["NORMAL"], cube.normals)
        assert np.array_equal(attributes["COLOR_0"], cube.color)
        assert np.array_equal(attributes["TEXCOORD_0"][:, 0], cube.uv[:, 0])
        assert np.array_equal(attributes["TEXCOORD_0"][:, 1], 1 - cube.uv[:, 1])
        triangles = read(document, binary, primitive["indices"]).reshape(-1, 3)
        assert np.array_equal(triangles, cube.triangles[cube.slot == slot])
        assert primitive.get("mode", 4) == 4


def test_trimesh_loads_a_closed_cube_of_volume_one(shapes: ModuleType) -> None:
    scene = trimesh.load_scene(io.BytesIO(bake_prototype(shapes.cube(slots=("", "a")))), file_type="glb")
    assert len(scene.geometry) == 2
    mesh = scene.to_mesh()
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(1.0)  # positive: the triangles are seen from outside
    assert np.allclose(mesh.bounds, [[-0.5] * 3, [0.5] * 3])


def test_the_same_prototype_gives_the_same_bytes_and_the_size_is_known_before(shapes: ModuleType) -> None:
    for cube in (shapes.cube(), shapes.cube(uv=False), shapes.cube(slots=("", "faces ä"))):
        assert bake_prototype(cube) == bake_prototype(replace(cube))
        assert glb_size(cube) == len(bake_prototype(cube))


def test_more_than_65535_vertices_get_wide_indices(shapes: ModuleType) -> None:
    for n, kind in ((65_535, 5123), (65_536, 5125)):
        points = np.zeros((n, 3))
        points[:, 0] = np.arange(n)
        big = replace(
            shapes.cube(uv=False),
            points=frozen(points, np.float32),
            normals=frozen(np.tile([0.0, 0, 1], (n, 1)), np.float32),
            triangles=frozen(np.array([[0, 1, n - 1]]), np.uint32),
            slot=frozen(np.zeros(1), np.int32),
        )
        document, binary = parse(bake_prototype(big))
        assert document["accessors"][-1]["componentType"] == kind
        assert read(document, binary, len(document["accessors"]) - 1).ravel().tolist() == [0, 1, n - 1]


def test_slots_without_triangles_have_no_primitive(shapes: ModuleType) -> None:
    cube = shapes.cube(slots=("", "a", "b"))
    cube = replace(
        cube, slots=("", "a", "b", "unused"), slot=frozen(np.where(cube.slot == 0, 2, cube.slot), np.int32)
    )
    document, _ = parse(bake_prototype(cube))
    assert [p["extras"]["name"] for p in document["meshes"][0]["primitives"]] == ["a", "b"]


def empty(cube: Prototype) -> Prototype:
    """Nothing at all."""
    nothing = np.empty((0, 3))
    return replace(
        cube,
        points=frozen(nothing, np.float32),
        normals=frozen(nothing, np.float32),
        uv=None,
        triangles=frozen(nothing, np.uint32),
        slot=frozen(np.empty(0), np.int32),
    )


def test_a_prototype_without_triangles_is_a_valid_empty_file(shapes: ModuleType) -> None:
    document, binary = parse(bake_prototype(empty(shapes.cube())))
    assert binary == b""
    assert "meshes" not in document and "buffers" not in document
    assert glb_size(empty(shapes.cube())) == len(bake_prototype(empty(shapes.cube())))


def test_points_that_are_not_finite_are_refused_by_name(shapes: ModuleType) -> None:
    cube = shapes.cube()
    points = np.array(cube.points)
    points[3, 1] = np.nan
    with pytest.raises(UserError, match="/World/Cube has points that are not finite"):
        bake_prototype(replace(cube, points=frozen(points, np.float32)))
