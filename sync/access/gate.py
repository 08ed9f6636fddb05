"""The one place that every request passes: no token in the URL, who it is, which role the route asks for, how long a body.

It denies by default: a route that `routes` does not list cannot be reached. Who was let in is `who_of(scope)` afterwards.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twinstage.sync.access import urls
from twinstage.sync.access.access import Access, offered_token
from twinstage.sync.access.cookies import cookie_name, read_cookie
from twinstage.sync.access.embedding import FILES
from twinstage.sync.access.roles import CALLER, Identity, Refusal, Role
from twinstage.sync.access.routes import Routes

_HARMLESS = ("GET", "HEAD", "OPTIONS", "WEBSOCKET")
_SIGN_IN = "/signin"
_SESSION = "/api/session"
CALLED_BY = "twinstage.who"
"""Key of a scope under which a call made within this process says who makes it. No request from outside has such a key."""


class Gate:
    """ASGI middleware around the app."""

    def __init__(self, app: ASGIApp, access: Access, routes: Routes | None = None) -> None:
        self._app = app
        self._access = access
        self._routes = routes or Routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        method = "WEBSOCKET" if scope["type"] == "websocket" else str(scope["method"])
        what = f"{method} {scope['path']}"
        if urls.has_token(scope.get("query_string", b""), scope["path"]):
            refusal = Refusal("url", urls.SENTENCE, 400)
            await self._refuse(scope, send, refusal, f"{method} (a URL with a token in it)", None)
            return
        who = self._who(scope)
        scope.setdefault("state", {})["who"] = who
        CALLER.set(who if isinstance(who, Identity) else None)
        refused = self._denied(method, scope["path"], who)
        if refused is not None:
            if (
                refused.status == 401
                and method == "GET"
                and "text/html" in Headers(scope=scope).get("accept", "")
            ):
                await _redirect(send, _SIGN_IN)
            else:
                await self._refuse(scope, send, refused, what, who if isinstance(who, Identity) else None)
            return
        if scope["type"] == "http":
            receive = self._bounded(scope, receive)
            if method not in _HARMLESS and scope["path"] != _SESSION and isinstance(who, Identity):
                send = self._told(send, who, what)
        with suppress(ClientDisconnect):  # it went, or was too slow with its body
            await self._app(scope, receive, send)

    def _who(self, scope: Scope) -> Identity | Refusal | None:
        """Who a request's header or cookie says; None where it says nothing."""
        access, address = self._access, address_of(scope)
        if CALLED_BY in scope:
            inside: Identity = scope[CALLED_BY]
            return inside
        if not access.asks:
            return access.local(address)
        headers = Headers(scope=scope)
        kind, _, text = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return access.by_token(text.strip(), address, via="bearer", now_ns=_now_ns())
        name = cookie_name(headers.get("host", ""), secure=is_secure(scope))
        cookie = read_cookie(headers.get("cookie", ""), name)
        return access.by_cookie(cookie, address) if cookie else None

    def _denied(self, method: str, path: str, who: Identity | Refusal | None) -> Refusal | None:
        line = self._routes.line(method, path)
        if line is not None and line.role is None:
            return None
        if self._access.embed and path in FILES and method in _HARMLESS:
            return None
        if isinstance(who, Refusal):
            return who
        if who is None:
            return self._access.missing()
        if line is None:
            return Refusal("route", f"there is no {method} for {path[:200]!r} here", 404)
        if who.may(line.role or Role.ENGINEER):
            return None
        needed = (line.role or Role.ENGINEER).word
        return Refusal(
            "role", f"this needs the role {needed}; {who.name!r} has the role {who.role.word}", 403
        )

    async def _refuse(
        self, scope: Scope, send: Send, refusal: Refusal, what: str, who: Identity | None
    ) -> None:
        if refusal.reason != "route":
            self._access.refuse(refusal, address=address_of(scope), what=what, now_ns=_now_ns(), who=who)
        await answer(scope, send, refusal)

    def _told(self, send: Send, who: Identity, what: str) -> Send:
        """Tells the audit log what became of a change, when it is answered."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                self._access.changed(who, what, "done" if status < 400 else f"status {status}")
            await send(message)

        return told

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The body, of which more than the limit is refused with 413."""
        most = self._access.limits.body_bytes
        declared = Headers(scope=scope).get("content-length", "0")
        got = 0

        async def bounded() -> Message:
            nonlocal got
            too_long = declared.isdigit() and int(declared[:20]) > most
            message: Message = {} if too_long else await receive()
            got += len(message.get("body", b""))
            if too_long or got > most:
                self._access.counts.limited["body"] += 1
                raise HTTPException(413, f"the body is longer than {most} bytes")
            return message

        return bounded


def who_of(scope: Scope) -> Identity | Refusal | None:
    """Who sent a request, as the gate found."""
    who: Identity | Refusal | None = scope.get("state", {}).get("who")
    return who


def address_of(scope: Scope) -> str:
    """The peer's IP address."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_secure(scope: Scope) -> bool:
    """Whether it came over TLS."""
    return scope.get("scheme") in ("https", "wss")


def token_offered(scope: Scope) -> str:
    """The token that a websocket brought as a subprotocol."""
    return offered_token(list(scope.get("subprotocols", ())))


def refusal_teller(access: Access) -> Callable[[Scope, str, str], None]:
    """What the guard calls where a host or an origin is foreign."""

    def tell(scope: Scope, reason: str, sentence: str) -> None:
        what = f"{scope.get('method', 'WEBSOCKET')} {scope['path'][:200]}"
        refusal = Refusal(reason, sentence, 403)
        access.refuse(refusal, address=address_of(scope), what=what, now_ns=_now_ns())

    return tell


async def answer(scope: Scope, send: Send, refusal: Refusal) -> None:
    """One sentence as JSON; on a websocket, before it is accepted."""
    prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    body = json.dumps({"error": refusal.sentence}).encode()
    more: Mapping[str, str] = {
        **({"www-authenticate": 'Bearer realm="twinstage"'} if refusal.status == 401 else {}),
        **({"retry-after": str(refusal.retry_after)} if refusal.retry_after else {}),
    }
    headers = {"content-type": "application/json", "content-length": str(len(body)), **more}
    headers["cache-control"] = "no-store"
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": f"{prefix}.start", "status": refusal.status, "headers": pairs})
    await send({"type": f"{prefix}.body", "body": body})


async def _redirect(send: Send, path: str) -> None:
    headers = [(b"location", path.encode()), (b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _now_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)
