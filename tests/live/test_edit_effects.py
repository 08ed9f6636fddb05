"""Edits by people in a running twin: the ui layer is what a plain model says, and clients hold what pxr has."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edit_twin import ANNA, BEN, START, command, did, do, make_twin, refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pxr import Sdf, Usd, UsdGeom

from twinstage.base.clock import NS
from twinstage.live.twin import LiveTwin
from twinstage.scene.read import read_snapshot

TABLE, TOP, MUG, DOOR, LAMP = "/Hall/Table", "/Hall/Table/Top", "/Hall/Table/Mug", "/Hall/Door", "/Hall/Lamp"


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[LiveTwin]:
    made = make_twin(tmp_path)
    yield made
    assert made.desk is not None
    made.desk.close()


def ui(twin: LiveTwin) -> str:
    return str(twin.opened.layers.ui.ExportToString())


def held(twin: LiveTwin) -> dict[str, np.ndarray]:
    """world_from_prim by path as a client has it: the scene's poses, and the newest rows over them."""
    snapshot, (pose, _) = twin.hub.scene.snapshot, twin.hub.newest()
    world = snapshot.moved(pose).node_world
    return {path: world[k] for k, path in enumerate(snapshot.prims.path)}


def composed(twin: LiveTwin) -> dict[str, np.ndarray]:
    """The same by pxr; metres, Z up."""
    twin.flush()
    cache, unit = UsdGeom.XformCache(Usd.TimeCode.Default()), twin.opened.meters_per_unit
    turn = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    out = {}
    for prim in Usd.PrimRange(twin.opened.stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()):
        if prim.IsA(UsdGeom.Xformable):
            matrix = np.array(cache.GetLocalToWorldTransform(prim)).T
            matrix[:3, 3] *= unit
            out[str(prim.GetPath())] = turn @ matrix
    return out


def assert_one_truth(twin: LiveTwin) -> None:
    ours, theirs = held(twin), composed(twin)
    for path, matrix in theirs.items():
        # An authored pose that comes back is a row with quantised rotation (3.2e-5) at the clients.
        np.testing.assert_allclose(ours[path], matrix, atol=5e-4, err_msg=path)
    snapshot, (_, shown) = twin.hub.scene.snapshot, twin.hub.newest()
    visible = snapshot.with_visibility(shown).prims.visible
    for k, path in enumerate(snapshot.prims.path):
        prim = UsdGeom.Imageable(twin.opened.stage.GetPrimAtPath(path))
        if prim:
            assert (prim.ComputeVisibility() != "invisible") == visible[k], path


# ---------------------------------------------------------------------- single commands


def test_a_move_is_in_the_layer_and_at_the_clients(twin: LiveTwin) -> None:
    answer = did(twin, ANNA, "move", path=TABLE, position=[1.0, 2.0, 3.0])
    assert (answer.version, answer.undo) == (1, 1)
    matrix = twin.opened.stage.GetPrimAtPath(TABLE).GetAttribute("xformOp:transform:ui").Get()
    assert list(matrix.ExtractTranslation()) == [100.0, 200.0, 300.0]  # cm
    assert_one_truth(twin)
    did(twin, ANNA, "undo")
    assert ui(twin).strip() == "#usda 1.0"
    assert_one_truth(twin)


def test_a_move_in_the_world_lands_there_whatever_the_parent(twin: LiveTwin) -> None:
    did(twin, ANNA, "move", path=TABLE, position=[0.5, 0.25, 1.0], rotation=[0.5, 0.5, 0.5, 0.5])
    did(twin, ANNA, "move", path=MUG, position=[7.0, -3.0, 2.0], rotation=[1, 0, 0, 0], frame="world")
    world = composed(twin)[MUG]
    np.testing.assert_allclose(world[:3, 3], [7, -3, 2], atol=2e-4)
    np.testing.assert_allclose(world[:3, :3], np.eye(3), atol=3e-4)
    assert_one_truth(twin)


