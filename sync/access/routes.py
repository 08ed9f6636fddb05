"""Which role each route asks for: the table of operations, and what is no operation. What is in no line is refused."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from starlette.routing import compile_path

from twinstage.sync.access.roles import ROLES, Role
from twinstage.sync.api.table import OPERATIONS

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
_VIEWER = (
    Line("GET", "/", Role.VIEWER),
    Line("GET", "/client/{name}", Role.VIEWER),
    Line("GET", "/embed", Role.VIEWER),  # for anybody where it may be framed (`embedding`)
    Line("GET", "/embed/twin-view.js", PUBLIC),
)
_DATA = tuple(
    Line(operation.method, path, PUBLIC if operation.role == "anyone" else ROLES[operation.role])
    for operation in OPERATIONS
    for path in operation.paths
)
TABLE: tuple[Line, ...] = (*_OWN, *_VIEWER, *_DATA)


class Routes:
    """Answers `line(method, path)`; the first line that fits counts. `files`: paths of the viewer's own files."""

    def __init__(self, table: Iterable[Line] = TABLE, files: Collection[str] = ()) -> None:
        self._lines = tuple((frozenset(line.methods.split()), _pattern(line.path), line) for line in table)
        self._files = frozenset(files)

    def line(self, method: str, path: str) -> Line | None:
        """The line that a request falls under, if any."""
        method = "GET" if method == "HEAD" else method
        for methods, pattern, line in self._lines:
            if method in methods and pattern.fullmatch(path):
                return line
        return _FILE if method == "GET" and path in self._files else None


_FILE = Line("GET", "a file of the viewer", Role.VIEWER)


@lru_cache(maxsize=1000)
def _pattern(path: str) -> "re.Pattern[str]":
    return compile_path(path)[0]
