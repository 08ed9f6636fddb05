"""MDL materials of Omniverse: the constants and textures that UsdPreviewSurface knows, and one finding for the rest.

MDL is code that only NVIDIA's compiler runs. The known materials below are read by the names of their inputs.
"""

import math
import operator
from collections.abc import Callable

from twinstage.scene.mtlx.arithmetic import binary, mix
from twinstage.scene.read.materials_look import Surface
from twinstage.scene.read.materials_network import Node
from twinstage.scene.read.materials_preview import preview_surface
from twinstage.scene.read.materials_signal import (
    IDENTITY,
    Affine,
    Constant,
    Image,
    Signal,
    channel,
    compose,
    mean_of,
    scaled,
    transform,
)
from twinstage.scene.read.materials_usd import read_image

_WRAPS = ("clamp", "repeat", "mirror", "black")
"""MDL's tex::wrap_mode by number: wrap_clamp, wrap_repeat, wrap_mirrored_repeat, wrap_clip."""


class Reader:
    """The inputs of an MDL shader; what was asked for is kept, so that the finding can name the rest."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.used: set[str] = set()

    def signal(self, name: str, default: float | tuple[float, ...]) -> Signal:
        self.used.add(name)
        return self.node.signal(name, default)

    def number(self, name: str, default: float) -> float:
        self.used.add(name)
        return self.node.number(name, default)

    def flag(self, name: str, *, default: bool = False) -> bool:
        return self.number(name, float(default)) > 0.5

    def vector(self, name: str, default: float | tuple[float, ...], width: int) -> tuple[float, ...]:
        self.used.add(name)
        return self.node.vector(name, default, width)

    def image(self, name: str, *, space: str, width: int = 3) -> Image | None:
        """A texture input, None where it is empty or unreadable."""
        self.used.add(name)
        attribute = self.node.shader.GetInput(name)
        if not attribute or not attribute.Get() or not str(getattr(attribute.Get(), "path", attribute.Get())):
            return None
        wraps = (_wrap(self.number("wrap_u", 1.0)), _wrap(self.number("wrap_v", 1.0)))
        found = read_image(
            self.node, wraps=wraps, space=space, fallback=(0.5,), uv=None, before=self.placement(), name=name
        )
        if found is None:
            return None
        return found if width == 3 else _single(found)

    def placement(self) -> Affine:
        """OmniPBR's texture transform: rotate, scale, translate about the origin of the texture."""
        scale, turn = self.vector("texture_scale", 1.0, 2), self.number("texture_rotate", 0.0)
        shift = self.vector("texture_translate", 0.0, 2)
        if (scale, turn, shift) == ((1.0, 1.0), 0.0, (0.0, 0.0)):
            return IDENTITY
        turned = transform((1.0, 1.0), math.radians(turn), (0.0, 0.0))
        return compose(((scale[0], 0.0, shift[0]), (0.0, scale[1], shift[1])), turned)

    def rest(self) -> list[str]:
        """Inputs with a value that were not asked for."""
        return sorted(
            {str(i.GetBaseName()) for i in self.node.shader.GetInputs() if i.GetAttr().HasAuthoredValue()}
            - self.used
        )


def mdl_surface(node: Node) -> Surface | None:
    """The surface of a known MDL material, with its finding; None for unknown ones."""
    name = node.id.split("(")[0].rsplit("::", 1)[-1]
    read = MATERIALS.get(name)
    if read is None:
        return None
    reader = Reader(node)
    surface = read(reader)
    rest = reader.rest()
    listed = f"; left out: {', '.join(rest[:12])}{' ...' if len(rest) > 12 else ''}" if rest else ""
    node.note("material.mdl", f"is MDL {name!r}, shown as the nearest UsdPreviewSurface{listed}")
    return surface


def _wrap(number: float) -> str:
    return _WRAPS[int(number)] if 0 <= number < len(_WRAPS) else "repeat"


def _single(image: Image) -> Image:
    out = channel(image, 0)
    assert isinstance(out, Image)
    return out


def omni_pbr(r: Reader) -> Surface:
    """OmniPBR and OmniPBR_Opacity."""
    out = Surface()
    out.put("diffuseColor", _albedo(r))
    orm = r.image("ORM_texture", space="raw") if r.flag("enable_ORM_texture") else None
    r.used.add("ORM_texture")
    out.put("roughness", _influenced(r, "reflection_roughness_constant", 0.5, "reflectionroughness_texture",
                                     "reflection_roughness_texture_influence", orm, 1))  # fmt: skip
    out.put(
        "metallic",
        _influenced(r, "metallic_constant", 0.0, "metallic_texture", "metallic_texture_influence", orm, 2),
    )
    ao = channel(orm, 0) if orm is not None else r.image("ao_texture", space="raw", width=1)
    share = r.number("ao_to_diffuse", 0.0)
    if ao is not None and share > 0:
        out.put("occlusion", mix(r.node, Constant((1.0,)), ao, Constant((share,)), 1))
    out.put("ior", Constant((_ior_of_level(r.number("specular_level", 0.5)),)))
    _normal(r, out, "normalmap_texture", "bump_factor")
    if r.flag("enable_emission"):
        _emission(r, out)
    if r.flag("enable_opacity"):
        _opacity(r, out)
    return out


