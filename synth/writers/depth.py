"""Depth out of the dataset's own EXR files (`render.picture.exr_bytes`), and as integers for PNG files."""

import struct
import zlib
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import F8
from twinstage.synth.writers.views import Tally

_MAGIC, _ZIP, _ROWS, _FLOAT = 20000630, 3, 16, 2


def read_depth(path: Path, size: tuple[int, int]) -> F8:
    """z [m] f8[height, width], inf = background, of a file with one FLOAT channel in ZIP blocks.

    `size` is (width, height). Raises UserError for any other file.
    """
    try:
        return _read(path.read_bytes(), size)
    except (struct.error, zlib.error, ValueError, IndexError, KeyError) as error:
        raise UserError(
            f"{path} is no depth file of a dataset ({str(error) or type(error).__name__})"
        ) from None


def _read(data: bytes, size: tuple[int, int]) -> F8:
    if struct.unpack_from("<ii", data) != (_MAGIC, 2):
        raise ValueError("not OpenEXR in scan lines")
    header, at = _header(data, 8)
    width, height = size
    window = struct.unpack("<iiii", header["dataWindow"])
    if window != (0, 0, width - 1, height - 1):
        raise ValueError(f"its window is {window}, the picture's {width} x {height} pixels")
    if header["compression"] != bytes([_ZIP]) or _channels(header["channels"]) != [_FLOAT]:
        raise ValueError("expected one channel of floats in ZIP blocks")
    blocks = -(-height // _ROWS)
    out = np.empty((height, width), "<f4")
    for offset in struct.unpack_from(f"<{blocks}Q", data, at):
        top, length = struct.unpack_from("<ii", data, offset)
        rows = min(_ROWS, height - top)
        if not 0 <= top < height or top % _ROWS or length < 0:
            raise ValueError("a block lies outside of the picture")
        out[top : top + rows] = _block(data[offset + 8 : offset + 8 + length], rows, width)
    return out.astype(np.float64)


def _header(data: bytes, at: int) -> tuple[dict[str, bytes], int]:
    out = {}
    while data[at]:
        name, kind, _ = data[at : at + 512].split(b"\0", 2)
        at += len(name) + len(kind) + 2
        (length,) = struct.unpack_from("<i", data, at)
        if length < 0:
            raise ValueError("an attribute of negative length")
        out[name.decode("ascii", "replace")] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return out, at + 1


def _channels(data: bytes) -> list[int]:
    """The pixel types of all channels."""
    out, at = [], 0
    while at < len(data) and data[at]:
        at = data.index(b"\0", at) + 1
        out.append(struct.unpack_from("<i", data, at)[0])
        at += 16
    return out


def _block(packed: bytes, rows: int, width: int) -> np.ndarray:
    size = rows * width * 4
    raw = packed
    if len(packed) != size:  # what does not shrink is stored as it is
        reader = zlib.decompressobj()
        raw = reader.decompress(packed, size)
        if len(raw) != size:
            raise ValueError("a block holds too few pixels")
        steps = np.frombuffer(raw, np.uint8).astype(np.int64)
        # Each byte is the difference to the one before, plus 128; even bytes come first, then the odd ones.
        values = (np.cumsum(steps) - 128 * np.arange(size)).astype(np.uint8)
        mixed = np.empty(size, np.uint8)
        mixed[0::2], mixed[1::2] = values[: (size + 1) // 2], values[(size + 1) // 2 :]
        raw = mixed.tobytes()
    return np.frombuffer(raw, "<f4").reshape(rows, width)


def as_integers(depth: F8, unit: float, tally: Tally) -> np.ndarray:
    """u2[height, width] in that unit [m], rounded; 0 where there is nothing, or nothing that fits, which is counted."""
    there = np.isfinite(depth)
    values = np.rint(np.where(there, depth, 0) / unit)
    too_far = there & (values > 0xFFFF)
    tally.add("depth_pixels_too_far", int(too_far.sum()))
    tally.add("depth_pixels_too_near", int((there & (values < 1)).sum()))
    return np.where(too_far, 0, values).astype(np.uint16)
