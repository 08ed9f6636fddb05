"""`twinstage assets search`: find assets again."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import AssetRoots, Json, print_json, progress

if TYPE_CHECKING:
    from twinstage.assets.catalogue.entry import Entry

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
UsedIn = Annotated[
    list[Path] | None,
    typer.Option(
        "--used-in",
        help="Only what this stage refers to, and by which prims; give it once for each stage.",
        show_default=False,
    ),
]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Files read at a time.")]


def search(
    words: Words = None,
    library: Library = None,
    limit: Limit = 50,
    used_in: UsedIn = None,
    remember: Remember = None,
    workers: Workers = max(1, min(4, os.cpu_count() or 1)),
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Find USD assets in folders: by words, and by what they are.

    [bold]twinstage assets search pump[/bold]
    [bold]twinstage assets search --library assets label:robot "triangles<20k" -is:unlicensed[/bold]
    [bold]twinstage assets search --library assets --used-in cell.usda[/bold]

    Words are looked for in title, tags, labels, path and text. tag: label: license: kind: variant: library: path: look in one
    field; triangles, size and height (m), bytes, materials, joints and used take < and >; is:animated, is:broken,
    is:unlabelled, is:unlicensed and is:duplicate ask for what they say. A minus before a term turns it round. One asset alone
    is told in full.
    """
    from twinstage.assets.catalogue.query import find, parse
    from twinstage.assets.catalogue.scan import scan
    from twinstage.assets.catalogue.text import listed, told

    query = " ".join(words or ())
    parse(query)  # before minutes of reading
    folders, roots = libraries(library), tuple(asset_root or ())
    with progress("files") as tell:
        entries = scan(folders, roots=roots, remember=remember, workers=workers, tell=tell)
    uses = _uses(used_in or (), entries, folders, roots)
    found = find([entry for entry in entries if not used_in or entry.asset in uses], query)
    if json_:
        rows = [
            {**entry.as_dict(), **({"used_in": uses[entry.asset]} if used_in else {})}
            for entry in found[:limit]
        ]
        print_json({"total": len(found), "assets": rows})
    elif len(found) == 1:
        print(told(found[0], uses.get(found[0].asset, {})))
    else:
        print(listed(found[:limit], len(found), uses))


def libraries(given: Sequence[Path] | None) -> list[Path]:
    """The folders of `--library`, or the bundled ones. UserError where two have one name: assets are told apart by it."""
    from twinstage.assets.library import bundled

    folders = list(given or ()) or [bundled("starter"), bundled("workcell")]
    names = [folder.absolute().name for folder in folders]
    for k, folder in enumerate(folders):
        if names[k] in names[:k]:
            raise UserError(
                f"--library {folder}: another library has the same folder name; assets are told apart by it"
            )
    return folders


def _uses(
    stages: Sequence[Path], entries: "Sequence[Entry]", folders: Sequence[Path], roots: Sequence[Path]
) -> dict[str, dict[str, list[str]]]:
    """By asset and stage: the prims that refer to it."""
    if not stages:
        return {}
    from twinstage.assets.catalogue.usage import uses_in
    from twinstage.scene.safe.examiner import Examiner

    where = {folder.absolute().name: folder for folder in folders}
    files = {(where[entry.library] / entry.id).resolve(): entry.asset for entry in entries}
    out: dict[str, dict[str, list[str]]] = {}
    with Examiner() as child:
        for stage in stages:
            for file, use in uses_in(stage, (*folders, *roots), child).items():
                if file in files:
                    out.setdefault(files[file], {})[str(stage)] = list(use.prims)
    return out
