"""Files of polygons, made by hand or by another reader's side: what they hold is what arrives."""

import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.importing.document import Cloud, Document, Mesh
from twinstage.assets.importing.meshes.normals import corner_normals, face_normals
from twinstage.base.errors import UserError

Read = Callable[..., Document]


def only(document: Document) -> Mesh:
    mesh, *others = document.geometry
    assert not others
    assert isinstance(mesh, Mesh)
    return mesh


def codes(document: Document) -> list[str]:
    return [n.code for n in document.notes]


def placed(document: Document) -> np.ndarray:
    """Points of all meshes in the file's frame, metres."""
    worlds: list[np.ndarray] = []
    out = []
    for node in document.nodes:
        local = node.transform.to_matrix()
        worlds.append(local if node.parent < 0 else worlds[node.parent] @ local)
        if node.geometry >= 0:
            points = document.geometry[node.geometry].points  # type: ignore[union-attr]
            out.append(points @ worlds[-1][:3, :3].T + worlds[-1][:3, 3])
    return np.concatenate(out) * document.metres_per_unit


OBJ = """# a house
mtllib house.mtl
o Wall
v 0 0 0 1 0 0
v 1 0 0 1 0 0
v 1 1 0 1 0 0
v 0 1 0 1 0 0
v 0.5 1.5 0 0 0.5 1
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vt 0.5 1
vn 0 0 1
usemtl brick
f 1/1/1 2/2/1 3/3/1 4/4/1
g gable
usemtl wood
f -3/-3/-1 -1/-1/-1 -2/-2/-1
o Lamp
v 0 0 5
v 0 1 5
v 1 0 5
f 6 7 8
l 1 2
"""
MTL = """newmtl brick
Kd 0.5 0.25 0
Ns 0
map_Kd -s 2 2 1 brick wall.png
newmtl wood
Kd 1 1 1
d 0.25
Pr 0.75
"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)


def test_obj_keeps_polygons_groups_materials_and_colours(tmp_path: Path, read: Read) -> None:
    (tmp_path / "house.obj").write_text(OBJ)
    (tmp_path / "house.mtl").write_text(MTL)
    (tmp_path / "brick wall.png").write_bytes(PNG)
    document = read(tmp_path / "house.obj")
    parents = [document.nodes[n.parent].name if n.parent >= 0 else "" for n in document.nodes]
    assert [(n.name, p) for n, p in zip(document.nodes, parents, strict=True)] == [
        ("Wall", ""),
        ("Wall", ""),
        ("gable", "Wall"),
        ("Lamp", ""),
    ]
    wall, gable, lamp = document.geometry
    assert isinstance(wall, Mesh) and isinstance(gable, Mesh) and isinstance(lamp, Mesh)
    assert wall.counts.tolist() == [4]
    assert gable.points[gable.indices].tolist() == [[1, 1, 0], [0.5, 1.5, 0], [0, 1, 0]]
    assert [document.materials[m.material].name for m in (wall, gable, lamp)] == ["brick", "wood", "wood"]
    brick, wood = document.materials
    assert brick.base_color.value == pytest.approx((0.21404, 0.05088, 0), abs=1e-5)
    assert brick.base_color.texture is not None
    assert document.images[brick.base_color.texture.image].data == PNG
    assert brick.roughness.value == (1.0,)
    assert wood.opacity.value == (0.25,)
    assert wood.alpha_mode == "blend"
    assert wood.roughness.value == (0.75,)
    assert wall.uvs[0].flat().tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert wall.colors is not None
    assert wall.colors.flat()[:, :3].tolist() == [[1, 0, 0]] * 4
    assert lamp.colors is None
    assert document.up_axis == "Y"
    assert codes(document) == ["import.not-carried", "import.no-unit"]
    assert "lines (1)" in document.notes[0].message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("v 0 0 0\nf 1 2 3\n", "a face asks for points number 2, but the file has 1"),
        ("v 0 0 0\nf 1 0 1\n", "a face asks for points number 0"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1 2/2 3/3\n", "texture coordinates number 1, but the file has 0"),
        ("v 0 0 x\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "a line 'v' holds something else than numbers"),
        ("v 0 0 0\nf 1 a 1\n", "line 2: 'a' is no corner of a face"),
        ("v 0 0 0\n", "holds no faces"),
        ("", "holds no faces"),
    ],
)
def test_broken_obj_is_one_sentence(tmp_path: Path, read: Read, text: str, sentence: str) -> None:
    (tmp_path / "x.obj").write_text(text)
    with pytest.raises(UserError, match=r"x\.obj") as told:
        read(tmp_path / "x.obj")
    assert sentence in str(told.value)


def cube(normals: tuple[float, float, float] | None = None) -> list[tuple[Any, ...]]:
    """Triangles of the unit cube, outward, with their facet normals (or that one for all)."""
    out = []
    for axis in range(3):
        for side in (0, 1):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            square = []
            for a, b in ((0, 0), (1, 0), (1, 1), (0, 1)):
                point = [0.0, 0.0, 0.0]
                point[axis], point[u], point[v] = float(side), float(a), float(b)
                square.append(point)
            if not side:
                square.reverse()
            outward = [0.0, 0.0, 0.0]
            outward[axis] = 1.0 if side else -1.0
            for corners in (square[:3], [square[0], *square[2:]]):
                out.append((normals or tuple(outward), corners))
    return out


def binary_stl(triangles: list[tuple[Any, ...]], count: int | None = None) -> bytes:
    body = b"".join(
        struct.pack("<3f", *normal) + b"".join(struct.pack("<3f", *c) for c in corners) + b"\0\0"
        for normal, corners in triangles
    )
    return b"made by a test".ljust(80) + struct.pack("<I", len(triangles) if count is None else count) + body


def test_stl_binary_and_text(tmp_path: Path, read: Read) -> None:
    (tmp_path / "b.stl").write_bytes(binary_stl(cube()))
    lines = [
        f"facet normal {n[0]} {n[1]} {n[2]}\nouter loop\n"
        + "".join(f"vertex {p[0]} {p[1]} {p[2]:e}\n" for p in c)
        + "endloop\nendfacet\n"
        for n, c in cube()
    ]
    (tmp_path / "t.stl").write_text("solid the box\n" + "".join(lines) + "endsolid the box\n")
    for name in ("b.stl", "t.stl"):
        document = read(tmp_path / name)
        mesh = only(document)
        assert len(mesh.points) == 8
        assert mesh.counts.tolist() == [3] * 12
        assert codes(document) == ["import.no-unit"]
        assert mesh.normals is not None
        expected = np.repeat([n for n, _ in cube()], 3, 0)
        assert np.allclose(mesh.normals.flat(), expected)
        assert len(mesh.normals.values) == 6
    assert document.nodes[0].name == "the box"


def test_stl_that_is_broken(tmp_path: Path, read: Read) -> None:
    def told(data: bytes) -> Document:
        (tmp_path / "x.stl").write_bytes(data)
        return read(tmp_path / "x.stl")

    for data, sentence in (
        (binary_stl(cube(), 1000), "promises 1,000 triangles, but the file ends after 12"),
        (b"", "0 bytes are too few"),
        (binary_stl([]), "holds no triangles"),
        (binary_stl([((0, 0, 1), [(0, 0, 0)] * 3)]), "none of its 1 triangles has an area"),
        (b"solid x\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0", "1 of 2 lines 'vertex'"),
        (b"solid x\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\n", "cut short"),
    ):
        with pytest.raises(UserError) as found:
            told(data)
        assert sentence in str(found.value)
    opened = told(binary_stl(cube()[:-1]))
    assert "3 open edges" in opened.notes[0].message
    assert "12 of 12 facet normals are zero" in told(binary_stl(cube((0, 0, 0)))).notes[0].message
    turned = [(n, c[::-1]) for n, c in cube()]
    inside = told(binary_stl(turned))
    assert "12 of 12 facet normals oppose" in inside.notes[0].message
    assert "inside out" in inside.notes[1].message
    points, indices = only(inside).points, only(inside).indices.reshape(-1, 3)
    a, b, c = points[indices].swapaxes(0, 1)
    assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 == pytest.approx(1.0)
    nan = told(binary_stl([*cube(), ((0, 0, 1), [(0, 0, math.nan), (1, 0, 0), (0, 1, 0)])]))
    assert "1 triangles with numbers that are not finite" in nan.notes[0].message


def test_zeros_of_rounding_join(tmp_path: Path, read: Read) -> None:
    noisy = [(n, [[v if v else 1e-17 * k for k, v in enumerate(p)] for p in c]) for n, c in cube()]
    (tmp_path / "n.stl").write_bytes(binary_stl([*noisy[:6], *cube()[6:]]))
    assert len(only(read(tmp_path / "n.stl")).points) == 8


PLY_HEAD = """ply
format {format} 1.0
comment TextureFile missing.png
element vertex 5
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face {faces}
property list uchar int vertex_indices
end_header
"""
PLY_POINTS = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0.5, 0.5, 1)]


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_with_polygons_of_several_sizes(tmp_path: Path, read: Read, kind: str) -> None:
    faces = [(3, 2, 1, 0), (0, 1, 4), (1, 2, 4)]
    head = PLY_HEAD.format(format=kind, faces=len(faces)).encode()
    if kind == "ascii":
        rows = [f"{x} {y} {z} 255 0 {n}" for n, (x, y, z) in enumerate(PLY_POINTS)]
        rows += [" ".join(map(str, (len(f), *f))) for f in faces]
        data = "\n".join(rows).encode()
    else:
        mark = "<" if "little" in kind else ">"
        data = b"".join(struct.pack(mark + "3f3B", *p, 255, 0, n) for n, p in enumerate(PLY_POINTS))
        data += b"".join(struct.pack(f"{mark}B{len(f)}i", len(f), *f) for f in faces)
    (tmp_path / "p.ply").write_bytes(head + data)
    mesh = only(read(tmp_path / "p.ply"))
    assert mesh.counts.tolist() == [4, 3, 3]
    assert mesh.indices.tolist() == [3, 2, 1, 0, 0, 1, 4, 1, 2, 4]
    assert np.allclose(mesh.points, PLY_POINTS)
    assert mesh.colors is not None
    assert np.allclose(mesh.colors.flat()[:, 0], 1)
    assert mesh.colors.flat()[0, 2] == pytest.approx(3 / 255 / 12.92)
    (tmp_path / "cut.ply").write_bytes(head + data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut short|cannot be read"):
        read(tmp_path / "cut.ply")


def test_ply_of_points_alone(tmp_path: Path, read: Read) -> None:
    head = PLY_HEAD.format(format="ascii", faces=0)
    (tmp_path / "c.ply").write_text(head + "\n".join(f"{x} {y} {z} 0 255 0" for x, y, z in PLY_POINTS))
    cloud = read(tmp_path / "c.ply").geometry[0]
    assert isinstance(cloud, Cloud)
    assert len(cloud.points) == 5


MODEL = """<?xml version="1.0"?>
<model unit="inch" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
 xmlns:m="http://schemas.microsoft.com/3dmanufacturing/material/2015/02">
 <metadata name="Application">A test</metadata>
 <resources>
  <basematerials id="5"><base name="Red" displaycolor="#FF0000"/>
   <base name="Glass" displaycolor="#0000FF80"/></basematerials>
  <m:colorgroup id="6"><m:color color="#00FF00"/><m:color color="#FFFFFF"/></m:colorgroup>
  <object id="1" name="Wedge" pid="5" pindex="0"><mesh>
   <vertices><vertex x="0" y="0" z="0"/><vertex x="1" y="0" z="0"/>
    <vertex x="0" y="1" z="0"/><vertex x="0" y="0" z="1"/></vertices>
   <triangles><triangle v1="0" v2="2" v3="1"/><triangle v1="0" v2="1" v3="3" p1="1"/>
    <triangle v1="1" v2="2" v3="3"/><triangle v1="0" v2="3" v3="2" pid="5" p1="1"/></triangles></mesh></object>
  <object id="2"><components><component objectid="1" transform="1 0 0 0 1 0 0 0 1 10 0 0"/>
   <component objectid="1"/></components></object>
 </resources>
 <build><item objectid="2" transform="0 1 0 -1 0 0 0 0 1 0 0 2"/></build>
