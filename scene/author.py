"""Edits -> the text of a USD layer, and what has to be known of a stage for it. Touches pxr.

The layer holds opinions only (`over`), apart from cameras and lights that a recipe adds (`def`). It repeats the stage's units
and up axis, so that it can be a session layer, a sublayer, or the root layer above the stage.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twinstage.base.errors import UserError
from twinstage.scene.author_looks import attribute, bind, set_attribute, texture
from twinstage.scene.edit_looks import TEXTURE, TEXTURED, TextureUse
from twinstage.scene.edits import (
    BINDING,
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
    """Where a material's preview surface is, the textures that feed its inputs, by input name, and their uv primvar."""

    surface: str
    textures: Mapping[str, str] = field(default_factory=dict)
    uv: str = "st"


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
                textures = _texture_paths(surface)
                uv = _uv_primvar(stage, textures)
                out[str(prim.GetPath())] = ShaderPaths(str(surface.GetPath()), textures, uv)
    return out


def _texture_paths(surface: Any) -> dict[str, str]:
    from pxr import UsdShade

    out = {}
    for shader_input in surface.GetInputs():
        for source in UsdShade.Utils.GetValueProducingAttributes(shader_input):
            shader = UsdShade.Shader(source.GetPrim())
            if shader and shader.GetShaderId() == "UsdUVTexture":
                out[str(shader_input.GetBaseName())] = str(shader.GetPath())
    return out


def _uv_primvar(stage: Any, textures: Mapping[str, str]) -> str:
    """The primvar that the first texture's coordinates come from, as the snapshot's readers choose it."""
    from pxr import UsdShade

    path = next((textures[name] for name in TEXTURED if name in textures), None)
    for _ in range(8 if path else 0):
        shader = UsdShade.Shader(stage.GetPrimAtPath(path))
        reads = str(shader.GetShaderId() or "").startswith("UsdPrimvarReader_")
        shader_input = shader.GetInput("varname" if reads else "in") or shader.GetInput("st")
        found = UsdShade.Utils.GetValueProducingAttributes(shader_input) if shader_input else ()
        if not found:
            break
        if reads:
            return str(found[0].Get() or "st")
        path = str(found[0].GetPrim().GetPath())
    return "st"


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
    own: dict[str, str] = {}
    # Images first: a tint may be of one of them.
    for name, value in sorted(
        values.items(), key=lambda item: (not isinstance(item[1], TextureUse), item[0])
    ):
        if name.startswith(VARIANTS):
            _select_variant(layer, path, name.removeprefix(VARIANTS), str(value))
        elif name == BINDING:
            bind(layer, path, str(value))
        elif path in shaders and isinstance(value, TextureUse):
            own[name.removesuffix(TEXTURE)] = texture(layer, path, shaders[path], name, value)
        elif path in shaders and name in MATERIAL_TYPES:
            _author_input(layer, shaders[path], name, value, own)
        elif name in PROPERTY_TYPES or name in LIGHT_TYPES:
            set_attribute(layer, path, name, PROPERTY_TYPES.get(name) or LIGHT_TYPES[name], value)
        else:
            raise UserError(
                f"{path}: {name!r} cannot be authored; a material needs a UsdPreviewSurface for it"
            )
    if "inputs:texture:file" in values:
        set_attribute(layer, path, "inputs:texture:format", "token", "latlong")
    if TRANSFORM in values:
        order = [TRANSFORM] if not resets else ["!resetXformStack!", TRANSFORM]
        _set_order(layer, path, order)


def _author_input(
    layer: Any, shader: ShaderPaths, name: str, value: EditValue, images: Mapping[str, str]
) -> None:
    """`images`: by input, the textures that this layer has given the material."""
    on_surface, _, on_texture = name.partition("/")
    path, own = shader.surface, name
    if on_texture:
        path = images.get(on_surface) or _own_texture(shader, on_surface.removeprefix("inputs:"))
        own = on_texture
    spec = set_attribute(layer, path, own, MATERIAL_TYPES[name], value)
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
        listed = attribute(layer, prim.path, f"semantics:labels:{taxonomy}", "token[]")
        listed.default = list(labels)
    set_attribute(layer, prim.path, TRANSFORM, "matrix4d", prim.world)
    _set_order(layer, prim.path, [TRANSFORM])
    for name, type_name, value in prim.attributes:
        set_attribute(layer, prim.path, name, type_name, value)


def _set_order(layer: Any, path: str, order: list[str]) -> None:
    from pxr import Vt

    spec = attribute(layer, path, "xformOpOrder", "token[]", uniform=True)
    spec.default = Vt.TokenArray(order)
