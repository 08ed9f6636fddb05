"""The twin as it was, for one viewer: poses, styles and values of a moment, and the alarms of then. The twin goes on meanwhile.

Where the twin keeps a history (`serve --history`), and of a recording that is played (`open`), which knows of no alarms.
"""

from dataclasses import dataclass
from typing import Protocol

from pydantic import Field

from twinstage.base.clock import NS
from twinstage.base.errors import UserError
from twinstage.sync.api.alarms import Alarms
from twinstage.sync.api.history import Moment
from twinstage.sync.api.operation import Model, Operation

MOST_TICKS = 1200
MOST_BYTES = 16 << 20
"""Of an answer; it is cut off behind them [B]."""
MEDIA = "application/vnd.twin.v1"
REVISION = "twin-revision"
UNTIL = "twin-until-ns"
LIVE = "twin-live"


class PastAsk(Model):
    """Which moment, or which span of time."""

    at: Moment = Field(
        description="A date and time with its zone, or seconds from the beginning of the history."
    )
    to: Moment | None = Field(
        None,
        description="Ticks up to there, too, backwards where it is before `at`; by default that one moment.",
    )
    hz: float = Field(10.0, ge=1e-6, le=60, description="Ticks a second of the span, of the twin's time.")
    viewer: str | None = Field(
        None,
        max_length=64,
        description="Who asks, as it calls itself: its next question ends this one, with 409. By default nobody's does.",
    )


class PastAlarmsAsk(Model):
    """Alarms of a moment."""

    at: Moment = Field(
        description="A date and time with its zone, or seconds from the beginning of the history."
    )
    all: bool = Field(False, description="All of them, not only active ones.")


@dataclass(frozen=True, slots=True)
class PastTicks:
    """`data`: frames of twin.v1, a keyframe first; of that `revision` of the scene. `until_ns`: moment of the last tick."""

    data: bytes
    revision: int
    until_ns: int


def step_of(asked: PastAsk, span_ns: int) -> int:
    """Time between two ticks [ns]. UserError where the span has too many."""
    step = max(round(NS / asked.hz), 1)
    if abs(span_ns) // step >= MOST_TICKS:
        raise UserError(
            f"{abs(span_ns) / NS:g} s at {asked.hz:g} ticks a second are more than {MOST_TICKS} ticks; ask for fewer"
        )
    return step


class PastSource(Protocol):
    """Who knows the past of the scene. Belongs to the server's event loop; the work is done on another thread."""

    async def ticks(self, asked: PastAsk) -> PastTicks:
        """The scene as it was. Raises Refused (404, 503) and UserError."""
        ...

    async def alarms(self, asked: PastAlarmsAsk) -> Alarms:
        """The alarms as they stood."""
        ...


OPERATIONS = (
    Operation(
        "getPast",
        "/api/v1/past",
        "History",
        "The scene as it was, as frames of the stream",
        asks=PastAsk,
        media=(MEDIA,),
        errors=(404, 409, 503),
        description="Frames of docs/protocol.md, section 5, back to back: a keyframe of the moment, then, with `to`, a tick "
        f"each 1/`hz` s, on or back to there, at most {MOST_TICKS} and 16 MiB; `tick_ns` is its moment. Header `{REVISION}`: "
        f"of the scene of the ids; `{UNTIL}`: the moment of the last tick. What no binding drives stands as it does now. "
        f"Header `{LIVE}`, of a relay that joins several twins: the paths of those that stay as they are now, "
        "for they have no history, as a JSON list.",
    ),
    Operation(
        "listPastAlarms",
        "/api/v1/past/alarms",
        "History",
        "Alarms as they stood",
        asks=PastAlarmsAsk,
        answer=Alarms,
        errors=(404, 503),
        rpc=False,
    ),
)
