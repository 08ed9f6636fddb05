"""MaterialX surface shaders in UsdPreviewSurface's terms: the nearest, by MaterialX's own translation graphs.

standard_surface follows `standard_surface_to_usd.mtlx`, open_pbr_surface `open_pbr_to_standard_surface.mtlx` before it
(without the darkening below a coat). Beyond these: transmission lowers the opacity, and a dielectric's specular weight
changes the index of refraction so that the reflectance at normal incidence stays right.
"""

import math
import operator
from collections.abc import Callable

from twinstage.scene.mtlx.arithmetic import binary, mix, resolved
from twinstage.scene.read.materials_look import Surface
from twinstage.scene.read.materials_network import Node
from twinstage.scene.read.materials_signal import Constant, Image, Signal, Vector, channel, mean_of

WHITE: Vector = (1.0, 1.0, 1.0)
CLEAREST = 0.2
"""The least opacity that transmission gives: glass shows its highlights, and a label without a picture helps nobody."""
_IGNORED = ("sheen", "fuzz_weight", "thin_film_thickness", "thin_film_weight", "specular_anisotropy", "iridescence",
            "specular_roughness_anisotropy", "anisotropy_strength", "dispersion", "anisotropic")  # fmt: skip

SurfaceReader = Callable[[Node], Surface]


def standard_surface(node: Node) -> Surface:
    """ND_standard_surface_surfaceshader."""
    return _standard(node, base="base", color="base_color", metal="metalness", specular="specular",
                     ior="specular_IOR", roughness=("specular_roughness", 0.2), coat="coat", coat_roughness=0.1,
                     subsurface=("subsurface", WHITE), transmission="transmission", emission="emission",
                     opacity="opacity", normal="normal")  # fmt: skip


def open_pbr(node: Node) -> Surface:
    """ND_open_pbr_surface_surfaceshader."""
    return _standard(node, base="base_weight", color="base_color", metal="base_metalness", specular="specular_weight",
                     ior="specular_ior", roughness=("specular_roughness", 0.3), coat="coat_weight", coat_roughness=0.0,
                     subsurface=("subsurface_weight", (0.8, 0.8, 0.8)), transmission="transmission_weight",
                     emission="emission_luminance", opacity="geometry_opacity", normal="geometry_normal")  # fmt: skip


def _standard(
    node: Node, *, base: str, color: str, metal: str, specular: str, ior: str, roughness: tuple[str, float], coat: str,
    coat_roughness: float, subsurface: tuple[str, Vector], transmission: str, emission: str, opacity: str, normal: str,
) -> Surface:  # fmt: skip
    out = Surface()
    diffuse = _times(node, node.signal(color, (0.8, 0.8, 0.8)), node.signal(base, 1.0))
    diffuse = mix(
        node, diffuse, node.signal("subsurface_color", subsurface[1]), node.signal(subsurface[0], 0.0), 3
    )
    tint = mix(node, Constant(WHITE), node.signal("coat_color", WHITE), node.signal(coat, 0.0), 3)
    metallic = _single(node, node.signal(metal, 0.0))
    through = 0.0 if mean_of(metallic, 1)[0] >= 1 else node.number(transmission, 0.0)
    diffuse = mix(node, diffuse, node.signal("transmission_color", WHITE), Constant((through,)), 3)
    out.put("diffuseColor", _times(node, diffuse, tint))
    out.put("metallic", metallic)
    out.put("roughness", _single(node, node.signal(*roughness)))
    out.put("ior", Constant((effective_ior(node.number(ior, 1.5), node.number(specular, 1.0)),)))
    out.put("clearcoat", _coat(node, coat))
    out.put("clearcoatRoughness", _single(node, node.signal("coat_roughness", coat_roughness)))
    glow = _times(node, node.signal("emission_color", WHITE), node.signal(emission, 0.0))
    out.put("emissiveColor", _times(node, glow, tint))
    out.put("opacity", _opacity(node, _single(node, node.signal(opacity, 1.0)), through))
    out.put("normal", node.get(normal))
    _tell_ignored(node)
    return out


def gltf_pbr(node: Node) -> Surface:
    """ND_gltf_pbr_surfaceshader."""
    out = Surface()
    out.put("diffuseColor", node.signal("base_color", WHITE))
    out.put("metallic", _single(node, node.signal("metallic", 1.0)))
    out.put("roughness", _single(node, node.signal("roughness", 1.0)))
    out.put("ior", Constant((effective_ior(node.number("ior", 1.5), node.number("specular", 1.0)),)))
    out.put("clearcoat", _single(node, node.signal("clearcoat", 0.0)))
    out.put("clearcoatRoughness", _single(node, node.signal("clearcoat_roughness", 0.0)))
    out.put(
        "emissiveColor", _times(node, node.signal("emissive", 0.0), node.signal("emissive_strength", 1.0))
    )
    out.put("occlusion", node.get("occlusion"))
    mode, through = int(node.number("alpha_mode", 0.0)), node.number("transmission", 0.0)
    alpha = _single(node, node.signal("alpha", 1.0)) if mode else Constant((1.0,))
    out.put("opacity", _opacity(node, alpha, through))
    if mode == 1:
        out.put("opacityThreshold", Constant((node.number("alpha_cutoff", 0.5),)))
        out.opacity_mode = "presence"
    out.put("normal", node.get("normal"))
    _tell_ignored(node)
    return out


