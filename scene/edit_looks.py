"""How edits of lights and materials change a snapshot: the tables of what can be set, and the same as reading it would give.

Images come with the edit that uses them (`ImageFile`): the layer gets the path, the snapshot the bytes, and nobody has to
open a file to apply an edit. They are kept by content: the same image under two names is one texture.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.read.materials_signal import decompose, transform
from twinstage.scene.snapshot import Light, Material, Texture, TextureInput


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image: `path` as the layer says it, relative to the stage's folder with forward slashes; `texture`: its bytes."""

    path: str
    texture: Texture

    def __repr__(self) -> str:
        return f"ImageFile({self.path!r})"


@dataclass(frozen=True, slots=True)
class TextureUse:
    """An image that feeds one input of a material, in place of what fed it before.

    The layer defines a UsdUVTexture and a UsdTransform2d of its own for it, so nothing else that an authored texture
    feeds is touched.

    Attributes:
        image: the file.
        channel: "rgb", "r", "g", "b" or "a"; color_space: "sRGB" or "raw"; wrap: mode of both axes.
        scale, bias: of the four channels.
        uv_scale, uv_rotation [degrees], uv_translation: UsdTransform2d of the material's texture coordinates.
    """

    image: ImageFile
    channel: str = "rgb"
    color_space: str = "sRGB"
    wrap: str = "repeat"
    scale: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    bias: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    uv_scale: tuple[float, float] = (1.0, 1.0)
    uv_rotation: float = 0.0
    uv_translation: tuple[float, float] = (0.0, 0.0)


RADIANCE_TYPES: Mapping[str, str] = {
    "inputs:color": "color3f",
    "inputs:intensity": "float",
    "inputs:exposure": "float",
    "inputs:enableColorTemperature": "bool",
    "inputs:colorTemperature": "float",
}
"""What a light's radiance is made of: an edit sets all of them or none, so that it does not depend on what is authored."""

SIZE_TYPES: Mapping[str, str] = {
    "inputs:width": "float",
    "inputs:height": "float",
    "inputs:radius": "float",
    "inputs:length": "float",
}
"""Sizes of lights, in stage units; greater than 0."""

LIGHT_TYPES: Mapping[str, str] = {
    **RADIANCE_TYPES,
    **SIZE_TYPES,
    "inputs:angle": "float",
    "inputs:normalize": "bool",
    "inputs:texture:file": "asset",
}

_SIZES_OF: Mapping[str, tuple[str, ...]] = {
    "rect": ("width", "height"),
    "disk": ("radius",),
    "sphere": ("radius",),
    "cylinder": ("radius", "length"),
}

MATERIAL_FIELDS: Mapping[str, tuple[str, str]] = {
    "inputs:diffuseColor": ("diffuse_color", "color3f"),
    "inputs:emissiveColor": ("emissive_color", "color3f"),
    "inputs:specularColor": ("specular_color", "color3f"),
    "inputs:roughness": ("roughness", "float"),
    "inputs:metallic": ("metallic", "float"),
    "inputs:clearcoat": ("clearcoat", "float"),
    "inputs:clearcoatRoughness": ("clearcoat_roughness", "float"),
    "inputs:opacity": ("opacity", "float"),
    "inputs:opacityThreshold": ("opacity_threshold", "float"),
    "inputs:ior": ("ior", "float"),
}
"""Plain inputs of UsdPreviewSurface: field of `Material`, USD type."""

TEXTURED: Mapping[str, int] = {
    "diffuseColor": 3,
    "emissiveColor": 3,
    "specularColor": 3,
    "normal": 3,
    "roughness": 1,
    "metallic": 1,
    "clearcoat": 1,
    "clearcoatRoughness": 1,
    "opacity": 1,
}
"""Inputs that an edit may give an image, with their channels. The property is `inputs:<name>/texture`."""

TEXTURE = "/texture"
SCALE, BIAS = "/inputs:scale", "/inputs:bias"
"""`inputs:X/inputs:scale` and `inputs:X/inputs:bias`: of the image that feeds X, all four channels."""

DRAWN = ("diffuseColor", "emissiveColor", "metallic", "roughness", "opacity", "normal")
"""Inputs whose number says nothing where an image feeds them; the others hold the image's mean."""

