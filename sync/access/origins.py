"""Which pages may speak to a server: those that it served itself, and those of origins that were named.

Programs send no `Origin` header; a browser always does with a websocket, and with what changes something.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from twinstage.base.errors import UserError

_HOST = re.compile(r"[a-z0-9_.:-]+")  # it goes into a policy: no pattern, no separator
_PORTS = {"http": 80, "https": 443}


def parse_origin(text: str, option: str = "--allow-origin") -> str:
    """`https://name[:port]` in lower case, without a default port. UserError for anything else, `*` included."""
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        raise UserError(_sentence(text, option)) from None
    if (
        parts.scheme not in _PORTS
        or parts.hostname is None
        or not _HOST.fullmatch(parts.hostname)
        or parts.path.strip("/")
        or parts.query
        or parts.username
    ):
        raise UserError(_sentence(text, option))
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{name}" + ("" if port in (None, _PORTS[parts.scheme]) else f":{port}")


def _sentence(text: str, option: str) -> str:
    return f"{option} {text!r} is no origin; one like https://panel.example.com was expected, each by name"


class Origins:
    """The allow-list of one server."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(map(parse_origin, allowed))

    def may_ask(self, origin: str | None, host: str) -> bool:
        """Whether a page of that origin may ask a server that it calls by that `Host`."""
        if origin is None or self.own(origin, host):
            return True
        return self.named(origin)

    def own(self, origin: str, host: str) -> bool:
        """Whether the page came from the very host and port that it asks."""
        return origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")

    def named(self, origin: str | None) -> bool:
        """Whether the origin is one of those that were named. `null` never is."""
        return origin is not None and origin.lower() in self._allowed
