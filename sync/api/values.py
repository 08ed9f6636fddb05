"""Values of signals as they are now."""

from typing import Any, Literal, Protocol

from pydantic import ConfigDict, Field

from twinstage.sync.api.operation import Glob, Model, Ns, Operation, Page, PageAsk, Text, Utc

Level = Literal["good", "uncertain", "bad"]
SignalValue = bool | int | float | str | tuple[float, ...] | None

_EXAMPLE: dict[str, Any] = {
    "id": "agv1.x",
    "type": "f64",
    "unit": "m",
    "value": 2.5,
    "quality": 0,
    "level": "good",
    "qualityName": "Good",
    "eventTime": "2026-11-24T09:14:00.000Z",
    "eventNs": "1795511640000000000",
    "heardTime": "2026-11-24T09:14:00.021Z",
    "heardNs": "1795511640021000000",
    "appliedTime": "2026-11-24T09:14:00.033Z",
    "appliedNs": "1795511640033000000",
    "ageSeconds": 0.4,
    "stale": False,
    "source": "fleet",
    "description": "Place of the first vehicle",
}


class Value(Model):
    """The last known value of a signal."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    id: str = Field(description="Of the signal, as the contract has it.")
    type: str = Field(
        description="f64, i64, bool, enum, string, vec[n], quat (wxyz) or pose (x, y, z, wxyz)."
    )
    unit: str = Field(description="UCUM code of the value, which is in SI; 1 for none.")
    value: SignalValue = Field(description="Null before the first usable one; the name, for an enum.")
    quality: int = Field(ge=0, lt=1 << 32, description="OPC UA StatusCode, age counted in.")
    level: Level = Field(description="What the two highest bits of the quality say.")
    quality_name: str = Field(description="Name of the StatusCode, or its hexadecimal digits.")
    event_time: Utc | None = Field(description="When it happened, as its source says.")
    event_ns: Ns | None
    heard_time: Utc | None = Field(
        description="When something of this signal arrived last, whatever became of it; null where nothing did since the "
        "start, and for derived signals."
    )
    heard_ns: Ns | None
    applied_time: Utc | None = Field(description="When it became the value.")
    applied_ns: Ns | None
    age_seconds: float | None = Field(description="From the event time to now.")
    stale: bool = Field(description="Whether it is older than the contract's max_age.")
    source: str = Field(description="Of the contract; empty for derived signals.")
    description: str = ""
    contract_unit: str = Field("1", description="UCUM code in which the contract has it.")
    unit_scale: float = Field(
        1.0, description="What is in SI = what is in the contract's unit * this + the offset."
    )
    unit_offset: float = 0.0


class ValuesAsk(PageAsk):
    """Which values."""

    id: Glob | None = Field(None, description="Pattern of ids: `*` is any text.", examples=["agv*.x"])
    source: Text | None = Field(None, description="Only those of that source.")
    level: Level | None = Field(None, description="Only those of that quality.")


class ValueAsk(Model):
    """Which value."""

    signal: Text = Field(description="The id of the signal.", examples=["agv1.x"])


class ValuePage(Page):
    """Values in the order of the contract, derived ones last; all of one moment."""

    now_ns: Ns = Field(description="The twin's time of day at that moment.")
    values: tuple[Value, ...]


class ValueSource(Protocol):
    """Who knows the values. Belongs to the server's event loop."""

    def list_values(self, asked: ValuesAsk) -> ValuePage:
        """A page of values."""
        ...

    def get_value(self, asked: ValueAsk) -> Value:
        """One value. Raises Refused (404)."""
        ...


OPERATIONS = (
    Operation(
        "listValues",
        "/api/v1/values",
        "Values",
        "Values of signals now",
        asks=ValuesAsk,
        answer=ValuePage,
        description="To be told of changes instead of asking, follow the stream (docs/protocol.md).",
    ),
    Operation(
        "getValue",
        "/api/v1/values/{signal:path}",
        "Values",
        "One value now",
        asks=ValueAsk,
        answer=Value,
        errors=(404,),
    ),
)
