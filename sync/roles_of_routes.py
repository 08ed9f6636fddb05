"""Which role a call needs: what the table of operations says. `sync.access.routes` reads the table for HTTP.

This module knows no users and no tokens.
"""

from twinstage.sync.api.operation import Role
from twinstage.sync.api.table import BY_ID


def role_of_call(operation: str) -> Role:
    """The least role that may call this operation, by its name in the table; the highest for one that is not there."""
    found = BY_ID.get(operation[:1].lower() + operation[1:])
    return "engineer" if found is None else found.role
