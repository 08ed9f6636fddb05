"""Bindings on the state of a moment.

Grips and pools of entities have a memory: their way to the moment is gone again, from reading to reading of the signals that
they look at, and what was gone once is kept.
"""

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from twinstage.scene.columns import TickColumns
from twinstage.telemetry.history.playback import Playback, boundary_before

if TYPE_CHECKING:
    from twinstage.scene.inputs import Inputs
    from twinstage.scene.plan import BindingPlan
    from twinstage.telemetry.contract import Contract
    from twinstage.telemetry.history.query import History

MOST_STEPS = 20_000
"""Changes of what grips and pools look at, up to a moment: the last so many are gone through."""
MOST_KEPT = 32
"""Places on the way that are kept."""


class PastPlan:
    """A plan of its own, which nobody else evaluates. Not for two threads at once."""

    def __init__(self, plan: "BindingPlan", contract: "Contract") -> None:
        """`plan` is taken over."""
        plan.reset()
        self._fresh = plan
        self._contract = contract
        self._remembered = remembered_signals(plan, [signal.id for signal in contract.quantities])
        self._kept: list[tuple[int, BindingPlan]] = []
        """Moments, rising, and the plan as it stood there."""

    def ticks(
        self, history: "History", first_ns: int, last_ns: int, step_ns: int
    ) -> Iterator[tuple[int, TickColumns]]:
        """A full tick of the first moment, and what changed by each step up to the last, which is told in any case."""
        plan, playback = self._stand(history, first_ns)
        for moment in (*range(first_ns, last_ns, step_ns), last_ns):
            playback.play_to(min(moment, playback.end_ns))  # behind the last reading all stays as it is
            yield moment, _evaluated(plan, playback, moment, full=moment == first_ns)

    def _stand(self, history: "History", at_ns: int) -> "tuple[BindingPlan, Playback]":
        """The plan as it was just before a moment, and the telemetry of then."""
        if not self._remembered:
            plan = self._fresh
            plan.reset()
            return plan, _begun(history, self._contract, at_ns)
        began = boundary_before(history, at_ns)
        usable = [kept for kept in self._kept if began <= kept[0] <= at_ns]
        if usable:
            began, found = usable[-1]
            plan = copy.deepcopy(found)
        else:
            plan = copy.deepcopy(self._fresh)
        playback = _begun(history, self._contract, began)
        if not usable:
            _evaluated(plan, playback, began, full=True)
        moments = self._moments(history, began, at_ns)
        spare = max(len(moments) // MOST_KEPT, 50)
        for count, moment in enumerate(moments, 1):
            playback.play_to(moment)
            _evaluated(plan, playback, moment)
            if count % spare == 0 or count == len(moments):
                self._keep(moment, plan)
        return plan, playback

    def _moments(self, history: "History", began_ns: int, at_ns: int) -> list[int]:
        """When signals with a memory changed, after one moment and before another."""
        if at_ns <= began_ns + 1:
            return []
        known = history.signals() | history.derived()
        names = [name for name in self._remembered if name in known]
        if not names:
            return []
        changes = history.changes(names, began_ns + 1, at_ns)[-MOST_STEPS:]
        # What is let go stays where it was just before.
        return [moment for change in changes for moment in (change - 1, change) if moment < at_ns]

    def _keep(self, moment: int, plan: "BindingPlan") -> None:
        others = [kept for kept in self._kept if kept[0] != moment]
        if len(others) >= MOST_KEPT:
            del others[1::2]
        self._kept = sorted([*others, (moment, copy.deepcopy(plan))], key=lambda kept: kept[0])


def _begun(history: "History", contract: "Contract", at_ns: int) -> Playback:
    playback = Playback(history, contract, at_ns)
    playback.advance(at_ns)  # the first one is the start
    return playback


def _evaluated(plan: "BindingPlan", playback: Playback, moment: int, *, full: bool = False) -> TickColumns:
    state = playback.state
    aged = state.quality_changes(moment)
    return plan.evaluate(
        state,
        1,
        full=full,
        watermark_ns=moment,
        quality=state.reported,
        also=aged,
        now_ns=moment,
    )


def remembered_signals(plan: "BindingPlan", names: list[str]) -> list[str]:
    """Signals whose past decides how things stand: those of grips, and those that name entities."""
    found: set[int] = set()
    for grip in plan.poses.attachments.grips:
        found |= signals_of(plan.inputs, grip.value, len(names))
    for pool in plan.pools:
        found |= set(pool.id_drives.signal.tolist())
    return [names[k] for k in sorted(found)]


def signals_of(inputs: "Inputs", row: int, count: int) -> set[int]:
    """Indices of the signals that an input depends on, of so many signals."""
    used = set(inputs.signal[row][inputs.weight[row] != 0].tolist())
    for group in inputs.groups:
        for k in np.flatnonzero(group.rows == row).tolist():
            used |= set(group.signals[:, k].tolist())
    components = {count + 1 + k: signal for k, (signal, _) in enumerate(inputs.components)}
    return {components.get(operand, operand) for operand in used} - {count}
