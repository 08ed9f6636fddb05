"""Tokens: `twk_<id>_<secret>`, of which a file keeps only what can tell whether a secret is the right one.

The secret is 256 random bits, so it cannot be guessed however fast guesses can be tried, and a slow hash (scrypt) would
add nothing but work that anybody could make the server do by sending wrong tokens. So the file holds SHA-256 of a salt
and the secret; the salt keeps two files from being compared. The id is no secret: it finds the line of the file.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from twinstage.base.errors import UserError, did_you_mean
from twinstage.sync.access.roles import Refusal, Role, role_named

SECRET_BYTES: Final = 32
_FORM: Final = re.compile(r"twk_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
LONGEST: Final = 100
"""A longer text is no token [characters]."""
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Name = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", strip_whitespace=True
    ),
]
Word = Literal["viewer", "operator", "engineer"]
WORDS: Final[dict[Role, Word]] = {
    Role.VIEWER: "viewer",
    Role.OPERATOR: "operator",
    Role.ENGINEER: "engineer",
}
Hex = StringConstraints(pattern=r"^[0-9a-f]+$")


class Token(BaseModel):
    """One line of a token file. Times are UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: Annotated[str, Hex, Field(min_length=8, max_length=8)]
    name: Name
    role: Word
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    salt: Annotated[str, Hex, Field(min_length=32, max_length=32)]
    sha256: Annotated[str, Hex, Field(min_length=64, max_length=64)]

    @property
    def rank(self) -> Role:
        """The role, as something that can be compared."""
        return role_named(self.role)

    def state(self, now: datetime) -> str:
        """valid, expired or revoked."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"


class Tokens(BaseModel):
    """A token file; `tokens` is the version of its form."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tokens: Literal[1] = 1
    issued: Annotated[tuple[Token, ...], Field(max_length=10_000)] = ()

    def by_id(self) -> dict[str, Token]:
        """Tokens by their id."""
        return {token.id: token for token in self.issued}


def issue(
    held: Tokens,
    name: str,
    role: Role,
    *,
    now: datetime,
    lifetime: timedelta | None,
    random_bytes: Callable[[int], bytes],
) -> tuple[Tokens, Token, str]:
    """One more token: the file's new content, its line, and the text that its owner gets, which is kept nowhere.

    Raises UserError where a token of that name is valid already, since a name is what the audit log tells.
    """
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise UserError("--name must be 1 to 100 printable characters")
    for token in held.issued:
        if token.name == name and token.state(now) == "valid":
            raise UserError(f"there is a valid token named {name!r} already ({token.id}); revoke it first")
    known = held.by_id()
    while (number := random_bytes(4).hex()) in known:
        pass
    secret = base64.urlsafe_b64encode(random_bytes(SECRET_BYTES)).decode().rstrip("=")
    salt = random_bytes(16).hex()
    created = now.astimezone(UTC).replace(microsecond=0)
    token = Token(
        id=number,
        name=name,
        role=WORDS[role],
        created=created,
        expires=None if lifetime is None else created + lifetime,
        salt=salt,
        sha256=_hash(salt, secret),
    )
    return Tokens(issued=(*held.issued, token)), token, f"twk_{number}_{secret}"


def revoke(held: Tokens, which: str, *, now: datetime) -> tuple[Tokens, Token]:
    """The file's new content and the token of that id or name, revoked now. UserError where there is none that is valid."""
    found = [token for token in held.issued if which in (token.id, token.name) and token.revoked is None]
    if not found:
        gone = [token for token in held.issued if which in (token.id, token.name)]
        if gone:
            raise UserError(f"the token {which!r} is revoked already")
        known = [token.name for token in held.issued if token.revoked is None]
        raise UserError(f"there is no token {which!r}{did_you_mean(which, known)}")
    chosen = found[-1]
    ended = chosen.model_copy(update={"revoked": now.astimezone(UTC).replace(microsecond=0)})
    return Tokens(issued=tuple(ended if token is chosen else token for token in held.issued)), ended


def judge(known: Mapping[str, Token], text: str, now: datetime) -> Token | Refusal:
    """The token that a text is, or why it is none that counts.

    The secret is compared in constant time, and an id that is not there costs the same work. Only who has the right
    secret learns that a token has expired or was revoked.
    """
    form = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    if form is None:
        return Refusal("wrong", "this is no token of this server: twk_... was expected")
    token = known.get(form[1])
    salt, expected = (token.salt, token.sha256) if token else ("0" * 32, "0" * 64)
    if not hmac.compare_digest(_hash(salt, form[2]), expected) or token is None:
        return Refusal("wrong", "this server does not know that token")
    return standing(token, now) or token


def standing(token: Token, now: datetime) -> Refusal | None:
    """Why a token does not count any more, if so."""
    state = token.state(now)
    if state == "valid":
        return None
    moment = token.revoked if state == "revoked" else token.expires
    verb = "was revoked" if state == "revoked" else "expired"
    return Refusal(state, f"the token {token.name!r} {verb} at {moment:%Y-%m-%d %H:%M:%S} UTC")


def lifetime_of(text: str | None) -> timedelta | None:
    """30d, 12h, 90m or 2w; None for None. UserError for anything else."""
    if text is None:
        return None
    form = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text.strip())
    if form is None:
        raise UserError(f"--expires {text!r} is no time: 90m, 12h, 30d or 2w was expected")
    return timedelta(**{_UNITS[form[2]]: int(form[1])})


def _hash(salt: str, secret: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode()).hexdigest()