MATERIAL_TYPES: Mapping[str, str] = {
    **{name: type_name for name, (_, type_name) in MATERIAL_FIELDS.items()},
    **{f"inputs:{name}{part}": "float4" for name in DRAWN for part in (SCALE, BIAS)},
    **{f"inputs:{name}{TEXTURE}": "texture" for name in TEXTURED},
}


@dataclass
class Textures:
    """The textures of a snapshot that is being edited; equal contents are kept once."""

    found: tuple[Texture, ...]
    _more: dict[str, Texture] = field(default_factory=dict)

    def index(self, image: ImageFile) -> int:
        """The index of that image's content."""
        for row, texture in enumerate(self.found):
            if texture.hash == image.texture.hash:
                return row
        self._more.setdefault(image.texture.hash, image.texture)
        return len(self.found) + list(self._more).index(image.texture.hash)

    @property
    def all(self) -> tuple[Texture, ...]:
        return (*self.found, *self._more.values()) if self._more else self.found


# --- lights -------------------------------------------------------------------------------------------------------


def edited_light(
    light: Light, values: Mapping[str, Any], path: str, unit: float, textures: Textures
) -> Light:
    """The light with those inputs; `unit`: metres per stage unit. Raises UserError for what the light does not have."""
    if not values:
        return light
    unknown = sorted(set(values) - set(LIGHT_TYPES))
    if unknown:
        raise UserError(f"{path} has no property {unknown[0]!r} that an edit can set")
    if set(values) & set(RADIANCE_TYPES):
        light = replace(light, radiance=_radiance(values, path))
    for name in SIZE_TYPES:
        if name in values:
            light = _sized(light, name.removeprefix("inputs:"), f4(values[name]), path, unit)
    if "inputs:angle" in values:
        if light.kind != "distant":
            raise UserError(f"{path}: only a distant light has an angle, and this is a {light.kind} light")
        light = replace(light, angle=math.radians(f4(values["inputs:angle"])))
    if "inputs:normalize" in values:
        light = replace(light, normalize=bool(values["inputs:normalize"]))
    if "inputs:texture:file" in values:
        if light.kind not in ("dome", "rect"):
            raise UserError(f"{path}: a {light.kind} light shows no image; domes and rectangles do")
        light = replace(light, texture=textures.index(values["inputs:texture:file"]))
    return light


def _sized(light: Light, name: str, value: float, path: str, unit: float) -> Light:
    if name not in _SIZES_OF.get(light.kind, ()):
        raise UserError(f"{path}: a {light.kind} light has no {name}")
    if not value > 0:
        raise UserError(f"{path}: {name} is {value:g}; a light without extent gives no light")
    return replace(light, **{name: value * unit})  # type: ignore[arg-type]


def _radiance(values: Mapping[str, Any], path: str) -> tuple[float, float, float]:
    missing = sorted(set(RADIANCE_TYPES) - set(values))
    if missing:
        raise UserError(
            f"{path}: an edit of a light sets all of {', '.join(RADIANCE_TYPES)} (see {missing[0]})"
        )
    color = np.array(f4s(values["inputs:color"]))
    if values["inputs:enableColorTemperature"]:
        color = color * np.array(blackbody(f4(values["inputs:colorTemperature"])))
    red, green, blue = color * f4(values["inputs:intensity"]) * 2.0 ** f4(values["inputs:exposure"])
    return float(red), float(green), float(blue)


def blackbody(kelvin: float) -> tuple[float, float, float]:
    """Linear rgb of a black body, luminance 1, as UsdLux defines it."""
    from pxr import UsdLux

    r, g, b = UsdLux.BlackbodyTemperatureAsRgb(kelvin)
    return float(r), float(g), float(b)


# --- materials ----------------------------------------------------------------------------------------------------


