"""Alarms over HTTP: who looks after them is handed in (`AlarmSource`); this module knows routes, bodies and status codes.

    GET  /api/alarms?all=true                            those that are active, or all
    GET  /api/alarms/journal?limit=&before=&alarm=       what happened, the newest first
    POST /api/alarms/acknowledge | shelve | unshelve | out-of-service | in-service

A body is JSON: {"alarms": ["mixer.hot"], "by": "name", "comment": "", "seconds": 600}, `seconds` for `shelve` alone. It is
answered when what was done is as safe as the journal is. `by` is what the client says, and the name of its token.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol, get_args

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.exceptions import HTTPException

from twinstage.base.errors import UserError
from twinstage.sync.access.gate import who_of
from twinstage.sync.access.roles import Identity

MOST_BYTES = 65_536
"""Longest body [B]."""
MOST_AT_ONCE = 1000
MOST_A_PAGE = 1000

Action = Literal["acknowledge", "shelve", "unshelve", "out-of-service", "in-service"]
ACTIONS: tuple[Action, ...] = get_args(Action)

_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
AlarmId = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Person = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=_PRINTABLE, strip_whitespace=True)
]
Comment = Annotated[str, StringConstraints(max_length=1000, pattern=_PRINTABLE)]


class Order(BaseModel):
    """What an operator wants. `seconds`: how long to shelve [s]."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    alarms: Annotated[tuple[AlarmId, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]
    by: Person
    comment: Comment = ""
    seconds: Annotated[float, Field(gt=0)] | None = None


class UnknownAlarm(UserError):
    """There is no such alarm."""


class AlarmSource(Protocol):
    """Who looks after the alarms. Belongs to the server's event loop."""

    def listing(self, *, every: bool) -> Mapping[str, Any]:
        """Alarms as they stand, active ones or every one, and whether there is a flood."""
        ...

    def page(self, *, before: int | None, alarm: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
        """Records, the newest first; may be called on another thread."""
        ...

    async def act(
        self, action: Action, alarm: str, *, by: str, comment: str, seconds: float | None
    ) -> Mapping[str, Any]:
        """Do it; the record of it, once it is safe. Raises UnknownAlarm, or UserError where it cannot be done now."""
        ...


def add_alarm_routes(app: FastAPI, source: AlarmSource) -> None:
    """The routes of this module."""

    async def alarms(all: bool = False) -> JSONResponse:
        return _fresh(source.listing(every=all))

    async def journal(
        limit: Annotated[int, Query(ge=1, le=MOST_A_PAGE)] = 100,
        before: Annotated[int | None, Query(ge=0, le=1 << 62)] = None,
        alarm: Annotated[str | None, Query(max_length=500)] = None,
    ) -> JSONResponse:
        found = await asyncio.to_thread(source.page, before=before, alarm=alarm, limit=limit)
        return _fresh({"records": list(found)})

    async def act(action: str, request: Request) -> JSONResponse:
        if action not in ACTIONS:
            raise HTTPException(404, f"no action {action!r}; there are {', '.join(ACTIONS)}")
        order = await _order(request, action)
        return await _acted(source, action, order.model_copy(update={"by": _signed(order.by, request)}))

    app.add_api_route("/api/alarms", alarms, methods=["GET"])
    app.add_api_route("/api/alarms/journal", journal, methods=["GET"])
    app.add_api_route("/api/alarms/{action}", act, methods=["POST"])


def _signed(by: str, request: Request) -> str:
    """A name that a client gives, with that of its token: a desk is shared, and what a client says may be wrong."""
    who = who_of(request.scope)
    if not isinstance(who, Identity) or not who.token_id or who.name == by:
        return by
    return f"{by} ({who.name})"


async def _acted(source: AlarmSource, action: Action, order: Order) -> JSONResponse:
    """Each alarm by itself: what was done, and what was not and why. 404 or 409 where nothing was done."""
    done: list[Mapping[str, Any]] = []
    refused: list[dict[str, str]] = []
    unknown = 0
    for alarm in dict.fromkeys(order.alarms):
        try:
            done.append(
                await source.act(action, alarm, by=order.by, comment=order.comment, seconds=order.seconds)
            )
        except UserError as error:
            unknown += isinstance(error, UnknownAlarm)
            refused.append({"alarm": alarm, "reason": str(error)})
    if done:
        return JSONResponse({"done": done, "refused": refused})
    status = 404 if unknown == len(refused) else 409
    return JSONResponse({"error": refused[0]["reason"], "refused": refused}, status_code=status)


async def _order(request: Request, action: str) -> Order:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # also: no form of a foreign page can send this without asking first
        raise HTTPException(415, "the body must be application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"the body is longer than {MOST_BYTES} bytes")
    try:
        order = Order.model_validate_json(bytes(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise HTTPException(422, f"{place}: {first['msg']}") from None
    if (order.seconds is not None) != (action == "shelve"):
        raise HTTPException(422, "seconds: shelve needs it, and nothing else takes it")
    return order


def _fresh(content: Mapping[str, Any]) -> JSONResponse:
    return JSONResponse(dict(content), headers={"cache-control": "no-store"})
