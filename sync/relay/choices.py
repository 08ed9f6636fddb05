"""What a user says about NATS, and whether that is safe."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twinstage.base.errors import UserError
from twinstage.sync.access.buckets import is_loopback
from twinstage.sync.access.credentials import client_context

_SUBJECT = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}")


@dataclass(frozen=True, slots=True)
class NatsChoices:
    """`credentials`: env:NAME or file:PATH of a token, of USER:PASSWORD, or of a NATS credentials file (file: only)."""

    url: str
    subject: str = "twinstage"
    credentials: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    insecure: bool = False

    def check(self) -> None:
        """UserError where something cannot be right, or is not safe for that address."""
        parts = urlsplit(self.url)
        try:
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if parts.scheme not in ("nats", "tls") or not host:
            raise UserError(
                f"{parts.scheme}://... is no address of NATS; nats://HOST:PORT or tls://HOST:PORT was expected"
            )
        if parts.username or parts.password:
            raise UserError(
                "an address with a password in it ends up in logs; give --nats-credentials env:NAME or file:PATH"
            )
        if not _SUBJECT.fullmatch(self.subject):
            raise UserError(
                f"{self.subject!r} is no subject: names of letters, digits, - and _ with dots between them were expected"
            )
        if not (is_loopback(host) or self.insecure):
            lacks = (
                []
                if parts.scheme == "tls"
                else ["tls:// (what is sent could be read and changed on the way)"]
            )
            lacks += [] if self.credentials else ["--nats-credentials (anybody could speak for the twin)"]
            if lacks:
                raise UserError(f"NATS at {host} needs {' and '.join(lacks)}, or --insecure-nats")
        self.options()

    def options(self) -> dict[str, Any]:
        """What nats-py is told of it."""
        found: dict[str, Any] = {}
        context = client_context("https://" if self.url.startswith("tls://") else "http://", self.ca_file)
        if context is not None:
            found["tls"] = context
        if self.credentials is None:
            return found
        if not self.credentials.startswith(("env:", "file:")):
            raise UserError("--nats-credentials takes env:NAME or file:PATH, never the secret itself")
        from twinstage.telemetry.sinks.secret import read_secret

        text = read_secret(self.credentials).strip()
        if "BEGIN NATS USER JWT" in text:
            _need_nkeys()
            if not self.credentials.startswith("file:"):
                raise UserError("a NATS credentials file is given as file:PATH")
            return found | {"user_credentials": self.credentials.removeprefix("file:")}
        user, colon, password = text.partition(":")
        return found | ({"user": user, "password": password} if colon else {"token": text})


def _need_nkeys() -> None:
    try:
        import nkeys  # noqa: F401
    except ImportError:
        raise UserError("NATS credentials files need the package nkeys: pip install nkeys") from None
