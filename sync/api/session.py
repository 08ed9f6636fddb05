"""Signing in, where the server asks for tokens (docs/access.md); `sync.access` answers."""

from pydantic import Field

from twinstage.sync.api.operation import Model, Operation


class Session(Model):
    """Who asks."""

    asks: bool = Field(description="Whether this server asks for tokens.")
    name: str | None = Field(description="Of the token; null for nobody.")
    role: str | None = Field(description="viewer, operator or engineer; null for nobody.")
    error: str | None = Field(None, description="Why a token that was shown does not count.")


class Token(Model):
    """What somebody signs in with."""

    token: str = Field(max_length=4096, examples=["twk_..."])


OPERATIONS = (
    Operation(
        "getSession",
        "/api/session",
        "Session",
        "Who I am",
        role="anyone",
        answer=Session,
        rpc=False,
    ),
    Operation(
        "signIn",
        "/api/session",
        "Session",
        "Show a token and get a cookie",
        role="anyone",
        method="POST",
        body=Token,
        answer=Session,
        errors=(401, 413, 415, 429),
        rpc=False,
        description="Programs need no session: they send `Authorization: Bearer ...` with each request.",
    ),
    Operation(
        "signOut",
        "/api/session",
        "Session",
        "Give the cookie back",
        role="anyone",
        method="DELETE",
        rpc=False,
    ),
    Operation("getSignIn", "/signin", "Session", "The page to sign in", role="anyone", media=("text/html",)),
)
