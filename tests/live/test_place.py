"""Assets of a library placed in a running twin: where they stand, what is refused, what comes back."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edit_twin import ANNA, BEN, START, did, refused, write_files
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pxr import Gf, Sdf, Usd, UsdGeom
from test_edit_effects import assert_one_truth, held, ui

from twinstage.assets.library import bundled
from twinstage.base.clock import ManualClock
from twinstage.live.commands.placing import free_name
from twinstage.live.edit_files import check_replaced
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin

STARTER = (
    *("box", "conveyor", "motor", "pallet", "person", "pump", "robot_arm", "sensor", "shelf", "tank"),
    "vehicle",
)
PUMP, DISK = "starter/pump.usda", "parts/disk.usda"
Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
DISK_FILE = """#usda 1.0
(
    defaultPrim = "Disk"
    metersPerUnit = 0.01
    upAxis = "Y"
)
def Cylinder "Disk"
{
    double height = 40
    double radius = 10
    uniform token axis = "Y"
    double3 xformOp:translate = (5, 0, 0)
    float xformOp:rotateY = 20
    float3 xformOp:scale = (1, 2, 1)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateY", "xformOp:scale"]
}
"""
CART_FILE = """#usda 1.0
(
    defaultPrim = "Cart"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "Cart"
{
    def Cylinder "Wheel"
    {
    }
}
"""


def make(folder: Path, *, history: bool = False, library: bool = True, at: int = START) -> LiveTwin:
    """The hall of the other edits (cm, Y up) with a library `parts` beside it."""
    write_files(folder)
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    if library:
        (parts / "disk.usda").write_text(DISK_FILE)
        (parts / "cart.usda").write_text(CART_FILE)
    files = TwinFiles(
        folder / "hall.usda",
        folder / "bindings.yaml",
        history=folder / "history" if history else None,
        libraries=(parts,),
    )
    return open_twin(files, clock=ManualClock(at))


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[LiveTwin]:
    made = make(tmp_path)
    yield made
    made.let_go()


def box_of(stage: Usd.Stage, path: str) -> np.ndarray:
    """Corners (low, high) of a prim's box in the world [m], Z up, by pxr."""
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default", "render", "proxy"])
    box = cache.ComputeWorldBound(stage.GetPrimAtPath(path)).ComputeAlignedRange()
    corners = np.array([[*box.GetCorner(k), 1.0] for k in range(8)])
    if UsdGeom.GetStageUpAxis(stage) == "Y":
        corners = corners @ Z_UP.T
    corners = corners[:, :3] * UsdGeom.GetStageMetersPerUnit(stage)
    return np.array([corners.min(axis=0), corners.max(axis=0)])


@pytest.mark.parametrize("name", STARTER)
def test_each_starter_asset_stands_upright_in_its_own_size(twin: LiveTwin, name: str) -> None:
    """The stage has centimetres and Y up, the assets metres and Z up."""
    answer = did(twin, ANNA, "place", asset=f"starter/{name}.usda", position=[3.0, -2.0, 0.5], frame="world")
    (path,) = answer.placed
    assert path.startswith("/Hall/") and "scaled by 100" in (answer.note or "")
    alone = Usd.Stage.Open(str(bundled("starter") / f"{name}.usda"))
    prim = alone.GetDefaultPrim()
    wanted = box_of(alone, str(prim.GetPath())) + np.array([3.0, -2.0, 0.5])
    np.testing.assert_allclose(box_of(twin.opened.stage, path), wanted, atol=1e-5)
    placed = twin.opened.stage.GetPrimAtPath(path)
    assert Usd.ModelAPI(placed).GetKind() == Usd.ModelAPI(prim).GetKind() != ""
    labels = "semantics:labels:class"
    assert placed.GetAttribute(labels).Get() == prim.GetAttribute(labels).Get()
    assert_one_truth(twin)


@pytest.mark.parametrize("file", ["industrial/newton_cell", "features"])
def test_an_asset_of_others(tmp_path: Path, shared: Path, file: str) -> None:
    folder = shared / "assets" / file
    found = next(
        path
        for path in sorted(folder.rglob("*.usd*"))
        if path.stat().st_size < 2_000_000 and _drawn(path) is not None
    )
    write_files(tmp_path)
    files = TwinFiles(tmp_path / "hall.usda", libraries=(folder,))
    twin = open_twin(files, clock=ManualClock(START))
    asset = f"{folder.name}/{found.relative_to(folder).as_posix()}"
    (path,) = did(twin, ANNA, "place", asset=asset, parent="/", position=[1.0, 2.0, 3.0]).placed
    alone = Usd.Stage.Open(str(found))
    wanted = box_of(alone, str(_drawn(found))) + np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(box_of(twin.opened.stage, path), wanted, rtol=1e-5, atol=1e-5)
    assert_one_truth(twin)
    twin.let_go()


def _drawn(path: Path) -> Sdf.Path | None:
    """The default prim of a file, if it is one of several prims with a box."""
    stage = Usd.Stage.Open(str(path))
    prim = stage.GetDefaultPrim()
    if not prim or not prim.IsA(UsdGeom.Xformable):
        return None
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default", "render"]).ComputeWorldBound(prim)
    return None if box.ComputeAlignedRange().IsEmpty() else prim.GetPath()


def test_an_asset_keeps_its_own_ops_and_type(twin: LiveTwin) -> None:
    """In a turned parent, by a rotation, and with the ops of its own root, which is a gprim."""
    turn = Gf.Rotation(Gf.Vec3d(0, 0, 1), 30).GetQuat()
    rotation = [turn.GetReal(), *turn.GetImaginary()]
    answer = did(twin, ANNA, "place", asset=DISK, parent="/Hall/Table", position=[1, 2, 3], rotation=rotation)
    assert answer.placed == ("/Hall/Table/Disk",) and answer.note is None
    prim = twin.opened.stage.GetPrimAtPath("/Hall/Table/Disk")
    assert prim.GetTypeName() == "Cylinder" and Usd.ModelAPI(prim).GetKind() == "component"
    own = Usd.Stage.Open(str(twin.library.file(DISK)))
    alone = UsdGeom.Xformable(own.GetDefaultPrim())
    about, place = Gf.Matrix4d().SetRotate(turn), Gf.Matrix4d().SetTranslate(Gf.Vec3d(100, 200, 300))
    wanted = alone.GetLocalTransformation() * about * place
    got = UsdGeom.Xformable(prim).GetLocalTransformation()
    np.testing.assert_allclose(np.array(got), np.array(wanted), atol=1e-9)
    assert_one_truth(twin)


def test_place_move_hide_label_and_take_it_all_back(twin: LiveTwin, tmp_path: Path) -> None:
    """Every way back leaves the very bytes that were there before."""
    texts = [ui(twin)]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("place", {"asset": PUMP, "position": [1, 0, 0], "label": "feed_pump"}),
        ("place", {"asset": PUMP, "position": [2, 0, 0]}),
        ("move", {"path": "/Hall/Pump", "position": [4, 1, 0], "rotation": [0.6, 0, 0.8, 0]}),
        ("visibility", {"path": "/Hall/Pump_2", "visible": False}),
        ("variant", {"path": "/Hall/Pump", "variantSet": "paint", "variant": "red"}),
        ("set", {"path": "/Hall/Pump_2", "property": "xformOp:translate", "value": [7.0, 7.0, 7.0]}),
        ("remove", {"path": "/Hall/Pump"}),
    ]
    for kind, fields in steps:
        if kind == "variant":
            sets = twin.opened.stage.GetPrimAtPath("/Hall/Pump").GetVariantSets()
            names = sets.GetVariantSet("paint").GetVariantNames()
            fields["variant"] = next(name for name in names if name != "blue")
        did(twin, ANNA, kind, **fields)
        texts.append(ui(twin))
        assert_one_truth(twin)
    stage = twin.opened.stage
    assert not stage.GetPrimAtPath("/Hall/Pump") and stage.GetPrimAtPath("/Hall/Pump_2")
    exported = twin.desk.layer_text()  # type: ignore[union-attr]
    (tmp_path / "exported.usda").write_text(exported)
    check_replaced(tmp_path / "exported.usda")
    for text in reversed(texts[:-1]):
        did(twin, ANNA, "undo")
        assert canonical(ui(twin)) == canonical(text)
        assert_one_truth(twin)
    assert ui(twin) == texts[0]
    for text in texts[1:]:
        did(twin, ANNA, "redo")
        assert canonical(ui(twin)) == canonical(text)
    assert twin.desk.layer_text() == exported  # type: ignore[union-attr]
    did(twin, ANNA, "clear", path="/Hall/Pump_2", property="asset")
    assert ui(twin).strip() == "#usda 1.0"
    assert_one_truth(twin)