def edited_material(material: Material, values: Mapping[str, Any], textures: Textures) -> Material:
    """The material with those inputs. Raises UserError for what it does not have."""
    # Images first: a scale or bias beside one is of it.
    for name, value in sorted(
        values.items(), key=lambda item: (not isinstance(item[1], TextureUse), item[0])
    ):
        if name.endswith((SCALE, BIAS)):
            material = _ranged(material, name, f4s(value))
        elif name in MATERIAL_FIELDS:
            material = _plain(material, name, value)
        elif name in MATERIAL_TYPES:
            short = name.removeprefix("inputs:").removesuffix(TEXTURE)
            material = _textured(material, short, value, textures)
        else:
            raise UserError(f"material {material.path} has no input {name!r} that an edit can set")
    return material


def _plain(material: Material, name: str, value: Any) -> Material:
    new = f4s(value) if isinstance(value, tuple) else f4(value)
    kept = tuple(t for t in material.textures if t[0] != name.removeprefix("inputs:"))
    fields: dict[str, Any] = {MATERIAL_FIELDS[name][0]: new, "textures": kept}
    if name == "inputs:diffuseColor":
        fields["vertex_color"] = False
    return replace(material, **fields)


def _ranged(material: Material, name: str, values: tuple[float, ...]) -> Material:
    short, _, part = name.removeprefix("inputs:").partition("/")
    if material.texture(short) is None:
        raise UserError(f"material {material.path} has no texture on {short} to change")
    fields: dict[str, Any] = {part.removeprefix("inputs:"): (values[0], values[1], values[2], values[3])}
    changed = tuple((n, replace(t, **fields) if n == short else t) for n, t in material.textures)
    return replace(material, textures=changed)


def _textured(material: Material, name: str, use: TextureUse, textures: Textures) -> Material:
    if (len(use.channel) == 3) != (TEXTURED[name] == 3):
        raise UserError(
            f"material {material.path}: {name} takes {TEXTURED[name]} channels, not {use.channel!r}"
        )
    turn = math.radians(f4(use.uv_rotation))
    scale, rotation, translation, _ = decompose(transform(f4s(use.uv_scale), turn, f4s(use.uv_translation)))
    source = TextureInput(
        texture=textures.index(use.image),
        channel=use.channel,
        wrap_s=use.wrap,
        wrap_t=use.wrap,
        color_space=use.color_space,
        scale=f4s(use.scale),  # type: ignore[arg-type]
        bias=f4s(use.bias),  # type: ignore[arg-type]
        uv_scale=scale,
        uv_rotation=rotation,
        uv_translation=translation,
    )
    others = {n: t for n, t in material.textures if n != name} | {name: source}
    listed = tuple((n, others[n]) for n in _ORDER if n in others)
    fields: dict[str, Any] = {"textures": listed}
    if name == "diffuseColor":
        fields["vertex_color"] = False
    if name in DRAWN and name != "normal":
        fields[MATERIAL_FIELDS[f"inputs:{name}"][0]] = _DEFAULTS[name]
    elif name != "normal":
        fields[MATERIAL_FIELDS[f"inputs:{name}"][0]] = _mean(use, name)
    return replace(material, **fields)


def _mean(use: TextureUse, name: str) -> Any:
    from twinstage.scene.read.image_facts import mean_color

    mean = mean_color(use.image.texture.data, srgb=use.color_space == "sRGB")
    rgba = [round(m, 6) * s + b for m, s, b in zip(mean, f4s(use.scale), f4s(use.bias), strict=True)]
    if TEXTURED[name] == 3:
        return tuple(round(v, 7) for v in rgba[:3])
    return round(rgba["rgba".index(use.channel)], 7)


_DEFAULTS: Mapping[str, Any] = {
    name: getattr(Material(""), MATERIAL_FIELDS[f"inputs:{name}"][0])
    for name in ("diffuseColor", "emissiveColor", "metallic", "roughness", "opacity")
}
_ORDER = (
    "diffuseColor",
    "emissiveColor",
    "specularColor",
    "metallic",
    "roughness",
    "clearcoat",
    "clearcoatRoughness",
    "opacity",
    "opacityThreshold",
    "ior",
    "occlusion",
    "displacement",
    "normal",
)
"""The order in which a snapshot lists textures."""


def f4(value: Any) -> float:
    """The float32 that a USD float attribute would hold."""
    return float(np.float32(value))


def f4s(values: Any) -> tuple[float, ...]:
    """The same for each of some numbers."""
    return tuple(float(v) for v in np.asarray(values, np.float32))