def test_edits_of_one_transaction_see_those_before_them_and_are_one(twin: LiveTwin) -> None:
    edits: list[dict[str, Any]] = [
        {"kind": "move", "path": TABLE, "position": [5, 0, 0]},
        {"kind": "move", "path": MUG, "position": [1, 1, 1], "frame": "world"},
        {"kind": "visibility", "path": TOP, "visible": False},
    ]
    answer = did(twin, ANNA, "transaction", edits=edits)
    assert answer.version == 1 and answer.undo == 1
    np.testing.assert_allclose(composed(twin)[MUG][:3, 3], [1, 1, 1], atol=1e-4)
    before = ui(twin)
    bad = refused(
        twin, ANNA, "transaction", edits=[*edits, {"kind": "move", "path": "/Nowhere", "scale": [1, 1, 1]}]
    )
    assert bad.code == "refused" and "there is no prim /Nowhere" in str(bad.error)
    assert ui(twin) == before and bad.version == 1
    did(twin, ANNA, "undo")
    assert ui(twin).strip() == "#usda 1.0"
    assert_one_truth(twin)


REFUSED = [
    ("move", {"path": "/Hall/Crane", "position": [0, 0, 0]}, "refused", "is moved by its binding (crane.x)"),
    (
        "visibility",
        {"path": "/Hall/Crane/Hook", "visible": True},
        "refused",
        "is shown and hidden by its binding",
    ),
    ("move", {"path": "/Hall/Rack1/Board", "position": [0, 0, 0]}, "refused", "inside a native instance"),
    ("move", {"path": "/Hall/Slope", "position": [0, 0, 0]}, "refused", "sheared"),
    ("move", {"path": "/Hall/Looks", "position": [0, 0, 0]}, "refused", "is a Scope"),
    ("move", {"path": TABLE}, "refused", "needs a position, a rotation or a scale"),
    ("move", {"path": TABLE, "position": [0, 0]}, "refused", "must be 3 finite numbers"),
    ("move", {"path": TABLE, "rotation": [0, 0, 0, 0]}, "refused", "zero quaternion"),
    ("move", {"path": TABLE, "position": [1e300, 0, 0]}, "refused", "that far"),
    ("move", {"position": [0, 0, 0]}, "invalid", "needs path"),
    ("set", {"path": TOP, "property": "size", "value": 3}, "refused", "cannot be set"),
    ("set", {"path": TOP, "property": "twin:load", "value": "much"}, "refused", "is of type double"),
    ("set", {"path": TOP, "property": "twin:binding:x", "value": "{}"}, "refused", "cannot be set"),
    ("set", {"path": TOP, "property": "material:binding", "value": "/A"}, "refused", "cannot be set"),
    ("set", {"path": LAMP, "property": "inputs:radius", "value": 0}, "refused", "without extent"),
    (
        "set",
        {"path": LAMP, "property": "inputs:texture:file", "value": "/etc/passwd"},
        "refused",
        "cannot be set",
    ),
    ("set", {"path": LAMP, "property": "inputs:width", "value": 1.0}, "refused", "cannot be set"),
    (
        "set",
        {"path": "/Hall/Looks/Red", "property": "inputs:roughness", "value": 7},
        "refused",
        "from 0 to 1",
    ),
    ("set", {"path": "/Hall/Looks/Red", "property": "inputs:file", "value": "x"}, "refused", "no input"),
    ("set", {"path": TOP, "property": "primvars:displayColor", "value": "red"}, "refused", "#ff8800"),
    ("set", {"path": TOP, "property": "userProperties:new", "value": [1, 2]}, "refused", "valueType"),
    (
        "set",
        {"path": TOP, "property": "userProperties:new", "value": 1, "valueType": "asset"},
        "refused",
        "cannot be",
    ),
    ("set", {"path": TABLE, "property": "xformOp:transform:x", "value": 1}, "refused", "cannot be set"),
    ("variant", {"path": DOOR, "variantSet": "open", "variant": "ajar"}, "refused", "has no variant 'ajar'"),
    ("variant", {"path": TABLE, "variantSet": "open", "variant": "no"}, "refused", "has no variant set"),
    ("clear", {"path": TABLE, "property": "pose"}, "refused", "there is no edit of pose"),
    (
        "bind",
        {"binding": {"kind": "pose", "prim": TABLE, "position": {"x": "crane.q"}}},
        "refused",
        "crane.q",
    ),
    (
        "bind",
        {"binding": {"kind": "pose", "prim": "/No", "position": {"x": "crane.y"}}},
        "refused",
        "no prim /No",
    ),
    ("bind", {"binding": {"kind": "nonsense"}}, "refused", "no binding is of kind"),
    ("bind", {"binding": {"kind": "entity", "prim": TABLE}}, "refused", "when the twin starts"),
    ("unbind", {"key": "9"}, "refused", "there is no binding '9'"),
    ("undo", {}, "refused", "nothing to undo"),
    ("redo", {}, "refused", "nothing to redo"),
    ("undo", {"of": 3}, "refused", "nothing to undo"),
    ("transaction", {}, "invalid", "needs edits"),
    ("move", {"path": TABLE, "scale": [1, 1, 1], "base": 9}, "invalid", "base 9 is newer"),
    ("alarm", {"alarms": ["crane/load"]}, "invalid", "needs action and alarms"),
]