def canonical(text: str) -> str:
    """A layer with its specs by name: edits that need no other scene are put where the layer ends."""
    from twinstage.scene.export.edits import _sorted

    source, out = Sdf.Layer.CreateAnonymous(".usda"), Sdf.Layer.CreateAnonymous(".usda")
    source.ImportFromString(text)

    def copy(specs: Any) -> None:
        for spec in _sorted(None, specs):
            Sdf.CreatePrimInLayer(out, spec.path)
            Sdf.CopySpec(source, spec.path, out, spec.path)

    copy(source.rootPrims)
    for path in _paths(out):
        prim = out.GetPrimAtPath(path)
        names = sorted(child.name for child in prim.nameChildren)
        children = [prim.nameChildren[name] for name in names]
        prim.nameChildren[:] = children
    return str(out.ExportToString())


def _paths(layer: Sdf.Layer) -> list[Sdf.Path]:
    found: list[Sdf.Path] = []
    layer.Traverse("/", found.append)
    return [path for path in found if path.IsPrimPath()]


def test_what_is_refused(twin: LiveTwin) -> None:
    before = ui(twin)
    cases = [
        (
            {"asset": "starter/pmp.usda"},
            "library 'starter' has no asset 'pmp.usda'; did you mean 'pump.usda'",
        ),
        ({"asset": "strter/pump.usda"}, "there is no library 'strter'; did you mean 'starter'"),
        ({"asset": "/etc/passwd.usda"}, "names no asset"),
        ({"asset": "parts/../hall.usda"}, "names no asset"),
        ({"asset": "starter/materials.usda"}, "cannot be placed: it draws nothing"),
        ({"asset": PUMP, "parent": "/Hall/Rack1"}, "is inside a native instance"),
        ({"asset": PUMP, "parent": "/Hall/Rack1/Board"}, "is inside a native instance"),
        ({"asset": PUMP, "parent": "/Hall/Table/Top"}, "is a Cube, and nothing is placed below one"),
        ({"asset": PUMP, "parent": "/Hall/Looks/Red"}, "is a Material, below which nothing is shown"),
        ({"asset": PUMP, "parent": "/Hall/Tabel"}, "there is no prim /Hall/Tabel"),
        ({"asset": PUMP, "name": "9 lives"}, "is no name of a prim"),
        ({"asset": PUMP, "path": "/Hall/A", "name": "B"}, "takes a path, or a parent and a name, not both"),
        ({"asset": PUMP, "position": [1, 2]}, "must be 3 finite numbers"),
        ({"asset": PUMP, "rotation": [0, 0, 0, 0]}, "zero quaternion"),
        ({"asset": PUMP, "position": [1e9, 0, 0]}, "cannot be placed that far"),
        ({"asset": PUMP, "frame": "world", "parent": "/Hall/Slope"}, "would be sheared"),
        ({}, "a command of kind place needs asset"),
    ]
    for fields, sentence in cases:
        answer = refused(twin, ANNA, "place", **fields)
        assert sentence in (answer.error or "") and "\n" not in (answer.error or ""), (fields, answer.error)
        assert str(bundled("starter").parent) not in (answer.error or ""), (
            "where libraries lie is nobody's business"
        )
    answer = refused(twin, ANNA, "remove", path="/Hall/Table")
    assert "was not placed by hand" in (answer.error or "")
    assert ui(twin) == before and twin.desk is not None and twin.desk.version == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('#usda 1.0\ndef Xform "A" (', "cannot be placed"),
        (
            '#usda 1.0\n(\n defaultPrim = "A"\n)\ndef Xform "A" (references = @../hall.usda@</Hall>)\n{\n}\n',
            "",
        ),
        (
            '#usda 1.0\n(\n defaultPrim = "A"\n)\ndef Xform "A" (references = @../../outside.usda@)\n'
            '{\n def Cube "C"\n {\n }\n}\n',
            "outside",
        ),
        ('#usda 1.0\ndef Material "M"\n{\n}\ndef Cube "C"\n{\n}\n', "is a Material, which has no place"),
        ("", "empty"),
    ],
)
def test_what_an_asset_may_not_be(tmp_path: Path, text: str, sentence: str) -> None:
    """A broken file, one that reaches out of the roots (not one that reaches the stage's folder, which it may)."""
    folder = tmp_path / "twin"
    folder.mkdir()
    (tmp_path / "outside.usda").write_text(DISK_FILE)
    twin = make(folder)
    (folder / "parts" / "odd.usda").write_text(text)
    if not sentence:
        assert did(twin, ANNA, "place", asset="parts/odd.usda").placed == ("/Hall/A",)
    else:
        answer = refused(twin, ANNA, "place", asset="parts/odd.usda")
        assert sentence in (answer.error or "") and str(tmp_path) not in (answer.error or ""), answer.error
        assert ui(twin).strip() == "#usda 1.0"
    twin.let_go()


