"""`twinstage telemetry ...`: recordings and quarantined lines, without a running twin."""

import typer

from twinstage.cli.telemetry_archive import archive, retain
from twinstage.cli.telemetry_assets import assets
from twinstage.cli.telemetry_backfill import backfill
from twinstage.cli.telemetry_check import check
from twinstage.cli.telemetry_dtdl import dtdl
from twinstage.cli.telemetry_history import history
from twinstage.cli.telemetry_ingest import ingest
from twinstage.cli.telemetry_replay import replay
from twinstage.cli.telemetry_requeue import requeue
from twinstage.cli.telemetry_schema import schema

app = typer.Typer(
    name="telemetry",
    no_args_is_help=True,
    help="Read recordings as a contract says; see what came in, what was refused, and why.",
    rich_markup_mode="rich",
)
for _command in (ingest, requeue, check, dtdl, assets, schema):
    app.command()(_command)
for _of_history in (history, replay, backfill, archive, retain):
    app.command()(_of_history)