def test_what_cannot_be_done_says_why_and_changes_nothing(twin: LiveTwin) -> None:
    before = ui(twin), twin.desk.bindings_text(), twin.opened.layers.bindings.ExportToString()  # type: ignore[union-attr]
    for kind, fields, code, sentence in REFUSED:
        answer = refused(twin, ANNA, kind, **fields)
        assert answer.code == code and sentence in str(answer.error), (kind, fields, answer)
        assert answer.version == 0 and "\n" not in str(answer.error)
    assert before == (
        ui(twin),
        twin.desk.bindings_text(),  # type: ignore[union-attr]
        twin.opened.layers.bindings.ExportToString(),
    )
    assert twin.hub.revision == 0


def test_a_conflict_names_what_is_there_and_nothing_is_lost(twin: LiveTwin) -> None:
    base = did(twin, ANNA, "move", path=TABLE, position=[1, 0, 0]).version
    did(twin, BEN, "visibility", path=TABLE, visible=False, base=0)  # another property: no conflict
    answer = refused(twin, BEN, "move", path=TABLE, position=[2, 0, 0], base=0)
    assert answer.code == "conflict" and answer.current is not None
    assert (answer.current.author, answer.current.version, answer.current.property) == ("anna", 1, "pose")
    assert answer.current.value[:3] == [1, 0, 0]
    did(twin, BEN, "move", path=TABLE, position=[2, 0, 0], base=base)
    answer = refused(twin, ANNA, "undo")
    assert answer.code == "conflict" and "ben has changed pose" in str(answer.error)


def test_the_same_id_is_answered_twice_and_done_once(twin: LiveTwin) -> None:
    order = command("move", path=TABLE, position=[1, 0, 0])
    first = do(twin, ANNA, order)
    did(twin, ANNA, "move", path=TABLE, position=[2, 0, 0])
    again = do(twin, ANNA, order)
    assert first.ok and again.ok and again.version == first.version == 1
    assert twin.desk is not None and twin.desk.version == 2
    assert do(twin, BEN, order).version == 3, "ids are the author's own"


# ---------------------------------------------------------------------- what needs another scene


def test_looks_make_another_scene_that_is_what_the_stage_has(twin: LiveTwin) -> None:
    did(twin, ANNA, "move", path=TABLE, position=[1, 0, 0])
    did(twin, ANNA, "set", path=LAMP, property="inputs:radius", value=0.25)
    did(twin, ANNA, "set", path=LAMP, property="inputs:intensity", value=9.0)
    did(twin, ANNA, "set", path="/Hall/Looks/Red/Surface", property="inputs:diffuseColor", value=[0, 0.5, 1])
    read = read_snapshot(twin.opened)
    (lamp,) = twin.hub.scene.snapshot.lights
    assert lamp.radius == pytest.approx(0.25) and lamp == read.lights[0]
    red = {material.path: material for material in twin.hub.scene.snapshot.materials}["/Hall/Looks/Red"]
    assert red.diffuse_color == (0.0, 0.5, 1.0)
    assert red in read.materials
    assert twin.hub.revision == 3
    assert_one_truth(twin)
    # The material and its shader are one property.
    assert (
        refused(
            twin, BEN, "set", path="/Hall/Looks/Red", property="inputs:diffuseColor", value=[1, 1, 1], base=0
        ).code
        == "conflict"
    )
    for _ in range(4):
        did(twin, ANNA, "undo")
    assert twin.hub.scene.snapshot.lights == twin.desk._effects._base.lights  # type: ignore[union-attr]
    assert ui(twin).strip() == "#usda 1.0"
    assert_one_truth(twin)


