"""Encoded image files into arrays: what textures look like to an engine.

Headers are read before anything is decoded, and what they announce is bounded. An image whose pixels are damaged ends a
picture with one sentence, or, inside `tolerating`, becomes a plain colour and a finding.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.color import linear_from_srgb
from twinstage.scene.columns import F4
from twinstage.scene.safe.images import image_size, open_picture
from twinstage.scene.safe.limits import MAX_IMAGE_PIXELS
from twinstage.scene.snapshot import Texture, TextureInput

_LINEAR = linear_from_srgb(np.arange(256) / 255).astype(np.float32)
_HDR = (b"\x76\x2f\x31\x01", b"#?RADIANCE", b"#?RGBE")
_CHANNELS = {"r": 0, "g": 1, "b": 2, "a": 3}


_tolerated: ContextVar[dict[str, Finding] | None] = ContextVar("tolerated", default=None)


@contextmanager
def tolerating(found: dict[str, Finding]) -> Iterator[None]:
    """In here images that cannot be read are plain: grey, flat, half. `found` takes a finding for each, by its path."""
    token = _tolerated.set(found)
    try:
        yield
    finally:
        _tolerated.reset(token)


def is_hdr(data: bytes) -> bool:
    """Whether the bytes are an OpenEXR or Radiance file."""
    return data.startswith(_HDR)


class Pixels(NamedTuple):
    """Pixels as stored, f4[h, w, 4] (integers over their greatest value), with bits and channels of the file."""

    rgba: F4
    bits: int
    channels: int


def texture_values(texture: Texture, source: TextureInput, *, color: bool, largest: int) -> F4:
    """What a material input reads from a texture: f4[h, w, 3] or, for a single channel, f4[h, w, 1]; row 0 on top.

    Decoded, shrunk to at most `largest` pixels a side, made linear where the colour space says so (`auto`: 8-bit
    images of three or four channels that feed a colour), then scale and bias. Raises UserError for an image that
    cannot be read, but inside `tolerating`.
    """
    try:
        pixels = decode(texture, largest)
    except UserError as error:
        found = _tolerated.get()
        if found is None:
            raise
        code, where = "texture.damaged", f"{texture.path}"
        found[where] = Finding(code, "warning", "", f"{error}, so it is drawn in a plain colour")
        return _plain(source, color)
    rgba = pixels.rgba
    auto = color and pixels.bits == 8 and pixels.channels >= 3
    if source.color_space == "sRGB" or (source.color_space == "auto" and auto):
        rgba = rgba.copy()
        if pixels.bits == 8:
            rgba[..., :3] = _LINEAR[np.rint(rgba[..., :3] * 255).astype(np.uint8)]
        else:
            rgba[..., :3] = linear_from_srgb(rgba[..., :3])
    rgba = rgba * np.array(source.scale, np.float32) + np.array(source.bias, np.float32)
    if source.channel == "rgb":
        return np.ascontiguousarray(rgba[..., :3])
    k = _CHANNELS[source.channel]
    return np.ascontiguousarray(rgba[..., k : k + 1])


def is_plain(source: TextureInput) -> bool:
    """Whether an image is read without scale and bias, so that all who read it get the same."""
    return source.scale == (1.0,) * 4 and source.bias == (0.0,) * 4


def _plain(source: TextureInput, color: bool) -> F4:
    """One pixel in place of an image: opaque, middle grey, a normal straight up, half of anything else."""
    if source.channel != "rgb":
        return np.full((1, 1, 1), 1.0 if source.channel == "a" else 0.5, np.float32)
    return np.array([[[0.18, 0.18, 0.18] if color else [0.0, 0.0, 1.0]]], np.float32)


def decode(texture: Texture, largest: int) -> Pixels:
    """The picture in an image file, shrunk by a whole factor to at most `largest` pixels a side."""
    try:
        size = image_size(texture.data)
        if size is not None and size.pixels > MAX_IMAGE_PIXELS:
            raise ValueError(
                f"it has {size.width:,} x {size.height:,} pixels, more than {MAX_IMAGE_PIXELS:,} in all"
            )
        if is_hdr(texture.data):
            if size is None:
                raise ValueError("its header makes no sense")
            return _decode_hdr(texture.data, largest)
        return _decode_pillow(texture.data, largest)
    except MemoryError:
        raise UserError(f"texture {texture.path} cannot be read: there is not enough memory for it") from None
    except (OSError, RuntimeError, ValueError, SyntaxError) as error:
        raise UserError(f"texture {texture.path} cannot be read: {_sentence(error)}") from None


def _sentence(error: Exception) -> str:
    """What a decoder says, in one line, without the stream in memory that it was given."""
    text = " ".join(str(error).split())
    return re.sub(r' (image )?file (<_io[^>]*>|"MemoryStream\[[^"]*")', " the image", text)


def _decode_pillow(data: bytes, largest: int) -> Pixels:
    with open_picture(data) as image:
        image.load()
        shrink = int(np.ceil(max(image.size) / largest))
        if image.mode.startswith(("I", "F")):
            grey = np.asarray(image, np.float32)[..., None] / np.float32(65535)
            rgba = np.concatenate([np.repeat(grey, 3, 2), np.ones_like(grey)], 2)
            return Pixels(shrink_by_mean(rgba, shrink), 16, 1)
        channels = 3 if image.mode == "P" else len(image.getbands())
        # What has no alpha is the same shrunk first, and large images are the ones that matter.
        early = shrink > 1 and image.mode in ("L", "RGB")
        converted = (image.reduce(shrink) if early else image).convert("RGBA")
    if shrink > 1 and not early:
        converted = converted.reduce(shrink)
    return Pixels(np.asarray(converted, np.float32) / np.float32(255), 8, channels)


def _decode_hdr(data: bytes, largest: int) -> Pixels:
    from twinstage.render.mi.runtime import load_mitsuba, two_threads

    runtime = load_mitsuba()
    mi = runtime.mi
    stream = mi.MemoryStream(len(data))
    stream.write(data)
    stream.seek(0)
    with two_threads(runtime):
        bitmap = mi.Bitmap(stream).convert(
            mi.Bitmap.PixelFormat.RGBA, mi.Struct.Type.Float32, srgb_gamma=False
        )
    values: F4 = np.array(bitmap, np.float32)
    return Pixels(shrink_by_mean(values, int(np.ceil(max(values.shape[:2]) / largest))), 32, 4)


def shrink_by_mean(values: F4, factor: int) -> F4:
    """Blocks of factor x factor pixels averaged; what does not fill a block at the right and bottom is cut off."""
    if factor <= 1:
        return values
    h, w = values.shape[0] // factor, values.shape[1] // factor
    blocks = values[: h * factor, : w * factor].reshape(h, factor, w, factor, -1)
    mean: F4 = blocks.mean((1, 3), dtype=np.float64).astype(np.float32)
    return mean


def linear_pixels(pixels: Pixels) -> F4:
    """Linear rgb f4[h, w, 3] of a picture that lights: 8 bits are sRGB; EXR, HDR and 16 bits are linear."""
    rgb = pixels.rgba[..., :3]
    return (linear_from_srgb(rgb) if pixels.bits == 8 else rgb).astype(np.float32)
