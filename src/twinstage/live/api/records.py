"""Asset records of a running twin. Belongs to the server's event loop."""

from typing import TYPE_CHECKING

from twinstage.base.errors import did_you_mean
from twinstage.live.api.paging import paged
from twinstage.sync.api.globs import id_matcher
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.records import AssetAsk, AssetPage, AssetRecord, AssetsAsk

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin
    from twinstage.telemetry.asset_records import Assets, Joined


class AssetDesk:
    """Implements `sync.api.records.AssetSource`."""

    def __init__(self, records: "Assets", joined: "Joined") -> None:
        self._records = records
        self._joined = joined
        self._prim_of = {asset: prim for prim, asset in joined.asset_of.items()}
        self._ids = list(records.by_id)
        self._index_of = {name: i for i, name in enumerate(self._ids)}

    def list_assets(self, asked: AssetsAsk) -> AssetPage:
        """A page of records."""
        matches = id_matcher(asked.id)
        rows = [
            i
            for i, name in enumerate(self._ids)
            if matches(name)
            and (asked.parent is None or self._records.by_id[name].parent == asked.parent)
            and (asked.prim is None or self._prim_of.get(name) == asked.prim)
        ]
        page, after = paged(rows, asked.limit, asked.after, self._index_of)
        return AssetPage(
            total=len(rows),
            next=None if after is None else self._ids[after],
            assets=tuple(self._told(self._ids[i]) for i in page),
        )

    def get_asset(self, asked: AssetAsk) -> AssetRecord:
        """One record."""
        if asked.id not in self._index_of:
            near = did_you_mean(asked.id, self._ids) if len(self._ids) <= 10_000 else ""
            raise Refused(404, f"there is no asset {asked.id!r}{near}")
        return self._told(asked.id)

    def of_prim(self, path: str) -> AssetRecord | None:
        """The record of a prim."""
        name = self._joined.asset_of.get(path)
        return None if name is None else self._told(name)

    def _told(self, name: str) -> AssetRecord:
        asset = self._records.by_id[name]
        return AssetRecord(
            id=name,
            parent=asset.parent,
            path=tuple(self._records.path(name)),
            children=len(self._records.children.get(name, ())),
            prim=self._prim_of.get(name, ""),
            signals=tuple(self._joined.signals_of[name]),
            fields=asset.fields,
        )


def open_assets(live: "LiveTwin") -> AssetDesk | None:
    """The records that the contract names, None where it names none. UserError for what is wrong with them."""
    if live.contract is None or live.contract.assets is None:
        return None
    from twinstage.scene.asset_ids import prim_asset_ids
    from twinstage.telemetry.asset_records import join_assets, load_assets

    records = load_assets(live.contract.assets, live.base_dir)
    return AssetDesk(records, join_assets(records, live.contract, prim_asset_ids(live.opened.stage)))
