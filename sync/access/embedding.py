"""Which pages may show a twin in a frame of theirs: none but its own, until their origins are named."""

from collections.abc import Iterable, Mapping

from twinstage.base.errors import UserError
from twinstage.sync.access.origins import Origins, parse_origin

FILES = frozenset({"/embed", "/app.js", "/style.css"})
"""What the page in a frame needs before it can ask who looks at it. It holds nothing of the twin."""


class Embedders:
    """The allow-list of one server; it may grow while the server runs, as a notebook says where it is shown."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._origins: dict[str, None] = {}
        self.hosts: set[str] = set()
        """Names by which proxies beside such a page call this server."""
        for origin in allowed:
            self.allow(origin)

    def __bool__(self) -> bool:
        return bool(self._origins)

    @property
    def origins(self) -> tuple[str, ...]:
        """All of them, as browsers write them."""
        return tuple(self._origins)

    def allow(self, origin: str) -> None:
        """UserError for anything but `http(s)://name[:port]`."""
        self._origins[parse_origin(origin, "--allow-embed")] = None

    @property
    def ancestors(self) -> str:
        """The sources of `frame-ancestors`."""
        return " ".join(("'self'", *self._origins))

    def fault(self, headers: Mapping[str, str]) -> str:
        """Why a frame stays empty, in one sentence; empty where it does not, or the browser does not say who asks."""
        if headers.get("sec-fetch-dest") not in ("iframe", "frame"):
            return ""
        origin = _origin_of(headers.get("referer", ""))
        if not origin or origin in self._origins or Origins().own(origin, headers.get("host", "")):
            return ""
        return f"pages of {origin} may not show this twin in a frame; --allow-embed {origin} lets them"


def _origin_of(referer: str) -> str:
    """The origin of an address; empty where it is none."""
    scheme, there, rest = referer.lower().partition("://")
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    try:
        return parse_origin(f"{scheme}://{host}") if there and host else ""
    except UserError:
        return ""
