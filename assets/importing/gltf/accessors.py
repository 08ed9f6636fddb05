"""Numbers of a glTF file: accessors, tight or strided, whole or sparse, normalized or not, as numpy arrays."""

from dataclasses import dataclass, field

import numpy as np

from twinstage.assets.importing.gltf.container import Container
from twinstage.assets.importing.gltf.entry import Entry
from twinstage.assets.importing.gltf.meshopt import decode_view
from twinstage.base.errors import UserError

DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
MAX_COUNT = 100_000_000
"""Elements of an accessor at most."""


@dataclass
class Accessors:
    """The accessors of a file. Arrays are kept, and read-only."""

    container: Container
    _known: dict[int, np.ndarray] = field(default_factory=dict)
    _views: dict[int, bytes] = field(default_factory=dict)

    def floats(self, number: int, owner: str, *types: str) -> np.ndarray:
        """Rows of an accessor as floats [n, w]: f4 as stored, integers as their value or, where normalized, 0..1 or -1..1.

        `types`: those that the owner can use, such as VEC3. UserError for others, and for values that are not finite.
        """
        entry = self._entry(number, owner, types)
        values = self._read(number, entry)
        if values.dtype.kind == "f":
            if not np.isfinite(values).all():
                row = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
                raise UserError(f"{entry.where} holds numbers that are not finite (element {row})")
            return values
        if not entry.flag("normalized"):
            return np.asarray(values, np.float32 if values.dtype.itemsize < 4 else np.float64)
        most = float(np.iinfo(values.dtype).max)
        return np.maximum(values.astype(np.float64) / most, -1.0)

    def integers(self, number: int, owner: str, *types: str) -> np.ndarray:
        """Rows of an accessor of unsigned integers, i8[n, w]."""
        entry = self._entry(number, owner, types)
        values = self._read(number, entry)
        if values.dtype.kind != "u":
            raise UserError(
                f"{entry.where} holds {values.dtype.name} numbers; {owner} needs unsigned integers"
            )
        return values.astype(np.int64)

    def preset(self, number: int, values: np.ndarray) -> None:
        """Give an accessor its values, [n, w], in place of what its buffer view says."""
        self.container.item("accessors", "accessor", number, "a compressed primitive")
        rows = np.array(values)
        rows.flags.writeable = False
        self._known[number] = rows

    def _entry(self, number: int, owner: str, types: tuple[str, ...]) -> Entry:
        entry = self.container.item("accessors", "accessor", number, owner)
        if types and entry.text("type") not in types:
            raise UserError(
                f"{entry.where} is of type {entry.text('type')!r}; {owner} needs {' or '.join(types)}"
            )
        return entry

    def _read(self, number: int, entry: Entry) -> np.ndarray:
        if number not in self._known:
            values = self._plain(entry)
            if "sparse" in entry:
                values = self._sparse(entry, values)
            values.flags.writeable = False
            self._known[number] = values
        return self._known[number]

    def _shape(self, entry: Entry) -> tuple[np.dtype, str, int]:
        """(component type, type, number of elements)."""
        component, kind = entry.integer("componentType"), entry.text("type")
        if component not in DTYPES:
            raise UserError(
                f"{entry.where}: componentType {component} is none of glTF's ({', '.join(map(str, DTYPES))})"
            )
        if kind not in WIDTHS:
            raise UserError(f"{entry.where}: type {kind!r} is none of glTF's ({', '.join(WIDTHS)})")
        return np.dtype(DTYPES[component]), kind, entry.integer("count", low=1, high=MAX_COUNT)

    def _plain(self, entry: Entry) -> np.ndarray:
        dtype, kind, count = self._shape(entry)
        if "bufferView" not in entry:
            return np.zeros((count, WIDTHS[kind]), dtype)
        return self._rows(
            entry, entry.integer("bufferView"), entry.integer("byteOffset", 0), dtype, kind, count
        )

    def _rows(
        self, entry: Entry, view_number: int, offset: int, dtype: np.dtype, kind: str, count: int
    ) -> np.ndarray:
        data, start, length, stride = self._bytes(view_number, entry.where)
        columns, rows = _layout(kind, dtype)
        size = columns * rows  # bytes of an element, padding of matrix columns included
        stride = stride or size
        end = offset + stride * (count - 1) + size
        if stride < size or end > length:
            raise UserError(
                f"{entry.where} needs {end:,} bytes of buffer view {view_number}, which has {length:,}"
                if stride >= size
                else f"{entry.where}: the byteStride of buffer view {view_number} is {stride}, and an element has {size} bytes"
            )
        raw = np.frombuffer(data, np.uint8, count=end - offset, offset=start + offset)
        table = np.lib.stride_tricks.as_strided(raw, (count, columns, rows), (stride, rows, 1))
        used = WIDTHS[kind] // columns * dtype.itemsize
        packed = np.ascontiguousarray(table[:, :, :used])
        return packed.reshape(count, -1).view(dtype).copy()

    def _bytes(self, number: int, owner: str) -> tuple[bytes, int, int, int]:
        """(bytes, offset, length, stride or 0) of a buffer view, decompressed if need be."""
        view = self.container.item("bufferViews", "buffer view", number, owner)
        packed = view.extension("EXT_meshopt_compression") or view.extension("KHR_meshopt_compression")
        if packed is not None:
            if number not in self._views:
                self._views[number] = decode_view(self.container, packed)
            data = self._views[number]
            return (
                data,
                0,
                len(data),
                packed.integer("byteStride", low=1, high=256) * (packed.text("mode") == "ATTRIBUTES"),
            )
        data, offset, view = self.container.view(number, owner)
        stride = view.integer("byteStride", 0, high=252)
        return data, offset, view.integer("byteLength"), stride

    def _sparse(self, entry: Entry, values: np.ndarray) -> np.ndarray:
        """Some elements replaced by others."""
        dtype, kind, _ = self._shape(entry)
        sparse = entry.entry("sparse")
        count = sparse.integer("count", low=1, high=len(values))
        where, what = sparse.entry("indices"), sparse.entry("values")
        index_type = where.integer("componentType")
        if index_type not in (5121, 5123, 5125):
            raise UserError(f"{where.where}: componentType {index_type}; 5121, 5123 or 5125 were expected")
        rows = self._rows(
            where,
            where.integer("bufferView"),
            where.integer("byteOffset", 0),
            np.dtype(DTYPES[index_type]),
            "SCALAR",
            count,
        )[:, 0].astype(np.int64)
        if rows.max() >= len(values):
            raise UserError(f"{where.where} names element {rows.max()} of {len(values)}")
        out = values.copy()
        out[rows] = self._rows(
            what, what.integer("bufferView"), what.integer("byteOffset", 0), dtype, kind, count
        )
        return out


def _layout(kind: str, dtype: np.dtype) -> tuple[int, int]:
    """(columns, bytes of a column): columns of matrices begin at multiples of four bytes."""
    if not kind.startswith("MAT"):
        return 1, WIDTHS[kind] * dtype.itemsize
    side = int(kind[3])
    size = side * dtype.itemsize
    return side, size + -size % 4
