"""`twinstage top`: a running twin in the terminal, as a table that renews itself."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twinstage.base.terminal import printable
from twinstage.cli.common import HERE, CaFile, Json, Server, TokenFile, caller, print_json

if TYPE_CHECKING:
    from rich.console import Group


def top(
    server: Server = HERE,
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 1.0,
    count: Annotated[
        int, typer.Option("--count", min=0, help="Looks to take; 0 for ever, until Ctrl-C.")
    ] = 0,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Json = False,
) -> None:
    """Watch a twin that is being served: sources, rates, lateness, quality, quarantine, alarms, clients."""
    from twinstage.live.remote import ask

    me = caller(token_file, ca_file)
    before, then = ask(server, "/api/status", caller=me), time.monotonic()
    if as_json:
        print_json(before)
        return
    from rich.console import Console
    from rich.live import Live

    console, looks = Console(), 0
    with Live(table(before, None, 0.0), console=console, refresh_per_second=4) as shown:
        while count == 0 or looks < count:
            time.sleep(every)
            now, at = ask(server, "/api/status", caller=me), time.monotonic()
            shown.update(table(now, before, at - then))
            before, then, looks = now, at, looks + 1
    if not console.is_terminal:
        print()  # there the last look has no end of line


def table(now: Mapping[str, Any], before: Mapping[str, Any] | None, seconds: float) -> "Group":
    """The table of one look; rates are since the look before."""
    from rich.console import Group
    from rich.table import Table

    sources = Table(title=_title(now), title_justify="left", box=None, pad_edge=False)
    for name in (
        "source",
        "/s",
        "applied",
        "pending",
        "history",
        "late",
        "twice",
        "refused",
        "behind",
        "silent",
    ):
        sources.add_column(name, justify="left" if name == "source" else "right", no_wrap=True)
    for name, told in now["sources"].items():
        was = {} if before is None else before["sources"].get(name, {})
        rate = f"{(told['received'] - was.get('received', 0)) / seconds:,.0f}" if was and seconds else ""
        counts = [
            _short(told[key])
            for key in ("applied", "pending", "history_only", "late", "duplicate", "quarantined")
        ]
        ages = (now.get("ages") or {}).get(name, {})
        sources.add_row(name, rate, *counts, _seconds(ages.get("behind")), _seconds(ages.get("silent")))
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
    for source, kinds in (now.get("drift") or {}).items():
        changed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        parts.append(f"fields that changed at {source}: {changed}")
    alarms = now.get("alarms")
    if alarms:
        active = ", ".join(f"{count} {priority}" for priority, count in alarms["active"].items() if count)
        flood = ", a flood" if alarms["flooded"] else ""
        parts.append(f"alarms: {active or 'none active'}, {alarms['unacknowledged']} unacknowledged{flood}")
    watch = now.get("watch")
    if watch:
        parts.append(_watched(watch))
    return printable("\n".join(parts))


def _watched(watch: Mapping[str, Any]) -> str:
    """Of `serve --watch`: what stands in the way of the last save, or what it did."""
    if watch["state"] == "broken":
        return f"the last save is not shown: {watch['text']}"
    last = watch.get("last")
    if not last:
        return f"watching {watch['files']} file{'' if watch['files'] == 1 else 's'}"
    lost = f", {last['problems']} bindings or edits do not hold" if last["problems"] else ""
    return (
        f"{watch['saves']} saves; the last one ({', '.join(last['files'])}) shown after {last['ms']} ms{lost}"
    )


def _short(count: int) -> str:
    """Four digits at most: 9,999, 12k, 3.4M."""
    if count < 10_000:
        return f"{count:,}"
    return f"{count / 1e3:.0f}k" if count < 1_000_000 else f"{count / 1e6:.1f}M"


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) < 100:
        return f"{value:.1f} s"
    return f"{value / 3600:.1f} h" if abs(value) < 360_000 else f"{value / 86_400:,.0f} d"
