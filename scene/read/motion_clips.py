"""Several animations of a stage: variants of the set `animation` on the default prim, selected one by one. Touches pxr."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SET = "animation"
"""The variant set on the default prim whose variants are animations."""


def clip_names(stage: Any) -> list[str]:
    """The variants that are animations, the selected one first; "" alone where there are none."""
    root = stage.GetDefaultPrim()
    variants = root.GetVariantSets() if root else None
    if variants is None or not variants.HasVariantSet(SET):
        return [""]
    one = variants.GetVariantSet(SET)
    chosen = one.GetVariantSelection()
    names = [str(name) for name in one.GetVariantNames()]
    return sorted(names, key=lambda name: name != chosen) or [""]


@contextmanager
def selected(stage: Any, name: str) -> Iterator[None]:
    """The stage with that variant of `SET` selected; "" leaves it as it is."""
    from pxr import Sdf, Usd

    if not name or stage.GetDefaultPrim().GetVariantSets().GetVariantSelection(SET) == name:
        yield
        return
    scratch = Sdf.Layer.CreateAnonymous("clip.usda")
    session = stage.GetSessionLayer()
    session.subLayerPaths.insert(0, scratch.identifier)
    try:
        with Usd.EditContext(stage, scratch):
            stage.GetDefaultPrim().GetVariantSets().SetSelection(SET, name)
        yield
    finally:
        session.subLayerPaths.remove(scratch.identifier)
