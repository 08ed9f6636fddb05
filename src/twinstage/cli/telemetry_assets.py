"""`twinstage telemetry assets`: records of a CMDB or ERP, joined to prims and signals."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twinstage.base.errors import UserError
from twinstage.cli.common import Json, print_json, print_notes

if TYPE_CHECKING:
    from twinstage.telemetry.asset_records import Assets, Joined


def assets(
    contract: Annotated[Path, typer.Argument(help="A contract that names its assets.", show_default=False)],
    stage: Annotated[
        Path | None, typer.Option("--stage", help="The stage with their prims.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List the assets of a contract as a tree, with their prims and signals. Exit code 1 if something does not go together."""
    from twinstage.telemetry.asset_records import join_assets, load_assets
    from twinstage.telemetry.contract import load_contract

    found = load_contract(contract)
    if found.assets is None:
        raise UserError(f"{contract} names no assets; assets: {{file: assets.csv}} was expected")
    records = load_assets(found.assets, contract.parent)
    joined = join_assets(records, found, _prims(stage))
    if json:
        print_json(_as_dict(records, joined))
    else:
        _print_tree(records, joined)
        print_notes(joined.findings, "--json")
    if joined.findings:
        raise typer.Exit(1)


def _prims(stage: Path | None) -> dict[str, str] | None:
    if stage is None:
        return None
    from twinstage.scene.asset_ids import prim_asset_ids
    from twinstage.scene.stage import open_stage

    opened = open_stage(stage)
    return prim_asset_ids(opened.stage)


def _print_tree(records: "Assets", joined: "Joined") -> None:
    prims = {asset: prim for prim, asset in joined.asset_of.items()}
    for asset in records.by_id.values():
        told = [f"{key}={value}" for key, value in asset.fields.items()]
        told += [prims[asset.id]] if asset.id in prims else []
        count = len(joined.signals_of[asset.id])
        told += [f"{count} signal{'' if count == 1 else 's'}"] if count else []
        print(f"{'  ' * (len(records.path(asset.id)) - 1)}{asset.id}{'  ' if told else ''}{', '.join(told)}")


def _as_dict(records: "Assets", joined: "Joined") -> dict[str, object]:
    prims = {asset: prim for prim, asset in joined.asset_of.items()}
    rows = [
        asdict(asset) | {"prim": prims.get(asset.id, ""), "signals": joined.signals_of[asset.id]}
        for asset in records.by_id.values()
    ]
    return {"assets": rows, "findings": [finding.as_dict() for finding in joined.findings]}
