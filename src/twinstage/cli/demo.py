"""`twinstage demo`: the whole flow on the bundled work cell."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import AllowEmbed, Host, NoAuth, NoTls, Port, TlsCert, TlsKey, Tokens


def demo(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    out: Annotated[Path, typer.Option("--out", help="Folder of the labelled dataset.")] = Path("out/demo"),
    duration: Annotated[
        float | None,
        typer.Option(
            "--duration",
            min=0,
            help="Serve for that many seconds; without it, until Ctrl-C.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Go on serving after the dataset is written (until Ctrl-C)."),
    ] = True,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the plant and of the dataset.")] = 0,
    tokens: Tokens = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure_no_auth: NoAuth = False,
    insecure_no_tls: NoTls = False,
    allow_embed: AllowEmbed = None,
) -> None:
    """A live work cell at http://127.0.0.1:8000 and, from the same scene, a labelled dataset.

    A small deterministic plant sends telemetry through the same door as any source. Meanwhile twelve labelled images are
    written to [bold]out/demo[/bold]; look at [bold]contact_sheet.png[/bold] there.
    """
    from twinstage.live.demo import run_demo
    from twinstage.sync.access.choices import AccessChoices

    access = AccessChoices(
        tokens, tls_cert, tls_key, insecure_no_auth, insecure_no_tls, embed=tuple(allow_embed or ())
    )
    run_demo(host=host, port=port, out=out, duration=duration, wait=wait, seed=seed, access=access)
