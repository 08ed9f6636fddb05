"""Reads scan-line OpenEXR files with float or half channels, uncompressed, ZIPS or ZIP. No library needed."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_LINES = {0: 1, 2: 1, 3: 16}
"""Scan lines in a block, by compression: none, ZIPS, ZIP."""

_DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f2"), 2: np.dtype("<f4")}

MOST_VALUES = 1 << 28
"""Pixels of all channels together; more are refused before any is read."""
_MOST_CHANNELS = 1024
_RATIO = 1100
"""Deflate makes at most 1032 bytes of one, so no file promises more of its own size."""


def read_exr(path: Path, most: int = MOST_VALUES) -> dict[str, np.ndarray]:
    """Channels by name, f4[height, width]. Raises ValueError for what is not such a file, a damaged one, and one with more than
    `most` values."""
    data = path.read_bytes()
    try:
        return _read(data, most)
    except (struct.error, zlib.error, IndexError, KeyError) as error:
        raise ValueError(f"not a readable EXR file ({error})") from None


def _read(data: bytes, most: int) -> dict[str, np.ndarray]:
    magic, version = struct.unpack_from("<II", data)
    if magic != 20000630 or version & ~0x4FF or version & 0xFF != 2:
        raise ValueError("not a single-part scan-line EXR file")
    header, position = _header(data)
    compression = header["compression"][0]
    if compression not in _LINES:
        raise ValueError(f"EXR compression {compression} is not one of none, ZIPS and ZIP")
    x0, y0, x1, y1 = struct.unpack("<4i", header["dataWindow"])
    width, height = x1 - x0 + 1, y1 - y0 + 1
    if not (0 < width <= 65536 and 0 < height <= 65536):
        raise ValueError(f"an EXR image of {width} x {height} pixels")
    channels = _channels(header["channels"])
    if not 0 < len(channels) <= _MOST_CHANNELS:
        raise ValueError(f"an EXR image of {len(channels)} channels")
    line = width * sum(dtype.itemsize for _, dtype in channels)
    if width * height * len(channels) > most or height * line > len(data) * _RATIO:
        raise ValueError(
            f"an EXR image of {width} x {height} pixels is too large for its file, or to be read"
        )
    step = _LINES[compression]
    count = -(-height // step)
    offsets = struct.unpack_from(f"<{count}Q", data, position)
    if compression == 0 and height * line > len(data):
        raise ValueError("an EXR file that is cut off")
    out = {name: np.full((height, width), np.nan, np.float32) for name, _ in channels}
    for offset in offsets:
        y, size = struct.unpack_from("<ii", data, offset)
        if not (y0 <= y <= y1 and size >= 0):
            raise ValueError(f"an EXR block of {size} bytes at line {y}")
        lines = min(step, y1 + 1 - y)
        length = lines * line
        raw = _inflate(data[offset + 8 : offset + 8 + size], length)
        _scatter(out, channels, raw, y - y0, lines, width)
    return out


def _header(data: bytes) -> tuple[dict[str, bytes], int]:
    out, position = {}, 8
    while data[position]:
        name, position = _text(data, position)
        _, position = _text(data, position)
        (size,) = struct.unpack_from("<i", data, position)
        if size < 0:
            raise ValueError(f"an EXR attribute of {size} bytes")
        out[name] = data[position + 4 : position + 4 + size]
        position += 4 + size
    return out, position + 1


def _text(data: bytes, position: int) -> tuple[str, int]:
    end = data.index(0, position)
    return data[position:end].decode("latin-1"), end + 1


def _channels(data: bytes) -> list[tuple[str, np.dtype[Any]]]:
    out, position = [], 0
    while data[position]:
        name, position = _text(data, position)
        (kind,) = struct.unpack_from("<i", data, position)
        out.append((name, _DTYPES[kind]))
        position += 16
    return out


def _inflate(block: bytes, length: int) -> bytes:
    """Undo deflate, the differences between neighbours, and the split into even and odd bytes."""
    if len(block) == length:
        return block  # stored as it is, because deflate did not help
    unpacking = zlib.decompressobj()
    flat = np.frombuffer(
        unpacking.decompress(block, length + 1), np.uint8
    )  # one more tells that it is too long
    if len(flat) != length or not unpacking.eof:
        raise ValueError(f"an EXR block holds other than {length} bytes")
    steps = flat.copy()
    steps[1:] -= np.uint8(128)
    halves = np.cumsum(steps, dtype=np.uint8)
    out = np.empty(length, np.uint8)
    middle = (length + 1) // 2
    out[0::2], out[1::2] = halves[:middle], halves[middle:]
    return out.tobytes()


def _scatter(
    out: dict[str, np.ndarray],
    channels: list[tuple[str, np.dtype[Any]]],
    raw: bytes,
    row: int,
    lines: int,
    width: int,
) -> None:
    position = 0
    for y in range(row, row + lines):
        for name, dtype in channels:
            out[name][y] = np.frombuffer(raw, dtype, width, position)
            position += width * dtype.itemsize
