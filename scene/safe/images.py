"""Image files by their headers: size and kind are known, and bounded, before a decoder touches them."""

import io
import re
import struct
import warnings
from dataclasses import dataclass
from typing import Any

from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.safe.limits import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS

_BY_PILLOW = ("BMP", "GIF", "TGA", "TIFF", "WEBP")
_BY_LIBRARIES = ("PNG", "JPEG", *_BY_PILLOW)
_BY_MITSUBA = (b"\x76\x2f\x31\x01", b"#?")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


@dataclass(frozen=True, slots=True)
class ImageSize:
    """What a header says: `kind` such as "png", pixels, channels."""

    kind: str
    width: int
    height: int
    channels: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def image_size(data: bytes) -> ImageSize | None:
    """The size of a PNG, JPEG, OpenEXR, Radiance HDR, BMP, GIF, TGA, TIFF or WebP image; None where no header is found.

    A channel of an OpenEXR file counts once, whatever its name.
    """
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height, _, kind = struct.unpack_from(">IIBB", data, 16)
            return ImageSize("png", width, height, _PNG_CHANNELS.get(kind, 4))
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(b"\x76\x2f\x31\x01"):
            return _exr(data)
        if data.startswith((b"#?RADIANCE", b"#?RGBE")):
            return _hdr(data)
    except (struct.error, IndexError, ValueError):
        return None
    return _by_pillow(data)


def open_picture(data: bytes) -> Any:
    """A PIL.Image whose header is read; OSError and the like where it is none of PNG, JPEG, BMP, GIF, TGA, TIFF and WebP.

    Not more formats: Pillow's reader of EPS files would start Ghostscript on them.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_IMAGE_PIXELS is our bound
        return Image.open(io.BytesIO(data), formats=_BY_LIBRARIES)


def read_image(
    resolved: str, allowed: AllowedFolders, owner: str, authored: str
) -> tuple[bytes | None, Finding | None]:
    """The bytes of an image that a stage names, or why it is not read.

    `resolved`: as the USD library resolves it, also inside packages. `owner`: the property that names it.
    """
    from pxr import Ar

    refused = allowed.refusal(resolved, owner, authored)
    if refused is not None:
        return None, refused
    asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(resolved))
    if not asset:
        return None, _fault("texture.unreadable", owner, authored, "cannot be opened")
    with asset:
        if asset.GetSize() > MAX_IMAGE_BYTES:
            return None, _fault(
                "texture.size", owner, authored, f"is larger than {MAX_IMAGE_BYTES >> 20} MiB"
            )
        data = bytes(asset.GetBuffer() or b"")  # an empty file has none
    size = image_size(data)
    if size is None and data.startswith(_BY_MITSUBA):  # its decoder never returns from some headers
        return None, _fault("texture.unreadable", owner, authored, "is no image that can be read")
    if size is not None and size.pixels > MAX_IMAGE_PIXELS:
        what = f"has {size.width:,} x {size.height:,} pixels, more than {MAX_IMAGE_PIXELS:,} in all"
        return None, _fault("texture.pixels", owner, authored, what)
    return data, None


def _fault(code: str, owner: str, authored: str, what: str) -> Finding:
    return Finding(code, "warning", owner, f"{owner}: texture {authored!r} {what}, so it is left out")


def _jpeg(data: bytes) -> ImageSize | None:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _JPEG_FRAMES:
            height, width, channels = struct.unpack_from(">HHB", data, at + 5)
            return ImageSize("jpeg", width, height, channels)
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
        else:
            at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])
    return None


def _exr(data: bytes) -> ImageSize | None:
    """The attributes of an OpenEXR header: name, type, size, value, until an empty name."""
    at, window, channels = 8, None, 0
    while at < len(data) and data[at] != 0:
        name, at = _text(data, at)
        _, at = _text(data, at)
        (length,) = struct.unpack_from("<i", data, at)
        at += 4
        if length < 0:
            return None
        if name == b"dataWindow":
            window = struct.unpack_from("<iiii", data, at)
        elif name == b"channels":
            channels = _exr_channels(data[at : at + length])
        at += length
    if window is None:
        return None
    left, top, right, bottom = window
    if right < left or bottom < top:
        return None
    return ImageSize("exr", right - left + 1, bottom - top + 1, channels)


def _exr_channels(block: bytes) -> int:
    at, count = 0, 0
    while at < len(block) and block[at] != 0:
        _, at = _text(block, at)
        at, count = at + 16, count + 1
    return count


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.index(b"\0", at, at + 256)
    return data[at:end], end + 1


def _hdr(data: bytes) -> ImageSize | None:
    found = re.search(rb"\n\n([-+][XY]) (\d{1,9}) ([-+][XY]) (\d{1,9})\n", data[:65536])
    if found is None:
        return None
    first, second = int(found[2]), int(found[4])
    width, height = (second, first) if found[1][1:] == b"Y" else (first, second)
    return ImageSize("hdr", width, height, 3)


def _by_pillow(data: bytes) -> ImageSize | None:
    from PIL import Image

    limit: Any = Image.MAX_IMAGE_PIXELS
    try:
        # Only headers are read here, and a header beyond the limit is what is looked for.
        Image.MAX_IMAGE_PIXELS = None
        with Image.open(io.BytesIO(data), formats=_BY_PILLOW) as image:
            return ImageSize(str(image.format).lower(), *image.size, len(image.getbands()))
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, MemoryError, TypeError, KeyError):
        return None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