def test_looks_are_gathered_into_one_scene(twin: LiveTwin) -> None:
    assert twin.desk is not None
    for k in range(20):
        answer = twin.desk.command(command("set", path=LAMP, property="inputs:intensity", value=k), ANNA)
        assert answer.ok  # type: ignore[union-attr]
        twin.clock.set(twin.clock.now_ns() + NS // 100)  # type: ignore[attr-defined]
        twin.tick(twin.clock.now_ns())
    assert twin.hub.revision == 1
    twin.clock.set(twin.clock.now_ns() + NS)  # type: ignore[attr-defined]
    twin.tick(twin.clock.now_ns())
    assert twin.hub.revision == 2
    assert twin.hub.scene.snapshot.lights[0] == read_snapshot(twin.opened).lights[0]


def test_a_variant_brings_its_prims_and_takes_them_away(twin: LiveTwin) -> None:
    did(twin, ANNA, "move", path=TABLE, position=[1, 0, 0])
    did(twin, ANNA, "variant", path=DOOR, variantSet="open", variant="yes")
    assert "/Hall/Door/Stop" in twin.hub.scene.snapshot.prims.path
    assert twin.hub.revision == 1
    assert_one_truth(twin)
    did(twin, BEN, "move", path="/Hall/Door/Stop", position=[0, 1, 0])
    assert_one_truth(twin)
    did(twin, ANNA, "undo")
    assert "/Hall/Door/Stop" not in twin.hub.scene.snapshot.prims.path
    assert_one_truth(twin)
    did(twin, ANNA, "redo")
    assert_one_truth(twin)
    did(twin, BEN, "undo")
    assert_one_truth(twin)


def test_labels_reach_the_scene(twin: LiveTwin) -> None:
    did(twin, ANNA, "set", path=TOP, property="semantics:labels:class", value=["desk"])
    scene = twin.hub.scene.snapshot
    assert scene.prims.labels[scene.prims.index_of[TOP]] == ("desk",)
    did(twin, ANNA, "undo")
    scene = twin.hub.scene.snapshot
    assert scene.prims.labels[scene.prims.index_of[TOP]] == ()
    assert ui(twin).strip() == "#usda 1.0"


def test_a_label_that_is_taken_away_leaves_nothing_or_an_empty_list_over_that_of_a_file(
    twin: LiveTwin,
) -> None:
    name = "semantics:labels:class"
    did(twin, ANNA, "set", path=TOP, property=name, value=["desk"])
    for _ in range(2):  # of a prim that has one by hand, and of one that has none
        did(twin, ANNA, "set", path=TOP, property=name, value=[])
        assert ui(twin).strip() == "#usda 1.0"
        assert_one_truth(twin)
    spec = twin.opened.stage.GetRootLayer().GetPrimAtPath(TOP)
    spec.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=["SemanticsLabelsAPI:class"]))
    Sdf.AttributeSpec(spec, name, Sdf.ValueTypeNames.TokenArray).default = ["as built"]
    did(twin, ANNA, "set", path=TOP, property=name, value=[])
    assert f"{name} = []" in ui(twin)
    did(twin, ANNA, "undo")
    assert ui(twin).strip() == "#usda 1.0"


def say(twin: LiveTwin, **values: Any) -> None:
    import json

    now = twin.clock.now_ns() + NS
    assert twin.ingest is not None
    twin.clock.set(now)  # type: ignore[attr-defined]
    twin.ingest.offer("plc", (json.dumps({"t": now, **values}) + "\n").encode(), now)
    twin.tick(now)


