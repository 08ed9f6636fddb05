"""What a browser holds after its sign-in: which token, until when, and a MAC over both.

The cookie cannot be used to make a token, is void when the token is, and ends by itself.
"""

import base64
import hashlib
import hmac
import re
from typing import Final

from twinstage.sync.access.tokens import Token

LIFETIME_S: Final = 7 * 86_400
_FORM: Final = re.compile(r"([0-9a-f]{8})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})")


class CookieJar:
    """Makes cookies and reads them; `key` is 32 bytes that nobody else knows."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def bake(self, token: Token, now_s: int) -> tuple[str, int]:
        """The cookie of a token, and its lifetime [s]."""
        lifetime = LIFETIME_S
        if token.expires is not None:
            lifetime = max(0, min(lifetime, int(token.expires.timestamp()) - now_s))
        until = now_s + lifetime
        return f"{token.id}.{until}.{self._mac(token, until)}", lifetime

    def token_id(self, text: str) -> str | None:
        """Which token a cookie speaks for, if it has the form of one."""
        form = _FORM.fullmatch(text) if len(text) < 100 else None
        return None if form is None else form[1]

    def holds(self, text: str, token: Token, now_s: int) -> bool:
        """Whether it is a cookie of that token that has not ended."""
        form = _FORM.fullmatch(text)
        if form is None or form[1] != token.id:
            return False
        return hmac.compare_digest(form[3], self._mac(token, int(form[2]))) and now_s < int(form[2])

    def _mac(self, token: Token, until: int) -> str:
        said = f"session.{token.id}.{until}.{token.sha256}".encode()
        digest = hmac.new(self._key, said, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def cookie_name(host: str, *, secure: bool) -> str:
    """Browsers keep cookies by host whatever the port: the port in the name keeps two twins of one host apart."""
    _, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        port = "443" if secure else "80"
    return f"__Host-twinstage-{port}" if secure else f"twinstage-{port}"


def read_cookie(header: str, name: str) -> str:
    """The value of a cookie in a `Cookie` header; empty where it is not there."""
    for item in header[:8192].split(";"):
        found, _, value = item.strip().partition("=")
        if found == name:
            return value
    return ""
