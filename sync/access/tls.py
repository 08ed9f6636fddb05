"""The server's certificate. Effects: files."""

import ssl
from pathlib import Path

from twinstage.base.errors import UserError


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """A context for TLS 1.2 and later. UserError where the files are not a certificate and its key."""
    for option, path in (("--tls-cert", cert), ("--tls-key", key)):
        try:
            with path.open("rb") as stream:
                stream.read(1)
        except OSError as error:
            raise UserError(f"{option} {path} cannot be read: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, ValueError, OSError):
        raise UserError(
            f"--tls-cert {cert} and --tls-key {key} are no certificate with its own key, both PEM and without a password"
        ) from None
    return context


def _no_password() -> str:
    """Asked for a password, OpenSSL would otherwise read the terminal."""
    raise ValueError
