"""What the readers need to know about an encoded image without keeping its pixels: bits, channels and the mean colour."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.color import linear_from_srgb
from twinstage.scene.safe.images import open_picture
from twinstage.scene.safe.limits import MAX_IMAGE_PIXELS

_GREY = (0.5, 0.5, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Header:
    """Bits a channel and number of channels as stored; (0, 0) for what is no image that can be read here."""

    bits: int
    channels: int

    @property
    def auto_is_srgb(self) -> bool:
        """UsdUVTexture's `auto`: 8-bit images of three or four channels are sRGB, others are raw."""
        return self.bits == 8 and self.channels >= 3


def read_header(data: bytes) -> Header:
    """The header of an encoded image; pixels are not decoded."""
    if data[:4] == b"\x76\x2f\x31\x01" or data[:2] == b"#?":  # OpenEXR, Radiance
        return Header(32, 3)
    image = _open(data)
    if image is None:
        return Header(0, 0)
    if image.mode == "P":
        return Header(8, 3)
    if data[:8] == b"\x89PNG\r\n\x1a\n":  # Pillow hands 16-bit colour out as 8-bit
        return Header(data[24] if len(data) > 24 else 8, len(image.getbands()))
    return Header(16 if image.mode[0] in "IF" else 8, len(image.getbands()))


def mean_color(data: bytes, *, srgb: bool) -> tuple[float, float, float, float]:
    """The mean of the four channels, colours made linear where `srgb`; grey where the image cannot be decoded here."""
    image = _open(data)
    if image is None or image.width * image.height > MAX_IMAGE_PIXELS:
        return _GREY
    try:
        if image.mode[0] in "IF":
            grey = float(np.asarray(image, np.float64).mean() / 65535)
            return (grey, grey, grey, 1.0)
        factor = max(1, max(image.size) // 64)
        values = np.asarray(image.convert("RGBA").reduce(factor), np.float64) / 255
    except (OSError, ValueError, SyntaxError):
        return _GREY
    if srgb:
        values = np.concatenate([linear_from_srgb(values[..., :3]), values[..., 3:]], -1)
    r, g, b, a = values.reshape(-1, 4).mean(0).tolist()
    return (r, g, b, a)


def _open(data: bytes) -> Any:
    from PIL import Image

    try:
        return open_picture(data)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
