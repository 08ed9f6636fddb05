"""The telemetry contract: which sources exist, how their files are written, and what every signal means.

    contract: 1
    sources:
      robot:
        uri: "file:palletizer_trajectory.csv"
        reader: {format: csv, comment: "#", time: {column: time_s, unit: s, epoch: relative}}
        clock: {epoch: now}
        loop: true
    signals:
      - {id: robot.j1, source: robot, field: J1_deg, unit: deg, range: [-180, 180]}
    derived:
      - {id: robot.power, expr: robot.current * robot.voltage, unit: W}

Everything is checked at load: names, units and their dimension, what a layout needs. What can only be known from the
data (a column that is missing, a time without a zone) is checked by `preflight` before a source runs.
The reader's half of the model lives in `reader_spec`.
"""

import hashlib
import re
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from twinstage.base.clock import NS
from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.alarms.check import check_alarm, check_mode, modes_of
from twinstage.telemetry.alarms.spec import AlarmSpec, Mode
from twinstage.telemetry.asset_spec import AssetsSpec
from twinstage.telemetry.derived_spec import DerivedError, DerivedSpec, check_derived
from twinstage.telemetry.reader_spec import ReaderSpec, as_tuple
from twinstage.telemetry.times import Ambiguous, iso_ns, load_zone
from twinstage.telemetry.units import Unit, compile_unit
from twinstage.telemetry.yamlfile import FieldError, load_model, parse_model

STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

_TYPE = re.compile(r"f64|i64|bool|enum|string|quat|pose|vec\[([1-9]\d{0,3})\]")
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-/:]*")
Seconds = Annotated[float, Field(ge=0)]


def _check_type(text: str) -> str:
    if _TYPE.fullmatch(text) is None:
        raise ValueError(
            f"type {text!r} is unknown; expected f64, i64, bool, enum, string, vec[n], quat or pose"
        )
    return text


def _check_id(text: str) -> str:
    if _ID.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no identifier; letters, digits and _ . - / : are allowed")
    return text


def _check_unit(code: str) -> str:
    try:
        compile_unit(code)
    except UserError as error:
        raise ValueError(str(error)) from None
    return code


def _number_to_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


TextOrList = str | int | tuple[str | int, ...]
Name = Annotated[str, AfterValidator(_check_id)]
Cell = Annotated[str, BeforeValidator(_number_to_text, json_schema_input_type=str | int)]


class ClockSpec(BaseModel):
    """How a source's own times become UTC.

    Attributes:
        zone: IANA name (`Europe/Berlin`), `UTC` or an offset (`+01:00`) for times written without one.
        epoch: instant of time zero for relative times (ISO-8601 with a zone), or `now`: the first row of the replay
            is taken to happen when it arrives.
        ambiguous: which one is meant by a local time that comes twice, because clocks are set back over it: `first` (still
            summer time), `second`, or `refuse` (quarantine). A time that clocks are set forward over is refused always.
    """

    model_config = STRICT
    zone: str | None = None
    epoch: str | None = None
    ambiguous: Ambiguous = "refuse"

    @model_validator(mode="after")
    def _check(self) -> "ClockSpec":
        if self.zone is not None:
            load_zone(self.zone)
        if self.epoch not in (None, "now"):
            try:
                iso_ns(str(self.epoch), None)
            except ValueError:
                message = (
                    f"epoch {self.epoch!r} is no instant; expected 'now' or a date and time with its zone"
                )
                raise ValueError(f"{message}, such as 2026-01-01T00:00:00Z") from None
        return self

    @property
    def epoch_ns(self) -> int | None:
        """Instant of time zero [ns since 1970, UTC]; None where it is `now` or not given."""
        return None if self.epoch in (None, "now") else iso_ns(str(self.epoch), None)


