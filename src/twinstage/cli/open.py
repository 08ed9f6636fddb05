"""`twinstage open`: plays a recording."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.cli.common import AllowEmbed, Duration, Host, NoAuth, NoTls, Port, TlsCert, TlsKey, Tokens

if TYPE_CHECKING:
    from twinstage.live.recording.opened import OpenedRecording


def open_(
    file: Annotated[
        Path, typer.Argument(help="The recording (.twinrec, or .mcap made of one).", show_default=False)
    ],
    host: Host = "127.0.0.1",
    port: Port = 8000,
    speed: Annotated[
        float, typer.Option("--speed", min=0.01, max=100, help="Play this many times as fast.")
    ] = 1.0,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="Begin there: a date and time with its zone, or seconds from the beginning.",
            show_default=False,
        ),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end.")] = False,
    paused: Annotated[bool, typer.Option("--paused", help="Stand still until somebody plays it.")] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", help="A name by which browsers may ask for this server.", show_default=False
        ),
    ] = None,
    tokens: Tokens = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure_no_auth: NoAuth = False,
    insecure_no_tls: NoTls = False,
    allow_embed: AllowEmbed = None,
    duration: Duration = None,
) -> None:
    """Play a recording in the browser, with no other file: as the twin was.

    [bold]twinstage open shift.twinrec --at 30 --speed 4[/bold]

    Pause, jump and speed: POST /api/v1/playback.
    """
    from twinstage.live.recording.opened import PlayChoices, serve_recording
    from twinstage.sync.access.choices import AccessChoices

    def ready(url: str, opened: "OpenedRecording") -> None:
        archive = opened.archive
        cut = "" if archive.whole else f", cut off at its end ({archive.mcap.lost} bytes are lost)"
        print(f"{file}: {archive.seconds:.1f} s{cut}", flush=True)
        print(f"Open {url} in a browser. Ctrl-C stops.", flush=True)

    serve_recording(
        file,
        PlayChoices(speed, loop, paused, at),
        host=host,
        port=port,
        duration=duration,
        hosts=allow_host or (),
        access=AccessChoices(
            tokens, tls_cert, tls_key, insecure_no_auth, insecure_no_tls, embed=tuple(allow_embed or ())
        ),
        on_ready=ready,
    )
