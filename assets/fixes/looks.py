"""Fixes of textures: paths and colour spaces."""

import os
from typing import Any

from twinstage.assets.fixes.table import Work, fix
from twinstage.assets.rules.arcs import other_case
from twinstage.base.finding import Finding


@fix("asset.backslash", "asset.case", same=False)
def path(work: Work, finding: Finding) -> str:
    """Forward slashes, and the letters that the file has; only where that file is there."""
    from pxr import Sdf

    prim = work.prim(finding)
    name = finding.path.partition(".")[2]
    if prim is None or not name:
        return ""
    attribute = prim.GetAttribute(name)
    value = attribute.Get() if attribute else None
    if not isinstance(value, Sdf.AssetPath):
        return ""
    owner = next((spec.layer for spec in attribute.GetPropertyStack()), None)
    folder = os.path.dirname(owner.realPath) if owner is not None else ""
    meant = _found(str(value.path).replace("\\", "/"), folder)
    if not folder or not meant:
        return ""
    relative = os.path.relpath(os.path.join(folder, meant), work.folder).replace(os.sep, "/")
    relative = relative if relative.startswith("../") else f"./{relative}"
    work.attribute(prim, name, Sdf.ValueTypeNames.Asset).default = Sdf.AssetPath(relative)
    return f"{name} = @{relative}@"


def _found(authored: str, folder: str) -> str:
    if os.path.isfile(os.path.join(folder, authored)):
        return authored
    return other_case(authored, folder)


@fix("texture.color-space", same=False)
def color_space(work: Work, finding: Finding) -> str:
    """Data is read raw."""
    from pxr import Sdf

    prim: Any = work.prim(finding)
    if prim is None or finding.severity == "info":
        return ""
    work.attribute(prim, "inputs:sourceColorSpace", Sdf.ValueTypeNames.Token).default = "raw"
    return "sourceColorSpace = raw"
