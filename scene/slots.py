"""The copies that entity bindings fill: made once, in the `bindings` layer, before a snapshot is read. Touches pxr."""

from typing import Any

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.bindings import Bindings, EntityBinding
from twinstage.scene.problems import BindingProblem
from twinstage.scene.stage import OpenedStage

ENTITY_ATTRIBUTE = "twin:entity"
"""int64 on each copy: the id of what it shows, -1 for nothing."""
MOST_SLOTS = 20_000
"""Most copies of all bindings together."""


def make_slots(bindings: Bindings, opened: OpenedStage) -> list[UserError]:
    """Make the copies of every entity binding; what cannot be made is returned, and its binding has no slots then.

    Each copy is an invisible, instanceable Xform that references the prototype within the stage.
    """
    problems: list[UserError] = []
    made = 0
    for number, binding in enumerate(bindings.bindings):
        if not isinstance(binding, EntityBinding):
            continue
        where = f"{bindings.where(number)}: entity binding of {binding.prim}"
        made += binding.pool
        try:
            if made > MOST_SLOTS:
                raise BindingProblem(
                    "binding.entity", where, f"all pools together have more than {MOST_SLOTS} slots"
                )
            _make(where, binding, opened)
        except UserError as error:
            problems.append(error)
    return problems


def _make(where: str, binding: EntityBinding, opened: OpenedStage) -> None:
    from pxr import Sdf

    prim = _prim(where, opened, binding.prim or "")
    owner = binding.slots[0].rpartition("/")[0] or "/"
    parent = _prim(where, opened, owner)
    path = str(prim.GetPath())
    if owner == path or owner.startswith(f"{path}/"):
        raise BindingProblem(
            "binding.entity", where, f"the copies cannot stand below {path} itself; name another parent"
        )
    if parent.IsInstance() or parent.IsInstanceProxy():
        raise BindingProblem(
            "binding.entity", where, f"{owner} is inside a native instance, so nothing can be added below it"
        )
    if prim.IsInstanceProxy():
        raise BindingProblem(
            "binding.entity", where, f"{path} is inside a native instance; name the instance's root"
        )
    taken = [slot for slot in binding.slots if opened.stage.GetPrimAtPath(slot)]
    if taken:
        raise BindingProblem("binding.entity", where, f"{taken[0]} is there already")
    with Sdf.ChangeBlock():
        for slot in binding.slots:
            _slot(opened.layers.bindings, slot, path, bool(prim.GetAllChildren()))


def _prim(where: str, opened: OpenedStage, path: str) -> Any:
    from pxr import Sdf

    prim = (
        opened.stage.GetPrimAtPath(path)
        if Sdf.Path.IsValidPathString(path) and path.startswith("/")
        else None
    )
    if not prim or not prim.IsActive():
        known = [str(p.GetPath()) for p in opened.stage.Traverse()][:2000]
        raise BindingProblem(
            "binding.prim", where, f"there is no prim {path}{did_you_mean(path, known, most=4)}"
        )
    return prim


def _slot(layer: Any, slot: str, prototype: str, shared: bool) -> None:
    from pxr import Sdf

    spec = Sdf.CreatePrimInLayer(layer, slot)
    spec.specifier = Sdf.SpecifierDef
    spec.referenceList.prependedItems = [Sdf.Reference(primPath=prototype)]
    spec.SetInfo("instanceable", shared)
    hidden = Sdf.AttributeSpec(spec, "visibility", Sdf.ValueTypeNames.Token)
    hidden.default = "invisible"
    entity = Sdf.AttributeSpec(spec, ENTITY_ATTRIBUTE, Sdf.ValueTypeNames.Int64)
    entity.custom = True
    entity.default = -1
