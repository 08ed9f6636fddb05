"""Readings -> the values of every signal, and of every input of the bindings, at some hundred moments. numpy only.

Where a recording is at hand its values are used, else values spread over the declared range: so units, signs and axes can be
judged before anything is connected.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.live.checks.telemetry import Sample
from twinstage.scene.columns import F8, Bool
from twinstage.scene.inputs import Inputs
from twinstage.telemetry.contract import Contract, SignalSpec
from twinstage.telemetry.derived import Derivations
from twinstage.telemetry.expressions import evaluate

MOMENTS = 400
SEED = 7


@dataclass(frozen=True, slots=True)
class Trajectories:
    """Signals over time.

    Attributes:
        numeric: f8[t, signals] in SI, NaN where unknown. `vectors`: f8[t, k] by signal index.
        recorded: whether values were read, bool[signals]; the others are spread over their declared range, if any.
        declared: the declared range in SI, f8[signals, 2], NaN where there is none.
    """

    numeric: F8
    vectors: dict[int, F8]
    recorded: Bool
    declared: F8

    def inputs(self, inputs: Inputs) -> F8:
        """Values of all inputs, f8[t, rows]; an input that is not finite holds its last value."""
        inputs.reset()
        unknown = np.full(len(self.numeric), np.nan)
        columns = [self.vectors[s][:, k] if s in self.vectors else unknown for s, k in inputs.components]
        parts = np.stack(columns, 1) if columns else np.empty((len(self.numeric), 0))
        out = np.stack(
            [inputs.evaluate(row, part).copy() for row, part in zip(self.numeric, parts, strict=True)]
        )
        inputs.reset()
        return out


def make_trajectories(contract: Contract, sample: Sample) -> Trajectories:
    """Signals of the contract at `MOMENTS` moments."""
    count = len(contract.quantities)
    numeric = np.full((MOMENTS, count), np.nan)
    recorded = np.zeros(count, bool)
    vectors: dict[int, F8] = {}
    by_signal: dict[int, list[int]] = {}
    for k, event in enumerate(sample.events):
        if event[3] is not None and event[4] < 0x80000000:
            by_signal.setdefault(event[1], []).append(k)
    end = max((event[0] for event in sample.events), default=0)
    moments = np.linspace(0, end, MOMENTS)
    for index, rows in by_signal.items():
        times = np.array([sample.events[k][0] for k in rows], np.float64)
        values = [sample.events[k][3] for k in rows]
        at = np.clip(np.searchsorted(times, moments, side="right") - 1, 0, len(rows) - 1)
        signal = contract.signals[index]
        if signal.width > 1:
            vectors[index] = np.array(values, np.float64).reshape(len(rows), -1)[at]
        elif signal.type != "string":
            numeric[:, index] = np.array(values, np.float64)[at]
        recorded[index] = True
    declared = _declared(contract)
    rng = np.random.Generator(np.random.Philox(SEED))
    for index in np.flatnonzero(~recorded & np.isfinite(declared).all(1)).tolist():
        low, high = declared[index]
        if contract.signals[index].width == 1:
            numeric[:, index] = rng.permutation(np.linspace(low, high, MOMENTS))
    _derive(contract, numeric, vectors)
    return Trajectories(numeric, vectors, recorded, declared)


def _derive(contract: Contract, numeric: F8, vectors: dict[int, F8]) -> None:
    """Fill in derived signals, in place."""
    for group in Derivations(contract).groups:
        columns = numeric.T[group.inputs]
        for row, column in np.argwhere(group.component >= 0).tolist():
            vector = vectors.get(int(group.inputs[row, column]))
            if vector is not None:
                columns[row, column] = vector[:, group.component[row, column]]
        flat = columns.reshape(len(columns), -1)
        numeric[:, group.own] = evaluate(group.shape, flat).reshape(len(group.own), -1).T


def _declared(contract: Contract) -> F8:
    out = np.full((len(contract.quantities), 2), np.nan)
    for index, signal in enumerate(contract.quantities):
        if signal.type == "bool":
            out[index] = 0, 1
        elif signal.type == "enum":
            out[index] = min(signal.enum_codes.values()), max(signal.enum_codes.values())
        elif isinstance(signal, SignalSpec) and signal.range is not None and np.isfinite(signal.range).all():
            unit = signal.compiled_unit
            out[index] = sorted(unit.to_si(value) for value in signal.range)
    return out
