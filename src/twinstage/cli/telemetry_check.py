"""`twinstage telemetry check`: what a source sends is compared with what it used to send."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import Json, print_json


def check(
    file: Annotated[Path, typer.Argument(help="The log to look at.", show_default=False)],
    contract: Annotated[
        Path, typer.Option("--contract", help="The contract that describes its source.", show_default=False)
    ],
    source: Annotated[
        str | None,
        typer.Option("--source", help="Which source of the contract, if it has several.", show_default=False),
    ] = None,
    clean: Annotated[
        Path | None,
        typer.Option(
            "--clean",
            help="A log of the same source that is known to be right; without one, the beginning of FILE is.",
            show_default=False,
        ),
    ] = None,
    learn: Annotated[
        int | None,
        typer.Option(
            "--learn",
            min=32,
            help="How many rows of FILE are its beginning; a tenth of them, at least 200, if you do not say.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Name schema drift: new, missing and retyped fields, a changed cadence, a changed unit. Exit code 1 if there is any."""
    from twinstage.telemetry.contract import load_contract
    from twinstage.telemetry.drift.check import check_drift, source_of

    spec = load_contract(contract)
    checked = check_drift(spec, source_of(spec, source), file, clean=clean, learn=learn)
    if json:
        print_json(checked.as_dict())
    else:
        for drift in checked.drifts:
            print(f"{file}:{drift.line}: {drift}")
        against = str(clean) if clean is not None else f"its first {checked.learned} rows"
        print(f"{checked.rows} rows compared with {against}: {_counted(len(checked.drifts))}")
    if checked.drifts:
        raise typer.Exit(1)


def _counted(count: int) -> str:
    return {0: "no drift", 1: "1 change"}.get(count, f"{count} changes")