def disney(node: Node) -> Surface:
    """ND_disney_principled: specular 0.5 is an index of refraction of 1.5."""
    out = Surface()
    out.put("diffuseColor", node.signal("baseColor", (0.16,) * 3))
    out.put("metallic", _single(node, node.signal("metallic", 0.0)))
    out.put("roughness", _single(node, node.signal("roughness", 0.5)))
    out.put("ior", Constant((effective_ior(node.number("ior", 1.5), 2 * node.number("specular", 0.5)),)))
    out.put("clearcoat", _single(node, node.signal("clearcoat", 0.0)))
    out.put("clearcoatRoughness", Constant((1 - node.number("clearcoatGloss", 1.0),)))
    out.put("opacity", _opacity(node, Constant((1.0,)), node.number("specTrans", 0.0)))
    _tell_ignored(node)
    return out


def unlit(node: Node) -> Surface:
    """ND_surface_unlit: black but for its own light."""
    out = Surface()
    out.put("diffuseColor", Constant((0.0, 0.0, 0.0)))
    out.put("emissiveColor", _times(node, node.signal("emission_color", WHITE), node.signal("emission", 1.0)))
    out.put("roughness", Constant((1.0,)))
    out.put("ior", Constant((1.0,)))
    out.put(
        "opacity",
        _opacity(node, _single(node, node.signal("opacity", 1.0)), node.number("transmission", 0.0)),
    )
    return out


def effective_ior(ior: float, weight: float) -> float:
    """The index of refraction whose reflectance at normal incidence is `weight` times that of `ior`."""
    if ior <= 0:
        return 1.0
    f0 = min(max(((ior - 1) / (ior + 1)) ** 2 * max(weight, 0.0), 0.0), 0.98)
    if weight == 1 and ior >= 1:
        return ior
    root = math.sqrt(f0)
    return (1 + root) / (1 - root)


def _times(node: Node, a: Signal, b: Signal) -> Signal:
    if isinstance(b, Constant) and set(b.values) == {1.0}:
        return a
    return binary(node, operator.mul, a, b, 3)


def _single(node: Node, signal: Signal) -> Signal:
    """One number: of a constant colour the mean, of an image its first channel."""
    if isinstance(signal, Constant):
        return Constant((sum(signal.values) / len(signal.values),))
    return channel(signal, 0) if isinstance(signal, Image) else resolved(node, signal, 1)


def _coat(node: Node, name: str) -> Signal:
    """The coat's weight times the mean of its colour."""
    color = mean_of(node.signal("coat_color", WHITE), 3)
    return binary(node, operator.mul, _single(node, node.signal(name, 0.0)), Constant((sum(color) / 3,)), 1)


def _opacity(node: Node, opacity: Signal, transmission: float) -> Signal:
    if transmission <= 0:
        return opacity
    node.note(
        "material.nearest",
        f"transmits light: it is shown as a surface of opacity {max(1 - transmission, CLEAREST):g}",
    )
    return binary(node, operator.mul, opacity, Constant((max(1 - min(transmission, 1.0), CLEAREST),)), 1)


def _tell_ignored(node: Node) -> None:
    names = [
        name
        for name in _IGNORED
        if node.shader.GetInput(name) and mean_of(node.signal(name, 0.0), 1) != (0.0,)
    ]
    if names:
        node.note("material.nearest", f"has inputs that UsdPreviewSurface does not know: {', '.join(names)}")


def blend(node: Node, background: Surface, foreground: Surface, share: Signal) -> Surface:
    """Two surfaces mixed input by input."""
    out = Surface(foreground.inputs.copy() if mean_of(share, 1)[0] >= 0.5 else background.inputs.copy())
    for name in [name for name in background.inputs if name in foreground.inputs]:
        width = 3 if name in ("diffuseColor", "emissiveColor", "specularColor", "normal") else 1
        a, b = background.inputs[name], foreground.inputs[name]
        out.inputs[name] = a if a == b else mix(node, a, b, share, width)
    out.opacity_mode = background.opacity_mode
    return out


SURFACES: dict[str, SurfaceReader] = {
    "standard_surface": standard_surface,
    "open_pbr_surface": open_pbr,
    "gltf_pbr": gltf_pbr,
    "disney_principled": disney,
    "surface_unlit": unlit,
}
"""Readers by category; `UsdPreviewSurface` and those of `lobes` join them."""
