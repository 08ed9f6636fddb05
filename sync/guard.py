"""Who may ask, and what every answer tells the browser: a thin layer around the ASGI app."""

import ipaddress
import json
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twinstage.sync.access.embedding import Embedders
from twinstage.sync.access.origins import Origins

_SOURCES = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' blob: data:",
        "connect-src 'self' blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)


def policy(ancestors: str = "'none'") -> str:
    """The Content-Security-Policy of a page; `ancestors`: who may show it in a frame."""
    return f"{_SOURCES}; frame-ancestors {ancestors}"


_HARMLESS = ("GET", "HEAD", "OPTIONS")
SECURITY_HEADERS = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses foreign hosts (DNS rebinding) and foreign origins of websockets and of requests that change things.

    Adds security headers. Pages of origins that were named may ask, too, with a token of their own: cookies stay here.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: frozenset[str] = frozenset(),
        origins: Origins | None = None,
        embed: Embedders | None = None,
        on_refusal: Callable[[Scope, str, str], None] | None = None,
    ) -> None:
        self._app = app
        self._allowed = allowed_hosts | {"localhost"}
        self._origins = origins or Origins()
        self._embed = Embedders() if embed is None else embed
        self._on_refusal = on_refusal or (lambda scope, reason, sentence: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        reason, sentence = self._fault(scope, host, origin)
        named = origin if self._origins.named(origin) else None
        if reason:
            self._on_refusal(scope, reason, sentence)
            await _refuse(scope, send, sentence)
        elif named and scope.get("method") == "OPTIONS" and "access-control-request-method" in headers:
            await _allow(send, named)
        else:
            await self._app(scope, receive, _with_headers(send, named))

    def _fault(self, scope: Scope, host: str, origin: str | None) -> tuple[str, str]:
        """A word and a sentence about what is wrong with who asks; empty where nothing is."""
        if not self._known(host):
            return "host", f"this server does not go by the name {host!r}; --allow-host adds one"
        if self._origins.may_ask(origin, host):
            return "", ""
        if scope["type"] == "websocket":
            return (
                "origin",
                "pages of another origin may not open this websocket; --allow-origin names one that may",
            )
        if scope.get("method", "GET") not in _HARMLESS:
            return (
                "origin",
                "pages of another origin may not change anything here; --allow-origin names one that may",
            )
        return "", ""

    def _known(self, host: str) -> bool:
        name = _host_name(host)
        return name in self._allowed or _is_address(name) or name in self._embed.hosts


def _host_name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    name = (
        host.lower().rpartition("]")[0].lstrip("[")
        if host.startswith("[")
        else host.lower().partition(":")[0]
    )
    return name.rstrip(".")


def _is_address(name: str) -> bool:
    """An IP address cannot be rebound to another server."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send, origin: str | None) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if origin is not None:
                headers["Access-Control-Allow-Origin"] = origin
                headers["Cross-Origin-Resource-Policy"] = "cross-origin"
                headers.add_vary_header("Origin")
        await send(message)

    return send_with_headers


async def _allow(send: Send, origin: str) -> None:
    """Answers the question that a browser asks before a page of a named origin sends its token, or changes something."""
    headers = {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers": "authorization, content-type, if-none-match",
        "access-control-max-age": "600",
        "vary": "Origin",
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 204, "headers": pairs})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Scope, send: Send, sentence: str) -> None:
    """403 with one sentence, before any websocket is accepted."""
    prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{prefix}.start", "status": 403, "headers": headers})
    await send({"type": f"{prefix}.body", "body": body})
