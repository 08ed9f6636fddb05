"""Class labels that a twin writes: UsdSemantics opinions in the `live` layer, and what takes labels away. Touches pxr.

The API schema is applied once, where the authored stage lacks it. A label in the live layer is a default; taking it away
brings the authored labels back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twinstage.scene.live_labels import AUTHORED, LabelSlot
from twinstage.scene.read.labels import NAMESPACE, old_labels

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


def no_labels(prim: Any, name: str, own: Sequence[Any]) -> list[str] | None:
    """The opinion that leaves a prim without labels of its own in the taxonomy of that property.

    None: no file has any, so there is nothing to say; an empty list where one has. `own`: layers that are the session's and no
    files, whose labels do not count.
    """
    from pxr import Usd

    attribute = prim.GetAttribute(name)
    specs = attribute.GetPropertyStack() if attribute else []
    old = {f"{NAMESPACE}:{taxonomy}" for taxonomy, _ in old_labels(prim, Usd.TimeCode.EarliestTime())}
    return [] if name in old or any(holds_labels(spec) for spec in specs if spec.layer not in own) else None


def holds_labels(spec: Any) -> bool:
    """Whether an attribute spec names a label, at any time; an empty list and a block name none."""
    from pxr import Sdf

    value = spec.default
    named = value is not None and not isinstance(value, Sdf.ValueBlock) and any(map(str, value))
    return named or bool(spec.layer.ListTimeSamplesForPath(spec.path))
