"""Nodes of the UsdPreviewSurface specification: UsdUVTexture, UsdTransform2d and UsdPrimvarReader of all types."""

import math
from dataclasses import replace
from typing import Any

from twinstage.scene.read.materials_network import Evaluator, Node, color_space, is_srgb
from twinstage.scene.read.materials_signal import (
    IDENTITY,
    Affine,
    Constant,
    Coordinates,
    Image,
    Signal,
    Text,
    Varying,
    channel,
    compose,
    decompose,
    fit,
    transform,
)
from twinstage.scene.read.shading import follow
from twinstage.scene.read.textures import Found
from twinstage.scene.snapshot import TextureInput

DEFAULT_UV = "st"
_WRAPS = ("black", "clamp", "repeat", "mirror")
_CHANNELS = {"r": 0, "g": 1, "b": 2, "a": 3}


def uv_texture(node: Node) -> Signal | None:
    """UsdUVTexture: the image, or `fallback` where it cannot be read."""
    scale, bias = node.vector("scale", (1.0,) * 4, 4), node.vector("bias", (0.0,) * 4, 4)
    fallback = node.vector("fallback", (0.0, 0.0, 0.0, 1.0), 4)
    image = read_image(
        node,
        wraps=(wrap(node.text("wrapS", "useMetadata")), wrap(node.text("wrapT", "useMetadata"))),
        space=node.text("sourceColorSpace", "auto"),
        fallback=tuple((f - b) / s if s else 0.0 for f, s, b in zip(fallback, scale, bias, strict=True)),
        uv=node.get("st"),
    )
    if image is None:
        return Constant(fallback[:3] if node.output not in _CHANNELS else (fallback[_CHANNELS[node.output]],))
    source = replace(image.source, scale=fit(scale, 4), bias=fit(bias, 4))  # type: ignore[arg-type]
    said = all(wrap(node.text(name, "")) == node.text(name, "") for name in ("wrapS", "wrapT"))
    bare = not said and "<UDIM>" not in node.text("file", "")
    out = replace(image, source=source, width=4 if node.output == "rgba" else 3, unwrapped=bare)
    return channel(out, _CHANNELS[node.output]) if node.output in _CHANNELS else out


def wrap(token: str) -> str:
    """A wrap mode of ours. `useMetadata` asks the image; PNG and JPEG have nothing to say, which means black."""
    return token if token in _WRAPS else "black"


def read_image(
    node: Node,
    *,
    wraps: tuple[str, str],
    space: str,
    fallback: tuple[float, ...],
    uv: Signal | None,
    before: Affine = IDENTITY,
    name: str = "file",
) -> Image | None:
    """The image that a node's input `name` names; None (with a finding) where it cannot be read.

    `space`: "sRGB", "raw" or "auto"; `fallback`: what missing UDIM tiles hold, before scale and bias, linear;
    `before`: a map of the coordinates in front of the image.
    """
    attribute, asset = _asset(node, name)
    if asset is None:
        return None
    coordinates = uv if isinstance(uv, Coordinates) else Coordinates(DEFAULT_UV)
    if uv is not None and not isinstance(uv, Coordinates):
        node.note(
            "material.uv", f"reads texture coordinates that are no map of a primvar: {DEFAULT_UV} is read"
        )
    affine = compose(before, coordinates.affine)
    declared = _declared_space(node, space, attribute)
    store = node.network.textures
    turned = abs(affine[0][1]) > 1e-9 or abs(affine[1][0]) > 1e-9
    found = store.find(asset, attribute, fill=_stored(fallback, declared), square=turned)
    if found.index < 0:
        return None
    if store.header(found.index).bits == 0:
        node.network.context.finding(
            "texture.unreadable",
            f"{attribute.GetPath()}: {str(asset.path)!r} is no image that can be read",
            attribute.GetPath(),
        )
        return None
    srgb = store.header(found.index).auto_is_srgb if declared is None else declared
    return Image(
        _texture_input(node, found, affine, wraps, srgb=srgb),
        coordinates.primvar,
        mean=lambda: store.mean(found.index, srgb=srgb),
        guessed=declared is None,
    )


