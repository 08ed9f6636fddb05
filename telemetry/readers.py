"""Lines to readings: one decoder a source, of the format that its contract names.

A decoder is fed whole lines with their numbers and keeps what it must remember between them: the header of a CSV.
It never raises for what a line says; each line gives readings, rejects, or nothing (comments, blank lines, headers).
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from twinstage.telemetry.contract import Contract, SourceSpec
from twinstage.telemetry.layouts import Batch, Cells, Channel, Dialect, HeaderError, Rejected, Table, shown
from twinstage.telemetry.lines import readable
from twinstage.telemetry.quality import QualityMap
from twinstage.telemetry.times import compile_time, load_zone
from twinstage.telemetry.values import compile_units, compile_value

_BOM = b"\xef\xbb\xbf"


class Decoder(Protocol):
    """Reads the lines of one source."""

    def decode(self, lines: Sequence[bytes], first: int) -> Batch:
        """Read lines numbered from `first`."""
        ...

    def restart(self) -> None:
        """Forget what belonged to the old stream (a header)."""
        ...


def open_decoder(contract: Contract, source: str) -> Decoder:
    """The decoder of a source for all signals that name it; signals are numbered as in the contract."""
    spec = contract.sources[source]
    text = spec.reader.format == "csv"
    channels = [
        Channel(
            index,
            signal,
            compile_value(signal, text=text, decimal=spec.reader.decimal),
            compile_units(signal, spec.reader, text=text),
        )
        for index, signal in enumerate(contract.signals)
        if signal.source == source
    ]
    dialect = compile_dialect(spec)
    return CsvDecoder(spec, channels, dialect) if text else JsonDecoder(spec, channels, dialect)


def compile_dialect(spec: SourceSpec) -> Dialect:
    """Time, quality and missing values of a source."""
    reader = spec.reader
    zone = load_zone(spec.clock.zone) if spec.clock.zone else None
    decimal = reader.decimal if reader.format == "csv" else "."
    return Dialect(
        spec=reader,
        time=compile_time(reader.time, zone=zone, decimal=decimal, ambiguous=spec.clock.ambiguous),
        quality=QualityMap(reader.quality_codes, reader.quality_statuses),
        missing=reader.missing if reader.format == "csv" else (None,),
    )


class CsvDecoder:
    """Tables of text: wide, long or record-typed, with a header or with columns from the contract."""

    def __init__(self, spec: SourceSpec, channels: Sequence[Channel], dialect: Dialect) -> None:
        self._spec = spec.reader
        self._max_line = spec.max_line
        self._channels = channels
        self._dialect = dialect
        self._comment = spec.reader.comment.encode() if spec.reader.comment else None
        self.split = cell_splitter(spec)
        self._table: Table | None = None
        self._header: list[str] | None = None
        self._units_seen = False
        self._no_header = ""
        self._records: dict[str, Table] = {}
        if self._spec.record is not None:
            for kind in self._spec.record.types:
                own = [channel for channel in channels if channel.spec.record == kind]
                self._records[kind] = Table(self._spec.columns_of(kind) or (), own, dialect)
        self.restart()

    def restart(self) -> None:
        """Expect a header again, if there is one."""
        if self._spec.columns is not None and not self._records:
            self._table = Table(self._spec.columns, self._channels, self._dialect)
        else:
            self._table = None
        self._header = None
        self._units_seen = False
        self._no_header = ""

    def decode(self, lines: Sequence[bytes], first: int) -> Batch:
        batch = Batch()
        rows = self._cells(lines, first, batch)
        if self._records:
            for line, cells in rows:
                self._record(line, cells, batch)
            return batch
        if self._spec.header and self._header is None:
            head = next(rows, None)
            if head is None:
                return batch
            self._learn(*head, batch)
        if self._spec.units_row and not self._units_seen:
            self._units_seen = next(rows, None) is not None
        if self._table is not None:
            self._table.read(self._whole(rows, self._table, batch), batch)
        else:
            batch.rejects += [Rejected(n, "header", "", self._no_header, _joined(cells)) for n, cells in rows]
        return batch

    def _learn(self, line: int, cells: list[str], batch: Batch) -> None:
        """The first line of a table with a header. A contract that names columns overrules the header's words."""
        self._header = cells
        if self._table is not None:
            return
        columns = list(cells)
        while columns and not columns[-1]:
            columns.pop()
        try:
            self._table = Table(columns, self._channels, self._dialect)
            return
        except HeaderError as error:
            self._no_header = str(error)
            batch.rejects.append(Rejected(line, "header", "", self._no_header, _joined(cells)))
        try:
            self._table = Table(columns, self._channels, self._dialect, lenient=True)
        except HeaderError as error:
            self._no_header = f"a header with {error}"

    def _record(self, line: int, cells: list[str], batch: Batch) -> None:
        table = self._records.get(cells[0])
        if table is None:
            batch.names.add(cells[0][:200])
            if self._spec.unmapped == "ignore":
                batch.unmapped += 1
            else:
                expected = f"one of {', '.join(self._records)}"
                name = self._spec.record.column if self._spec.record else ""
                batch.rejects.append(Rejected(line, "unmapped", name, expected, cells[0]))
            return
        table.read(self._whole(iter([(line, cells)]), table, batch), batch)

    def _whole(
        self, rows: Iterator[tuple[int, list[str]]], table: Table, batch: Batch
    ) -> Iterator[tuple[int, Cells]]:
        """Rows with the right number of cells; a header that comes again (logs put end to end) is skipped."""
        width = table.width
        for line, cells in rows:
            if len(cells) != width and (len(cells) < width or any(cells[width:])):
                got = f"{len(cells)}: {_joined(cells)}"
                batch.rejects.append(Rejected(line, "columns", "", f"{width} columns", got))
            elif cells != self._header:
                yield line, cells

    def _cells(self, lines: Sequence[bytes], first: int, batch: Batch) -> Iterator[tuple[int, list[str]]]:
        comment, limit, split, encoding = self._comment, self._max_line, self.split, self._spec.encoding
        for number, raw in enumerate(lines, first):
            if number == 1 and raw.startswith(_BOM):
                raw = raw[3:]
            if not raw or raw.isspace() or (comment is not None and raw.startswith(comment)):
                continue
            if len(raw) > limit:
                batch.rejects.append(_too_long(number, raw, limit))
                continue
            try:
                # White space of text is more than that of bytes, which was left out above: no cell may be left.
                if cells := split(raw.decode(encoding)):
                    yield number, cells
            except UnicodeDecodeError:
                batch.rejects.append(Rejected(number, "encoding", "", f"{encoding} text", readable(raw)))
            except csv.Error as error:
                batch.rejects.append(Rejected(number, "malformed", "", f"a CSV row ({error})", readable(raw)))


