"""The parts of a layer that say what things look like: attributes, shaders of its own, bindings. Touches pxr."""

from typing import Any, Protocol

import numpy as np

from twinstage.scene.edit_looks import TEXTURED, ImageFile, TextureUse

OWN = "Twinstage_"
"""How names of the shaders begin that a layer adds to a material."""


class Shaders(Protocol):
    """What has to be known of a material (`author.ShaderPaths`)."""

    @property
    def surface(self) -> str: ...
    @property
    def uv(self) -> str: ...


def texture(layer: Any, material: str, shader: Shaders, name: str, use: TextureUse) -> str:
    """Define the shaders that feed an image into the input of property `name`; returns the path of the texture's."""
    short = name.removeprefix("inputs:").partition("/")[0]
    reader, placed, image = (f"{material}/{OWN}{n}" for n in ("uv", f"{short}_uv", short))
    _shader(layer, reader, "UsdPrimvarReader_float2", "result", "float2")
    set_attribute(layer, reader, "inputs:varname", "string", shader.uv)
    _shader(layer, placed, "UsdTransform2d", "result", "float2")
    _connect(layer, placed, "inputs:in", "float2", f"{reader}.outputs:result")
    set_attribute(layer, placed, "inputs:scale", "float2", use.uv_scale)
    set_attribute(layer, placed, "inputs:rotation", "float", use.uv_rotation)
    set_attribute(layer, placed, "inputs:translation", "float2", use.uv_translation)
    type_name = "float3" if use.channel == "rgb" else "float"
    _shader(layer, image, "UsdUVTexture", use.channel, type_name)
    _connect(layer, image, "inputs:st", "float2", f"{placed}.outputs:result")
    set_attribute(layer, image, "inputs:file", "asset", use.image)
    set_attribute(layer, image, "inputs:sourceColorSpace", "token", use.color_space)
    for axis in ("S", "T"):
        set_attribute(layer, image, f"inputs:wrap{axis}", "token", use.wrap)
    set_attribute(layer, image, "inputs:scale", "float4", use.scale)
    set_attribute(layer, image, "inputs:bias", "float4", use.bias)
    kind = "float" if TEXTURED[short] == 1 else ("normal3f" if short == "normal" else "color3f")
    _connect(layer, shader.surface, f"inputs:{short}", kind, f"{image}.outputs:{use.channel}")
    return image


def bind(layer: Any, path: str, material: str) -> None:
    """Bind a material to a prim and all below it, for all purposes and for previews."""
    from pxr import Sdf, UsdShade

    prim = Sdf.CreatePrimInLayer(layer, path)
    prim.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=["MaterialBindingAPI"]))
    for name in ("material:binding", "material:binding:preview"):
        relationship = Sdf.RelationshipSpec(prim, name, custom=False)
        relationship.targetPathList.explicitItems.append(Sdf.Path(material))
        relationship.SetInfo("bindMaterialAs", UsdShade.Tokens.strongerThanDescendants)


def _shader(layer: Any, path: str, identifier: str, output: str, type_name: str) -> None:
    from pxr import Sdf

    spec = Sdf.CreatePrimInLayer(layer, path)
    spec.specifier, spec.typeName = Sdf.SpecifierDef, "Shader"
    attribute(layer, path, "info:id", "token", uniform=True).default = identifier
    attribute(layer, path, f"outputs:{output}", type_name)


def _connect(layer: Any, path: str, name: str, type_name: str, source: str) -> None:
    spec = attribute(layer, path, name, type_name)
    spec.connectionPathList.ClearEditsAndMakeExplicit()
    spec.connectionPathList.explicitItems.append(source)


def set_attribute(layer: Any, path: str, name: str, type_name: str, value: Any) -> Any:
    """The attribute's spec, with that value as default."""
    spec = attribute(layer, path, name, type_name)
    spec.default = _usd_value(type_name, value)
    return spec


def attribute(layer: Any, path: str, name: str, type_name: str, *, uniform: bool = False) -> Any:
    """The attribute's spec, made where the layer has none."""
    from pxr import Sdf

    known = layer.GetAttributeAtPath(f"{path}.{name}")
    if known:
        return known
    prim = Sdf.CreatePrimInLayer(layer, path)
    variability = Sdf.VariabilityUniform if uniform else Sdf.VariabilityVarying
    return Sdf.AttributeSpec(prim, name, Sdf.ValueTypeNames.Find(type_name), variability)


def _usd_value(type_name: str, value: Any) -> Any:
    from pxr import Gf, Sdf, Vt

    if type_name == "matrix4d":
        rows = np.array(value, np.float64).reshape(4, 4).T  # USD's matrices act on row vectors
        return Gf.Matrix4d(*(float(v) for v in rows.ravel()))
    if type_name == "int64[]":
        return Vt.Int64Array([int(v) for v in value])
    if type_name == "double[]":
        return Vt.DoubleArray([float(v) for v in value])
    vectors = {
        "color3f": Gf.Vec3f,
        "float2": Gf.Vec2f,
        "float4": Gf.Vec4f,
        "double2": Gf.Vec2d,
        "double3": Gf.Vec3d,
        "double4": Gf.Vec4d,
    }
    if type_name in vectors:
        return vectors[type_name](*value)
    if type_name == "asset":
        return Sdf.AssetPath(value.path if isinstance(value, ImageFile) else str(value))
    return value
