"""Which prims a stage has, and which assets they say that they are. Reads `pxr`."""

from typing import Any

KEY = "assetId"
"""Key of a prim's `customData`."""


def prim_asset_ids(stage: Any) -> dict[str, str]:
    """Paths of all active prims, each with the id of its asset as it declares it, "" where it does not."""
    out: dict[str, str] = {}
    for prim in stage.Traverse():
        declared = prim.GetCustomDataByKey(KEY)
        out[str(prim.GetPath())] = str(declared) if isinstance(declared, str | int) else ""
    return out