def test_bindings_are_added_changed_and_taken_away_while_values_come_in(twin: LiveTwin) -> None:
    say(twin, x=1.5, y=2.5, load=1)
    did(twin, ANNA, "bind", binding={"kind": "pose", "prim": TABLE, "position": {"x": "crane.y"}})
    assert twin.hub.scene.bindings[TABLE] == ("crane.y",)
    np.testing.assert_allclose(held(twin)[TABLE][:3, 3], [1 + 2.5, -3, 0.5], atol=1e-4)
    assert_one_truth(twin)
    assert refused(twin, BEN, "move", path=TABLE, position=[0, 0, 0]).code == "refused"
    say(twin, y=4.0)
    np.testing.assert_allclose(held(twin)[TABLE][:3, 3], [1 + 4, -3, 0.5], atol=1e-4)
    did(
        twin,
        ANNA,
        "bind",
        key="pose /Hall/Table",
        binding={"kind": "pose", "prim": TABLE, "position": {"z": "crane.y"}},
    )
    assert_one_truth(twin)
    did(twin, ANNA, "unbind", key="0")  # of the file: the crane
    assert "crane.x" not in str(twin.desk.bindings_text())  # type: ignore[union-attr]
    did(twin, BEN, "move", path="/Hall/Crane", position=[0, 0, 1])
    assert_one_truth(twin)
    answer = refused(twin, ANNA, "undo")  # the crane is moved by hand now
    assert answer.code == "refused" and "/Hall/Crane is moved by its binding" in str(answer.error)
    did(twin, BEN, "undo")
    for _ in range(3):
        did(twin, ANNA, "undo")
    assert twin.bindings is not None and len(twin.bindings.bindings) == 2
    say(twin, x=3.0)
    np.testing.assert_allclose(held(twin)["/Hall/Crane"][:3, 3], [1 + 3, -3, 0], atol=1e-4)
    assert_one_truth(twin)


def test_what_a_binding_of_the_world_counts_on_stays_where_it_is(twin: LiveTwin) -> None:
    """Else a thing that telemetry puts at x, y of the world would stand elsewhere, and nobody would be told."""
    say(twin, y=2.0)
    binding = {"kind": "pose", "prim": MUG, "frame": "world", "position": {"x": "crane.y"}}
    did(twin, ANNA, "bind", binding=binding)
    np.testing.assert_allclose(held(twin)[MUG][0, 3], 2.0, atol=1e-4)
    for path in (TABLE, "/Hall"):
        answer = refused(twin, BEN, "move", path=path, position=[0, 0, 0])
        assert "counts on where" in str(answer.error)
    did(twin, BEN, "move", path=TOP, position=[0, 0, 0])
    did(twin, ANNA, "undo")
    did(twin, BEN, "move", path=TABLE, position=[0, 0, 0])
    assert "counts on where" in str(refused(twin, ANNA, "bind", binding=binding).error)
    for path in (TABLE, TOP):
        did(twin, BEN, "clear", path=path, property="pose")
    # Relative to a prim beside it, what holds both may be moved, and neither alone.
    did(twin, ANNA, "bind", binding=binding | {"frame": TOP})
    did(twin, BEN, "move", path=TABLE, position=[1, 1, 1])
    assert_one_truth(twin)
    assert "counts on where" in str(refused(twin, BEN, "move", path=TOP, position=[1, 0, 0]).error)


def test_a_prim_that_was_moved_by_hand_cannot_be_bound(twin: LiveTwin) -> None:
    did(twin, ANNA, "move", path=TABLE, position=[1, 0, 0])
    answer = refused(twin, BEN, "bind", binding={"kind": "pose", "prim": TABLE, "position": {"x": "crane.y"}})
    assert "/Hall/Table" in str(answer.error) and answer.code == "refused"
    assert twin.hub.revision == 0
    assert_one_truth(twin)