def cell_splitter(spec: SourceSpec) -> Callable[[str], list[str]]:
    """A function from a line to its cells, trimmed if the contract says so."""
    reader = spec.reader
    delimiter, quote, trim = reader.delimiter, reader.quote, reader.trim

    def split(line: str) -> list[str]:
        if quote in line:
            cells = next(csv.reader([line], delimiter=delimiter, quotechar=quote, strict=True))
        else:
            cells = line.split(delimiter)
        return [cell.strip() for cell in cells] if trim and (" " in line or "\t" in line) else cells

    return str.split if delimiter == " " else split


class JsonDecoder:
    """One JSON object a line. Its columns are the keys that the contract asks for; others are passed over."""

    def __init__(self, spec: SourceSpec, channels: Sequence[Channel], dialect: Dialect) -> None:
        self._spec = spec.reader
        self._max_line = spec.max_line
        self._decode = msgspec.json.Decoder().decode
        self._decode_lines = msgspec.json.Decoder().decode_lines
        self._tables: dict[str | None, tuple[Table, _Pick]] = {}
        kinds: set[str | None] = {channel.spec.record for channel in channels} or {None}
        for kind in kinds if self._spec.record is not None else {None}:
            own = [channel for channel in channels if channel.spec.record == kind]
            keys = _keys(self._spec.required(), own, long=self._spec.layout == "long")
            self._tables[kind] = (Table(keys, own, dialect), _picker(keys))

    def restart(self) -> None:
        """Nothing to forget."""

    def decode(self, lines: Sequence[bytes], first: int) -> Batch:
        batch = Batch()
        if self._spec.record is not None:
            for line, item in self._objects(lines, first, batch):
                self._record(line, item, batch)
        else:
            table, pick = self._tables[None]
            table.read(((line, pick(item)) for line, item in self._objects(lines, first, batch)), batch)
        return batch

    def _record(self, line: int, item: dict[str, Any], batch: Batch) -> None:
        name = self._spec.record.column if self._spec.record else ""
        kind = item.get(name)
        found = self._tables.get(str(kind))
        if found is not None:
            table, pick = found
            table.read([(line, pick(item))], batch)
        elif self._spec.unmapped == "ignore":
            batch.unmapped += 1
        else:
            expected = f"one of {', '.join(str(k) for k in self._tables)}"
            batch.rejects.append(Rejected(line, "unmapped", name, expected, str(kind)[:200]))

    def _objects(
        self, lines: Sequence[bytes], first: int, batch: Batch
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Objects with their line numbers. One call decodes a clean block; otherwise line by line."""
        if len(lines) > 8 and max(map(len, lines)) <= self._max_line:
            items = self._block(lines)
            if len(items) == len(lines):
                yield from enumerate(items, first)
                return
        for number, raw in enumerate(lines, first):
            if number == 1 and raw.startswith(_BOM):
                raw = raw[3:]
            if not raw or raw.isspace():
                continue
            item = self._one(number, raw, batch)
            if item is not None:
                yield number, item

    def _block(self, lines: Sequence[bytes]) -> list[dict[str, Any]]:
        """All objects at once, or nothing where that cannot be trusted to give one object a line.

        The parser takes values back to back, across line feeds. It cannot do so where every line ends in `}` and the
        next begins with `{`: an unfinished object would be an error there, since strings hold no line feeds.
        """
        data = b"\n".join(lines)
        if not data.startswith(b"{") or not data.endswith(b"}") or data.count(b"}\n{") != len(lines) - 1:
            return []
        try:
            return list(self._decode_lines(data))
        except (ValueError, RecursionError):  # msgspec's errors and bad UTF-8 are ValueErrors
            return []

    def _one(self, number: int, raw: bytes, batch: Batch) -> dict[str, Any] | None:
        if len(raw) > self._max_line:
            batch.rejects.append(_too_long(number, raw, self._max_line))
            return None
        try:
            item = self._decode(raw)
        except UnicodeDecodeError:
            batch.rejects.append(Rejected(number, "encoding", "", "UTF-8 text", readable(raw)))
            return None
        except (ValueError, RecursionError) as error:
            expected = f"one JSON object a line ({str(error)[:80]})"
            batch.rejects.append(Rejected(number, "malformed", "", expected, readable(raw)))
            return None
        if type(item) is not dict:
            batch.rejects.append(Rejected(number, "malformed", "", "a JSON object", shown(item)[:80]))
            return None
        return item


def row_clock(spec: SourceSpec) -> Callable[[bytes, int], int | None]:
    """A function from a line and its number to the row's own time [ns, as written]; None for lines without one.

    Lines must come in order from the first, since a header comes before rows. For pacing replays.
    """
    dialect = compile_dialect(spec)
    if spec.reader.format == "csv":
        decoder = CsvDecoder(spec, (), dialect)
        return lambda line, number: decoder.decode([line], number).time
    decode = msgspec.json.Decoder().decode

    def clock(line: bytes, number: int) -> int | None:
        try:
            item = decode(line)
            return dialect.time(_dig(item, spec.reader.time.name)) if type(item) is dict else None
        except (ValueError, RecursionError):
            return None

    return clock


_Pick = Callable[[dict[str, Any]], list[object]]


def _keys(required: Sequence[str], channels: Sequence[Channel], *, long: bool) -> list[str]:
    keys = list(required)
    for channel in channels:
        keys += [] if long else channel.spec.field
        keys += channel.spec.where
        keys += [channel.spec.quality_field] if channel.spec.quality_field else []
    return list(dict.fromkeys(keys))


def _picker(keys: Sequence[str]) -> _Pick:
    """A function from an object to the values of those keys, None where absent; dots lead into nested objects."""
    if any("." in key for key in keys):
        return lambda item: [_dig(item, key) for key in keys]
    return lambda item: [item.get(key) for key in keys]


def _dig(item: dict[str, Any], key: str) -> object:
    if key in item:  # a key that has dots itself
        return item[key]
    value: Any = item
    for part in key.split("."):
        if type(value) is not dict:
            return None
        value = value.get(part)
    return value


def _too_long(number: int, raw: bytes, limit: int) -> Rejected:
    return Rejected(number, "line_too_long", "", f"at most {limit} bytes a line", readable(raw))


def _joined(cells: Sequence[str]) -> str:
    text = " | ".join(cells)
    return text if len(text) <= 200 else text[:197] + "..."