def _albedo(r: Reader) -> Signal:
    """(texture * brightness + add) * tint; of a constant only the tint counts. Desaturation is left out."""
    picture = r.image("diffuse_texture", space="auto")
    plain, tint = (
        r.signal("diffuse_color_constant", (0.2,) * 3),
        Constant(r.vector("diffuse_tint", (1.0,) * 3, 3)),
    )
    add, gain = r.number("albedo_add", 0.0), r.number("albedo_brightness", 1.0)
    out: Signal = plain
    if picture is not None:
        out = scaled(picture, (gain,) * 3, (add,) * 3) or picture
    return out if set(tint.values) == {1.0} else binary(r.node, operator.mul, out, tint, 3)


def _influenced(
    r: Reader, constant: str, default: float, texture: str, influence: str, orm: Image | None, index: int
) -> Signal:
    """The constant, blended into its texture (or a channel of the packed one) by the influence."""
    plain = Constant((r.number(constant, default),))
    share = r.number(influence, 0.0)
    own = r.image(texture, space="raw", width=1)
    picture = channel(orm, index) if orm is not None else own
    return plain if picture is None else mix(r.node, plain, picture, Constant((share,)), 1)


def _normal(r: Reader, out: Surface, texture: str, strength: str) -> None:
    picture, force = r.image(texture, space="raw"), r.number(strength, 1.0)
    flip_u, flip_v = r.flag("flip_tangent_u"), r.flag("flip_tangent_v", default=True)
    r.used.update(("detail_bump_factor",) if r.number("detail_bump_factor", 0.3) == 0.3 else ())
    if picture is None:
        return
    su, sv = (-force if flip_u else force), (force if flip_v else -force)
    out.put("normal", scaled(picture, (2 * su, 2 * sv, 2.0), (-su, -sv, -1.0)))


def _emission(r: Reader, out: Surface) -> None:
    color: Signal = r.signal("emissive_color", (1.0, 0.1, 0.1))
    picture = r.image("emissive_color_texture", space="auto")
    mask = r.image("emissive_mask_texture", space="raw")
    if picture is not None:
        color = binary(r.node, operator.mul, picture, color, 3)
    elif mask is not None:
        color = binary(r.node, operator.mul, mask, color, 3)
    out.put(
        "emissiveColor",
        binary(r.node, operator.mul, color, Constant((r.number("emissive_intensity", 40.0),)), 3),
    )


def _opacity(r: Reader, out: Surface) -> None:
    plain = Constant((r.number("opacity_constant", 1.0),))
    picture = r.image("opacity_texture", space="raw") if r.flag("enable_opacity_texture") else None
    r.used.add("opacity_texture")
    if picture is None:
        out.put("opacity", plain)
    else:
        mode = int(r.number("opacity_mode", 1.0))  # 0: alpha, 1: average, 2: luminance, 3: largest
        out.put("opacity", binary(r.node, operator.mul, channel(picture, 3 if mode == 0 else 0), plain, 1))
    threshold = r.number("opacity_threshold", 0.0)
    if threshold > 0:
        out.put("opacityThreshold", Constant((threshold,)))
        out.opacity_mode = "presence"


def _ior_of_level(level: float) -> float:
    """Specular level: 0.5 is a reflectance of 0.04."""
    root = math.sqrt(min(max(0.08 * level, 0.0), 0.9))
    return (1 + root) / (1 - root)


def clear_coat(r: Reader) -> Surface:
    """OmniPBR_ClearCoat."""
    out = omni_pbr(r)
    if r.flag("enable_clearcoat"):
        weight = r.number("clearcoat_weight", 1.0)
        out.put("clearcoat", Constant((weight,)))
        out.put("clearcoatRoughness", Constant((r.number("clearcoat_reflection_roughness", 0.0),)))
        tint = mix(
            r.node, Constant((1.0,) * 3), r.signal("clearcoat_tint", (1.0,) * 3), Constant((weight,)), 3
        )
        if mean_of(tint, 3) != (1.0,) * 3:
            out.put("diffuseColor", binary(r.node, operator.mul, out.inputs["diffuseColor"], tint, 3))
    return out


GLASS_OPACITY = 0.2


