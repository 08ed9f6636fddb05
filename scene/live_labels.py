"""Signals -> class labels of prims: steps with hysteresis, or a map of whole values. numpy only."""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8, I8, Bool
from twinstage.scene.poses import Drives

AUTHORED = -1
"""The choice of a prim that keeps its authored labels."""


@dataclass(frozen=True, slots=True)
class LabelSlot:
    """One bound prim: its path, the taxonomy, and the labels to choose from."""

    path: str
    taxonomy: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelMap:
    """values f8[k], rising; `label` i8[k] indexes the slot's labels; `steps`: a label holds from its value on."""

    values: F8
    label: I8
    steps: bool
    hysteresis: float

    def choose(self, value: float, before: int) -> int:
        """The label of a value, after label `before`."""
        if not np.isfinite(value):
            return before
        if not self.steps:
            hit = np.flatnonzero(self.values == np.rint(value))
            return int(self.label[hit[0]]) if len(hit) else AUTHORED
        now = int(np.searchsorted(self.values, value, side="right")) - 1
        was = int(np.flatnonzero(self.label == before)[0]) if before in self.label else AUTHORED
        if now < was:  # falling: only when clearly below the step that was reached
            now = int(np.searchsorted(self.values, value + self.hysteresis, side="right")) - 1
            now = min(now, was)
        return int(self.label[now]) if now >= 0 else AUTHORED


@dataclass
class LiveLabels:
    """All label bindings of a plan: input rows i8[n]; state: the choice of each slot, i8[n]."""

    slots: tuple[LabelSlot, ...]
    value: I8
    maps: tuple[LabelMap, ...]
    drives: Drives

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Authored labels everywhere."""
        self.choice: I8 = np.full(len(self.slots), AUTHORED, np.int64)

    def update(self, rows: np.ndarray, inputs: np.ndarray) -> Bool:
        """Choose for `rows`; returns which choices changed, bool[n]."""
        before = self.choice.copy()
        for row in rows.tolist():
            self.choice[row] = self.maps[row].choose(float(inputs[self.value[row]]), int(before[row]))
        return np.asarray(before != self.choice)
