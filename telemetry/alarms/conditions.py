"""Where the conditions of alarms hold, for all of them at once: arrays in, bools out.

A value that is bad, or not there, says nothing about limits: then a condition stays as it was. Hysteresis moves the limit
while a condition holds. A signal that was never heard counts as stale and bad, but not in its first seconds: a twin that starts
raises no alarms for what is about to speak. Rates are those between a signal's last two event times, as they were seen tick by
tick.
"""

from collections.abc import Callable, Sequence

import numpy as np

from twinstage.base.quality import BAD, UNCERTAIN
from twinstage.telemetry.alarms.spec import AlarmSpec
from twinstage.telemetry.columns import F8, I8, U4, Bool
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.expressions import component_of, evaluate, parse_expression
from twinstage.telemetry.state import NEVER, StateTable

_SECOND = 1e9
FIRST_WORD_S = 10.0
"""Time that a signal without `max_age` has to be heard of for the first time [s]."""


class Conditions:
    """The conditions of a contract's alarms, in its order."""

    def __init__(self, contract: Contract, specs: Sequence[AlarmSpec]) -> None:
        self._index = {quantity.id: k for k, quantity in enumerate(contract.quantities)}
        self._limits = _Limits(contract, specs, self._index)
        self._rates = _Rates(contract, specs, self._index)
        watched = [(k, s) for k, s in enumerate(specs) if s.condition in ("stale", "quality")]
        self._watched = np.array([k for k, _ in watched], np.intp)
        self._watched_signal = np.array([self._index[str(s.signal)] for _, s in watched], np.intp)
        worst = [BAD if s.quality == "bad" else UNCERTAIN for _, s in watched]
        self._worst = np.array(worst, np.uint32)
        self._stale = np.array([s.condition == "stale" for _, s in watched], bool)
        ages = [contract.quantities[self._index[str(s.signal)]].max_age or FIRST_WORD_S for _, s in watched]
        self._patience_ns = np.array([round(age * _SECOND) for age in ages], np.int64)
        self._first_ns: int | None = None
        self._expressions = [
            (k, _expression(s, self._index)) for k, s in enumerate(specs) if s.expr is not None
        ]

    def look(
        self,
        state: StateTable,
        at_ns: int,
        held: Bool,
        quality: U4 | None = None,
        mode: str | None = None,
    ) -> Bool:
        """Which conditions hold, bool[n]; `held`: which held before; `quality`: the effective ones, where they are known;
        `mode`: the operating mode, whose limits count."""
        out = held.copy()
        if quality is None:
            quality = state.effective_quality(at_ns)
        self._limits.look(state, quality, out, mode)
        self._rates.look(state, quality, out, mode)
        if len(self._watched):
            out[self._watched] = self._trust(state, quality, at_ns, held[self._watched])
        for k, expression in self._expressions:
            value = expression(state, quality)
            if np.isfinite(value):
                out[k] = value != 0
        return out

    def first_word_ns(self, looked_ns: int) -> int:
        """When the patience with a signal ends that was never heard of, of those after a look; else the largest int64."""
        due = self._patience_ns + (looked_ns if self._first_ns is None else self._first_ns) + 1
        due = due[due > looked_ns]
        return int(due.min()) if len(due) else int(np.iinfo(np.int64).max)

    def _trust(self, state: StateTable, quality: U4, at_ns: int, held: Bool) -> Bool:
        """`stale` and `quality`. A signal that has not been heard yet is given its `max_age`, or 10 s, from the first look."""
        if self._first_ns is None:
            self._first_ns = at_ns
        signal = self._watched_signal
        heard = state.event_ns[signal] != NEVER
        poor = np.where(self._stale, state.stale(at_ns)[signal], quality[signal] >= self._worst)
        late = at_ns - self._first_ns > self._patience_ns
        out: Bool = np.where(heard, poor, held | late)
        return out


class _ByMode:
    """Limits of alarms in SI by operating mode."""

    def __init__(self, specs: Sequence[tuple[AlarmSpec, float, float]]) -> None:
        """`specs`: with scale and offset to SI."""
        names = dict.fromkeys(name for spec, _, _ in specs for name in spec.limit_in)

        def limits(mode: str | None) -> F8:
            return np.array(
                [float(spec.limit(mode) or 0.0) * scale + offset for spec, scale, offset in specs], np.float64
            )

        self._usual = limits(None)
        self._of = {name: limits(name) for name in names}

    def of(self, mode: str | None) -> F8:
        """Those of a mode, f8[n]."""
        return self._usual if mode is None else self._of.get(mode, self._usual)


