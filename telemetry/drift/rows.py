"""Lines to rows of raw fields: all that a source sends, also what no signal asks for.

A field has the name that a contract would give it: the column of a table, the key of an object (dots lead into nested
ones), the name in the long layout, `record/column` in the record layout.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from twinstage.telemetry.contract import SourceSpec
from twinstage.telemetry.drift.kinds import Kind, kind_of, kind_of_cell
from twinstage.telemetry.readers import cell_splitter, compile_dialect

Value = tuple[Kind, float]

_DEEP = 8
_MOST_FIELDS = 20_000


class Row(NamedTuple):
    """One line: its number from 1, its own time [ns, as written], what its fields hold, its type in the record layout."""

    line: int
    time: int
    fields: dict[str, Value]
    record: str = ""


class RowReader:
    """Reads the lines of one source; lines that cannot be read are passed over, for the quarantine has them."""

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec.reader
        self._max_line = spec.max_line
        self._dialect = compile_dialect(spec)
        self._split = cell_splitter(spec)
        self._comment = spec.reader.comment.encode() if spec.reader.comment else None
        self._decode = msgspec.json.Decoder().decode
        self.restart()

    def restart(self) -> None:
        """The next line is the first of a stream."""
        self.columns: Sequence[str] | None = None if self._spec.header else self._spec.columns
        """The columns of a table, once known."""

    def read(self, lines: Sequence[bytes], first: int) -> Iterator[Row]:
        """Rows of lines numbered from `first`."""
        read = self._cells if self._spec.format == "csv" else self._object
        for line, raw in enumerate(lines, first):
            if line == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if not raw or raw.isspace() or len(raw) > self._max_line:
                continue
            try:
                row = read(line, raw)
            except (ValueError, csv.Error, RecursionError):
                continue
            if row is not None:
                yield row

    def _cells(self, line: int, raw: bytes) -> Row | None:
        spec = self._spec
        if self._comment is not None and raw.startswith(self._comment):
            return None
        cells = self._split(raw.decode(spec.encoding))
        if not cells:  # white space that bytes do not know as such
            return None
        columns = spec.columns_of(cells[0]) if spec.record is not None else self.columns
        if columns is None:
            if spec.record is None and spec.header:
                self.columns = _named(spec.columns or cells)
            return None
        if len(cells) < len(columns) or list(columns) == cells[: len(columns)]:
            return None
        item = dict(zip(columns, cells, strict=False))
        prefix = f"{cells[0]}/" if spec.record is not None else ""
        return self._row(line, item, prefix)

    def _object(self, line: int, raw: bytes) -> Row | None:
        item = self._decode(raw)
        if type(item) is not dict:
            return None
        flat = dict(_flat(item, "", _DEEP))
        prefix = f"{flat.get(self._spec.record.column)}/" if self._spec.record is not None else ""
        return self._row(line, flat, prefix)

    def _row(self, line: int, item: dict[str, Any], prefix: str) -> Row:
        """Raises ValueError where the row tells no time."""
        spec, missing = self._spec, self._dialect.missing
        kind = kind_of_cell if spec.format == "csv" else kind_of
        time = self._dialect.time(item.get(spec.time.name))
        if spec.layout == "long":
            name = spec.join.join(str(item.get(part)) for part in spec.name)
            return Row(line, time, {name: kind(item.get(spec.value or "", ""), spec.decimal, missing)})
        own = {spec.time.name, spec.record.column if spec.record else None}
        return Row(
            line,
            time,
            {
                prefix + name: kind(raw, spec.decimal, missing)
                for name, raw in list(item.items())[:_MOST_FIELDS]
                if name not in own
            },
            prefix[:-1],
        )


def _named(columns: Sequence[str]) -> list[str]:
    """Columns up to the last one that has a name."""
    out = list(columns)
    while out and not out[-1]:
        out.pop()
    return out


def _flat(item: dict[str, Any], prefix: str, deep: int) -> Iterator[tuple[str, Any]]:
    for key, value in item.items():
        if type(value) is dict and deep:
            yield from _flat(value, f"{prefix}{key}.", deep - 1)
        else:
            yield prefix + key, value
