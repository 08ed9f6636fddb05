"""`twinstage assets ...`: findings about USD files, and their labels."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from twinstage.base.errors import UserError
from twinstage.cli.assets_check import check
from twinstage.cli.assets_coverage import coverage
from twinstage.cli.assets_import import import_
from twinstage.cli.assets_search import search
from twinstage.cli.assets_thumbnails import thumbnails
from twinstage.cli.common import AssetRoots, Json, print_json

Out = Annotated[
    Path,
    typer.Option(
        "--out", help="The layer to write, a .usda file that does not exist yet.", show_default=False
    ),
]

app = typer.Typer(
    name="assets",
    no_args_is_help=True,
    help="Import models, check and label the USD files of designers.",
    rich_markup_mode="rich",
)
app.command("import")(import_)


app.command()(check)
app.command()(coverage)
app.command(context_settings={"ignore_unknown_options": True})(search)  # `-tag:old` is a term
app.command()(thumbnails)


@app.command("upgrade-labels")
def upgrade_labels(
    stage: Annotated[Path, typer.Argument(help="The USD file.", show_default=False)],
    out: Out,
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Turn labels of the older SemanticsAPI into UsdSemantics, in a layer over the file.

    The file itself is never written. The layer has it as a sublayer and adds SemanticsLabelsAPI to each prim that carries
    an older label. Exit 1 if labels are left that a layer cannot reach, because they lie inside native instances.
    """
    from twinstage.assets.label_upgrade import upgrade_labels as upgrade
    from twinstage.scene.stage import open_stage

    opened = open_stage(stage, tuple(asset_root or ()))  # its screened layers live as long as it does
    done = upgrade(opened.stage, out)
    if json_:
        print_json({"labels": done.labels, "prims": done.prims, "out": str(out) if done.prims else None})
    elif done.prims:
        print(f"{out}: {_amount(done.labels, done.prims)} upgraded; {_how_to_open(stage, out)}")
    else:
        print(f"{stage}: no older label was found, so nothing was written")


@app.command()
def label(
    stage: Annotated[Path, typer.Argument(help="The USD file.", show_default=False)],
    out: Out,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="PATTERN=LABEL, as in '/World/Rack_*=rack'; * stays within a name, ** spans any number of names. "
            "Give it once for each rule; later rules win.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", help="A table with the columns path, label and, if wanted, taxonomy.", show_default=False
        ),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Ask for a label of each drawn object that has none.")
    ] = False,
    taxonomy: Annotated[str, typer.Option("--taxonomy", help="Where no table says otherwise.")] = "class",
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Label prims by pattern, from a table, or by question and answer; writes a small layer over the file.

    The file itself is never written: the layer has it as a sublayer and holds one `over` for each labelled prim, so that it
    can be read and merged by the designers.
    """
    from twinstage.assets.label_assign import assign, read_rules, rule_of
    from twinstage.assets.label_layer import checked_out, write_layer
    from twinstage.scene.stage import open_stage

    if not (rules or csv or interactive):
        raise UserError("nothing says what to label: give --set PATTERN=LABEL, --csv FILE or --interactive")
    wanted = [*(read_rules(csv, taxonomy) if csv else ()), *(rule_of(text, taxonomy) for text in rules or ())]
    opened = open_stage(stage, tuple(asset_root or ()))  # its screened layers live as long as it does
    target = checked_out(out, opened.stage)
    assignments = assign(opened.stage, wanted)
    if interactive:
        assignments += _ask(opened.stage, taxonomy, {item.path for item in assignments})
    if assignments:
        write_layer(opened.stage, target, assignments)
    prims = len({item.path for item in assignments})
    if json_:
        rows = [{"path": a.path, "taxonomy": a.taxonomy, "labels": list(a.labels)} for a in assignments]
        print_json({"prims": prims, "out": str(out) if prims else None, "labels": rows})
    elif prims:
        print(f"{out}: {_amount(len(assignments), prims)}; {_how_to_open(stage, out)}")
    else:
        print("no label was given, so nothing was written")


def _amount(labels: int, prims: int) -> str:
    return f"{labels} label{'s' * (labels != 1)} on {prims} prim{'s' * (prims != 1)}"


def _how_to_open(stage: Path, out: Path) -> str:
    """What to do with a layer of labels; a stage reaches files below its own folder only."""
    home = stage.absolute().parent
    below = home.is_relative_to(out.absolute().parent)
    return f"open it instead of {stage}" + ("" if below else f", with --asset-root {home}")


def _ask(stage: Any, taxonomy: str, done: set[str]) -> list[Any]:
    """The dialogue on this terminal or pipe; what was labelled before is not asked again."""
    from rich.console import Console
    from rich.table import Table

    from twinstage.assets.label_prompt import HELP, Dialogue, unlabelled
    from twinstage.assets.label_scene import read_label_scene
    from twinstage.scene.labels import LabelPolicy

    scene = read_label_scene(stage, LabelPolicy(taxonomies=(taxonomy,)))
    dialogue = Dialogue([row for row in unlabelled(scene) if not done.issuperset(row.paths)], taxonomy)
    console = Console(stderr=True)
    if not dialogue.rows:
        console.print("every drawn object has a label")
        return []
    table = Table(title="Without a label")
    for name in ("#", "prims", "how many", "shapes", "triangles", "suggestion"):
        table.add_column(
            name, overflow="fold", justify="left" if name in ("prims", "suggestion") else "right"
        )
    for number, row in enumerate(dialogue.rows, 1):
        triangles = f"{row.triangles:,}" if row.triangles else ""
        table.add_row(str(number), row.name, str(len(row.paths)), str(row.shapes), triangles, row.suggestion)
    console.print(table)
    console.print(f"answer with {HELP}", markup=False)
    while not dialogue.done:
        console.print(dialogue.question, end="", markup=False, highlight=False)
        line = sys.stdin.readline()
        console.print(dialogue.answer(line if line else ":quit"), markup=False, highlight=False)
    return list(dialogue.assignments())
