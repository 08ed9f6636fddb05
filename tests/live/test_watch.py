"""`serve --watch`: what is saved in any file of a stage reaches the twin, and only that; a broken save changes nothing."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from watched import CELL, LAMP, LOOKS, Watched, watched, write_cell

BINDINGS = """bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, prim: /Cell/Cart, position: {x: cart.x}}
  - {kind: visibility, prim: /Cell/Post, signal: post.there}
"""
CONTRACT = """contract: 1
sources:
  plant:
    uri: "file:plant.csv"
    reader: {format: csv, time: {field: t, unit: s}}
signals:
  - {id: cart.x, source: plant, field: x, unit: m}
  - {id: post.there, source: plant, field: there, type: bool}
"""


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One twin for most tests: each of them leaves the files as they were."""
    folder = tmp_path_factory.mktemp("cell")
    Image.new("RGB", (4, 4), (255, 0, 0)).save(folder / "red.png")
    with watched(write_cell(folder)) as twin:
        yield twin


@pytest.fixture
def folder(cell: Watched) -> Iterator[Path]:
    folder = cell.live.opened.path.parent
    yield folder
    texts = {"cell.usda": CELL, "lamp.usda": LAMP, "looks.usda": LOOKS}
    other = {name: text for name, text in texts.items() if _text(folder / name) != text}
    if other or cell.status["state"] == "broken":
        before = cell.status["saves"]
        for name, text in other.items():
            (folder / name).write_text(text)
        cell.until(lambda now: now["saves"] > before and now["state"] == "watching")


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def replace_file(path: Path, text: str) -> None:
    """As most programs save: another file takes its place."""
    other = path.with_suffix(".tmp")
    other.write_text(text)
    os.replace(other, path)


def test_a_saved_point_reaches_the_scene_and_nothing_else_is_read(cell: Watched, folder: Path) -> None:
    before = {one.hash: one for one in cell.live.snapshot.prototypes}
    done = cell.saved(lambda: replace_file(folder / "cell.usda", CELL.replace("(1, 1, 0)", "(1, 1, 0.5)")))
    assert [1.0, 1.0, 0.5] in cell.points("/Cell/Cart/Plate")
    nothing = {"images": 0, "materials": 0, "added": 0, "removed": 0, "moved": 0}
    assert done["changed"] == {"shapes": 1, **nothing}
    assert done["files"] == ["cell.usda"]
    after = {one.hash: one for one in cell.live.snapshot.prototypes}
    same = before.keys() & after.keys()
    assert len(same) == len(before) - 1
    assert all(after[one] is before[one] for one in same), "what stayed was sent again"


def test_what_only_moved_is_counted(cell: Watched, folder: Path) -> None:
    there = '(0, 2, 0)\n        uniform token[] xformOpOrder = ["xformOp:translate"]'
    moved = CELL.replace("double size = 1", f"double size = 1\n        double3 xformOp:translate = {there}")
    assert moved != CELL
    done = cell.saved(lambda: replace_file(folder / "cell.usda", moved))
    assert done["changed"]["moved"] == 1 and sum(done["changed"].values()) == 1


def test_the_stage_itself_is_another_one_with_its_own_file_names(cell: Watched, folder: Path) -> None:
    cell.saved(lambda: (folder / "lamp.usda").write_text(LAMP.replace("(0, 0, 2)", "(0, 0, 3)")))
    opened = cell.live.opened
    points = opened.stage.GetPrimAtPath("/Cell/Lamp/Shade").GetAttribute("points").Get()
    assert tuple(points[0]) == (0, 0, 3)
    assert [0.0, 0.0, 3.0] in cell.points("/Cell/Lamp/Shade")
    assert opened.path == folder / "cell.usda"
    assert cell.live.snapshot.stage.path == str(folder / "cell.usda")
    assert not [f for f in cell.live.findings if "twinstage-watch" in f.message]


def test_a_material_in_a_sublayer(cell: Watched, folder: Path) -> None:
    done = cell.saved(lambda: (folder / "looks.usda").write_text(LOOKS.replace("0.8, 0.1", "0.1, 0.8")))
    paint = next(one for one in cell.live.snapshot.materials if one.path.endswith("Paint"))
    np.testing.assert_allclose(paint.diffuse_color, (0.1, 0.8, 0.1), atol=1e-6)
    assert done["changed"]["materials"] == 1
    assert done["changed"]["shapes"] == 0


