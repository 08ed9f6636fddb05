"""Edits -> the text of a USD layer, and what has to be known of a stage for it. Touches pxr.

The layer holds opinions only (`over`), apart from cameras and lights that a recipe adds (`def`). It repeats the stage's units
and up axis, so that it can be a session layer, a sublayer, or the root layer above the stage.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.edits import (
    LIGHT_TYPES,
    MATERIAL_TYPES,
    PROPERTY_TYPES,
    TRANSFORM,
    VARIANTS,
    EditBatch,
    EditValue,
)
from twinstage.scene.snapshot import StageInfo


@dataclass(frozen=True, slots=True)
class ShaderPaths:
    """Where a material's preview surface is, and the textures that feed its inputs, by input name."""

    surface: str
    textures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewPrim:
    """A prim to define, with its pose in the stage's world (column-vector f8[16], stage units) and typed attributes.

    `reference`: a USD file whose default prim it is, as the layer says it (relative to the stage's folder), "" for none;
    such a prim is instanceable. `kind`: model kind, such as `component`; `labels`: (taxonomy, labels) of UsdSemantics.
    """

    path: str
    type_name: str
    world: tuple[float, ...]
    attributes: tuple[tuple[str, str, EditValue], ...] = ()
    reference: str = ""
    kind: str = ""
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()


def shader_paths(stage: Any) -> dict[str, ShaderPaths]:
    """`ShaderPaths` by path of each Material with a UsdPreviewSurface on the composed stage."""
    from pxr import Usd, UsdShade

    out = {}
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()):
        if prim.IsA(UsdShade.Material):
            surface, _, _ = UsdShade.Material(prim).ComputeSurfaceSource()
            if surface and surface.GetShaderId() == "UsdPreviewSurface":
                out[str(prim.GetPath())] = ShaderPaths(str(surface.GetPath()), _texture_paths(surface))
    return out


def _texture_paths(surface: Any) -> dict[str, str]:
    from pxr import UsdShade

    out = {}
    for shader_input in surface.GetInputs():
        for attribute in UsdShade.Utils.GetValueProducingAttributes(shader_input):
            shader = UsdShade.Shader(attribute.GetPrim())
            if shader and shader.GetShaderId() == "UsdUVTexture":
                out[str(shader_input.GetBaseName())] = str(shader.GetPath())
    return out


def author_layer(
    edits: EditBatch,
    info: StageInfo,
    *,
    shaders: Mapping[str, ShaderPaths] | None = None,
    resets: Iterable[str] = (),
    prims: Sequence[NewPrim] = (),
) -> str:
    """The usda text of a layer with these edits and new prims.

    `shaders`: from `shader_paths`, needed for edits of materials. `resets`: paths of prims that reset the transform stack
    and have to go on doing so. Raises UserError for a material without a preview surface or an unknown property.
    """
    from pxr import Sdf, UsdGeom

    layer = _blank_layer()
    root = layer.pseudoRoot
    root.SetInfo("metersPerUnit", info.meters_per_unit)
    root.SetInfo("upAxis", str(UsdGeom.Tokens.y if info.up_axis.upper() == "Y" else UsdGeom.Tokens.z))
    root.SetInfo("timeCodesPerSecond", info.time_codes_per_second)
    with Sdf.ChangeBlock():
        for prim in prims:
            _define(layer, prim)
        resetting = frozenset(resets)
        for path, values in edits.by_prim().items():
            _author_prim(layer, path, values, shaders or {}, path in resetting)
    return str(layer.ExportToString())


_own = threading.local()


def _blank_layer() -> Any:
    """An empty anonymous layer, always the same one in a thread: of a new one, OpenUSD (26.11) keeps some 45 bytes for each
    spec that Python touched, also after the layer is gone, which adds up to megabytes over a thousand frames."""
    from pxr import Sdf

    layer = getattr(_own, "layer", None)
    if layer is None:
        layer = _own.layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.Clear()
    return layer


def _author_prim(
    layer: Any, path: str, values: Mapping[str, EditValue], shaders: Mapping[str, ShaderPaths], resets: bool
) -> None:
    for name, value in sorted(values.items()):
        if name.startswith(VARIANTS):
            _select_variant(layer, path, name.removeprefix(VARIANTS), str(value))
        elif path in shaders and name in MATERIAL_TYPES:
            _author_input(layer, shaders[path], name, value)
        elif name in PROPERTY_TYPES or name in LIGHT_TYPES:
            _set(layer, path, name, PROPERTY_TYPES.get(name) or LIGHT_TYPES[name], value)
        else:
            raise UserError(
                f"{path}: {name!r} cannot be authored; a material needs a UsdPreviewSurface for it"
            )
    if TRANSFORM in values:
        order = [TRANSFORM] if not resets else ["!resetXformStack!", TRANSFORM]
        _set_order(layer, path, order)


