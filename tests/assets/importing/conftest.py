"""Imports into a folder of the test, and twins over what was imported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.assets.importing.document import Document
from twinstage.assets.importing.document_check import validate
from twinstage.assets.importing.imports import Wish, import_file
from twinstage.assets.importing.registry import importer_for, make
from twinstage.assets.importing.source import Source
from twinstage.scene.bindings import parse_bindings
from twinstage.scene.plan import compile_bindings
from twinstage.scene.read import read_snapshot
from twinstage.scene.slots import make_slots
from twinstage.scene.stage import open_stage
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.state import StateTable


class Arm:
    """A stage with a signal `q.JOINT` for each of these joints."""

    def __init__(self, stage: Path, kinds: dict[str, str]) -> None:
        self.opened = open_stage(stage, probe=False)
        joints = [
            p for p in self.opened.stage.Traverse() if p.GetName() in kinds and "Joint" in p.GetTypeName()
        ]
        assert {p.GetName() for p in joints} == set(kinds)
        lines = [f"  - {{kind: joint, prim: {p.GetPath()}, signal: q.{p.GetName()}}}\n" for p in joints]
        bindings = parse_bindings("bindings: 1\ncontract: c.yaml\nbindings:\n" + "".join(lines))
        signals = "".join(
            f"  - {{id: q.{name}, source: a, field: {name}, unit: {'rad' if kind != 'prismatic' else 'm'}, type: f64}}\n"
            for name, kind in kinds.items()
        )
        time = "time: {field: t, unit: s, epoch: unix}"
        source = f"{{uri: 'memory:a', reader: {{format: jsonl, layout: long, {time}, name: n, value: v}}}}"
        contract = parse_contract(f"contract: 1\nsources:\n  a: {source}\nsignals:\n{signals}")
        assert not list(make_slots(bindings, self.opened))
        self.snapshot = read_snapshot(self.opened)
        self.plan = compile_bindings(bindings, contract, self.opened, self.snapshot)
        self.state = StateTable(contract)
        self.now = self.snapshot
        self.ordinal = 0

    def move(self, q: dict[str, float]) -> None:
        """Set coordinates and evaluate."""
        self.ordinal += 1
        for name, value in q.items():
            self.state.set(f"q.{name}", value, self.ordinal)
        columns = self.plan.evaluate(self.state, self.ordinal)
        self.now = self.now.moved(columns.pose, columns.visibility)

    def links(self) -> dict[str, np.ndarray]:
        """World matrices of the nodes by name; of equal names, that nearest to the root."""
        found: dict[str, np.ndarray] = {}
        for path in sorted(self.snapshot.prims.path, key=lambda p: p.count("/")):
            found.setdefault(path.rpartition("/")[2], self.now.node_world[self.snapshot.prims.index_of[path]])
        return found


@pytest.fixture(scope="session")
def arms() -> type[Arm]:
    """`arms(stage, {joint: kind})`: a twin whose joints are bound."""
    return Arm


@pytest.fixture
def read() -> Callable[..., Document]:
    """The document of a file, read in this process: `read(path, roots=(), packages={}, **options)`."""

    def run(
        path: Path, roots: tuple[Path, ...] = (), packages: dict[str, Path] | None = None, **options: Any
    ) -> Document:
        cls = importer_for(path)
        near = cls.packages_near(path)
        document = make(cls, options)(Source(path, roots, {**near, **(packages or {})}))
        validate(document)
        return document

    return run


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., tuple[Path, Any]]:
    """Import a file through the door: (interface layer, what was written)."""

    def run(path: Path, **wish: Any) -> tuple[Path, Any]:
        out = tmp_path / f"out_{path.stem}_{path.suffix[1:]}"
        written = import_file(path, out, Wish(force=True, **wish))
        return out / written.root, written

    return run
