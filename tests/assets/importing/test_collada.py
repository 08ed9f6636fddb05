"""COLLADA: units, axes, transforms, binding of materials and opacity from text; the real files against a second reader."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.importing.document import Document, Mesh
from twinstage.base.errors import UserError

Read = Callable[..., Document]
SOURCES = """<source id="P"><float_array id="Pa" count="12">0 0 0 1 0 0 1 1 0 0 1 0</float_array><technique_common>
<accessor source="#Pa" count="4" stride="3"><param name="X"/><param name="Y"/><param name="Z"/></accessor>
</technique_common></source>
<source id="T"><float_array id="Ta" count="8">0 0 1 0 1 1 0 1</float_array><technique_common>
<accessor source="#Ta" count="4" stride="2"><param name="S"/><param name="T"/></accessor></technique_common></source>
<vertices id="V"><input semantic="POSITION" source="#P"/></vertices>"""
FACES = """<polylist count="1" material="front"><input semantic="VERTEX" source="#V" offset="0"/>
<input semantic="TEXCOORD" source="#T" offset="1" set="0"/><vcount>4</vcount><p>0 0 1 1 2 2 3 3</p></polylist>"""
EFFECT = "<effect id='e{n}'><profile_COMMON>{params}<technique sid='c'>{model}</technique></profile_COMMON></effect>"


def file(
    folder: Path,
    *,
    asset: str = '<unit meter="0.01"/><up_axis>Y_UP</up_axis>',
    faces: str = FACES,
    node: str = "",
    effects: tuple[str, ...] = ("<lambert><diffuse><color>1 0 0 1</color></diffuse></lambert>",),
    params: str = "",
    extra: str = "",
) -> Path:
    """A file with one square; `effects[k]` is material m{k}."""
    made = "".join(EFFECT.format(n=n, params=params, model=e) for n, e in enumerate(effects))
    materials = "".join(
        f"<material id='m{n}' name='M{n}'><instance_effect url='#e{n}'/></material>"
        for n in range(len(effects))
    )
    bound = (
        "<bind_material><technique_common><instance_material symbol='front' target='#m0'/>"
        "<instance_material symbol='back' target='#m1'/></technique_common></bind_material>"
    )
    text = f"""<?xml version="1.0"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1"><asset>{asset}</asset>