</model>"""


def threemf(path: Path, model: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("3D/3dmodel.model", model)
    return path


def test_3mf_units_components_and_materials(tmp_path: Path, read: Read) -> None:
    document = read(threemf(tmp_path / "w.3mf", MODEL))
    assert document.metres_per_unit == 0.0254
    mesh = only(document)
    assert len(document.nodes) == 2
    assert [m.name for m in document.materials] == ["Red", "Glass"]
    assert document.materials[0].base_color.value == (1, 0, 0)
    assert document.materials[1].opacity.value[0] == pytest.approx(128 / 255)
    assert {s.material: s.faces.tolist() for s in mesh.subsets} == {0: [0, 2], 1: [1, 3]}
    # The component's move comes first: (1, 0, 0) -> (11, 0, 0), then a quarter turn and up by 2.
    assert [0, 11 * 0.0254, 2 * 0.0254] in placed(document).round(9).tolist()
    assert document.origin.generator == "A test"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('v2="2" v3="1"', 'v2="9" v3="1"'), "asks for point 9 of 4"),
        (('unit="inch"', 'unit="ell"'), "the unit 'ell' is unknown"),
        (('<component objectid="1"/>', '<component objectid="2"/>'), "object 2 contains itself"),
        (('<item objectid="2"', '<item objectid="7"'), "object '7' is missing"),
        (("</model>", ""), "this is no 3MF model, because it is no valid XML"),
        (('y="0"', 'y="zero"'), "something else than numbers"),
    ],
)
def test_broken_3mf_is_one_sentence(
    tmp_path: Path, read: Read, change: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(UserError) as told:
        read(threemf(tmp_path / "w.3mf", MODEL.replace(*change)))
    assert sentence in str(told.value)


def test_3mf_that_is_no_archive(tmp_path: Path, read: Read) -> None:
    (tmp_path / "w.3mf").write_bytes(b"PK but no")
    with pytest.raises(UserError, match="no zip archive"):
        read(tmp_path / "w.3mf")


def test_normals_smooth_up_to_the_crease() -> None:
    """A prism of 24 sides: its wall is round, its ends are flat."""
    n = 24
    angle = np.arange(n) * 2 * np.pi / n
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(n)], 1)
    points = np.concatenate([ring, ring + np.array([0, 0, 1])])
    walls = [[k, (k + 1) % n, n + (k + 1) % n, n + k] for k in range(n)]
    ends = [list(range(n))[::-1], list(range(n, 2 * n))]
    faces = walls + ends
    counts = np.array([len(f) for f in faces])
    indices = np.concatenate(faces)
    area = np.linalg.norm(face_normals(points, counts, indices), axis=1) / 2
    assert area[-1] == pytest.approx(n / 2 * math.sin(2 * math.pi / n))
    normals = corner_normals(points, counts, indices)
    wall = normals[: 4 * n]
    assert np.allclose(wall[:, 2], 0)
    assert np.allclose(wall, points[indices[: 4 * n]] * [1, 1, 0], atol=1e-9)
    assert np.allclose(normals[4 * n : 5 * n], [0, 0, -1])
    flat = corner_normals(points, counts, indices, 0.0)
    assert np.allclose(flat[0], [math.cos(math.pi / n), math.sin(math.pi / n), 0])
