"""How a source's lines are written: the `reader` of a contract.

Three layouts:

- `wide`: a row is an instant, a column (or JSON key) is a signal;
- `long`: a row is one reading; columns say which signal (`name`, one or several joined by `join`) and its `value`;
- `record`: the first thing in a row says what kind of record it is, and each kind has columns of its own.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.base.quality import NAMES, status_named
from twinstage.telemetry.units import compile_unit

STRICT = ConfigDict(frozen=True, extra="forbid")


def as_tuple(value: object) -> object:
    """One name as a tuple of one."""
    return (value,) if isinstance(value, str | int) else value


def _check_status(value: str | int) -> str | int:
    if isinstance(value, str):
        if status_named(value) is None:
            raise ValueError(f"{value!r} is no quality{did_you_mean(value.strip().lower(), NAMES)}")
    elif not 0 <= value < 1 << 32 or (value and not value >> 16):
        raise ValueError(
            f"{value} is no OPC UA StatusCode: its severity and sub-code are in the upper 16 of 32 bits"
        )
    return value


Status = Annotated[str | int, AfterValidator(_check_status)]


class TimeSpec(BaseModel):
    """Where and how a row tells its time.

    Attributes:
        column, field: the same thing, the column of a table or the key of an object.
        unit: of a number; `iso8601` for text.
        epoch: `unix`, or `relative` to the source's `clock.epoch`.
        format: strptime pattern for other text, such as `%d.%m.%Y %H:%M:%S`.
    """

    model_config = STRICT
    column: str | None = None
    field: str | None = None
    unit: Literal["s", "ms", "us", "ns", "min", "h", "d", "iso8601"] = "s"
    epoch: Literal["unix", "relative"] = "unix"
    format: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "TimeSpec":
        if (self.column is None) == (self.field is None):
            raise ValueError("time takes a column (or field: the same thing), and exactly one")
        if self.text and self.epoch == "relative":
            raise ValueError("a time written as text is a date, so it cannot be relative")
        return self

    @property
    def name(self) -> str:
        """The column or key."""
        return self.column or self.field or ""

    @property
    def text(self) -> bool:
        """Whether times are dates in words rather than numbers."""
        return self.unit == "iso8601" or self.format is not None


class RecordSpec(BaseModel):
    """The record layout: `column` (or key) with the type; `types`: columns of each, in order (CSV only)."""

    model_config = STRICT
    column: str = "record"
    types: dict[str, tuple[str, ...]] = {}


class ReaderSpec(BaseModel):
    """One dialect.

    Attributes:
        format: `csv`, or `jsonl` (one JSON object a line).
        delimiter: one character; a space stands for any run of blanks.
        decimal: the decimal mark in numbers.
        comment: lines that begin so are skipped.
        header: whether the first line names the columns; if not, `columns` does.
        units_row: whether the line after the header names the unit of each column. It is no data; `telemetry ingest` compares
            it with the contract.
        trim: blanks around names and cells do not count.
        missing: cells that mean `no value`.
        name, value, quality, sequence: columns or keys; name and value in the long layout only.
        unit: column or key with the unit of each value, where units are mixed; `units` maps what may stand there to UCUM codes;
            the signal's own needs no entry. A value whose unit is unknown, missing, or of another quantity is refused.
        quality_codes: `opcua` (StatusCode, u32) or `sparkplug` (192 good, 0 bad, 500 stale); names work in both.
        quality_map: what this source's own quality marks mean, before `quality_codes`: a name such as
            `Uncertain_SensorNotAccurate`, or a StatusCode; the key "" is for no mark at all.
        unmapped: what to do with names and records that no signal asks for; they are counted in any case.
    """

    model_config = STRICT
    format: Literal["csv", "jsonl"]
    layout: Literal["wide", "long", "record"] = "wide"
    time: TimeSpec
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    comment: Annotated[str, Field(min_length=1)] | None = None
    header: bool = True
    units_row: bool = False
    columns: tuple[str, ...] | None = None
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    trim: bool = True
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    missing: tuple[str, ...] = ("",)
    name: Annotated[
        tuple[str, ...], BeforeValidator(as_tuple, json_schema_input_type=str | tuple[str, ...])
    ] = ()
    join: str = "/"
    value: str | None = None
    quality: str | None = None
    unit: str | None = None
    units: dict[str, str] = {}
    quality_codes: Literal["opcua", "sparkplug"] = "opcua"
    quality_map: dict[str, Status] = {}
    sequence: str | None = None
    record: RecordSpec | None = None
    unmapped: Literal["ignore", "quarantine"] = "ignore"

    @model_validator(mode="after")
    def _check(self) -> "ReaderSpec":
        if self.layout == "long":
            if not self.name or self.value is None:
                raise ValueError(
                    "the long layout needs name and value: which columns say what was measured, and the value"
                )
        elif self.name or self.value is not None:
            raise ValueError(f"name and value belong to the long layout, and this is {self.layout}")
        if self.units and self.unit is None:
            raise ValueError("units says what units mean, and unit must say which column holds them")
        for spelled, code in self.units.items():
            try:
                compile_unit(code)
            except UserError as error:
                raise ValueError(f"units, {spelled!r}: {error}") from None
        if (self.layout == "record") != (self.record is not None):
            raise ValueError("the record layout needs record, and only it")
        if self.format == "csv":
            self._check_csv()
        return self

    def _check_csv(self) -> None:
        if self.units_row and not (self.header and self.layout != "record"):
            raise ValueError("units_row is a line after the header, and there is none")
        if self.layout == "record":
            if self.record is None or not self.record.types:
                raise ValueError("record.types must list the columns of each record type")
        elif not self.header and self.columns is None:
            raise ValueError("without a header, columns must name the columns")
        if self.delimiter == self.decimal:
            raise ValueError(f"delimiter and decimal are both {self.decimal!r}")
        kinds = tuple(self.record.types) if self.record else (None,)
        for kind in kinds:
            columns = self.columns_of(kind)
            for column in self.required() if columns is not None else ():
                if columns is not None and column not in columns:
                    place = f" of record {kind!r}" if kind else ""
                    raise ValueError(f"the columns{place} lack {column!r}{did_you_mean(column, columns)}")

    @property
    def quality_statuses(self) -> dict[str, int]:
        """StatusCode of each of the source's own marks."""
        return {
            mark: (status_named(status) or 0) if isinstance(status, str) else status
            for mark, status in self.quality_map.items()
        }

    def columns_of(self, record: str | None) -> tuple[str, ...] | None:
        """Names of the columns, if the contract alone says them; the record layout has its type in front."""
        if self.record is not None:
            named = self.record.types.get(record or "")
            return None if named is None else (self.record.column, *named)
        return self.columns

    def required(self) -> tuple[str, ...]:
        """Columns that every row needs, whatever its signals."""
        rest = (self.value, self.quality, self.sequence, self.unit)
        return (self.time.name, *self.name, *(name for name in rest if name is not None))
