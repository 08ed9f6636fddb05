"""Following connections in a shading network: what value an input has, or which shader output feeds it."""

from dataclasses import dataclass
from typing import Any

from twinstage.scene.read.context import ReadContext


@dataclass(frozen=True, slots=True)
class Source:
    """A shader that feeds an input: `shader` UsdShade.Shader, `output` the name of its output, `id` its shader id."""

    shader: Any
    output: str
    id: str


def shader_id(shader: Any) -> str:
    """The shader's id, or for MDL the sub-identifier; "" where it has neither."""
    identifier = shader.GetShaderId()
    if identifier:
        return str(identifier)
    mdl = shader.GetPrim().GetAttribute("info:mdl:sourceAsset:subIdentifier")
    return str(mdl.Get()) if mdl and mdl.Get() else ""


def follow(shader_input: Any) -> tuple[Any, Source | None]:
    """The attribute that holds the input's value, or the shader that feeds it; (None, None) where there is neither.

    Interface inputs of materials and node graphs are looked through.
    """
    from pxr import UsdShade

    if not shader_input:
        return None, None
    found = UsdShade.Utils.GetValueProducingAttributes(shader_input)
    if not found:
        return None, None
    attribute = found[0]
    if UsdShade.Output.IsOutput(attribute):
        shader = UsdShade.Shader(attribute.GetPrim())
        return None, Source(shader, str(UsdShade.Output(attribute).GetBaseName()), shader_id(shader))
    return attribute, None


def value(context: ReadContext, shader: Any, name: str, default: Any) -> Any:
    """The constant value of a shader's input; `default` where it has none or is fed by a shader."""
    attribute, _ = follow(shader.GetInput(name))
    found = attribute.Get(context.time) if attribute is not None else None
    return default if found is None else found


def floats(values: Any, count: int) -> tuple[float, ...]:
    """A Gf vector, or a number for all, as a tuple."""
    try:
        return tuple(float(v) for v in list(values)[:count])
    except TypeError:
        return (float(values),) * count
