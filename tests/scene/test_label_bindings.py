"""Live class labels, read back with UsdSemantics and as the class of snapshot objects."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pxr import UsdSemantics

from twinstage.base.errors import UserError
from twinstage.scene.read import read_snapshot
from twinstage.scene.writer import ColumnWriter

BODY = """def Xform "World" {
    def Xform "Valve" ( prepend apiSchemas = ["SemanticsLabelsAPI:class"]
    ) { token[] semantics:labels:class = ["valve"]
        def Cube "Body" {}
    }
    def Xform "Tank" { def Cube "Body" {}
    }
}
"""
SIGNALS = {"valve": "1 enum", "level": "1", "door": "1 bool"}


def labels(twin: Any, path: str, taxonomy: str = "class") -> list[str]:
    prim = twin.opened.stage.GetPrimAtPath(path)
    assert prim.HasAPI(UsdSemantics.LabelsAPI, taxonomy)
    return list(UsdSemantics.LabelsAPI(prim, taxonomy).GetLabelsAttr().Get() or [])


def classes(twin: Any) -> dict[str, str]:
    return {o.prim_path: o.name for o in read_snapshot(twin.opened).objects}


def test_an_enum_by_name(make_twin: Any) -> None:
    twin = make_twin(
        BODY, "{kind: label, prim: /World/Valve, signal: valve, labels: {b: valve_open}}", SIGNALS
    )
    writer = ColumnWriter(twin.opened, twin.snapshot, twin.plan)
    assert labels(twin, "/World/Valve") == ["valve"]
    writer.write(twin.tick(valve="b"))
    assert labels(twin, "/World/Valve") == ["valve_open"]
    assert classes(twin)["/World/Valve"] == "valve_open"
    writer.write(twin.tick(valve="a"))  # a value without a label: the authored one
    assert labels(twin, "/World/Valve") == ["valve"]
    assert classes(twin)["/World/Valve"] == "valve"


def test_a_prim_without_labels_gets_the_schema(make_twin: Any) -> None:
    line = (
        "{kind: label, prim: /World/Tank, signal: door, labels: {true: open, false: shut}, taxonomy: state}"
    )
    twin = make_twin(BODY, line, SIGNALS)
    writer = ColumnWriter(twin.opened, twin.snapshot, twin.plan)
    writer.write(twin.tick(door=True))
    assert labels(twin, "/World/Tank", "state") == ["open"]
    twin.opened.layers.live.Clear()
    assert not twin.opened.stage.GetPrimAtPath("/World/Tank").GetAppliedSchemas()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(-1, 11).map(lambda v: round(v, 2)), max_size=20))
def test_steps_with_hysteresis(make_twin: Any, values: list[float]) -> None:
    """A step is reached at its value, and left only when the value is more than 0.5 below it."""
    steps = [(0.0, "low"), (5.0, "half"), (8.0, "low")]
    twin = _cached(make_twin)
    twin.plan.reset()
    now = -1
    for value in values:
        twin.tick(level=value)
        while now + 1 < len(steps) and value >= steps[now + 1][0]:
            now += 1
        while now >= 0 and value + 0.5 < steps[now][0]:
            now -= 1
        slot, choice = twin.plan.labels[0], int(twin.plan.live_labels.choice[0])
        assert ("" if choice < 0 else slot.labels[choice]) == ("" if now < 0 else steps[now][1])


_TWINS: list[Any] = []


def _cached(make_twin: Any) -> Any:
    if not _TWINS:
        line = "{kind: label, prim: /World/Tank, signal: level, hysteresis: 0.5, labels: [[0, low], [5, half], [8, low]]}"
        _TWINS.append(make_twin(BODY, line, SIGNALS))
    return _TWINS[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("signal: valve, labels: {c: x}", "names 'c', which the signal cannot be; known: a, b"),
        ("signal: valve, labels: [[0, x]]", "labels is a map and not a list of steps"),
        ("signal: level, labels: {high: x}", "names 'high'; expected a whole number"),
        ("signal: door, labels: {maybe: x}", "names 'maybe'; expected true or false"),
        ("signal: level, labels: [[1, a], [0, b]]", "do not rise"),
        ("signal: level, labels: {}", "the label map is empty"),
        ("signal: level, labels: {1: x}, unit: m", "unit and hysteresis belong to steps"),
    ],
)
def test_mistakes(make_twin: Any, line: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        make_twin(BODY, f"{{kind: label, prim: /World/Tank, {line}}}", SIGNALS)
    assert words in str(error.value)


def test_bound_twice(make_twin: Any) -> None:
    line = "{kind: label, prim: /World/Tank, signal: door, labels: {true: x}}"
    with pytest.raises(UserError, match="class label of /World/Tank is bound twice"):
        make_twin(BODY, f"{line}\n{line}", SIGNALS)
