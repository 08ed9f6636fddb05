"""`twinstage assets import`: what it prints, what it refuses, and every command and program of docs/import.md."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.importing.imports import Wish, import_file
from twinstage.assets.importing.registry import IMPORTERS, importer_for
from twinstage.base.errors import UserError
from twinstage.cli.app import run
from twinstage.scene.probe import ProbeLimits

sys.path.insert(0, str(Path(__file__).parent))
from tiny_gltf import CUBE_CORNERS, CUBE_FACES, TinyGltf, arm


@pytest.fixture
def box(tmp_path: Path) -> Path:
    tiny = TinyGltf()
    tiny.node(name="box", mesh=tiny.cube())
    return tiny.write(tmp_path, "box.glb")


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run(["assets", "import", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_it_tells_what_came(box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, box, "--out", tmp_path / "o")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == str(tmp_path / "o" / "box.usda") and Path(lines[0]).is_file()
    assert lines[1] == "  2 prims, 12 triangles, 0 materials, 0 textures"
    assert lines[2] == "  1 m x 1 m x 1 m (x, y, z; z is up)"


def test_it_tells_of_animation_and_skins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, arm().write(tmp_path), "--out", tmp_path / "o")
    assert code == 0 and "1 skin\n" in out and "  animation 'move', 1.00 s\n" in out


def test_a_wrong_unit_is_asked_about_and_can_be_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = TinyGltf()
    tiny.node(mesh=tiny.mesh(CUBE_CORNERS * [1200, 300, 800], CUBE_FACES))
    file = tiny.write(tmp_path)
    _, out, _ = told(capsys, file, "--out", tmp_path / "a")
    assert "1.2 km x 800 m x 300 m" in out and "is that its size? --units says" in out
    _, out, _ = told(capsys, file, "--out", tmp_path / "b", "--units", "mm")
    assert "1.2 m x 0.8 m x 0.3 m" in out and "is that its size" not in out
    _, out, _ = told(capsys, file, "--out", tmp_path / "c", "--units", "mm", "--scale", "0.5", "--up", "z")
    assert "0.6 m x 0.15 m x 0.4 m" in out


def test_json_says_all(box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = told(
        capsys, box, "--out", tmp_path / "o", "--json", "--usdz", "--label", "crate", "--name", "My crate"
    )
    said = json.loads(out)
    assert said["triangles"] == 12 and said["size"] == [1.0, 1.0, 1.0] and said["notes"] == []
    assert said["files"] == [
        "My_crate.usda",
        "My_crate.usdz",
        "payload/contents.usda",
        "payload/geometry.usdc",
    ]
    assert 'semantics:labels:class = ["crate"]' in (tmp_path / "o" / "My_crate.usda").read_text()


def test_nothing_is_replaced_unless_told_and_only_what_is_ours(
    box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o"
    assert told(capsys, box, "--out", out)[0] == 0
    code, _, err = told(capsys, box, "--out", out)
    assert (code, err) == (2, f"twinstage: {out} is already there; --force replaces it\n")
    assert told(capsys, box, "--out", out, "--force")[0] == 0
    (out / "drawing.usda").write_text("#usda 1.0\n")
    code, _, err = told(capsys, box, "--out", out, "--force")
    assert code == 2 and "holds other files" in err
    assert (out / "drawing.usda").is_file() and (out / "box.usda").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.glb", "--out", "o"], "there is no file none.glb"),
        (["box.glb", "--out", "o", "--scale", "0"], "a scale of 0 was given; a number above 0 was expected"),
        (["box.glb", "--out", "o", "--up", "X"], "--up 'X' was given; Y or Z was expected"),
        (["box.glb", "--out", "o", "--units", "ft"], "--units 'ft' was given; m, cm, mm, in were expected"),
        (
            ["box.glb", "--out", "o", "--collider", "ball"],
            "--collider 'ball' was given; known are convexHull",
        ),
        (["box.glb", "--out", "o", "--label", " "], "an empty --label was given; the name of a class was"),
        (["box.glb", "--out", "o", "--set", "fast"], "--set 'fast' is not of the form NAME=VALUE"),
        (["box.glb", "--out", "o", "--set", "fast=1"], "the importer of gltf has no option 'fast'"),
        (["box.usda", "--out", "o"], "box.usda is a USD file and needs no import"),
        (["box.blend", "--out", "o"], "box.blend is of no kind that can be imported; known are "),
    ],
)
def test_mistakes_are_one_sentence(
    box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("box.blend", "box.usda"):
        (tmp_path / name).write_bytes(b"")
    code, out, err = told(capsys, *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1
    assert sentence in err
    assert not (tmp_path / "o").exists()


def test_limits_hold(box: Path, tmp_path: Path) -> None:
    tiny = TinyGltf()
    mesh = tiny.cube()
    tiny.document["accessors"][0] = {"componentType": 5126, "count": 99_000_000, "type": "VEC3"}
    tiny.node(mesh=mesh)
    bomb = tiny.write(tmp_path, "bomb.glb")  # a kilobyte that means a gigabyte of zeros
    with pytest.raises(
        UserError, match=r"bomb\.glb (was not imported within|needs more than)|nothing that can be drawn"
    ):
        import_file(bomb, tmp_path / "b", limits=ProbeLimits(time_s=20.0, memory=3 << 30))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bomb.glb", "box.glb"]


def test_the_child_writes_into_its_own_folder_only(tmp_path: Path) -> None:
    from twinstage.scene.safe import landlock
    from twinstage.scene.safe.examiner import Examiner

    if not landlock.available():
        pytest.skip("this kernel has no Landlock, so nothing walls the child in")
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    module = inside / "wall_task.py"
    module.write_text(
        "from pathlib import Path\n"
        "def task(request):\n"
        "    (Path(request['folder']) / 'mine').write_bytes(b'1')\n"
        "    try:\n        (Path(request['other']) / 'theirs').write_bytes(b'1')\n"
        "    except OSError as problem:\n        return {'refused': type(problem).__name__}\n"
        "    return {}\n"
    )
    sys.path.insert(0, str(inside))
    try:
        with Examiner() as child:
            request: dict[str, Any] = {
                "path": str(module),
                "roots": [],
                "folder": str(inside),
                "other": str(outside),
            }
            allowed = child.examine(
                "wall_task:task", {**request, "writes": [str(inside)], "file_bytes": 100}, ProbeLimits()
            )
            assert allowed.answer == {"refused": "PermissionError"} and (inside / "mine").read_bytes() == b"1"
            (inside / "mine").unlink()
            walled = child.examine("wall_task:task", request, ProbeLimits())
            assert walled.outcome == "failure" and not (inside / "mine").exists()
    finally:
        sys.path.remove(str(inside))
    assert list(outside.iterdir()) == []


def test_importers_are_found_by_the_end_of_the_name() -> None:
    for name, kind in (("a.GLB", "gltf"), ("a.b.gltf", "gltf"), ("shelf.boxes", "boxes")):
        assert importer_for(Path(name)).model_fields["kind"].default == kind
    assert {"boxes", "gltf"} <= set(IMPORTERS.kinds())


def test_the_example_reads_its_option(tmp_path: Path) -> None:
    file = tmp_path / "shelf.boxes"
    file.write_text("# name x y z  width depth height\na 0 0 0.5 1 1 1\nflat 0 0 0 1 0 1\n")
    written = import_file(file, tmp_path / "o", Wish(options={"height": 3}))
    assert written.size == (1.0, 1.0, 3.0)
    assert [(n.path, n.message) for n in written.notes] == [
        ("line 3", "box 'flat' has no volume, so it is left out")
    ]
    file.write_text("a 0 0\n")
    with pytest.raises(UserError, match=r"shelf\.boxes line 1 has 2 numbers after the name; 6 were expected"):
        import_file(file, tmp_path / "p")
    with pytest.raises(
        UserError, match=r"option height of the importer of boxes: input should be a valid number"
    ):
        import_file(file, tmp_path / "p", Wish(options={"height": "tall"}))


def _blocks(root: Path, language: str) -> list[str]:
    page = (root / "docs" / "import.md").read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.S)


def test_the_commands_of_the_page(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "assets").symlink_to(root / "assets")
    monkeypatch.chdir(tmp_path)
    lines = [line for block in _blocks(root, "sh") for line in block.splitlines() if line]
    assert len(lines) == 4
    for line in lines:
        arguments = shlex.split(line)
        assert arguments[0] == "twinstage" and run(arguments[1:]) == 0, line
    said = capsys.readouterr().out
    assert "out/cell/cell.usda\n" in said and "out/cell/cell.usda: 0 errors" in said
    assert (tmp_path / "out" / "cell.png").stat().st_size > 1000


def test_the_program_of_the_page(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    (program,) = _blocks(root, "python")
    found: dict[str, Any] = {}
    exec(compile(program, "import.md", "exec"), found)
    assert (
        np.allclose(found["written"].size, (1.4, 0.4, 0.8)) and (tmp_path / "out/shelf/shelf.usda").is_file()
    )
