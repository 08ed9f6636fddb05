"""`twinstage doctor`: is this machine fit, and do this stage and these bindings hold together?"""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import AssetRoots, Json, print_json


def doctor(
    stage: Annotated[
        Path | None, typer.Argument(help="A stage to check as a twin.", show_default=False)
    ] = None,
    bindings: Annotated[
        Path | None, typer.Option("--bindings", help="bindings.yaml of that twin.", show_default=False)
    ] = None,
    contract: Annotated[
        Path | None, typer.Option("--contract", help="contract.yaml of that twin.", show_default=False)
    ] = None,
    asset_root: AssetRoots = None,
    json_: Json = False,
) -> None:
    """Check this machine; with a stage, check that twin without serving it: everything that is wrong with its files, its
    telemetry and its bindings (those of --bindings, else those that the stage holds), each with a suggestion.

    Exit 1 if there is an error. docs/doctor.md explains every code.
    """
    from dataclasses import asdict

    from twinstage.live.doctor import check_machine, check_twin
    from twinstage.live.twin import TwinFiles

    if stage is None and (bindings or contract):
        raise UserError(
            "--bindings and --contract belong to a stage: name it first, as in `twinstage doctor cell.usda`"
        )
    checks = check_machine()
    if stage is not None:
        checks += check_twin(TwinFiles(stage, bindings, contract, tuple(asset_root or ())))
    if json_:
        print_json([asdict(c) for c in checks])
    else:
        mark = {"ok": "ok  ", "info": "info", "warning": "warn", "error": "FAIL"}
        for c in checks:
            print(f"{mark[c.status]}  {c.name}: {c.detail}{f'; {c.fix}' if c.fix else ''}")
    if any(c.status == "error" for c in checks):
        raise typer.Exit(1)
