"""Entities: ids come, go and never come back; the pool is there from the start; the stage shows what the columns say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pxr import Usd, UsdGeom

from twinstage.base.errors import UserError
from twinstage.scene.entities import SeenIds
from twinstage.scene.writer import ColumnWriter

BODY = """def Xform "World" {
    def Xform "Box" { double3 xformOp:translate = (0, 0, 7)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Body" {}
    }
    def Xform "Belt" { double3 xformOp:translate = (10, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Scope "Looks" {}
}
"""
LINE = (
    "{kind: entity, prim: /World/Box, parent: /World/Belt, channels: 2, pool: 3, id: 't{n}.id', "
    "position: {x: 't{n}.x'}, rotation: {yaw: 't{n}.yaw'}}"
)
SIGNALS = {f"t{n}__{k}": u for n in (0, 1) for k, u in (("id", "1 i64"), ("x", "m"), ("yaw", "rad"))}
SLOTS = [f"/World/Belt/Box_entity_{k:04d}" for k in range(3)]


@pytest.fixture
def belt(make_twin: Any) -> Any:
    return make_twin(BODY, LINE, SIGNALS)


def shown(twin: Any) -> dict[str, int]:
    """Path and id of what the stage shows, by pxr."""
    stage: Usd.Stage = twin.opened.stage
    found = {}
    for path in SLOTS:
        prim = stage.GetPrimAtPath(path)
        if UsdGeom.Imageable(prim).ComputeVisibility() != "invisible":
            found[path] = prim.GetAttribute("twin:entity").Get()
    return found


def test_a_life(belt: Any) -> None:
    writer = ColumnWriter(belt.opened, belt.snapshot, belt.plan)
    assert shown(belt) == {}, "all slots are there, and hidden"
    assert all(belt.opened.stage.GetPrimAtPath(path).IsInstance() for path in SLOTS)
    layers = belt.opened.stage.GetLayerStack()
    prims = len(list(belt.opened.stage.TraverseAll()))

    writer.write(belt.tick(t0__id=40, t0__x=1.5, t0__yaw=0.5))
    assert shown(belt) == {SLOTS[0]: 40}
    world = UsdGeom.XformCache().GetLocalToWorldTransform(belt.opened.stage.GetPrimAtPath(SLOTS[0]))
    assert np.allclose(world.ExtractTranslation(), (11.5, 0, 7)), "x is bound, z keeps what the prototype has"

    writer.write(belt.tick(t1__id=41, t1__x=2.0, t1__yaw=0.0))
    assert shown(belt) == {SLOTS[0]: 40, SLOTS[1]: 41}
    # Channel 0 now sees 41, and nobody 40: the thing keeps its slot and goes on from where channel 0 puts it.
    writer.write(belt.tick(t0__id=41, t1__id=-1))
    assert shown(belt) == {SLOTS[1]: 41}
    writer.write(belt.tick(t0__x=3.0))
    world = UsdGeom.XformCache().GetLocalToWorldTransform(belt.opened.stage.GetPrimAtPath(SLOTS[1]))
    assert np.allclose(world.ExtractTranslation(), (13, 0, 7))
    # 40 is gone for good.
    writer.write(belt.tick(t1__id=40))
    assert shown(belt) == {SLOTS[1]: 41}
    assert belt.plan.pools[0].refused == {"reused": 1, "full": 0, "range": 0}
    assert belt.opened.stage.GetLayerStack() == layers
    assert len(list(belt.opened.stage.TraverseAll())) == prims, "nothing is added while it runs"


def test_a_full_tick_says_everything(belt: Any) -> None:
    belt.tick(t0__id=5, t0__x=1.0)
    columns = belt.plan.evaluate(belt.state, 9, full=True)
    nodes = [belt.snapshot.prims.index_of[path] for path in SLOTS]
    assert dict(zip(columns.visibility.index.tolist(), columns.visibility.visible.tolist(), strict=True)) == {
        nodes[0]: True, nodes[1]: False, nodes[2]: False,
    }  # fmt: skip
    assert nodes[0] in columns.pose.index.tolist()
    assert (np.diff(columns.pose.index.astype(int)) > 0).all()


def test_a_reset_forgets(belt: Any) -> None:
    belt.tick(t0__id=5)
    belt.plan.reset()
    belt.tick(t0__id=-1)
    belt.tick(t0__id=5)
    assert belt.plan.pools[0].id_of.tolist() == [5, -1, -1]


@pytest.mark.parametrize("big", [2**53, 2**60])
def test_ids_beyond_a_double_are_refused(belt: Any, big: int) -> None:
    belt.tick(t0__id=big)
    assert belt.plan.pools[0].id_of.tolist() == [-1, -1, -1]
    assert belt.plan.pools[0].refused["range"] == 1


def test_a_full_pool(make_twin: Any) -> None:
    twin = make_twin(BODY, LINE.replace("pool: 3", "pool: 1"), SIGNALS)
    twin.tick(t0__id=1, t1__id=2)
    assert twin.plan.pools[0].id_of.tolist() == [1]
    assert twin.plan.pools[0].refused["full"] == 1
    twin.tick(t0__id=-1)  # a place is free, and channel 1 still names 2
    assert twin.plan.pools[0].id_of.tolist() == [2]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-1, 6), st.integers(-1, 6)), max_size=25))
def test_ids_against_sets(belt: Any, steps: list[tuple[int, int]]) -> None:
    """Alive = named now, and either alive before or never seen."""
    belt.plan.reset()
    alive: set[int] = set()
    seen: set[int] = set()
    for a, b in steps:
        belt.tick(t0__id=a, t1__id=b)
        named = {n for n in (a, b) if n >= 0}
        alive = {n for n in named if n in alive or n not in seen}
        seen |= alive
        assert {n for n in belt.plan.pools[0].id_of.tolist() if n >= 0} == alive


@given(st.lists(st.integers(-20, 20)))
def test_seen_ids_are_a_set(values: list[int]) -> None:
    seen, expected = SeenIds(), set()
    for value in values:
        assert (value in seen) == (value in expected)
        seen.add(value)
        expected.add(value)
    assert [v for v in range(-25, 25) if v in seen] == sorted(expected)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (LINE.replace("/World/Box", "/World/Bix"), "there is no prim /World/Bix; did you mean '/World/Box'"),
        (LINE.replace("parent: /World/Belt", "parent: /World/Box"), "cannot stand below /World/Box itself"),
        (LINE.replace("/World/Belt", "/World/Nowhere"), "there is no prim /World/Nowhere"),
        (LINE.replace("t{n}.id", "t{n}.x"), "signal 't0.x' is of type f64, and an id is an i64"),
        (LINE.replace("channels: 2", "channels: 3"), "there is no signal 't2.id'"),
        (LINE.replace("pool: 3", "pool: 5000"), "pool is 5000"),
        (LINE.replace("t{n}.id", "t0.id"), "id has to hold {n}"),
    ],
)  # fmt: skip
def test_mistakes(make_twin: Any, line: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        make_twin(BODY, line, SIGNALS)
    assert words in str(error.value)
