"""Live class labels in the stage: UsdSemantics opinions in the `live` layer. Touches pxr.

The API schema is applied once, where the authored stage lacks it. A label in the live layer is a default; taking it away
brings the authored labels back.
"""

from dataclasses import dataclass
from typing import Any

from twinstage.scene.live_labels import AUTHORED, LabelSlot

SCHEMA = "SemanticsLabelsAPI"


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """The attribute spec of one slot, and the labels it may hold."""

    spec: Any
    labels: tuple[str, ...]

    def set(self, choice: int) -> None:
        """Hold that label, or none (AUTHORED)."""
        from pxr import Vt

        if choice == AUTHORED:
            self.spec.ClearDefaultValue()
        else:
            self.spec.default = Vt.TokenArray([self.labels[choice]])


def label_specs(stage: Any, layer: Any, slots: tuple[LabelSlot, ...]) -> list[LabelSpec]:
    """Specs for all slots, created at once."""
    from pxr import Sdf

    applied = [
        f"{SCHEMA}:{slot.taxonomy}" in stage.GetPrimAtPath(slot.path).GetAppliedSchemas() for slot in slots
    ]
    with Sdf.ChangeBlock():
        return [_spec(layer, slot, known) for slot, known in zip(slots, applied, strict=True)]


def _spec(layer: Any, slot: LabelSlot, known: bool) -> LabelSpec:
    from pxr import Sdf

    prim = Sdf.CreatePrimInLayer(layer, slot.path)
    if not known:
        names = prim.GetInfo("apiSchemas").prependedItems if prim.HasInfo("apiSchemas") else []
        schema = f"{SCHEMA}:{slot.taxonomy}"
        prim.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=[*names, schema]))
    name = f"semantics:labels:{slot.taxonomy}"
    spec = prim.attributes.get(name) or Sdf.AttributeSpec(prim, name, Sdf.ValueTypeNames.TokenArray)
    return LabelSpec(spec, slot.labels)
