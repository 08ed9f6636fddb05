"""The shared prototypes of a flattened stage, named in the order in which they are met.

`Usd.Stage.Flatten` numbers them by composition, which runs in threads: the same stage gives other numbers each time.
"""

from typing import Any

PREFIX = "Flattened_Prototype_"


def name_prototypes(layer: Any) -> Any:
    """A copy of a flattened layer whose prototypes are numbered by their first use, depth first."""
    from pxr import Sdf

    known = [prim.name for prim in layer.rootPrims if prim.name.startswith(PREFIX)]
    if not known:
        return layer
    order = _by_first_use(layer, set(known))
    order += sorted(name for name in known if name not in order)
    new_names = {old: f"{PREFIX}{number}" for number, old in enumerate(order, 1)}
    out = Sdf.Layer.CreateAnonymous("flat.usda")
    out.TransferContent(layer)
    for name in known:
        del out.rootPrims[name]
    for name in order:  # this also changes targets and connections that stay within the prototype
        Sdf.CopySpec(layer, f"/{name}", out, f"/{new_names[name]}")
    with Sdf.ChangeBlock():
        for prim in _prims(out):
            _renumber(prim, new_names)
    return out


def _prims(layer: Any) -> list[Any]:
    found: list[Any] = []
    layer.Traverse("/", lambda path: found.append(path) if path.IsPrimPath() else None)
    return [layer.GetPrimAtPath(path) for path in found]


def _used(prim: Any) -> list[str]:
    """Names of the root prims that a prim's internal references name."""
    if not prim.HasInfo("references"):
        return []
    return [
        str(item.primPath).split("/", 2)[1]
        for item in prim.GetInfo("references").GetAppliedItems()
        if not item.assetPath and item.primPath
    ]


def _by_first_use(layer: Any, known: set[str]) -> list[str]:
    order: list[str] = []

    def walk(prim: Any) -> None:
        for name in _used(prim):
            if name in known and name not in order:
                order.append(name)
        for child in prim.nameChildren:
            walk(child)

    for prim in layer.rootPrims:
        if prim.name not in known:
            walk(prim)
    for name in order:  # grows while prototypes are found inside prototypes
        walk(layer.rootPrims[name])
    return order


def _renumber(prim: Any, names: dict[str, str]) -> None:
    from pxr import Sdf

    if not prim.HasInfo("references"):
        return
    operation = prim.GetInfo("references")

    def renamed(items: Any) -> list[Any]:
        out = []
        for item in items:
            first, _, rest = str(item.primPath).lstrip("/").partition("/")
            if not item.assetPath and first in names:
                path = f"/{names[first]}" + (f"/{rest}" if rest else "")
                item = Sdf.Reference("", path, item.layerOffset, item.customData)
            out.append(item)
        return out

    new = Sdf.ReferenceListOp()
    if operation.isExplicit:
        new.explicitItems = renamed(operation.explicitItems)
    else:
        new.prependedItems = renamed(operation.prependedItems)
        new.appendedItems = renamed(operation.appendedItems)
        new.deletedItems = renamed(operation.deletedItems)
    prim.SetInfo("references", new)
