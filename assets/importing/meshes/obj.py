"""Wavefront OBJ -> shapes: one for each object and group, polygons kept as they are, with normals, UVs and vertex colours.

Format: "Object Files (.obj)", Wavefront Technologies, appendix B1; vertex colours after the position as MeshLab and Blender
write them. Lines, points, curves and surfaces are counted, not read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from twinstage.assets.importing.meshes.shape import Indexed, Shape
from twinstage.base.errors import UserError
from twinstage.scene.color import linear_from_srgb

SMOOTH_RAD, FLAT_RAD = np.pi, 0.0
_OTHER = {
    b"l": "lines",
    b"p": "points",
    b"curv": "curves",
    b"curv2": "curves",
    b"surf": "surfaces",
    b"call": "includes of other files",
}


@dataclass(slots=True)
class ObjFile:
    """What an OBJ file holds. `parents`: object of each shape, "" where it has none; `skipped`: kind -> how many."""

    shapes: list[Shape] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    materials: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)


class _Faces:
    """Faces of one object and group, as they come."""

    def __init__(self) -> None:
        self.corners: list[bytes] = []
        self.counts: list[int] = []
        self.material: list[int] = []
        self.smooth: list[float] = []
        self.line = 0


class _Reader:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.rows: dict[bytes, list[bytes]] = {b"v": [], b"vt": [], b"vn": []}
        self.parts: dict[tuple[str, str], _Faces] = {}
        self.out = ObjFile()
        self.object = self.group = ""
        self.material = -1
        self.smooth = np.nan

    def read(self, data: bytes) -> ObjFile:
        faces: _Faces | None = None
        rows = self.rows
        for number, line in _lines(data):
            parts = line.split(None, 1)
            if len(parts) < 2:
                continue
            word, rest = parts
            if word in rows:
                rows[word].append(rest)
            elif word == b"f":
                if faces is None:
                    faces = self.parts.setdefault((self.object, self.group), _Faces())
                self._face(faces, rest.split(), number)
            elif word in (b"o", b"g"):
                name = rest.decode("utf-8", "replace").strip()
                if word == b"o":
                    self.object, self.group = name, ""
                else:
                    self.group = name
                faces = None
            elif word == b"usemtl":
                self._use(rest.decode("utf-8", "replace").strip())
            elif word == b"mtllib":
                self.out.libraries.append(rest.decode("utf-8", "replace").strip())
            elif word == b"s":
                self.smooth = FLAT_RAD if rest.strip() in (b"off", b"0") else SMOOTH_RAD
            elif word in _OTHER:
                self.out.skipped[_OTHER[word]] = self.out.skipped.get(_OTHER[word], 0) + 1
        return self._finish()

    def _use(self, name: str) -> None:
        if name not in self.out.materials:
            self.out.materials.append(name)
        self.material = self.out.materials.index(name)

    def _face(self, faces: _Faces, corners: list[bytes], number: int) -> None:
        if len(corners) < 3:
            self.out.skipped["faces of fewer than three corners"] = (
                self.out.skipped.get("faces of fewer than three corners", 0) + 1
            )
            return
        if any(b"-" in corner for corner in corners):
            corners = [self._absolute(corner, number) for corner in corners]
        faces.corners += corners
        faces.counts.append(len(corners))
        faces.material.append(self.material)
        faces.smooth.append(self.smooth)
        faces.line = faces.line or number

    def _absolute(self, corner: bytes, number: int) -> bytes:
        sizes = [len(self.rows[kind]) for kind in (b"v", b"vt", b"vn")]
        out = []
        for text, size in zip(corner.split(b"/"), sizes, strict=False):
            try:
                value = int(text) if text else 0
            except ValueError:
                raise self._wrong(number, corner) from None
            out.append(b"%d" % (value + size + 1 if value < 0 else value) if text else b"")
        return b"/".join(out)

    def _wrong(self, number: int, corner: bytes) -> UserError:
        shown = corner[:40].decode("latin-1")
        return UserError(
            f"{self.file}, line {number}: {shown!r} is no corner of a face; numbers such as 1, 1/2 or 1/2/3 were expected"
        )

    def _table(self, kind: bytes, width: int) -> np.ndarray:
        """Rows of numbers, f8[n, width]; missing columns are NaN."""
        rows = self.rows[kind]
        if not rows:
            return np.zeros((0, width))
        try:
            flat = np.array(b" ".join(rows).split(), np.float64)
            if len(flat) % len(rows) == 0 and len({len(r.split()) for r in rows[:1000]}) == 1:
                table = flat.reshape(len(rows), -1)
                if table.shape[1] <= width and len(rows) <= 1000:
                    return np.pad(table, ((0, 0), (0, width - table.shape[1])), constant_values=np.nan)
            table = np.full((len(rows), width), np.nan)
            for number, row in enumerate(rows):
                values = row.split()[:width]
                table[number, : len(values)] = [float(v) for v in values]
            return table
        except ValueError as problem:
            name = {b"v": "v", b"vt": "vt", b"vn": "vn"}[kind]
            raise UserError(
                f"{self.file}: a line {name!r} holds something else than numbers ({problem})"
            ) from None

    def _finish(self) -> ObjFile:
        points, uvs, normals = self._table(b"v", 7), self._table(b"vt", 3), self._table(b"vn", 3)
        for (parent, group), faces in self.parts.items():
            if not faces.counts:
                continue
            self.out.shapes.append(self._shape(group or parent, faces, points, uvs, normals))
            self.out.parents.append(parent if group else "")
        return self.out

    def _shape(
        self, name: str, faces: _Faces, points: np.ndarray, uvs: np.ndarray, normals: np.ndarray
    ) -> Shape:
        index = _corner_table(faces.corners, lambda corner: self._wrong(faces.line, corner))
        for column, (what, table) in enumerate(
            (("points", points), ("texture coordinates", uvs), ("normals", normals))
        ):
            low = 1 if column == 0 else 0
            worst = index[(index[:, column] < low) | (index[:, column] > len(table)), column]
            if len(worst):
                where = f" of {name!r}" if name else ""
                raise UserError(
                    f"{self.file}: a face{where} asks for {what} number {int(worst[0])}, but the file has {len(table)}"
                )
        smooth = np.array(faces.smooth)
        position, used = index[:, 0] - 1, np.unique(index[:, 0] - 1)
        colors = None
        if np.isfinite(points[used, 3:6]).all():
            rgba = np.ones((len(used), 4))
            rgba[:, :3] = linear_from_srgb(points[used, 3:6])
            colors = Indexed(rgba, np.searchsorted(used, position))
        return Shape(
            name=name,
            points=points[used, :3],
            counts=np.array(faces.counts, np.int64),
            indices=np.searchsorted(used, position),
            normals=_indexed(normals, index[:, 2]),
            uvs=_indexed(uvs[:, :2], index[:, 1]),
            colors=colors,
            material=np.array(faces.material, np.int64),
            smooth=np.where(np.isnan(smooth), np.radians(30.0), smooth)
            if (~np.isnan(smooth)).any()
            else None,
        )


def _indexed(values: np.ndarray, index: np.ndarray) -> Indexed | None:
    """The values that corners use; None where a corner has none."""
    if not len(values) or not len(index) or index.min() < 1:
        return None
    used, inverse = np.unique(index - 1, return_inverse=True)
    return Indexed(np.nan_to_num(values[used]), inverse.reshape(-1))


def _corner_table(corners: list[bytes], wrong: "object") -> np.ndarray:
    """Position, UV and normal number of each corner, i8[n, 3]; 0 where there is none."""
    table: dict[bytes, int] = {}
    row = np.fromiter((table.setdefault(corner, len(table)) for corner in corners), np.int64, len(corners))
    out = np.zeros((len(table), 3), np.int64)
    for corner, number in table.items():
        try:
            for column, text in enumerate(corner.split(b"/")[:3]):
                if text:
                    out[number, column] = int(text)
        except (ValueError, OverflowError):
            raise wrong(corner) from None  # type: ignore[operator]
    return out[row]


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, continued ones joined, comments and blank lines left out."""
    if b"\\\n" in data or b"\\\r\n" in data:
        data = re.sub(rb"\\\r?\n", b" ", data)
    for number, line in enumerate(data.splitlines(), 1):
        text = (
            line.partition(b"#")[0]
            if b"#" in line and not line.startswith((b"usemtl", b"mtllib", b"o ", b"g "))
            else line
        )
        if text and not text.isspace() and not text.startswith(b"#"):
            yield number, text


def read_obj(file: Path, data: bytes) -> ObjFile:
    """Shapes of an OBJ file. Raises UserError for a face that asks for what is not there."""
    return _Reader(file).read(data)