def test_an_edit_covers_what_a_program_sets_until_it_is_undone(tmp_path: Path) -> None:
    twin = make_twin(tmp_path, wired=False)
    twin.edits.set_pose(TABLE, position=[0, 0, 9])
    twin.edits.set_color(TOP, (1, 2, 3, 255))
    twin.tick(START + 1)
    did(twin, ANNA, "move", path=TABLE, position=[1, 0, 0])
    did(twin, ANNA, "set", path=TOP, property="primvars:displayColor", value="#0a0b0c")
    twin.edits.set_pose(TABLE, position=[0, 0, 7])
    twin.tick(twin.clock.now_ns())
    assert_one_truth(twin)
    node = twin.snapshot.prims.index_of[TOP]
    assert twin.hub.latest().style.rgba.tolist() == [[10, 11, 12, 255]]
    did(twin, ANNA, "variant", path=DOOR, variantSet="open", variant="yes")
    did(twin, ANNA, "undo")
    did(twin, ANNA, "undo")
    assert_one_truth(twin)
    did(twin, ANNA, "undo")
    assert_one_truth(twin)
    assert twin.hub.latest().style.rgba.tolist() in ([[0, 0, 0, 0]], [[1, 2, 3, 255]])
    assert node == twin.snapshot.prims.index_of[TOP]


def test_transform_ops_are_set_in_metres_and_radians(twin: LiveTwin) -> None:
    did(twin, ANNA, "set", path=TABLE, property="xformOp:translate", value=[1.0, 2.0, 3.0])
    did(twin, ANNA, "set", path=TABLE, property="xformOp:rotateY", value=float(np.pi / 2))
    prim = twin.opened.stage.GetPrimAtPath(TABLE)
    assert list(prim.GetAttribute("xformOp:translate").Get()) == [100, 200, 300]
    assert prim.GetAttribute("xformOp:rotateY").Get() == pytest.approx(90)
    assert_one_truth(twin)
    did(twin, ANNA, "move", path=TABLE, position=[0, 0, 0])
    assert "moved as a whole" in str(
        refused(twin, ANNA, "set", path=TABLE, property="xformOp:rotateY", value=0.0).error
    )
    for _ in range(3):
        did(twin, ANNA, "undo")
    assert ui(twin).strip() == "#usda 1.0"
    assert_one_truth(twin)


# ---------------------------------------------------------------------- random transactions, against a model


def model_layer(values: dict[tuple[str, str], Any]) -> str:
    """The layer that those edits are, written by Usd's own schemas on a stage of its own."""
    layer = Sdf.Layer.CreateAnonymous("model.usda")
    for (path, name), value in sorted(values.items()):
        spec = Sdf.CreatePrimInLayer(layer, path)
        if name == "visibility":
            Sdf.AttributeSpec(spec, name, Sdf.ValueTypeNames.Token).default = value
        elif name == "twin:load":
            load = Sdf.AttributeSpec(spec, name, Sdf.ValueTypeNames.Double)
            load.default, load.custom = value, True
        else:
            order = Sdf.AttributeSpec(
                spec, "xformOpOrder", Sdf.ValueTypeNames.TokenArray, Sdf.VariabilityUniform
            )
            order.default = ["xformOp:transform:ui"]
            Sdf.AttributeSpec(spec, "xformOp:transform:ui", Sdf.ValueTypeNames.Matrix4d).default = value
    return str(layer.ExportToString())


def opinions(text: str) -> dict[str, Any]:
    """Everything a layer says, by path."""
    layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.ImportFromString(text)
    out: dict[str, Any] = {}

    def look(path: Any) -> None:
        spec = layer.GetObjectAtPath(path)
        if path.IsPropertyPath():
            value = spec.default
            if isinstance(value, float):
                value = round(value, 9)
            elif type(value).__name__ == "Matrix4d":
                value = tuple(np.round(np.array(value), 6).ravel().tolist())
            out[str(path)] = (
                str(spec.typeName),
                spec.custom,
                str(spec.variability),
                value if not hasattr(value, "__len__") or isinstance(value, tuple | str) else list(value),
            )
        elif path.IsPrimPath():
            out[str(path)] = str(spec.specifier)

    layer.Traverse("/", look)
    return out


edit = st.one_of(
    st.tuples(st.just("move"), st.sampled_from([TABLE, MUG, DOOR]), st.integers(-60, 60)),
    st.tuples(st.just("visibility"), st.sampled_from([TABLE, TOP]), st.booleans()),
    st.tuples(st.just("set"), st.just(TOP), st.integers(0, 9)),
)
step = st.one_of(
    st.tuples(
        st.just("do"), st.lists(edit, min_size=1, max_size=3, unique_by=lambda e: e[:2]), st.integers(0, 2)
    ),
    st.tuples(st.sampled_from(["undo", "redo", "restart"]), st.none(), st.none()),
)
fresh = itertools.count()


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from([ANNA, BEN]), step), min_size=4, max_size=16))
def test_random_transactions_restarts_and_undo_end_in_the_layer_of_a_plain_model(
    tmp_path_factory: pytest.TempPathFactory, told: list[Any]
) -> None:
    with Restarting(tmp_path_factory.mktemp(f"model{next(fresh)}")) as running:
        follow(running, told)


