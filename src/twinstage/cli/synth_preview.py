"""`twinstage synth preview`: a recipe in the browser, before a dataset is made of it."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import AllowHost, Duration, Host, NoAuth, NoTls, Port, TlsCert, TlsKey, Tokens


def preview(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File that other ranges are saved to: a recipe that builds upon this one, in the same folder.",
            show_default=False,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a recipe field: --set engine.spp=64", show_default=False),
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
    """Try the ranges of a recipe in the browser: what is drawn, and frames as the dataset will have them.

    [bold]twinstage synth preview recipe.yaml --out brighter.yaml[/bold]
    """
    from twinstage.live.looking import serve_preview
    from twinstage.sync.access.choices import AccessChoices

    serve_preview(
        recipe,
        host=host,
        port=port,
        overrides=tuple(set_ or ()),
        out=out,
        duration=duration,
        hosts=allow_host or (),
        access=AccessChoices(tokens, tls_cert, tls_key, insecure_no_auth, insecure_no_tls),
        on_ready=lambda url: print(f"trying {recipe} at {url}  (Ctrl-C ends it)", flush=True),
    )
