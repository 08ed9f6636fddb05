"""`twinstage edits`: what people changed in a twin that is being served, and the same as files for its designers."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from twinstage.base.errors import UserError
from twinstage.base.terminal import printable
from twinstage.cli.common import HERE, CaFile, Json, Server, TokenFile, caller, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="What people changed in a twin that `twinstage serve` is running (docs/commands.md).",
)


@app.command("list")
def list_edits(
    prim: Annotated[
        str | None,
        typer.Option("--prim", help="Only of paths like this: * in one part, ** across.", show_default=False),
    ] = None,
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Edits that stand: property, value, who and in which version."""
    from twinstage.live.remote import ask

    query = f"?{urlencode({'prim': prim})}" if prim else ""
    found = ask(server, f"/api/v1/edits{query}", None, caller(token_file, ca_file))
    if as_json:
        print_json(found)
        return
    print(f"version {found['version']}, {found['total']} edit{'s' * (found['total'] != 1)}")
    for edit in found["edits"]:
        where = f"{edit['path']} " if edit["path"] else ""
        line = f"{edit['version']:>6}  {edit['author']:<16} {where}{edit['property']} = {edit['value']}"
        print(printable(line))


@app.command("journal")
def journal(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many transactions.")] = 50,
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """The last transactions, the newest first."""
    from twinstage.live.remote import ask

    found = ask(server, f"/api/v1/edits/journal?limit={limit}", None, caller(token_file, ca_file))
    if as_json:
        print_json(found)
        return
    for one in found["transactions"]:
        of = "" if one["of"] is None else f" of {one['of']}"
        changed = ", ".join(f"{c['path']} {c['property']}".strip() for c in one["changes"][:3])
        more = f" and {len(one['changes']) - 3} more" if len(one["changes"]) > 3 else ""
        line = f"{one['version']:>6}  {one['at']}  {one['author']:<16} {one['did']}{of}: {changed}{more}"
        print(printable(line))


@app.command("export")
def export(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A .usda file for what was changed on the stage.", show_default=False),
    ] = None,
    bindings: Annotated[
        Path | None,
        typer.Option(
            "--bindings", help="A .yaml file for the bindings, changes included.", show_default=False
        ),
    ] = None,
    who: Annotated[
        bool, typer.Option("--who", help="Say in the layer who edited each prim last, and when.")
    ] = False,
    library: Annotated[
        list[Path] | None,
        typer.Option(
            "--library",
            help="Where a library of placed assets lies here; by default it is beside the layer. Give it once for each.",
            show_default=False,
        ),
    ] = None,
    copy_assets: Annotated[
        bool,
        typer.Option("--copy-assets", help="Copy the files of placed assets beside the layer, too."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
) -> None:
    """Write the edits as a small USD layer that a designer can review, and the bindings as a file."""
    from twinstage.live.edit_files import check_replaced, layer_for, lost_assets, unpack_assets
    from twinstage.live.remote import fetch
    from twinstage.scene.export.target import Target

    wanted = [
        (path, ending, route)
        for path, ending, route in (
            (out, ".usda", f"/api/v1/edits/layer.usda{'?who=true' if who else ''}"),
            (bindings, ".yaml", "/api/v1/edits/bindings.yaml"),
        )
        if path is not None
    ]
    if not wanted:
        raise UserError("say where to: --out edits.usda, --bindings bindings.yaml, or both")
    for path, ending, _ in wanted:
        if path.suffix != ending:
            raise UserError(f"{path} must end in {ending}")
        if path.exists() and not force:
            raise UserError(f"{path} is already there; --force replaces it")
    if out is not None:
        check_replaced(out)
    if copy_assets and (out is None or library):
        raise UserError("--copy-assets copies beside the layer: give --out, and no --library")
    who_asks = caller(token_file, ca_file)
    fetched = [(path, fetch(server, route, None, who_asks)) for path, _, route in wanted]
    if out is not None:
        layer, assets = layer_for(fetched[0][1], out, library or ())
        if copy_assets and assets:
            zipped = fetch(server, "/api/v1/edits/assets.zip", None, who_asks)
            made = unpack_assets(zipped, out.absolute().parent, assets, force=force)
            print(f"{len(made)} files of placed assets beside it")
        fetched[0] = out, layer.encode()
        for asset in lost_assets(assets, out, library or ()):
            print(
                f"note: {asset} is not there; put its library beside {out.name}, or give --library or --copy-assets"
            )
    for path, data in fetched:
        Target(path, force).write(data)
        print(path)
