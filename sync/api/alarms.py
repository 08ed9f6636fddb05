"""Alarms: models and operations; `sync.alarms` says who looks after them."""

from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, StringConstraints

from twinstage.sync.api.operation import Model, Ns, Operation, Utc

MOST_AT_ONCE = 1000
MOST_RECORDS = 1000

Action = Literal["acknowledge", "shelve", "unshelve", "out-of-service", "in-service"]
ACTIONS: tuple[Action, ...] = get_args(Action)
AlarmState = Literal["normal", "unacknowledged", "acknowledged", "returned"]
Priority = Literal["low", "medium", "high", "critical"]

_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
AlarmId = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Person = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=_PRINTABLE, strip_whitespace=True)
]
Comment = Annotated[str, StringConstraints(max_length=1000, pattern=_PRINTABLE)]


class Order(Model):
    """What an operator wants."""

    model_config = ConfigDict(
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"alarms": ["mixer.hot"], "by": "anna", "comment": "on my way"}]},
    )
    alarms: Annotated[tuple[AlarmId, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]
    by: Person = Field(description="Who wants it.")
    comment: Comment = ""
    seconds: Annotated[float, Field(gt=0)] | None = Field(
        None, description="How long; `shelve` needs it, and nothing else takes it."
    )


class Alarm(Model):
    """An alarm as it stands (ISA-18.2); numbers are in the signal's unit."""

    id: str
    state: AlarmState
    active: bool = Field(description="Whether it is in the list of active alarms.")
    condition: bool = Field(description="Whether its condition holds now.")
    priority: Priority
    signal: str = Field(description="Empty for an alarm on an expression.")
    expr: str
    kind: str = Field(description="Of the condition: above, below, rise, fall, stale, quality, equals, expr.")
    limit: bool | float | str | None
    value: float | None
    unit: str = Field(description="UCUM code.")
    raised: Utc | None
    shelved_until: Utc | None
    suppressed: bool = Field(description="By design, in this operating mode.")
    out_of_service: bool
    message: str
    response: str


class Alarms(Model):
    """Alarms, the most urgent first."""

    mode: str | None = Field(description="Operating mode; null where there is none.")
    flooded: bool = Field(description="Whether there are more than people can follow.")
    count: int = Field(ge=0, description="Alarms that the contract has.")
    alarms: tuple[Alarm, ...]


class AlarmRecord(Model):
    """Something that happened to an alarm."""

    number: int | None = Field(None, description="Of the record; rises.")
    at: Utc
    at_ns: Ns
    what: str = Field(examples=["raised", "acknowledged", "returned"])
    alarm: str = Field(description="Empty where it is of all of them.")
    priority: str
    value: float | None
    unit: str
    by: str
    comment: str
    until: Utc | None = Field(None, description="Of a shelved alarm.")


class AlarmRecords(Model):
    """Records, the newest first."""

    records: tuple[AlarmRecord, ...]


class RefusedAlarm(Model):
    """An alarm with which it could not be done."""

    alarm: str
    reason: str


class Acted(Model):
    """What was done, as safe as the journal is, and what was not."""

    done: tuple[AlarmRecord, ...]
    refused: tuple[RefusedAlarm, ...]


class AlarmsAsk(Model):
    """Which alarms."""

    all: bool = Field(False, description="All of them, not only active ones.")


class AlarmRecordsAsk(Model):
    """Which records."""

    limit: int = Field(100, ge=1, le=MOST_RECORDS)
    before: int | None = Field(None, ge=0, le=1 << 62, description="Only records with lower numbers.")
    alarm: str | None = Field(None, max_length=500, description="Only of this alarm.")


class ActAsk(Model):
    """What to do."""

    action: Action


OPERATIONS = (
    Operation(
        "listAlarms",
        "/api/v1/alarms",
        "Alarms",
        "Alarms as they stand",
        asks=AlarmsAsk,
        answer=Alarms,
        aliases=("/api/alarms",),
    ),
    Operation(
        "listAlarmRecords",
        "/api/v1/alarms/journal",
        "Alarms",
        "What happened",
        asks=AlarmRecordsAsk,
        answer=AlarmRecords,
        errors=(503,),
        aliases=("/api/alarms/journal",),
    ),
    Operation(
        "actOnAlarms",
        "/api/v1/alarms/{action}",
        "Alarms",
        "Acknowledge alarms, shelve them, take them out of service",
        role="operator",
        method="POST",
        asks=ActAsk,
        body=Order,
        answer=Acted,
        errors=(403, 404, 409, 413, 415),
        aliases=("/api/alarms/{action}",),
        description="Each alarm by itself; 404 or 409 where nothing was done, with `refused` beside `error`.",
    ),
)
