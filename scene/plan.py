"""Bindings, compiled: the state of the signals -> the columns of one tick.

`compile_bindings` checks every binding against the contract and the stage (a binding that cannot hold is an error that says
where it is written) and folds all that is constant. `BindingPlan.evaluate` is then a few array operations, however many
prims are bound. The plan remembers what it gave out last, so that a tick holds only what changed.
"""

from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.bindings import Bindings
from twinstage.scene.columns import (
    F8,
    I8,
    AttributeColumns,
    LabelColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    TickColumns,
    VisibilityColumns,
    frozen,
)
from twinstage.scene.entities import EntityPool
from twinstage.scene.inputs import Inputs
from twinstage.scene.live_labels import LabelSlot, LiveLabels
from twinstage.scene.movers import VectorGroup, VectorSignals
from twinstage.scene.plan_entities import update_pools
from twinstage.scene.poses import Drives, PoseStage
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage
from twinstage.scene.style import Styles
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.state import StateTable


@dataclass
class Switches:
    """Visibility bindings: node i8[n] sorted, input rows i8[n], threshold f8[n], invert bool[n]."""

    node: I8
    value: I8
    threshold: F8
    invert: np.ndarray
    authored: np.ndarray
    drives: Drives

    def __post_init__(self) -> None:
        self.shown = self.authored.copy()

    def update(self, rows: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """Switch `rows`; returns which changed, bool[n]."""
        before = self.shown.copy()
        values = inputs[self.value[rows]]
        wanted = (values >= self.threshold[rows]) != self.invert[rows]
        self.shown[rows] = np.where(np.isnan(values), self.shown[rows], wanted)
        return np.asarray(before != self.shown)


@dataclass
class Numbers:
    """Attribute bindings: input rows i8[n]; `current` f8[n], NaN before the first value."""

    value: I8
    drives: Drives

    def __post_init__(self) -> None:
        self.current: F8 = np.full(len(self.value), np.nan)

    def update(self, rows: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """New values of `rows`; returns which changed, bool[n]."""
        before = self.current.copy()
        values = inputs[self.value[rows]]
        self.current[rows] = np.where(np.isfinite(values), values, self.current[rows])
        return np.asarray((before != self.current) & ~np.isnan(self.current))


@dataclass
class BindingPlan:
    """What `compile_bindings` gives.

    Attributes:
        attributes: (attribute path, unit) of each slot of `AttributeColumns`; the unit is a UCUM code, "" where none.
        bound_nodes: nodes whose pose is bound, i8[n] sorted.
        signals_by_prim: ids of the signals that bindings connect to each prim path, in the contract's order.
        labels: prim and labels of each slot of `LabelColumns`.
        findings: what was changed in the stage to make bindings hold, one sentence each.
    """

    attributes: tuple[tuple[str, str], ...]
    signals_by_prim: dict[str, tuple[str, ...]]
    findings: tuple[str, ...]
    inputs: Inputs
    poses: PoseStage
    switches: Switches
    styles: Styles
    style_drives: Drives
    numbers: Numbers
    live_labels: LiveLabels
    pools: tuple[EntityPool, ...] = ()
    _seen: int = field(default=0, init=False)
    _event_ns: int = field(default=0, init=False)
    _restarted: bool = field(default=False, init=False)

    @property
    def bound_nodes(self) -> I8:
        return self._bound

    @property
    def switched_nodes(self) -> I8:
        """Nodes whose visibility is bound, i8[n] sorted."""
        return np.unique(np.concatenate([self.switches.node, *(pool.slots for pool in self.pools)])).astype(
            np.int64
        )

    @property
    def labels(self) -> tuple[LabelSlot, ...]:
        return self.live_labels.slots

    def __post_init__(self) -> None:
        self._bound: I8 = np.unique(
            np.concatenate([self.poses.nodes, *(pool.slots for pool in self.pools)])
        ).astype(np.int64)

    def signals_of(self, prim_path: str) -> tuple[str, ...]:
        """Ids of the signals that bindings connect to that prim; empty where there are none."""
        return self.signals_by_prim.get(prim_path, ())

    def reset(self) -> None:
        """Forget all values and who holds what: back to the authored scene.

        The next tick is a full one, so that everybody who followed the earlier ones comes back, too.
        """
        self._restarted = True
        self._seen = 0
        self._event_ns = 0
        self.inputs.reset()
        self.poses.reset()
        self.styles.reset()
        self.switches.shown = self.switches.authored.copy()
        self.numbers.current = np.full(len(self.numbers.value), np.nan)
        self.live_labels.reset()
        for pool in self.pools:
            pool.reset()

    def follow(self, state: StateTable) -> None:
        """Go on with another table that holds what the plan has seen: what is written there from now on is news."""
        self._seen = state.revision

    def evaluate(
        self,
        state: StateTable,
        ordinal: int,
        *,
        full: bool = False,
        watermark_ns: int = 0,
        quality: np.ndarray | None = None,
        also: np.ndarray | None = None,
        now_ns: int | None = None,
    ) -> TickColumns:
        """What changed since the last call, or with `full` everything that is bound.

        A full tick includes what changed, so the next one goes on from there. `ordinal` numbers the tick.
        `quality` u4[signals]: what to say of the signals in place of `state.quality`, for who counts age in
        (`StateTable.effective_quality`). `also`: indices of signals whose quality changed and nothing else; they are
        told, too, and styles look at them. Poses, visibility and attributes follow values alone. `now_ns`: of the tick, by
        which smoothed poses move on; None shows what was told at once.
        """
        full = full or self._restarted
        self._restarted = False
        changed = np.zeros(len(state.signal_ids), bool)
        changed[state.changed_since(self._seen)] = True
        self._seen = state.revision
        quality = state.quality if quality is None else quality
        told = changed.copy()
        if also is not None:
            told[also] = True
        inputs = self.inputs.evaluate(state.numeric, self._components(state))
        vectors = self._vectors(state)
        moved = self.poses.update(changed, inputs, vectors, now_ns)
        self._event_ns = max(self._event_ns, int(state.event_ns[changed].max(initial=0)))
        pose = self.poses.columns(np.ones_like(moved) if full else moved, ordinal, self._event_ns)
        tick = TickColumns(
            pose=pose,
            visibility=self._visibility(changed, inputs, full),
            style=self._style(quality, told, inputs, full),
            attributes=self._attributes(changed, inputs, full),
            signals=_signals(state, quality, told, full),
            watermark_ns=watermark_ns,
            labels=self._labels(changed, inputs, full),
            texts=_texts(state, quality, told, full),
        )
        return update_pools(self.pools, tick, changed, inputs, vectors, full) if self.pools else tick

    def _components(self, state: StateTable) -> np.ndarray:
        """Values of the vector components that expressions use, f8[k]; NaN before the first."""
        wanted = self.inputs.components
        return np.array([state.vector_at(s)[k] if state.usable[s] else np.nan for s, k in wanted], np.float64)

    def _vectors(self, state: StateTable) -> VectorSignals:
        groups = []
        for kind in ("pose", "quat", "vec[3]"):
            signals, values = state.vectors(kind)
            row = np.full(len(state.signal_ids), -1, np.int64)
            row[signals] = np.arange(len(signals))
            groups.append(VectorGroup(row, values))
        return VectorSignals(state.usable, *groups)

    def _visibility(self, changed: np.ndarray, inputs: np.ndarray, full: bool) -> VisibilityColumns:
        rows = np.flatnonzero(self.switches.drives.dirty(changed))
        which = self.switches.update(rows, inputs)
        pick = np.flatnonzero(which | full)
        return VisibilityColumns(
            frozen(self.switches.node[pick], np.uint32), frozen(self.switches.shown[pick], np.bool_)
        )

    def _style(self, quality: np.ndarray, told: np.ndarray, inputs: np.ndarray, full: bool) -> StyleColumns:
        rows = np.flatnonzero(self.style_drives.dirty(told))
        bad = self.style_drives.dirty((quality >> np.uint32(31)).astype(bool))[rows]
        pick = np.flatnonzero(self.styles.update(rows, inputs, bad) | full)
        return StyleColumns(
            frozen(self.styles.node[pick], np.uint32), frozen(self.styles.rgba[pick], np.uint8)
        )

    def _attributes(self, changed: np.ndarray, inputs: np.ndarray, full: bool) -> AttributeColumns:
        rows = np.flatnonzero(self.numbers.drives.dirty(changed))
        which = self.numbers.update(rows, inputs)
        pick = np.flatnonzero(which | (full & ~np.isnan(self.numbers.current)))
        return AttributeColumns(frozen(pick, np.uint32), frozen(self.numbers.current[pick], np.float64))

    def _labels(self, changed: np.ndarray, inputs: np.ndarray, full: bool) -> LabelColumns:
        rows = np.flatnonzero(self.live_labels.drives.dirty(changed))
        pick = np.flatnonzero(self.live_labels.update(rows, inputs) | full)
        return LabelColumns(frozen(pick, np.uint32), frozen(self.live_labels.choice[pick], np.int64))


def _signals(state: StateTable, quality: np.ndarray, told: np.ndarray, full: bool) -> SignalColumns:
    pick = np.flatnonzero((state.ordinal > 0) | told if full else told)
    return SignalColumns(
        frozen(pick, np.uint32),
        frozen(state.numeric[pick], np.float64),
        frozen(state.event_ns[pick], np.int64),
        frozen(quality[pick], np.uint32),
    )


def _texts(state: StateTable, quality: np.ndarray, told: np.ndarray, full: bool) -> TextColumns:
    strings = state.strings
    pick = strings[(state.ordinal[strings] > 0) | told[strings] if full else told[strings]]
    return TextColumns(
        frozen(pick, np.uint32),
        tuple(state.text(state.signal_ids[i]) or "" for i in pick.tolist()),
        frozen(state.event_ns[pick], np.int64),
        frozen(quality[pick], np.uint32),
    )


def compile_bindings(
    bindings: Bindings, contract: Contract, opened: OpenedStage, snapshot: Snapshot
) -> BindingPlan:
    """The plan of these bindings for that stage.

    Native instances that have bound prims below them are made non-instanceable in the stage's `bindings` layer, with a
    finding: USD ignores what is authored below an instance. Prim indices and paths stay as they are in `snapshot`.

    Raises UserError naming file, line, prim or signal for a binding that cannot hold.
    """
    from twinstage.scene.compile import Compiler

    return Compiler(bindings, contract, opened, snapshot).compile()
