"""The readable layers of a package: the interface and the list of the payload's layers. Touches pxr and files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twinstage.assets.importing.document import Document
from twinstage.assets.importing.usd_author import apply, asset, attribute, define, new_layer
from twinstage.assets.importing.usd_nodes import label
from twinstage.scene.drawn_triangles import drawn_triangles

MAX_TEXT = 2000


def write_contents(
    path: Path, layers: Sequence[str], root: str, times: Mapping[str, float] | None = None
) -> None:
    """The layer that the interface loads as its payload."""
    layer = new_layer(".usda")
    layer.defaultPrim = root[1:]
    layer.subLayerPaths = [f"./{name}" for name in layers]
    set_times(layer, times)
    layer.Export(str(path))


def set_times(layer: Any, times: Mapping[str, float] | None) -> None:
    """Time codes per second, first and last time code."""
    for name, value in (times or {}).items():
        layer.pseudoRoot.SetInfo(name, value)


def write_interface(
    path: Path,
    document: Document,
    root: str,
    payload: str,
    labels: Sequence[str],
    times: Mapping[str, float] | None = None,
    kind: str = "Xform",
) -> tuple[int, int]:
    """The layer that designers refer to. Returns how many prims the whole model has, and how many triangles are drawn."""
    from pxr import Kind, Sdf

    layer = new_layer(".usda")
    layer.defaultPrim = root[1:]
    set_times(layer, times)
    prim = define(layer, root, kind)
    prim.SetInfo("kind", getattr(Kind.Tokens, document.kind))
    prim.SetInfo("assetInfo", _asset_info(document, path.name, root[1:]))
    prim.payloadList.prependedItems.append(Sdf.Payload(payload))
    label(prim, labels)
    layer.Export(str(path))
    hint, prims, triangles = _measure(path, root)
    if hint is not None:
        apply(prim, "GeomModelAPI")
        attribute(prim, "extentsHint", "float3[]", hint)
        layer.Export(str(path))
    return prims, triangles


def _asset_info(document: Document, file: str, name: str) -> dict[str, Any]:
    origin = document.origin
    said = {
        "author": origin.author,
        "license": origin.license,
        "title": origin.title,
        "generator": origin.generator,
        "source": origin.source,
        "sourceFormat": origin.format,
    }
    texts = {key: value[:MAX_TEXT] for key, value in said.items() if value}
    return {"identifier": asset(f"./{file}"), "name": name, **texts}


def _measure(path: Path, root: str) -> tuple[Any, int, int]:
    """The extents hint of the model (boxes by purpose), the number of its prims, and of triangles that are drawn."""
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.Open(str(path))
    purposes = [UsdGeom.Tokens.default_, UsdGeom.Tokens.render, UsdGeom.Tokens.proxy, UsdGeom.Tokens.guide]
    cache = UsdGeom.BBoxCache(Usd.TimeCode.EarliestTime(), purposes, useExtentsHint=False)
    prim = stage.GetPrimAtPath(root)
    hint = UsdGeom.ModelAPI(prim).ComputeExtentsHint(cache)
    prims = sum(1 for _ in Usd.PrimRange(prim))
    return hint or None, prims, drawn_triangles(prim, Usd.TimeCode.EarliestTime())
