"""Which role each route asks for. What is in no line is refused, whoever asks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from starlette.routing import compile_path

from twinstage.sync.access.roles import Role

PUBLIC = None
"""Anybody may: what a browser needs to sign in, and what watches over the process."""


@dataclass(frozen=True, slots=True)
class Line:
    """Methods (`GET` covers HEAD), a path as Starlette writes it (`{name:path}` may hold slashes), and the role."""

    methods: str
    path: str
    role: Role | None


_OWN = (
    Line("GET", "/signin", PUBLIC),
    Line("GET POST DELETE", "/api/session", PUBLIC),
    Line("WEBSOCKET", "/ws", PUBLIC),  # asks for the token in its first message
)
_VIEWER_FILES = (
    Line("GET", "/", Role.VIEWER),
    Line("GET", "/index.html", Role.VIEWER),
    *(
        Line("GET", f"/{{name}}.{ending}", Role.VIEWER)
        for ending in ("js", "css", "txt", "wasm", "svg", "png", "ico")
    ),
    Line("GET", "/assets/{name:path}", Role.VIEWER),
)
_DATA = (
    Line("GET", "/healthz", PUBLIC),
    Line("GET", "/readyz", PUBLIC),
    Line("GET", "/glb/{digest}", Role.VIEWER),
    Line("GET", "/texture/{digest}", Role.VIEWER),
    Line("GET", "/camera/{camera:path}", Role.VIEWER),
    Line("GET", "/metrics", Role.VIEWER),
    Line("GET", "/api/scene", Role.VIEWER),
    Line("GET", "/api/status", Role.VIEWER),
    Line("GET", "/api/state", Role.VIEWER),
    Line("GET", "/api/cameras", Role.VIEWER),
    Line("GET", "/api/alarms", Role.VIEWER),
    Line("GET", "/api/alarms/journal", Role.VIEWER),
    Line("POST", "/api/alarms/{action}", Role.OPERATOR),
)
TABLE: tuple[Line, ...] = (*_OWN, *_VIEWER_FILES, *_DATA)


class Routes:
    """Answers `role(method, path)`; the first line that fits counts."""

    def __init__(self, table: Iterable[Line] = TABLE) -> None:
        self._lines = tuple((frozenset(line.methods.split()), _pattern(line.path), line) for line in table)

    def line(self, method: str, path: str) -> Line | None:
        """The line that a request falls under, if any."""
        method = "GET" if method == "HEAD" else method
        for methods, pattern, line in self._lines:
            if method in methods and pattern.fullmatch(path):
                return line
        return None


@lru_cache(maxsize=1000)
def _pattern(path: str) -> "re.Pattern[str]":
    return compile_path(path)[0]
