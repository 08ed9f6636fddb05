"""Three roles, each of which may do all that the one below may."""

from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from twinstage.base.errors import UserError, did_you_mean


class Role(IntEnum):
    """`viewer` looks, `operator` also answers alarms, `engineer` also edits the scene and changes bindings."""

    VIEWER = 1
    OPERATOR = 2
    ENGINEER = 3

    @property
    def word(self) -> str:
        """As it is written in files and messages."""
        return self.name.lower()


ROLES: Final = {role.word: role for role in Role}


def role_named(text: str) -> Role:
    """The role of that name; UserError for another one."""
    if text not in ROLES:
        raise UserError(f"there is no role {text!r}{did_you_mean(text, ROLES)}")
    return ROLES[text]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is at the other end. `token_id` is empty where no token was needed; `address` is the peer's IP address."""

    name: str
    role: Role
    token_id: str = ""
    address: str = ""

    def may(self, role: Role) -> bool:
        """Whether this one has that role or a higher one."""
        return self.role >= role


LOCAL: Final = "local"
"""Name of everybody, where the server asks for no token."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in, for each kind of door.

    `reason` is one word for metrics and the audit log, `status` the HTTP status, `code` the websocket's close code.
    """

    reason: str
    sentence: str
    status: int = 401
    code: int = 4401
    retry_after: int = 0
    """Seconds after which to try again, where that can help."""


CALLER: ContextVar[Identity | None] = ContextVar("twinstage_caller", default=None)
"""Who sent the request that is being answered, for those who write it down."""


def caller() -> Identity:
    """Who sent it; the local engineer where nobody was asked."""
    return CALLER.get() or Identity(LOCAL, Role.ENGINEER)


def signed(by: str) -> str:
    """A name that a client gives, with that of its token: a desk is shared, and what a client says may be wrong."""
    who = CALLER.get()
    return by if who is None or not who.token_id or who.name == by else f"{by} ({who.name})"