def test_limits_are_told(twin: LiveTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinstage.live.commands.placing.MOST_PLACED", 1)
    did(twin, ANNA, "place", asset=PUMP)
    assert "1 assets are placed already" in (refused(twin, ANNA, "place", asset=PUMP).error or "")
    monkeypatch.setattr("twinstage.live.commands.placing.MOST_PLACED", 9)
    monkeypatch.setattr("twinstage.live.commands.placing.MOST_TRIANGLES", 100)
    assert "100 are the most" in (refused(twin, ANNA, "place", asset=PUMP).error or "")


def test_two_authors(twin: LiveTwin) -> None:
    """A name is taken once; what another has done to a placed prim is never taken away with it unasked."""
    desk = twin.desk
    assert desk is not None
    assert did(twin, ANNA, "place", asset=PUMP, name="P", base=0).placed == ("/Hall/P",)
    assert did(twin, BEN, "place", asset=PUMP, name="P", base=0).placed == ("/Hall/P_2",)
    did(twin, BEN, "move", path="/Hall/P", position=[1, 1, 1])
    answer = refused(twin, ANNA, "undo")
    assert answer.code == "conflict" and "ben has changed pose of /Hall/P in version 3" in (
        answer.error or ""
    )
    answer = refused(twin, ANNA, "remove", path="/Hall/P", base=2)
    assert answer.code == "conflict" and answer.current is not None and answer.current.author == "ben"
    did(twin, ANNA, "remove", path="/Hall/P")
    assert refused(twin, BEN, "undo").code == "conflict"
    did(twin, ANNA, "undo")
    np.testing.assert_allclose(held(twin)["/Hall/P"][:3, 3], [2.0, -4.0, 1.0], atol=1e-3)
    did(twin, BEN, "undo")
    did(twin, ANNA, "undo")
    assert not twin.opened.stage.GetPrimAtPath("/Hall/P") and twin.opened.stage.GetPrimAtPath("/Hall/P_2")
    did(twin, BEN, "place", asset=PUMP, name="P")
    assert refused(twin, ANNA, "redo").code == "conflict"
    assert_one_truth(twin)


def test_a_placed_prim_is_bound_and_then_not_removed(twin: LiveTwin) -> None:
    did(twin, ANNA, "place", asset=PUMP)
    binding = {"kind": "pose", "prim": "/Hall/Pump", "position": {"y": "crane.y"}}
    did(twin, ANNA, "bind", binding=binding, key="pump")
    assert "is driven by a binding" in (refused(twin, ANNA, "remove", path="/Hall/Pump").error or "")
    assert not (undone := refused(twin, ANNA, "undo", of=1)).ok and undone.code in ("conflict", "refused")
    did(twin, ANNA, "unbind", key="pump")
    did(twin, ANNA, "remove", path="/Hall/Pump")
    assert_one_truth(twin)


def test_one_transaction_places_a_row(twin: LiveTwin) -> None:
    edits = [{"kind": "place", "asset": PUMP, "position": [float(k), 0, 0]} for k in range(3)]
    answer = did(twin, ANNA, "transaction", edits=edits)
    assert answer.placed == ("/Hall/Pump", "/Hall/Pump_2", "/Hall/Pump_3") and answer.version == 1
    did(twin, ANNA, "undo")
    assert ui(twin).strip() == "#usda 1.0"


@pytest.mark.parametrize(
    "edit",
    [
        {"kind": "move", "path": "/Hall/X", "position": [1, 0, 0]},
        {"kind": "set", "path": "/Hall/X/Body", "property": "primvars:displayColor", "value": "#ff0000"},
        {"kind": "visibility", "path": "/Hall/X", "visible": False},
        {"kind": "place", "asset": DISK, "parent": "/Hall/X"},
        {"kind": "place", "asset": DISK, "path": "/Hall/X/Disk"},
    ],
    ids=lambda edit: edit["kind"],
)
def test_what_a_transaction_places_is_changed_by_the_next_one(twin: LiveTwin, edit: dict[str, Any]) -> None:
    """The sentence says so; nothing of the transaction is done. What needs no prim goes along."""
    place = {"kind": "place", "asset": PUMP, "name": "X"}
    answer = refused(twin, ANNA, "transaction", edits=[place, edit])
    assert "/Hall/X is placed by the same transaction and is there only after it" in (answer.error or "")
    assert ui(twin).strip() == "#usda 1.0"
    away = {"kind": "remove", "path": "/Hall/X"}
    did(twin, ANNA, "transaction", edits=[place, away, {**place, "name": "Y"}])
    assert "/Hall/Y" in held(twin) and "/Hall/X" not in held(twin)


# ---------------------------------------------------------------------- a restart


def test_a_restart_has_what_was_placed(tmp_path: Path) -> None:
    first = make(tmp_path, history=True)
    did(first, ANNA, "place", asset=DISK, label="disk")
    did(first, ANNA, "move", path="/Hall/Disk", position=[1, 1, 1])
    did(first, ANNA, "place", asset=PUMP)
    did(first, ANNA, "remove", path="/Hall/Pump")
    text, where = first.desk.layer_text(), held(first)["/Hall/Disk"]  # type: ignore[union-attr]
    first.let_go()
    again = make(tmp_path, history=True, at=START + 10**10)
    again.tick(again.clock.now_ns())
    assert again.desk is not None and again.desk.layer_text() == text
    np.testing.assert_allclose(held(again)["/Hall/Disk"], where, atol=1e-5)
    did(again, ANNA, "undo")  # an asset that nobody had looked at in this run
    assert again.opened.stage.GetPrimAtPath("/Hall/Pump").GetAllChildren()
    assert_one_truth(again)
    again.let_go()


def test_a_lost_library_file_keeps_the_twin(tmp_path: Path) -> None:
    first = make(tmp_path, history=True)
    did(first, ANNA, "place", asset=DISK)
    did(first, ANNA, "place", asset=PUMP)
    did(first, ANNA, "place", asset="parts/cart.usda")
    did(
        first,
        ANNA,
        "bind",
        key="c",
        binding={"kind": "pose", "prim": "/Hall/Cart/Wheel", "position": {"y": "crane.y"}},
    )
    first.let_go()
    (tmp_path / "parts" / "cart.usda").unlink()
    (tmp_path / "parts" / "disk.usda").unlink()
    again = make(tmp_path, history=True, library=False, at=START + 10**10)
    again.tick(again.clock.now_ns())
    found = [f for f in again.findings if f.code == "edit.asset"]
    assert [f.path for f in found] == ["/Hall/Disk", "/Hall/Cart"] and found[0].severity == "warning"
    assert any("/Hall/Cart/Wheel" in f.message for f in again.findings if f.code == "binding.prim")
    assert "/Hall/Disk shows nothing: library 'parts' has no asset 'disk.usda'" in found[0].message
    assert again.hub.standing.startswith(found[0].message)
    stage = again.opened.stage
    assert (
        stage.GetPrimAtPath("/Hall/Pump").GetAllChildren()
        and not stage.GetPrimAtPath("/Hall/Disk").GetAllChildren()
    )
    did(again, ANNA, "remove", path="/Hall/Disk")
    assert again.hub.standing.startswith("/Hall/Cart shows nothing")
    again.let_go()
    (tmp_path / "parts" / "disk.usda").write_text(DISK_FILE)
    third = make(tmp_path, history=True, at=START + 2 * 10**10)
    did(third, ANNA, "undo")
    assert third.opened.stage.GetPrimAtPath("/Hall/Disk").GetTypeName() == "Cylinder"
    third.let_go()


# ---------------------------------------------------------------------- the layer of a designer


def test_the_layer_composes_the_same_world_beside_its_library(twin: LiveTwin, tmp_path: Path) -> None:
    did(twin, ANNA, "place", asset=PUMP, position=[1, 2, 0.25], frame="world", label="feed")
    did(
        twin, ANNA, "place", asset=DISK, parent="/Hall/Table", position=[0.5, 0, 0], rotation=[0.8, 0, 0.6, 0]
    )
    did(twin, ANNA, "move", path="/Hall/Pump", position=[3, 0, 1])
    did(twin, ANNA, "place", asset="starter/robot_arm.usda", parent="/")
    did(twin, ANNA, "move", path="/RobotArm", rotation=[0.8, 0, 0, 0.6])
    did(twin, ANNA, "move", path="/Hall/Table/Disk", scale=[1.0, 3.0, 2.0])
    assert twin.desk is not None
    text = twin.desk.layer_text()
    assert set(re.findall("@([^@]*)@", text)) == {f"./{a}" for a in (PUMP, DISK, "starter/robot_arm.usda")}
    assert "unitsResolve" in text and "xformOp:transform:ui" not in text and len(text) < 4000
    (tmp_path / "starter").symlink_to(bundled("starter"))
    out = tmp_path / "edits.usda"
    out.write_text(text)
    root = Sdf.Layer.CreateNew(str(tmp_path / "whole.usda"))
    root.subLayerPaths = ["./edits.usda", "./hall.usda"]
    root.ImportFromString(text.replace(text[text.index(")\n") :], ")\n"))  # units and axes alone
    root.subLayerPaths = ["./edits.usda", "./hall.usda"]
    stage = Usd.Stage.Open(root)
    live = twin.opened.stage
    cache, own = UsdGeom.XformCache(Usd.TimeCode.Default()), UsdGeom.XformCache(Usd.TimeCode.Default())
    count = 0
    for prim in live.Traverse():
        if prim.IsA(UsdGeom.Xformable):
            there = stage.GetPrimAtPath(prim.GetPath())
            assert there and there.GetTypeName() == prim.GetTypeName(), prim.GetPath()
            got, wanted = (np.array(c.GetLocalToWorldTransform(p)) for c, p in ((cache, there), (own, prim)))
            # A move is kept in steps of 0.0075 degrees; 0.05 is half a millimetre.
            np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=0.05, err_msg=str(prim.GetPath()))
            count += 1
    assert count > 30 and not stage.GetCompositionErrors()


