"""Calls that only the twin can answer: passed on with the caller's name and role, and answered with what the twin says."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from twinstage.sync import messages as m
from twinstage.sync.access.roles import Identity, caller
from twinstage.sync.api.operation import MOST_BYTES
from twinstage.sync.api.table import OPERATIONS
from twinstage.sync.edits import role_too_low
from twinstage.sync.relay.answers import FORWARDED
from twinstage.sync.relay.asking import Asker, Refusal
from twinstage.sync.relay.bus import NoAnswer

CALL_TIMEOUT_S = 15.0
MOST_AT_ONCE = 32
MOST_ANSWER = 32 << 20
AWAY = "the twin cannot be reached now: this relay shows its last state, and cannot answer that"
_PASSED = ("accept", "content-type", "if-none-match")
_DOUBT = "the relay could not pass this on, and nobody knows whether it was done: "
_REFUSALS = {400: ("invalid", ""), 403: ("forbidden", ""), 404: ("refused", "")}
"""What the twin certainly has not done, by status: the answer's code, and what is said first."""
_FRESH = {"cache-control": "no-store"}


class Forward:
    """Passes calls on; few at a time, so that one relay never takes all of its twin."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._inside = 0
        self._commands: set[asyncio.Future[None]] = set()
        self.calls = self.failed = 0

    def add_routes(self, app: FastAPI) -> None:
        """Routes for all calls and pictures; those that the app answers itself come before these."""
        for operation in OPERATIONS:
            for path in (path for path in operation.paths if path.startswith(FORWARDED)):
                methods: list[str] = ["GET", "HEAD"] if operation.method == "GET" else [operation.method]
                app.add_api_route(path, self.call, methods=methods)

    async def call(self, request: Request) -> Response:
        """One call."""
        if self._inside >= MOST_AT_ONCE:
            return sorry(503, "too many ask this relay's twin at the same time; ask again")
        self._inside += 1
        self.calls += 1
        try:
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return sorry(413, f"the body is longer than {MOST_BYTES} bytes")
            return await self._passed_on(request, bytes(body))
        except Refusal as error:
            return sorry(error.status, str(error))
        except (TimeoutError, NoAnswer):
            self.failed += 1
            return sorry(503, AWAY)
        finally:
            self._inside -= 1

    async def _passed_on(self, request: Request, body: bytes) -> Response:
        headers = [(name, request.headers[name]) for name in _PASSED if name in request.headers]
        path, query = request.url.path, request.url.query
        status, told, data = await self._asked(request.method, path, query, caller(), body, headers)
        return Response(data, status_code=status, headers=told)

    async def asked(
        self, method: str, path: str, query: str, who: Identity, body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a call. Raises Refusal, NoAnswer, TimeoutError."""
        if self._inside >= MOST_AT_ONCE:
            raise Refusal(503, "too many ask this relay's twin at the same time; ask again")
        self._inside += 1
        self.calls += 1
        try:
            headers = [("content-type", "application/json")] if body else []
            return await self._asked(method, path, query, who, body, headers)
        finally:
            self._inside -= 1

    async def _asked(
        self, method: str, path: str, query: str, who: Identity, body: bytes, headers: list[tuple[str, str]]
    ) -> tuple[int, dict[str, str], bytes]:
        ask = {
            "op": "http",
            "method": method,
            "path": path,
            "query": query,
            "headers": headers,
            "who": described(who),
        }
        head, data = await self._asker.ask(ask, body, timeout_s=CALL_TIMEOUT_S, most=MOST_ANSWER)
        return int(head["status"]), {str(name): str(value) for name, value in head.get("headers", [])}, data

    def take_control(
        self, fields: Mapping[str, Any], who: Identity, refuse: Callable[[str], None], now_ns: int
    ) -> None:
        """A hub's `take_control`: the twin takes it, or says why not."""
        if len(self._commands) >= MOST_AT_ONCE:
            refuse("too many ask this relay's twin at the same time; ask again")
            return
        task = asyncio.ensure_future(self._control(fields, who, refuse))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def _control(self, fields: Mapping[str, Any], who: Identity, refuse: Callable[[str], None]) -> None:
        ask = {"op": "control", "who": described(who), "fields": dict(fields)}
        try:
            head, _ = await self._asker.ask(ask, timeout_s=CALL_TIMEOUT_S, most=MOST_BYTES)
        except Refusal as error:
            refuse(str(error))
        except (NoAnswer, TimeoutError) as error:
            self.failed += 1
            refuse(f"{_DOUBT}{error}")
        else:
            if head.get("refused"):
                refuse(str(head["refused"]))

    def take_command(
        self, fields: Mapping[str, Any], who: Identity, say: Callable[[m.Answer], None], now_ns: int
    ) -> None:
        """A hub's `take_command`: the twin does it, and its answer goes back to the client that asked."""
        too_low = role_too_low(str(fields.get("kind")), who)
        if too_low:
            say(refused(fields, too_low, "forbidden"))
            return
        if len(self._commands) >= MOST_AT_ONCE:
            say(refused(fields, "too many ask this relay's twin at the same time; ask again"))
            return
        task = asyncio.ensure_future(self._command(fields, who, say))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def _command(
        self, fields: Mapping[str, Any], who: Identity, say: Callable[[m.Answer], None]
    ) -> None:
        ask = {"op": "command", "who": described(who), "fields": fields}
        try:
            _, data = await self._asker.ask(ask, timeout_s=CALL_TIMEOUT_S, most=MOST_BYTES)
            answer = m.from_server(data.decode())
        except Refusal as error:
            code, doubt = _REFUSALS.get(error.status, ("refused", _DOUBT))
            say(refused(fields, f"{doubt}{error}", code))
            return
        except (NoAnswer, m.MessageError, UnicodeDecodeError) as error:
            self.failed += 1
            say(refused(fields, f"{_DOUBT}{error}"))
            return
        if isinstance(answer, m.Answer):
            say(answer)


def refused(fields: Mapping[str, Any], sentence: str, code: str = "refused") -> m.Answer:
    """The answer to a command that was not done."""
    return m.Answer(str(fields.get("id", ""))[:64], False, 0, code=code, error=sentence)


def described(who: Identity) -> dict[str, Any]:
    """Who asks, for the twin."""
    return {"name": who.name, "role": who.role.word, "token": who.token_id, "address": who.address}


def sorry(status: int, sentence: str, retry_after: int = 0) -> Response:
    again = {"retry-after": str(retry_after)} if retry_after else {}
    return JSONResponse({"error": sentence}, status_code=status, headers={**_FRESH, **again})
