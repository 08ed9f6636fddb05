"""Arrays -> the bytes of image files: PNG by Pillow, float EXR by hand.

The EXR writer makes plain scan-line files (ZIP compression, float32 channels), which every reader knows, with nothing in
them that varies: the libraries at hand write their own version or the date into the header.
"""

import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np

_ZIP, _LINES = 3, 16
"""OpenEXR's ZIP compression works on blocks of 16 scan lines."""


def png(pixels: np.ndarray) -> bytes:
    """A PNG of u1[h, w, 3] (sRGB) or u2[h, w] (16 bit grey)."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def exr(channels: Mapping[str, np.ndarray], notes: Mapping[str, str] | None = None) -> bytes:
    """An OpenEXR file of float32 channels, each f4[h, w]; `notes` become string attributes of the header."""
    names = sorted(channels)
    height, width = channels[names[0]].shape
    header = _header(names, width, height, notes or {})
    lines = np.stack([np.ascontiguousarray(channels[n], "<f4") for n in names], 1)  # [h, channels, w]
    blocks = [_block(y, lines[y : y + _LINES].tobytes()) for y in range(0, height, _LINES)]
    offset = len(header) + 8 * len(blocks)
    table = []
    for block in blocks:
        table.append(offset)
        offset += len(block)
    return header + struct.pack(f"<{len(table)}Q", *table) + b"".join(blocks)


def _header(names: list[str], width: int, height: int, notes: Mapping[str, str]) -> bytes:
    channel_list = b"".join(n.encode() + b"\0" + struct.pack("<iBxxxii", 2, 0, 1, 1) for n in names) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    attributes = [
        ("channels", "chlist", channel_list),
        ("compression", "compression", bytes([_ZIP])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1.0)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0.0, 0.0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1.0)),
        *((name, "string", text.encode()) for name, text in sorted(notes.items())),
    ]
    out = struct.pack("<II", 20000630, 2)
    for name, kind, value in attributes:
        out += name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
    return out + b"\0"


def _block(y: int, raw: bytes) -> bytes:
    """One chunk: bytes split into even and odd, differences between neighbours, deflate; raw where that is no smaller."""
    data = np.frombuffer(raw, np.uint8)
    halves = np.concatenate([data[0::2], data[1::2]])
    halves[1:] = halves[1:] - halves[:-1] + np.uint8(128)
    packed = zlib.compress(halves.tobytes(), 4)
    body = packed if len(packed) < len(raw) else raw
    return struct.pack("<ii", y, len(body)) + body
