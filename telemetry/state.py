"""The last known value of every signal, in columns.

One group of columns a type, so that consumers read arrays, not objects. Every signal also has a place in `numeric`:
its value in SI for f64 and i64, 0 or 1 for bool, the code of an enum, NaN for the rest and before the first value.

Each write gives its signal the next `ordinal`; whoever remembers `revision` can ask later what `changed_since`.
A reading of bad quality moves the signal's time and quality but never its value: the last usable one stays.

Staleness. A reading older than its signal's `max_age` is stale: its effective quality is Uncertain_LastUsableValue, or
Bad_NoData where the contract says `gap: bad`. Its age on the twin's clock counts from its own event time where the two
can be compared, that is where it happened at most a day before it was applied. For the others (a recording of long ago,
a clock that runs ahead, and with `by_arrival` whatever is replayed faster or slower than life) it counts from the moment
at which it was applied.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twinstage.base.clock import NS
from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.quality import BAD, BAD_NO_DATA, GOOD, UNCERTAIN, UNCERTAIN_LAST_USABLE, is_bad
from twinstage.telemetry.columns import FLOAT, EventColumns, kinds_of, pack, values_of
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.derived import Computed, Derivations, compute
from twinstage.telemetry.reading import IDENTITY_POSE, IDENTITY_QUATERNION, Event, Value

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
U4 = NDArray[np.uint32]
U8 = NDArray[np.uint64]
Bool = NDArray[np.bool_]

COMPARABLE_NS = 86_400 * NS
"""Event times up to this much before their arrival count as times of the twin's clock."""

NEVER = np.iinfo(np.int64).min
"""`event_ns` of a signal that has no value yet."""


_BY_SIGNAL = (
    "numeric",
    "event_ns",
    "quality",
    "ordinal",
    "usable",
    "reported",
    "by_arrival",
    "applied_ns",
    "sequence",
)
"""Columns of a table that have a place for each signal."""


