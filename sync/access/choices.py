"""What a user says about access when a server starts, and whether that is safe for the address it listens on."""

import ssl
from dataclasses import dataclass, replace
from pathlib import Path

from twinstage.base.errors import UserError
from twinstage.sync.access.buckets import is_loopback
from twinstage.sync.access.embedding import Embedders
from twinstage.sync.access.limits import Limits
from twinstage.sync.access.origins import Origins


@dataclass(frozen=True, slots=True)
class AccessChoices:
    """`no_auth` and `no_tls` are the explicit words of somebody who wants to go without."""

    tokens: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    no_auth: bool = False
    no_tls: bool = False
    origins: tuple[str, ...] = ()
    max_clients: int | None = None
    max_clients_by_address: int | None = None
    embed: tuple[str, ...] = ()

    @property
    def limits(self) -> Limits:
        """The usual limits, but for those that were chosen; more clients may have more connections."""
        usual = Limits()
        clients = self.max_clients or usual.clients
        here = self.max_clients_by_address or usual.clients_by_address
        return replace(
            usual,
            clients=clients,
            clients_by_address=here,
            connections=max(usual.connections, 4 * clients),
            connections_by_address=max(usual.connections_by_address, 4 * here),
        )

    def check(self, host: str) -> None:
        """UserError where that address must not be served like this, choices contradict each other, or a file is of no use."""
        self._contradictions()
        self._exposed(host)
        Origins(self.origins)
        Embedders(self.embed)
        self.tls()
        if self.tokens is not None:
            from twinstage.sync.access.store import read_tokens

            read_tokens(self.tokens)

    def _contradictions(self) -> None:
        if self.tokens is not None and self.no_auth:
            raise UserError("--tokens and --insecure-no-auth contradict each other: give one of them")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UserError("--tls-cert and --tls-key belong together: give both or neither")
        if self.tls_cert is not None and self.no_tls:
            raise UserError("--tls-cert and --insecure-no-tls contradict each other: give one of them")

    def _exposed(self, host: str) -> None:
        if is_loopback(host):
            return
        lacks = []
        if self.tokens is None and not self.no_auth:
            lacks.append("--tokens FILE (or --insecure-no-auth: anybody may change this twin)")
        if self.tls_cert is None and not self.no_tls:
            lacks.append(
                "--tls-cert and --tls-key (or --insecure-no-tls: anybody on the way may read and change it)"
            )
        if lacks:
            raise UserError(
                f"{host} can be reached by other machines; serving there needs {' and '.join(lacks)}"
            )

    def pem(self) -> tuple[bytes, bytes] | None:
        """The key and the certificate chain of `tls`, for servers that take these; UserError as there."""
        if self.tls() is None or self.tls_cert is None or self.tls_key is None:
            return None
        return self.tls_key.read_bytes(), self.tls_cert.read_bytes()

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context of the server, where there is a certificate."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        from twinstage.sync.access.tls import server_context

        return server_context(self.tls_cert, self.tls_key)
