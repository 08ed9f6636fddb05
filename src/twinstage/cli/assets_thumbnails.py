"""`twinstage assets thumbnails`: a small picture of each asset that names none."""

import os
from pathlib import Path
from typing import Annotated

import typer

from twinstage.base.terminal import printable
from twinstage.cli.assets_search import Workers, libraries
from twinstage.cli.common import AssetRoots, Json, print_json, progress

Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache", help="Folder for the pictures; without it, the user's cache folder.", show_default=False
    ),
]
Beside = Annotated[
    bool,
    typer.Option(
        "--beside",
        help="Write them beside the assets instead, as .thumbs/256x256/FILE.png: the library changes.",
    ),
]


def thumbnails(
    library: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of USD files. The bundled set, if none is given.", show_default=False),
    ] = None,
    cache: Cache = None,
    beside: Beside = False,
    workers: Workers = max(1, min(4, os.cpu_count() or 1)),
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Draw a picture of each asset that names none, 256 x 256 pixels, kept by content outside the library.

    [bold]twinstage assets thumbnails assets[/bold]

    Assets are read and drawn in child processes with limits. What was drawn before is not drawn again, unless the asset has
    changed. Exit 1 if some could not be drawn.
    """
    from twinstage.assets.catalogue.drawing import draw_all
    from twinstage.assets.catalogue.scan import scan
    from twinstage.assets.catalogue.thumbnails import cache_folder

    folders, roots = libraries(library), tuple(asset_root or ())
    with progress("files") as tell:
        entries = scan(folders, roots=roots, workers=workers, tell=tell)
    with progress("pictures") as tell:
        done = draw_all(
            entries,
            folders,
            roots=roots,
            cache=cache or cache_folder(),
            beside=beside,
            workers=workers,
            tell=tell,
        )
    if json_:
        print_json(done.as_dict())
    else:
        print(printable(done.text()))
    if done.problems:
        raise typer.Exit(1)