def test_an_image_that_is_painted_over(cell: Watched, folder: Path) -> None:
    textured = LOOKS.replace(
        "color3f inputs:diffuseColor = (0.8, 0.1, 0.1)",
        "color3f inputs:diffuseColor.connect = </Cell/Looks/Paint/Image.outputs:rgb>",
    ).replace(
        '            def Shader "Surface"',
        """            def Shader "Image"
            {
                uniform token info:id = "UsdUVTexture"
                asset inputs:file = @./red.png@
                float3 outputs:rgb
            }
            def Shader "Surface\"""",
    )
    cell.saved(lambda: (folder / "looks.usda").write_text(textured))
    red = cell.live.snapshot.textures[0].hash
    done = cell.saved(lambda: Image.new("RGB", (4, 4), (0, 255, 0)).save(folder / "red.png"))
    assert done["changed"]["images"] == 1
    assert cell.live.snapshot.textures[0].hash != red
    assert done["files"] == ["red.png"]


def test_exports_are_of_the_scene_that_is_shown_with_the_files_own_names(
    cell: Watched, folder: Path, tmp_path: Path
) -> None:
    from twinstage.scene.export.flat import write_flattened
    from twinstage.scene.export.own import own_layer, write_layer
    from twinstage.scene.export.target import Target

    textured = LOOKS.replace(
        "float inputs:roughness = 0.4",
        "float inputs:roughness = 0.4\n                asset inputs:note = @./red.png@",
    )
    cell.saved(lambda: (folder / "looks.usda").write_text(textured))
    cell.broken(lambda: (folder / "cell.usda").write_text(CELL[:700]))
    own = cell.server.call(lambda: own_layer(cell.live.opened))
    cell.server.call(lambda: write_flattened(own, Target(tmp_path / "flat.usda")))
    cell.server.call(lambda: write_layer(own, Target(tmp_path / "layer.usda")))
    flat, layer = (tmp_path / "flat.usda").read_text(), (tmp_path / "layer.usda").read_text()
    assert 'def Mesh "Plate"' in flat and 'def Mesh "Shade"' in flat
    assert "red.png" in flat
    assert "cell.usda@" in layer
    assert "twinstage-watch" not in flat + layer


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("cell.usda", CELL[:700], "cell.usda"),
        ("cell.usda", "", "is empty"),
        ("cell.usda", "#usda 1.0\n", "stage cell.usda holds no active, defined prims"),
        ("looks.usda", LOOKS.replace("= (0.8", "= 0.8"), "looks.usda"),
        ("cell.usda", CELL.replace("lamp.usda", "no_such.usda"), "no_such.usda"),
        ("cell.usda", CELL.replace("metersPerUnit = 1", "metersPerUnit = -1"), "metersPerUnit"),
    ],
    ids=[
        "half a file",
        "no bytes",
        "a head alone",
        "a syntax error in a sublayer",
        "a missing reference",
        "no length",
    ],
)
def test_a_broken_save_keeps_the_last_good_scene(
    cell: Watched, folder: Path, name: str, text: str, expected: str
) -> None:
    scene, revision = cell.live.snapshot, cell.live.hub.revision
    sentence = cell.broken(lambda: (folder / name).write_text(text))
    assert expected in sentence
    assert "\n" not in sentence
    assert str(folder) not in sentence, "names of files do"
    assert cell.live.snapshot is scene
    assert cell.live.hub.revision == revision
    good = {"cell.usda": CELL, "looks.usda": LOOKS}[name]
    cell.saved(lambda: (folder / name).write_text(good))
    assert cell.status["text"] == ""
    assert cell.live.hub.revision > revision


def test_a_layer_that_goes_and_comes_back(cell: Watched, folder: Path) -> None:
    sentence = cell.broken(lambda: os.unlink(folder / "lamp.usda"))
    assert "lamp.usda" in sentence
    assert "/Cell/Lamp/Shade" in cell.live.snapshot.prims.index_of
    cell.saved(lambda: (folder / "lamp.usda").write_text(LAMP))


