"""Rows to readings. A row is a list of cells (CSV text, or JSON values), a table knows which cell means what.

Tables are compiled once the columns are known, so that reading a row is indexing and one call a value. Everything that
a row gets wrong becomes a `Rejected`; the other values of the row still count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import msgspec

from twinstage.base.errors import did_you_mean
from twinstage.telemetry.contract import SignalSpec
from twinstage.telemetry.quality import QualityMap
from twinstage.telemetry.reader_spec import ReaderSpec
from twinstage.telemetry.reading import Value
from twinstage.telemetry.times import TimeError, TimeParser
from twinstage.telemetry.values import Convert, Reject

Cells: TypeAlias = Sequence[object]
RawEvent: TypeAlias = tuple[int, int, int, Value, int]
"""(time as written [ns], signal index, sequence, value in SI, quality)."""


class Rejected(NamedTuple):
    """Why a line, or one value of it, goes to quarantine. `line` counts from 1."""

    line: int
    reason: str
    field: str
    expected: str
    got: str
    signal: str = ""


@dataclass(slots=True)
class Batch:
    """What some lines gave.

    `lines`: number of the line of each event; `unmapped`: rows or names that no signal asks for; `blank`: cells without
    a value; `time`: of the last row that told one; `names`: some of the names that no signal asks for.
    """

    events: list[RawEvent] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    rejects: list[Rejected] = field(default_factory=list)
    unmapped: int = 0
    blank: int = 0
    time: int | None = None
    names: set[str] = field(default_factory=set)

    @property
    def received(self) -> int:
        return len(self.events) + len(self.rejects)


@dataclass(frozen=True, slots=True)
class Channel:
    """A signal with everything that reading it takes, before columns are known."""

    index: int
    spec: SignalSpec
    convert: Convert
    by_unit: Mapping[str, Convert] | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """What all tables of a source share."""

    spec: ReaderSpec
    time: TimeParser
    quality: QualityMap
    missing: tuple[object, ...]


class HeaderError(ValueError):
    """Columns that are not as the contract says; the message is what was expected."""


class _Slot(NamedTuple):
    signal: int
    name: str
    column: str
    single: int  # position of the only cell, or -1
    cells: tuple[int, ...]
    quality: int  # position, or -1
    convert: Convert
    by_unit: Mapping[str, Convert] | None


Slots: TypeAlias = tuple[_Slot, ...]


class Table:
    """One kind of row: positions of time, sequence, quality, and of every signal's cells.

    Raises HeaderError if `columns` lack one that is needed. `lenient` keeps what can be read instead, if time can.
    """

    def __init__(
        self, columns: Sequence[str], channels: Sequence[Channel], dialect: Dialect, *, lenient: bool = False
    ) -> None:
        spec = dialect.spec
        self.columns = list(columns)
        self.width = len(self.columns)
        self._dialect = dialect
        self._time = self._position(spec.time.name)
        self._time_name = spec.time.name
        self._sequence = self._position(spec.sequence) if spec.sequence else -1
        self._quality = self._position(spec.quality) if spec.quality else -1
        self._unit = self._position(spec.unit) if spec.unit else -1
        self._names = tuple(self._position(name) for name in spec.name)
        self._value = self._position(spec.value) if spec.value else -1
        self._where: dict[tuple[int, ...], dict[tuple[str, ...], Slots]] = {}
        self._plain: Slots = ()
        self._by_name: dict[str, Slots] = {}
        for channel in channels:
            try:
                self._add(channel)
            except HeaderError:
                if not lenient:
                    raise

    def read(self, rows: Iterable[tuple[int, Cells]], batch: Batch) -> None:
        """Read numbered rows into the batch."""
        parse_time, quality = self._dialect.time, self._dialect.quality
        time_at, sequence_at, quality_at = self._time, self._sequence, self._quality
        put, put_line = batch.events.append, batch.lines.append
        long = bool(self._names)
        simple = not self._where
        missing = self._dialect.missing
        for line, cells in rows:
            try:
                time = parse_time(cells[time_at])
            except TimeError as error:
                batch.rejects.append(
                    Rejected(line, error.reason, self._time_name, str(error), shown(cells[time_at]))
                )
                continue
            batch.time = time
            try:
                sequence = _sequence(cells[sequence_at]) if sequence_at >= 0 else 0
                row_quality = quality(cells[quality_at]) if quality_at >= 0 else 0
            except Reject as error:
                at, name = self._culprit(error)
                batch.rejects.append(Rejected(line, error.reason, name, error.expected, shown(cells[at])))
                continue
            if long:
                slots = self._named(cells, line, batch)
            else:
                slots = self._plain if simple else self._matching(cells)
            for slot in slots:
                signal, _, _, single, many, quality_cell, convert, by_unit = slot
                raw = cells[single] if single >= 0 else [cells[at] for at in many]
                try:
                    status = row_quality if quality_cell < 0 else quality(cells[quality_cell])
                    if status & 0x80000000:
                        put((time, signal, sequence, None, status))
                        put_line(line)
                    elif raw in missing or (single < 0 and _all_missing(raw, missing)):
                        batch.blank += 1
                    else:
                        if by_unit is not None:
                            convert = _unit(by_unit, cells[self._unit])
                        put((time, signal, sequence, convert(raw), status))
                        put_line(line)
                except Reject as error:
                    column = slot.column
                    if error.reason == "quality":
                        column, raw = self.columns[quality_cell], cells[quality_cell]
                    elif error.reason == "unit":
                        column, raw = self.columns[self._unit], cells[self._unit]
                    batch.rejects.append(
                        Rejected(line, error.reason, column, error.expected, shown(raw), slot.name)
                    )

    def _named(self, cells: Cells, line: int, batch: Batch) -> Slots:
        names = self._names
        name = (
            cells[names[0]] if len(names) == 1 else self._dialect.spec.join.join(str(cells[n]) for n in names)
        )
        if type(name) is not str:
            if type(name) is not int:
                column = self._dialect.spec.name[0]
                batch.rejects.append(Rejected(line, "name", column, "the name of a signal", shown(name)))
                return ()
            name = str(name)
        slots = self._by_name.get(name)
        if slots is None:
            if len(batch.names) < 64:
                batch.names.add(name)
            if self._dialect.spec.unmapped == "ignore":
                batch.unmapped += 1
            else:
                expected = "a name of the contract" + did_you_mean(name, self._by_name, most=3)
                column = self._dialect.spec.name[0]
                batch.rejects.append(Rejected(line, "unmapped", column, expected, name))
            return ()
        if self._where:
            matching = self._matching(cells)
            return tuple(slot for slot in slots if slot in matching)
        return slots

    def _matching(self, cells: Cells) -> Slots:
        slots = self._plain
        for positions, table in self._where.items():
            slots += table.get(tuple(_text(cells[at]) for at in positions), ())
        return slots

    def _add(self, channel: Channel) -> None:
        spec = channel.spec
        fields: tuple[str, ...] = (self._dialect.spec.value or "",) if self._names else tuple(spec.field)
        cells = tuple(self._position(name) for name in fields)
        slot = _Slot(
            signal=channel.index,
            name=spec.id,
            column=", ".join(fields),
            single=cells[0] if len(cells) == 1 else -1,
            cells=cells,
            quality=self._position(spec.quality_field) if spec.quality_field else -1,
            convert=channel.convert,
            by_unit=channel.by_unit,
        )
        if spec.where:
            positions = tuple(self._position(name) for name in spec.where)
            table = self._where.setdefault(positions, {})
            key = tuple(spec.where.values())
            table[key] = (*table.get(key, ()), slot)
        else:
            self._plain += (slot,)
        if self._names:
            self._by_name[spec.field[0]] = (*self._by_name.get(spec.field[0], ()), slot)

    def _position(self, name: str) -> int:
        count = self.columns.count(name)
        if count == 1:
            return self.columns.index(name)
        if count:
            raise HeaderError(f"one column named {name!r}, and there are {count}")
        raise HeaderError(f"a column named {name!r}{did_you_mean(name, (c for c in self.columns if c))}")

    def _culprit(self, error: Reject) -> tuple[int, str]:
        at = self._quality if error.reason == "quality" else self._sequence
        return at, self.columns[at]


def _unit(by_unit: Mapping[str, Convert], cell: object) -> Convert:
    found = by_unit.get(cell) if type(cell) is str else None
    if found is None:
        raise Reject("unit", f"a unit of this signal: {', '.join(list(by_unit)[:8])}")
    return found


def _sequence(raw: object) -> int:
    try:
        if type(raw) is int:
            number = raw
        elif type(raw) is str and "_" not in raw:
            number = int(raw)
        else:
            raise ValueError
    except ValueError:
        raise Reject("sequence", "a whole number") from None
    if not -(1 << 63) <= number < 1 << 63:
        raise Reject("sequence", "a whole number of 64 bits with sign")
    return number


def _all_missing(raw: object, missing: tuple[object, ...]) -> bool:
    return isinstance(raw, list) and all(item in missing for item in raw)


def _text(cell: object) -> str:
    return cell if type(cell) is str else str(cell)


def shown(raw: object) -> str:
    """A value as its file has it, in words that tell it apart: what is not there is `nothing`."""
    text = raw if type(raw) is str else "nothing" if raw is None else _written(raw)
    return text if len(text) <= 200 else text[:197] + "..."


def _written(raw: object) -> str:
    try:
        return repr(raw) if isinstance(raw, float) else msgspec.json.encode(raw).decode()
    except (TypeError, ValueError, RecursionError):
        return repr(raw)
