"""Writes the conformance vectors anew: `python tests/sync/write_vectors.py`.

The bytes are packed here with `struct`, value by value as docs/protocol.md says, and not with the product's codec, so
that the codec and the viewer's decoder are both judged by an independent hand.
"""

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

Row = dict[str, object]
EPOCH = zlib.crc32(b"e1")
EVENT, MARK, TICK = 1_700_000_000_000_000_000, 1_699_999_999_800_000_000, 1_700_000_000_050_000_000
QUANTUM = 2.0**-14
ZSTD = 4


def header(
    op: int, n: int, body: bytes = b"", flags: int = 0, seq: int = 7, base: int = 6, version: int = 1
) -> tuple[bytes, Row]:
    """A whole frame around a body as stored, and its header as the vectors tell it."""
    base &= 0xFFFFFFFF
    head = struct.pack("<BBHIQqqqIII", op, version, flags, n, seq, EVENT, MARK, TICK, base, EPOCH, len(body))
    crc = zlib.crc32(head + body)
    row: Row = {"op": op, "flags": flags, "n": n, "seq": seq, "eventNs": str(EVENT), "watermarkNs": str(MARK)}
    row |= {"tickNs": str(TICK), "baseSeq": base, "epochCrc": EPOCH, "size": len(body), "crc": crc}
    return head + struct.pack("<I", crc) + body + bytes(-len(body) % 8), row


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


def zstd_frame(content: bytes, stated: int | None = None) -> bytes:
    """A zstd frame by hand: its content in one raw block. `stated`: another content size than the true one."""
    size = len(content) if stated is None else stated
    return (
        b"\x28\xb5\x2f\xfd\xe0"
        + struct.pack("<Q", size)
        + (1 | len(content) << 3).to_bytes(3, "little")
        + content
    )


def zstd_repeat(byte: int, count: int, stated: int) -> bytes:
    """A zstd frame by hand: one byte many times, in one run-length block."""
    head = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", stated)
    return head + (1 | 1 << 1 | count << 3).to_bytes(3, "little") + bytes([byte])


def pose(
    ids: list[int],
    translation: list[list[float]],
    rotation: list[list[float]],
    scale: list[list[float]] | None = None,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    store: Callable[[bytes], bytes] | None = None,
    **stamp: int,
) -> tuple[bytes, Row]:
    flags = stamp.pop("flags", 0) | (2 if scale else 0) | (ZSTD if store else 0)
    quanta = [[round((v - o) / QUANTUM) for v, o in zip(t, origin, strict=True)] for t in translation]
    packed = [words(q) for q in rotation]
    body = struct.pack("<4d", *origin, QUANTUM) + struct.pack(f"<{len(ids)}I", *ids)
    body += b"".join(struct.pack("<3i", *q) for q in quanta)
    body += b"".join(struct.pack("<3f", *s) for s in scale or [])
    body += b"".join(struct.pack("<3H", *w) for w in packed)
    data, row = header(1, len(ids), store(body) if store else body, flags, **stamp)
    row |= {
        "ids": ids,
        "translation": [[o + v * QUANTUM for v, o in zip(q, origin, strict=True)] for q in quanta],
        "words": packed,
    }
    return data, row | {"rotation": [quaternion(w) for w in packed], "scale": scale}


def planes(column: list[int], width: int) -> bytes:
    """The lowest byte of each number, then the next byte of each, and so on; two's complement."""
    return bytes((v >> 8 * plane) & 0xFF for plane in range(width) for v in column)