# ---------------------------------------------------------------------- names


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.text("Pump_2", min_size=1, max_size=6).filter(lambda text: text[0] != "2"),
    st.sets(st.integers(2, 9)),
    st.booleans(),
)
@example("Pump", {2, 3, 5}, True)
def test_a_free_name_is_free_and_the_next(wanted: str, numbers: set[int], itself: bool) -> None:
    taken = {f"{wanted}_{n}" for n in numbers} | ({wanted} if itself else set())
    name = free_name(wanted, taken)
    assert name not in taken and Sdf.Path.IsValidIdentifier(name)
    assert (name == wanted) == (not itself)
    if itself:
        assert all(f"{wanted}_{n}" in taken for n in range(2, int(name.rpartition("_")[2])))


_numbers = st.floats(-50, 50, allow_nan=False)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(_numbers, min_size=3, max_size=3),
    st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1),
    st.sampled_from(["/", "/Hall", "/Hall/Table", "/Hall/Crane"]),
)
@example(
    [1.0, 2.0, 3.0], [0.5**0.5, 0.0, 0.5**0.5, 0.0], "/Hall/Table"
)  # straight up: the angles of a turn meet
@example([1.0, 2.0, 3.0], [0.5, -0.5, 0.5, -0.5], "/")
def test_in_the_world_it_stands_where_it_was_put(
    twin: LiveTwin, position: list[float], rotation: list[float], parent: str
) -> None:
    """Whatever its parent, units and axes: the asset's own frame, upright and in metres, is at that pose."""
    (path,) = did(
        twin, ANNA, "place", asset=PUMP, parent=parent, position=position, rotation=rotation, frame="world"
    ).placed
    matrix = held(twin)[path]
    w, x, y, z = np.array(rotation) / np.linalg.norm(rotation)
    turn = np.array(Gf.Matrix3d(Gf.Quatd(w, x, y, z))).T
    np.testing.assert_allclose(matrix[:3, 3], position, atol=2e-3)
    np.testing.assert_allclose(matrix[:3, :3] / 100.0, turn, atol=1e-4)  # metres in a stage of centimetres
    did(twin, ANNA, "remove", path=path)
