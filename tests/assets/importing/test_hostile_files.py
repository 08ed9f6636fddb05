"""Small files that would end an import in a traceback, or keep it for minutes: one sentence each."""

import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from twinstage.assets.importing.document import Document
from twinstage.assets.importing.imports import import_file
from twinstage.base.errors import UserError
from twinstage.scene.safe import landlock
from twinstage.scene.safe.examiner import Examination, Examiner

sys.path.insert(0, str(Path(__file__).parent))
from tiny_gltf import TinyGltf

Read = Callable[..., Document]
TRIANGLE = (
    '<mesh><vertices><vertex x="0" y="0" z="0"/><vertex x="1" y="0" z="0"/><vertex x="0" y="1" z="0"/></vertices>'
    '<triangles><triangle v1="{}" v2="1" v3="2"/></triangles></mesh>'
)


def threemf(folder: Path, objects: str, item: str = "1") -> Path:
    path = folder / "x.3mf"
    text = f'<model><resources>{objects}</resources><build><item objectid="{item}"/></build></model>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("3D/3dmodel.model", text)
    return path


def threedxml(folder: Path, pieces: str) -> Path:
    path = folder / "x.3dxml"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Manifest.xml", "<Manifest><Root>p</Root></Manifest>")
        archive.writestr(
            "p",
            '<Model><ProductStructure root="1"><Reference3D id="1" name="part"/>'
            '<ReferenceRep id="2" format="TESSELLATED" associatedFile="urn:r"/>'
            '<InstanceRep id="3"><IsAggregatedBy>1</IsAggregatedBy><IsInstanceOf>2</IsInstanceOf></InstanceRep>'
            "</ProductStructure></Model>",
        )
        archive.writestr("r", f"<XMLRepresentation><Root>{pieces}</Root></XMLRepresentation>")
    return path


def test_a_number_of_3mf_beyond_all_integers(tmp_path: Path, read: Read) -> None:
    path = threemf(tmp_path, f'<object id="1">{TRIANGLE.format("99999999999999999999")}</object>')
    with pytest.raises(UserError, match="object 1 holds something else than numbers"):
        read(path)


def test_components_of_3mf_without_a_mesh_are_counted(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinstage.assets.importing.meshes.threemf.MAX_VISITS", 2_000, raising=False)
    rows = "".join(
        f'<object id="{k}"><components>' + f'<component objectid="{k + 1}"/>' * 10 + "</components></object>"
        for k in range(1, 7)  # a million places; thirty such objects never end
    )
    path = threemf(tmp_path, rows + '<object id="7"/>')
    begun = time.monotonic()
    with pytest.raises(UserError, match="its build leads to more than 2,000 objects"):
        read(path)
    assert time.monotonic() - begun < 5


def test_representations_of_3dxml_in_one_another(tmp_path: Path, read: Read) -> None:
    buffer = "<VertexBuffer><Positions>0 0 0,1 0 0,0 1 0</Positions></VertexBuffer>"
    face = f'<Rep><Faces><Face triangles="0 1 2"/></Faces>{buffer}</Rep>'
    document = read(threedxml(tmp_path, "<Rep>" * 3_000 + face + "</Rep>" * 3_000 + face))
    assert len(document.geometry) == 1


@pytest.mark.parametrize("name", ["TEXCOORD_²", "JOINTS_²", "TEXCOORD_" + "9" * 5_000])
def test_an_attribute_of_gltf_with_an_odd_number(tmp_path: Path, read: Read, name: str) -> None:
    tiny = TinyGltf()
    tiny.node(mesh=tiny.cube())
    attributes = tiny.document["meshes"][0]["primitives"][0]["attributes"]
    attributes[name] = attributes["POSITION"]
    assert len(read(tiny.write(tmp_path)).geometry) == 1


XACRO = (
    '<robot name="r"><link name="a"><visual><geometry><box size="1 1 1"/></geometry></visual></link></robot>'
)


def test_xacro_without_the_wall_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xacro", reason="the extra `robot` is not installed")
    (tmp_path / "x.xacro").write_text(XACRO)
    with Examiner(landlock=False) as child:
        monkeypatch.setattr("twinstage.assets.importing.imports.shared_examiner", lambda: child)
        with pytest.raises(UserError, match=r"x\.xacro: .*no Landlock.*xacro FILE > robot\.urdf") as told:
            import_file(tmp_path / "x.xacro", tmp_path / "out")
        assert "\n" not in str(told.value)
        shutil.copy(tmp_path / "x.xacro", tmp_path / "x.urdf")
        assert import_file(tmp_path / "x.urdf", tmp_path / "out").prims == 5


def test_xacro_behind_the_wall(tmp_path: Path) -> None:
    pytest.importorskip("xacro", reason="the extra `robot` is not installed")
    (tmp_path / "x.xacro").write_text(XACRO)
    if not landlock.available():
        pytest.skip("this kernel has no Landlock, so xacro files are refused")
    assert import_file(tmp_path / "x.xacro", tmp_path / "out").prims == 5


def test_what_is_nested_too_deeply_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep.gltf"
    path.write_text("{}")
    told = Examination("failure", "RecursionError: maximum recursion depth exceeded (build.py:37)")
    child = SimpleNamespace(fork=True, examine=lambda *_: told)
    monkeypatch.setattr("twinstage.assets.importing.imports.shared_examiner", lambda: child)
    with pytest.raises(UserError, match=r"deep\.gltf is nested too deeply"):
        import_file(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
