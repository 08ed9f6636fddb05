"""`twinstage token`: who may use a twin that is served, and what they may do."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import Json, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="Tokens for `twinstage serve --tokens`: each names its owner and says what that one may do.",
)
File = Annotated[Path, typer.Option("--file", help="The token file; it holds no secrets, only hashes.")]
FILE = Path("tokens.json")


@app.command("create")
def create(
    role: Annotated[
        str,
        typer.Option(
            "--role",
            help="viewer looks; operator also answers alarms and moves things; engineer also changes bindings.",
            show_default=False,
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Whose it is, for the audit log.", show_default=False)],
    file: File = FILE,
    expires: Annotated[
        str | None,
        typer.Option("--expires", help="Ends after 90m, 12h, 30d or 2w.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token. It is printed once, on standard output, and kept nowhere."""
    import secrets
    import sys

    from twinstage.sync.access.roles import role_named
    from twinstage.sync.access.store import change_tokens
    from twinstage.sync.access.tokens import issue, lifetime_of

    rank, lifetime = role_named(role), lifetime_of(expires)
    _, token, secret = change_tokens(
        file,
        lambda held: issue(held, name, rank, now=_now(), lifetime=lifetime, random_bytes=secrets.token_bytes),
        create=True,
    )
    if as_json:
        print_json({"id": token.id, "name": token.name, "role": token.role, "token": secret})
        return
    until = "" if token.expires is None else f" until {token.expires:%Y-%m-%d %H:%M} UTC"
    print(
        f"{token.role} {token.name!r} ({token.id}){until}, in {file}; the token is shown this once:",
        file=sys.stderr,
    )
    print(secret)


@app.command("list")
def list_tokens(file: File = FILE, as_json: Json = False) -> None:
    """All tokens of a file: never their secrets, which the file does not have."""
    from twinstage.sync.access.store import read_tokens

    now = _now()
    rows = [
        {
            "id": token.id,
            "name": token.name,
            "role": token.role,
            "state": token.state(now),
            "created": _utc(token.created),
            "expires": _utc(token.expires),
            "revoked": _utc(token.revoked),
        }
        for token in read_tokens(file).issued
    ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        print("no tokens yet")
    for row in rows:
        expires = f"expires {row['expires']}" if row["expires"] else "does not expire"
        print("\t".join([str(row[key]) for key in ("id", "role", "state", "name", "created")] + [expires]))


@app.command("revoke")
def revoke(
    tokens: Annotated[list[str], typer.Argument(help="Ids or names of tokens.", show_default=False)],
    file: File = FILE,
) -> None:
    """End tokens. Servers that use the file notice at once: who came with them is shown out within seconds."""
    from twinstage.sync.access.store import change_tokens
    from twinstage.sync.access.tokens import revoke as revoked

    for which in tokens:
        _, token = change_tokens(file, partial(revoked, which=which, now=_now()), create=False)
        print(f"revoked: {token.role} {token.name!r} ({token.id})")


def _now() -> datetime:
    return datetime.now(UTC)


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
