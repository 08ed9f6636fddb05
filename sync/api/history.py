"""What was: readings of a history folder. Only where the twin keeps one (`serve --history`)."""

from typing import Annotated, Protocol

from pydantic import Field

from twinstage.sync.api.operation import Model, Ns, Operation, Page, Text, Utc
from twinstage.sync.api.values import Level, SignalValue

MOST_ROWS = 10_000
MOST_BUCKETS = 5_000
MOST_SIGNALS = 50

Moment = Annotated[
    str,
    Field(min_length=1, max_length=64, examples=["2026-11-24T09:14:00Z", "12.5"]),
]
Offset = Annotated[str, Field(pattern=r"^[0-9]{1,12}$")]
Signals = Annotated[tuple[Text, ...], Field(max_length=MOST_SIGNALS)]

_MOMENT = "A date and time with its zone, or seconds from the beginning of the history"
_KNOWN = "Only what had arrived by this moment."


class KeptSignal(Model):
    """A signal of the history."""

    id: str
    type: str
    unit: str = Field(description="UCUM code of the values, which are in SI.")


class HistorySummary(Model):
    """What the history holds."""

    first_ns: Ns | None = Field(description="Event time of the first reading; null where there are none.")
    first_time: Utc | None
    last_ns: Ns | None
    last_time: Utc | None
    signals: tuple[KeptSignal, ...]


class KeptReading(Model):
    """One reading as it was kept."""

    signal: str
    source: str
    event_ns: Ns
    event_time: Utc
    ingest_ns: Ns = Field(description="When it arrived.")
    sequence: int = Field(description="Of its source, among readings of one event time.")
    value: SignalValue = Field(description="In SI; null for a reading of bad quality. An enum's is its code.")
    unit: str
    quality: int = Field(ge=0, lt=1 << 32, description="OPC UA StatusCode.")
    level: Level
    late: bool = Field(description="Whether it came too late to move the twin.")


class Readings(Page):
    """Readings by signal and event time."""

    total: int = Field(ge=0, description="Rows in this answer: how many match is not counted.")
    readings: tuple[KeptReading, ...]


class Chart(Model):
    """Equal spans of event time, one a place in the lists. A span without readings has a count of 0 and nulls: draw nothing."""

    signal: str
    unit: str
    first_ns: Ns = Field(description="Where the first span begins.")
    step_ns: Ns = Field(description="How long each span is.")
    count: tuple[int, ...] = Field(description="Readings, bad ones included.")
    min: tuple[float | None, ...]
    max: tuple[float | None, ...]
    last: tuple[float | None, ...]
    quality: tuple[int | None, ...] = Field(description="The worst OPC UA StatusCode.")
    max_age_seconds: float | None = Field(
        None, description="The contract's max_age: a silence that is longer leaves the signal stale."
    )


class RangeAsk(Model):
    """Readings of a span of event time, ends included."""

    signal: Signals = Field((), description="Give it once for each signal; none is all of them.")
    from_: Moment | None = Field(None, alias="from", description=f"{_MOMENT}; by default that beginning.")
    to: Moment | None = Field(None, description=f"{_MOMENT}; by default its end.")
    known_at: Moment | None = Field(None, description=_KNOWN + " Give it, so that pages go together.")
    limit: int = Field(1000, ge=1, le=MOST_ROWS, description="Most rows in the answer.")
    after: Offset | None = Field(None, description="`next` of the page before.")


class AsOfAsk(Model):
    """The last reading of each signal up to a moment of event time, late ones included."""

    at: Moment | None = Field(None, description=f"{_MOMENT}; by default its end.")
    signal: Signals = Field((), description="Give it once for each signal; none is all of them.")
    known_at: Moment | None = Field(None, description=_KNOWN)
    limit: int = Field(1000, ge=1, le=MOST_ROWS, description="Most rows in the answer.")
    after: Offset | None = Field(None, description="`next` of the page before.")


class ChartAsk(Model):
    """What to draw."""

    signal: Text = Field(description="Of type f64, i64, bool or enum.")
    from_: Moment | None = Field(None, alias="from", description=f"{_MOMENT}; by default that beginning.")
    to: Moment | None = Field(None, description=f"{_MOMENT}; by default its end.")
    known_at: Moment | None = Field(None, description=_KNOWN)
    buckets: int = Field(500, ge=1, le=MOST_BUCKETS, description="How many spans.")


class HistorySource(Protocol):
    """Who knows the past. Methods may be called on any thread."""

    def get_history(self) -> HistorySummary:
        """What there is."""
        ...

    def get_range(self, asked: RangeAsk) -> Readings:
        """A page of readings."""
        ...

    def get_as_of(self, asked: AsOfAsk) -> Readings:
        """Readings of a moment."""
        ...

    def get_chart(self, asked: ChartAsk) -> Chart:
        """A signal for a chart."""
        ...


_ERRORS = (404, 503)
OPERATIONS = (
    Operation(
        "getHistory",
        "/api/v1/history",
        "History",
        "What the history holds",
        answer=HistorySummary,
        errors=_ERRORS,
    ),
    Operation(
        "getReadings",
        "/api/v1/history/range",
        "History",
        "Readings of a span of time",
        asks=RangeAsk,
        answer=Readings,
        errors=_ERRORS,
    ),
    Operation(
        "getReadingsAsOf",
        "/api/v1/history/as-of",
        "History",
        "The last reading of each signal at a moment",
        asks=AsOfAsk,
        answer=Readings,
        errors=_ERRORS,
        description="With `knownAt`, as far as was known then: a report can be made again as it was made.",
    ),
    Operation(
        "getChart",
        "/api/v1/history/chart",
        "History",
        "Minimum, maximum and last of equal spans, gaps kept",
        asks=ChartAsk,
        answer=Chart,
        errors=_ERRORS,
    ),
)
