"""Materials and images of a document: metallic-roughness, in the terms of UsdPreviewSurface. Plain data."""

from dataclasses import dataclass, field
from typing import Literal

Wrap = Literal["repeat", "mirror", "clamp", "black"]


@dataclass(frozen=True, slots=True)
class Image:
    """An image file: name: what the file called it, with or without ending; data: its bytes; media_type: such as image/png."""

    name: str
    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class Texture:
    """How a material reads an image: value = texel * scale + bias, in the channel(s) named.

    Attributes:
        image: index into Document.images.
        channel: what is taken of it.
        uv_set: which of the mesh's sets of texture coordinates.
        uv_scale, uv_rotation, uv_translation: the coordinates are scaled, turned counter-clockwise [rad] about (0, 0),
            then moved; as UsdTransform2d, with (0, 0) at the lower left of the image.
        color_space: "sRGB" for colours of 8-bit images, "raw" for numbers, "auto": the image says.
        scale, bias: rgba, after linearisation.
    """

    image: int
    channel: Literal["rgb", "r", "g", "b", "a"] = "rgb"
    uv_set: int = 0
    uv_scale: tuple[float, float] = (1.0, 1.0)
    uv_rotation: float = 0.0
    uv_translation: tuple[float, float] = (0.0, 0.0)
    wrap_s: Wrap = "repeat"
    wrap_t: Wrap = "repeat"
    color_space: Literal["sRGB", "raw", "auto"] = "auto"
    scale: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    bias: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Input:
    """A number or a linear rgb colour; where there is a texture, it gives the value and `value` is only its fallback."""

    value: tuple[float, ...]
    texture: Texture | None = None


def number(value: float, texture: Texture | None = None) -> Input:
    """An input of one number."""
    return Input((float(value),), texture)


def color(r: float, g: float, b: float, texture: Texture | None = None) -> Input:
    """An input of linear rgb."""
    return Input((float(r), float(g), float(b)), texture)


@dataclass(frozen=True, slots=True)
class Material:
    """A look. Colours are linear rgb.

    Attributes:
        vertex_color: the mesh's colours are the base colour (times `base_color`, where that is no texture).
        alpha_mode: "opaque" ignores opacity; "mask" cuts at alpha_cutoff; "blend".
        normal: tangent-space normal map: scale 2 and bias -1 (times the file's strength in x and y) make it a vector.
        specular: linear rgb at normal incidence; given, the look is of the specular workflow and `metallic` is not used.
        ior: index of refraction. transmission: 0..1, shown as transparency.
        unlit: drawn in its base colour, whatever the lamps.
    """

    name: str
    base_color: Input = Input((0.8, 0.8, 0.8))
    opacity: Input = Input((1.0,))
    alpha_mode: Literal["opaque", "mask", "blend"] = "opaque"
    alpha_cutoff: float = 0.5
    metallic: Input = Input((0.0,))
    roughness: Input = Input((0.5,))
    specular: Input | None = None
    normal: Texture | None = None
    occlusion: Input = Input((1.0,))
    emissive: Input = Input((0.0, 0.0, 0.0))
    clearcoat: Input = Input((0.0,))
    clearcoat_roughness: Input = Input((0.01,))
    ior: float = 1.5
    transmission: Input = Input((0.0,))
    double_sided: bool = False
    vertex_color: bool = False
    unlit: bool = False
