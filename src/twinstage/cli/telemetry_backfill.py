"""`twinstage telemetry backfill`: readings that were missed, from files, into a history."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from twinstage.base.errors import TwinstageError, UserError
from twinstage.cli.common import Json, print_json
from twinstage.cli.telemetry_history import HistoryFolder


def backfill(
    folder: HistoryFolder,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...",
            help="SOURCE=FILE, or FILE where the contract has one source.",
            show_default=False,
        ),
    ],
    contract: Annotated[
        Path | None,
        typer.Option("--contract", help="contract.yaml, instead of the last run's.", show_default=False),
    ] = None,
    quarantine: Annotated[
        Path | None,
        typer.Option("--quarantine", help="Append refused readings to this JSONL file.", show_default=False),
    ] = None,
    json_: Json = False,
) -> None:
    """Add readings that the twin has missed, such as a logger's file after a lost connection.

    What the history has already is counted and left out. No state of the past is changed: the readings are there for
    questions, marked as late, with now as their time of arrival.
    """
    from twinstage.base.clock import SystemClock
    from twinstage.telemetry.contract import load_contract
    from twinstage.telemetry.history.backfill import backfill as add
    from twinstage.telemetry.history.backfill import read_chunks
    from twinstage.telemetry.history.query import History
    from twinstage.telemetry.quarantine import QuarantineFile, QuarantineMemory

    with History(folder) as opened:
        rules = load_contract(contract) if contract else opened.contract()
    sink = QuarantineFile(quarantine) if quarantine else QuarantineMemory()
    now, done = SystemClock().now_ns(), {}
    try:
        for text in files:
            source, equals, name = text.partition("=")
            if not equals:
                if len(rules.sources) > 1:
                    raise UserError(f"the contract has {len(rules.sources)} sources; write SOURCE={text}")
                source, name = next(iter(rules.sources)), text
            done[text] = add(folder, rules, source, read_chunks(Path(name)), now, quarantine=sink)
    except OSError as error:
        raise TwinstageError(f"the archive did not take them: {error.strerror or error}") from None
    finally:
        sink.close()
    if json_:
        print_json({text: asdict(counts) for text, counts in done.items()})
        return
    for text, c in done.items():
        print(
            f"{text}: {c.received} received = {c.stored} stored + {c.known} known already + {c.refused} refused"
        )
