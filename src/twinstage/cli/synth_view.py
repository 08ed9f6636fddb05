"""`twinstage synth view`: datasets in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import AllowHost, Duration, Host, NoAuth, NoTls, Port, TlsCert, TlsKey, Tokens


def view(
    dataset: Annotated[Path, typer.Argument(help="A dataset, or a folder of several.", show_default=False)],
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe",
            help="The recipe that it was made from, so that the page can say the command that makes a frame again.",
            show_default=False,
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allow_host: AllowHost = None,
    tokens: Tokens = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure_no_auth: NoAuth = False,
    insecure_no_tls: NoTls = False,
    duration: Duration = None,
) -> None:
    """Browse datasets in the browser: pictures with their labels, filters, figures of classes.

    [bold]twinstage synth view out/parcels[/bold]

    Nothing is written; the dataset stays as it is.
    """
    from twinstage.live.looking import serve_datasets
    from twinstage.sync.access.choices import AccessChoices

    serve_datasets(
        dataset,
        host=host,
        port=port,
        recipe=recipe,
        duration=duration,
        hosts=allow_host or (),
        access=AccessChoices(tokens, tls_cert, tls_key, insecure_no_auth, insecure_no_tls),
        on_ready=lambda url: print(f"showing {dataset} at {url}  (Ctrl-C ends it)", flush=True),
    )
