"""Operating modes: what is plausible depends on what the plant is doing.

A signal's `range` is what it can be at all; outside of it a reading goes to quarantine. Its `mode_range` is what it should
be in one mode; outside of it the reading still counts, with the quality Uncertain_EngineeringUnitsExceeded: a pressure of
6 bar is a fact, also where the line should stand still.

The mode is what the contract's `mode` signal says. It holds from its own event time on, for readings of the same instant
too, and stays when that signal turns bad. Readings are judged where they are applied, in event-time order, so a replay
judges them in the same way; those that come too late to move the state keep the quality that they came with.
"""

from dataclasses import replace

import numpy as np

from twinstage.base.quality import UNCERTAIN_RANGE_EXCEEDED
from twinstage.telemetry.columns import FLOAT, I8, OTHER, EventColumns, kinds_of, values_of
from twinstage.telemetry.contract import Contract, SignalSpec
from twinstage.telemetry.state import StateTable


class ModeRanges:
    """The ranges of all modes of a contract, in SI."""

    def __init__(self, contract: Contract) -> None:
        ranged = [signal for signal in contract.signals if signal.mode_range]
        names = dict.fromkeys(name for signal in ranged for name in signal.mode_range)
        self._places = {name: k for k, name in enumerate(names, 1)}  # 0: any other mode, or none
        self._kinds = kinds_of(signal.type for signal in contract.signals)
        self._low = np.full((len(names) + 1, len(contract.signals)), -np.inf)
        self._high = -self._low
        for index, signal in enumerate(contract.signals):
            for name, bounds in signal.mode_range.items():
                low, high = sorted(signal.compiled_unit.to_si(bound) for bound in bounds)
                self._low[self._places[name], index], self._high[self._places[name], index] = low, high
        self._conditioned = np.array([bool(signal.mode_range) for signal in contract.signals])
        self._mode = contract.quantity_index(contract.mode) if ranged and contract.mode is not None else -1
        self._spec: SignalSpec | None = contract.signals[self._mode] if self._mode >= 0 else None

    def __bool__(self) -> bool:
        return self._spec is not None

    def judge(self, due: EventColumns, state: StateTable) -> EventColumns:
        """Readings that are about to be applied to `state`, in their order, with the quality that the mode gives them."""
        if self._spec is None:
            return due
        at = np.flatnonzero(self._conditioned[due.signal] & ((due.quality >> np.uint32(30)) == 0))
        if not len(at):
            return due
        signal = due.signal[at]
        mode = self._modes_at(due, state)[at]
        least = np.where(self._kinds[signal] == FLOAT, due.numbers[at], due.bits[at].astype(np.float64))
        most = least.copy()
        for k in np.flatnonzero(self._kinds[signal] == OTHER).tolist():  # vectors: each component counts
            vector = due.others[due.bits[at[k]]]
            least[k], most[k] = min(vector), max(vector)
        low, high = self._low[mode, signal], self._high[mode, signal]
        slack = 1e-12 * np.maximum(
            np.abs(low), np.abs(high)
        )  # bounds are in the declared unit, values came through it
        slack = np.where(np.isfinite(slack), slack, 0.0)
        outside = (least < low - slack) | (most > high + slack)
        if not outside.any():
            return due
        quality = due.quality.copy()
        quality[at[outside]] = UNCERTAIN_RANGE_EXCEEDED
        return replace(due, quality=quality)

    def _modes_at(self, due: EventColumns, state: StateTable) -> I8:
        """Place of the mode at each reading, i8[n]."""
        told = due.take((due.signal == self._mode) & due.good_enough)
        places = [self._now(state), *(self._place(value) for value in values_of(told, self._kinds))]
        return np.array(places, np.int64)[np.searchsorted(told.event_ns, due.event_ns, side="right")]

    def _now(self, state: StateTable) -> int:
        if not state.usable[self._mode]:
            return 0
        if self._spec is not None and self._spec.type == "string":
            return self._places.get(state.text(self._spec.id) or "", 0)
        return self._place(int(state.numeric[self._mode]))

    def _place(self, value: object) -> int:
        return self._places.get(mode_name(self._spec, value) if self._spec is not None else "", 0)


def mode_name(spec: SignalSpec, value: object) -> str:
    """What a value of the mode signal is called: the enum's name, the text, `true` or `false`, digits."""
    if spec.type == "bool":
        return str(bool(value)).lower()
    if spec.type == "enum":
        return next((name for name, code in spec.enum_codes.items() if code == value), "")
    return str(value)
