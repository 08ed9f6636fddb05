"""PLY, text and binary -> a shape, or points where there are no faces.

Format: G. Turk, "The PLY Polygon File Format", 1994, with the habits of MeshLab, Blender and CloudCompare: colours (0 to 255,
or 0 to 1 as floats; sRGB), normals, s/t or u/v, a list `texcoord` a face, and the comment `TextureFile`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.assets.importing.meshes.shape import Indexed, Shape
from twinstage.base.errors import UserError
from twinstage.scene.color import linear_from_srgb

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
MAX_HEADER = 1 << 16
_COLORS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))


@dataclass(slots=True)
class PlyFile:
    """`shape` has no faces where the file holds points alone. `texture`: file name, "" for none."""

    shape: Shape
    texture: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Property:
    name: str
    type: str
    count: str = ""


@dataclass(slots=True)
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


@dataclass(slots=True)
class _Lists:
    """A list property of each row: `counts` i8[rows], `values` f8[sum]."""

    counts: np.ndarray
    values: np.ndarray


class _Header:
    def __init__(self, file: Path, data: bytes) -> None:
        self.file = file
        self.elements: list[_Element] = []
        self.texture = ""
        self.format = ""
        end = data.find(b"end_header", 0, MAX_HEADER)
        if not data.startswith(b"ply") or end < 0:
            raise UserError(f"{file} is no PLY file: a header from 'ply' to 'end_header' was expected")
        self.end = data.index(b"\n", end) + 1 if b"\n" in data[end : end + 16] else end + len(b"end_header\r")
        for number, raw in enumerate(data[:end].decode("latin-1").splitlines(), 1):
            self._line(raw.split(), raw, number)
        if self.format not in ("ascii", "binary_little_endian", "binary_big_endian"):
            raise UserError(f"{file}: the PLY format {self.format!r} is unknown")

    def _line(self, words: list[str], raw: str, number: int) -> None:
        try:
            if words[:1] == ["format"]:
                self.format = words[1]
            elif words[:2] == ["comment", "TextureFile"]:
                self.texture = raw.partition("TextureFile")[2].strip()
            elif words[:1] == ["element"]:
                self.elements.append(_Element(words[1], int(words[2])))
            elif words[:2] == ["property", "list"]:
                self.elements[-1].properties.append(_Property(words[4], _TYPES[words[3]], _TYPES[words[2]]))
            elif words[:1] == ["property"]:
                self.elements[-1].properties.append(_Property(words[2], _TYPES[words[1]]))
        except (IndexError, ValueError, KeyError):
            raise UserError(f"{self.file}, line {number}: {raw[:80]!r} is no line of a PLY header") from None


def read_ply(file: Path, data: bytes) -> PlyFile:
    """What a PLY file holds. Raises UserError for a file that is cut, or whose faces ask for what is not there."""
    header = _Header(file, data)
    try:
        rows = dict(_ascii(header, data) if header.format == "ascii" else _binary(header, data))
    except (ValueError, IndexError, OverflowError) as problem:
        raise UserError(f"{file}: the PLY data cannot be read ({problem})") from None
    vertex = rows.get("vertex", {})
    if not {"x", "y", "z"} <= set(vertex):
        raise UserError(f"{file}: the PLY file has no points x, y, z")
    points = np.stack([vertex[k] for k in "xyz"], 1)
    if not len(points):
        raise UserError(f"{file}: the PLY file holds no points")
    face = rows.get("face", {})
    lists = face.get("vertex_indices", face.get("vertex_index"))
    out = PlyFile(Shape("", points, np.zeros(0, np.int64), np.zeros(0, np.int64)), header.texture)
    more = [e.name for e in header.elements if e.name not in ("vertex", "face") and e.count]
    if more:
        out.notes.append(f"not carried over: {', '.join(more)}")
    if lists is None or not len(lists.counts):
        out.shape = Shape(
            "", points, np.zeros(0, np.int64), np.zeros(0, np.int64), colors=_colors(vertex, None)
        )
        return out
    counts, indices = lists.counts, lists.values.astype(np.int64)
    bad = indices[(indices < 0) | (indices >= len(points))]
    if len(bad):
        raise UserError(f"{file}: a face asks for point {int(bad[0])}, but the file has {len(points)}")
    keep = counts >= 3
    corners = np.repeat(keep, counts)
    uvs = _corner_uvs(face, counts, keep) or _point_uvs(vertex, indices[corners])
    used, local = np.unique(indices[corners], return_inverse=True)
    out.shape = Shape(
        name="",
        points=points[used],
        counts=counts[keep],
        indices=local.reshape(-1),
        normals=_point_values(vertex, ("nx", "ny", "nz"), indices[corners]),
        uvs=uvs,
        colors=_colors(vertex, indices[corners]) or _face_colors(face, counts, keep),
    )
    return out


def _binary(header: _Header, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    order = "<" if header.format == "binary_little_endian" else ">"
    at = header.end
    for element in header.elements:
        if not any(p.count for p in element.properties):
            kind = np.dtype([(f"{n}", order + p.type) for n, p in enumerate(element.properties)])
            _enough(header, element, data, at + kind.itemsize * element.count)
            table = np.frombuffer(data, kind, element.count, at)
            at += kind.itemsize * element.count
            yield (
                element.name,
                {p.name: table[str(n)].astype(np.float64) for n, p in enumerate(element.properties)},
            )
        else:
            rows, at = _binary_lists(header, element, data, at, order)
            yield element.name, rows


def _enough(header: _Header, element: _Element, data: bytes, needed: int) -> None:
    if needed > len(data):
        raise UserError(
            f"{header.file}: the header promises {element.count:,} of {element.name}, but the file ends before; "
            "it was cut short"
        )


def _binary_lists(
    header: _Header, element: _Element, data: bytes, at: int, order: str
) -> tuple[dict[str, Any], int]:
    """Rows with lists: all at once where every row has the lengths of the first, else row by row."""
    _enough(
        header,
        element,
        data,
        at + element.count * sum(np.dtype(p.count or p.type).itemsize for p in element.properties),
    )
    if not element.count:
        return {}, at
    lengths, probe = [], at
    for p in element.properties:
        if p.count:
            lengths.append(int(np.frombuffer(data, order + p.count, 1, probe)[0]))
            probe += np.dtype(p.count).itemsize + lengths[-1] * np.dtype(p.type).itemsize
        else:
            lengths.append(1)
            probe += np.dtype(p.type).itemsize
    fields: list[Any] = []
    for n, (p, length) in enumerate(zip(element.properties, lengths, strict=True)):
        if p.count:
            fields.append((f"n{n}", order + p.count))
        fields.append((f"v{n}", order + p.type, (max(length, 0),)))
    kind = np.dtype(fields)
    if at + kind.itemsize * element.count <= len(data):
        table = np.frombuffer(data, kind, element.count, at)
        listed = [n for n, p in enumerate(element.properties) if p.count]
        if all((table[f"n{n}"] == lengths[n]).all() for n in listed):
            out: dict[str, Any] = {}
            for n, p in enumerate(element.properties):
                values = table[f"v{n}"].astype(np.float64)
                out[p.name] = (
                    _Lists(np.full(element.count, lengths[n], np.int64), values.reshape(-1))
                    if p.count
                    else values[:, 0]
                )
            return out, at + kind.itemsize * element.count
    return _row_by_row(header, element, data, at, order)


def _row_by_row(
    header: _Header, element: _Element, data: bytes, at: int, order: str
) -> tuple[dict[str, Any], int]:
    counts: list[list[int]] = [[] for _ in element.properties]
    parts: list[list[bytes]] = [[] for _ in element.properties]
    kinds = [
        (np.dtype(order + p.count) if p.count else None, np.dtype(order + p.type)) for p in element.properties
    ]
    for _ in range(element.count):
        for n, (count, value) in enumerate(kinds):
            length = 1
            if count is not None:
                _enough(header, element, data, at + count.itemsize)
                length = int(np.frombuffer(data, count, 1, at)[0])
                at += count.itemsize
            size = length * value.itemsize
            _enough(header, element, data, at + size)
            parts[n].append(data[at : at + size])
            counts[n].append(length)
            at += size
    out: dict[str, Any] = {}
    for n, p in enumerate(element.properties):
        values = np.frombuffer(b"".join(parts[n]), kinds[n][1]).astype(np.float64)
        out[p.name] = _Lists(np.array(counts[n], np.int64), values) if p.count else values
    return out, at


def _ascii(header: _Header, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    words = np.array(data[header.end :].split(), np.float64)
    at = 0
    for element in header.elements:
        width = len(element.properties)
        if not any(p.count for p in element.properties):
            if at + width * element.count > len(words):
                _enough(header, element, b"", 1)
            table = words[at : at + width * element.count].reshape(element.count, width)
            at += width * element.count
            yield element.name, {p.name: table[:, n] for n, p in enumerate(element.properties)}
            continue
        counts: list[list[int]] = [[] for _ in range(width)]
        parts: list[list[np.ndarray]] = [[] for _ in range(width)]
        for _ in range(element.count):
            for n, p in enumerate(element.properties):
                length = 1
                if p.count:
                    if at >= len(words):
                        _enough(header, element, b"", 1)
                    length, at = int(words[at]), at + 1
                if length < 0 or at + length > len(words):
                    _enough(header, element, b"", 1)
                parts[n].append(words[at : at + length])
                counts[n].append(length)
                at += length
        rows: dict[str, Any] = {}
        for n, p in enumerate(element.properties):
            values = np.concatenate(parts[n]) if parts[n] else np.zeros(0)
            rows[p.name] = _Lists(np.array(counts[n], np.int64), values) if p.count else values
        yield element.name, rows


def _point_values(vertex: dict[str, Any], columns: tuple[str, ...], indices: np.ndarray) -> Indexed | None:
    if not all(c in vertex for c in columns):
        return None
    used, local = np.unique(indices, return_inverse=True)
    return Indexed(np.stack([vertex[c] for c in columns], 1)[used], local.reshape(-1))


def _point_uvs(vertex: dict[str, Any], indices: np.ndarray) -> Indexed | None:
    for columns in (("s", "t"), ("u", "v"), ("texture_u", "texture_v")):
        found = _point_values(vertex, columns, indices)
        if found is not None:
            return found
    return None


def _corner_uvs(face: dict[str, Any], counts: np.ndarray, keep: np.ndarray) -> Indexed | None:
    """The list `texcoord` of each face: two numbers a corner."""
    lists = face.get("texcoord")
    if not isinstance(lists, _Lists) or not (lists.counts[keep] == 2 * counts[keep]).all():
        return None
    rows = np.repeat(keep, lists.counts)
    values = lists.values[rows].reshape(-1, 2)
    return Indexed(values, np.arange(len(values)))


def _rgba(table: dict[str, Any]) -> np.ndarray | None:
    names = next((n for n in _COLORS if all(k in table for k in n)), None)
    if names is None:
        return None
    rgb = np.stack([table[n] for n in names], 1)
    alpha = table.get("alpha", table.get("a"))
    whole = 255.0 if rgb.max(initial=0.0) > 1.0 else 1.0
    out = np.ones((len(rgb), 4))
    out[:, :3] = linear_from_srgb(np.clip(np.nan_to_num(rgb / whole), 0.0, 1.0))
    if alpha is not None:
        out[:, 3] = np.clip(np.nan_to_num(alpha / (255.0 if alpha.max(initial=0.0) > 1.0 else 1.0)), 0.0, 1.0)
    return out


def _colors(vertex: dict[str, Any], indices: np.ndarray | None) -> Indexed | None:
    rgba = _rgba(vertex)
    if rgba is None:
        return None
    return Indexed(rgba, np.arange(len(rgba)) if indices is None else indices)


def _face_colors(face: dict[str, Any], counts: np.ndarray, keep: np.ndarray) -> Indexed | None:
    rgba = _rgba({k: v for k, v in face.items() if isinstance(v, np.ndarray)})
    if rgba is None:
        return None
    return Indexed(rgba, np.repeat(np.flatnonzero(keep), counts[keep]))
