"""Asks a twin that another process serves, over HTTP."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from twinstage.base.errors import TwinstageError, UserError
from twinstage.sync.access.credentials import client_context, token_text

TIMEOUT_S = 10.0
MOST_BYTES = 64 << 20


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a token by reference (env:NAME, file:PATH), and the certificate that vouches for the server's."""

    token: str | None = None
    ca_file: Path | None = None


NOBODY = Caller()


def ask(server: str, path: str, body: Any = None, caller: Caller = NOBODY) -> Any:
    """The JSON of a GET, or of a POST where there is a body.

    Raises UserError for what the server refuses, TwinstageError where there is no such server.
    """
    try:
        return json.loads(fetch(server, path, body, caller))
    except ValueError:
        raise TwinstageError(f"what answers at {server} is not Twinstage") from None


def fetch(server: str, path: str, body: Any = None, caller: Caller = NOBODY) -> bytes:
    """The same as it came."""
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"{server!r} is no address of a server; http://HOST:PORT was expected")
    request = Request(server.rstrip("/") + path)
    token, tls = token_text(caller.token), client_context(server, caller.ca_file)
    if token is not None:
        request.add_unredirected_header("authorization", f"Bearer {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    try:
        with build_opener(_NoRedirects, ProxyHandler({}), HTTPSHandler(context=tls)).open(
            request, timeout=TIMEOUT_S
        ) as answer:
            return bytes(answer.read(MOST_BYTES))
    except HTTPError as error:
        with error:
            raise _refusal(server, error.code, error.read(MOST_BYTES)) from None
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise TwinstageError(f"no server answers at {server}: {reason}") from None


def _refusal(server: str, status: int, body: bytes) -> TwinstageError:
    try:
        sentence = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return TwinstageError(f"{server} answered with status {status}")
    if status == 401:
        return UserError(f"{sentence}; give --token-file, or TWINSTAGE_TOKEN in the environment")
    if status == 404 and sentence == "Not Found":
        return UserError(f"the twin at {server} has no alarms: its contract names none")
    return UserError(str(sentence)) if status < 500 else TwinstageError(str(sentence))
