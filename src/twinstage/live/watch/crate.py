"""Tables of a crate file (.usdc): which fields its specs hold, and where in the file their values are. Pure.

Follows the crate format of OpenUSD (pxr/usd/sdf/crateFile.cpp, integerCoding.cpp), versions 0.7 to 0.13. Whoever needs the
values asks the USD library; this is only to tell which of them are the same bytes as in an earlier state of the file.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

MAGIC = b"PXR-USDC"
_VERSIONS = range(7, 14)
_MOST_RATIO = 256
"""LZ4 makes at most so many bytes of one."""
_END = 0xFFFFFFFF
"""Closes a set of fields."""

Words = np.ndarray
"""(n,) uint32 or uint64."""


class NoCrate(ValueError):
    """Bytes that are no crate of a version that is known here, or a damaged one."""


@dataclass(frozen=True)
class Crate:
    """One state of a file.

    Attributes:
        data: (bytes,) uint8, the whole file.
        tokens, strings: the words that fields name by number.
        field_names: (fields,) uint32, tokens. `reps`: (fields,) uint64, the format's ValueReps.
        sets: fields of all specs, one spec's after the other, each closed by 0xFFFFFFFF.
        spec_paths, spec_sets, spec_types: (specs,) uint32: number of the path, first of its fields in `sets`, kind of spec.
        path_count: numbers of paths; some may be of none.
        path_tables: number in the file, token (negative: of a property) and jump of every path, as the file has them.
        sections: bytes of TOKENS, STRINGS and PATHS: the same ones give the same numbers.
    """

    data: np.ndarray
    tokens: tuple[bytes, ...]
    strings: Words
    field_names: Words
    reps: Words
    sets: Words
    spec_paths: Words
    spec_sets: Words
    spec_types: Words
    path_count: int
    path_tables: tuple[np.ndarray, np.ndarray, np.ndarray]
    sections: tuple[bytes, bytes, bytes]

    @cached_property
    def paths(self) -> tuple[list[str], list[str]]:
        """By number: each path, and the prim (or variant) that it is one of or that it belongs to."""
        return _paths(self.path_count, self.tokens, *(table.tolist() for table in self.path_tables))


def read_crate(data: np.ndarray) -> Crate:
    """The tables of a file's bytes, (bytes,) uint8. NoCrate for all that is not whole."""
    try:
        return _read(data)
    except NoCrate:
        raise
    except (ValueError, IndexError, KeyError, OSError, OverflowError, MemoryError, struct.error) as error:
        raise NoCrate(str(error)) from None


def _read(data: np.ndarray) -> Crate:
    view = data.data
    if bytes(view[:8]) != MAGIC or view[8] != 0 or view[9] not in _VERSIONS:
        raise NoCrate("no crate, or one of another version")
    found = _sections(view)
    tokens, strings, paths = (found[name] for name in ("TOKENS", "STRINGS", "PATHS"))
    names, reps = _fields(_Reader(found["FIELDS"]))
    sets = _Reader(found["FIELDSETS"])
    specs = _Reader(found["SPECS"])
    number = specs.count()
    counted = _Reader(paths)
    path_count, encoded = counted.count(), counted.count()
    index, element, jump = (counted.ints(encoded) for _ in range(3))
    crate = Crate(
        data=data,
        tokens=_tokens(_Reader(tokens)),
        strings=np.frombuffer(strings, np.uint32, offset=8),
        field_names=names,
        reps=reps,
        sets=sets.ints(sets.count()),
        spec_paths=specs.ints(number),
        spec_sets=specs.ints(number),
        spec_types=specs.ints(number),
        path_count=path_count,
        path_tables=(index, element.view(np.int32), jump.view(np.int32)),
        sections=(bytes(tokens), bytes(strings), bytes(paths)),
    )
    _check(crate)
    return crate


def _check(crate: Crate) -> None:
    """Numbers that stand for something outside their table."""
    used = crate.sets[crate.sets != _END]
    bounds = (
        (crate.field_names, len(crate.tokens)),
        (used, len(crate.reps)),
        (crate.spec_sets, len(crate.sets)),
        (crate.spec_paths, crate.path_count),
        (crate.path_tables[0], crate.path_count),
        (np.abs(crate.path_tables[1].astype(np.int64)), len(crate.tokens)),
        (crate.strings, len(crate.tokens)),
    )
    if any(len(numbers) and int(numbers.max()) >= end for numbers, end in bounds):
        raise NoCrate("a number stands for something that is not there")
    if len(crate.sets) and crate.sets[-1] != _END:
        raise NoCrate("the last set of fields has no end")


