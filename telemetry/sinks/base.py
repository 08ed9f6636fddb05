"""What a sink is, what it sends, and the registry of kinds."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from twinstage.base.registry import Registry
from twinstage.telemetry.alarms.records import What
from twinstage.telemetry.alarms.spec import Priority


class Message(msgspec.Struct, frozen=True):
    """One thing to tell.

    id: the same at every attempt, so that a receiver can tell a repetition; at: ISO 8601, UTC; what: of the record, or
    `summary` for many alarms of a flood in one, or `lost` for messages that could not be sent; `priority`: "" for those
    two; `text`: all of it in one line; data: the record as plain data, with values in the contract's units.
    """

    id: str
    at: str
    what: str
    alarm: str
    priority: str
    text: str
    data: dict[str, Any]


class SendError(Exception):
    """A message could not be sent. `again`: whether it makes sense to try again."""

    def __init__(self, sentence: str, *, again: bool) -> None:
        super().__init__(sentence)
        self.again = again


class Sink(BaseModel):
    """Somebody to tell. A kind of sink is a subclass with a literal `kind` and its own fields.

    Attributes:
        name: what it is called in the log; the kind where empty.
        least: the lowest priority that is told.
        what: which records are told, besides the beginning and end of a flood.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    kind: str
    name: str = ""
    least: Priority = "medium"
    what: Annotated[tuple[What, ...], Field(min_length=1)] = ("raised", "returned")

    @property
    def called(self) -> str:
        """Its name, for people."""
        return self.name or self.kind

    def check(self) -> None:
        """Raise UserError for what cannot work: at the start, before anything has happened."""

    def send(self, messages: Sequence[Message]) -> None:
        """Tell them, the oldest first, and return when the other side has them. Raises SendError; may take seconds."""
        raise NotImplementedError


SINKS: Registry[Sink] = Registry("alarm sink", group="twinstage.sinks")

Security = Literal["starttls", "tls", "none"]
