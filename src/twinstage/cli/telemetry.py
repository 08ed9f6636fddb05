"""`twinstage telemetry ...`: recordings and quarantined lines, without a running twin."""

import typer

from twinstage.cli.telemetry_assets import assets
from twinstage.cli.telemetry_check import check
from twinstage.cli.telemetry_dtdl import dtdl
from twinstage.cli.telemetry_ingest import ingest
from twinstage.cli.telemetry_schema import schema

app = typer.Typer(
    name="telemetry",
    no_args_is_help=True,
    help="Read recordings as a contract says; see what came in, what was refused, and why.",
    rich_markup_mode="rich",
)
for _command in (ingest, check, dtdl, assets, schema):
    app.command()(_command)