def _asset(node: Node, name: str) -> tuple[Any, Any]:
    """The attribute that anchors a path, and the Sdf.AssetPath; (None, None) where there is none.

    A string, a token, or a primvar reader of one stands for a path, too.
    """
    from pxr import Sdf

    shader_input = node.shader.GetInput(name)
    attribute, source = follow(shader_input)
    if source is not None:
        found = node.network.output(source)
        return shader_input.GetAttr(), Sdf.AssetPath(found.text) if isinstance(found, Text) else None
    value = attribute.Get(node.network.context.time) if attribute is not None else None
    if isinstance(value, str):
        value = Sdf.AssetPath(value)
    if value is not None and not hasattr(value, "resolvedPath"):
        node.note("material.type", f"has no asset path in its input {name}: it is left out")
        value = None
    return attribute, value


def _declared_space(node: Node, space: str, attribute: Any) -> bool | None:
    """Whether the image is sRGB; None where its file has to say (`auto`). `sourceColorSpace` wins over metadata."""
    if space in ("sRGB", "raw"):
        return space == "sRGB"
    name = color_space(attribute)
    if name in ("", "auto"):
        return None
    declared = is_srgb(name)
    if declared is None:
        node.note(
            "texture.color-space",
            f"has an image in colour space {name!r}: its colours are read as linear Rec. 709",
        )
    return bool(declared)


def _stored(linear: tuple[float, ...], srgb: bool | None) -> tuple[float, float, float, float]:
    """Linear values as an image of that colour space stores them; UDIM tiles are nearly always 8-bit colour."""
    import numpy as np

    from twinstage.scene.color import srgb_from_linear

    r, g, b, a = fit(linear, 4)
    if srgb is not False:
        r, g, b = srgb_from_linear(np.array([r, g, b])).tolist()
    return (r, g, b, a)


def _texture_input(
    node: Node, found: Found, affine: Affine, wraps: tuple[str, str], *, srgb: bool
) -> TextureInput:
    if found.tiles is not None:
        column, row, columns, rows = found.tiles
        into = ((1 / columns, 0.0, -column / columns), (0.0, 1 / rows, -row / rows))
        affine, wraps = compose(into, affine), ("black", "black")
    scale, rotation, translation, exact = decompose(affine)
    if not exact:
        node.note("material.uv", "reads sheared texture coordinates: the shear is left out")
    return TextureInput(
        texture=found.index,
        wrap_s=wraps[0],
        wrap_t=wraps[1],
        color_space="sRGB" if srgb else "raw",
        uv_scale=scale,
        uv_rotation=rotation,
        uv_translation=translation,
    )


def transform_2d(node: Node) -> Signal | None:
    """UsdTransform2d: scale, then rotate [degrees], then translate."""
    arrived = node.get("in")
    affine = transform(
        node.vector("scale", (1.0, 1.0), 2),
        math.radians(node.number("rotation", 0.0)),
        node.vector("translation", (0.0, 0.0), 2),
    )
    if arrived is None:
        return Coordinates(DEFAULT_UV, affine)
    if isinstance(arrived, Coordinates):
        return Coordinates(arrived.primvar, compose(affine, arrived.affine))
    return mapped(affine, arrived)


def mapped(affine: Affine, signal: Signal) -> Signal:
    """A constant or varying pair through the map."""
    if not isinstance(signal, Constant | Varying):
        return signal
    x, y = fit(signal.values if isinstance(signal, Constant) else signal.mean, 2)
    return Constant(tuple(row[0] * x + row[1] * y + row[2] for row in affine))


def primvar_reader(node: Node) -> Signal | None:
    """UsdPrimvarReader_*: the primvar on the gprim, else `fallback`."""
    name = node.text("varname", "")
    if node.id.endswith(("float2", "vector2")):
        return Coordinates(name or DEFAULT_UV)
    found = node.network.primvar(name) if name else None
    if found is None:
        return node.get("fallback")
    if isinstance(found, Varying) or not node.id.endswith("float"):
        return found
    return Constant(found.values[:1]) if isinstance(found, Constant) else found


_READERS = ("float", "float2", "float3", "float4", "int", "string", "normal", "point", "vector", "matrix")
USD_NODES: dict[str, Evaluator] = {
    "UsdUVTexture": uv_texture,
    "UsdTransform2d": transform_2d,
    **{f"UsdPrimvarReader_{name}": primvar_reader for name in _READERS},
}
"""Evaluators by shader id."""