def test_a_file_in_portions_is_read_once_it_is_whole(cell: Watched, folder: Path) -> None:
    text = CELL.replace("(1, 1, 0)", "(1, 1, 0.25)")
    before = cell.status["saves"]

    def slowly() -> None:
        with (folder / "cell.usda").open("w") as file:
            for at in range(0, len(text), 200):
                file.write(text[at : at + 200])
                file.flush()
                time.sleep(0.03)

    cell.saved(slowly)
    assert cell.status["saves"] == before + 1, "half a file was taken for a scene"
    assert [1.0, 1.0, 0.25] in cell.points("/Cell/Cart/Plate")


def test_a_crate_that_is_cut_short_in_place(tmp_path: Path) -> None:
    """Under a mapping of the file this would end the process."""
    from pxr import Sdf, Usd, UsdGeom

    path = tmp_path / "crate.usdc"
    stage = Usd.Stage.CreateNew(str(tmp_path / "made.usdc"))
    UsdGeom.SetStageMetersPerUnit(stage, 1)
    UsdGeom.SetStageUpAxis(stage, "Z")
    mesh = UsdGeom.Mesh.Define(stage, "/M")
    rng = np.random.default_rng(0)
    mesh.CreatePointsAttr(rng.random((200_000, 3)).astype(np.float32))
    mesh.CreateFaceVertexCountsAttr([3])
    mesh.CreateFaceVertexIndicesAttr([0, 1, 2])
    mesh.CreateSubdivisionSchemeAttr("none")
    stage.Save()
    del stage, mesh
    shutil.copy(tmp_path / "made.usdc", path)
    rules = Sdf.Layer.GetDetachedLayerRules()
    try:
        with watched(path) as twin:
            with path.open("r+b") as file:
                file.truncate(300_000)
            sentence = str(twin.until(lambda now: now["state"] == "broken")["text"])
            assert "crate.usdc" in sentence
            points = twin.live.opened.stage.GetPrimAtPath("/M").GetAttribute("points").Get()
            assert len(points) == 200_000
            assert np.isfinite(np.asarray(points)).all()
    finally:
        Sdf.Layer.SetDetachedLayerRules(rules)


def test_bindings_edits_and_ticks_go_on(tmp_path: Path) -> None:
    rows = "".join(f"{t / 20},{t / 200},1\n" for t in range(2000))
    (tmp_path / "plant.csv").write_text("t,x,there\n" + rows)
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "bindings.yaml").write_text(BINDINGS)
    stage = write_cell(tmp_path)
    with watched(stage, bindings=tmp_path / "bindings.yaml") as twin:
        desk = twin.live.desk
        assert desk is not None
        twin.server.call(lambda: desk.command(_hide("/Cell/Lamp"), _who()))
        lamp, cart = twin.prim("/Cell/Lamp"), twin.prim("/Cell/Cart")

        def shown() -> bool:
            told = twin.server.call(lambda: twin.live.hub.newest()[1])
            known = dict(zip(told.index.tolist(), told.visible.tolist(), strict=True))
            return bool(known.get(twin.prim("/Cell/Lamp"), True))

        _wait(lambda: not shown())
        done = twin.saved(lambda: stage.write_text(CELL.replace("(1, 1, 0)", "(1, 1, 0.5)")))
        assert done["problems"] == 0
        _wait(lambda: not shown())  # the edit stands
        at = twin.server.call(lambda: float(twin.live.hub.local(cart)[0, 3]))
        _wait(lambda: twin.server.call(lambda: float(twin.live.hub.local(cart)[0, 3])) > at)
        assert lamp == twin.prim("/Cell/Lamp")

        # A prim that bindings name goes: that is told, the others go on; it comes back.
        gone = CELL.replace('def Xform "Cart"', 'def Xform "Trolley"')
        (tmp_path / "looks.usda").write_text(LOOKS.replace('"Cart"', '"Trolley"'))
        twin.saved(lambda: stage.write_text(gone))
        assert twin.until(lambda now: now["last"]["problems"] == 1)
        assert any("/Cell/Cart" in f.message and f.severity == "error" for f in twin.live.findings)
        assert "/Cell/Post" in twin.live.hub.scene.bindings
        assert "/Cell/Cart" not in twin.live.hub.scene.bindings
        (tmp_path / "looks.usda").write_text(LOOKS)
        twin.saved(lambda: stage.write_text(CELL))
        twin.until(lambda now: now["last"]["problems"] == 0)
        assert "/Cell/Cart" in twin.live.hub.scene.bindings
        _wait(
            lambda: twin.server.call(lambda: float(twin.live.hub.local(twin.prim("/Cell/Cart"))[0, 3])) > at
        )
        assert not any("/Cell/Cart" in f.message for f in twin.live.findings)


