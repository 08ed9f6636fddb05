"""Playing a recording: models and operations. After Foxglove's PlaybackControl, for programs that know it."""

from typing import Annotated, Literal, Protocol

from pydantic import ConfigDict, Field

from twinstage.sync.api.operation import Model, Ns, Operation, Utc

PlaybackStatus = Literal["playing", "paused", "buffering", "ended"]
RequestId = Annotated[str, Field(max_length=100)]


class Playback(Model):
    """How the playing stands. Times are those of the recording."""

    status: PlaybackStatus = Field(description="buffering: it cannot keep up with the speed.")
    current_time: Utc
    current_ns: Ns
    start_time: Utc
    start_ns: Ns
    end_time: Utc
    end_ns: Ns
    seconds: float = Field(description="From the beginning to the current time [s].")
    duration_seconds: float
    speed: float
    loop: bool
    shown_ns: Ns | None = Field(description="Recorded time of the tick that is shown; null before the first.")
    shown_seq: int | None = Field(description="Its number in the recording.")
    did_seek: bool = Field(False, description="Whether what was asked made it jump.")
    request_id: str = Field("", description="As it was asked with.")


class PlaybackOrder(Model):
    """What to do; what is left out stays as it is."""

    model_config = ConfigDict(
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"command": "play", "speed": 2.0, "seekSeconds": 12.5}]},
    )
    command: Literal["play", "pause"] | None = None
    speed: float | None = Field(None, ge=0.01, le=100, description="How many times as fast as it happened.")
    seek_seconds: float | None = Field(None, description="Jump there, seconds from the beginning.")
    seek_ns: Ns | None = Field(None, description="Jump to that recorded time instead.")
    loop: bool | None = Field(None, description="Begin again at the end.")
    request_id: RequestId = Field("", description="Comes back in the answer.")


class PlaybackSource(Protocol):
    """Who plays. Belongs to the server's event loop."""

    def get_playback(self) -> Playback:
        """How it stands."""
        ...

    async def control_playback(self, order: PlaybackOrder) -> Playback:
        """Does that; all of it, or nothing, but for a jump when a later order wants another one. UserError where it cannot."""
        ...


OPERATIONS = (
    Operation(
        "getPlayback",
        "/api/v1/playback",
        "Playback",
        "How the playing of a recording stands",
        answer=Playback,
        errors=(404,),
        description="Of `twinstage open`; other servers answer 404.",
        rpc=False,
    ),
    Operation(
        "controlPlayback",
        "/api/v1/playback",
        "Playback",
        "Play, pause, jump, change the speed",
        role="operator",
        method="POST",
        body=PlaybackOrder,
        answer=Playback,
        errors=(403, 404, 413, 415),
        description="For all who watch: there is one playback a server. A jump is shown as soon as it is read, also while "
        "it is paused; where a later order asks for another one before its turn came, it is left out (`didSeek` false).",
        rpc=False,
    ),
)
