"""Calls that only the twin can answer: passed on with the caller's name and role, and answered with what the twin says."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from twinstage.sync.access.roles import Identity, caller
from twinstage.sync.api.operation import MOST_BYTES
from twinstage.sync.api.table import OPERATIONS
from twinstage.sync.relay.asking import Asker, Refusal
from twinstage.sync.relay.bus import NoAnswer

CALL_TIMEOUT_S = 15.0
MOST_AT_ONCE = 32
MOST_ANSWER = 32 << 20
_PASSED = ("accept", "content-type", "if-none-match")
_FRESH = {"cache-control": "no-store"}


class Forward:
    """Passes calls on; few at a time, so that one relay never takes all of its twin."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._inside = 0
        self.calls = self.failed = 0

    def add_routes(self, app: FastAPI) -> None:
        """Routes for all operations; those that the app answers itself come before these."""
        for operation in OPERATIONS:
            for path in operation.paths:
                methods: list[str] = ["GET", "HEAD"] if operation.method == "GET" else [operation.method]
                app.add_api_route(path, self.call, methods=methods)

    async def call(self, request: Request) -> Response:
        """One call."""
        if self._inside >= MOST_AT_ONCE:
            return _sorry(503, "too many ask this relay's twin at the same time; ask again")
        self._inside += 1
        self.calls += 1
        try:
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return _sorry(413, f"the body is longer than {MOST_BYTES} bytes")
            return await self._passed_on(request, bytes(body))
        except Refusal as error:
            return _sorry(error.status, str(error))
        except (TimeoutError, NoAnswer):
            self.failed += 1
            return _sorry(
                503, "the twin cannot be reached now: this relay shows its last state, and cannot answer that"
            )
        finally:
            self._inside -= 1

    async def _passed_on(self, request: Request, body: bytes) -> Response:
        ask = {
            "op": "http",
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "headers": [(name, request.headers[name]) for name in _PASSED if name in request.headers],
            "who": described(caller()),
        }
        head, data = await self._asker.ask(ask, body, timeout_s=CALL_TIMEOUT_S, most=MOST_ANSWER)
        headers: Mapping[str, str] = {str(name): str(value) for name, value in head.get("headers", [])}
        return Response(data, status_code=int(head["status"]), headers=dict(headers))

    async def command(self, who: Identity, message: bytes) -> bytes:
        """A message of the command channel to the twin, and its answer. Raises NoAnswer, Refusal."""
        _, data = await self._asker.ask(
            {"op": "command", "who": described(who)}, message, timeout_s=CALL_TIMEOUT_S, most=MOST_BYTES
        )
        return data


def described(who: Identity) -> dict[str, Any]:
    """Who asks, for the twin."""
    return {"name": who.name, "role": who.role.word, "token": who.token_id, "address": who.address}


def _sorry(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status_code=status, headers=_FRESH)
