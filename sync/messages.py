"""Control messages of twin.v1 as typed structures; sections 4 and 7 of docs/protocol.md."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

PROTOCOL: Final = "twin.v1"
VERSION: Final = 1
"""Version of the frames and messages within the protocol: the only one spoken here."""
WINDOW: Final = 2
"""Unacknowledged ticks under way to one client."""
MAX_MESSAGE_BYTES: Final = 65536
"""Longest message from a client [B]."""
HELLO_TIMEOUT_S: Final = 10.0
ACK_TIMEOUT_S: Final = 60.0
CHANNELS: Final = ("pose", "scalar", "style", "entity", "event")
CAP_PLAYHEAD: Final = "playhead"
CAPS: Final = ("delta", "zstd", "digest", CAP_PLAYHEAD)
SERVES: Final = (
    "prims",
    "values",
    "bindings",
    "history",
    "past",
    "alarms",
    "edits",
    "overlays",
    "playback",
    "datasets",
    "catalogue",
)
"""Parts of the REST interface, named by the first word of their paths below /api/v1."""
TIERS: Final = (60.0, 30.0, 10.0, 2.0)
"""Ticks a second of the tiers; the first one tells every tick."""

GOING_AWAY: Final = 1001
RESTARTING: Final = 1012
TRY_LATER: Final = 1013
BAD_MESSAGE: Final = 4400
NOT_ADMITTED: Final = 4401
NO_PROTOCOL: Final = 4406
TOO_SLOW: Final = 4408
OUT_OF_ORDER: Final = 4409
TOO_MANY: Final = 4429
RETRY: Final = frozenset({1001, 1005, 1006, 1011, 1012, TRY_LATER, TOO_SLOW, TOO_MANY})
"""Close codes after which a client tries again."""

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Have(Struct):
    """What a client still holds from an earlier connection."""

    epoch: str
    seq: Count
    revision: Count = 0


class Versions(Struct):
    """A range of versions, ends included."""

    min: int = VERSION
    max: int = VERSION


Triple = tuple[float, float, float]


class Eye(Struct, rename="camel"):
    """Where a client looks from, in the scene's world: metres, radians, Z up."""

    position: Triple
    direction: Triple
    up: Triple = (0.0, 0.0, 1.0)
    vertical_fov: float = 1.0
    aspect: float = 1.0
    """Width by height."""
    far: float | None = None


class Interest(Struct, tag="interest"):
    """What a client wants to be told of; a part that is null is no filter."""

    prims: list[str] | None = None
    labels: list[str] | None = None
    signals: list[str] | None = None
    view: Eye | None = None


class Hello(Struct, tag="hello"):
    """First message of a client."""

    protocol: Versions = msgspec.field(default_factory=Versions)
    token: str | None = None
    want: list[str] | None = None
    caps: list[str] = []
    have: Have | None = None
    interest: Interest | None = None
    rate: float | None = None


class Ready(Struct, tag="ready"):
    """The client holds the scene of that revision."""

    revision: Count


class Ack(Struct, tag="ack", rename="camel", omit_defaults=True):
    """Every tick up to `seq` is applied. `fps`: pictures a second; `apply_ms`: how long applying took [ms]."""

    seq: Count
    fps: float | None = None
    apply_ms: float | None = None


class Rate(Struct, tag="rate"):
    """No more ticks a second than that; null: as many as there are."""

    hz: float | None = None


class AskDigest(Struct, tag="digest"):
    """Asks for the hash of what it should hold."""


class Command(Struct, tag="command"):
    """Something is to be changed; its other fields are those of `sync.api.commands.Command`."""

    id: str


class Control(Struct, tag="control"):
    """Somebody used a control; its other fields are those of `sync.overlay.controls`."""

    name: str


class UsePlayhead(Struct, tag="playhead", rename="camel", omit_defaults=True):
    """The shared playhead. `do`: lead or tell (`at_ns`: the moment that is looked at, null the newest state; whether it plays,
    and how many times as fast, below 0 backwards), follow, leave."""

    do: Literal["lead", "tell", "follow", "leave"] = "leave"
    at_ns: str | None = None
    playing: bool = False
    speed: float = 1.0


class Pause(Struct, tag="pause"):
    """No ticks until `resume`."""


class Resume(Struct, tag="resume"):
    """Ends a pause."""


class Ping(Struct, tag="ping"):
    """Asks for a pong with the same `t`."""

    t: float


ClientMessage = (
    Hello
    | Ready
    | Ack
    | Pause
    | Resume
    | Ping
    | Interest
    | Rate
    | AskDigest
    | Command
    | Control
    | UsePlayhead
)


class Unknown(Struct):
    """A message of a type that is not known here: to be ignored."""

    type: str


class Limits(Struct, rename="camel"):
    """What the server holds clients to."""

    window: int = WINDOW
    max_message_bytes: int = MAX_MESSAGE_BYTES
    ack_timeout_seconds: float = ACK_TIMEOUT_S


