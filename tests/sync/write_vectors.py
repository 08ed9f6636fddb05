"""Writes the conformance vectors anew: `python tests/sync/write_vectors.py`.

The bytes are packed here with `struct`, value by value as docs/protocol.md says, and not with the product's codec, so
that the codec and the viewer's decoder are both judged by an independent hand.
"""

import json
import math
import struct
import zlib
from pathlib import Path

Row = dict[str, object]
EPOCH = zlib.crc32(b"e1")
EVENT, MARK = 1_700_000_000_000_000_000, 1_699_999_999_800_000_000
QUANTUM = 2.0**-14


def header(op: int, n: int, flags: int = 0, seq: int = 7, base: int = 6) -> tuple[bytes, Row]:
    data = struct.pack("<BBHIQqqII", op, 1, flags, n, seq, EVENT, MARK, base & 0xFFFFFFFF, EPOCH)
    row: Row = {"op": op, "flags": flags, "n": n, "seq": seq, "eventNs": str(EVENT), "watermarkNs": str(MARK)}
    return data, row | {"baseSeq": base & 0xFFFFFFFF, "epochCrc": EPOCH}


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def words(quat: list[float]) -> list[int]:
    norm = math.sqrt(sum(v * v for v in quat))
    q = [v / norm for v in quat]
    k = max(range(4), key=lambda i: (abs(q[i]), -i))
    sign = -1.0 if q[k] < 0 else 1.0
    a, b, c = (round(sign * v * 16383 * math.sqrt(2)) + 16383 for i, v in enumerate(q) if i != k)
    return [a | (k & 1) << 15, b | (k >> 1) << 15, c]


def quaternion(word: list[int]) -> list[float]:
    k = word[0] >> 15 | (word[1] >> 15) << 1
    small = [((w & 0x7FFF) - 16383) / (16383 * math.sqrt(2)) for w in word]
    out = list(small)
    out.insert(k, math.sqrt(max(0.0, 1.0 - sum(v * v for v in small))))
    return out


def pose(
    ids: list[int],
    translation: list[list[float]],
    rotation: list[list[float]],
    scale: list[list[float]] | None = None,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    **stamp: int,
) -> tuple[bytes, Row]:
    flags = stamp.pop("flags", 0) | (2 if scale else 0)
    data, row = header(1, len(ids), flags, **stamp)
    quanta = [[round((v - o) / QUANTUM) for v, o in zip(t, origin, strict=True)] for t in translation]
    packed = [words(q) for q in rotation]
    data += struct.pack("<4d", *origin, QUANTUM) + struct.pack(f"<{len(ids)}I", *ids)
    data += b"".join(struct.pack("<3i", *q) for q in quanta)
    data += b"".join(struct.pack("<3f", *s) for s in scale or [])
    data += b"".join(struct.pack("<3H", *w) for w in packed)
    row |= {
        "ids": ids,
        "translation": [[o + v * QUANTUM for v, o in zip(q, origin, strict=True)] for q in quanta],
    }
    return padded(data), row | {"rotation": [quaternion(w) for w in packed], "scale": scale}


def signals(
    ids: list[int], value: list[float | None], event: list[int], quality: list[int]
) -> tuple[bytes, Row]:
    data, row = header(2, len(ids))
    data += b"".join(struct.pack("<d", math.nan if v is None else v) for v in value)
    data += struct.pack(f"<{len(ids)}q", *event) + struct.pack(f"<{len(ids)}I", *ids)
    data += struct.pack(f"<{len(ids)}I", *quality)
    columns = {"ids": ids, "value": value, "eventNsColumn": [str(t) for t in event], "quality": quality}
    return padded(data), row | columns


def style(ids: list[int], rgba: list[list[int]]) -> tuple[bytes, Row]:
    data, row = header(3, len(ids))
    data += struct.pack(f"<{len(ids)}I", *ids) + bytes(v for four in rgba for v in four)
    return padded(data), row | {"ids": ids, "rgba": rgba}


def visibility(ids: list[int], visible: list[bool]) -> tuple[bytes, Row]:
    data, row = header(4, len(ids))
    data += struct.pack(f"<{len(ids)}I", *ids) + bytes(visible)
    return padded(data), row | {"ids": ids, "visible": visible}


