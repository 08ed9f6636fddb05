"""Buffer views of EXT_meshopt_compression, decompressed: the bitstreams of its specification, and its filters.

Attributes of version 0, triangles of 0 and 1, index sequences of 1.
"""

import numpy as np

from twinstage.assets.importing.gltf.container import Container
from twinstage.assets.importing.gltf.entry import Entry
from twinstage.base.errors import UserError

MAX_BYTES = 1 << 30
"""Bytes of a decompressed view at most."""


def decode_view(container: Container, packed: Entry) -> bytes:
    """The bytes that a compressed buffer view stands for. UserError where the data are broken."""
    count, stride = packed.integer("count", low=1), packed.integer("byteStride", low=1, high=256)
    if count * stride > MAX_BYTES:
        raise UserError(
            f"{packed.where} holds {count * stride:,} bytes; at most {MAX_BYTES >> 20} MiB are read"
        )
    data = container.buffer(packed.integer("buffer"), packed.where)
    offset, length = packed.integer("byteOffset", 0), packed.integer("byteLength", low=1)
    if offset + length > len(data):
        raise UserError(f"{packed.where} ends at byte {offset + length:,} of a buffer of {len(data):,} bytes")
    source, mode = data[offset : offset + length], packed.text("mode")
    try:
        if mode == "ATTRIBUTES":
            values = decode_attributes(source, count, stride)
            return _filtered(values, packed.text("filter", "NONE"), packed.where).tobytes()
        if mode in ("TRIANGLES", "INDICES"):
            decode = decode_triangles if mode == "TRIANGLES" else decode_indices
            return _as_indices(decode(source, count), stride, packed.where)
    except (IndexError, ValueError, OverflowError) as problem:
        raise UserError(f"{packed.where}: its {mode.lower()} are broken ({problem})") from None
    raise UserError(f"{packed.where}: mode is {mode!r}; ATTRIBUTES, TRIANGLES or INDICES was expected")


