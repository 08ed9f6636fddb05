"""Control messages of twin.v1 as typed structures; sections 4 and 7 of docs/protocol.md."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

PROTOCOL: Final = "twin.v1"
WINDOW: Final = 2
"""Unacknowledged ticks under way to one client."""
MAX_MESSAGE_BYTES: Final = 65536
"""Longest message from a client [B]."""
HELLO_TIMEOUT_S: Final = 10.0
ACK_TIMEOUT_S: Final = 60.0
CHANNELS: Final = ("pose", "scalar", "style")

GOING_AWAY: Final = 1001
RESTARTING: Final = 1012
BAD_MESSAGE: Final = 4400
NOT_ADMITTED: Final = 4401
NO_PROTOCOL: Final = 4406
TOO_SLOW: Final = 4408
OUT_OF_ORDER: Final = 4409
TOO_MANY: Final = 4429
RETRY: Final = frozenset({1001, 1005, 1006, 1011, 1012, 1013, TOO_SLOW, TOO_MANY})
"""Close codes after which a client tries again."""

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Have(Struct):
    """What a client still holds from an earlier connection."""

    epoch: str
    seq: Count
    revision: Count = 0


class Hello(Struct, tag="hello"):
    """First message of a client."""

    token: str | None = None
    want: list[str] | None = None
    have: Have | None = None


class Ready(Struct, tag="ready"):
    """The client holds the scene of that revision."""

    revision: Count


class Ack(Struct, tag="ack"):
    """Every tick up to `seq` is applied."""

    seq: Count


class Pause(Struct, tag="pause"):
    """No ticks until `resume`."""


class Resume(Struct, tag="resume"):
    """Ends a pause."""


class Ping(Struct, tag="ping"):
    """Asks for a pong with the same `t`."""

    t: float


ClientMessage = Hello | Ready | Ack | Pause | Resume | Ping


class Limits(Struct, rename="camel"):
    """What the server holds clients to."""

    window: int = WINDOW
    max_message_bytes: int = MAX_MESSAGE_BYTES
    ack_timeout_seconds: float = ACK_TIMEOUT_S


class Welcome(Struct, tag="welcome", rename="camel"):
    """Answer to a hello."""

    protocol: str
    epoch: str
    revision: int
    seq: int
    want: list[str]
    server_time_ns: str
    limits: Limits
    role: str = "engineer"
    """viewer, operator or engineer."""


class Pong(Struct, tag="pong", rename="camel"):
    """Answer to a ping."""

    t: float
    server_time_ns: str


class Event(Struct, tag="event", omit_defaults=True):
    """`scene` (with the new revision) or `notice` (with level and text)."""

    event: str
    revision: int = -1
    level: str = ""
    text: str = ""


class Bye(Struct, tag="bye"):
    """Last message before the server closes."""

    reason: str


ServerMessage = Welcome | Pong | Event | Bye

_decode_client: "msgspec.json.Decoder[ClientMessage]" = msgspec.json.Decoder(ClientMessage)
_decode_server: "msgspec.json.Decoder[ServerMessage]" = msgspec.json.Decoder(ServerMessage)
_encode = msgspec.json.Encoder()


class MessageError(ValueError):
    """A text that is not a message of twin.v1."""


def to_text(message: Struct) -> str:
    """The message as compact JSON."""
    return _encode.encode(message).decode()


def from_client(text: str) -> ClientMessage:
    """Reads a client's message; MessageError with a sentence where it is not one."""
    message: ClientMessage = _read(_decode_client, text)
    return message


def from_server(text: str) -> ServerMessage:
    """Reads a server's message; MessageError where it is not one."""
    message: ServerMessage = _read(_decode_server, text)
    return message


def _read(decoder: "msgspec.json.Decoder[Any]", text: str) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MessageError(f"not a message of {PROTOCOL}: {error}") from None