def end(**stamp: int) -> tuple[bytes, Row]:
    return header(5, 0, **stamp)


HALF = math.sqrt(0.5)
IDENTITY = [1.0, 0.0, 0.0, 0.0]
VECTORS: dict[str, tuple[str, list[tuple[bytes, Row]]]] = {
    "worked_example": (
        "the example of docs/protocol.md",
        [pose([3, 10], [[1, -2.5, 0.25], [10000.0001, 0, -1 / 3]], [IDENTITY, [0.5, 0.5, -0.5, 0.5]]), end()],
    ),
    "rotations": (
        "each component the greatest once, negative ones too; ties; a half turn",
        [
            pose(
                [0, 1, 2, 3, 4, 5],
                [[0.0, 0.0, 0.0]] * 6,
                [
                    [-0.9, 0.1, 0.3, -0.2],
                    [0.1, -0.95, 0.2, 0.1],
                    [-0.3, 0.2, 0.9, 0.1],
                    [0.2, 0.2, 0.2, -0.9],
                    [HALF, 0.0, 0.0, HALF],
                    [0.0, 0.0, 0.0, 1.0],
                ],
            ),
            end(),
        ],
    ),
    "keyframe_with_scale": (
        "keyframe flag, scale column, odd number of rows",
        [
            pose(
                [0, 4, 4_000_000_000],
                [[0.5, 0.25, -0.125], [-8000.0, 1.0, 2.0], [131000.0, -131000.0, 0.0]],
                [IDENTITY] * 3,
                [[1.0, 1.0, 1.0], [0.5, 2.0, 1.5], [-1.0, 1.0, 1.0]],
                flags=1,
                base=0,
            ),
            end(flags=1, base=0),
        ],
    ),
    "far_origin": (
        "a frame with an origin of its own, beside one at zero, in one tick",
        [
            pose([1], [[1.0, 2.0, 3.0]], [IDENTITY]),
            pose([2], [[10_000_000.5, 0.0, -1.0]], [IDENTITY], origin=(9_961_472.0, 0.0, 0.0)),
            end(),
        ],
    ),
    "values": (
        "signals with a missing number, bad quality and an odd number of rows; colours; visibility",
        [
            signals(
                [0, 2, 9],
                [1.5, None, -2e-9],
                [EVENT, 0, -(2**62) - 1],
                [0, 0x809B0000, 0x40900000],
            ),
            style([5, 6, 7], [[255, 0, 16, 255], [0, 0, 0, 0], [1, 2, 3, 128]]),
            visibility([5, 8, 9], [True, False, True]),
            end(),
        ],
    ),
    "empty_keyframe_big_seq": (
        "nothing has moved yet; seq and base above 32 bits",
        [end(flags=1, seq=2**33 + 5, base=0), end(seq=2**33 + 6, base=2**33 + 5)],
    ),
}
BROKEN: dict[str, tuple[str, bytes]] = {
    "cut_header": ("39 of the 40 bytes of a header", end()[0][:39]),
    "cut_body": ("a pose frame that ends too early", pose([1], [[0.0, 0.0, 0.0]], [IDENTITY])[0][:-8]),
    "other_version": ("version 2", b"\x05\x02" + end()[0][2:]),
    "unknown_op": ("op 9", b"\x09" + end()[0][1:]),
    "huge_count": (
        "a count that the message cannot hold",
        b"\x01\x01\x00\x00\xff\xff\xff\xff" + end()[0][8:] + bytes(64),
    ),
}


def documents() -> dict[str, Row]:
    """File name to content of all vectors."""
    out: dict[str, Row] = {}
    for name, (about, frames) in VECTORS.items():
        data = b"".join(frame for frame, _ in frames)
        out[name] = {"name": name, "about": about, "hex": data.hex(), "frames": [row for _, row in frames]}
    for name, (about, data) in BROKEN.items():
        out[name] = {"name": name, "about": about, "hex": data.hex(), "error": True}
    return out


def main() -> None:
    """Writes one file a vector into `vectors/` beside this script."""
    folder = Path(__file__).with_name("vectors")
    folder.mkdir(exist_ok=True)
    for name, document in documents().items():
        (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