def delta(
    ids: list[int],
    move: list[list[int]],
    turn: list[list[int]],
    widths: list[int],
    store: Callable[[bytes], bytes] | None = None,
    **stamp: int,
) -> tuple[bytes, Row]:
    """op 6; `widths`: of the ids, three of `move`, three of `turn`."""
    gaps = [b - a for a, b in zip([0, *ids], ids, strict=False)]
    columns = [
        gaps,
        *([row[k] for row in move] for k in range(3)),
        *([row[k] for row in turn] for k in range(3)),
    ]
    body = struct.pack("<d8B", QUANTUM, *widths, 0)
    body += b"".join(planes(column, width) for column, width in zip(columns, widths, strict=True))
    flags = stamp.pop("flags", 0) | (ZSTD if store else 0)
    data, row = header(6, len(ids), store(body) if store else body, flags, **stamp)
    return data, row | {"ids": ids, "quantum": QUANTUM, "move": move, "turn": turn}


def signals(
    ids: list[int], value: list[float | None], event: list[int], quality: list[int], **stamp: int
) -> tuple[bytes, Row]:
    body = b"".join(struct.pack("<d", math.nan if v is None else v) for v in value)
    body += struct.pack(f"<{len(ids)}q", *event) + struct.pack(f"<{len(ids)}I", *ids)
    body += struct.pack(f"<{len(ids)}I", *quality)
    data, row = header(2, len(ids), body, **stamp)
    columns = {"ids": ids, "value": value, "eventNsColumn": [str(t) for t in event], "quality": quality}
    return data, row | columns


def style(ids: list[int], rgba: list[list[int]], **stamp: int) -> tuple[bytes, Row]:
    body = struct.pack(f"<{len(ids)}I", *ids) + bytes(v for four in rgba for v in four)
    data, row = header(3, len(ids), body, **stamp)
    return data, row | {"ids": ids, "rgba": rgba}


def visibility(ids: list[int], visible: list[bool], **stamp: int) -> tuple[bytes, Row]:
    data, row = header(4, len(ids), struct.pack(f"<{len(ids)}I", *ids) + bytes(visible), **stamp)
    return data, row | {"ids": ids, "visible": visible}


def texts(
    ids: list[int],
    text: list[str],
    event: list[int],
    quality: list[int],
    ends: list[int] | None = None,
    **stamp: int,
) -> tuple[bytes, Row]:
    raw = [t.encode() for t in text]
    ends = ends or [sum(map(len, raw[: k + 1])) for k in range(len(raw))]
    body = struct.pack(f"<{len(ids)}q", *event) + struct.pack(f"<{len(ids)}I", *ids)
    body += struct.pack(f"<{len(ids)}I", *quality) + struct.pack(f"<{len(ids)}I", *ends) + b"".join(raw)
    data, row = header(7, len(ids), body, **stamp)
    return data, row | {
        "ids": ids,
        "text": text,
        "eventNsColumn": [str(t) for t in event],
        "quality": quality,
    }


def entities(ids: list[int], entity: list[int], **stamp: int) -> tuple[bytes, Row]:
    body = struct.pack(f"<{len(ids)}q", *entity) + struct.pack(f"<{len(ids)}I", *ids)
    data, row = header(8, len(ids), body, **stamp)
    return data, row | {"ids": ids, "entity": [str(e) for e in entity]}


def end(**stamp: int) -> tuple[bytes, Row]:
    return header(5, 0, **stamp)


