"""Puts the commands together and turns errors into one sentence and an exit code."""

import io
import sys
import traceback
from collections.abc import Sequence

import typer

from twinstage import __version__
from twinstage.base.errors import TwinstageError, UserError
from twinstage.base.terminal import printable
from twinstage.cli import (
    alarms,
    assets,
    bind,
    demo,
    doctor,
    edits,
    export,
    open,
    openapi,
    record,
    relay,
    render,
    serve,
    synth,
    telemetry,
    token,
    top,
)

STOPPED = 130
"""Exit code of a command that Ctrl-C or SIGTERM ended."""

app = typer.Typer(
    name="twinstage",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "Keeps a USD scene in step with a live plant, shows it in any number of browsers, and turns the same scene "
        "into labelled training data.\n\nStart with [bold]twinstage demo[/bold]."
    ),
)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("relay")(relay.relay)
app.command("top")(top.top)
app.command("record")(record.record)
app.command("open")(open.open_)
app.command("export")(export.export)
app.command("doctor")(doctor.doctor)
app.command("render")(render.render)
app.command("openapi")(openapi.openapi)
app.add_typer(synth.app, name="synth")
app.add_typer(assets.app, name="assets")
app.add_typer(bind.app, name="bind")
app.add_typer(alarms.app, name="alarms")
app.add_typer(edits.app, name="edits")
app.add_typer(telemetry.app, name="telemetry")
app.add_typer(token.app, name="token")


def _version(value: bool) -> None:
    if value:
        print(f"twinstage {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    """Options of all commands."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code and never raises for a user's mistake."""
    command = typer.main.get_command(app)
    try:
        _check_names(arguments)
        code = command.main(args=list(arguments), prog_name="twinstage", standalone_mode=False)
        if code == STOPPED:  # click swallows Ctrl-C and returns its number
            print("twinstage: stopped", file=sys.stderr)
        return int(code or 0)
    except TwinstageError as error:
        print(printable(f"twinstage: {error}"), file=sys.stderr)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        print("twinstage: stopped", file=sys.stderr)
        return STOPPED
    except typer.Exit as leave:
        return int(leave.exit_code)
    except Exception as error:
        show = getattr(error, "show", None)  # a click usage error knows how to print itself
        if callable(show):
            show()
            return int(getattr(error, "exit_code", 2))
        traceback.print_exc()
        print(
            f"twinstage: this is a defect of Twinstage ({type(error).__name__}); the lines above say where.",
            file=sys.stderr,
        )
        return 3


def _check_names(arguments: Sequence[str]) -> None:
    """UserError where an argument is no text: USD, JSON and YAML could not say such a name again."""
    for argument in arguments:
        if not argument.isascii() and any("\ud800" <= letter <= "\udfff" for letter in argument):
            raise UserError(f"{argument!r} is not UTF-8, which all names have to be; rename it")


def main() -> None:
    """The `twinstage` command."""
    for stream in (sys.stdout, sys.stderr):  # names of files may hold bytes that no terminal's encoding has
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # A child of ours that was started with spawn imports this module again; it never gets here.
    sys.exit(run(sys.argv[1:]))
