"""Records of assets: what a CMDB or ERP says of the things in the scene."""

from typing import Protocol

from pydantic import Field

from twinstage.sync.api.operation import Glob, Model, Operation, Page, PageAsk, Text


class AssetRecord(Model):
    """One record, joined to its prim and its signals."""

    id: str = Field(examples=["P-101"])
    parent: str = Field(description="Id of the asset that it is part of; empty for none.")
    path: tuple[str, ...] = Field(description="Ids from the top of the hierarchy down to this one.")
    children: int = Field(ge=0, description="How many assets are directly part of it.")
    prim: str = Field(description="Path of its prim; empty where the stage has none.")
    signals: tuple[str, ...] = Field(description="Ids of its signals.")
    fields: dict[str, str] = Field(description="Everything else that the record says.")


class AssetsAsk(PageAsk):
    """Which records."""

    id: Glob | None = Field(None, description="Pattern of ids: `*` is any text.", examples=["P-*"])
    parent: Text | None = Field(None, description="Those that are directly part of this one.")
    prim: Text | None = Field(None, description="The one of this prim.", examples=["/Plant/Pump101"])


class AssetAsk(Model):
    """Which record."""

    id: Text = Field(description="Of the asset.", examples=["P-101"])


class AssetPage(Page):
    """Records, parents before what is part of them."""

    assets: tuple[AssetRecord, ...]


class AssetSource(Protocol):
    """Who knows the records. Belongs to the server's event loop."""

    def list_assets(self, asked: AssetsAsk) -> AssetPage:
        """A page of records."""
        ...

    def get_asset(self, asked: AssetAsk) -> AssetRecord:
        """One record. Raises Refused (404)."""
        ...


OPERATIONS = (
    Operation(
        "listAssetRecords",
        "/api/v1/assets",
        "Asset records",
        "Records of assets",
        asks=AssetsAsk,
        answer=AssetPage,
        description="They come from the file that the contract's `assets` names (docs/contract.md).",
    ),
    Operation(
        "getAssetRecord",
        "/api/v1/assets/{id:path}",
        "Asset records",
        "One record of an asset",
        asks=AssetAsk,
        answer=AssetRecord,
        errors=(404,),
    ),
)