HALF = math.sqrt(0.5)
IDENTITY = [1.0, 0.0, 0.0, 0.0]
# A zstd frame made once by a real compressor (level 19), with compressed literals and sequences.
LONG_DELTA = (
    "28b52ffd60ec046d0900241100103f0101020100010228292a00fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebea"
    "e9e8e7e6e5e4e3e2e1e0dfdedddcdbdad9d8d7d6d5d4d3d2d1d0cfcecdcccbcac9c8c7c6c5c4c3c2c1c0bfbebdbcbbba"
    "b9b8b7b6b5b4b3b2b1b0afaeadacabaaa9a8a7a6a5a4a3a2a1a09f9e9d9c9b9a999897969594939291908f8e8d8c8b8a"
    "898887868584838281807f7e7d7c7b7a797877767574737271706f6e6d6c6b6a696867666564636261605f5e5d5c5b5a"
    "595857565554535251504f4e4d4c4b4a494847464544434241403f3e3d3c3b3a393837363534333231302f2e2d2c2b2a"
    "292827262524232221201f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100fffe05fb0800"
    "2739150388f11fd5023440cd69a253c789ab9217f4026c"
)
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
    "zstd_raw_block": (
        "a pose body in a zstd frame that states its content size; the other frames of the tick are plain",
        [
            pose(
                [3, 10], [[1, -2.5, 0.25], [7.0, 0, -1]], [IDENTITY, [0.5, 0.5, -0.5, 0.5]], store=zstd_frame
            ),
            style([3], [[1, 2, 3, 4]]),
            end(),
        ],
    ),
    "delta_widths": (
        "pose deltas of every width: none, one, two and four bytes; ids with gaps of one, two and four bytes",
        [
            delta([3, 10], [[5, 0, 0], [-3, 0, 0]], [[0, 0, 0], [0, 0, 0]], [1, 1, 0, 0, 0, 0, 0]),
            delta(
                [300, 301, 70_000],
                [[127, -128, 70_000], [0, 1, -2_000_000_000], [-1, 2, 3]],
                [[1, 300, 0], [-1, -32768, 0], [0, 32767, 0]],
                [4, 1, 1, 4, 1, 2, 0],
            ),
            delta([0, 1], [[0, 0, 0]] * 2, [[0, 0, -1], [0, 0, 1]], [2, 0, 0, 0, 0, 0, 1]),
            end(),
        ],
    ),
    "delta_zstd_long": (
        "300 pose deltas in one zstd frame of several block kinds",
        [
            delta(
                [2 * k + 1 for k in range(300)],
                [[40 + k % 3, -k, 0] for k in range(300)],
                [[0, 0, (-1) ** k * 5] for k in range(300)],
                [1, 1, 2, 0, 0, 0, 1],
                store=lambda body: bytes.fromhex(LONG_DELTA),
            ),
            end(),
        ],
    ),
    "texts_and_entities": (
        "texts of string signals, empty and beyond ASCII; entities that nodes show",
        [
            texts([1, 4, 5], ["Störung", "", "运行 ok"], [EVENT, 0, -1], [0, 0x80000000, 0]),
            entities([2, 3, 9], [7, -1, 2**62]),
            end(),
        ],
    ),
    "unknown_kinds_are_skipped": (
        "kinds 9 and 200 with bodies of their own, one of them with all flags, around a frame that is known",
        [
            header(9, 3, b"something new"),
            style([5], [[1, 2, 3, 4]]),
            header(200, 0xFFFFFFFF, bytes(range(16)), flags=0xFFFF),
            end(),
        ],
    ),
}


def tampered(frame: bytes, **fields: int) -> bytes:
    """The frame with header fields changed and its checksum made right again."""
    names = ["op", "version", "flags", "n", "seq", "event", "mark", "tick", "base", "epoch", "size"]
    values = dict(zip(names, struct.unpack_from("<BBHIQqqqIII", frame), strict=True)) | fields
    head = struct.pack("<BBHIQqqqIII", *values.values())
    size = struct.unpack_from("<I", frame, 48)[0]
    return head + struct.pack("<I", zlib.crc32(head + frame[56 : 56 + size])) + frame[56:]


def pose_head(*, y: float = 0.0, quantum: float = QUANTUM) -> bytes:
    """A frame of poses without rows."""
    return header(1, 0, struct.pack("<4d", 0.0, y, 0.0, quantum))[0]