def _author_input(layer: Any, shader: ShaderPaths, name: str, value: EditValue) -> None:
    name_on_surface, _, name_on_texture = name.partition("/")
    path, own = shader.surface, name
    if name_on_texture:
        path, own = _own_texture(shader, name_on_surface.removeprefix("inputs:")), name_on_texture
    spec = _set(layer, path, own, MATERIAL_TYPES[name], value)
    spec.connectionPathList.ClearEditsAndMakeExplicit()


def _own_texture(shader: ShaderPaths, name: str) -> str:
    """The texture that feeds that input and no other: a change of it must not reach further than it says."""
    path = shader.textures.get(name)
    if path is None:
        raise UserError(f"{shader.surface} has no texture on {name}")
    others = sorted(other for other, fed_by in shader.textures.items() if fed_by == path and other != name)
    if others:
        raise UserError(
            f"{path} feeds {others[0]} as well as {name}, so it cannot be tinted alone; replace it instead"
        )
    return path


def _select_variant(layer: Any, path: str, variant_set: str, variant: str) -> None:
    from pxr import Sdf

    Sdf.CreatePrimInLayer(layer, path).variantSelections[variant_set] = variant


def _define(layer: Any, prim: NewPrim) -> None:
    from pxr import Sdf

    spec = Sdf.CreatePrimInLayer(layer, prim.path)
    spec.specifier, spec.typeName = Sdf.SpecifierDef, prim.type_name
    parent = spec.nameParent
    while parent and parent.path != Sdf.Path.absoluteRootPath:
        parent.specifier, parent.typeName = Sdf.SpecifierDef, "Scope"
        parent = parent.nameParent
    if prim.reference:
        spec.referenceList.prependedItems.append(Sdf.Reference(prim.reference))
        spec.instanceable = True
    if prim.kind:
        spec.kind = prim.kind
    if prim.labels:
        schemas = [f"SemanticsLabelsAPI:{taxonomy}" for taxonomy, _ in prim.labels]
        spec.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=schemas))
    for taxonomy, labels in prim.labels:
        attribute = _attribute(layer, prim.path, f"semantics:labels:{taxonomy}", "token[]")
        attribute.default = list(labels)
    _set(layer, prim.path, TRANSFORM, "matrix4d", prim.world)
    _set_order(layer, prim.path, [TRANSFORM])
    for name, type_name, value in prim.attributes:
        _set(layer, prim.path, name, type_name, value)


def _set_order(layer: Any, path: str, order: list[str]) -> None:
    from pxr import Vt

    spec = _attribute(layer, path, "xformOpOrder", "token[]", uniform=True)
    spec.default = Vt.TokenArray(order)


def _set(layer: Any, path: str, name: str, type_name: str, value: EditValue) -> Any:
    spec = _attribute(layer, path, name, type_name)
    spec.default = _usd_value(type_name, value)
    return spec


def _attribute(layer: Any, path: str, name: str, type_name: str, *, uniform: bool = False) -> Any:
    from pxr import Sdf

    known = layer.GetAttributeAtPath(f"{path}.{name}")
    if known:
        return known
    prim = Sdf.CreatePrimInLayer(layer, path)
    variability = Sdf.VariabilityUniform if uniform else Sdf.VariabilityVarying
    return Sdf.AttributeSpec(prim, name, Sdf.ValueTypeNames.Find(type_name), variability)


def _usd_value(type_name: str, value: EditValue) -> Any:
    from pxr import Gf, Vt

    if type_name == "matrix4d":
        rows = np.array(value, np.float64).reshape(4, 4).T  # USD's matrices act on row vectors
        return Gf.Matrix4d(*(float(v) for v in rows.ravel()))
    if type_name == "int64[]":
        return Vt.Int64Array([int(v) for v in value])  # type: ignore[union-attr]
    vectors = {"color3f": Gf.Vec3f, "float2": Gf.Vec2f, "float4": Gf.Vec4f}
    if type_name in vectors:
        return vectors[type_name](*value)  # type: ignore[misc]
    return value
