"""`<geometry>` of COLLADA -> a shape with faces of several materials."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from twinstage.assets.importing.meshes.shape import Indexed, Shape
from twinstage.assets.importing.meshes.xml import Element, children, numbers
from twinstage.base.errors import UserError
from twinstage.scene.color import linear_from_srgb

FACES = ("triangles", "polylist", "polygons", "trifans", "tristrips")
LINES = ("lines", "linestrips")


@dataclass(slots=True)
class Piece:
    """Faces of one material symbol."""

    symbol: str
    counts: np.ndarray
    points: np.ndarray
    inputs: dict[str, Indexed] = field(default_factory=dict)


@dataclass(slots=True)
class Geometry:
    """A mesh; `symbols[k]` is what material number k of the shape is called, to be bound by each instance."""

    shape: Shape
    symbols: list[str]
    skipped: dict[str, int]


class GeometryReader:
    """Reads geometries. `wrong`: makes the error for a sentence about this file."""

    def __init__(self, wrong: Callable[[str], UserError]) -> None:
        self.wrong = wrong

    def read(self, element: Element) -> Geometry | None:
        """None where it holds no polygons."""
        name = element.get("name") or element.get("id") or "mesh"
        mesh = element.find("mesh")
        if mesh is None:
            return None
        sources = {s.get("id", ""): s for s in children(mesh, "source")}
        vertices = {v.get("id", ""): v for v in children(mesh, "vertices")}
        tables: dict[str, np.ndarray] = {}

        def table(reference: str) -> np.ndarray:
            key = reference.lstrip("#")
            if key not in tables:
                if key not in sources:
                    raise self.wrong(f"geometry {name!r} asks for the source {key!r}, which it does not have")
                tables[key] = self._source(sources[key], name)
            return tables[key]

        pieces: list[Piece] = []
        skipped: dict[str, int] = {}
        points: np.ndarray | None = None
        for primitive in children(mesh, *FACES, *LINES):
            if primitive.tag in LINES:
                skipped["lines"] = skipped.get("lines", 0) + int(primitive.get("count", "1") or 1)
                continue
            try:
                found = self._piece(primitive, vertices, table, name)
            except (ValueError, OverflowError) as problem:
                raise self.wrong(f"geometry {name!r}: <{primitive.tag}> cannot be read ({problem})") from None
            if found is not None:
                piece, points = found
                pieces.append(piece)
        if not pieces or points is None:
            return None
        return self._joined(name, points, pieces, skipped)

    def _source(self, source: Element, name: str) -> np.ndarray:
        """f8[count, columns that are named]."""
        array = source.find("float_array")
        accessor = source.find("technique_common/accessor")
        if array is None or accessor is None:
            raise self.wrong(f"geometry {name!r}: the source {source.get('id')!r} holds no numbers")
        try:
            values = numbers(array.text)
            stride = int(accessor.get("stride", "1"))
            offset = int(accessor.get("offset", "0"))
            count = int(accessor.get("count", "0"))
        except ValueError as problem:
            raise self.wrong(f"geometry {name!r}: source {source.get('id')!r}: {problem}") from None
        params = list(children(accessor, "param"))
        columns = [k for k, param in enumerate(params) if param.get("name") or not params] or list(
            range(stride)
        )
        held = max(0, len(values) - offset) // max(stride, 1)
        if stride < 1 or count > held or (columns and max(columns) >= stride):
            raise self.wrong(
                f"geometry {name!r}: the source {source.get('id')!r} promises {count:,} rows of {stride}, "
                f"but holds {len(values):,} numbers"
            )
        rows: np.ndarray = values[offset : offset + count * stride].reshape(count, stride)[:, columns]
        return rows

    def _piece(
        self,
        primitive: Element,
        vertices: dict[str, Element],
        table: Callable[[str], np.ndarray],
        name: str,
    ) -> tuple[Piece, np.ndarray] | None:
        inputs = [
            (i.get("semantic", ""), i.get("source", ""), int(i.get("offset", "0")), i.get("set", ""))
            for i in children(primitive, "input")
        ]
        width = max((offset for _, _, offset, _ in inputs), default=-1) + 1
        if not width:
            return None
        counts, flat = _corners(primitive, width)
        if not len(counts):
            return None
        corners = flat.reshape(-1, width)
        points: np.ndarray | None = None
        piece = Piece(primitive.get("material", ""), counts, np.zeros(0, np.int64))
        for semantic, source, offset, number in inputs:
            if semantic != "VERTEX":
                self._take(piece, semantic, number, table(source), corners[:, offset], name)
                continue
            holder = vertices.get(source.lstrip("#"))
            if holder is None:
                raise self.wrong(
                    f"geometry {name!r} asks for the vertices {source!r}, which it does not have"
                )
            for inner in children(holder, "input"):
                values = table(inner.get("source", ""))
                if inner.get("semantic") == "POSITION":
                    points = values
                    piece.points = self._checked(corners[:, offset], len(values), "points", name)
                else:
                    self._take(
                        piece,
                        inner.get("semantic", ""),
                        inner.get("set", ""),
                        values,
                        corners[:, offset],
                        name,
                    )
        if points is None or points.shape[1] < 3:
            raise self.wrong(f"geometry {name!r} has faces without positions")
        return piece, points[:, :3]

    def _take(
        self, piece: Piece, semantic: str, number: str, values: np.ndarray, indices: np.ndarray, name: str
    ) -> None:
        least = {"NORMAL": 3, "TEXCOORD": 2, "UV": 2, "COLOR": 3}.get(semantic)
        key = {"UV": "TEXCOORD"}.get(semantic, semantic)
        if least is None or values.shape[1] < least or key in piece.inputs:
            return  # tangents and the like, and further sets
        checked = self._checked(indices, len(values), key.lower() + "s", name)
        piece.inputs[key] = Indexed(values, checked)

    def _checked(self, indices: np.ndarray, count: int, what: str, name: str) -> np.ndarray:
        bad = indices[(indices < 0) | (indices >= count)]
        if len(bad):
            raise self.wrong(f"geometry {name!r}: a face asks for number {int(bad[0])} of {count} {what}")
        return indices

    def _joined(
        self, name: str, points: np.ndarray, pieces: list[Piece], skipped: dict[str, int]
    ) -> Geometry:
        symbols = list(dict.fromkeys(piece.symbol for piece in pieces))
        indices = np.concatenate([piece.points for piece in pieces])
        used, local = np.unique(indices, return_inverse=True)
        colors = _stacked(pieces, "COLOR", 4)
        if colors is not None:
            if not colors.values[:, :3].any():  # some exporters write a table of zeros
                colors = None
            else:
                rgba = colors.values.copy()
                rgba[:, :3] = linear_from_srgb(np.clip(rgba[:, :3], 0.0, 1.0))
                colors = Indexed(rgba, colors.indices)
        shape = Shape(
            name=name,
            points=points[used],
            counts=np.concatenate([piece.counts for piece in pieces]),
            indices=local.reshape(-1),
            normals=_stacked(pieces, "NORMAL", 3),
            uvs=_stacked(pieces, "TEXCOORD", 2),
            colors=colors,
            material=np.concatenate(
                [np.full(len(p.counts), symbols.index(p.symbol), np.int64) for p in pieces]
            ),
        )
        return Geometry(shape, symbols, skipped)


def _stacked(pieces: list[Piece], semantic: str, width: int) -> Indexed | None:
    """The input of all pieces as one; None where a piece lacks it."""
    found = [piece.inputs.get(semantic) for piece in pieces]
    if any(item is None for item in found):
        return None
    tables: list[np.ndarray] = []
    starts: dict[int, int] = {}
    rows = []
    total = 0
    for item in found:
        assert item is not None
        if id(item.values) not in starts:
            starts[id(item.values)] = total
            values = item.values[:, :width]
            if values.shape[1] < width:
                values = np.concatenate([values, np.ones((len(values), width - values.shape[1]))], 1)
            tables.append(values)
            total += len(values)
        rows.append(item.indices + starts[id(item.values)])
    index = np.concatenate(rows)
    used, inverse = np.unique(index, return_inverse=True)
    return Indexed(np.concatenate(tables)[used], inverse.reshape(-1))


def _corners(primitive: Element, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Corner counts and the numbers of all corners, of any kind of primitive."""
    lists = [np.array((p.text or "").split(), np.int64) for p in children(primitive, "p")]
    if primitive.tag == "polylist":
        counts = np.array((primitive.findtext("vcount") or "").split(), np.int64)
        flat = lists[0] if lists else np.zeros(0, np.int64)
        if counts.sum() * width != len(flat):
            raise ValueError(
                f"{len(flat):,} numbers do not fill {len(counts):,} faces of {int(counts.sum()):,} corners"
            )
        return _without_small(counts, flat.reshape(-1, width))
    if primitive.tag == "polygons":
        lists += [np.array((p.text or "").split(), np.int64) for p in primitive.findall("ph/p")]
        if any(len(p) % width for p in lists):
            raise ValueError(f"a polygon's numbers do not come in groups of {width}")
        flat = np.concatenate(lists) if lists else np.zeros(0, np.int64)
        return _without_small(np.array([len(p) // width for p in lists], np.int64), flat.reshape(-1, width))
    flat = np.concatenate(lists) if lists else np.zeros(0, np.int64)
    if primitive.tag == "triangles":
        if len(flat) % (3 * width):
            raise ValueError(f"{len(flat):,} numbers do not come in groups of {3 * width}")
        return np.full(len(flat) // (3 * width), 3, np.int64), flat
    faces = []
    for one in lists:
        if len(one) % width:
            raise ValueError(f"a strip's numbers do not come in groups of {width}")
        rows = one.reshape(-1, width)
        for k in range(len(rows) - 2):
            if primitive.tag == "trifans":
                pick = [0, k + 1, k + 2]
            else:
                pick = [k, k + 1, k + 2] if k % 2 == 0 else [k + 1, k, k + 2]
            faces.append(rows[pick])
    whole = np.concatenate(faces).reshape(-1) if faces else np.zeros(0, np.int64)
    return np.full(len(faces), 3, np.int64), whole


def _without_small(counts: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces of at least three corners."""
    keep = counts >= 3
    return counts[keep], rows[np.repeat(keep, counts)].reshape(-1)
