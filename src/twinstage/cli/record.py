"""`twinstage record`: a running twin into one file."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import HERE, CaFile, Json, TokenFile, caller, print_json, print_notes


def record(
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="The file to write: .twinrec (or .mcap, which it is).", show_default=False
        ),
    ],
    server: Annotated[
        str, typer.Argument(help="Address of the running server.", envvar="TWINSTAGE_SERVER")
    ] = HERE,
    duration: Annotated[
        float | None,
        typer.Option(
            "--duration", min=0, help="Seconds to record; without it, until Ctrl-C.", show_default=False
        ),
    ] = None,
    keyframes: Annotated[
        float, typer.Option("--keyframes", min=0.1, max=600, help="Seconds between two points to jump to.")
    ] = 2.0,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.1, help="Ticks a second at most.", show_default=False)
    ] = None,
    stage: Annotated[
        bool, typer.Option("--stage/--no-stage", help="Keep the stage as a USD package, too.")
    ] = True,
    history: Annotated[
        bool,
        typer.Option(
            "--history/--no-history", help="Keep the readings of that time, where the twin has a history."
        ),
    ] = True,
    max_mb: Annotated[
        int, typer.Option("--max-mb", min=1, help="End when the file is this large [MiB].")
    ] = 16384,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    json_: Json = False,
) -> None:
    """Record a twin that is being served into one file: its scene, its files, and everything that moves.

    [bold]twinstage record http://127.0.0.1:8000 --out shift.twinrec --duration 60[/bold]

    [bold]twinstage open shift.twinrec[/bold] plays it anywhere. If this is killed, what was written by then can be opened.
    """
    from twinstage.live.recording.remote import RecordChoices, record

    me = caller(token_file, ca_file)
    choices = RecordChoices(duration, keyframes, rate, stage, max_mb << 20, force, history)

    def started() -> None:
        if not json_:
            print(f"recording {server} into {out}", flush=True)

    done = record(server, out, choices, token=me.token, ca_file=me.ca_file, on_start=started)
    if json_:
        print_json(
            {
                "file": done.path,
                "seconds": done.seconds,
                "ticks": done.ticks,
                "bytes": done.bytes,
                "notes": done.notes,
            }
        )
        return
    print_notes(done.notes, "--json")
    print(f"{done.path}: {done.seconds:.1f} s, {done.ticks} ticks, {done.bytes / 1024:.1f} kB")