def omni_glass(r: Reader) -> Surface:
    """OmniGlass: a clear surface of its colour and index of refraction."""
    out = Surface()
    picture = r.image("glass_color_texture", space="auto")
    out.put("diffuseColor", picture if picture is not None else r.signal("glass_color", (1.0,) * 3))
    out.put("roughness", Constant((r.number("frosting_roughness", 0.0),)))
    out.put("ior", Constant((r.number("glass_ior", 1.491),)))
    cut = r.number("cutout_opacity", 1.0) if r.flag("enable_opacity") else 1.0
    out.put("opacity", Constant((GLASS_OPACITY * cut,)))
    _normal(r, out, "normal_map_texture", "normal_map_strength")
    return out


def omni_surface(r: Reader) -> Surface:
    """OmniSurface, OmniSurfaceLite and OmniSurfaceBase."""
    out = Surface()
    weight = r.number("diffuse_reflection_weight", 0.8)
    picture = r.image("diffuse_reflection_color_image", space="auto")
    color: Signal = picture if picture is not None else r.signal("diffuse_reflection_color", (1.0,) * 3)
    metal = r.number("metalness", 0.0)
    out.put(
        "diffuseColor", color if metal >= 1 else binary(r.node, operator.mul, color, Constant((weight,)), 3)
    )
    out.put("metallic", Constant((metal,)))
    rough = r.image("specular_reflection_roughness_image", space="raw", width=1)
    plain = Constant((r.number("specular_reflection_roughness", 0.2),))
    out.put("roughness", rough if rough is not None else plain)
    out.put("ior", Constant((r.number("specular_reflection_ior", 1.5),)))
    out.put("clearcoat", Constant((r.number("coat_weight", 0.0),)))
    out.put("clearcoatRoughness", Constant((r.number("coat_roughness", 0.0),)))
    through = 1.0 if r.flag("enable_specular_transmission") else 0.0
    through *= r.number("specular_transmission_weight", 0.0)
    opacity = r.number("geometry_opacity", 1.0) if r.flag("enable_opacity") else 1.0
    out.put("opacity", Constant((opacity * max(1 - through, GLASS_OPACITY),)))
    if r.number("emission_weight", 0.0) > 0:
        strength = r.number("emission_weight", 0.0) * r.number("emission_intensity", 1.0)
        out.put(
            "emissiveColor",
            binary(r.node, operator.mul, r.signal("emission_color", 1.0), Constant((strength,)), 3),
        )
    _normal(r, out, "geometry_normal_image", "geometry_normal_strength")
    return out


def gltf_material(r: Reader) -> Surface:
    """gltf/pbr.mdl's gltf_material, without gltf_texture_lookup nodes (their constants are read)."""
    out = Surface()
    picture = r.image("base_color_texture", space="auto")
    factor = r.signal("base_color_factor", (1.0,) * 3)
    out.put("diffuseColor", factor if picture is None else binary(r.node, operator.mul, picture, factor, 3))
    packed = r.image("metallic_roughness_texture", space="raw")
    for name, field, index in (("metallic", "metallic_factor", 2), ("roughness", "roughness_factor", 1)):
        plain = Constant((r.number(field, 1.0),))
        out.put(
            name, plain if packed is None else binary(r.node, operator.mul, channel(packed, index), plain, 1)
        )
    out.put("emissiveColor", binary(r.node, operator.mul, r.signal("emissive_factor", 0.0),
                                    Constant((r.number("emissive_strength", 1.0),)), 3))  # fmt: skip
    mode = int(r.number("alpha_mode", 0.0))
    if mode:
        out.put("opacity", Constant((r.number("base_alpha", 1.0),)))
    if mode == 1:
        out.put("opacityThreshold", Constant((r.number("alpha_cutoff", 0.5),)))
        out.opacity_mode = "presence"
    _normal(r, out, "normal_texture", "normal_scale_factor")
    return out


def _preview(r: Reader) -> Surface:
    r.used.update(str(i.GetBaseName()) for i in r.node.shader.GetInputs())
    return preview_surface(r.node)


MATERIALS: dict[str, Callable[[Reader], Surface]] = {
    **dict.fromkeys(("OmniPBR", "OmniPBR_Opacity", "OmniPBRBase"), omni_pbr),
    **dict.fromkeys(("OmniPBR_ClearCoat", "OmniPBR_ClearCoat_Opacity"), clear_coat),
    **dict.fromkeys(("OmniGlass", "OmniGlass_Opacity"), omni_glass),
    **dict.fromkeys(
        ("OmniSurface", "OmniSurfaceLite", "OmniSurfaceBase", "OmniSurfaceLiteBase"), omni_surface
    ),
    "gltf_material": gltf_material,
    "UsdPreviewSurface": _preview,
}
"""Readers by sub-identifier."""
