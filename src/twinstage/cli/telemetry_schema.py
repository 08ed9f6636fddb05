"""`twinstage telemetry schema`: the JSON Schema of contracts, and a contract's version and hash."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import print_or_write


def schema(
    contract: Annotated[
        Path | None,
        typer.Argument(help="A contract whose version and hash to print instead.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A file to write instead of printing.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of a contract, for editors; or a contract's version and hash."""
    from twinstage.telemetry.contract import json_schema, load_contract

    if contract is not None:
        found = load_contract(contract)
        print(f"{contract}: version {found.version or '(none)'}, hash {found.hash}")
        return
    import json

    text = json.dumps(json_schema(), indent=2) + "\n"
    print_or_write(text, out)
