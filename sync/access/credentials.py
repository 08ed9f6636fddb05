"""A client's side: its token by reference, and whom it believes to be the server. Effects: the environment, files."""

import ssl
from pathlib import Path

from twinstage.base.errors import UserError


def token_text(token: str | None) -> str | None:
    """The token itself: `env:NAME` and `file:PATH` are looked up, anything else is one. Its text is in no message.

    Raises UserError where the reference leads nowhere, or what it leads to cannot be a token.
    """
    if token is None:
        return None
    referred = token.startswith(("env:", "file:"))
    if referred:
        from twinstage.telemetry.sinks.secret import read_secret

        text = read_secret(token).strip()
    else:
        text = token
    if not text.startswith("twk_") or not text.isascii() or not text.isprintable() or len(text) > 200:
        where = f" in {token!r}" if referred else ""
        raise UserError(f"what was given{where} is no token: twk_... was expected, or env:NAME or file:PATH")
    return text


def client_context(url: str, ca_file: str | Path | None) -> ssl.SSLContext | None:
    """How a client checks a server's certificate; None for an address without TLS. UserError for a file that is none."""
    if not url.startswith(("https://", "wss://")):
        return None
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:  # SSLError, too
        reason = (
            error.strerror if isinstance(error, FileNotFoundError | PermissionError) else "no PEM certificate"
        )
        raise UserError(f"the certificate file {str(ca_file)!r} cannot be used: {reason}") from None
