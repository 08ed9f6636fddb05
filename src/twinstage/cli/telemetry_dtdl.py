"""`twinstage telemetry dtdl`: the beginning of a contract, from a DTDL model."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import new_file, print_or_write


def dtdl(
    model: Annotated[Path, typer.Argument(help="A JSON file with DTDL interfaces.", show_default=False)],
    interface: Annotated[
        str | None,
        typer.Option("--interface", help="Which interface, if the file has several.", show_default=False),
    ] = None,
    prefix: Annotated[str, typer.Option("--prefix", help="Put before every signal's id.")] = "",
    source: Annotated[str, typer.Option("--source", help="Name of the source.")] = "twin",
    uri: Annotated[str, typer.Option("--uri", help="Where its JSON lines come from.")] = "tcp:9000",
    out: Annotated[
        Path | None, typer.Option("--out", help="A new file, instead of printing.", show_default=False)
    ] = None,
) -> None:
    """Draft a contract from a DTDL v3 model: telemetry, properties, components, what is inherited, and units.

    What a contract has no place for is told, a line each, on standard error.
    """
    from twinstage.telemetry.dtdl.draft import draft_contract
    from twinstage.telemetry.dtdl.model import read_models

    new_file(out, "--out")
    models = read_models(model)
    text, notes = draft_contract(models.flat(models.root(interface)), source=source, uri=uri, prefix=prefix)
    for note in notes:
        print(f"left out: {note}" if not note.startswith("'") else f"note: {note}", file=sys.stderr)
    print_or_write(text, out)
