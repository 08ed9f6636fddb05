"""`twinstage relay`: more viewers for a twin, on a server of its own."""

from typing import Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import (
    AllowEmbed,
    AllowHost,
    AllowOrigin,
    Duration,
    Host,
    InsecureNats,
    MaxClients,
    MaxClientsPerAddress,
    NatsCa,
    NatsCredentials,
    NoAuth,
    NoTls,
    Port,
    Subject,
    TlsCert,
    TlsKey,
    Tokens,
)


def relay(
    nats: Annotated[
        str, typer.Argument(help="Where NATS is: nats://HOST:PORT or tls://HOST:PORT.", show_default=False)
    ],
    host: Host = "127.0.0.1",
    port: Port = 8000,
    subject: Subject = "twinstage",
    join: Annotated[
        list[str] | None,
        typer.Option(
            "--join",
            help="Show several twins as one, instead of --publish-subject: PRIM=SUBJECT, as in /Plant/Line1=line1; "
            "give it once for each.",
            show_default=False,
        ),
    ] = None,
    nats_credentials: NatsCredentials = None,
    nats_ca_file: NatsCa = None,
    insecure_nats: InsecureNats = False,
    allow_host: AllowHost = None,
    tokens: Tokens = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure_no_auth: NoAuth = False,
    insecure_no_tls: NoTls = False,
    allow_origin: AllowOrigin = None,
    allow_embed: AllowEmbed = None,
    max_clients: MaxClients = None,
    max_clients_per_address: MaxClientsPerAddress = None,
    duration: Duration = None,
) -> None:
    """Serve a twin that [bold]twinstage serve --publish[/bold] sends to NATS, to viewers of its own.

    A relay keeps nothing on disk: start as many as there are viewers for, and put any load balancer before them. It is ready
    (/readyz) while it is in step with the twin, and keeps showing the last state while the twin is away.
    """
    from twinstage.live.relay import serve_relay
    from twinstage.sync.access.choices import AccessChoices
    from twinstage.sync.relay.choices import NatsChoices

    serve_relay(
        NatsChoices(nats, subject, nats_credentials, nats_ca_file, insecure_nats),
        join=_joins(join),
        host=host,
        port=port,
        hosts=allow_host or (),
        access=AccessChoices(
            tokens,
            tls_cert,
            tls_key,
            insecure_no_auth,
            insecure_no_tls,
            tuple(allow_origin or ()),
            max_clients,
            max_clients_per_address,
            tuple(allow_embed or ()),
        ),
        duration=duration,
    )


def _joins(texts: list[str] | None) -> dict[str, str]:
    """NATS subjects by prim path."""
    out: dict[str, str] = {}
    for text in texts or ():
        prefix, equals, subject = text.partition("=")
        if not equals or prefix in out:
            raise UserError(f"--join {text!r} is not of the form PRIM=SUBJECT, with another prim each time")
        out[prefix] = subject
    return out
