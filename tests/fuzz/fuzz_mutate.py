"""Damaged copies of real files: bytes and, in text, tokens."""

import random
import re
import struct
from pathlib import Path

MOST_BYTES = 200_000
EXTREMES = [
    0,
    1,
    -1,
    127,
    255,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
]
NUMBERS = [
    "nan",
    "inf",
    "-inf",
    "1e308",
    "-1e308",
    "1e39",
    "0",
    "-1",
    "2147483647",
    "-2147483648",
    "1e-320",
    "4294967296",
]


def sources(assets: Path) -> list[Path]:
    """Real USD files, small ones, in a fixed order."""
    found = [p for ending in ("usd", "usda", "usdc", "usdz") for p in assets.rglob(f"*.{ending}")]
    return sorted(p for p in found if p.stat().st_size <= MOST_BYTES)


def mutate(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """`data` damaged in one to six places; `other` is a file to splice from."""
    text = data[:5] == b"#usda"
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        if text and rng.random() < 0.85:
            out = bytearray(_mutate_text(rng, bytes(out)))
        else:
            _mutate_bytes(rng, out, other)
    return bytes(out)


def _mutate_bytes(rng: random.Random, out: bytearray, other: bytes) -> None:
    if not out:
        out += b"\0"
    # Headers and tables of contents stand at the beginning and the end.
    where = rng.choice(
        [
            rng.randrange(len(out)),
            rng.randrange(min(len(out), 128)),
            len(out) - 1 - rng.randrange(min(len(out), 512)),
        ]
    )
    length = rng.choice([1, 4, 16, 64, 1024])
    kind = rng.randrange(8)
    if kind == 0:
        for _ in range(rng.choice([1, 2, 8, 32])):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        out[where] = rng.randrange(256)
    elif kind == 2:
        size = rng.choice([1, 2, 4, 8])
        value = rng.choice(EXTREMES) & ((1 << 8 * size) - 1)
        out[where : where + size] = value.to_bytes(size, "little")
    elif kind == 3:
        del out[where:]
    elif kind == 4:
        out[where:where] = out[where : where + length]
    elif kind == 5:
        del out[where : where + length]
    elif kind == 6:
        start = rng.randrange(max(1, len(other) - length))
        out[where : where + length] = other[start : start + length]
    else:
        value = struct.pack("<d", rng.choice([float("nan"), float("inf"), 1e308, -1.0, 0.0]))
        out[where : where + 8] = value


def _mutate_text(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    kind = rng.choice([0, 0, 0, 0, 1, 2, 3, 4, 5])
    at = rng.randrange(len(lines))
    if kind == 0:
        numbers = list(re.finditer(rb"-?\d+(\.\d+)?", data))
        if numbers:
            found = rng.choice(numbers)
            return data[: found.start()] + rng.choice(NUMBERS).encode() + data[found.end() :]
    elif kind == 1:
        lines.insert(at, lines[rng.randrange(len(lines))])
    elif kind == 2:
        del lines[at]
    elif kind == 3:
        lines[at] = lines[at] + rng.choice(
            [b"\xff\xfe", b"\xc3\x28", b"{", b"}", b"(", b"]", b'"', b"@", b"\0", b"@@@"]
        )
    elif kind == 4:
        words = lines[at].split(b" ")
        words[rng.randrange(len(words))] = rng.choice(
            [b"points", b"float3", b"matrix4d[]", b"token", b"None", b"</A>", b"[", b"inf"]
        )
        lines[at] = b" ".join(words)
    else:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)