class _Limits:
    """`above`, `below` and `equals`, as sign * value > sign * limit."""

    def __init__(self, contract: Contract, specs: Sequence[AlarmSpec], index: dict[str, int]) -> None:
        rows: list[tuple[int, int, float, float]] = []
        chosen: list[tuple[AlarmSpec, float, float]] = []
        self._equal: list[tuple[int, int, float]] = []
        for k, spec in enumerate(specs):
            if spec.condition not in ("above", "below", "equals"):
                continue
            signal = index[str(spec.signal)]
            if spec.condition == "equals":
                self._equal.append((k, signal, _code(contract, spec)))
                continue
            scale, offset = _to_si(contract, str(spec.signal))
            chosen.append((spec, scale, offset))
            rows.append((k, signal, 1.0 if spec.above is not None else -1.0, spec.hysteresis * scale))
        columns = list(zip(*rows, strict=True)) or [()] * 4
        self._alarm, self._signal = np.array(columns[0], np.intp), np.array(columns[1], np.intp)
        self._sign, self._back = (np.array(columns[k], np.float64) for k in (2, 3))
        self._limit = _ByMode(chosen)

    def look(self, state: StateTable, quality: U4, out: Bool, mode: str | None) -> None:
        if len(self._alarm):
            value = state.numeric[self._signal]
            known = (quality[self._signal] < BAD) & np.isfinite(value)
            held = out[self._alarm]
            limit = self._sign * self._limit.of(mode) - np.where(held, self._back, 0.0)
            out[self._alarm] = np.where(known, self._sign * value > limit, held)
        for k, signal, code in self._equal:
            if quality[signal] < BAD and state.usable[signal]:
                out[k] = state.numeric[signal] == code


class _Rates:
    """`rise` and `fall`: the change between the last two event times of a signal."""

    def __init__(self, contract: Contract, specs: Sequence[AlarmSpec], index: dict[str, int]) -> None:
        chosen = [(k, s) for k, s in enumerate(specs) if s.condition in ("rise", "fall")]
        self._alarm = np.array([k for k, _ in chosen], np.intp)
        self._signal = np.array([index[str(s.signal)] for _, s in chosen], np.intp)
        self._sign = np.array([1.0 if s.rise is not None else -1.0 for _, s in chosen])
        self._limit = _ByMode([(s, _to_si(contract, str(s.signal))[0], 0.0) for _, s in chosen])
        self._time: I8 = np.full(len(chosen), NEVER, np.int64)
        self._value: F8 = np.full(len(chosen), np.nan)

    def look(self, state: StateTable, quality: U4, out: Bool, mode: str | None) -> None:
        if not len(self._alarm):
            return
        time, value = state.event_ns[self._signal], state.numeric[self._signal]
        new = (time > self._time) & (quality[self._signal] < BAD) & np.isfinite(value)
        both = new & np.isfinite(self._value)
        rate = np.zeros(len(value))
        rate[both] = (value[both] - self._value[both]) / ((time[both] - self._time[both]) / _SECOND)
        out[self._alarm[both]] = (self._sign * rate > self._limit.of(mode))[both]
        self._time, self._value = np.where(new, time, self._time), np.where(new, value, self._value)


def _to_si(contract: Contract, signal: str) -> tuple[float, float]:
    spec = contract.by_id.get(signal)
    if spec is None or spec.type != "f64":
        return 1.0, 0.0
    unit = spec.compiled_unit
    return unit.scale, unit.offset


def _code(contract: Contract, spec: AlarmSpec) -> float:
    signal = contract.by_id[str(spec.signal)]
    if isinstance(spec.equals, str):
        return float(signal.enum_codes[spec.equals])
    return float(spec.equals or 0)


def _expression(spec: AlarmSpec, index: dict[str, int]) -> Callable[[StateTable, U4], float]:
    parsed = parse_expression(str(spec.expr))
    parts = [(index[signal], part) for signal, part in map(component_of, parsed.signals)]

    def value(state: StateTable, quality: U4) -> float:
        columns = [
            [
                state.numeric[signal]
                if part is None
                else (state.vector_at(signal)[part] if state.usable[signal] else np.nan)
            ]
            if quality[signal] < BAD
            else [np.nan]
            for signal, part in parts
        ]
        return float(evaluate(parsed.shape, np.array(columns, np.float64).reshape(len(columns), 1))[0])

    return value
