"""Where a twin is, and its files. Effects: HTTP."""

import gzip
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twinstage.base.errors import UserError


def addresses(url: str) -> tuple[str, str]:
    """The http and websocket addresses of a twin named by either, or by host:port."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    secure = parts.scheme in ("https", "wss")
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.netloc:
        raise UserError(f"{url!r} is not the address of a twin; expected one like http://127.0.0.1:8000")
    http = urlunsplit(("https" if secure else "http", parts.netloc, "", "", ""))
    return http, urlunsplit(("wss" if secure else "ws", parts.netloc, "/ws", "", ""))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Elsewhere is no place for a token."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


def fetch(url: str, token: str | None = None, tls: ssl.SSLContext | None = None) -> bytes:
    """What is there; OSError where nothing is. Waits."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(
        _NoRedirects, urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
    )
    try:
        with opener.open(request, timeout=60) as answer:
            body: bytes = answer.read()
            return gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"{url} answered {error.code}") from None
