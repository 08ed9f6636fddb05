"""Contract, bindings and recipe of the bundled work cell fit the stage and one another."""

from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from twinstage.scene.bindings import load_bindings
from twinstage.scene.plan import BindingPlan, compile_bindings
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage, open_stage
from twinstage.scene.writer import ColumnWriter
from twinstage.sim.plant import Plant
from twinstage.synth.recipe import load_recipe
from twinstage.telemetry.contract import Contract, load_contract
from twinstage.telemetry.ingest import Ingest

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "library" / "workcell"
START = 1_767_225_600_000_000_000
NS = 1_000_000_000


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract(FOLDER / "contract.yaml")


@pytest.fixture(scope="module")
def opened() -> OpenedStage:
    return open_stage(FOLDER / "workcell.usda")


@pytest.fixture(scope="module")
def snapshot(opened: OpenedStage) -> Snapshot:
    return read_snapshot(opened)


@pytest.fixture(scope="module")
def plan(contract: Contract, opened: OpenedStage, snapshot: Snapshot) -> BindingPlan:
    return compile_bindings(load_bindings(FOLDER / "bindings.yaml"), contract, opened, snapshot)


def test_everything_that_a_stream_says_is_in_the_contract(contract: Contract) -> None:
    assert set(contract.sources) == {"robot", "plc", "fleet", "tank"}
    assert all(source.uri == f"plant:workcell?stream={name}" for name, source in contract.sources.items())


def test_bindings_of_all_the_kinds_hold(plan: BindingPlan, snapshot: Snapshot) -> None:
    kinds = {b.kind for b in load_bindings(FOLDER / "bindings.yaml").bindings}
    assert kinds == {"joint", "attach", "instance", "attribute", "style", "visibility", "pose"}
    # 6 links, 2 fingers, 3 vehicles, 1 liquid, 3 totes, 14 parcels
    assert len(plan.bound_nodes) == 29
    assert snapshot.findings == ()


def test_a_tote_travels_from_the_pick_to_the_place_station(
    contract: Contract, opened: OpenedStage, snapshot: Snapshot, plan: BindingPlan
) -> None:
    """Telemetry -> state -> bindings -> USD: after the robot's first trip, Tote_1 stands in the first slot of the table."""
    ingest, plant = Ingest(contract), Plant(seed=3, start_ns=START)
    writer = ColumnWriter(opened, snapshot, plan)
    tick = START
    for ordinal in range(1, 30 * 14):
        tick += NS // 30
        for arrival, source, raw in plant.advance(tick):
            ingest.offer(source, raw, arrival)
        ingest.advance(tick)
        writer.write(plan.evaluate(ingest.state, ordinal))
    tote = opened.stage.GetPrimAtPath("/WorkCell/Totes/Tote_1")
    world = UsdGeom.Xformable(tote).ComputeLocalToWorldTransform(Usd.TimeCode.Default())
    assert np.allclose(world.ExtractTranslation(), (-1.52, 0.52, 0.72), atol=1e-3)
    assert abs(world.TransformDir((1, 0, 0))[1]) == pytest.approx(1, abs=1e-4), (
        "its long side lies along the table"
    )
    untouched = opened.stage.GetPrimAtPath("/WorkCell/Totes/Tote_3")
    at = UsdGeom.Xformable(untouched).ComputeLocalToWorldTransform(Usd.TimeCode.Default())
    assert np.allclose(at.ExtractTranslation(), (0.08, -0.12, 0.72), atol=1e-6)
    for counters in ingest.counters.values():
        assert counters["late"] == 0


def test_recipe_asks_for_twelve_pictures_of_labels_that_exist(snapshot: Snapshot) -> None:
    recipe = load_recipe(FOLDER / "recipe.yaml")
    assert recipe.frames * len(recipe.cameras) == 12
    known = {label for item in snapshot.objects for label in item.labels}
    assert {cls.name for cls in recipe.labels} <= known
    assert {r.kind for r in recipe.randomize} == {"pose", "light", "color", "camera"}
