"""The edits of people alone, as a small layer that a designer can review, or put above the stage. Touches pxr.

A moved prim is told in the ops that its designer wrote (`scene.export.ops`), prims stand in the order of the stage and
properties by name, so that two exports differ only where edits do. Nothing live is in it.
"""

from collections.abc import Mapping
from typing import Any

from twinstage.scene.export.ops import pose_ops
from twinstage.scene.export.own import copy_metadata
from twinstage.scene.export.placed import write_placed
from twinstage.scene.stage import OpenedStage
from twinstage.scene.ui_layer import ASSET, UI_OP

Values = Mapping[tuple[str, str], Any]


def edits_text(
    opened: OpenedStage, authors: Mapping[str, str] | None = None, values: Values | None = None
) -> str:
    """The session's `ui` layer with the stage's units and axes, as usda.

    `values`: the edits by (path, property), for what was placed: its references are `./LIBRARY/file`.
    `authors`: for each prim path who edited it, in words; they become the layer's documentation. None: nothing of people.
    """
    from pxr import Sdf

    source = opened.layers.ui
    layer = Sdf.Layer.CreateAnonymous("edits.usda")
    copy_metadata(opened.stage.GetRootLayer(), layer)
    if authors:
        lines = (f"{path}: {words}" for path, words in sorted(authors.items()))
        layer.documentation = "\n".join([f"Edits of {opened.path.name} in a live twin.", *lines])
    for spec in _sorted(opened.stage.GetPseudoRoot(), source.rootPrims):
        _copy(opened, spec, layer.pseudoRoot, values or {})
    return str(layer.ExportToString())


def _sorted(prim: Any, specs: Any) -> list[Any]:
    """Specs of children in the stage's order; those that the stage does not have come last, by name."""
    known = {name: k for k, name in enumerate(prim.GetAllChildrenNames())} if prim else {}
    return sorted(specs, key=lambda spec: (known.get(spec.name, len(known)), spec.name))


def _copy(opened: OpenedStage, spec: Any, parent: Any, values: Values) -> None:
    from pxr import Sdf

    layer = parent.layer
    made = Sdf.PrimSpec(
        parent if parent.path.IsPrimPath() else layer, spec.name, spec.specifier, spec.typeName
    )
    if spec.HasInfo("apiSchemas"):
        made.SetInfo("apiSchemas", spec.GetInfo("apiSchemas"))
    for name in sorted(spec.variantSelections.keys()):
        made.variantSelections[name] = spec.variantSelections[name]
    prim = opened.stage.GetPrimAtPath(spec.path)
    done: set[str] = set()
    asset = values.get((str(spec.path), ASSET))
    if asset is not None:
        edited = frozenset(name for path, name in values if path == str(spec.path))
        done = write_placed(opened, spec, made, asset, edited)
    moved = asset is None and UI_OP in spec.properties.keys()  # noqa: SIM118
    ops = pose_ops(opened, prim, spec) if moved else None
    own = {name for name in spec.properties.keys() if ops is None or name not in (UI_OP, "xformOpOrder")}  # noqa: SIM118
    for name in sorted((own - done) | set(ops or ())):
        if ops is not None and name in ops:
            ops[name].author(made)
            continue
        path = spec.path.AppendProperty(name)
        Sdf.CopySpec(spec.layer, path, layer, path)
        _plain_connection(opened, prim, made.properties[name])
    for child in _sorted(prim, spec.nameChildren):
        _copy(opened, child, made, values)


def _plain_connection(opened: OpenedStage, prim: Any, spec: Any) -> None:
    """A cut connection is told only where the designer made one."""
    if not hasattr(spec, "connectionPathList") or not spec.connectionPathList.isExplicit:
        return
    attribute = prim.GetAttribute(spec.name) if prim else None
    stack = attribute.GetPropertyStack() if attribute else []
    if not any(
        one.hasConnections
        for one in stack
        if one.layer != opened.layers.ui and hasattr(one, "hasConnections")
    ):
        spec.connectionPathList.ClearEdits()