ONE_POSE = pose([1], [[0.0, 0.0, 0.0]], [IDENTITY])[0]
STILL = [[0, 0, 0]]
BROKEN: dict[str, tuple[str, bytes]] = {
    "cut_header": ("55 of the 56 bytes of a header", end()[0][:55]),
    "cut_body": ("a pose frame that ends too early", ONE_POSE[:-8]),
    "cut_padding": ("a frame without the zeros behind its body", ONE_POSE[:-2]),
    "other_version": ("version 2, with a right checksum", header(5, 0, version=2)[0]),
    "bad_crc": ("one bit of the body is another", ONE_POSE[:60] + bytes([ONE_POSE[60] ^ 1]) + ONE_POSE[61:]),
    "bad_crc_header": (
        "one bit of the header is another",
        ONE_POSE[:16] + bytes([ONE_POSE[16] ^ 1]) + ONE_POSE[17:],
    ),
    "bad_crc_unknown_kind": ("a kind that is not known, damaged", b"\x09" + ONE_POSE[1:]),
    "huge_count": ("a count that the body cannot hold", tampered(ONE_POSE, n=0xFFFFFFFF) + bytes(64)),
    "count_too_small": ("a body that is longer than its rows", tampered(ONE_POSE, n=0)),
    "size_beyond_message": ("a body that is longer than the message", tampered(ONE_POSE, size=1 << 20)),
    "tick_end_with_body": ("an end of tick with a body", header(5, 0, bytes(8))[0]),
    "pose_quantum_zero": ("a pose frame whose quantum is 0", header(1, 0, bytes(32))[0]),
    "pose_quantum_too_coarse": ("a quantum of a millimetre", pose_head(quantum=1e-3)),
    "pose_quantum_nan": ("a quantum that is not a number", pose_head(quantum=math.nan)),
    "pose_origin_too_far": ("an origin at 2^49 m", pose_head(y=2.0**49)),
    "pose_origin_nan": ("an origin that is not a number", pose_head(y=math.nan)),
    "delta_quantum_zero": (
        "a delta whose quantum is 0",
        header(6, 0, struct.pack("<d8B", 0.0, 1, *[0] * 7))[0],
    ),
    "delta_last_byte": (
        "the byte behind the widths is not 0",
        header(6, 0, struct.pack("<d8B", QUANTUM, 1, *[0] * 6, 1))[0],
    ),
    "zstd_bomb": (
        "a small zstd frame that states 1 TiB",
        header(1, 1, zstd_repeat(0, 100_000, 1 << 40), flags=ZSTD)[0],
    ),
    "zstd_bomb_in_text": (
        "texts have no fixed size, but never more than a message holds",
        header(7, 1, zstd_repeat(0, 100_000, 1 << 30), flags=ZSTD)[0],
    ),
    "zstd_size_too_large": (
        "a content size one byte beyond what op and n say",
        header(3, 2, zstd_frame(bytes(17)), flags=ZSTD)[0],
    ),
    "zstd_size_is_a_lie": (
        "a content size that fits, but other content",
        header(3, 2, zstd_frame(bytes(15), stated=16), flags=ZSTD)[0],
    ),
    "zstd_without_size": (
        "a zstd frame that does not state its content size",
        header(
            3, 2, b"\x28\xb5\x2f\xfd\x00\x58" + (1 | 16 << 3).to_bytes(3, "little") + bytes(16), flags=ZSTD
        )[0],
    ),
    "zstd_garbage": ("a body that is no zstd frame", header(3, 2, bytes(16), flags=ZSTD)[0]),
    "zstd_two_frames": ("bytes behind the zstd frame", header(3, 1, zstd_frame(bytes(8)) * 2, flags=ZSTD)[0]),
    "delta_width_three": (
        "a width that there is not",
        delta([1], [[1, 0, 0]], STILL, [1, 3, 0, 0, 0, 0, 0])[0],
    ),
    "delta_id_width_zero": ("ids without bytes", delta([], [], [], [0, 0, 0, 0, 0, 0, 0])[0]),
    "delta_turn_width_four": (
        "rotations have two bytes at most",
        delta([1], STILL, STILL, [1, 0, 0, 0, 4, 0, 0])[0],
    ),
    "delta_same_id_twice": (
        "a gap of 0 behind the first row",
        delta([4, 4], STILL * 2, STILL * 2, [1, 0, 0, 0, 0, 0, 0])[0],
    ),
    "delta_ids_beyond_32_bits": (
        "gaps whose sum is 2^32",
        delta([0xFFFFFFFF, 1 << 32], STILL * 2, STILL * 2, [4, 0, 0, 0, 0, 0, 0])[0],
    ),
    "delta_too_short": (
        "fewer bytes than the widths say",
        header(6, 1, struct.pack("<d8B", QUANTUM, 1, 1, 0, 0, 0, 0, 0, 0) + b"\x01")[0],
    ),
    "texts_ends_fall": ("an end before its begin", texts([1, 2], ["ab", "c"], [0, 0], [0, 0], [3, 2])[0]),
    "texts_ends_too_small": ("bytes behind the last text", texts([1], ["abc"], [0], [0], [2])[0]),
    "texts_not_utf8": (
        "a text that is not UTF-8",
        header(7, 1, struct.pack("<qIII", 0, 1, 0, 2) + b"\xc3\x28")[0],
    ),
}


