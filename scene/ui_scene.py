"""Edits by people as a viewer's scene has them: the base, which only variants and labels change, and edits of looks on top.

The base is read from a stage of its own that shares the designers' layers and holds nothing live, so that the authored poses
in it are the authored ones. Touches pxr.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from twinstage.base.errors import UserError
from twinstage.scene.author import shader_paths
from twinstage.scene.edit_looks import LIGHT_TYPES, MATERIAL_FIELDS, RADIANCE_TYPES
from twinstage.scene.edits import Edit, EditValue, apply_edits, batch
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage
from twinstage.scene.ui_layer import ASSET, LABELS, VARIANT, UiLayer, ordered
from twinstage.scene.ui_values import from_usd, scaled, si_factor

Values = Mapping[tuple[str, str], Any]
"""Values of edits by (path, property)."""


def is_structural(name: str) -> bool:
    """Whether the scene has to be read again for such an edit."""
    return name == ASSET or name.startswith((VARIANT, LABELS))


def is_chosen(name: str) -> bool:
    """Whether such an edit may bring in what was never composed: a variant, or an asset for a prim with a variant chosen."""
    return name == ASSET or name.startswith(VARIANT)


def is_look(name: str) -> bool:
    """Whether an edit changes a light or a material."""
    return name in LIGHT_TYPES or name in MATERIAL_FIELDS


def fork(opened: OpenedStage, values: Values) -> OpenedStage:
    """The stage without anything live: the session's own choices, the structural edits, and what bindings opened up."""
    from pxr import Sdf, Usd, UsdUtils

    session = Sdf.Layer.CreateAnonymous("fork.usda")
    session.TransferContent(opened.stage.GetSessionLayer())
    ui = Sdf.Layer.CreateAnonymous("ui.usda")
    session.subLayerPaths = [ui.identifier, opened.layers.bindings.identifier]
    writer = UiLayer(opened, ui)
    with Sdf.ChangeBlock():
        for (path, name), value in ordered(values):
            if is_structural(name):
                writer.put(path, name, value)
    quiet = UsdUtils.CoalescingDiagnosticDelegate()  # all of it was told when the stage was opened
    try:
        stage = Usd.Stage.OpenMasked(
            opened.stage.GetRootLayer(), session, opened.stage.GetPopulationMask(), Usd.Stage.LoadNone
        )
        stage.SetLoadRules(opened.stage.GetLoadRules())
    finally:
        quiet.TakeUncoalescedDiagnostics()
    stage.SetEditTarget(session)
    return replace(opened, stage=stage, kept=(*opened.kept, ui, session))


def surfaces_of(stage: Any) -> dict[str, str]:
    """Path of the preview surface by path of its material."""
    return {path: found.surface for path, found in shader_paths(stage).items()}


def with_looks(base: Snapshot, opened: OpenedStage, values: Values) -> Snapshot:
    """The base with the edits of lights and materials that its prims have."""
    materials = {material.path for material in base.materials if material.path}
    lights = {base.prims.path[light.prim] for light in base.lights}
    edits: list[Edit] = []
    glowing: set[str] = set()
    for (path, name), value in values.items():
        if path in materials and name in MATERIAL_FIELDS:
            edits.append(Edit(path, name, _plain(value, 1.0)))
        elif path in lights and name in LIGHT_TYPES:
            if name in RADIANCE_TYPES:
                glowing.add(path)
            else:
                edits.append(Edit(path, name, _plain(value, 1.0 / si_factor(name, opened.meters_per_unit))))
    for path in sorted(glowing):  # radiance is made of all five
        prim = opened.stage.GetPrimAtPath(path)
        for name in RADIANCE_TYPES:
            told = values.get((path, name))
            value = _plain(told, 1.0) if told else _tuple(from_usd(prim.GetAttribute(name).Get()))
            edits.append(Edit(path, name, value))
    try:
        return apply_edits(base, batch(edits)) if edits else base
    except UserError as error:
        raise UserError(f"the scene does not take that edit: {error}") from None


def _plain(value: Any, factor: float) -> EditValue:
    made: EditValue = _tuple(scaled(value["value"], factor))
    return made


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
