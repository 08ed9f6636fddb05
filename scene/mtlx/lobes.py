"""MaterialX surfaces built of BSDF and EDF nodes, and mixes of surface shaders: the nearest single surface."""

import operator
from collections.abc import Callable
from dataclasses import replace

from twinstage.scene.mtlx.arithmetic import binary
from twinstage.scene.mtlx.ids import parse
from twinstage.scene.mtlx.surfaces import SURFACES, SurfaceReader, blend, effective_ior
from twinstage.scene.read.materials_look import Surface
from twinstage.scene.read.materials_network import MAX_DEPTH, Node
from twinstage.scene.read.materials_preview import preview_surface
from twinstage.scene.read.materials_signal import Constant, elementwise, mean_of
from twinstage.scene.read.shading import Source, follow

METAL_F0 = 0.25
"""Reflectance at normal incidence from which a lobe is taken for a metal."""


def surface_of(node: Node, depth: int = 0) -> Surface | None:
    """The surface that a MaterialX surface shader, BSDF or EDF node stands for; None where its id is unknown."""
    found = parse(node.id, READERS)
    if found is None:
        return None
    if depth >= MAX_DEPTH:
        node.note("material.network", f"hangs deeper than {MAX_DEPTH} nodes: it is left out")
        return None
    category, type_name = found
    typed = replace(node, type=type_name)
    if category in SURFACES:
        return SURFACES[category](typed)
    if category == "UsdPreviewSurface":
        return preview_surface(typed)
    return LOBES[category](typed, depth)


def _below(node: Node, name: str, depth: int) -> Surface | None:
    """The surface that feeds an input."""
    _, source = follow(node.shader.GetInput(name))
    if source is None:
        return None
    known, key = node.network.surfaces, (str(source.shader.GetPath()), source.output)
    if key not in known:  # a surface that many layers share is evaluated once
        known[key] = surface_of(_node(node, source), depth + 1)
    found = known[key]
    return None if found is None else replace(found, inputs=dict(found.inputs))


def _node(node: Node, source: Source) -> Node:
    return Node(node.network, source.shader, source.output, source.id)


def _surface(node: Node, depth: int) -> Surface:
    out = _below(node, "bsdf", depth) or Surface({"diffuseColor": Constant((0.0,) * 3)})
    glow = _below(node, "edf", depth)
    if glow is not None and "emissiveColor" in glow.inputs:
        out.inputs["emissiveColor"] = glow.inputs["emissiveColor"]
    opacity = node.get("opacity")
    if opacity is not None:
        out.inputs["opacity"] = binary(
            node, operator.mul, out.inputs.get("opacity", Constant((1.0,))), opacity, 1
        )
    return out


def _diffuse(node: Node, depth: int) -> Surface:
    color = binary(node, operator.mul, node.signal("color", (0.18,) * 3), node.signal("weight", 1.0), 3)
    out = Surface({"diffuseColor": color, "roughness": Constant((1.0,)), "ior": Constant((1.0,))})
    out.put("normal", node.get("normal"))
    return out


def _dielectric(node: Node, depth: int) -> Surface:
    ior = effective_ior(node.number("ior", 1.5), node.number("weight", 1.0))
    out = Surface({"roughness": _rough(node), "ior": Constant((ior,)), "diffuseColor": Constant((0.0,) * 3)})
    if "T" in node.text("scatter_mode", "R"):
        node.note("material.nearest", "transmits light: it is shown as a surface of opacity 0.2")
        out.put("opacity", Constant((0.2,)))
        out.put("diffuseColor", node.signal("tint", 1.0))
    out.put("normal", node.get("normal"))
    return out


def _conductor(node: Node, depth: int) -> Surface:
    n, k = node.vector("ior", (0.183, 0.421, 1.373), 3), node.vector("extinction", (3.424, 2.346, 1.77), 3)
    f0 = elementwise(lambda a, b: ((a - 1) ** 2 + b * b) / ((a + 1) ** 2 + b * b), n, k, 3)
    return Surface({"diffuseColor": Constant(f0), "metallic": Constant((1.0,)), "roughness": _rough(node)})


