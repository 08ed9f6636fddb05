"""`twinstage alarms`: the alarms of a twin that is being served: who they are, what happened, and what operators do."""

import getpass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from twinstage.base.errors import UserError
from twinstage.base.terminal import printable
from twinstage.cli.common import HERE, CaFile, Json, Server, TokenFile, caller, print_json

if TYPE_CHECKING:
    from twinstage.live.remote import Caller

app = typer.Typer(
    no_args_is_help=True,
    help="The alarms of a twin that `twinstage serve` or `twinstage demo` is running.",
)

By = Annotated[
    str | None,
    typer.Option("--by", help="Who does it; without it, the name of this user.", show_default=False),
]
Comment = Annotated[str, typer.Option("--comment", help="Why, for the journal.")]
Alarms = Annotated[list[str], typer.Argument(help="Ids of the alarms.", show_default=False)]


@app.command("list")
def list_alarms(
    every: Annotated[
        bool, typer.Option("--all", help="All alarms, also those where nothing is wrong.")
    ] = False,
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Active alarms, the most urgent first: those that nobody has acknowledged, then by priority and age."""
    found = _ask(server, caller(token_file, ca_file), f"/api/alarms?{urlencode({'all': str(every).lower()})}")
    if as_json:
        print_json(found)
        return
    if found["flooded"]:
        print("note: a flood of alarms: those of low and medium priority are summed up where they are sent")
    _table(
        ("id", "priority", "state", "raised", "value", "limit", "message"),
        [
            (a["id"], a["priority"], _state(a), a["raised"] or "", _value(a), _limit(a), a["message"])
            for a in found["alarms"]
        ],
        f"no alarm is active ({found['count']} in all)",
    )


@app.command("journal")
def journal(
    alarm: Annotated[
        str | None, typer.Option("--alarm", help="Of one alarm only.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many records.")] = 50,
    before: Annotated[
        int | None, typer.Option("--before", help="Only those before this number.", show_default=False)
    ] = None,
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """What happened to alarms, the newest first."""
    asked = {"limit": limit, "before": before, "alarm": alarm}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    found = _ask(server, caller(token_file, ca_file), f"/api/alarms/journal?{query}")
    if as_json:
        print_json(found)
        return
    _table(
        ("number", "at", "alarm", "priority", "what", "value", "by", "comment"),
        [
            (
                str(r["number"]),
                r["at"],
                r["alarm"],
                r["priority"],
                r["what"],
                _value(r),
                r["by"],
                r["comment"],
            )
            for r in found["records"]
        ],
        "nothing has happened yet",
    )


@app.command("acknowledge")
def acknowledge(
    alarms: Alarms,
    by: By = None,
    comment: Comment = "",
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
) -> None:
    """Say that you have seen alarms and look after them."""
    _act(server, caller(token_file, ca_file), "acknowledge", alarms, by, comment)


@app.command("shelve")
def shelve(
    alarms: Alarms,
    minutes: Annotated[float, typer.Option("--minutes", min=0.01, max=10_080, help="How long.")],
    by: By = None,
    comment: Comment = "",
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
) -> None:
    """Silence alarms for a time, for example while somebody repairs what they tell of."""
    _act(server, caller(token_file, ca_file), "shelve", alarms, by, comment, seconds=minutes * 60)


@app.command("unshelve")
def unshelve(
    alarms: Alarms,
    by: By = None,
    comment: Comment = "",
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
) -> None:
    """End the silence of shelved alarms before its time."""
    _act(server, caller(token_file, ca_file), "unshelve", alarms, by, comment)


@app.command("out-of-service")
def out_of_service(
    alarms: Alarms,
    by: By = None,
    comment: Comment = "",
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
) -> None:
    """Take alarms out of service until they are put back."""
    _act(server, caller(token_file, ca_file), "out-of-service", alarms, by, comment)


@app.command("in-service")
def in_service(
    alarms: Alarms,
    by: By = None,
    comment: Comment = "",
    server: Server = HERE,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
) -> None:
    """Put alarms back into service."""
    _act(server, caller(token_file, ca_file), "in-service", alarms, by, comment)


def _act(
    server: str,
    me: "Caller",
    action: str,
    alarms: list[str],
    by: str | None,
    comment: str,
    seconds: float | None = None,
) -> None:
    order: dict[str, Any] = {"alarms": alarms, "by": by or getpass.getuser(), "comment": comment}
    if seconds is not None:
        order["seconds"] = seconds
    answer = _ask(server, me, f"/api/alarms/{action}", order)
    for record in answer["done"]:
        until = f" until {record['until']}" if record.get("until") else ""
        print(printable(f"{record['alarm']}: {record['what'].replace('_', ' ')}{until}"))
    if answer["refused"]:
        raise UserError("; ".join(item["reason"] for item in answer["refused"]))


def _ask(server: str, me: "Caller", path: str, body: Any = None) -> Any:
    from twinstage.live.remote import ask

    return ask(server, path, body, me)


def _state(alarm: dict[str, Any]) -> str:
    silent = [("shelvedUntil", "shelved"), ("suppressed", "suppressed"), ("outOfService", "out of service")]
    words = [word for name, word in silent if alarm[name]]
    return ", ".join(words) or str(alarm["state"])


def _value(item: dict[str, Any]) -> str:
    from twinstage.telemetry.printed import with_unit

    return "" if item["value"] is None else with_unit(f"{item['value']:.6g}", item["unit"])


def _limit(alarm: dict[str, Any]) -> str:
    if alarm["expr"]:
        return str(alarm["expr"])
    return alarm["kind"] if alarm["limit"] is None else f"{alarm['kind']} {alarm['limit']}"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]], nothing: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        print(nothing)
        return
    console = Console()
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(
            *(Text(printable(cell)) for cell in row)
        )  # as text: what a contract or an operator wrote is no markup
    if console.is_terminal:
        console.print(table)
        return
    for row in rows:  # for programs that read lines: one a record, tabs between
        print("\t".join(printable(cell).replace("\t", " ").replace("\n", " ") for cell in row))
