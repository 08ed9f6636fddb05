"""Readings -> one series a signal, in the unit of the contract; derived signals computed moment by moment, with the age of
what they are made of."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from twinstage.telemetry.batch import Ingested
from twinstage.telemetry.columns import F8, FIRST_BAD, FLOAT, I8, OTHER, U4, EventColumns, kinds_of
from twinstage.telemetry.contract import Contract, Quantity, SignalSpec
from twinstage.telemetry.state import StateTable
from twinstage.telemetry.units import compile_unit

MOST_MOMENTS = 20_000
"""Derived signals are computed at no more moments than this, thinned out evenly."""


@dataclass(frozen=True)
class Series:
    """One quantity over time.

    Attributes:
        spec: of the contract; unit: of `values`, "" for words.
        time_ns: by rising event time, i8[n].
        values: f8[n, k], NaN where the quality is bad; k is 1 but for vec, quat and pose, and 0 for texts.
        quality: OPC UA StatusCode, u4[n].
        texts: of a string signal, in order; empty for others.
    """

    spec: Quantity
    unit: str
    time_ns: I8
    values: F8
    quality: U4
    texts: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def numeric(self) -> bool:
        """Whether it is a number that varies by degree, rather than a word, a switch or a turn."""
        return not isinstance(self.spec, SignalSpec) or self.spec.type.startswith(("f64", "i64", "vec"))


def series_of(done: Ingested) -> list[Series]:
    """One a quantity of the contract, in its order."""
    contract, columns = done.contract, done.applied
    kinds = kinds_of(done.state.types)
    order = np.argsort(columns.signal, kind="stable")
    bounds = np.searchsorted(columns.signal[order], np.arange(len(contract.signals) + 1))
    out = []
    for index, spec in enumerate(contract.signals):
        own = columns.take(order[bounds[index] : bounds[index + 1]])
        out.append(_series(spec, own, int(kinds[index])))
    return out + list(_derived(contract, columns))


def _series(spec: SignalSpec, own: EventColumns, kind: int) -> Series:
    bad = own.quality >= FIRST_BAD
    if kind == OTHER:
        found = [
            None if b else own.others[place] for place, b in zip(own.bits.tolist(), bad.tolist(), strict=True)
        ]
        if spec.type == "string":
            texts = tuple(str(text) for text in found if text is not None)
            return Series(spec, "", own.event_ns, np.zeros((len(own), 0)), own.quality, texts)
        blank = (np.nan,) * spec.width
        values = np.array([blank if row is None else row for row in found], np.float64).reshape(
            -1, spec.width
        )
    else:
        column = own.numbers if kind == FLOAT else own.bits.astype(np.float64)
        values = np.where(bad, np.nan, column)[:, None]
    if spec.type == "pose":  # only the position has the unit
        scale = np.array([spec.compiled_unit.scale] * 3 + [1.0] * 4)
        return Series(spec, spec.unit, own.event_ns, values / scale, own.quality)
    unit = spec.compiled_unit
    return Series(spec, spec.unit, own.event_ns, (values - unit.offset) / unit.scale, own.quality)


def _derived(contract: Contract, columns: EventColumns) -> Iterator[Series]:
    if not contract.derived:
        return
    state, start = StateTable(contract), 0
    times = np.unique(columns.event_ns)
    moments = times
    if len(moments) > MOST_MOMENTS:
        moments = times[np.linspace(0, len(times) - 1, MOST_MOMENTS).astype(np.int64)]
    own = np.arange(len(contract.signals), len(contract.quantities))
    numbers = np.full((len(moments), len(own)), np.nan)
    quality = np.full((len(moments), len(own)), FIRST_BAD, np.uint32)
    new = np.zeros((len(moments), len(own)), np.bool_)
    ends = np.searchsorted(columns.event_ns, moments, side="right")
    for row, end in enumerate(ends.tolist()):
        before = state.revision
        state.apply(columns.take(slice(start, end)))
        state.derive()
        start = end
        new[row] = state.ordinal[own] > before
        quality[row] = state.effective_quality(int(moments[row]))[own]  # an input that grew old counts
        numbers[row] = np.where(quality[row] < FIRST_BAD, state.numeric[own], np.nan)
    for k, spec in enumerate(contract.derived):
        at = np.flatnonzero(new[:, k])
        unit = compile_unit(spec.unit or contract.si_unit(spec.id))
        yield Series(
            spec,
            unit.code,
            moments[at],
            ((numbers[at, k] - unit.offset) / unit.scale)[:, None],
            quality[at, k],
        )
