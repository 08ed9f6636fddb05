"""Readings that come as columns: units and ranges applied to all of them at once.

For producers that have arrays already (a simulation, an OPC UA subscription, a Parquet file); a value counts as it does in
`values`: bounds are compared in the contract's unit, both allowed, before it is converted.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.telemetry.columns import F8, I8, U4, EventColumns, kinds_of, pack_values
from twinstage.telemetry.contract import Contract, SignalSpec
from twinstage.telemetry.layouts import Rejected
from twinstage.telemetry.reading import Value
from twinstage.telemetry.times import LIMIT_NS
from twinstage.telemetry.values import Reject, bounds, compile_value


@dataclass(frozen=True, slots=True)
class ColumnBatch:
    """Readings of one source in order of arrival.

    signal: index in the contract, u4[n]; event_ns: source time [ns since 1970, UTC], i8[n]; values f8[n] in the
    contract's units, or a list of Python values where signals are not plain numbers; quality: OPC UA StatusCode, u4[n],
    None for good; sequence i8[n], None for 0.
    """

    signal: U4
    event_ns: I8
    values: "F8 | list[object]"
    quality: U4 | None = None
    sequence: I8 | None = None

    def __len__(self) -> int:
        return len(self.signal)


class ColumnReader:
    """Converts batches of any source of a contract."""

    def __init__(self, contract: Contract) -> None:
        signals = contract.signals
        self._signals = signals
        self._source = np.array([list(contract.sources).index(s.source) for s in signals])
        self._sources = list(contract.sources)
        self._kinds = kinds_of(signal.type for signal in signals)
        self._float = np.array([signal.type == "f64" for signal in signals])
        self._scale = np.array([signal.compiled_unit.scale for signal in signals])
        self._offset = np.array([signal.compiled_unit.offset for signal in signals])
        low_high = [bounds(signal, signal.compiled_unit.scale) for signal in signals]
        self._low, self._high = (np.array(side, np.float64) for side in zip(*low_high, strict=True))
        self._convert = [compile_value(signal, text=False) for signal in signals]

    def read(self, source: str, batch: ColumnBatch) -> tuple[EventColumns, list[Rejected]]:
        """Values in SI, and what may not pass; places of a batch count as lines, from 1.

        Raises ValueError where the arrays do not fit together, or a signal is none of the source's.
        """
        signal = np.asarray(batch.signal, np.uint32)
        self._check(source, batch, signal)
        count = len(signal)
        quality = (
            np.zeros(count, np.uint32) if batch.quality is None else np.asarray(batch.quality, np.uint32)
        )
        sequence = (
            np.zeros(count, np.int64) if batch.sequence is None else np.asarray(batch.sequence, np.int64)
        )
        time = np.asarray(batch.event_ns, np.int64)
        columns = EventColumns(
            signal, time, sequence, np.zeros(count, np.int64), np.zeros(count, np.int64), quality
        )
        if isinstance(batch.values, np.ndarray) and self._float[signal].all():
            return self._numbers(columns, np.asarray(batch.values, np.float64))
        return self._mixed(columns, list(batch.values))

    def _check(self, source: str, batch: ColumnBatch, signal: U4) -> None:
        others = [batch.event_ns, batch.values, batch.quality, batch.sequence]
        if any(part is not None and len(part) != len(signal) for part in others):
            raise ValueError(f"columns of source {source!r} have different lengths")
        if len(signal) and signal.max() >= len(self._signals):
            raise ValueError(
                f"columns of source {source!r} name signal {signal.max()}, of {len(self._signals)}"
            )
        if (self._source[signal] != self._sources.index(source)).any():
            raise ValueError(f"columns of source {source!r} name signals of other sources")

    def _numbers(self, columns: EventColumns, values: F8) -> tuple[EventColumns, list[Rejected]]:
        signal = columns.signal
        with np.errstate(invalid="ignore", over="ignore"):
            fits = (values >= self._low[signal]) & (values <= self._high[signal]) | ~columns.good_enough
            fits &= np.abs(columns.event_ns) < LIMIT_NS
            si = values * self._scale[signal] + self._offset[signal]
        si[~columns.good_enough] = 0.0
        made = EventColumns(
            signal, columns.event_ns, columns.sequence, columns.arrival, si.view(np.int64), columns.quality
        )
        if fits.all():
            return made, []
        rejects = [self._reject(columns, place, values[place]) for place in np.flatnonzero(~fits).tolist()]
        return made.take(fits), rejects

    def _mixed(self, columns: EventColumns, values: list[object]) -> tuple[EventColumns, list[Rejected]]:
        made: list[Value] = []
        fits = np.abs(columns.event_ns) < LIMIT_NS
        rejects = []
        for place, (signal, raw) in enumerate(zip(columns.signal.tolist(), values, strict=True)):
            try:
                made.append(self._convert[signal](raw) if columns.good_enough[place] else None)
            except Reject:
                made.append(None)
                fits[place] = False
            if not fits[place]:
                rejects.append(self._reject(columns, place, raw))
        kept = np.flatnonzero(fits)
        columns = columns.take(kept)
        kind = self._kinds[columns.signal]
        bits, others = pack_values([made[k] for k in kept.tolist()], kind, columns.good_enough)
        return (
            EventColumns(
                columns.signal,
                columns.event_ns,
                columns.sequence,
                columns.arrival,
                bits,
                columns.quality,
                others,
            ),
            rejects,
        )

    def _reject(self, columns: EventColumns, place: int, raw: object) -> Rejected:
        spec: SignalSpec = self._signals[int(columns.signal[place])]
        reason, expected = "time_range", "a time within 146 years of 1970"
        try:
            self._convert[int(columns.signal[place])](float(raw) if isinstance(raw, np.floating) else raw)
        except Reject as error:
            reason, expected = error.reason, error.expected
        return Rejected(place + 1, reason, ", ".join(spec.field), expected, repr(raw)[:200], spec.id)