# ---------------------------------------------------------------------- chains


class Held:
    """What a client holds after each tick, kept row by row; the digest is that of docs/protocol.md."""

    def __init__(self) -> None:
        self.poses: dict[int, tuple[list[float], list[int], list[float]]] = {}
        self.styles: dict[int, list[int]] = {}
        self.visibility: dict[int, bool] = {}
        self.signals: dict[int, tuple[float | None, str, int]] = {}
        self.texts: dict[int, tuple[str, int]] = {}
        self.entities: dict[int, str] = {}

    def apply(self, row: Row) -> None:
        columns: dict[str, list] = {name: value for name, value in row.items() if isinstance(value, list)}
        ids = columns.get("ids", [])
        scale = columns.get("scale") or [[1.0, 1.0, 1.0]] * len(ids)
        for k, i in enumerate(ids):
            if row["op"] == 1:
                self.poses[i] = (columns["translation"][k], columns["words"][k], scale[k])
            elif row["op"] == 6:
                t, w, s = self.poses[i]
                move, turn = columns["move"][k], columns["turn"][k]
                t = [v + d * QUANTUM for v, d in zip(t, move, strict=True)]
                self.poses[i] = (t, [(v + d) & 0xFFFF for v, d in zip(w, turn, strict=True)], s)
            elif row["op"] == 2:
                self.signals[i] = (columns["value"][k], columns["eventNsColumn"][k], columns["quality"][k])
            elif row["op"] == 3:
                self.styles[i] = columns["rgba"][k]
            elif row["op"] == 4:
                self.visibility[i] = columns["visible"][k]
            elif row["op"] == 7:
                self.texts[i] = (columns["text"][k], columns["quality"][k])
            elif row["op"] == 8:
                self.entities[i] = columns["entity"][k]

    def state(self) -> Row:
        """Rows of all that is held, by kind; ids ascend."""
        return {
            "poses": [[i, *self.poses[i]] for i in sorted(self.poses)],
            "styles": [[i, self.styles[i]] for i in sorted(self.styles)],
            "visibility": [[i, self.visibility[i]] for i in sorted(self.visibility)],
            "signals": [[i, *self.signals[i]] for i in sorted(self.signals)],
            "texts": [[i, *self.texts[i]] for i in sorted(self.texts)],
            "entities": [[i, self.entities[i]] for i in sorted(self.entities)],
        }

    def digest(self) -> str:
        out = struct.pack("<I", len(self.poses))
        for i, (t, w, s) in sorted(self.poses.items()):
            out += struct.pack("<I3q3H3f", i, *(round(v / QUANTUM) for v in t), *w, *s)
        out += struct.pack("<I", len(self.styles))
        out += b"".join(struct.pack("<I4B", i, *rgba) for i, rgba in sorted(self.styles.items()))
        out += struct.pack("<I", len(self.visibility))
        out += b"".join(struct.pack("<IB", i, shown) for i, shown in sorted(self.visibility.items()))
        out += struct.pack("<I", len(self.signals))
        for i, (value, event, quality) in sorted(self.signals.items()):
            number = bytes.fromhex("000000000000f87f") if value is None else struct.pack("<d", value)
            out += struct.pack("<I", i) + number + struct.pack("<qI", int(event), quality)
        out += struct.pack("<I", len(self.texts))
        for i, (text, quality) in sorted(self.texts.items()):
            out += struct.pack("<II", i, len(text.encode())) + text.encode() + struct.pack("<I", quality)
        out += struct.pack("<I", len(self.entities))
        out += b"".join(struct.pack("<Iq", i, int(entity)) for i, entity in sorted(self.entities.items()))
        return hashlib.sha256(out).hexdigest()


