"""Readings in columns: what the hot path, the state and the history hold, with no Python object a reading.

A value is eight bytes, `bits`, read by its signal's kind: a float64 for f64; a whole number for i64, bool and enum; for
string, vec, quat and pose a place in `others`. A reading of bad quality has no value.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from twinstage.telemetry.reading import Event, Value

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I1 = NDArray[np.int8]
U4 = NDArray[np.uint32]
Bool = NDArray[np.bool_]
Other: TypeAlias = str | tuple[float, ...]

FLOAT, WHOLE, OTHER = 0, 1, 2
"""How `bits` is read."""

FIRST_BAD = np.uint32(0x80000000)
"""Qualities from here on are bad (OPC UA Part 4: the two highest bits are the severity)."""


def kinds_of(types: Iterable[str]) -> I1:
    """How the bits of each signal are read, i1[n], from contract types."""
    whole = {"i64", "bool", "enum"}
    return np.array([FLOAT if t == "f64" else WHOLE if t in whole else OTHER for t in types], np.int8)


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Readings in some order.

    signal: index of each, u4[n]; event_ns: source time [ns since 1970, UTC], i8[n]; sequence: the source's own count or
    0, i8[n]; arrival: number of the reading among those of its source, from 1, i8[n]; bits: the value in SI (see the
    module), i8[n]; quality: OPC UA StatusCode, u4[n]; others: values that are no number.
    """

    signal: U4
    event_ns: I8
    sequence: I8
    arrival: I8
    bits: I8
    quality: U4
    others: tuple[Other, ...] = ()

    def __len__(self) -> int:
        return len(self.signal)

    @property
    def numbers(self) -> F8:
        """The values of float signals, f8[n]; of other signals anything."""
        return self.bits.view(np.float64)

    @property
    def good_enough(self) -> Bool:
        """Which have a value, because their quality is not bad, bool[n]."""
        out: Bool = self.quality < FIRST_BAD
        return out

    def take(self, index: NDArray[np.intp] | Bool | slice) -> "EventColumns":
        """Some of them; `others` is shared, so places in it stay."""
        return EventColumns(
            self.signal[index],
            self.event_ns[index],
            self.sequence[index],
            self.arrival[index],
            self.bits[index],
            self.quality[index],
            self.others,
        )

    def in_order(self) -> "EventColumns":
        """Sorted by event time, signal, sequence, arrival."""
        time = self.event_ns
        if len(time) < 2 or bool((time[1:] > time[:-1]).all()):
            return self
        return self.take(np.lexsort((self.arrival, self.sequence, self.signal, time)))


NOTHING = EventColumns(
    np.zeros(0, np.uint32),
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    np.zeros(0, np.uint32),
)


def pack(events: Sequence[Event], kinds: I1) -> EventColumns:
    """Columns of tuples, in their order. `kinds`: of all signals."""
    if not events:
        return NOTHING
    times, signals, sequences, arrivals, values, qualities = zip(*events, strict=True)
    signal = np.array(signals, np.uint32)
    quality = np.array(qualities, np.uint32)
    bits, others = pack_values(values, kinds[signal], quality < FIRST_BAD)
    return EventColumns(
        signal,
        np.array(times, np.int64),
        np.array(sequences, np.int64),
        np.array(arrivals, np.int64),
        bits,
        quality,
        others,
    )


def pack_values(values: Sequence[Value], kind: I1, has: Bool) -> tuple[I8, tuple[Other, ...]]:
    """Bits and others of values, whose kinds are `kind` i1[n]; what has none is 0."""
    if not kind.any() and has.all():
        return np.array(values, np.float64).view(np.int64), ()
    bits, others = np.zeros(len(values), np.int64), list[Other]()
    floats = bits.view(np.float64)
    for place in np.flatnonzero(has).tolist():
        value = values[place]
        if kind[place] == FLOAT:
            floats[place] = value
        elif kind[place] == WHOLE:
            bits[place] = value  # type: ignore[assignment]
        else:
            bits[place] = len(others)
            others.append(value)  # type: ignore[arg-type]
    return bits, tuple(others)


def unpack(columns: EventColumns, kinds: I1) -> list[Event]:
    """Tuples of columns, in their order."""
    values = values_of(columns, kinds)
    lists = (columns.event_ns, columns.signal, columns.sequence, columns.arrival)
    return list(zip(*(a.tolist() for a in lists), values, columns.quality.tolist(), strict=True))


def values_of(columns: EventColumns, kinds: I1) -> list[Value]:
    """The values as Python objects: float, int, text or tuple; None where the quality is bad."""
    kind, has = kinds[columns.signal], columns.good_enough
    out: list[Value] = columns.numbers.tolist()
    for place in np.flatnonzero(kind != FLOAT).tolist():
        bits = int(columns.bits[place])
        out[place] = bits if kind[place] == WHOLE else columns.others[bits] if has[place] else None
    for place in np.flatnonzero(~has).tolist():
        out[place] = None
    return out


def joined(parts: Sequence[EventColumns], kinds: I1) -> EventColumns:
    """All of them, one after the other."""
    filled = [part for part in parts if len(part)]
    if len(filled) < 2:
        return filled[0] if filled else NOTHING
    bits, others = [], list[Other]()
    for part in filled:
        moved, more = _compacted(part, kinds, len(others))
        bits.append(moved)
        others += more
    return EventColumns(
        np.concatenate([p.signal for p in filled]),
        np.concatenate([p.event_ns for p in filled]),
        np.concatenate([p.sequence for p in filled]),
        np.concatenate([p.arrival for p in filled]),
        np.concatenate(bits),
        np.concatenate([p.quality for p in filled]),
        tuple(others),
    )


def compact(columns: EventColumns, kinds: I1) -> EventColumns:
    """The same without values in `others` that nothing points at."""
    if not columns.others:
        return columns
    bits, others = _compacted(columns, kinds, 0)
    return replace(columns, bits=bits, others=tuple(others))


def _compacted(columns: EventColumns, kinds: I1, start: int) -> tuple[I8, list[Other]]:
    """Bits of columns whose other values begin at `start`, and those that are in use."""
    if not columns.others:
        return columns.bits, []
    at = np.flatnonzero((kinds[columns.signal] == OTHER) & columns.good_enough)
    bits = columns.bits.copy()
    bits[at] = np.arange(start, start + len(at))
    return bits, [columns.others[place] for place in columns.bits[at].tolist()]
