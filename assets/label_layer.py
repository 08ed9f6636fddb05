"""A layer of labels over a stage that stays as it is: opinions only, the stage's file as its sublayer. Writes one file."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twinstage.base.errors import TwinstageError, UserError
from twinstage.scene.read.labels import DEFAULT_TAXONOMY, NAMESPACE, SCHEMA, applied_labels

NOT_COPIED = frozenset({"subLayers", "subLayerOffsets", "customLayerData", "comment", "documentation"})
"""Metadata of a root layer that stays with it; the rest (units, axes, time, defaultPrim) is a stage's own."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Labels of one prim in one taxonomy; `samples`: labels by time code, for labels that change."""

    path: str
    labels: tuple[str, ...]
    taxonomy: str = DEFAULT_TAXONOMY
    samples: Mapping[float, tuple[str, ...]] = field(default_factory=dict)


def checked_out(out: Path, stage: Any) -> Path:
    """The path of the layer to write; UserError where it would overwrite something or is no usda file."""
    if out.suffix != ".usda":
        raise UserError(f"--out {out} is not a .usda file; the layer of labels is written as text")
    used = {os.path.realpath(layer.realPath) for layer in stage.GetUsedLayers() if layer.realPath}
    if os.path.realpath(out) in used:
        raise UserError(f"--out {out} is a file of the stage itself, which is never overwritten")
    if out.exists():
        raise UserError(f"--out {out} exists already; choose another name or delete it")
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out} lies in a folder that does not exist")
    return out.absolute()


def layer_text(stage: Any, out: Path, assignments: Iterable[Assignment]) -> str:
    """The usda text: the stage's metadata, its file as sublayer, and an `over` for each prim."""
    from pxr import Sdf

    source = stage.GetRootLayer()
    layer = Sdf.Layer.CreateAnonymous(".usda")
    for key in source.pseudoRoot.ListInfoKeys():
        if key not in NOT_COPIED:
            layer.pseudoRoot.SetInfo(key, source.pseudoRoot.GetInfo(key))
    relative = os.path.relpath(source.realPath, out.parent).replace(os.sep, "/")
    layer.subLayerPaths.append(relative if relative.startswith("../") else f"./{relative}")
    with Sdf.ChangeBlock():
        for item in sorted(assignments, key=lambda a: (a.path, a.taxonomy)):
            _author(layer, item)
    return str(layer.ExportToString())


def write_layer(stage: Any, out: Path, assignments: Iterable[Assignment]) -> None:
    """Write the layer and open it again: every label must be there as USD sees it.

    Raises UserError where the file cannot be written, TwinstageError where USD does not honour a label.
    """
    rows = list(assignments)
    try:
        out.write_text(layer_text(stage, out, rows), encoding="utf-8")
    except OSError as problem:
        raise UserError(f"{out} cannot be written: {problem.strerror}") from None
    lost = _lost(out, rows)
    if lost:
        raise TwinstageError(f"{lost} in {out} does not have the labels that were written")


def _lost(out: Path, assignments: list[Assignment]) -> str:
    """The first prim whose labels are not what was written, "" if none; classes count where they are inherited."""
    from pxr import Usd

    stage = Usd.Stage.Open(str(out))
    for item in assignments:
        prim = stage.GetPrimAtPath(item.path)
        first = min(item.samples, default=None)
        time = Usd.TimeCode.Default() if first is None else Usd.TimeCode(first)
        expected = item.labels if first is None else item.samples[first]
        if not (prim and (prim.IsAbstract() or applied_labels(prim, time).get(item.taxonomy) == [*expected])):
            return item.path
    return ""


def _author(layer: Any, item: Assignment) -> None:
    from pxr import Sdf, Vt

    prim = Sdf.CreatePrimInLayer(layer, item.path)
    name = f"{SCHEMA}:{item.taxonomy}"
    known = prim.GetInfo("apiSchemas") if prim.HasInfo("apiSchemas") else Sdf.TokenListOp()
    if name not in known.prependedItems:
        known.prependedItems = [*known.prependedItems, name]
        prim.SetInfo("apiSchemas", known)
    attribute = Sdf.AttributeSpec(prim, f"{NAMESPACE}:{item.taxonomy}", Sdf.ValueTypeNames.TokenArray)
    if item.labels:
        attribute.default = Vt.TokenArray(list(item.labels))
    for time, labels in sorted(item.samples.items()):
        layer.SetTimeSample(attribute.path, time, Vt.TokenArray(list(labels)))