def _schlick(node: Node, depth: int) -> Surface:
    color = node.vector("color0", 1.0, 3)
    if max(color) >= METAL_F0:
        return Surface(
            {"diffuseColor": Constant(color), "metallic": Constant((1.0,)), "roughness": _rough(node)}
        )
    root = max(max(color), 0.0) ** 0.5
    ior = Constant(((1 + root) / (1 - root),))
    return Surface({"roughness": _rough(node), "ior": ior, "diffuseColor": Constant((0.0,) * 3)})


def _rough(node: Node) -> Constant:
    """A BSDF's roughness is alpha, a surface's its root."""
    return Constant((max(node.vector("roughness", 0.05, 2)[0], 0.0) ** 0.5,))


def _glow(node: Node, depth: int) -> Surface:
    return Surface({"emissiveColor": node.signal("color", (1.0,) * 3)})


def _layer(node: Node, depth: int) -> Surface:
    top, base = _below(node, "top", depth), _below(node, "base", depth)
    if top is None or base is None:
        return base or top or Surface()
    if mean_of(base.inputs.get("metallic", Constant((0.0,))), 1)[0] >= 0.5:
        base.put("clearcoat", Constant((1.0,)))
        base.put("clearcoatRoughness", top.inputs.get("roughness"))
        return base
    for name in ("roughness", "ior"):
        base.put(name, top.inputs.get(name))
    return base


def _mixed(node: Node, depth: int) -> Surface:
    bg, fg = _below(node, "bg", depth), _below(node, "fg", depth)
    if bg is None or fg is None:
        return bg or fg or Surface()
    return blend(node, bg, fg, node.signal("mix", 0.0))


def _added(node: Node, depth: int) -> Surface:
    first, second = _below(node, "in1", depth), _below(node, "in2", depth)
    out = first or second or Surface()
    for name, signal in (second.inputs if second is not None else {}).items():
        known = out.inputs.get(name)
        if known is None or (name in ("diffuseColor", "emissiveColor") and mean_of(known, 3) == (0.0,) * 3):
            out.inputs[name] = signal
    return out


def _multiplied(node: Node, depth: int) -> Surface:
    out, factor = _below(node, "in1", depth) or Surface(), node.signal("in2", 1.0)
    for name in ("diffuseColor", "emissiveColor"):
        if name in out.inputs:
            out.inputs[name] = binary(node, operator.mul, out.inputs[name], factor, 3)
    return out


def _same(node: Node, depth: int) -> Surface:
    return _below(node, "in", depth) or Surface()


def _converted(node: Node, depth: int) -> Surface:
    """A colour used as a surface shader glows, as surface_unlit does."""
    return Surface({"diffuseColor": Constant((0.0,) * 3), "emissiveColor": node.signal("in", 0.0)})


LOBES: dict[str, Callable[[Node, int], Surface]] = {
    "surface": _surface,
    **dict.fromkeys(
        ("oren_nayar_diffuse_bsdf", "burley_diffuse_bsdf", "subsurface_bsdf", "translucent_bsdf"), _diffuse
    ),
    "dielectric_bsdf": _dielectric,
    "conductor_bsdf": _conductor,
    "generalized_schlick_bsdf": _schlick,
    **dict.fromkeys(("uniform_edf", "conical_edf", "generalized_schlick_edf"), _glow),
    "layer": _layer,
    "mix": _mixed,
    "add": _added,
    "multiply": _multiplied,
    "dot": _same,
    "convert": _converted,
}
"""Readers by category, for nodes that have surfaces, BSDFs or EDFs as inputs or outputs."""
READERS: dict[str, SurfaceReader | Callable[[Node, int], Surface]] = {
    **SURFACES,
    **LOBES,
    "UsdPreviewSurface": preview_surface,
}
