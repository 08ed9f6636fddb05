"""Who may ask, and what every answer tells the browser: a thin layer around the ASGI app."""

import ipaddress
import json

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = "; ".join(
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
        "frame-ancestors 'none'",
    ]
)
_HARMLESS = ("GET", "HEAD", "OPTIONS")
SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Refuses foreign hosts (DNS rebinding) and foreign origins of websockets and of requests that change things.

    Adds security headers.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._allowed = allowed_hosts | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._known(host):
            await _refuse(scope, send, f"this server does not go by the name {host!r}; --allow-host adds one")
        elif scope["type"] == "websocket" and not _same_origin(headers.get("origin"), host):
            await _refuse(scope, send, "pages of another origin may not open this websocket")
        elif scope.get("method", "GET") not in _HARMLESS and not _same_origin(headers.get("origin"), host):
            await _refuse(scope, send, "pages of another origin may not change anything here")
        else:
            await self._app(scope, receive, _with_headers(send))

    def _known(self, host: str) -> bool:
        name = _host_name(host)
        return name in self._allowed or _is_address(name)


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


def _same_origin(origin: str | None, host: str) -> bool:
    """Programs send no Origin; a page's must name this very host and port."""
    return origin is None or origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers


async def _refuse(scope: Scope, send: Send, sentence: str) -> None:
    """403 with one sentence, before any websocket is accepted."""
    prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{prefix}.start", "status": 403, "headers": headers})
    await send({"type": f"{prefix}.body", "body": body})
