"""`twinstage top`: a running twin in the terminal, as a table that renews itself."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twinstage.cli.common import Json, print_json

if TYPE_CHECKING:
    from rich.console import Group


def top(
    server: Annotated[
        str, typer.Option("--server", help="Address of the running server.", envvar="TWINSTAGE_SERVER")
    ] = "http://127.0.0.1:8000",
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 1.0,
    count: Annotated[
        int, typer.Option("--count", min=0, help="Looks to take; 0 for ever, until Ctrl-C.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Watch a twin that is being served: sources, rates, lateness, quality, quarantine, alarms, clients."""
    from twinstage.live.remote import ask

    before, then = ask(server, "/api/status"), time.monotonic()
    if as_json:
        print_json(before)
        return
    from rich.console import Console
    from rich.live import Live

    console, looks = Console(), 0
    with Live(table(before, None, 0.0), console=console, refresh_per_second=4) as shown:
        while count == 0 or looks < count:
            time.sleep(every)
            now, at = ask(server, "/api/status"), time.monotonic()
            shown.update(table(now, before, at - then))
            before, then, looks = now, at, looks + 1


def table(now: Mapping[str, Any], before: Mapping[str, Any] | None, seconds: float) -> "Group":
    """The table of one look; rates are since the look before."""
    from rich.console import Group
    from rich.table import Table

    sources = Table(title=_title(now), title_justify="left", expand=True)
    for name in ("source", "readings/s", "received", "applied", "pending"):
        sources.add_column(name, justify="left" if name == "source" else "right")
    for name in ("history only", "late", "duplicate", "quarantined", "behind", "silent"):
        sources.add_column(name, justify="right")
    for name, told in now["sources"].items():
        was = {} if before is None else before["sources"].get(name, {})
        rate = f"{(told['received'] - was.get('received', 0)) / seconds:,.0f}" if was and seconds else ""
        counts = [f"{told[key]:,}" for key in ("received", "applied", "pending")]
        lost = [f"{told[key]:,}" for key in ("history_only", "late", "duplicate", "quarantined")]
        ages = (now.get("ages") or {}).get(name, {})
        sources.add_row(
            name, rate, *counts, *lost, _seconds(ages.get("behind")), _seconds(ages.get("silent"))
        )
    return Group(sources, _foot(now))


def _title(now: Mapping[str, Any]) -> str:
    rate = now.get("ticksPerSecond") or now.get("hz")
    clients = f"{now['clients']} client{'' if now['clients'] == 1 else 's'}"
    return f"twin {now['epoch']}, {clients}" + ("" if rate is None else f", {rate:g} ticks/s")


def _foot(now: Mapping[str, Any]) -> str:
    parts = []
    quality = now.get("quality")
    if quality:
        parts.append("signals: " + ", ".join(f"{count} {level}" for level, count in quality.items()))
    alarms = now.get("alarms")
    if alarms:
        parts.append("alarms: " + ", ".join(f"{count} {state}" for state, count in alarms.items()))
    return "   ".join(parts)


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) < 100:
        return f"{value:.1f} s"
    return f"{value / 3600:.1f} h" if abs(value) < 360_000 else f"{value / 86_400:,.0f} d"