FIRST = {"seq": 10, "base": 0, "flags": 1}


def _first() -> list[tuple[bytes, Row]]:
    stamp = FIRST
    return [
        pose(
            [1, 2, 5],
            [[1.0, 2.0, 3.0], [10_000.25, -0.125, 0.0], [-7.0, 0.0, 0.0]],
            [IDENTITY, [0.5, 0.5, -0.5, 0.5], [HALF, 0.0, 0.0, HALF]],
            **stamp,
        ),
        pose([6], [[0.5, 0.5, 0.5]], [IDENTITY], [[2.0, 1.0, 0.25]], **stamp),
        signals([0, 3], [1.5, None], [EVENT, 5], [0, 0x80000000], **stamp),
        end(**stamp),
    ]


CHAINS: dict[str, tuple[str, list[list[tuple[bytes, Row]]], str]] = {
    "chain_deltas": (
        "keyframe, then two ticks of deltas with other kinds beside them, a jump as op 1 in the tick of a delta, an empty tick",
        [
            _first(),
            [
                delta(
                    [1, 2, 6],
                    [[5, -6, 0], [1, 0, 300], [-1, -1, -1]],
                    [[0, 0, 3], [-7, 0, 0], [0, 0, 0]],
                    [1, 1, 1, 2, 1, 0, 1],
                    seq=13,
                    base=10,
                ),
                style([5], [[255, 0, 0, 255]], seq=13, base=10),
                end(seq=13, base=10),
            ],
            [
                pose([5], [[900.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]], seq=14, base=13),
                delta([2], [[-1, 0, -300]], [[32767, -32768, 1]], [1, 1, 0, 2, 2, 2, 1], seq=14, base=13),
                visibility([1, 5], [False, True], seq=14, base=13),
                signals([3], [2.0], [6], [0], seq=14, base=13),
                texts([4], ["läuft"], [6], [0], seq=14, base=13),
                entities([5], [41], seq=14, base=13),
                end(seq=14, base=13),
            ],
            [end(seq=15, base=14)],
        ],
        "",
    ),
    "chain_catch_up": (
        "a tick of absolute rows may build on an older tick; a keyframe forgets everything",
        [
            _first(),
            [pose([2], [[5.0, 5.0, 5.0]], [IDENTITY], seq=20, base=8), end(seq=20, base=8)],
            [
                pose([7], [[1.0, 1.0, 1.0]], [IDENTITY], seq=21, base=0, flags=1),
                end(seq=21, base=0, flags=1),
            ],
        ],
        "",
    ),
    "chain_keyframe_forgets": (
        "a keyframe forgets every kind of row; a text may begin with a byte order mark, which is part of it",
        [
            [
                *_first()[:-1],
                style([5], [[255, 0, 0, 255]], **FIRST),
                visibility([1], [False], **FIRST),
                texts([4], ["\ufeffBOM"], [6], [0], **FIRST),
                entities([5], [41], **FIRST),
                end(**FIRST),
            ],
            [signals([1], [0.5], [7], [0], seq=11, base=0, flags=1), end(seq=11, base=0, flags=1)],
        ],
        "",
    ),
    "chain_begins_in_the_middle": (
        "the first tick that a client gets is no keyframe",
        [[pose([1], [[1.0, 0.0, 0.0]], [IDENTITY], seq=1, base=0), end(seq=1, base=0)]],
        "keyframe",
    ),
    "chain_unknown_node": (
        "a pose of a node that the scene does not have",
        [[pose([8], [[1.0, 0.0, 0.0]], [IDENTITY], **FIRST), end(**FIRST)]],
        "node",
    ),
    "chain_unknown_signal": (
        "a text of a signal that the scene does not have",
        [[texts([5], ["?"], [6], [0], **FIRST), end(**FIRST)]],
        "signal",
    ),
    "chain_older_tick": (
        "a tick that is older than the last one",
        [_first(), [style([1], [[1, 1, 1, 1]], seq=9, base=8), end(seq=9, base=8)]],
        "seq",
    ),
    "chain_two_ticks_in_one": (
        "frames of two ticks before one end",
        [_first(), [style([1], [[1, 1, 1, 1]], seq=11, base=10), end(seq=12, base=10)]],
        "seq",
    ),
    "chain_delta_in_keyframe": (
        "a delta has no place in a keyframe",
        [
            _first(),
            [
                delta([1], [[1, 0, 0]], STILL, [1, 1, 0, 0, 0, 0, 0], seq=12, base=10, flags=1),
                end(seq=12, base=10, flags=1),
            ],
        ],
        "delta",
    ),
    "chain_wrong_base": (
        "a delta on another tick than the last one: close, and begin anew without `have`",
        [
            _first(),
            [
                delta([1], [[1, 0, 0]], STILL, [1, 1, 0, 0, 0, 0, 0], seq=12, base=9),
                end(seq=12, base=9),
            ],
        ],
        "base",
    ),
    "chain_gap": (
        "absolute rows that build on a tick that never came",
        [_first(), [style([1], [[1, 1, 1, 1]], seq=12, base=11), end(seq=12, base=11)]],
        "gap",
    ),
    "chain_delta_of_unknown_node": (
        "a delta of a node that the client never had absolutely",
        [
            _first(),
            [
                delta([1, 3], [[1, 0, 0]] * 2, STILL * 2, [1, 1, 0, 0, 0, 0, 0], seq=12, base=10),
                end(seq=12, base=10),
            ],
        ],
        "node",
    ),
}


