"""Whether a field's values changed by the factor between two known units, and since which reading.

Two kinds of evidence, since neither is enough:

- *The edge.* Where a signal moves in small steps, one step that is many times larger than any before, and that lands
  where a known change of unit would have put the last value, with steps that are then larger by the same factor.
- *The windows.* Median, spread and step of a window lie outside of all that was seen before, and inside of it once the
  change is undone.

A level that changes by itself (a new set point, a failure) gives neither: its steps keep their size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from twinstage.telemetry.drift.factors import Change

F8: TypeAlias = NDArray[np.float64]

IMPLAUSIBLE = 14.0
"""Cost (a sum of squares, in standard deviations) from which a window is unlike all windows before."""
PLAUSIBLE = 8.0
"""Cost up to which a window, with a change undone, is like those before."""
NEAR = 8
"""Readings on each side of an edge that tell the level there."""
CHANCE = 0.1
"""Probability of landing on some known change by chance below which an edge needs no other evidence."""
SURE = 2
"""Windows in a row that must say the same where the level is far off; more of them where only spread and steps are, as they
also are when a thing that stood still begins to move."""
PATIENCE = 2
"""Windows in a row that are unlike all before and that no change explains, before such windows count as usual."""
_KEPT = 400


@dataclass(frozen=True, slots=True)
class Shape:
    """A window in three numbers: `level` its median, `spread` from its 10th to its 90th percentile, `step` the mean
    difference of neighbours without the largest twentieth, so that single spikes do not count."""

    level: float
    spread: float
    step: float

    def moved(self, change: Change) -> "Shape":
        """The same window in the other unit."""
        return Shape(
            self.level * change.scale + change.offset, self.spread * change.scale, self.step * change.scale
        )

    def undone(self, change: Change) -> "Shape":
        """The same window back in the declared unit."""
        return Shape(
            (self.level - change.offset) / change.scale, self.spread / change.scale, self.step / change.scale
        )


def shape_of(values: F8) -> Shape:
    """The shape of a window of at least two finite values."""
    low, level, high = np.quantile(values, (0.1, 0.5, 0.9))
    steps = np.sort(np.abs(np.diff(values)))
    return Shape(float(level), float(high - low), float(steps[: max(1, len(steps) * 19 // 20)].mean()))


class Memory:
    """Shapes of windows that were in order."""

    def __init__(self) -> None:
        self._shapes: list[Shape] = []
        self.largest_step = 0.0
        """The 95th percentile of steps, of the window where it was largest."""

    def __len__(self) -> int:
        return len(self._shapes)

    @property
    def levels(self) -> F8:
        """The median of each window."""
        return np.array([shape.level for shape in self._shapes])

    def learn(self, values: F8) -> None:
        """A window more; the oldest go when there are many."""
        self._shapes.append(shape_of(values))
        self.largest_step = max(self.largest_step, float(np.quantile(np.abs(np.diff(values)), 0.95)))
        if len(self._shapes) > _KEPT:
            self._shapes.pop(0)

    def convert(self, change: Change) -> None:
        """What was learned, in another unit."""
        self._shapes = [shape.moved(change) for shape in self._shapes]
        self.largest_step *= abs(change.scale)

    @property
    def relative_spread(self) -> float:
        """The usual spread as a share of the level; infinite where levels are 0."""
        shares = [one.spread / abs(one.level) if one.level else np.inf for one in self._shapes]
        return float(np.median(shares)) if shares else np.inf

    @property
    def constant(self) -> bool:
        """Whether nothing ever moved."""
        return all(shape.spread == 0.0 and shape.step == 0.0 for shape in self._shapes)

    def cost(self, shape: Shape, *, strict: bool = False) -> float:
        """How unlike all of them a window is: 0 for one that lies among them, else a sum of squares.

        strict: any other level counts. Else only one far off, since a plant changes its levels by itself.
        """
        total = self.level_cost(shape, strict=strict)
        for name in ("spread", "step"):
            value = getattr(shape, name)
            known = np.array([getattr(one, name) for one in self._shapes])
            known = known[known > 0]
            if len(known) and value > 0:
                total += _outside(np.log(value), np.log(known), 0.4) ** 2
        return total

    def level_cost(self, shape: Shape, *, strict: bool = False) -> float:
        """The part of the level."""
        levels = np.array([one.level for one in self._shapes])
        spread = float(np.median([one.spread for one in self._shapes]))
        width = max(float(np.ptp(levels)) / (8 if strict else 2), spread / 2, 1e-12)
        return (
            _outside(
                shape.level, levels, max(width, (0.001 if strict else 0.2) * float(np.abs(levels).max()))
            )
            ** 2
        )


def _outside(value: float, known: F8, unit: float) -> float:
    return float(max(0.0, known.min() - value, value - known.max())) / unit


_RESTLESS = 0.5
_STEADY = 0.1
"""Spreads as shares of their level: of something that stands still or begins to move, and of something that moves evenly."""


def at_rest(shape: Shape, memory: Memory) -> bool:
    """Whether a window is that of a thing that stopped, or starts: its noise is as large as its level, where usually it is a
    small part of it. Another unit makes both smaller alike."""
    usual = memory.relative_spread
    return usual < _STEADY and shape.spread > _RESTLESS * abs(shape.level)


def changed_at(
    before: F8, values: F8, memory: Memory, changes: Sequence[Change]
) -> tuple[int, Change] | None:
    """The reading of `values` (its place) since which they are in another unit, and which; None where no edge says so.

    before: readings that precede, in order; both of at least `NEAR`.
    """
    joined = np.concatenate([before, values])
    steps = np.abs(np.diff(joined))
    usual = memory.largest_step
    if usual == 0.0:
        usual = 1e-7 * float(np.abs(before).max())
    first, last = max(len(before) - 1, NEAR - 1), len(joined) - NEAR
    for at in np.flatnonzero(steps[first:last] > 2.5 * usual) + first:
        found = _at_edge(joined, int(at), usual, memory, changes)
        if found is not None:
            return int(at) + 1 - len(before), found
    return None


def _at_edge(values: F8, at: int, usual: float, memory: Memory, changes: Sequence[Change]) -> Change | None:
    """The change that explains the step after place `at`, if one does, and does so better than a new level."""
    old, new = values[max(0, at + 1 - 4 * NEAR) : at + 1], values[at + 1 : at + 1 + 4 * NEAR]
    if at_rest(shape_of(old), memory) or at_rest(shape_of(new), memory):
        return None
    moves = float(np.median(np.abs(np.diff(old))))
    reach = 1.5 * usual + NEAR * moves
    best: tuple[float, Change, float] | None = None
    for change in changes:
        back = (new - change.offset) / change.scale
        landed = abs(back[0] - old[-1])
        middle = abs(np.median(back[:NEAR]) - np.median(old[-NEAR:]))
        if landed > 1.5 * usual or middle > reach:
            continue
        cost = (landed / usual) ** 2 + (middle / reach) ** 2 + _steps_differ(old, back)
        if cost < 9.0 and (best is None or cost < best[0]):
            best = (cost, change, landed)
    if best is None:
        return None
    jump = abs(float(new[0] - old[-1]))
    chance = len(changes) * 2 * abs(best[1].scale) * max(best[2], 2 * moves) / jump
    if chance > CHANCE and memory.cost(shape_of(new)) < IMPLAUSIBLE:
        return None
    return best[1]


def _steps_differ(old: F8, new: F8) -> float:
    """How unlike the steps of two stretches are: the square of the log of their ratio, in standard deviations."""
    one, other = shape_of(old).step, shape_of(new).step
    if one == 0.0 or other == 0.0:
        return 0.0 if one == other else 100.0
    return float((np.log(other / one) / 0.5) ** 2)


def like_before(shape: Shape, memory: Memory, changes: Sequence[Change]) -> Change | None:
    """The change that makes a window like those before; None where it is so already, or nothing does."""
    if memory.constant or memory.cost(shape) < IMPLAUSIBLE or at_rest(shape, memory):
        return None
    costs = [memory.cost(shape.undone(change)) for change in changes]
    best = min(costs, default=PLAUSIBLE)
    if best >= PLAUSIBLE:
        return None
    tied = [change for cost, change in zip(costs, changes, strict=True) if cost < best + 1.0]
    return min(tied, key=lambda change: memory.cost(shape.undone(change), strict=True))


class Judge:
    """Windows of one size, one after the other: learns the usual ones, names the change that explains the others."""

    def __init__(self, unsure: int) -> None:
        self.memory = Memory()
        self._unsure = unsure
        self._doubt: Change | None = None
        self._agree = 0
        self._strange = 0

    def judge(self, values: F8, changes: Sequence[Change], learning: bool) -> Change | None:
        """The change that this window and those before it agree on."""
        if learning or not len(self.memory):
            self.memory.learn(values)
            return None
        shape = shape_of(values)
        change = like_before(shape, self.memory, changes)
        if change is not None:
            self._agree = self._agree + 1 if change == self._doubt else 1
            sure = self.memory.level_cost(shape) >= IMPLAUSIBLE
            if self._agree >= (SURE if sure else self._unsure):
                return change
        elif self._strange >= PATIENCE or self.memory.cost(shape) < IMPLAUSIBLE:
            self.memory.learn(values)
            self._strange = 0
        else:
            self._strange += 1
        self._doubt = change
        return None

    def convert(self, change: Change) -> None:
        """What was learned, in another unit."""
        self.memory.convert(change)
        self._doubt, self._agree, self._strange = None, 0, 0