class StageInfo(Struct, rename="camel"):
    """How the USD stage was authored; the stream itself is in metres and Z-up."""

    meters_per_unit: float
    up_axis: str
    hash: str


class Welcome(Struct, tag="welcome", rename="camel"):
    """Answer to a hello. `rate`: ticks a second of the client's tier. `events`: number of the newest event of this run."""

    protocol: str
    epoch: str
    revision: int
    seq: int
    want: list[str]
    server_time_ns: str
    limits: Limits
    role: str = "engineer"
    """viewer, operator or engineer."""
    version: int = VERSION
    caps: list[str] = []
    rate: float = TIERS[0]
    tiers: list[float] = []
    stage: StageInfo | None = None
    events: int = 0
    edits: int = 0
    """Number of the newest transaction: the `base` of a first command."""
    serves: list[str] | None = None
    """Parts of the REST interface that are there (`SERVES`); null where that is not known."""


class Tier(Struct, tag="tier"):
    """The client has another tier; hz 0: single catch-ups, each after the acknowledgement of the one before."""

    hz: float
    reason: str


class Digest(Struct, tag="digest"):
    """Hash of what a client should hold after tick `seq`."""

    seq: int
    sha256: str


class Pong(Struct, tag="pong", rename="camel"):
    """Answer to a ping."""

    t: float
    server_time_ns: str


class Event(Struct, tag="event", omit_defaults=True):
    """`scene` (with the new revision), `notice` (with level and text), or another with its number and data."""

    event: str
    revision: int = -1
    level: str = ""
    text: str = ""
    n: int = 0
    data: dict[str, Any] | None = None


class Answer(Struct, tag="answer", omit_defaults=True):
    """What became of the command of that id. `code`: conflict, refused, invalid or forbidden, with one sentence in `error`."""

    id: str
    ok: bool
    version: int
    undo: int = 0
    redo: int = 0
    kept: bool = True
    code: str = ""
    error: str = ""
    current: dict[str, Any] | None = None
    placed: list[str] = []
    """Prims that were placed."""
    note: str = ""
    """What was made up for: units and axes of an asset."""


class Away(Struct, tag="away", rename="camel"):
    """The twin behind a relay cannot be reached since then [ns since 1970, UTC, by its clock]; None: it is back.

    `twins`: which of them, of a relay that joins several, by the paths below which they are shown.
    """

    since_ns: str | None
    twins: list[str] = []


class Playhead(Struct, tag="playhead", rename="camel", omit_defaults=True):
    """The shared playhead as it stands, for one client. `part`: leads, follows or none.

    `leader`: a name, null where nobody leads. `at_ns`: the moment that the leader looked at, at the server's time `said_ns`;
    null is the newest state. `followers`: names, of `count`.
    """

    leader: str | None
    part: Literal["leads", "follows", "none"]
    at_ns: str | None = None
    playing: bool = False
    speed: float = 1.0
    said_ns: str = "0"
    followers: list[str] = []
    count: int = 0


class Bye(Struct, tag="bye"):
    """Last message before the server closes."""

    reason: str


ServerMessage = Welcome | Pong | Event | Bye | Tier | Digest | Answer | Away | Playhead

_decode_client: "msgspec.json.Decoder[ClientMessage]" = msgspec.json.Decoder(ClientMessage)
_decode_server: "msgspec.json.Decoder[ServerMessage]" = msgspec.json.Decoder(ServerMessage)
_encode = msgspec.json.Encoder()


class MessageError(ValueError):
    """A text that is not a message of twin.v1."""


def to_text(message: Struct) -> str:
    """The message as compact JSON."""
    return _encode.encode(message).decode()


def from_client(text: str) -> ClientMessage | Unknown:
    """Reads a client's message; MessageError with a sentence where it is not one."""
    message: ClientMessage | Unknown = _read(_decode_client, text, _CLIENT_TYPES)
    return message


def fields_of(text: str) -> dict[str, Any]:
    """All fields of a message that was read already."""
    fields: dict[str, Any] = msgspec.json.decode(text)
    return fields


def from_server(text: str) -> ServerMessage | Unknown:
    """Reads a server's message; MessageError where it is not one."""
    message: ServerMessage | Unknown = _read(_decode_server, text, _SERVER_TYPES)
    return message


def _types_of(union: Any) -> frozenset[str]:
    return frozenset(kind.__struct_config__.tag for kind in union.__args__)


_CLIENT_TYPES = _types_of(ClientMessage)
_SERVER_TYPES = _types_of(ServerMessage)
_decode_head: "msgspec.json.Decoder[Unknown]" = msgspec.json.Decoder(Unknown)


def _read(decoder: "msgspec.json.Decoder[Any]", text: str, types: frozenset[str]) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        try:
            head = _decode_head.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            head = None
        if head is not None and head.type not in types:
            return head
        raise MessageError(f"not a message of {PROTOCOL}: {error}") from None
