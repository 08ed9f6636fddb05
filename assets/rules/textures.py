"""Rules about image files: whether they can be decoded, by their headers and their ends. The subject is `TextureFacts`."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from twinstage.assets.rules.table import Fault, rule
from twinstage.base.finding import Severity
from twinstage.scene.safe.images import ImageSize, image_size, open_picture
from twinstage.scene.safe.limits import MAX_IMAGE_PIXELS

LARGE = 8192
DECODED = 4 << 20
"""Images of up to so many pixels are decoded for certainty; of greater ones the structure is looked at."""
DOUBT = "a checksum is wrong, at which many programs give up"
KINDS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".exr": "exr", ".hdr": "hdr"}


@dataclass(frozen=True, slots=True)
class TextureFacts:
    """`name` as authored; `data` of the file; `size` by its header, None where there is none; `damage`, "" if whole."""

    name: str
    bytes: int
    size: ImageSize | None
    damage: str
    cmyk: bool

    @property
    def decoded(self) -> int:
        """Memory on a graphics card [bytes]: four channels with all smaller levels."""
        if self.size is None:
            return 0
        depth = 8 if self.size.kind in ("exr", "hdr") else 4
        return self.size.pixels * depth * 4 // 3


def read_texture(name: str, data: bytes) -> TextureFacts:
    """Facts about an image file."""
    size = image_size(data)
    cmyk = size is not None and size.kind == "jpeg" and size.channels == 4
    damage = ""
    if size is not None and size.pixels <= MAX_IMAGE_PIXELS:
        damage = _damage(size, data)
    return TextureFacts(name, len(data), size, damage, cmyk)


def _damage(size: ImageSize, data: bytes) -> str:
    if size.kind == "png":
        found = _png(data)
    elif size.kind == "jpeg":
        found = "" if b"\xff\xd9" in data[-4096:] else "it ends before its last line"
    elif size.kind == "exr":
        found = _exr(data, size)
    else:
        found = ""
    if (
        found in ("", DOUBT)
        and size.kind in ("png", "jpeg", "bmp", "tga", "tiff", "webp", "gif")
        and size.pixels <= DECODED
    ):
        found = _decode(data) or found
    return found


def _png(data: bytes) -> str:
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return "it ends before its last line"
        if kind == b"IEND":
            return ""
        (check,) = struct.unpack_from(">I", data, end - 4)
        if kind == b"IDAT" and zlib.crc32(data[at + 4 : end - 4]) != check:
            return DOUBT
        at = end
    return "it ends before its last line"


def _exr(data: bytes, size: ImageSize) -> str:
    """A file of less than a byte a scan line's offset cannot hold its pixels."""
    return "it ends before its last line" if len(data) < 8 * max(1, size.height // 256) + 64 else ""


def _decode(data: bytes) -> str:
    try:
        with open_picture(data) as image:
            image.load()
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        struct.error,
        MemoryError,
        TypeError,
        KeyError,
        IndexError,
    ) as problem:
        return " ".join(str(problem).split())[:80] or "its pixels cannot be decoded"
    return ""


@rule("texture", "texture.unreadable", "error", "A texture is no picture that can be read",
      "export it again as PNG, JPEG or OpenEXR")  # fmt: skip
def unreadable(texture: TextureFacts) -> Iterator[Fault]:
    """The header is one of a known kind."""
    if texture.bytes and texture.size is None:
        yield Fault(f"{texture.name!r} is no image in a format that can be read")
    elif texture.size is not None and texture.size.pixels == 0:
        yield Fault(f"{texture.name!r} has {texture.size.width} x {texture.size.height} pixels")


@rule("texture", "texture.empty", "error", "A texture file is empty", "export it again")
def empty(texture: TextureFacts) -> Iterator[Fault]:
    """The file holds something."""
    if not texture.bytes:
        yield Fault(f"{texture.name!r} holds no bytes")


@rule(
    "texture", "texture.damaged", "error", "A texture file is cut off or damaged", "copy or export it again"
)
def damaged(texture: TextureFacts) -> Iterator[Fault]:
    """The file is whole."""
    if texture.damage:
        level: Severity | None = "warning" if texture.damage == DOUBT and _small(texture.size) else None
        yield Fault(f"{texture.name!r} is damaged: {texture.damage}", severity=level)


def _small(size: ImageSize | None) -> bool:
    """Whether the picture was decoded, so that a wrong checksum alone may be harmless."""
    return size is not None and size.pixels <= DECODED


@rule("texture", "texture.cmyk", "error", "A texture is in printers' colours (CMYK), which renderers do not read",
      "save it as RGB")  # fmt: skip
def cmyk(texture: TextureFacts) -> Iterator[Fault]:
    """JPEG files have one or three channels."""
    if texture.cmyk:
        yield Fault(f"{texture.name!r} has four channels, as CMYK has")


@rule("texture", "texture.pixels", "error", "A texture has more pixels than will be decoded",
      "save it at 8,192 x 8,192 pixels or fewer")  # fmt: skip
def pixels(texture: TextureFacts) -> Iterator[Fault]:
    """At most MAX_IMAGE_PIXELS."""
    size = texture.size
    if size is not None and size.pixels > MAX_IMAGE_PIXELS:
        pixels_ = f"{size.width:,} x {size.height:,} pixels"
        yield Fault(f"{texture.name!r} has {pixels_}, more than {MAX_IMAGE_PIXELS:,}, so it is left out")


@rule("texture", "texture.large", "warning", "A texture is larger than most graphics cards like",
      "save it at 8,192 x 8,192 pixels or fewer")  # fmt: skip
def large(texture: TextureFacts) -> Iterator[Fault]:
    """At most LARGE on a side."""
    size = texture.size
    if size is not None and size.pixels <= MAX_IMAGE_PIXELS and max(size.width, size.height) > LARGE:
        yield Fault(
            f"{texture.name!r} has {size.width:,} x {size.height:,} pixels, {texture.decoded >> 20:,} MB on the card"
        )


@rule("texture", "texture.extension", "warning", "A texture's name says another format than it has",
      "rename it by its format, or export it again")  # fmt: skip
def extension(texture: TextureFacts) -> Iterator[Fault]:
    """The name's end fits the content."""
    if texture.size is None:
        return
    said = KINDS.get("." + texture.name.rpartition(".")[2].rstrip("]").lower())
    if said and said != texture.size.kind:
        yield Fault(f"{texture.name!r} is a {texture.size.kind.upper()} file by its content")