class StateTable:
    """Last known values.

    Attributes:
        signal_ids: in the order of the contract's quantities, derived ones last; every array below is indexed so.
        index_of: index of each signal id.
        strings: indices of the string signals, ascending, i8[k].
        types: `f64`, `i64`, `bool`, `enum`, `string`, `vec[n]`, `quat`, `pose`.
        units: UCUM code of the SI unit of each value.
        numeric: scalar view, f8[n].
        event_ns: source time of the last reading [ns since 1970, UTC], i8[n]; NEVER before the first.
        quality: OPC UA StatusCode, u4[n]; BAD_NO_DATA before the first.
        usable: whether a value that was not bad has arrived, bool[n].
        reported: effective qualities as `quality_changes` told them last, u4[n].
        by_arrival: signals whose age counts from arrival in any case, bool[n]; `pump` sets it.
        ordinal: number of the write that touched the signal last, u8[n]; 0 before the first.
        integers: exact values of i64 signals (beyond 2**53 `numeric` rounds), i8[n_i64].
        pose_values: x, y, z [m], quaternion wxyz, f8[n_pose, 7].
        quat_values: wxyz, f8[n_quat, 4].
        revision: the newest ordinal given.
    """

    def __init__(self, contract: Contract) -> None:
        signals = contract.quantities
        count = len(signals)
        self.signal_ids: tuple[str, ...] = tuple(signal.id for signal in signals)
        self.index_of: dict[str, int] = {name: i for i, name in enumerate(self.signal_ids)}
        self.types: tuple[str, ...] = tuple(signal.type for signal in signals)
        self.units: tuple[str, ...] = tuple(contract.si_unit(signal.id) for signal in signals)
        self.strings: I8 = np.array([i for i, t in enumerate(self.types) if t == "string"], np.int64)
        self._derivations = Derivations(contract)
        self.max_age: F8 = np.array([s.max_age or np.inf for s in signals], dtype=np.float64)
        self.numeric: F8 = np.full(count, np.nan)
        self.event_ns: I8 = np.full(count, NEVER, dtype=np.int64)
        self.quality: U4 = np.full(count, BAD_NO_DATA, dtype=np.uint32)
        self.ordinal: U8 = np.zeros(count, dtype=np.uint64)
        self.usable: Bool = np.zeros(count, dtype=np.bool_)
        self.reported: U4 = self.quality.copy()
        self.by_arrival: Bool = np.zeros(count, dtype=np.bool_)
        self._applied_ns: I8 = np.full(count, NEVER, dtype=np.int64)
        # Ages are asked for at every tick, so only of signals that can grow stale.
        self._aging = np.flatnonzero(np.isfinite(self.max_age))
        most = float(np.iinfo(np.int64).max // 4)
        self._max_age_ns: I8 = np.minimum(self.max_age[self._aging] * NS, most).astype(np.int64)
        self._gap_is_bad: Bool = np.array([s.gap == "bad" for s in signals], dtype=np.bool_)[self._aging]
        self.revision = 0
        self._sequence: I8 = np.zeros(count, dtype=np.int64)
        self._kinds = kinds_of(self.types)
        self._codes = [{code: name for name, code in s.enum_codes.items()} for s in signals]
        self._enum_names = [s.enum_codes for s in signals]
        self._texts: dict[int, str | None] = {
            i: None for i, t in enumerate(self.types) if t in ("string", "enum")
        }
        named = zip(self.signal_ids, self.types, strict=True)
        self._digest_head = "\n".join(f"{name} {kind}" for name, kind in named).encode()
        self._group(signals_width=[signal.width for signal in signals])

    def _group(self, signals_width: Sequence[int]) -> None:
        self._row: list[int] = [0] * len(self.types)
        sizes: dict[str, int] = {}
        for index, kind in enumerate(self.types):
            self._row[index] = sizes.get(kind, 0)
            sizes[kind] = self._row[index] + 1
        self.integers: I8 = np.zeros(sizes.get("i64", 0), dtype=np.int64)
        self.quat_values: F8 = np.tile(np.array(IDENTITY_QUATERNION), (sizes.get("quat", 0), 1))
        self.pose_values: F8 = np.tile(np.array(IDENTITY_POSE), (sizes.get("pose", 0), 1))
        widths = dict(zip(self.types, signals_width, strict=True))
        self._vectors: dict[str, F8] = {
            kind: np.zeros((size, widths[kind])) for kind, size in sizes.items() if kind.startswith("vec")
        }
        self._vectors |= {"quat": self.quat_values, "pose": self.pose_values}

    # reading

    def index(self, signal_id: str) -> int:
        """Index of that signal. Raises UserError with a near miss."""
        found = self.index_of.get(signal_id)
        if found is None:
            raise UserError(f"there is no signal {signal_id!r}{did_you_mean(signal_id, self.index_of)}")
        return found

    def has_value(self, signal_id: str) -> bool:
        """Whether any value that was not bad has arrived."""
        return bool(self.usable[self.index(signal_id)])

    def vector(self, signal_id: str) -> F8:
        """Value of a vec, quat (wxyz) or pose (x, y, z [m], wxyz), f8[k]: a copy."""
        index = self.index(signal_id)
        rows = self._vectors.get(self.types[index])
        if rows is None:
            raise UserError(f"signal {signal_id!r} is of type {self.types[index]}, not a vec, quat or pose")
        out: F8 = rows[self._row[index]].copy()
        return out

    def vector_at(self, index: int) -> F8:
        """The same by index, as a view: for consumers that compile ids to indices once."""
        out: F8 = self._vectors[self.types[index]][self._row[index]]
        return out

    def vectors(self, kind: str) -> tuple[U4, F8]:
        """All signals of one type (`vec[3]`, `quat`, `pose`): their indices u4[m] and values f8[m, k]."""
        indices = np.array([i for i, t in enumerate(self.types) if t == kind], dtype=np.uint32)
        return indices, self._vectors.get(kind, np.zeros((0, 0)))

    def text(self, signal_id: str) -> str | None:
        """Value of a string, or name of an enum's value; None before the first and for other types."""
        return self._texts.get(self.index(signal_id))

    def value_at(self, index: int) -> bool | int | float | str | tuple[float, ...] | None:
        """Last usable value by index, exactly; an enum's is its name. None before the first, and for NaN."""
        if not self.usable[index]:
            return None
        kind = self.types[index]
        if kind in ("string", "enum"):
            return self._texts[index] if self._texts[index] is not None else float(self.numeric[index])
        if kind == "i64":
            return int(self.integers[self._row[index]])
        if kind in self._vectors:
            return tuple(self.vector_at(index).tolist())
        value = float(self.numeric[index])
        return bool(value) if kind == "bool" else value if np.isfinite(value) else None

    @property
    def applied_ns(self) -> I8:
        """When each value was applied [ns since 1970, UTC], i8[n]; NEVER before the first."""
        return self._applied_ns

    def changed_since(self, ordinal: int) -> U4:
        """Indices of signals written after `ordinal`, ascending, u4[k]."""
        return np.flatnonzero(self.ordinal > np.uint64(max(ordinal, 0))).astype(np.uint32)

    def age_ns(self, now_ns: int) -> I8:
        """Age of every value by its event time [ns], i8[n]; the largest int64 where there is none."""
        age = np.full(len(self.event_ns), np.iinfo(np.int64).max, dtype=np.int64)
        has = self.event_ns != NEVER
        age[has] = now_ns - self.event_ns[has]
        return age

    def stale(self, now_ns: int) -> Bool:
        """Which values are older than the signal's max_age (see above for what age is), bool[n]."""
        out: Bool = np.zeros(len(self.signal_ids), dtype=np.bool_)
        out[self._aging] = self._old(now_ns)
        return out

    def effective_quality(self, now_ns: int) -> U4:
        """Quality with age counted in, u4[n].

        Of stale values, good ones are Uncertain_LastUsableValue, and with `gap: bad` all are Bad_NoData; what the
        source itself calls bad stays as it says. A derived value is no better than the worst that it is made of.
        """
        out = self.quality.copy()
        old = self._old(now_ns)
        if old.any():
            aging = out[self._aging]
            aging[old & (aging < UNCERTAIN)] = UNCERTAIN_LAST_USABLE
            aging[old & (aging < BAD) & self._gap_is_bad] = BAD_NO_DATA
            out[self._aging] = aging
        self._derivations.worst(out)
        return out

    def quality_changes(self, now_ns: int) -> U4:
        """Indices of signals whose effective quality is another than this method told last, ascending, u4[k].

        Before the first call all have been told as Bad_NoData. Afterwards `reported` holds what is told now.
        """
        quality = self.effective_quality(now_ns)
        changed = np.flatnonzero(quality != self.reported).astype(np.uint32)
        self.reported = quality
        return changed

    def _old(self, now_ns: int) -> Bool:
        """Which of the signals that have a max_age are stale, bool[m]."""
        event, applied = self.event_ns[self._aging], self._applied_ns[self._aging]
        out: Bool = self._told_ns(event, applied) < now_ns - self._max_age_ns
        return out

    def _told_ns(self, event: I8, applied: I8) -> I8:
        """What the ages of the signals that have a max_age count from, i8[m]."""
        trusted = (event <= applied) & (event >= applied - COMPARABLE_NS) & ~self.by_arrival[self._aging]
        out: I8 = np.where(trusted, event, applied)
        return out

    def digest(self) -> str:
        """SHA-256 (hex) of ids, types, values, times and qualities: the same readings give the same digest.

        Ordinals are left out: they number the writes, so they tell of the way and not of the state.
        """
        hasher = hashlib.sha256(self._digest_head)
        columns: list[NDArray[Any]] = [self.numeric, self.event_ns, self.quality, self.integers]
        for array in (*columns, *(self._vectors[kind] for kind in sorted(self._vectors))):
            hasher.update(_bytes(array))
        for index in sorted(self._texts):
            hasher.update(repr(self._texts[index]).encode())
        return hasher.hexdigest()

    def parts(self) -> dict[str, Any]:
        """Everything in the table, as plain data."""
        columns = {name: _bytes(array) for name, array in self._arrays().items()}
        texts = [self._texts[index] for index in sorted(self._texts)]
        return {"revision": self.revision, "columns": columns, "texts": texts}

    def take_parts(self, data: dict[str, Any]) -> None:
        """Become what another table of the same contract was."""
        self.revision = data["revision"]
        for name, array in self._arrays().items():
            array[...] = np.frombuffer(data["columns"][name], array.dtype.newbyteorder("<")).reshape(
                array.shape
            )
        self._texts.update(zip(sorted(self._texts), data["texts"], strict=True))

    def take_from(self, other: "StateTable", pairs: tuple[NDArray[np.intp], NDArray[np.uint32]]) -> None:
        """Become what a table of another contract was, in the signals with these numbers there and here; of one type each."""
        self.revision = other.revision
        mine, theirs = self._arrays(), other._arrays()
        for name in _BY_SIGNAL:
            mine[name][pairs[1]] = theirs[name][pairs[0]]
        for was, now in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True):
            kind, row, place = self.types[now], other._row[was], self._row[now]
            if kind == "i64":
                self.integers[place] = other.integers[row]
            elif kind in self._vectors:
                self._vectors[kind][place] = other._vectors[kind][row]
            if now in self._texts:
                self._texts[now] = other._texts[was]

    def arrived_in_time(self) -> None:
        """Let every value count as arrived when it happened, for a table that lives in the past that it was taken from."""
        self.by_arrival[:] = False
        self._applied_ns[:] = self.event_ns

    def next_stale_ns(self, since_ns: int) -> int:
        """When the next value grows stale, of those that were not yet at that moment; the largest int64 where none does."""
        event, applied = self.event_ns[self._aging], self._applied_ns[self._aging]
        due = self._told_ns(event, applied) + self._max_age_ns + 1
        due = due[(event != NEVER) & (due > since_ns)]
        return int(due.min()) if len(due) else int(np.iinfo(np.int64).max)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        named: dict[str, NDArray[Any]] = {
            "numeric": self.numeric,
            "event_ns": self.event_ns,
            "quality": self.quality,
            "ordinal": self.ordinal,
            "usable": self.usable,
            "reported": self.reported,
            "by_arrival": self.by_arrival,
            "applied_ns": self._applied_ns,
            "sequence": self._sequence,
            "integers": self.integers,
        }
        return named | {f"vectors {kind}": rows for kind, rows in self._vectors.items()}

    # writing

    def set(self, signal_id: str, value_si: object, event_ns: int, quality: int = GOOD) -> None:
        """Write one value in SI units, for producers that have no source; it arrives when it happens.

        `value_si`: float, int, bool, text (string, or an enum's name), or a sequence of k floats (vec, quat, pose).
        Raises UserError where it does not fit the signal's type.
        """
        index = self.index(signal_id)
        value = self._fit(index, value_si)
        self._put(index, value, event_ns, 0, quality, self.revision + 1)
        self._applied_ns[index] = event_ns
        self.revision += 1

    def apply(self, events: EventColumns | Sequence[Event], now_ns: int | None = None) -> None:
        """Write readings that are sorted by (event time, signal, sequence); values are already in SI.

        Only the last of each signal is written (for the value: the last that is not bad), however long the batch.
        `now_ns`: when that is, for ages; None takes each to arrive when it happens.
        """
        columns = events if isinstance(events, EventColumns) else pack(events, self._kinds)
        base = self.revision
        self.revision = base + len(columns)
        last, usable = self._places(columns.signal), self._places(columns.signal, columns.good_enough)
        for place in np.setdiff1d(usable, last).tolist():
            self._put_row(columns, place, base + place + 1)
        self._put_rows(columns, last, base)
        arrived = columns.event_ns[last] if now_ns is None else now_ns
        self._applied_ns[columns.signal[last]] = arrived

    def derive(self, now_ns: int | None = None) -> None:
        """Compute derived signals of which an input was written since. `now_ns`: as in `apply`."""
        for group in self._derivations.groups:
            newest = (
                self.ordinal[group.inputs].max(0) if len(group.inputs) else np.ones(len(group.own), np.uint64)
            )
            which = newest > self.ordinal[group.own]
            if which.any():
                done = compute(
                    group,
                    which,
                    numeric=self.numeric,
                    event_ns=self.event_ns,
                    quality=self.quality,
                    component=lambda index, k: (
                        float(self.vector_at(index)[k]) if self.usable[index] else np.nan
                    ),
                )
                self._put_derived(done, now_ns)

    def _put_derived(self, done: Computed, now_ns: int | None) -> None:
        own = done.own
        self.revision += 1
        self.ordinal[own] = self.revision
        self.event_ns[own], self.quality[own] = done.event_ns, done.quality
        self._applied_ns[own] = done.event_ns if now_ns is None else now_ns
        has = done.quality < BAD
        self.numeric[own[has]] = done.value[has]
        self.usable[own[has]] = True

    def _places(self, signal: U4, which: Bool | None = None) -> I8:
        """Place of the last reading of each signal, of those that are asked for."""
        places = np.arange(len(signal)) if which is None else np.flatnonzero(which)
        last = np.full(len(self.signal_ids), -1, np.int64)
        last[signal[places]] = places  # of several, the last one stays
        out: I8 = last[last >= 0]
        return out

    def _put_rows(self, columns: EventColumns, places: I8, base: int) -> None:
        """Readings of different signals: numbers all at once, everything else one by one."""
        signal = columns.signal[places]
        plain = (self._kinds[signal] == FLOAT) & (columns.event_ns[places] > self.event_ns[signal])
        at, rows = signal[plain], places[plain]
        self.event_ns[at], self.quality[at] = columns.event_ns[rows], columns.quality[rows]
        self.ordinal[at] = (base + 1 + rows).astype(np.uint64)
        self._sequence[at] = columns.sequence[rows]
        has = columns.good_enough[rows]
        self.numeric[at[has]] = columns.numbers[rows[has]]
        self.usable[at[has]] = True
        for place in places[~plain].tolist():
            self._put_row(columns, place, base + place + 1)

    def _put_row(self, columns: EventColumns, place: int, ordinal: int) -> None:
        index, event_ns = int(columns.signal[place]), int(columns.event_ns[place])
        sequence = int(columns.sequence[place])
        known = self.event_ns[index]
        if event_ns < known or (event_ns == known and sequence < self._sequence[index]):
            return  # an older one of the same instant: counted, but the newer one stands
        value = values_of(columns.take(slice(place, place + 1)), self._kinds)[0]
        self._put(index, value, event_ns, sequence, int(columns.quality[place]), ordinal)

    def _put(
        self, index: int, value: Value, event_ns: int, sequence: int, quality: int, ordinal: int
    ) -> None:
        self.event_ns[index] = event_ns
        self.quality[index] = quality
        self.ordinal[index] = ordinal
        self._sequence[index] = sequence
        if value is None or is_bad(quality):
            return
        self.usable[index] = True
        kind = self.types[index]
        if kind == "f64" or kind == "bool":
            self.numeric[index] = value
        elif kind == "i64":
            self.numeric[index] = value
            self.integers[self._row[index]] = value
        elif kind == "enum":
            self.numeric[index] = value
            self._texts[index] = self._codes[index].get(value)  # type: ignore[arg-type]
        elif kind == "string":
            self._texts[index] = value  # type: ignore[assignment]
        else:
            self._vectors[kind][self._row[index]] = value

    def _fit(self, index: int, value: Any) -> Value:
        kind = self.types[index]
        try:
            if kind == "f64":
                return float(value)
            if kind == "i64":
                return int(value)
            if kind == "bool":
                return int(bool(value))
            if kind == "enum":
                return self._enum_names[index][value] if isinstance(value, str) else int(value)
            if kind == "string":
                return str(value)
            row = np.asarray(value, dtype=np.float64)
            if row.shape != self._vectors[kind][self._row[index]].shape:
                raise ValueError
            return tuple(row.tolist())
        except (TypeError, ValueError, KeyError, OverflowError):
            shown = repr(value)[:60]
            raise UserError(
                f"{shown} is no value for signal {self.signal_ids[index]!r} of type {kind}"
            ) from None


def _bytes(array: NDArray[Any]) -> bytes:
    return array.astype(array.dtype.newbyteorder("<")).tobytes()
