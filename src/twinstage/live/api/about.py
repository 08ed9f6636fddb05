"""What the stage says of a prim beside its attributes: variant sets, material, documentation, references. Touches pxr."""

from collections.abc import Callable
from typing import Any

from twinstage.sync.api.prims import Metadatum, VariantSet

MOST_VARIANTS = 200
MOST_TEXT = 2000
MOST_LISTED = 20


def variant_sets_of(stage: Any, path: str) -> tuple[VariantSet, ...]:
    """Choices that a prim offers, by name."""
    sets = stage.GetPrimAtPath(path).GetVariantSets()
    return tuple(
        VariantSet(
            name=name,
            variants=tuple(sets.GetVariantSet(name).GetVariantNames()[:MOST_VARIANTS]),
            selected=sets.GetVariantSet(name).GetVariantSelection(),
        )
        for name in sets.GetNames()
    )


def material_of(stage: Any, path: str) -> str | None:
    """Path of the material that a prim is drawn with; None for none."""
    from pxr import UsdGeom, UsdShade

    prim = stage.GetPrimAtPath(path)
    if not prim.IsA(UsdGeom.Imageable):
        return None
    material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
    return str(material.GetPath()) if material else None


def metadata_of(stage: Any, path: str, named: Callable[[str], str]) -> tuple[Metadatum, ...]:
    """Documentation, asset, schemas, composition arcs and the rest that a reader may want, by name; texts alone.

    `named`: how a file is called that is written with its folder, as that of a placed asset is.
    """
    prim = stage.GetPrimAtPath(path)
    found: dict[str, str] = {}
    for name in ("documentation", "comment", "displayName"):
        text = prim.GetMetadata(name)
        if text:
            found[name] = str(text)
    for name, value in (prim.GetAssetInfo() or {}).items():
        found[f"assetInfo:{name}"] = _said(value)
    for spec in reversed(prim.GetPrimStack()):  # what schemas say of themselves is no news about the prim
        for name, value in spec.customData.items():
            if not isinstance(value, dict):
                found[f"customData:{name}"] = _said(value)
    if prim.IsInstanceable():
        found["instanceable"] = "yes"
    schemas = list(prim.GetAppliedSchemas())
    if schemas:
        found["schemas"] = ", ".join(schemas[:MOST_LISTED])
    arcs = _arcs(prim, named)
    if arcs:
        found["references"] = ", ".join(arcs[:MOST_LISTED])
    return tuple(Metadatum(name=name, value=text[:MOST_TEXT]) for name, text in sorted(found.items()))


def _said(value: Any) -> str:
    """A value of metadata. Paths are told as they are written: where they lead on this machine is nobody's business."""
    from pxr import Sdf

    if isinstance(value, Sdf.AssetPath):
        return str(value.path)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_said(each)}' for name, each in value.items())}}}"
    if isinstance(value, Sdf.AssetPathArray):
        return f"[{', '.join(str(each.path) for each in value)}]"
    return str(value)


def _arcs(prim: Any, named: Callable[[str], str]) -> list[str]:
    """References and payloads written on the prim itself, as they are written: no folder of this machine."""
    out: dict[str, None] = {}
    for spec in prim.GetPrimStack():
        for arcs in (spec.referenceList, spec.payloadList):
            for arc in (*arcs.prependedItems, *arcs.explicitItems, *arcs.appendedItems, *arcs.addedItems):
                text = f"{named(arc.assetPath)}{f'<{arc.primPath}>' if arc.primPath else ''}"
                out.setdefault(text if arc.assetPath else f"<{arc.primPath}>")
    return list(out)
