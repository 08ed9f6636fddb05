"""`twinstage synth report`: what a dataset holds, on one page."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where the page goes; DATASET-report.html if you name none."),
    ] = None,
) -> None:
    """Write report.html of a dataset anew, with a fresh verdict; the dataset itself stays as it is."""
    from twinstage.synth.report import write_report

    path, right = write_report(dataset, out)
    print(path)
    if not right:
        raise typer.Exit(1)
