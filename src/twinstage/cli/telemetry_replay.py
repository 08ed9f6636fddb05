"""`twinstage telemetry replay`: the states of the past, again."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import Json, print_json
from twinstage.cli.telemetry_history import From, HistoryFolder, To


def replay(
    folder: HistoryFolder,
    contract: Annotated[
        Path | None,
        typer.Option("--contract", help="contract.yaml, instead of the last run's.", show_default=False),
    ] = None,
    from_: From = None,
    to: To = None,
    every: Annotated[
        float | None,
        typer.Option(
            "--every", min=0.001, help="Print a state hash each so many seconds.", show_default=False
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed", min=0.001, help="Paced, so many times faster than life; without it, at once."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Tell a history again, from any moment at any speed, and print the hash of each state: the twin had the same.

    `twinstage serve --replay DIR` shows it.
    """
    from twinstage.base.clock import NS
    from twinstage.telemetry.contract import load_contract
    from twinstage.telemetry.history.moments import iso_ns, moment_ns
    from twinstage.telemetry.history.playback import Playback
    from twinstage.telemetry.history.query import History

    with History(folder) as opened:
        span = opened.span()
        if span is None:
            raise UserError(f"the history {str(folder)!r} has no readings to tell again")
        first = span[0] - 1 if from_ is None else moment_ns(from_, span[0], where="--from")
        last = span[1] if to is None else moment_ns(to, span[0], where="--to")
        if last < first:
            raise UserError(f"--to {to} lies before --from {from_}")
        past = Playback(opened, load_contract(contract) if contract else opened.contract(), first)
        steps = []
        past.advance(first)
        step = max(1, round((every or 1.0) * NS))
        while True:
            done = past.moment_ns >= last
            if every is not None or done:
                steps.append({"moment": iso_ns(past.moment_ns), "hash": past.state.digest()})
                if not json_:
                    print(f"{steps[-1]['moment']}  {steps[-1]['hash']}", flush=True)
            if done:
                break
            if speed is not None:
                asyncio.run(asyncio.sleep(min(step, last - past.moment_ns) / NS / speed))
            past.play_to(min(past.moment_ns + step, last) if every or speed else last)
        told = {name: counts["applied"] for name, counts in past.counters.items()}
    if json_:
        print_json({"steps": steps, "applied": told})
    else:
        print(f"{sum(told.values())} readings told")