class SourceSpec(BaseModel):
    """One origin of telemetry.

    Attributes:
        uri: `kind:rest`, such as `file:cycle.csv` (relative to the contract), `tcp:9000`, `plant:workcell`.
        lateness: how long an event may be overtaken by newer ones of this source [s]; 0 releases at once.
        history: how much later than that an event may still come and go into the history [s], for it never moves the
            state again; what is later is refused as late. None takes all.
        idle_after: silence after which the source no longer holds anything back [s].
        loop: replay from the start again and again, event times moved on by whole cycles.
        max_ahead: how far in the future of its arrival an event may be dated [s]; None allows anything.
        max_line: longest accepted line [bytes].
        max_pending: most readings held back by lateness.
    """

    model_config = STRICT
    uri: str
    reader: ReaderSpec
    clock: ClockSpec = ClockSpec()
    lateness: Seconds = 0.0
    history: Seconds | None = None
    idle_after: Annotated[float, Field(gt=0)] = 5.0
    loop: bool = False
    max_ahead: Seconds | None = None
    max_line: Annotated[int, Field(ge=64, le=64 << 20)] = 1 << 20
    max_pending: Annotated[int, Field(ge=1)] = 1_000_000
    description: str = ""

    @model_validator(mode="after")
    def _check(self) -> "SourceSpec":
        if re.match(r"[a-z][a-z0-9_+\-]*:", self.uri) is None:
            raise ValueError(
                f"uri {self.uri!r} names no kind; expected for example 'file:run.csv' or 'tcp:9000'"
            )
        if self.reader.time.epoch == "relative" and self.clock.epoch is None:
            raise ValueError(
                "its times are relative, so clock.epoch must say when zero was (an instant, or now)"
            )
        return self

    @property
    def kind(self) -> str:
        return self.uri.partition(":")[0]

    @property
    def lateness_ns(self) -> int:
        return round(self.lateness * NS)

    @property
    def history_ns(self) -> int | None:
        return None if self.history is None else round(self.history * NS)

    @property
    def idle_after_ns(self) -> int:
        return round(self.idle_after * NS)


class SignalSpec(BaseModel):
    """One quantity.

    Attributes:
        field: column, JSON key (dots lead into nested objects), or tag name in the long layout; for vec, quat and pose
            a list of them (pose: x, y, z, then the quaternion), or one JSON key that holds a list.
        record: record type, in the record layout.
        where: only rows whose other columns read exactly so.
        unit: UCUM code of the values as they arrive; of the position for a pose.
        range: lowest and highest plausible value, in `unit`, both allowed, for each component of a vec; outside goes to
            quarantine.
        units: of a vec, where its components have different units: one each.
        mode_range: what it should be in an operating mode, in `unit`; a reading outside counts, as uncertain (`modes`).
        period: usual distance between readings [s]; max_age: age from which the value counts as stale [s].
        gap: what is assumed once a value is stale. `hold`: the last value still stands, as uncertain; `bad`: there is
            none, and the quality is bad; `linear`: of the live state the same as `hold`, for it applies to history
            only: between two readings that lie further apart the value is to be interpolated.
        values: names of an enum, in order from 0, or name: code.
        order: how a quaternion is written; inside it is always wxyz.
        quality_field: column or key of this signal's quality.
    """

    model_config = STRICT
    id: Name
    source: str
    field: Annotated[
        tuple[Cell, ...], BeforeValidator(as_tuple, json_schema_input_type=TextOrList), Field(min_length=1)
    ]
    record: Cell | None = None
    where: dict[str, Cell] = {}
    unit: Annotated[str, AfterValidator(_check_unit)] = "1"
    type: Annotated[str, AfterValidator(_check_type)] = "f64"
    units: tuple[Annotated[str, AfterValidator(_check_unit)], ...] | None = None
    range: tuple[float, float] | None = None
    mode_range: dict[Mode, tuple[float, float]] = {}
    period: Seconds | None = None
    max_age: Annotated[float, Field(gt=0)] | None = None
    gap: Literal["hold", "linear", "bad"] = "hold"
    quality_field: Cell | None = None
    values: dict[str, int] | tuple[str, ...] | None = None
    order: Literal["wxyz", "xyzw"] = "wxyz"
    description: str = ""

    @model_validator(mode="after")
    def _check(self) -> "SignalSpec":
        if self.type in ("bool", "enum", "string", "quat") and self.unit != "1":
            raise ValueError(f"a {self.type} has no unit, and unit is {self.unit!r}")
        if self.type == "pose" and compile_unit(self.unit).dimension != "m":
            raise ValueError(
                f"the unit of a pose is that of its position, a length, and {self.unit!r} is none"
            )
        if self.range is not None:
            if self.type not in ("f64", "i64") and not self.type.startswith("vec"):
                raise ValueError(f"a {self.type} has no range")
            if self.range[0] > self.range[1]:
                raise ValueError(f"range {list(self.range)} has its lower bound above the upper")
        for name, (low, high) in self.mode_range.items():
            if self.type not in ("f64", "i64") and not self.type.startswith("vec"):
                raise ValueError(f"a {self.type} has no range, so none in the mode {name!r} either")
            if low > high:
                raise ValueError(
                    f"the range {[low, high]} of mode {name!r} has its lower bound above the upper"
                )
        if self.units is not None:
            self._check_units()
        if self.type == "i64" and (self.compiled_unit.scale, self.compiled_unit.offset) != (1.0, 0.0):
            raise ValueError(
                f"an i64 stays a whole number, and {self.unit!r} would have to be converted; use f64"
            )
        if (self.type == "enum") != (self.values is not None):
            raise ValueError("an enum lists its values, and only an enum does")
        if len(self.enum_codes) != len(set(self.enum_codes.values())):
            raise ValueError("two names of the enum have the same code")
        if len(self.field) not in (1, self.width):
            raise ValueError(f"a {self.type} takes {self.width} fields, and {len(self.field)} are named")
        return self

    def _check_units(self) -> None:
        if not self.type.startswith("vec") or len(self.units or ()) != self.width:
            raise ValueError(f"units names one unit for each component of a vec, and this is a {self.type}")
        if self.unit != "1":
            raise ValueError("either unit or units says how its values arrive, not both")
        if (self.range is not None or self.mode_range) and len(set(self.units or ())) > 1:
            raise ValueError("one range cannot hold for components of different units")

    @property
    def width(self) -> int:
        """Numbers in one value: n for vec[n], 4 for quat, 7 for pose, else 1."""
        vector = re.fullmatch(r"vec\[(\d+)\]", self.type)
        return int(vector.group(1)) if vector else {"quat": 4, "pose": 7}.get(self.type, 1)

    @property
    def enum_codes(self) -> dict[str, int]:
        """Code of every name of an enum; empty for other types."""
        if self.values is None:
            return {}
        return (
            self.values if isinstance(self.values, dict) else {name: i for i, name in enumerate(self.values)}
        )

    @property
    def compiled_unit(self) -> Unit:
        """Of all its numbers; of a vec whose components have different units, that of the first."""
        return compile_unit(self.units[0] if self.units is not None else self.unit)

    def unit_of(self, component: int) -> Unit:
        """The unit of one component of a vec, from 0."""
        return compile_unit(self.units[component] if self.units is not None else self.unit)

    @property
    def si(self) -> str:
        """UCUM code of the unit that the state holds; `1` for a vec whose components measure different things."""
        units = {self.unit_of(k).si for k in range(self.width)} if self.units is not None else set()
        return "1" if len(units) > 1 else self.compiled_unit.si


