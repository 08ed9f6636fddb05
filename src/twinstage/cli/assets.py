"""`twinstage assets ...`: findings about USD files."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import AssetRoots, Json, print_json

app = typer.Typer(
    name="assets", no_args_is_help=True, help="Check the USD files of designers.", rich_markup_mode="rich"
)


@app.callback()
def _group() -> None:
    """Keeps `check` a command of its own while it is the only one."""


@app.command()
def check(
    stage: Annotated[Path, typer.Argument(help="The USD file.", show_default=False)],
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="A recipe, or a YAML file `class: [label, ...]`, to check labels by.",
            show_default=False,
        ),
    ] = None,
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """List what is wrong or doubtful in a USD file; exit 1 if something is wrong.

    The file is opened in a child process with a time limit, so a hostile one does no harm.
    """
    from dataclasses import asdict

    from twinstage.assets.check import check_stage
    from twinstage.assets.label_map import read_label_map

    label_map = read_label_map(labels) if labels else None
    findings = check_stage(stage, asset_roots=tuple(asset_root or ()), label_map=label_map)
    if json_:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            hint = f"; {finding.fix}" if finding.fix else ""
            print(f"{finding.severity:7}  {finding.path or stage}: {finding.message}{hint}  [{finding.code}]")
        errors = sum(finding.severity == "error" for finding in findings)
        print(f"{stage}: {errors} errors, {len(findings) - errors} others")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)
