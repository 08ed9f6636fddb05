"""Pictures as files, and what is drawn over them. The same pixels always give the same bytes.

Compressed by zlib-ng (package `zlib-ng`), at settings that suit what a file holds: a few per cent larger than libdeflate makes
it, in less than half of the time. The bytes are the same within one CPU instruction set. Any zlib reads them.

PNG: no time, no software name, no colour chunks. EXR: scan lines, ZIP, no attributes of ours. A depth file has the single
channel `Z` (z along the optical axis [m], inf = background), a normal file `X`, `Y`, `Z` (unit, world frame). Which AOV
becomes which file is the matter of `render.files`.
"""

import colorsys
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from twinstage.render.capture import Capture
from twinstage.scene.columns import U1, Bool


def png_bytes(image: np.ndarray) -> bytes:
    """A PNG of u1 or u2 [h, w], [h, w, 3] or [h, w, 4].

    Written here rather than by an image library, whose choice of filters may change with its version.
    """
    array = np.ascontiguousarray(image)
    channels = 1 if array.ndim == 2 else array.shape[2]
    kinds = {1: 0, 3: 2, 4: 6}
    if array.ndim not in (2, 3) or channels not in kinds or array.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a PNG cannot hold an array of shape {array.shape} and dtype {array.dtype}")
    height, width = array.shape[:2]
    bits = array.dtype.itemsize * 8
    rows = array.astype(array.dtype.newbyteorder(">")).view(np.uint8).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, bits, kinds[channels], 0, 0, 0)
    data = _packed(_filtered(rows, channels * bits // 8), colors=channels >= 3)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def save_png(path: Path, image: np.ndarray) -> None:
    """Write `png_bytes` to a file."""
    path.write_bytes(png_bytes(image))


def _packed(data: U1, *, colors: bool) -> bytes:
    """A zlib stream. Colours hardly repeat but in runs, and to look for more takes longer than it saves; numbers do."""
    from zlib_ng import zlib_ng

    if not colors:
        return zlib_ng.compress(data, 2)
    packer = zlib_ng.compressobj(level=1, strategy=zlib_ng.Z_RLE)
    return packer.compress(data) + packer.flush()


def _filtered(rows: U1, step: int) -> U1:
    """All rows under filter 2 (Up) but the first under 1 (Sub): cheap, and good for pictures and masks alike."""
    out = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    out[0, 0] = 1
    out[0, 1:] = rows[0]
    out[0, 1 + step :] -= rows[0, :-step]
    out[1:, 0] = 2
    np.subtract(rows[1:], rows[:-1], out=out[1:, 1:])
    return out


def _chunk(name: bytes, data: bytes) -> bytes:
    from zlib_ng import zlib_ng

    return (
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib_ng.crc32(data, zlib_ng.crc32(name)))
    )


_EXR_TYPES = {"<u4": 0, "<f2": 1, "<f4": 2}


def exr_bytes(channels: Mapping[str, np.ndarray], *, pixel_aspect: float = 1.0) -> bytes:
    """An OpenEXR file (scan lines, ZIP) of [h, w] arrays by channel name; deterministic bytes.

    Halves stay halves, integers and booleans become UINT (negative ones are refused), all else FLOAT. `pixel_aspect`:
    width of a pixel over its height.
    """
    from zlib_ng import zlib_ng

    names = sorted(channels)
    height, width = channels[names[0]].shape
    kinds = [_exr_kind(channels[name]) for name in names]
    arrays = [np.ascontiguousarray(channels[name], kind) for name, kind in zip(names, kinds, strict=True)]
    if any(array.shape != (height, width) for array in arrays):
        raise ValueError("all channels of an EXR file have the same size")
    types = [_EXR_TYPES[kind] for kind in kinds]
    header = _exr_header(list(zip(names, types, strict=True)), width, height, pixel_aspect)
    lines = np.concatenate([array.view(np.uint8) for array in arrays], axis=1)  # channel after channel
    blocks = []
    for top in range(0, height, 16):
        raw = lines[top : top + 16].ravel()
        packed = zlib_ng.compress(_exr_predicted(raw), 1)
        data = packed if len(packed) < len(raw) else raw.tobytes()
        blocks.append(struct.pack("<ii", top, len(data)) + data)
    start = len(header) + 8 * len(blocks)
    offsets = np.cumsum([start, *(len(block) for block in blocks[:-1])])
    return header + offsets.astype("<u8").tobytes() + b"".join(blocks)


def save_depth(path: Path, depth: np.ndarray) -> None:
    """A depth map f4[h, w] [m] as EXR with the channel Z."""
    path.write_bytes(exr_bytes({"Z": depth}))


def _exr_kind(array: np.ndarray) -> str:
    if array.dtype == np.float16:
        return "<f2"
    if array.dtype.kind not in "biu":
        return "<f4"
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise ValueError("an EXR file cannot hold negative integers")
    return "<u4"


def _exr_header(channels: list[tuple[str, int]], width: int, height: int, pixel_aspect: float) -> bytes:
    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value

    listed = (
        b"".join(
            name.encode() + b"\0" + struct.pack("<iBBBBii", kind, 0, 0, 0, 0, 1, 1) for name, kind in channels
        )
        + b"\0"
    )
    window = struct.pack("<iiii", 0, 0, width - 1, height - 1)
    return (
        struct.pack("<ii", 20000630, 2)
        + attribute("channels", "chlist", listed)
        + attribute("compression", "compression", b"\x03")
        + attribute("dataWindow", "box2i", window)
        + attribute("displayWindow", "box2i", window)
        + attribute("lineOrder", "lineOrder", b"\0")
        + attribute("pixelAspectRatio", "float", struct.pack("<f", pixel_aspect))
        + attribute("screenWindowCenter", "v2f", struct.pack("<ff", 0.0, 0.0))
        + attribute("screenWindowWidth", "float", struct.pack("<f", 1.0))
        + b"\0"
    )


def _exr_predicted(raw: U1) -> U1:
    """OpenEXR's preparation for ZIP: even bytes, then odd bytes, then differences offset by 128."""
    pairs = raw.view("<u2")
    split = np.concatenate([pairs.astype(np.uint8), (pairs >> 8).astype(np.uint8)])
    out = np.empty_like(split)
    out[0] = split[0]
    np.subtract(split[1:], split[:-1], out=out[1:])
    out[1:] += np.uint8(128)
    return out


def class_colors(names: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """A distinct colour for each name, by its place in the sorted list."""
    out = {}
    for k, name in enumerate(sorted(set(names))):
        red, green, blue = colorsys.hsv_to_rgb((k * 0.61803398875) % 1.0, 0.75, 1.0)
        out[name] = (round(red * 255), round(green * 255), round(blue * 255))
    return out


def overlay(
    rgb: U1,
    masks: Iterable[tuple[Bool, str]],
    *,
    tint: float = 0.35,
    colors: dict[str, tuple[int, int, int]] | None = None,
) -> U1:
    """The picture u1[h, w, 3] with each mask bool[h, w] tinted, framed by its box and named.

    Masks without a pixel are left out. `colors` by name; `class_colors` of the names given by default.
    """
    from PIL import Image, ImageDraw

    listed = [(mask, name) for mask, name in masks if mask.any()]
    chosen = colors or class_colors(name for _, name in listed)
    mixed = rgb.astype(np.float32)
    for mask, name in listed:
        mixed[mask] = mixed[mask] * (1 - tint) + np.array(chosen[name], np.float32) * tint
        edge = mask & ~_eroded(mask)
        mixed[edge] = chosen[name]
    image = Image.fromarray(np.rint(mixed).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for mask, name in listed:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = (int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1]))
        draw.rectangle(box, outline=chosen[name])
        _write_name(draw, name, box, chosen[name])
    return np.asarray(image)


def overlay_capture(rgb: U1, labels: Capture, names: dict[int, str], *, tint: float = 0.35) -> U1:
    """The picture with the visible masks of a label capture; `names` by object row, others are left out."""
    masks = [(mask.visible, names[mask.object]) for mask in labels.objects if mask.object in names]
    return overlay(rgb, masks, tint=tint, colors=class_colors(names.values()))


def _eroded(mask: Bool) -> Bool:
    out = mask.copy()
    out[1:] &= mask[:-1]
    out[:-1] &= mask[1:]
    out[:, 1:] &= mask[:, :-1]
    out[:, :-1] &= mask[:, 1:]
    return out


def _write_name(draw: object, name: str, box: tuple[int, int, int, int], color: tuple[int, int, int]) -> None:
    left, top, right, bottom = draw.textbbox((0, 0), name)  # type: ignore[attr-defined]
    width, height = int(right - left) + 4, int(bottom - top) + 3
    x, y = box[0], max(box[1] - height, 0)
    draw.rectangle((x, y, x + width, y + height), fill=color)  # type: ignore[attr-defined]
    draw.text((x + 2 - left, y + 1 - top), name, fill=(0, 0, 0))  # type: ignore[attr-defined]
