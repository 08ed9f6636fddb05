"""Images for glTF: as they are where it can read them, else decoded, changed and written as PNG.

Pillow reads PNG, JPEG, TGA, BMP, TIFF and the like. OpenEXR and Radiance files need a decoder that the caller hands in
(rooms above this one have it): `Decoder`.
"""

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.color import linear_from_srgb
from twinstage.scene.columns import F4
from twinstage.scene.safe.images import open_picture
from twinstage.scene.snapshot import Texture, TextureInput

LARGEST = 4096
"""Pixels a side at most of an image that is written anew."""

MAX_PIXELS = 1 << 28
"""Pixels of an image at most: a small file can name a picture of any size."""

_CHANNELS = {"r": 0, "g": 1, "b": 2, "a": 3}
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_HDR = (b"\x76\x2f\x31\x01", b"#?RADIANCE", b"#?RGBE")


class Pixels(NamedTuple):
    """Pixels as stored, f4[h, w, 4] (integers over their greatest value), with bits and channels of the file."""

    rgba: F4
    bits: int
    channels: int


Decoder = Callable[[Texture, int], Pixels]
"""An image and the most pixels a side -> its pixels; raises UserError where it cannot be read."""


def mime_type(data: bytes) -> str:
    """The glTF media type of an encoded image, "" where glTF cannot hold it as it is."""
    if data.startswith(_PNG):
        return "image/png"
    return "image/jpeg" if data.startswith(_JPEG) else ""


def header(texture: Texture) -> tuple[int, int, bool]:
    """Bits and channels of an image without decoding it, and whether it has alpha; UserError where it is no image."""
    from PIL import Image

    if texture.data.startswith(_HDR):
        return 32, 4, False
    try:
        with _opened(texture) as image:
            if image.mode.startswith(("I", "F")):
                return 16, 1, False
            bands = 3 if image.mode == "P" else len(image.getbands())
            return 8, bands, image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"texture {texture.path} cannot be read: {_one_line(error)}") from None


def _opened(texture: Texture) -> Any:
    """The image, with its header read only; ValueError for one of too many pixels."""
    image = open_picture(texture.data)
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"it has {image.width} x {image.height} pixels")
    return image


def decode_with_pillow(texture: Texture, largest: int) -> Pixels:
    """The pixels of an 8 or 16 bit image, shrunk by a whole factor to at most `largest` pixels a side."""
    from PIL import Image

    if texture.data.startswith(_HDR):
        raise UserError(f"texture {texture.path} is a high dynamic range image, which cannot be decoded here")
    try:
        with _opened(texture) as image:
            shrink = int(np.ceil(max(image.size) / largest))
            if image.mode.startswith(("I", "F")):
                grey = np.asarray(image, np.float32)[..., None] / np.float32(65535)
                rgba = np.concatenate([np.repeat(grey, 3, 2), np.ones_like(grey)], 2)
                return Pixels(np.ascontiguousarray(rgba[::shrink, ::shrink]), 16, 1)
            channels = 3 if image.mode == "P" else len(image.getbands())
            converted = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"texture {texture.path} cannot be read: {_one_line(error)}") from None
    if shrink > 1:
        converted = converted.reduce(shrink)
    return Pixels(np.asarray(converted, np.float32) / np.float32(255), 8, channels)


def is_srgb(source: TextureInput, bits: int, channels: int, *, color: bool) -> bool:
    """Whether a material input reads the image through the sRGB curve (`auto`: 8-bit colours, as UsdUVTexture says)."""
    auto = color and bits == 8 and channels >= 3
    return source.color_space == "sRGB" or (source.color_space == "auto" and auto)


def input_values(texture: Texture, source: TextureInput, decode: Decoder, *, color: bool) -> F4:
    """What a material input reads: linear, scaled and biased, f4[h, w, 3] or f4[h, w, 1]; row 0 on top."""
    pixels = decode(texture, LARGEST)
    rgba = pixels.rgba
    if is_srgb(source, pixels.bits, pixels.channels, color=color):
        rgba = rgba.copy()
        rgba[..., :3] = linear_from_srgb(rgba[..., :3])
    rgba = rgba * np.array(source.scale, np.float32) + np.array(source.bias, np.float32)
    if source.channel == "rgb":
        return np.ascontiguousarray(rgba[..., :3])
    k = _CHANNELS[source.channel]
    return np.ascontiguousarray(rgba[..., k : k + 1])


def resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Values [h, w, k] at another size, nearest pixel."""
    h, w = values.shape[:2]
    if (h, w) == (height, width):
        return values
    out: np.ndarray = values[np.arange(height) * h // height][:, np.arange(width) * w // width]
    return out


def png(values: np.ndarray) -> bytes:
    """An 8-bit PNG of values in [0, 1], [h, w, 1, 3 or 4]."""
    from PIL import Image

    pixels = np.rint(np.clip(np.nan_to_num(values), 0.0, 1.0) * 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(out, "PNG")
    return out.getvalue()


def _one_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