class Restarting:
    """A twin with a history that can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._at = folder, START
        self.twin = make_twin(folder, history=True)

    def __enter__(self) -> "Restarting":
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        assert self.twin.desk is not None and self.twin.recorder is not None
        self.twin.desk.close()
        self.twin.recorder.close()
        if self.twin.alarms is not None:
            self.twin.alarms.close()

    def again(self) -> None:
        self.end()
        self._at += 1000 * NS
        self.twin = make_twin(self._folder, history=True, at=self._at)
        self.twin.tick(self._at)


class Past:
    """A plain model: of each property every value that it ever had, and which transaction that value is of."""

    def __init__(self) -> None:
        self.version = 0
        self.cells: dict[Any, list[tuple[int, Any, int, str]]] = {}  # source, value, version, author
        self.made: dict[int, dict[Any, tuple[int, Any, Any]]] = {}  # key: source before, value before, value
        self.done: dict[str, list[int]] = {"anna": [], "ben": []}
        self.undone: dict[str, list[int]] = {"anna": [], "ben": []}

    def now(self, key: Any) -> tuple[int, Any, int, str]:
        return self.cells.get(key, [(0, None, 0, "")])[-1]

    def _set(self, key: Any, source: int, value: Any, who: str) -> None:
        self.cells.setdefault(key, []).append((source, value, self.version, who))

    def edit(self, who: str, values: dict[Any, Any], base: int) -> str | None:
        if any(self.now(key)[2] > base and self.now(key)[3] != who for key in values):
            return "conflict"
        self.version += 1
        self.made[self.version] = {key: (*self.now(key)[:2], value) for key, value in values.items()}
        for key, value in values.items():
            self._set(key, self.version, value, who)
        self.done[who].append(self.version)
        self.undone[who].clear()
        return None

    def swap(self, who: str, what: str) -> str | None:
        take, give = (self.done, self.undone) if what == "undo" else (self.undone, self.done)
        if not take[who]:
            return "refused"
        which = take[who][-1]
        changes = self.made[which].items()
        if any(self.now(key)[0] != (which if what == "undo" else source) for key, (source, _, _) in changes):
            return "conflict"
        self.version += 1
        for key, (source, before, after) in changes:
            self._set(key, *((source, before) if what == "undo" else (which, after)), who)
        give[who].append(take[who].pop())
        return None

    def values(self) -> dict[Any, Any]:
        return {key: self.now(key)[1] for key in self.cells if self.now(key)[1] is not None}


def follow(running: Restarting, told: list[Any]) -> None:
    past = Past()
    for who, (what, edits, lag) in told:
        if what == "restart":
            running.again()
        elif what == "do":
            base = max(0, past.version - lag)
            order = command("transaction", edits=[_order(one) for one in edits], base=base)
            answer = do(running.twin, who, order)
            assert answer.code == past.edit(who.name, {_key(one): _value(one) for one in edits}, base)
        else:
            assert do(running.twin, who, command(what)).code == past.swap(who.name, what)
        assert running.twin.desk is not None and running.twin.desk.version == past.version
        assert opinions(ui(running.twin)) == opinions(model_layer(past.values()))
        assert_one_truth(running.twin)


def _order(one: Any) -> dict[str, Any]:
    kind, path, value = one
    if kind == "move":
        fields: dict[str, Any] = {
            "position": [value / 64, 0.5, -value / 32],
            "rotation": [1, 0, 0, 0],
            "scale": [1, 1, 1],
        }
    elif kind == "visibility":
        fields = {"visible": value}
    else:
        fields = {"property": "twin:load", "value": value}
    return {"kind": kind, "path": path, **fields}


def _key(one: Any) -> tuple[str, str]:
    return one[1], {"move": "pose", "visibility": "visibility", "set": "twin:load"}[one[0]]


def _value(one: Any) -> Any:
    from pxr import Gf

    kind, _, value = one
    if kind == "move":
        return Gf.Matrix4d().SetTranslate(Gf.Vec3d(value / 64 * 100, 50.0, -value / 32 * 100))
    if kind == "visibility":
        return "inherited" if value else "invisible"
    return float(value)


STOP = "/Hall/Door/Stop"
anything = st.one_of(
    st.sampled_from(["yes", "no"]).map(
        lambda name: {"kind": "variant", "path": DOOR, "variantSet": "open", "variant": name}
    ),
    st.tuples(st.sampled_from([DOOR, TABLE, STOP]), st.sampled_from(["x", "z"])).map(
        lambda told: {
            "kind": "bind",
            "binding": {"kind": "pose", "prim": told[0], "position": {told[1]: "crane.y"}},
        }
    ),
    st.sampled_from(["0", "1", "pose /Hall/Table", "pose /Hall/Door"]).map(
        lambda key: {"kind": "unbind", "key": key}
    ),
    st.tuples(st.sampled_from([DOOR, TABLE, STOP, "/Hall/Crane", MUG]), st.integers(-60, 60)).map(
        lambda told: {"kind": "move", "path": told[0], "position": [told[1] / 64, 0, 0], "frame": "world"}
    ),
    st.tuples(st.sampled_from(["/Hall/Crane/Hook", TABLE, STOP]), st.booleans()).map(
        lambda told: {"kind": "visibility", "path": told[0], "visible": told[1]}
    ),
    st.integers(0, 5).map(
        lambda n: {"kind": "set", "path": LAMP, "property": "inputs:intensity", "value": n}
    ),
    st.floats(0, 1).map(
        lambda share: {
            "kind": "set",
            "path": "/Hall/Looks/Red",
            "property": "inputs:roughness",
            "value": share,
        }
    ),
    st.sampled_from(["#000000", "#336699"]).map(
        lambda color: {"kind": "set", "path": TOP, "property": "primvars:displayColor", "value": color}
    ),
    st.sampled_from([["desk"], []]).map(
        lambda labels: {"kind": "set", "path": TOP, "property": "semantics:labels:class", "value": labels}
    ),
    st.sampled_from([{"kind": "undo"}, {"kind": "redo"}]),
    st.integers(-5, 5).map(lambda n: {"say": float(n)}),
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(anything, min_size=3, max_size=15))
def test_whatever_one_does_clients_hold_what_the_stage_has_and_undo_leads_back(
    tmp_path_factory: pytest.TempPathFactory, told: list[Any]
) -> None:
    twin = make_twin(tmp_path_factory.mktemp(f"any{next(fresh)}"))
    assert twin.desk is not None
    say(twin, x=1.0, y=2.0, load=100)
    for one in told:
        if "say" in one:
            say(twin, x=one["say"], y=one["say"] + 1, load=490 + 5 * one["say"])
        else:
            answer = do(twin, ANNA, command(**one))
            assert answer.ok or answer.code in ("refused", "conflict"), answer
        assert_one_truth(twin)
        read = read_snapshot(twin.opened)
        scene = twin.hub.scene.snapshot
        assert scene.lights == read.lights and set(scene.materials) == set(read.materials)
        assert list(scene.prims.path) == list(read.prims.path)
        assert scene.prims.labels[scene.prims.index_of[TOP]] == read.prims.labels[read.prims.index_of[TOP]]
        colour = twin.opened.stage.GetPrimAtPath(TOP).GetAttribute("primvars:displayColor").Get()
        style = twin.hub.latest().style
        painted = style.rgba[style.index == scene.prims.index_of[TOP]]
        assert bool(len(painted) and painted[0, 3]) == bool(colour)
    while (answer := do(twin, ANNA, command("undo"))).ok:
        pass
    assert "nothing to undo" in str(answer.error)
    assert ui(twin).strip() == "#usda 1.0"
    assert twin.bindings is not None and [b.kind for b in twin.bindings.bindings] == ["pose", "visibility"]
    assert_one_truth(twin)
    twin.desk.close()
