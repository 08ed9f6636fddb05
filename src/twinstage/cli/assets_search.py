"""`twinstage assets search`: find assets again."""

import os
from pathlib import Path
from typing import Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import AssetRoots, Json, print_json, progress

Words = Annotated[
    list[str] | None,
    typer.Argument(help="Words and facts, as in: pump tag:fluid triangles<5000", show_default=False),
]
Library = Annotated[
    list[Path] | None,
    typer.Option(
        "--library",
        help="A folder of USD files; give it once for each. The bundled set, if none is given.",
        show_default=False,
    ),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Most assets shown.")]
Remember = Annotated[
    Path | None,
    typer.Option(
        "--remember", help="Keep what was read in this file, and read only what changed.", show_default=False
    ),
]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Files read at a time.")]


def search(
    words: Words = None,
    library: Library = None,
    limit: Limit = 50,
    remember: Remember = None,
    workers: Workers = max(1, min(4, os.cpu_count() or 1)),
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Find USD assets in folders: by words, and by what they are.

    [bold]twinstage assets search pump[/bold]
    [bold]twinstage assets search --library assets label:robot "triangles<20k" -is:unlicensed[/bold]

    Words are looked for in title, tags, labels, path and text. tag: label: license: kind: variant: library: path: look in one
    field; triangles, size and height (m), bytes, materials, joints and used take < and >; is:animated, is:broken,
    is:unlabelled, is:unlicensed and is:duplicate ask for what they say. A minus before a term turns it round. One asset alone
    is told in full.
    """
    from twinstage.assets.catalogue.query import find, parse
    from twinstage.assets.catalogue.scan import scan
    from twinstage.assets.catalogue.text import listed, told
    from twinstage.assets.library import bundled

    query = " ".join(words or ())
    parse(query)  # before minutes of reading
    folders = list(library or ()) or [bundled("starter"), bundled("workcell")]
    same = [
        folder
        for k, folder in enumerate(folders)
        if folder.absolute().name in {f.absolute().name for f in folders[:k]}
    ]
    if same:
        raise UserError(
            f"--library {same[0]}: another library has the same folder name; assets are told apart by it"
        )
    with progress("files") as tell:
        entries = scan(folders, roots=tuple(asset_root or ()), remember=remember, workers=workers, tell=tell)
    found = find(entries, query)
    if json_:
        print_json({"total": len(found), "assets": [entry.as_dict() for entry in found[:limit]]})
    elif len(found) == 1:
        print(told(found[0]))
    else:
        print(listed(found[:limit], len(found)))
