"""Damaged twin.v1 messages: real ticks, then bits, bytes, lengths and headers changed, checksums often made right.

Whatever arrives, a decoder and a model may raise nothing but FrameError, and may not take memory that the bytes do not
back. Shared by the tests and by scripts/soak_stream.py.
"""

import struct
import tracemalloc
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from twinstage.sync import codec
from twinstage.sync.model import SceneModel

IDENTITY = [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
NODES, SIGNALS = 40, 8
EPOCH = "e1"


def document() -> dict:
    """A scene of prims without parents."""
    return {
        "epoch": EPOCH,
        "revision": 0,
        "nodes": {
            "count": NODES,
            "path": [f"/n{i}" for i in range(NODES)],
            "parent": [-1] * NODES,
            "resets": [False] * NODES,
            "local": IDENTITY * NODES,
        },
        "points": {"count": 0, "instancer": [], "id": [], "local": []},
        "signals": [{"id": f"s{i}", "unit": "1", "type": "f64"} for i in range(SIGNALS)],
    }


def stream(seed: int) -> list[bytes]:
    """Messages of one tick each: a keyframe and ticks with every kind of frame, plain and compressed."""
    random = np.random.default_rng(seed)
    crc = codec.epoch_crc(EPOCH)
    index = np.arange(NODES, dtype=np.uint32)
    messages = []
    for seq in range(1, 6):
        first = seq == 1
        stamp = codec.Stamp(seq, seq, seq, 0 if first else seq - 1, crc, first, seq)
        zstd = bool(seq % 2)
        quat = random.normal(size=(NODES, 4))
        if first:
            frames = codec.encode_pose(stamp, index, random.normal(size=(NODES, 3)), quat, None, zstd=zstd)
        else:
            rows = np.sort(random.choice(NODES, 30, replace=False)).astype(np.uint32)
            move = random.integers(-300, 300, (30, 3))
            turn = random.integers(-90, 90, (30, 3)).astype(np.int16)
            frames = codec.encode_delta(stamp, rows, move, turn, zstd=zstd)
        some = np.arange(SIGNALS, dtype=np.uint32)
        times, quality = np.full(SIGNALS, seq), np.zeros(SIGNALS, np.uint32)
        frames += codec.encode_signals(stamp, some, random.normal(size=SIGNALS), times, quality, zstd=zstd)
        frames += codec.encode_style(stamp, index, random.integers(0, 255, (NODES, 4)), zstd=zstd)
        frames += codec.encode_visibility(stamp, index, random.integers(0, 2, NODES) > 0, zstd=zstd)
        frames += codec.encode_texts(stamp, some, [b"text %d" % i for i in some], times, quality, zstd=zstd)
        frames += codec.encode_entities(stamp, index, np.arange(NODES), zstd=zstd)
        messages.append(b"".join([*frames, codec.encode_tick_end(stamp)]))
    return messages


def damaged(message: bytes, random: np.random.Generator) -> bytes:
    """One to three changes; three times in four, the checksums of all frames that still can be found are made right."""
    data = bytearray(message)
    for _ in range(int(random.integers(1, 4))):
        if not data:
            break
        kind, at = int(random.integers(0, 7)), int(random.integers(0, len(data)))
        if kind == 0:
            data[at] ^= 1 << int(random.integers(0, 8))
        elif kind == 1:
            data[at] = int(random.integers(0, 256))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + int(random.integers(1, 64))]
        elif kind == 4:
            data[at:at] = random.bytes(int(random.integers(1, 64)))
        elif kind == 5:  # a field of a header
            starts = frame_starts(data)
            start = starts[int(random.integers(0, len(starts)))]
            offset, width = FIELDS[int(random.integers(0, len(FIELDS)))]
            value = int(random.choice(np.array([0, 1, 2, 5, 255, 65535, 2**31, 2**32 - 1])))
            if start + offset + width <= len(data):
                data[start + offset : start + offset + width] = (value & (1 << 8 * width) - 1).to_bytes(
                    width, "little"
                )
        else:  # the begin of a body: origin, quantum, widths, a compressed frame's own header
            starts = frame_starts(data)
            start = starts[int(random.integers(0, len(starts)))] + codec.HEADER_SIZE
            for k in range(int(random.integers(1, 9))):
                if start + k < len(data):
                    data[start + k] = int(random.integers(0, 256))
    if random.integers(0, 4):
        repair(data)
    return bytes(data)


FIELDS = [
    (0, 1),
    (1, 1),
    (2, 2),
    (4, 4),
    (8, 4),
    (12, 4),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 4),
    (44, 4),
    (48, 4),
    (52, 4),
]


def frame_starts(data: bytes | bytearray) -> list[int]:
    """Where frames begin, as far as their sizes lead; at least one."""
    starts, at = [], 0
    while at + codec.HEADER_SIZE <= len(data) and len(starts) < 100:
        starts.append(at)
        size = struct.unpack_from("<I", data, at + 48)[0]
        at += codec.HEADER_SIZE + size + (-size % 8)
    return starts or [0]


def repair(data: bytearray) -> None:
    """Right checksums, so that the damage gets past them."""
    for at in frame_starts(data):
        if at + codec.HEADER_SIZE <= len(data):
            size = struct.unpack_from("<I", data, at + 48)[0]
            body = bytes(data[at + codec.HEADER_SIZE : at + codec.HEADER_SIZE + size])
            crc = zlib.crc32(body, zlib.crc32(bytes(data[at : at + 52])))
            struct.pack_into("<I", data, at + 52, crc)


@dataclass
class Outcome:
    """What became of the cases."""

    cases: int = 0
    refused: int = 0
    applied: int = 0
    failures: list[str] = field(default_factory=list)
    """Cases that raised something else: exception and hex."""
    peak_bytes: int = 0


def fuzz(cases: int, seed: int, *, keep: Path | None = None, memory: bool = False) -> Outcome:
    """Each case: a good stream up to some tick, then a damaged message decoded and applied. `keep`: folder for what failed."""
    outcome = Outcome()
    random = np.random.default_rng(seed)
    model, messages, held = SceneModel(document()), stream(seed), -1
    if memory:
        tracemalloc.start()
    for case in range(cases):
        place = int(random.integers(0, len(messages)))
        if held != place:  # the good ticks before it
            model = SceneModel(document())
            for message in messages[:place]:
                model.apply(codec.decode(message))
            held = place
        blob = damaged(messages[place], random)
        outcome.cases += 1
        try:
            frames, _ = codec.decode_counting(blob)
            if frames:
                model.apply(frames)
                model.digest()
            outcome.applied += 1
        except codec.FrameError:
            outcome.refused += 1
        except Exception as error:
            outcome.failures.append(f"case {case} of seed {seed}: {error!r}: {blob.hex()}")
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{seed}-{case}.hex").write_text(f"{error!r}\n{blob.hex()}\n")
        held = -1
    if memory:
        outcome.peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return outcome