def _sections(view: memoryview) -> dict[str, memoryview]:
    (start,) = struct.unpack_from("<q", view, 16)
    (number,) = struct.unpack_from("<Q", view, start)
    if start < 0 or number > 64:
        raise NoCrate("no table of contents")
    found = {}
    for k in range(number):
        name, at, size = struct.unpack_from("<16sqq", view, start + 8 + 32 * k)
        if at < 0 or size < 0 or at + size > len(view):
            raise NoCrate("a section reaches beyond the file")
        found[name.rstrip(b"\0").decode("ascii")] = view[at : at + size]
    return found


class _Reader:
    """Of one section."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = 0

    def count(self) -> int:
        """The next 64 bits, a number of things."""
        (found,) = struct.unpack_from("<Q", self._view, self._at)
        self._at += 8
        if found > _MOST_RATIO * 4 * (len(self._view) + 64):
            raise NoCrate("more things than fit into a section")
        return int(found)

    def unpacked(self, size: int) -> np.ndarray:
        """Bytes that were compressed: there are at most `size` of them, what follows is of no meaning."""
        packed = self.count()
        block = self._view[self._at : self._at + packed]
        self._at += packed
        if len(block) != packed:
            raise NoCrate("compressed bytes are missing")
        return _lz4(block, min(size, _MOST_RATIO * (packed + 64)))

    def ints(self, number: int) -> Words:
        """(number,) uint32: differences from one to the next, the most frequent one without bytes of its own."""
        if number == 0:
            return np.zeros(0, np.uint32)
        codes_size = (2 * number + 7) // 8
        raw = self.unpacked(4 + codes_size + 4 * number)
        common = int(raw[:4].view(np.int32)[0])
        packed = raw[4 : 4 + codes_size]
        codes = (packed[:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3).reshape(-1)[:number]
        widths = np.array([0, 1, 2, 4])[codes]
        at = 4 + codes_size + np.cumsum(widths) - widths
        steps = np.full(number, common, np.int64)
        for code, kind in ((1, np.int8), (2, np.int16), (3, np.int32)):
            chosen = np.flatnonzero(codes == code)
            if len(chosen):
                width = np.dtype(kind).itemsize
                steps[chosen] = raw[at[chosen][:, None] + np.arange(width)].copy().view(kind).reshape(-1)
        return (np.cumsum(steps) & _END).astype(np.uint32)


def _lz4(block: memoryview, size: int) -> np.ndarray:
    import pyarrow as pa

    if not len(block) or block[0] != 0:  # several blocks: of more than 2 GB
        raise NoCrate("compressed in several blocks")
    codec: Any = pa.Codec("lz4_raw")
    try:
        found = codec.decompress(block[1:], decompressed_size=size)
    except pa.ArrowException as error:
        raise NoCrate(str(error)) from None
    return np.frombuffer(found, np.uint8)


def _tokens(reader: _Reader) -> tuple[bytes, ...]:
    number, size = reader.count(), reader.count()
    text = reader.unpacked(size).tobytes()[:size]
    found = tuple(text.split(b"\0")[:number])
    if len(found) != number:
        raise NoCrate("words are missing")
    return found


def _fields(reader: _Reader) -> tuple[Words, Words]:
    number = reader.count()
    names = reader.ints(number)
    return names, reader.unpacked(8 * number)[: 8 * number].view(np.uint64)


def _paths(
    count: int, tokens: Sequence[bytes], index: list[int], element: list[int], jump: list[int]
) -> tuple[list[str], list[str]]:
    words = [token.decode("utf-8", "replace") for token in tokens]
    paths, owners = [""] * count, [""] * count
    waiting = [(0, "", "")] if index else []
    seen = 0
    while waiting:
        at, above, owner = waiting.pop()
        while True:
            seen += 1
            if seen > len(index) or not at < len(index):
                raise NoCrate("paths that are no tree")
            path, prim = _below(above, owner, words[abs(element[at])], element[at] < 0)
            paths[index[at]], owners[index[at]] = path, prim
            step = jump[at]
            if step > 0:  # a child follows, and a sibling stands that much further on
                waiting.append((at + step, above, owner))
            if step > 0 or step == -1:
                above, owner = path, prim
            elif step != 0:
                break
            at += 1
    return paths, owners


def _below(above: str, owner: str, word: str, is_property: bool) -> tuple[str, str]:
    if not above:
        return "/", "/"
    if is_property:
        return f"{above}.{word}", owner
    if above != owner:  # a target of a property
        return above + word, owner
    slash = "" if above == "/" or word.startswith("{") or above.endswith("}") else "/"
    return above + slash + word, above + slash + word
