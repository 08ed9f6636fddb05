"""Which role a request needs: what the table of operations says, for whoever keeps the door (`role_of`).

This module knows no users and no tokens. A path of no operation is a file of the viewer where it is asked for, which anyone
may have (the page asks for a token), and needs the highest role where it would change something.
"""

from functools import cache

from starlette.routing import compile_path

from twinstage.sync.api.operation import ROLES, Role
from twinstage.sync.api.table import BY_ID, OPERATIONS

OTHER_ROLES: dict[str, Role] = {"/ws": "anyone"}
"""Paths that are no operations. The websocket's token is in its first message, so its session asks for the role."""


@cache
def _compiled() -> tuple[tuple[str, "object", Role], ...]:
    return tuple((op.method, compile_path(path)[0], op.role) for op in OPERATIONS for path in op.paths)


def role_of(method: str, path: str) -> Role:
    """The least role that may do this request."""
    if path in OTHER_ROLES:
        return OTHER_ROLES[path]
    reads = method.upper() in ("GET", "HEAD", "OPTIONS")
    for asked, regex, role in _compiled():
        if (asked == "GET") == reads and regex.match(path):  # type: ignore[attr-defined]
            return role
    return "anyone" if reads and not path.startswith("/api/") else "viewer" if reads else "engineer"


def role_of_call(operation: str) -> Role:
    """The least role that may call this operation, by its name in the table; the highest for one that is not there."""
    found = BY_ID.get(operation[:1].lower() + operation[1:])
    return "engineer" if found is None else found.role


def allows(held: Role, needed: Role) -> bool:
    """Whether who holds one role may do what needs another."""
    return ROLES.index(held) >= ROLES.index(needed)
