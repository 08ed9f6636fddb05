"""What an operation is, and the base of the models of what is asked and answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from twinstage.base.errors import TwinstageError

Role = Literal["anyone", "viewer", "operator", "engineer"]
"""Who may do something, each may what those before it may: nobody is asked; who looks; who answers alarms; who changes the
twin."""

MOST_A_PAGE = 1000
MOST_BYTES = 65_536
"""Longest body [B]."""

Text = Annotated[str, Field(min_length=1, max_length=500)]
Glob = Annotated[str, Field(min_length=1, max_length=200)]
Ns = Annotated[str, Field(pattern=r"^-?[0-9]+$", examples=["1764062040000000000"])]
"""Nanoseconds since 1970, UTC, as decimal digits: a JSON number would lose them."""
Utc = Annotated[str, Field(examples=["2026-11-24T09:14:00.000Z"])]
Vector = tuple[float, float, float]


class Model(BaseModel):
    """Plain data with names in camel case; numbers that are not finite become null."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, ser_json_inf_nan="null"
    )


class Nothing(Model):
    """Nothing is asked."""


class PageAsk(Model):
    """What all listings take."""

    limit: int = Field(100, ge=1, le=MOST_A_PAGE, description="Most rows in the answer.")
    after: str | None = Field(
        None, max_length=2000, description="`next` of the page before; without it, the first page."
    )


class Page(Model):
    """What all listings say."""

    total: int = Field(ge=0, description="Rows that match, on all pages.")
    next: str | None = Field(None, description="`after` of the next page; null on the last one.")


class Error(Model):
    """What every answer with a status of 400 or more says."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"error": "there is no prim '/Cell/Agv9'"}]}
    )
    error: str = Field(description="What is wrong, in one sentence.")


class Refused(TwinstageError):
    """What cannot be answered, with its HTTP status; `more` goes into the answer beside `error`.

    `retry_after`: when it is worth asking again [s]; 0: nobody knows.
    """

    def __init__(
        self, status: int, sentence: str, more: Mapping[str, Any] | None = None, *, retry_after: int = 0
    ) -> None:
        super().__init__(sentence)
        self.status = HTTPStatus(status)
        self.more = dict(more or {})
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table.

    Attributes:
        id: its name, in camel case; in gRPC the same with a capital.
        path: as Starlette writes it, `{name:path}` for what may hold slashes.
        aliases: other paths of the same.
        asks: names in the path and in the query; body: of a POST.
        answer: what a JSON answer holds; media: content types of answers that are no JSON of a model.
        errors: statuses beside 422 (what was asked is wrong).
        rpc: whether it is in gRPC, too; without an `answer` it never is.
    """

    id: str
    path: str
    tag: str
    summary: str
    role: Role = "viewer"
    method: Literal["GET", "POST", "DELETE"] = "GET"
    asks: type[Model] = Nothing
    body: type[Model] | None = None
    answer: type[BaseModel] | None = None
    media: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    aliases: tuple[str, ...] = ()
    description: str = ""
    rpc: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths, its own first."""
        return (self.path, *self.aliases)