Quantity: TypeAlias = SignalSpec | DerivedSpec


class Contract(BaseModel):
    """The whole file. Immutable; `hash` identifies its meaning (not its comments or formatting).

    Attributes:
        mode: the signal that tells the operating mode, for `mode_range` and for `suppress_in` of alarms.
        assets: records of the things that the signals belong to (`asset_spec`).
        version: what people call this state of the file; the hash tells two files apart without it.
    """

    model_config = STRICT
    contract: Literal[1]
    sources: Annotated[dict[Name, SourceSpec], Field(min_length=1)]
    signals: Annotated[tuple[SignalSpec, ...], Field(min_length=1)]
    derived: tuple[DerivedSpec, ...] = ()
    alarms: tuple[AlarmSpec, ...] = ()
    mode: str | None = None
    assets: AssetsSpec | None = None
    version: Annotated[str, BeforeValidator(_number_to_text, json_schema_input_type=str | int)] = ""
    description: str = ""

    @model_validator(mode="after")
    def _check(self) -> "Contract":
        first: dict[str, int] = {}
        for index, signal in enumerate(self.signals):
            if first.setdefault(signal.id, index) != index:
                message = f"the id {signal.id!r} is taken by signals[{first[signal.id]}] already"
                raise FieldError(message, "signals", index, "id")
            if signal.source not in self.sources:
                near = did_you_mean(signal.source, self.sources)
                message = f"signal {signal.id!r} names the source {signal.source!r}, which is not there{near}"
                raise FieldError(message, "signals", index, "source")
            try:
                _check_fit(signal, self.sources[signal.source].reader)
            except ValueError as error:
                raise FieldError(str(error), "signals", index) from None
        self._check_derived(first)
        try:
            check_mode(self.mode, self.by_id, self.alarms)
        except ValueError as error:
            raise FieldError(str(error), "mode") from None
        self._check_mode_ranges()
        self._check_alarms()
        return self

    def _check_mode_ranges(self) -> None:
        known = modes_of(self.mode, self.by_id)
        for index, signal in enumerate(self.signals):
            for name in signal.mode_range:
                where = ("signals", index, "mode_range")
                if self.mode is None:
                    message = f"no signal tells the operating mode {name!r}; mode: SIGNAL was expected"
                    raise FieldError(message, *where)
                if known is not None and name not in known:
                    raise FieldError(
                        f"{self.mode!r} is never {name!r}{did_you_mean(name, known)}", *where, name
                    )

    def _check_alarms(self) -> None:
        first: dict[str, int] = {}
        for index, alarm in enumerate(self.alarms):
            if first.setdefault(alarm.id, index) != index:
                message = f"the id {alarm.id!r} is taken by alarms[{first[alarm.id]}] already"
                raise FieldError(message, "alarms", index, "id")
            try:
                check_alarm(alarm, self.by_id, self._derived_checked[0])
            except ValueError as error:
                raise FieldError(str(error), "alarms", index) from None

    def _check_derived(self, taken: dict[str, int]) -> None:
        for index, derived in enumerate(self.derived):
            try:
                _check_id(derived.id)
            except ValueError as error:
                raise FieldError(str(error), "derived", index, "id") from None
            if taken.setdefault(derived.id, index) != index or derived.id in self.by_id:
                raise FieldError(f"the id {derived.id!r} is taken already", "derived", index, "id")
        try:
            self._derived_checked  # noqa: B018
        except DerivedError as error:
            raise FieldError(str(error), "derived", error.index) from None

    @cached_property
    def _derived_checked(self) -> tuple[dict[str, Unit], list[int]]:
        return check_derived(self.derived, self.by_id)

    @cached_property
    def by_id(self) -> dict[str, SignalSpec]:
        """Signals that sources bring, by their id."""
        return {signal.id: signal for signal in self.signals}

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything that has a value: signals, then derived ones. The state is numbered so."""
        return (*self.signals, *self.derived)

    def quantity_index(self, quantity_id: str) -> int:
        """Place among `quantities`. Raises UserError with a near miss."""
        index = self._index_of.get(quantity_id)
        if index is None:
            raise UserError(
                f"the contract has no signal {quantity_id!r}{did_you_mean(quantity_id, self._index_of)}"
            )
        return index

    @cached_property
    def _index_of(self) -> dict[str, int]:
        return {quantity.id: k for k, quantity in enumerate(self.quantities)}

    @property
    def derived_order(self) -> list[int]:
        """Places in `derived`, each after those that it needs."""
        return self._derived_checked[1]

    def si_unit(self, quantity_id: str) -> str:
        """UCUM code of the unit in which the state holds that quantity."""
        signal = self.by_id.get(quantity_id)
        return signal.si if signal is not None else self._derived_checked[0][quantity_id].si

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the content, hex."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def signal(self, signal_id: str) -> SignalSpec:
        """That signal. Raises UserError with a near miss."""
        if signal_id not in self.by_id:
            raise UserError(f"the contract has no signal {signal_id!r}{did_you_mean(signal_id, self.by_id)}")
        return self.by_id[signal_id]


def _check_fit(signal: SignalSpec, reader: ReaderSpec) -> None:
    """What a signal must say depends on its source's layout."""
    name = f"signal {signal.id!r}"
    if reader.layout == "record":
        if signal.record is None:
            raise ValueError(f"{name} must name its record: the source has the record layout")
        known = reader.record.types if reader.record else {}
        if known and signal.record not in known:
            raise ValueError(f"{name} names the record {signal.record!r}{did_you_mean(signal.record, known)}")
    elif signal.record is not None:
        raise ValueError(f"{name} names a record, but the source has the {reader.layout} layout")
    if reader.layout == "long" and len(signal.field) > 1:
        raise ValueError(f"{name} takes one field: in the long layout a value comes from one row")
    if reader.format == "csv" and reader.layout != "long":
        if signal.width > 1 and len(signal.field) == 1:
            raise ValueError(f"{name} takes {signal.width} fields: a CSV cell holds one number")
        columns = reader.columns_of(signal.record)
        used = [*signal.field, *signal.where, *([signal.quality_field] if signal.quality_field else [])]
        for column in used if columns is not None else []:
            if columns is not None and column not in columns:
                raise ValueError(f"{name} names the column {column!r}{did_you_mean(column, columns)}")


def load_contract(path: Path) -> Contract:
    """Read `contract.yaml`. Raises UserError, one sentence with file, line and field, for any mistake in it."""
    return load_model(path, Contract, "contract")


def parse_contract(text: str, *, where: str = "contract") -> Contract:
    """The same from text; `where` stands for the file's name in messages."""
    return parse_model(text, Contract, noun="contract", where=where)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the contract file."""
    return Contract.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def utc(ns: int) -> str:
    """Nanoseconds since 1970 as ISO-8601 text, for messages."""
    return datetime.fromtimestamp(ns // NS, tz=UTC).isoformat()
