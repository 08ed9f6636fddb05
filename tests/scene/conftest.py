"""Small stages, contracts and plans from text."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.bindings import parse_bindings
from twinstage.scene.bones import make_bones
from twinstage.scene.plan import BindingPlan, compile_bindings
from twinstage.scene.read import read_snapshot
from twinstage.scene.slots import make_slots
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage, open_stage
from twinstage.telemetry.contract import Contract, parse_contract
from twinstage.telemetry.state import StateTable

HEADER = """contract: 1
sources:
  a: {uri: "memory:a", reader: {format: jsonl, layout: long, time: {field: t, unit: s, epoch: unix}, name: n, value: v}}
signals:
"""


class Twin:
    """A stage, its plan and a state to drive it with; `columns` are evaluated tick by tick."""

    def __init__(self, opened: OpenedStage, contract: Contract, bindings: str) -> None:
        self.opened = opened
        parsed = parse_bindings(bindings)
        for problem in make_slots(parsed, opened):
            raise problem
        make_bones(opened)
        self.snapshot: Snapshot = read_snapshot(opened)
        self.plan: BindingPlan = compile_bindings(parsed, contract, opened, self.snapshot)
        self.state = StateTable(contract)
        self.now = self.snapshot
        self.ordinal = 0

    def tick(self, **values: Any) -> Any:
        """Set signals (double underscores stand for dots), evaluate, move `now`; returns the columns."""
        self.ordinal += 1
        for name, value in values.items():
            self.state.set(name.replace("__", "."), value, self.ordinal)
        columns = self.plan.evaluate(self.state, self.ordinal)
        self.now = self.now.moved(columns.pose, columns.visibility)
        return columns

    def world(self, path: str) -> np.ndarray:
        return self.now.node_world[self.snapshot.prims.index_of[path]]

    def local(self, path: str) -> np.ndarray:
        return self.now.node_local[self.snapshot.prims.index_of[path]]


@pytest.fixture(scope="session")
def usda() -> Any:
    """Materials as usda text: the module `material_text`."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(
        "twinstage_tests_material_text", Path(__file__).with_name("material_text.py")
    )
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def read_text(open_text: Callable[..., OpenedStage]) -> Callable[..., Snapshot]:
    """The snapshot of usda text."""
    return lambda body, **stage: read_snapshot(open_text(body, **stage))


@pytest.fixture
def open_text(tmp_path: Path) -> Callable[..., OpenedStage]:
    """Write usda text (without its header) to a file and open it."""

    def make(body: str, *, up: str = "Z", units: float = 1.0, name: str = "stage.usda") -> OpenedStage:
        path = tmp_path / name
        body = body.replace(" }", "\n}")  # usda wants a line's end before a closing brace
        path.write_text(f'#usda 1.0\n(\n    upAxis = "{up}"\n    metersPerUnit = {units}\n)\n{body}')
        return open_stage(path, probe=False)

    return make


@pytest.fixture
def make_contract() -> Callable[..., Contract]:
    """A contract of signals, each given as `id=unit` or `id=unit type`."""

    def make(**signals: str) -> Contract:
        lines = []
        for name, text in signals.items():
            unit, _, kind = text.partition(" ")
            id_ = name.replace("__", ".")
            extra = ", values: [a, b]" if kind == "enum" else ""
            lines.append(
                f'  - {{id: {id_}, source: a, field: {id_}, unit: "{unit}", type: "{kind or "f64"}"{extra}}}'
            )
        return parse_contract(HEADER + "\n".join(lines) + "\n")

    return make


@pytest.fixture
def make_twin(open_text: Any, make_contract: Any) -> Callable[..., Twin]:
    """A twin from stage text, binding lines and signals."""

    def make(body: str, bindings: str, signals: dict[str, str], **stage: Any) -> Twin:
        lines = "".join(f"  - {line}\n" for line in bindings.strip().splitlines())
        text = f"bindings: 1\ncontract: c.yaml\nbindings:\n{lines}"
        return Twin(open_text(body, **stage), make_contract(**signals), text)

    return make


@pytest.fixture(scope="session")
def assert_like_pxr() -> Callable[..., Snapshot]:
    """Reads an opened stage (at a time code) and compares all of it with pxr; see like_pxr.py."""
    spec = importlib.util.spec_from_file_location(
        "twinstage_tests_like_pxr", Path(__file__).with_name("like_pxr.py")
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    check: Callable[..., Snapshot] = module.assert_like_pxr
    return check
