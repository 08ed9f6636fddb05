"""The `assets` of a contract: an extract of a CMDB or ERP, one record an asset.

assets: {file: assets.csv, id: AssetNo, parent: ParentNo, prim: UsdPath, delimiter: ";"}
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class AssetsSpec(BaseModel):
    """Where the records are, and which columns (or JSON keys) say what.

    Attributes:
        file: CSV with a header, or JSON (a list of objects, or an object of objects by id); relative to the contract, and
            inside of its folder.
        id: of the asset, unique.
        parent: id of the asset that it is part of; empty for none.
        prim: path of its prim in the stage; where it is empty or missing, the prim that says so (`customData` assetId), or the
            only one that is named like the id.
        signals: ids of its signals, with blanks between; signals whose id begins with the asset's and a dot are its own
            anyway.
        delimiter: of a CSV.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    file: str
    id: str = "id"
    parent: str = "parent"
    prim: str = "prim"
    signals: str = "signals"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
