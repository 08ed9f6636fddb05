"""Bindings on the state of a moment.

Grips and pools of entities have a memory: their way to the moment is gone again, from reading to reading of the signals that
they look at, and what was gone once is kept.
"""

import copy
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from twinstage.base.clock import NS
from twinstage.live.api.past_steps import Steps
from twinstage.scene.columns import TickColumns
from twinstage.telemetry.history.playback import Playback, boundary_before
from twinstage.telemetry.history.taken import FIRST, LAST

if TYPE_CHECKING:
    from twinstage.scene.inputs import Inputs
    from twinstage.scene.plan import BindingPlan
    from twinstage.telemetry.contract import Contract
    from twinstage.telemetry.history.kept import KeptHistory

MOST_STEPS = 20_000
"""Moments at which grips and pools look, up to a moment: the last so many are gone through."""
MOST_KEPT = 256
"""Places on the way that are kept."""
SETTLED_NS = 5 * NS
"""How far behind the newest reading `go_on` ends."""


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
        self._steps: dict[int, Steps] = {}
        self.gone_ns, self._stride_ns = FIRST, 20 * NS

    def forget(self, since_ns: int) -> None:
        """Something is told that happened then, or later: what was gone through from there on does not hold."""
        if not self._remembered or since_ns == LAST:
            return
        self._kept = [kept for kept in self._kept if kept[0] < since_ns]
        self.gone_ns = min(self.gone_ns, since_ns)
        for steps in self._steps.values():
            steps.forget(since_ns)

    def ticks(
        self, history: "KeptHistory", first_ns: int, last_ns: int, step_ns: int
    ) -> Iterator[tuple[int, TickColumns]]:
        """A full tick of the first moment, and what changed by each step up to the last, which is told in any case."""
        plan, playback = self._stand(history, first_ns)
        for moment in (*range(first_ns, last_ns, step_ns), last_ns):
            playback.play_to(min(moment, playback.end_ns))  # behind the last reading all stays as it is
            yield moment, _evaluated(plan, playback, moment, full=moment == first_ns)

    def go_on(self, history: "KeptHistory", seconds: float) -> bool:
        """Go some way through the history before somebody asks, for about that long; whether there is more to go.

        Up to the last few seconds, in which something may still be told.
        """
        span = history.span()
        if not self._remembered or span is None:
            return False
        end = span[1] - SETTLED_NS
        start = max(self.gone_ns, boundary_before(history, end))
        if start >= end:
            return False
        begin = perf_counter()
        self.gone_ns = min(start + self._stride_ns, end)
        self._walked(history, self.gone_ns)
        taken = perf_counter() - begin
        self._stride_ns = round(self._stride_ns * min(max(seconds / max(taken, 1e-3), 0.5), 2.0))
        return self.gone_ns < end

    def _stand(self, history: "KeptHistory", at_ns: int) -> "tuple[BindingPlan, Playback]":
        """The plan as it was just before a moment, and the telemetry of then."""
        if not self._remembered:
            plan = self._fresh
            plan.reset()
            return plan, _begun(history, self._contract, at_ns)
        moment, plan = self._walked(history, at_ns)
        plan = copy.deepcopy(plan)
        playback = _begun(history, self._contract, moment)
        plan.follow(playback.state)
        return plan, playback

    def _walked(self, history: "KeptHistory", at_ns: int) -> "tuple[int, BindingPlan]":
        """The last moment up to another at which something with a memory looked, and the plan as it stood there."""
        began = boundary_before(history, at_ns)
        if began not in self._steps:
            self._steps = {began: Steps(self._contract, self._remembered, began)}
        moments = self._steps[began].before(history, at_ns)[-MOST_STEPS:]
        last = int(moments[-1]) if len(moments) else began
        usable = [kept for kept in self._kept if began <= kept[0] <= last]
        if usable and usable[-1][0] == last:
            return usable[-1]
        start, plan = usable[-1] if usable else (began, self._fresh)
        plan = copy.deepcopy(plan)
        playback = _begun(history, self._contract, start)
        if usable:
            plan.follow(playback.state)
        else:
            _evaluated(plan, playback, began, full=True)
        rest = moments[int(np.searchsorted(moments, start, side="right")) :].tolist()
        spare = max(len(rest) // (MOST_KEPT // 2), 50)
        for count, moment in enumerate(rest, 1):
            playback.play_to(moment)
            _evaluated(plan, playback, moment)
            if count % spare == 0 and count < len(rest):
                self._keep(moment, copy.deepcopy(plan))
        self._keep(last, plan)
        return last, plan

    def _keep(self, moment: int, plan: "BindingPlan") -> None:
        others = [kept for kept in self._kept if kept[0] != moment]
        if len(others) >= MOST_KEPT:
            del others[1::2]
        self._kept = sorted([*others, (moment, plan)], key=lambda kept: kept[0])


def _begun(history: "KeptHistory", contract: "Contract", at_ns: int) -> Playback:
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
