"""Flags and print-outs that several commands share."""

import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.base.terminal import printable

if TYPE_CHECKING:
    from twinstage.live.remote import Caller

AssetRoots = Annotated[
    list[Path] | None,
    typer.Option(
        "--asset-root",
        help="A folder that the stage may reach beside its own; give it once for each folder.",
        show_default=False,
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        help="Start from this moment of the recording that the recipe's state names: a date and time, or seconds.",
        show_default=False,
    ),
]
Variants = Annotated[
    list[str] | None,
    typer.Option(
        "--variant",
        help="Choose a variant, as in '/World/Rack{size}=tall'; give it once for each set.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
Server = Annotated[
    str, typer.Option("--server", help="Address of the running server.", envvar="TWINSTAGE_SERVER")
]
Tokens = Annotated[
    Path | None,
    typer.Option(
        "--tokens",
        help="Let in only who has a token of this file (`twinstage token create` makes one).",
        show_default=False,
    ),
]
TlsCert = Annotated[
    Path | None,
    typer.Option("--tls-cert", help="Serve over TLS with this certificate (PEM).", show_default=False),
]
TlsKey = Annotated[
    Path | None, typer.Option("--tls-key", help="Private key of the certificate (PEM).", show_default=False)
]
NoAuth = Annotated[
    bool,
    typer.Option(
        "--insecure-no-auth", help="Serve other machines without tokens: anybody may change this twin."
    ),
]
Duration = Annotated[
    float | None,
    typer.Option("--duration", min=0, help="Stop after that many seconds; without it, at Ctrl-C."),
]
NoTls = Annotated[
    bool,
    typer.Option(
        "--insecure-no-tls",
        help="Serve other machines without TLS: anybody on the way may read and change everything.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help="File that holds your token for the server; without it, the environment's TWINSTAGE_TOKEN.",
        show_default=False,
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        help="Certificate (PEM) that vouches for the server's, where the system does not know it.",
        show_default=False,
        envvar="TWINSTAGE_CA_FILE",
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        help="A name by which browsers may ask for this server, besides localhost and IP addresses.",
        show_default=False,
    ),
]
AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-origin",
        help="Pages of this origin may use the server, too, as in https://panel.example.com; give it once for each.",
        show_default=False,
    ),
]
AllowEmbed = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-embed",
        help="Pages of this origin may show the twin in a frame (docs/embedding.md), as in https://panel.example.com; give it "
        "once for each.",
        show_default=False,
    ),
]
MaxClients = Annotated[
    int | None,
    typer.Option(
        "--max-clients",
        min=1,
        max=100_000,
        help="Viewers at one time; 500 if you say nothing.",
        show_default=False,
    ),
]
MaxClientsPerAddress = Annotated[
    int | None,
    typer.Option(
        "--max-clients-per-address",
        min=1,
        max=100_000,
        help="Viewers of one address at one time; 64 if you say nothing.",
        show_default=False,
    ),
]
Subject = Annotated[str, typer.Option("--publish-subject", help="First part of the twin's NATS subjects.")]
NatsCredentials = Annotated[
    str | None,
    typer.Option(
        "--nats-credentials",
        help="env:NAME or file:PATH that holds a token, USER:PASSWORD, or NATS credentials.",
        show_default=False,
    ),
]
NatsCa = Annotated[
    Path | None,
    typer.Option(
        "--nats-ca-file",
        help="Certificate (PEM) that vouches for the one of NATS, where the system does not know it.",
        show_default=False,
    ),
]
InsecureNats = Annotated[
    bool,
    typer.Option("--insecure-nats", help="Use NATS on another machine without TLS or without credentials."),
]
HERE = "http://127.0.0.1:8000"
"""Where a twin is served unless it is told otherwise."""
Host = Annotated[
    str, typer.Option("--host", help="Address to listen on. Only this machine, unless you say otherwise.")
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")]


def caller(token_file: Path | None, ca_file: Path | None) -> "Caller":
    """Who asks a server, by what the flags and the environment say."""
    import os

    from twinstage.live.remote import Caller

    if token_file is not None:
        return Caller(f"file:{token_file}", ca_file)
    return Caller("env:TWINSTAGE_TOKEN" if os.environ.get("TWINSTAGE_TOKEN") else None, ca_file)


def variant_choices(texts: list[str] | None) -> tuple[tuple[str, str], ...]:
    """('/Prim{set}', variant) pairs. Raises UserError for a text of another form."""
    pairs = []
    for text in texts or ():
        target, equals, name = text.rpartition("=")
        if not equals or not target or not name:
            raise UserError(f"--variant {text!r} is not of the form '/Prim{{set}}=variant'")
        pairs.append((target, name))
    return tuple(pairs)


def new_file(path: Path | None, option: str) -> Path | None:
    """That path, if nothing is there yet."""
    if path is not None and path.exists():
        raise UserError(f"{option} {path} exists already; choose another name or delete it")
    return path


def write_text(path: Path, text: str) -> None:
    """A new file, with its folders."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


def print_or_write(text: str, out: Path | None) -> None:
    """The text on standard output, or in a file, whose name is printed. Raises UserError where it cannot be written."""
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from None
    print(out)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, indent=2, sort_keys=True, default=str))


def print_notes(findings: Sequence[Finding | str], where: str, *, most: int = 5) -> None:
    """The first few findings, one line each, and where the others are listed."""
    for finding in findings[:most]:
        print(printable(f"note: {finding}"), flush=True)
    if len(findings) > most:
        print(f"note: and {len(findings) - most} more; {where} lists them", flush=True)


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with rate and time left; yields `update(done, total)`.

    It writes to standard error, so that standard output stays a result that a program can read, and only where that is a
    terminal.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed or 0.0:.1f}/s")

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console)
    task = bar.add_task(label, total=None)

    def update(done: int, total: int) -> None:
        bar.start()  # at the first sign of work: a mistake that is found before leaves one sentence and no bar
        bar.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()


@contextmanager
def sigterm_stops() -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does: workers finish their frames and leave, and no half-written file stays."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
