"""`twinstage serve`: a stage, its telemetry and its bindings behind one port."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import (
    AllowEmbed,
    AllowHost,
    AllowOrigin,
    AssetRoots,
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
    Variants,
    variant_choices,
)


def serve(
    stage: Annotated[
        Path, typer.Argument(help="The USD stage to show (.usd, .usda, .usdc, .usdz).", show_default=False)
    ],
    bindings: Annotated[
        Path | None,
        typer.Option("--bindings", help="bindings.yaml: which signal moves which prim.", show_default=False),
    ] = None,
    contract: Annotated[
        Path | None,
        typer.Option(
            "--contract",
            help="contract.yaml, if it is not the one that the bindings name.",
            show_default=False,
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    asset_root: AssetRoots = None,
    library: Annotated[
        list[Path] | None,
        typer.Option(
            "--library",
            help="A folder of USD assets that may be placed in the scene, by its name; give it once for each. "
            "The bundled set is there as `starter`.",
            show_default=False,
        ),
    ] = None,
    variant: Variants = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help="Serve this prim and all below it, and the bindings that drive it: one of several twins of a large plant. "
            "Give it once for each.",
            show_default=False,
        ),
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option(
            "--quarantine", help="Append telemetry that was refused, with the reason, to this JSONL file."
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history",
            help="Keep everything that happens in this folder, and go on from where it ended.",
            show_default=False,
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay", help="Show the past that this history folder holds, again.", show_default=False
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="With --replay: from this moment on, a date and time with its zone, or seconds from the beginning.",
            show_default=False,
        ),
    ] = None,
    notify: Annotated[
        Path | None,
        typer.Option("--notify", help="notify.yaml: whom to tell of alarms, and how.", show_default=False),
    ] = None,
    clear_edits: Annotated[
        bool,
        typer.Option(
            "--clear-edits", help="Take away what people edited in earlier runs (docs/commands.md)."
        ),
    ] = False,
    speed: Annotated[
        float, typer.Option("--speed", min=0.01, help="Replay recordings this many times faster.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="Seed of simulated sources.")] = 0,
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
    camera_engine: Annotated[
        str,
        typer.Option(
            "--camera-engine",
            help="Renders /camera/NAME.jpg and .mjpg: auto, direct, path or raycast; off for no such pages.",
        ),
    ] = "auto",
    datasets: Annotated[
        Path | None,
        typer.Option(
            "--datasets",
            help="Show the finished datasets in this folder under /api/v1/datasets.",
            show_default=False,
        ),
    ] = None,
    grpc_port: Annotated[
        int | None,
        typer.Option(
            "--grpc-port",
            min=0,
            max=65535,
            help="Answer the same over gRPC on this port, of the host where there is a certificate, else of 127.0.0.1; "
            "0 takes a free one. Needs the extra grpc.",
            show_default=False,
        ),
    ] = None,
    publish: Annotated[
        str | None,
        typer.Option(
            "--publish",
            help="Send each tick to this NATS server, too, for `twinstage relay`: nats://HOST:PORT. Needs the extra nats.",
            show_default=False,
        ),
    ] = None,
    publish_subject: Subject = "twinstage",
    nats_credentials: NatsCredentials = None,
    nats_ca_file: NatsCa = None,
    insecure_nats: InsecureNats = False,
    relay_role: Annotated[
        str | None,
        typer.Option(
            "--relay-role",
            help="Highest role of who comes through a relay: viewer, operator or engineer. "
            "By default viewer where there are --tokens, otherwise engineer.",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Show what is saved in any file of the stage at once; a save that cannot be read leaves the scene as it is.",
        ),
    ] = False,
    watch_poll: Annotated[
        float | None,
        typer.Option(
            "--watch-poll",
            min=0.02,
            max=60,
            help="With --watch: seconds between two looks at the files; 0.025 by default. More for slow network drives.",
            show_default=False,
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            help="Keep all that viewers are told in this file (.twinrec); `twinstage open` plays it.",
            show_default=False,
        ),
    ] = None,
    duration: Duration = None,
) -> None:
    """Show a stage in the browser, moved by live or recorded telemetry.

    [bold]twinstage serve cell.usda[/bold] shows the stage as it is.
    [bold]twinstage serve cell.usda --bindings bindings.yaml[/bold] lets the signals of the contract move it.

    Files that the stage refers to must lie in its own folder or below an [bold]--asset-root[/bold].

    On this machine no token is needed. To serve other machines give [bold]--host[/bold], [bold]--tokens[/bold] and a
    certificate.
    """
    from twinstage.live.relay import PublishChoices
    from twinstage.live.server import serve_twin
    from twinstage.live.twin import TwinFiles
    from twinstage.sync.access.choices import AccessChoices
    from twinstage.sync.access.roles import role_named

    top = "viewer" if tokens is not None else "engineer"
    published = None
    if publish is not None:
        from twinstage.sync.relay.choices import NatsChoices

        nats = NatsChoices(publish, publish_subject, nats_credentials, nats_ca_file, insecure_nats)
        nats.check()
        published = PublishChoices(nats, role_named(relay_role or top))
    access = AccessChoices(
        tokens,
        tls_cert,
        tls_key,
        insecure_no_auth,
        insecure_no_tls,
        tuple(allow_origin or ()),
        max_clients,
        max_clients_per_address,
        tuple(allow_embed or ()),
    )
    files = TwinFiles(
        stage=stage,
        bindings=bindings,
        contract=contract,
        asset_roots=tuple(asset_root or ()),
        variants=variant_choices(variant),
        quarantine=quarantine,
        history=history,
        past=replay,
        past_from=from_,
        notify=notify,
        clear_edits=clear_edits,
        only=tuple(only or ()),
        libraries=tuple(library or ()),
    )
    serve_twin(
        files,
        host=host,
        port=port,
        speed=speed,
        seed=seed,
        duration=duration,
        hosts=allow_host or (),
        camera_engine=_camera_engine(camera_engine),
        access=access,
        datasets=datasets,
        record=record,
        watch=_watch(watch, watch_poll),
        grpc_port=grpc_port,
        publish=published,
    )


def _watch(watch: bool, poll: float | None) -> float | None:
    """Seconds between two looks, 0 for the usual; None: nothing is watched."""
    if poll is not None and not watch:
        raise UserError("--watch-poll says how often --watch looks; add --watch")
    return (poll or 0.0) if watch else None


def _camera_engine(kind: str) -> str | None:
    """None for `off`; UserError for an unknown engine, before anything is opened."""
    if kind == "off":
        return None
    from twinstage.render.engines import ENGINES

    if kind != "auto":
        ENGINES.get(kind)
    return kind
