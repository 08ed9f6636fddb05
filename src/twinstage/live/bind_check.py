"""`bind check`: replay what the sources recorded through the plan, and tell what each binding did with it."""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.live.checks.telemetry import Budget, Sample, read_sample
from twinstage.live.examine import Report, examine_twin
from twinstage.live.twin import TwinFiles

if TYPE_CHECKING:
    from twinstage.live.checks.twin import ExaminedTwin
    from twinstage.scene.columns import TickColumns
    from twinstage.scene.compile import Compiler

MOST_TICKS = 5000
"""More moments than this are thinned out evenly; readings in between still count for signals, not for what moved."""
MOST_POSES = 2_000_000
"""Fewer moments are looked at where they would add up to more poses than this."""


@dataclass
class Effect:
    """What one binding did.

    Attributes:
        where, kind, prim: which binding. `signals`: what drives it.
        moved_m, turned_deg: greatest distance and angle from the first pose, of its prim to its parent.
        low, high, unit: least and greatest value of what drives it ("" where there is no one number).
        beyond: moments at which a joint was beyond its limits, of `moments`.
        poses: at how many moments its pose changed; `scaled`: least and greatest factor along the axis that it scales most.
        changes: how often it was switched, coloured, labelled, written or took something.
        unseen: signals of it without any value.
    """

    where: str
    kind: str
    prim: str
    signals: tuple[str, ...] = ()
    moved_m: float = 0.0
    turned_deg: float = 0.0
    low: float | None = None
    high: float | None = None
    unit: str = ""
    beyond: int = 0
    poses: int = 0
    scaled: tuple[float, float] | None = None
    changes: int = 0
    unseen: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether nothing came of it."""
        return self.poses < 2 and not self.changes

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "idle": self.idle}


@dataclass(frozen=True, slots=True)
class Proof:
    """What `bind check` found. `moments`: how many ticks were replayed; `holds`: no error, no warning, no idle binding."""

    findings: tuple[Finding, ...]
    effects: tuple[Effect, ...]
    moments: int
    seconds: float
    unseen: tuple[str, ...]

    @property
    def holds(self) -> bool:
        idle = any(effect.idle for effect in self.effects) and self.moments > 0
        return not idle and not any(
            f.severity != "info" for f in self.findings if f.code.startswith(PROOF_CODES)
        )


PROOF_CODES = (
    "binding.",
    "limits.",
    "range.",
    "axis.",
    "joint.",
    "signal.",
    "source.",
    "contract.",
    "twin.",
    "style.",
    "switch.",
    "label.",
)
"""Areas that bindings answer for; what else `doctor` says of the stage is not held against them."""


def check_bindings(
    files: TwinFiles,
    data: dict[str, Path] | None = None,
    *,
    isolated: bool = True,
    budget: Budget | None = None,
) -> Proof:
    """Examine the twin and replay its recordings. `data`: other recordings, by source.

    Raises UserError for a source that the contract lacks.
    """
    budget = budget or Budget(file_bytes=64 << 20, plant_s=60.0)
    report = examine_twin(files, isolated=isolated, budget=budget)
    twin = report.twin
    if twin is None:
        return Proof(tuple(report.findings), (), 0, 0.0, ())
    if data:
        report = _with_data(report, twin, data, budget)
        twin = report.twin
        assert twin is not None
    sample = read_sample(twin.contract, report.base_dir, budget)
    seen = sample.seen()
    unseen = tuple(
        s.id for k, s in enumerate(twin.contract.signals) if k not in seen and s.source in sample.sampled
    )
    effects, moments = _replay(twin, sample)
    for effect in effects:
        effect.unseen = tuple(s for s in effect.signals if s in unseen)
    end = max((event[0] for event in sample.events), default=0) / 1e9
    return Proof(tuple(report.findings), tuple(effects), moments, end, unseen)


def _with_data(report: Report, twin: "ExaminedTwin", data: dict[str, Path], budget: Budget) -> Report:
    from twinstage.live.examine import examine_motion

    sources = dict(twin.contract.sources)
    for name, path in data.items():
        if name not in sources:
            from twinstage.base.errors import did_you_mean

            raise UserError(f"the contract has no source {name!r}{did_you_mean(name, sources)}")
        sources[name] = sources[name].model_copy(update={"uri": f"file:{path.absolute()}"})
    contract = twin.contract.model_copy(update={"sources": sources})
    return examine_motion(report, replace(twin, contract=contract), budget)


# --- replay -------------------------------------------------------------------------------------------------------


def _replay(twin: "ExaminedTwin", sample: Sample) -> tuple[list[Effect], int]:
    from twinstage.telemetry.state import StateTable

    watch = _Watch(twin)
    if not sample.events:
        return watch.effects, 0
    state, plan = StateTable(twin.contract), twin.plan
    plan.reset()
    times = np.array([event[0] for event in sample.events], np.int64)
    moments = np.unique(times)
    most = max(100, min(MOST_TICKS, MOST_POSES // max(1, len(plan.bound_nodes))))
    if len(moments) > most:
        moments = moments[np.unique(np.linspace(0, len(moments) - 1, most).astype(np.int64))]
    ends = np.searchsorted(times, moments, side="right")
    start = 0
    for ordinal, end in enumerate(ends.tolist(), 1):
        state.apply(
            [(e[0], e[1], e[2], k, e[3], e[4]) for k, e in enumerate(sample.events[start:end], start)]
        )
        state.derive()
        start = end
        watch.see(plan.evaluate(state, ordinal))
    plan.reset()
    return watch.effects, len(moments)


class _Watch:
    """Follows what each binding does, tick by tick."""

    def __init__(self, twin: "ExaminedTwin") -> None:
        from twinstage.scene.joints import joint_limits

        self.twin = twin
        compiler: Compiler = twin.compiler
        names = tuple(compiler.signals.index_of)
        paths = twin.snapshot.prims.path
        self.effects: list[Effect] = []
        self.by_node: dict[int, Effect] = {}
        self.rows: list[tuple[Effect, int, float, float, float]] = []
        self.by_slot: dict[int, Effect] = {}
        self.switches: dict[int, Effect] = {}
        self.styles: dict[int, Effect] = {}
        self.labels: dict[int, Effect] = {}
        self.grips: list[tuple[Effect, int]] = []
        self._first: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._scales: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._held: list[frozenset[int]] = [frozenset() for _ in compiler.grips]

        def used(row: int) -> tuple[str, ...]:
            return tuple(names[k] for k in compiler.inputs.uses(row))

        bound = {where for where, _ in compiler.joint_bindings}
        for joint in compiler.joints:
            if joint.where not in bound:
                continue
            turns = joint.joint.motion == "rotate"
            effect = self._new(
                joint.where, "joint", joint.joint.path, used(joint.value), "deg" if turns else "m"
            )
            self.by_node[joint.node] = effect
            prim = twin.prim(joint.joint.path)
            limits = (joint_limits(prim, twin.opened.meters_per_unit) if prim else None) or (-np.inf, np.inf)
            self.rows.append((effect, joint.value, 180 / math.pi if turns else 1.0, *limits))
        for pose in compiler.poses:
            signals = tuple(names[k] for k in _pose_signals(compiler, pose))
            kind = "pose" if pose.node < len(paths) else "instance"
            path = pose.where.split(" binding of ")[-1]
            self.by_node[pose.node] = self._new(pose.where, kind, path, signals)
        for request in compiler.entities:
            signals = tuple(
                dict.fromkeys(
                    s
                    for c in request.channels
                    for s in (*used(c.id), *(names[k] for k in _pose_signals(compiler, c.pose)))
                )
            )
            effect = self._new(
                request.channels[0].pose.where, "entity", request.slots[0].rpartition("_entity_")[0], signals
            )
            for node in request.nodes:
                self.by_node[node] = self.switches[node] = effect
        for k, (path, unit, row) in enumerate(compiler.numbers):
            effect = self._new("", "attribute", path, used(row), unit)
            self.by_slot[k] = effect
            self.rows.append((effect, row, 1.0, -np.inf, np.inf))
        for table, kind, into in (
            (compiler.switches, "visibility", self.switches),
            (compiler.styles, "style", self.styles),
        ):
            for node, bound_row in sorted(table.items()):
                effect = self._new("", kind, paths[node], used(bound_row.value), bound_row.binding.unit or "")
                into[node] = effect
                self.rows.append((effect, bound_row.value, 1.0, -np.inf, np.inf))
        for k, label in enumerate(compiler.labels):
            self.labels[k] = self._new("", "label", label.slot.path, used(label.value))
        for k, grip in enumerate(compiler.grips):
            self.grips.append((self._new("", "attach", paths[grip.frame], used(grip.value)), k))

    def _new(self, where: str, kind: str, prim: str, signals: tuple[str, ...], unit: str = "") -> Effect:
        effect = Effect(where.split(": ")[0], kind, prim, signals, unit=unit)
        self.effects.append(effect)
        return effect

    def see(self, tick: "TickColumns") -> None:
        """Take one tick."""
        pose = tick.pose
        for row, node in enumerate(pose.index.tolist()):
            effect = self.by_node.get(node)
            if effect is None:
                continue
            first = self._first.setdefault(
                node, (pose.translation[row], pose.rotation[row].astype(np.float64))
            )
            effect.moved_m = max(effect.moved_m, float(np.linalg.norm(pose.translation[row] - first[0])))
            effect.turned_deg = max(
                effect.turned_deg, _angle(first[1], pose.rotation[row].astype(np.float64))
            )
            effect.poses += 1
            if pose.scale is not None:
                low, high = self._scales.get(node, (np.inf, -np.inf))
                low, high = np.minimum(low, pose.scale[row]), np.maximum(high, pose.scale[row])
                self._scales[node] = (low, high)
                axis = int((high - low).argmax())
                effect.scaled = (float(low[axis]), float(high[axis]))
        last = self.twin.plan.inputs.last
        for effect, row, factor, low, high in self.rows:
            value = float(last[row])
            if not math.isfinite(value):
                continue
            shown = value * factor
            effect.low = shown if effect.low is None else min(effect.low, shown)
            effect.high = shown if effect.high is None else max(effect.high, shown)
            slack = 1e-6 + 0.005 * (high - low) if math.isfinite(high - low) else 0.0
            effect.beyond += value < low - slack or value > high + slack
        for index, table in (
            (tick.visibility.index, self.switches), (tick.style.index, self.styles),
            (tick.attributes.slot, self.by_slot), (tick.labels.slot, self.labels),
        ):  # fmt: skip
            for key in index.tolist():
                if key in table:
                    table[key].changes += 1
        self._see_grips()

    def _see_grips(self) -> None:
        attachments = self.twin.plan.poses.attachments
        for effect, k in self.grips:
            held = frozenset(n for n in attachments.grips[k].candidates if attachments.holder_of(n) == k)
            effect.changes += len(held - self._held[k])
            self._held[k] = held

    def finish(self) -> None:
        """A turn of less than a millionth of a degree is rounding."""
        for effect in self.effects:
            effect.turned_deg = (
                0.0 if effect.turned_deg < 0.03 and effect.kind != "joint" else effect.turned_deg
            )


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees between two rotations wxyz; below float32's resolution it is 0."""
    w = abs(float(np.dot(a, b)))
    v = a[0] * b[1:] - b[0] * a[1:] - np.cross(a[1:], b[1:])
    angle = math.degrees(2 * math.atan2(float(np.linalg.norm(v)), w))
    return angle if angle > 1e-4 else 0.0


def _pose_signals(compiler: "Compiler", pose: Any) -> tuple[int, ...]:
    from twinstage.scene.compile_poses import uses_of

    return uses_of(compiler.inputs, pose)