def decode_attributes(source: bytes, count: int, stride: int) -> np.ndarray:
    """Bytes u1[count, stride]. Blocks of elements; in each, a byte of all elements after another, 16 elements a group."""
    if source[0] != 0xA0:
        raise ValueError(f"version byte {source[0]:#x}; 0xa0 is read")
    if stride % 4:
        raise ValueError(f"a stride of {stride} is no multiple of 4")
    data = np.frombuffer(source, np.uint8)
    block = min((0x2000 // stride) & ~15, 256)
    last = data[len(data) - stride :].astype(np.uint8)
    if len(data) < stride + 1:
        raise ValueError("it ends early")
    out = np.empty((count, stride), np.uint8)
    at = 1
    for begin in range(0, count, block):
        size = min(block, count - begin)
        groups = (size + 15) // 16
        deltas = np.zeros((stride, groups * 16), np.uint8)
        for byte in range(stride):
            header, at = at, at + (groups + 3) // 4
            for group in range(groups):
                mode = (source[header + group // 4] >> (group % 4 * 2)) & 3
                at = _group(data, at, mode, deltas[byte, group * 16 : group * 16 + 16])
        signed = (deltas >> 1) ^ -(deltas & 1)
        signed[:, 0] += last
        values = np.cumsum(signed[:, :size], axis=1, dtype=np.uint8)
        out[begin : begin + size] = values.T
        last = values[:, -1].copy()
    return out


def _group(data: np.ndarray, at: int, mode: int, out: np.ndarray) -> int:
    """Sixteen deltas: zero, of 2 or 4 bits (the greatest value says that a byte follows), or of 8."""
    if mode == 0:
        return at
    if mode == 3:
        out[:] = data[at : at + 16]
        return at + 16
    size = 4 if mode == 1 else 8
    packed = data[at : at + size]
    shifts = (6, 4, 2, 0) if mode == 1 else (4, 0)
    most = 3 if mode == 1 else 15
    out[:] = ((packed[:, None] >> np.array(shifts, np.uint8)) & most).reshape(-1)
    at += size
    more = np.flatnonzero(out == most)
    out[more] = data[at : at + len(more)]
    return at + len(more)


def decode_triangles(source: bytes, count: int) -> list[int]:
    """Indices of triangles: a code byte each, which names recent edges and vertices."""
    if source[0] not in (0xE0, 0xE1):
        raise ValueError(f"version byte {source[0]:#x}; 0xe0 or 0xe1 is read")
    if count % 3:
        raise ValueError(f"{count} indices make no triangles")
    most = 13 if source[0] == 0xE1 else 15
    edges, vertices = [(0, 0)] * 16, [0] * 16
    edge = vertex = following = last = 0
    data, table = 1 + count // 3, len(source) - 16
    out: list[int] = []

    def free() -> int:
        nonlocal data, last
        value, data = _variable(source, data)
        last += (value >> 1) ^ -(value & 1)
        return last

    for code in source[1:data]:
        if code < 0xF0:
            a, b = edges[(edge - 1 - (code >> 4)) & 15]
            low = code & 15
            fresh = True
            if low == 0:
                c, following = following, following + 1
            elif low < most:
                c, fresh = vertices[(vertex - 1 - low) & 15], False
            elif low < 15:
                last = c = last + (low - (low ^ 3))
            else:
                c = free()
            new_vertices, new_edges = [(c, fresh)], [(c, b), (a, c)]
        else:
            if code < 0xFE:
                aux, first = source[table + (code & 15)], 0
            else:
                aux, first = source[data], 0 if code == 0xFE else 15
                data += 1
                if aux == 0:
                    following = 0
            kinds = (first, aux >> 4, aux & 15)
            found = []
            for kind in kinds:
                if kind == 0:
                    found.append(following)
                    following += 1
                else:
                    found.append(vertices[(vertex - kind) & 15])
            for k, kind in enumerate(kinds):
                if kind == 15:
                    found[k] = free()
            a, b, c = found
            new_vertices = [(v, kind in (0, 15)) for v, kind in zip(found, kinds, strict=True)]
            new_edges = [(b, a), (c, b), (a, c)]
        out += (a, b, c)
        for value, fresh in new_vertices:
            if fresh:
                vertices[vertex] = value
                vertex = (vertex + 1) & 15
        for pair in new_edges:
            edges[edge] = pair
            edge = (edge + 1) & 15
    return out


def decode_indices(source: bytes, count: int) -> list[int]:
    """A sequence of indices: differences to one of two that came before."""
    if source[0] != 0xD1:
        raise ValueError(f"version byte {source[0]:#x}; 0xd1 is read")
    at, last, out = 1, [0, 0], []
    for _ in range(count):
        value, at = _variable(source, at)
        which, value = value & 1, value >> 1
        last[which] += (value >> 1) ^ -(value & 1)
        out.append(last[which])
    return out


def _variable(source: bytes, at: int) -> tuple[int, int]:
    """(number, next byte): seven bits a byte, the lowest first."""
    value = shift = 0
    for _ in range(5):
        byte = source[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
    return value, at


def _as_indices(values: list[int], stride: int, where: str) -> bytes:
    if stride not in (2, 4):
        raise UserError(f"{where}: byteStride is {stride}; 2 or 4 was expected")
    array = np.array(values, np.int64)
    if len(array) and not 0 <= array.min() <= array.max() < 1 << 8 * stride:
        raise UserError(f"{where}: its indices are broken (they run from {array.min()} to {array.max()})")
    return array.astype("<u2" if stride == 2 else "<u4").tobytes()


def _filtered(values: np.ndarray, name: str, where: str) -> np.ndarray:
    stride = values.shape[1]
    if name == "NONE":
        return values
    if name == "OCTAHEDRAL" and stride in (4, 8):
        return _octahedral(values.view("<i1" if stride == 4 else "<i2"))
    if name == "QUATERNION" and stride == 8:
        return _quaternion(values.view("<i2"))
    if name == "EXPONENTIAL" and stride % 4 == 0:
        words = values.view("<i4")
        exponent = np.clip(words >> 24, -100, 100)
        return np.asarray(np.ldexp(((words << 8) >> 8).astype(np.float64), exponent), "<f4")
    raise UserError(f"{where}: filter {name!r} does not go with a byteStride of {stride}")


def _octahedral(values: np.ndarray) -> np.ndarray:
    most = np.iinfo(values.dtype).max
    x, y, one = (values[:, k].astype(np.float64) for k in range(3))
    one = np.where(one == 0, 1.0, one)
    x, y = x / one, y / one
    z = 1.0 - np.abs(x) - np.abs(y)
    fold = np.maximum(-z, 0.0)
    x, y = x - np.where(x >= 0, fold, -fold), y - np.where(y >= 0, fold, -fold)
    length = np.sqrt(x * x + y * y + z * z)
    out = values.copy()
    for k, part in enumerate((x, y, z)):
        out[:, k] = np.round(part * most / np.where(length > 0, length, 1.0))
    return out


def _quaternion(values: np.ndarray) -> np.ndarray:
    greatest = values[:, 3] & 3
    scale = np.sqrt(0.5) / (values[:, 3] | 3).astype(np.float64)
    parts = values[:, :3].astype(np.float64) * scale[:, None]
    rest = np.sqrt(np.maximum(0.0, 1.0 - (parts**2).sum(1)))
    out, rows = np.empty_like(values), np.arange(len(values))
    for k, part in enumerate((*parts.T, rest)):
        out[rows, (greatest + 1 + k) % 4] = np.round(part * 32767)
    return out
