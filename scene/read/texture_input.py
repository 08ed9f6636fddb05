"""UsdUVTexture, UsdTransform2d and UsdPrimvarReader_float2 -> `TextureInput` and the name of its uv primvar."""

import math
from dataclasses import dataclass
from typing import Any

from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.shading import Source, floats, follow, value
from twinstage.scene.read.textures import TextureStore
from twinstage.scene.snapshot import TextureInput

_WRAPS = {"black": "black", "clamp": "clamp", "repeat": "repeat", "mirror": "mirror"}


@dataclass(frozen=True, slots=True)
class UvSource:
    """Where texture coordinates come from: the primvar's name and a 2D transform in front of the texture."""

    primvar: str = "st"
    scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    translation: tuple[float, float] = (0.0, 0.0)


def read_texture_input(
    context: ReadContext, store: TextureStore, source: Source
) -> tuple[TextureInput, str] | None:
    """The texture behind a shader output and its uv primvar; None (with a finding) where it cannot be read."""
    shader = source.shader
    attribute, _ = follow(shader.GetInput("file"))
    asset = attribute.Get(context.time) if attribute is not None else None
    index = store.index(asset, attribute) if asset is not None else -1
    if index < 0:
        return None
    uv = _uv_source(context, shader)
    scale, bias = value(context, shader, "scale", (1,) * 4), value(context, shader, "bias", (0,) * 4)
    return (
        TextureInput(
            texture=index,
            channel=source.output if source.output in ("rgb", "r", "g", "b", "a") else "rgb",
            wrap_s=_wrap(context, shader, "wrapS"),
            wrap_t=_wrap(context, shader, "wrapT"),
            color_space=_color_space(context, shader, attribute),
            scale=floats(scale, 4),  # type: ignore[arg-type]
            bias=floats(bias, 4),  # type: ignore[arg-type]
            uv_scale=uv.scale,
            uv_rotation=uv.rotation,
            uv_translation=uv.translation,
        ),
        uv.primvar,
    )


def _wrap(context: ReadContext, shader: Any, name: str) -> str:
    # `useMetadata` asks the image file, which in practice never says anything; repeat is then the usual look.
    return _WRAPS.get(str(value(context, shader, name, "useMetadata")), "repeat")


def _color_space(context: ReadContext, shader: Any, file_attribute: Any) -> str:
    authored = str(value(context, shader, "sourceColorSpace", ""))
    if authored in ("sRGB", "raw"):
        return authored
    metadata = str(file_attribute.GetColorSpace()) if file_attribute.HasColorSpace() else ""
    if metadata in ("sRGB", "srgb_texture", "srgb_rec709_scene"):
        return "sRGB"
    if metadata in ("raw", "data", "lin_rec709_scene", "lin_rec709"):
        return "raw"
    return "auto"


def _uv_source(context: ReadContext, shader: Any) -> UvSource:
    _, source = follow(shader.GetInput("st"))
    if source is None:
        return UvSource()
    if source.id == "UsdTransform2d":
        _, reader = follow(source.shader.GetInput("in"))
        return UvSource(
            primvar=_primvar_name(context, reader),
            scale=_pair(value(context, source.shader, "scale", (1, 1))),
            rotation=math.radians(float(value(context, source.shader, "rotation", 0.0))),
            translation=_pair(value(context, source.shader, "translation", (0, 0))),
        )
    return UvSource(primvar=_primvar_name(context, source))


def _primvar_name(context: ReadContext, reader: Source | None) -> str:
    if reader is None or not reader.id.startswith("UsdPrimvarReader"):
        return "st"
    return str(value(context, reader.shader, "varname", "st") or "st")


def _pair(values: Any) -> tuple[float, float]:
    first, second = floats(values, 2)
    return first, second