def chain_document(name: str, about: str, ticks: list[list[tuple[bytes, Row]]], refused: str) -> Row:
    held, steps = Held(), []
    for k, frames in enumerate(ticks):
        step: Row = {"hex": b"".join(data for data, _ in frames).hex()}
        if refused and k == len(ticks) - 1:
            steps.append(step | {"error": True})
            continue
        if frames[-1][1]["flags"] == 1:
            held = Held()
        for _, row in frames:
            held.apply(row)
        steps.append(step | {"seq": frames[-1][1]["seq"], "state": held.state(), "digest": held.digest()})
    return {"name": name, "about": about, "epoch": "e1", "nodes": 8, "signals": 5, "chain": steps}


def documents() -> dict[str, Row]:
    """File name to content of all vectors."""
    out: dict[str, Row] = {}
    for name, (about, frames) in VECTORS.items():
        data = b"".join(frame for frame, _ in frames)
        known = [row for _, row in frames if cast(int, row["op"]) <= 8]
        skipped = len(frames) - len(known)
        out[name] = {"name": name, "about": about, "hex": data.hex(), "skipped": skipped, "frames": known}
    for name, (about, data) in BROKEN.items():
        out[name] = {"name": name, "about": about, "hex": data.hex(), "error": True}
    for name, (about, ticks, refused) in CHAINS.items():
        out[name] = chain_document(name, about, ticks, refused)
    # As the files say them: tuples are lists there.
    return cast("dict[str, Row]", json.loads(json.dumps(out)))


def main() -> None:
    """Writes one file a vector into `vectors/` beside this script."""
    folder = Path(__file__).with_name("vectors")
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for name, document in documents().items():
        (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
