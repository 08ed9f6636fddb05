"""`twinstage synth merge`: shards into one dataset."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import Json, print_json, sigterm_stops


def merge(
    parts: Annotated[list[Path], typer.Argument(help="Folders of finished shards.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder of the whole; a new one.", show_default=False)],
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Recompute every number of the whole.")
    ] = True,
    json_: Json = False,
) -> None:
    """Merge the shards of one run, in any order, into the dataset that a single run would have made."""
    from twinstage.cli.synth import fail_if_wrong, print_generated
    from twinstage.synth.merge import merge as run

    with sigterm_stops():
        done = run(parts, out, judged=verify)
    if json_:
        print_json(asdict(done))
    else:
        print_generated(done)
        if done.frames < done.of:
            print(f"{done.of - done.frames} of {done.of} frames are in shards that were not given")
    fail_if_wrong(done)
