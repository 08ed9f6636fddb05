"""`twinstage synth convert`: a finished dataset in another format."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import Json, print_json


def convert(
    dataset: Annotated[Path, typer.Argument(help="Folder of a finished dataset.", show_default=False)],
    to: Annotated[str, typer.Option("--to", help="coco, yolo, kitti or bop.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="A new or empty folder; DATASET-FORMAT if you name none.", show_default=False
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the format: --set task=segment", show_default=False),
    ] = None,
    json_: Json = False,
) -> None:
    """Write a finished dataset in another format.

    The dataset stays as it is. Pictures are linked where the file system can. What the format cannot say is counted.
    """
    from twinstage.synth.convert import convert as run

    done = run(dataset, to, out, tuple(set_ or ()))
    if json_:
        print_json(asdict(done))
        return
    print(f"{done.out}: {done.files} files")
    for what, number in done.counts.items():
        if number:
            print(f"  {what.replace('_', ' ')}: {number}")
