"""Following connections in a shading network: what value an input has, or which shader output feeds it.

As `UsdShade.Utils.GetValueProducingAttributes`, but bounded: that recurses once for each connection, so that a file of two
megabytes can overflow the stack.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_HOPS = 256
"""Connections that one wire may have between two shaders; longer ones end there, as if they had no source."""


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


def follow(shader_input: Any, cut: Callable[[], None] | None = None) -> tuple[Any, Source | None]:
    """The attribute that holds the input's value, or the shader that feeds it; (None, None) where there is neither.

    Interface inputs of materials and node graphs, and outputs of node graphs, are looked through. Where what is connected
    has no value, the last attribute on the way there that has one counts. `cut` is called where the way is a loop or longer
    than MAX_HOPS.
    """
    return follow_attribute(shader_input.GetAttr(), cut) if shader_input else (None, None)


def follow_attribute(attribute: Any, cut: Callable[[], None] | None = None) -> tuple[Any, Source | None]:
    """`follow` for an input or output attribute."""
    from pxr import UsdShade

    valued = None
    for _ in range(MAX_HOPS):
        if attribute.HasAuthoredValue():
            valued = attribute
        sources = (
            UsdShade.ConnectableAPI.GetConnectedSources(attribute)[0]
            if attribute.HasAuthoredConnections()
            else []
        )
        if not sources:
            return valued, None
        found = sources[0]
        prim, name = found.source.GetPrim(), str(found.sourceName)
        if found.sourceType == UsdShade.AttributeType.Output and not found.source.IsContainer():
            shader = UsdShade.Shader(prim)
            return None, Source(shader, name, shader_id(shader))
        kind = "outputs" if found.sourceType == UsdShade.AttributeType.Output else "inputs"
        attribute = prim.GetAttribute(f"{kind}:{name}")
        if not attribute:
            return valued, None
    if cut is not None:
        cut()
    return valued, None


def terminal_source(material: Any, context: str, terminal: str = "surface") -> Source | None:
    """The shader of a material's terminal for exactly that render context ("" the universal one); None where it has none."""
    name = f"outputs:{context}:{terminal}" if context else f"outputs:{terminal}"
    attribute = material.GetPrim().GetAttribute(name)
    return follow_attribute(attribute)[1] if attribute else None