<library_images><image id="im"><init_from>file:///C:/models/brick.png</init_from></image></library_images>
<library_effects>{made}</library_effects><library_materials>{materials}</library_materials>
<library_geometries><geometry id="g" name="Square"><mesh>{SOURCES}{faces}</mesh></geometry></library_geometries>{extra}
<library_visual_scenes><visual_scene id="s"><node id="n" name="Pallet jack">{node}
<instance_geometry url="#g">{bound}</instance_geometry></node><node name="Lamp"><instance_light url="#l"/></node></visual_scene>
</library_visual_scenes><scene><instance_visual_scene url="#s"/></scene></COLLADA>"""
    (folder / "x.dae").write_text(text)
    return folder / "x.dae"


def test_unit_axis_names_and_what_is_left_out(tmp_path: Path, read: Read) -> None:
    document = read(file(tmp_path))
    assert (document.metres_per_unit, document.up_axis) == (0.01, "Y")
    assert [n.name for n in document.nodes] == ["Pallet jack"]
    mesh = document.geometry[0]
    assert isinstance(mesh, Mesh)
    assert mesh.counts.tolist() == [4]
    assert mesh.uvs[0].flat().tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert [m.name for m in document.materials] == ["M0"]
    assert document.materials[mesh.material].base_color.value == (1, 0, 0)
    assert "lights: Lamp" in document.notes[0].message


def test_transforms_multiply_in_their_order(tmp_path: Path, read: Read) -> None:
    steps = "<translate>1 2 3</translate><rotate>0 0 1 90</rotate><scale>2 3 4</scale>"
    matrix = read(file(tmp_path, node=steps)).nodes[0].transform.to_matrix()
    assert np.allclose(matrix @ [1, 0, 0, 1], [1, 4, 3, 1])
    assert np.allclose(matrix @ [0, 1, 0, 1], [-2, 2, 3, 1])
    look = "<lookat>0 0 10 0 0 0 0 1 0</lookat>"
    assert np.allclose(
        read(file(tmp_path, node=look)).nodes[0].transform.to_matrix() @ [0, 0, -10, 1], [0, 0, 0, 1]
    )
    skew = "<skew>45 1 0 0 0 1 0</skew>"
    assert np.allclose(
        read(file(tmp_path, node=skew)).nodes[0].transform.to_matrix() @ [1, 0, 0, 1], [1, 1, 0, 1]
    )


def test_two_materials_on_strips_and_fans(tmp_path: Path, read: Read) -> None:
    faces = (
        "<tristrips count='1' material='front'><input semantic='VERTEX' source='#V' offset='0'/><p>0 1 3 2</p></tristrips>"
        "<trifans count='1' material='back'><input semantic='VERTEX' source='#V' offset='0'/><p>0 3 2 1</p></trifans>"
    )
    two = tuple(f"<lambert><diffuse><color>{c} 0 0 1</color></diffuse></lambert>" for c in (1, 0))
    mesh = read(file(tmp_path, faces=faces, effects=two)).geometry[0]
    assert isinstance(mesh, Mesh)
    assert mesh.indices.reshape(-1, 3).tolist() == [[0, 1, 3], [3, 1, 2], [0, 3, 2], [0, 2, 1]]
    assert {s.material: s.faces.tolist() for s in mesh.subsets} == {0: [0, 1], 1: [2, 3]}
    assert mesh.normals is not None
    assert mesh.normals.flat()[::3, 2].tolist() == [1, 1, -1, -1]


@pytest.mark.parametrize(
    ("transparent", "amount", "opacity"),
    [
        ("<color>1 1 1 1</color>", 0.25, 0.25),
        ("<color>1 1 1 0.5</color>", 1.0, 0.5),
        ("RGB_ZERO<color>1 1 1 1</color>", 0.0, 1.0),
        ("RGB_ZERO<color>0.5 0.5 0.5 1</color>", 1.0, 0.5),
        ("A_ZERO<color>0 0 0 0.25</color>", 1.0, 0.75),
        ("RGB_ONE<color>0.5 0.5 0.5 0</color>", 1.0, 0.5),
        ("<color>0 0 0 1</color>", 0.0, 1.0),
    ],
)
def test_opacity_by_mode(tmp_path: Path, read: Read, transparent: str, amount: float, opacity: float) -> None:
    mode, _, color = transparent.partition("<")
    opaque = f" opaque='{mode}'" if mode else ""
    model = f"<phong><transparent{opaque}><{color}</transparent><transparency><float>{amount}</float></transparency></phong>"
    document = read(file(tmp_path, effects=(model,)))
    assert document.materials[0].opacity.value[0] == pytest.approx(opacity, abs=1e-5)
    assert any("would be invisible" in n.message for n in document.notes) == (amount == 0 and not mode)


def test_a_texture_through_its_sampler_found_by_its_last_part(tmp_path: Path, read: Read) -> None:
    (tmp_path / "brick.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    params = (
        "<newparam sid='surf'><surface type='2D'><init_from>im</init_from></surface></newparam>"
        "<newparam sid='samp'><sampler2D><source>surf</source></sampler2D></newparam>"
    )
    model = "<phong><diffuse><texture texture='samp' texcoord='UV'/></diffuse></phong>"
    document = read(file(tmp_path, effects=(model,), params=params))
    texture = document.materials[0].base_color.texture
    assert texture is not None
    assert document.images[texture.image].data == b"\x89PNG\r\n\x1a\n"
    assert any(n.code == "import.texture-moved" for n in document.notes)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"faces": FACES.replace("3 3</p>", "9 3</p>")},
            "geometry 'Square': a face asks for number 9 of 4 points",
        ),
        ({"faces": FACES.replace("#T", "#U")}, "asks for the source 'U', which it does not have"),
        ({"faces": FACES.replace("<vcount>4", "<vcount>5")}, "8 numbers do not fill 1 faces of 5 corners"),
        ({"node": "<matrix>1 2 3</matrix>"}, "node 'Pallet jack': <matrix> holds '1 2 3'"),
        ({"faces": ""}, "holds nothing that can be drawn"),
        ({"node": "<instance_node url='#n'/>"}, "contains itself"),
    ],
)
def test_broken_collada_is_one_sentence(
    tmp_path: Path, read: Read, change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError) as told:
        read(file(tmp_path, **change))
    assert sentence in str(told.value)
    assert "x.dae" in str(told.value)


def test_no_xml_and_other_xml(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.dae").write_text("<COLLADA>\n<asset></COLLADA>")
    with pytest.raises(UserError, match="line 2, column 10: this is no COLLADA file"):
        read(tmp_path / "a.dae")
    (tmp_path / "b.dae").write_text("<svg/>")
    with pytest.raises(UserError, match="its root element is <svg>"):
        read(tmp_path / "b.dae")


def _second_reader(path: Path) -> tuple[np.ndarray, int]:
    """Bounds [m] and triangles as pycollada has them."""
    import collada
    from collada.common import DaeBrokenRefError, DaeUnsupportedError

    found = collada.Collada(str(path), ignore=[DaeUnsupportedError, DaeBrokenRefError])
    points, triangles = [], 0
    for geometry in found.scene.objects("geometry"):
        for primitive in geometry.primitives():
            if not hasattr(primitive, "triangleset") and not hasattr(primitive, "ntriangles"):
                continue
            if primitive.vertex_index is None or not len(primitive.vertex_index):
                continue
            part = primitive.triangleset() if hasattr(primitive, "triangleset") else primitive
            points.append(part.vertex[np.unique(part.vertex_index)])
            triangles += len(part.vertex_index)
    everything = np.concatenate(points) * found.assetInfo.unitmeter
    return np.stack([everything.min(0), everything.max(0)]), triangles


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_the_real_files_as_another_reader_has_them(shared: Path, read: Read) -> None:
    files = [f for f in (shared / "assets/industrial").rglob("*") if f.suffix.lower() == ".dae"]
    assert len(files) >= 20
    for path in sorted(files):
        document = read(path, roots=(path.parent.parent,))
        worlds: list[np.ndarray] = []
        low, high, triangles = np.full(3, np.inf), np.full(3, -np.inf), 0
        for node in document.nodes:
            local = node.transform.to_matrix()
            worlds.append(local if node.parent < 0 else worlds[node.parent] @ local)
            if node.geometry >= 0:
                mesh = document.geometry[node.geometry]
                assert isinstance(mesh, Mesh)
                points = (mesh.points @ worlds[-1][:3, :3].T + worlds[-1][:3, 3]) * document.metres_per_unit
                low, high = np.minimum(low, points.min(0)), np.maximum(high, points.max(0))
                triangles += int((mesh.counts - 2).sum())
        box, count = _second_reader(path)
        assert np.allclose([low, high], box, atol=1e-5), path.name
        lost = [n.message for n in document.notes if n.code == "import.no-area"]
        assert triangles == count - (int(lost[0].split()[0]) if lost else 0), path.name
        assert high.max() - low.min() < 30, "in metres, though the files are in centimetres"
        wanting = [n for n in document.notes if n.code.startswith("import.texture")]
        assert not wanting, path.name