def _wait(holds: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _hide(path: str) -> object:
    from twinstage.sync.api.commands import Command

    return Command(id="hide", kind="visibility", path=path, visible=False)


def _who() -> object:
    from twinstage.sync.access.roles import Identity, Role

    return Identity(name="ada", role=Role.ENGINEER)


def test_the_watching_process_may_die_at_any_time(tmp_path: Path) -> None:
    import signal

    stage = write_cell(tmp_path)
    with watched(stage) as twin:
        assert twin.live.watch is not None
        os.kill(twin.live.watch.child, signal.SIGKILL)
        _wait(lambda: twin.live.watch.child == 0)  # type: ignore[union-attr]
        twin.saved(lambda: replace_file(stage, CELL.replace("(1, 1, 0)", "(1, 1, 0.5)")))
        assert [1.0, 1.0, 0.5] in twin.points("/Cell/Cart/Plate")
        assert twin.status["state"] == "watching"


def test_a_materialx_document_is_watched(tmp_path: Path) -> None:
    pytest.importorskip("MaterialX")
    stage = write_cell(tmp_path)
    document = """<?xml version="1.0"?>
<materialx version="1.38">
  <standard_surface name="SR" type="surfaceshader">
    <input name="base_color" type="color3" value="COLOR" />
    <input name="base" type="float" value="1" />
  </standard_surface>
  <surfacematerial name="Brass" type="material">
    <input name="surfaceshader" type="surfaceshader" nodename="SR" />
  </surfacematerial>
</materialx>
"""
    (tmp_path / "brass.mtlx").write_text(document.replace("COLOR", "0.9, 0.1, 0.1"))
    (tmp_path / "looks.usda").write_text(
        '#usda 1.0\nover "Cell"\n{\n    def Scope "Looks" (references = @./brass.mtlx@</MaterialX>)\n    {\n    }\n'
        '    over "Cart"\n    {\n        over "Plate" (prepend apiSchemas = ["MaterialBindingAPI"])\n        {\n'
        "            rel material:binding = </Cell/Looks/Materials/Brass>\n        }\n    }\n}\n"
    )
    with watched(stage) as twin:

        def color() -> tuple[float, float, float]:
            return next(m.diffuse_color for m in twin.live.snapshot.materials if m.path.endswith("Brass"))

        assert color()[0] > 0.5
        done = twin.saved(
            lambda: (tmp_path / "brass.mtlx").write_text(document.replace("COLOR", "0.1, 0.1, 0.9"))
        )
        assert done["files"] == ["brass.mtlx"]
        assert color()[2] > 0.5
        sentence = twin.broken(lambda: (tmp_path / "brass.mtlx").write_text(document[:200]))
        assert "brass.mtlx" in sentence
        assert color()[2] > 0.5


def test_two_hundred_saves_in_short(root: Path, tmp_path: Path) -> None:
    """`make soak-watch` does the same 200 times. In a process of its own: this one's memory and files are of all tests."""
    import subprocess
    import sys

    script = [sys.executable, str(root / "scripts" / "soak_watch.py"), "--saves", "12", "--every", "2"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=250, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "12 saves: nothing grew"


def _soak(root: Path) -> Any:
    import importlib.util
    import sys

    spec = importlib.util.spec_from_file_location("soak_watch", root / "scripts" / "soak_watch.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak_watch"] = module
    spec.loader.exec_module(module)
    return module


def test_growth_is_seen(root: Path) -> None:
    """The judge of the soak can fail."""
    module = _soak(root)
    flat = [module.Look(100, 100, 10, 4, 20, 1)] * 9
    assert module.grown(flat) == []
    leaking = [module.Look(100 + 10 * k, 100, 10, 4, 20 + k, 1) for k in range(9)]
    assert [text.split()[0] for text in module.grown(leaking)] == ["twin_mb", "layers"]
