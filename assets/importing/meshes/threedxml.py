"""3DXML of SolidWorks and CATIA, tessellated: parts placed as in the assembly, with the colours of their materials.

Format: as these programs write it (schema 4.x); numbers are millimetres. Exact geometry (CGR, BRep) is told, not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from twinstage.assets.importing.meshes.archive import Archive
from twinstage.assets.importing.meshes.shape import Indexed, Look, Shape
from twinstage.assets.importing.meshes.xml import Element, children, numbers, text_of
from twinstage.base.errors import UserError
from twinstage.scene.color import linear_from_srgb

MAX_NODES = 100_000
MAX_DEPTH = 64
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


@dataclass(slots=True)
class Placed:
    """A node of the assembly: name, parent (-1 at the top), parent_from_node f8[4, 4], numbers of its shapes."""

    name: str
    parent: int
    place: np.ndarray
    shapes: tuple[int, ...] = ()


@dataclass(slots=True)
class ThreeDxml:
    """What a file holds; `looks[k]` is material number k of every shape."""

    shapes: list[Shape] = field(default_factory=list)
    nodes: list[Placed] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    generator: str = ""
    author: str = ""
    notes: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, file: Path, data: bytes) -> None:
        self.file = file
        self.archive = Archive(file, data, "3DXML")
        self.out = ThreeDxml()
        self.parts: dict[str, tuple[int, ...]] = {}
        self.colors: dict[str, int] = {}

    def read(self) -> ThreeDxml:
        start = text_of(self.archive.xml("Manifest.xml"), "Root")
        root = self.archive.xml(start)
        self.out.generator = text_of(root, "Header/Generator")
        self.out.author = text_of(root, "Header/Author")
        product = root.find("ProductStructure")
        if product is None:
            raise UserError(f"{self.file}: the 3DXML file holds no product structure")
        self.references = {e.get("id", ""): e for e in children(product, "Reference3D")}
        self.below: dict[str, list[Element]] = {}
        for element in children(product, "Instance3D", "InstanceRep"):
            self.below.setdefault(text_of(element, "IsAggregatedBy"), []).append(element)
        self.reps = {e.get("id", ""): e for e in children(product, "ReferenceRep")}
        top = product.get("root") or next(iter(self.references), "")
        self._walk(top, self._name(top), -1, np.eye(4), ())
        if not self.out.shapes:
            raise UserError(f"{self.file}: the 3DXML file holds no triangles")
        return self.out

    def _name(self, key: str) -> str:
        found = self.references.get(key)
        return (found.get("name") or "") if found is not None else ""

    def _walk(self, key: str, name: str, parent: int, place: np.ndarray, above: tuple[str, ...]) -> None:
        if key in above or len(above) > MAX_DEPTH:
            raise UserError(f"{self.file}: {name!r} contains itself, or lies more than {MAX_DEPTH} deep")
        if len(self.out.nodes) >= MAX_NODES:
            raise UserError(f"{self.file}: its assembly has more than {MAX_NODES:,} nodes")
        shapes: list[int] = []
        for element in self.below.get(key, []):
            if element.tag == "InstanceRep":
                shapes += self._rep(text_of(element, "IsInstanceOf"), self._name(key))
        here = len(self.out.nodes)
        self.out.nodes.append(Placed(name or "part", parent, place, tuple(shapes)))
        for element in self.below.get(key, []):
            if element.tag == "Instance3D":
                target = text_of(element, "IsInstanceOf")
                title = element.get("name") or self._name(target)
                self._walk(target, title, here, self._matrix(element), (*above, key))

    def _matrix(self, element: Element) -> np.ndarray:
        out = np.eye(4)
        text = text_of(element, "RelativeMatrix")
        if text:
            try:
                values = numbers(text)
                out[:3, :3] = values[:9].reshape(3, 3).T  # three columns
                out[:3, 3] = values[9:12]
            except ValueError:
                raise UserError(
                    f"{self.file}: the matrix {text[:60]!r} does not hold twelve numbers"
                ) from None
        return out

    def _rep(self, key: str, name: str) -> tuple[int, ...]:
        """The shapes of a representation, read once."""
        if key not in self.parts:
            found = self.reps.get(key)
            part = (found.get("associatedFile") or "").rpartition(":")[2] if found is not None else ""
            shapes: list[int] = []
            if found is None or found.get("format") != "TESSELLATED":
                self.out.notes.append(f"a representation of {name!r} holds no triangles")
            else:
                for piece in _pieces(self.archive.xml(part).find("Root")):
                    shape = self._shape(piece, name)
                    if shape is not None:
                        self.out.shapes.append(shape)
                        shapes.append(len(self.out.shapes) - 1)
            self.parts[key] = (self._joined(shapes),) if shapes else ()
        return self.parts[key]

    def _joined(self, numbers_: list[int]) -> int:
        """One shape of those at the end of the list."""
        shapes = [self.out.shapes[n] for n in numbers_]
        del self.out.shapes[numbers_[0] :]
        starts = np.cumsum([0, *(len(s.points) for s in shapes)])
        normals = None
        if all(s.normals is not None for s in shapes):
            begins = np.cumsum([0, *(len(s.normals.values) for s in shapes if s.normals)])
            normals = Indexed(
                np.concatenate([s.normals.values for s in shapes if s.normals]),
                np.concatenate(
                    [s.normals.indices + b for s, b in zip(shapes, begins, strict=False) if s.normals]
                ),
            )
        self.out.shapes.append(
            Shape(
                shapes[0].name,
                np.concatenate([s.points for s in shapes]),
                np.concatenate([s.counts for s in shapes]),
                np.concatenate([s.indices + b for s, b in zip(shapes, starts, strict=False)]),
                normals,
                material=np.concatenate([s.material for s in shapes if s.material is not None]),
            )
        )
        return len(self.out.shapes) - 1

    def _shape(self, rep: Element, name: str) -> Shape | None:
        try:
            points = _rows(text_of(rep, "VertexBuffer/Positions"))
            normals = _rows(text_of(rep, "VertexBuffer/Normals"))
            faces, material = [], []
            for face in rep.iterfind("Faces/Face"):
                found = _triangles(face)
                faces.append(found)
                material.append(np.full(len(found), self._look(face, rep), np.int64))
        except (ValueError, OverflowError) as problem:
            raise UserError(f"{self.file}: {name!r} holds something else than numbers ({problem})") from None
        index = np.concatenate(faces) if faces else np.zeros((0, 3), np.int64)
        if not len(index):
            return None
        if index.min() < 0 or index.max() >= len(points):
            raise UserError(
                f"{self.file}: a face of {name!r} asks for point {int(index.max())} of {len(points)}"
            )
        # Faces of the part share their edges' points, which come once for each face.
        unique, inverse = np.unique(points + 0.0, axis=0, return_inverse=True)
        return Shape(
            name=name or "part",
            points=unique,
            counts=np.full(len(index), 3, np.int64),
            indices=inverse.reshape(-1)[index].reshape(-1),
            normals=Indexed(normals, index.reshape(-1)) if len(normals) == len(points) else None,
            material=np.concatenate(material),
        )

    def _look(self, face: Element, rep: Element) -> int:
        """The material that is applied to the face or its representation; else its colour; else -1."""
        for holder in (face, rep):
            applied = holder.find("SurfaceAttributes/MaterialApplication/MaterialId")
            if applied is not None:
                return self._material(applied.get("id", ""))
        for holder in (face, rep):
            color = holder.find("SurfaceAttributes/Color")
            if color is not None:
                rgba = tuple(float(color.get(k, "1")) for k in ("red", "green", "blue", "alpha"))
                return self._known(f"color {rgba}", Look("color", _linear(rgba[:3]), opacity=rgba[3]))
        return -1

    def _known(self, key: str, look: Look) -> int:
        if key not in self.colors:
            self.colors[key] = len(self.out.looks)
            self.out.looks.append(look)
        return self.colors[key]

    def _material(self, urn: str) -> int:
        if urn in self.colors:
            return self.colors[urn]
        part, _, key = urn.rpartition(":")[2].partition("#")
        look = Look(key or "material")
        try:
            library = self.archive.xml(part)
            holder = library.find("CATMaterialRef")
            names = {e.get("id"): e.get("name") for e in children(holder, "CATMatReference")}
            domains = {e.get("id"): e for e in children(holder, "MaterialDomain")}
            for link in children(holder, "MaterialDomainInstance"):
                domain = domains.get(text_of(link, "IsInstanceOf"))
                if text_of(link, "IsAggregatedBy") == key and domain is not None:
                    file = (domain.get("associatedFile") or "").rpartition(":")[2]
                    look = _rendering(self.archive.xml(file), names.get(key) or key)
        except UserError as problem:
            self.out.notes.append(f"material {key!r} is grey: {problem}")
        return self._known(urn, look)


def _rendering(root: Element, name: str) -> Look:
    said = {a.get("Name"): a.get("Value", "") for a in root.iter("Attr")}
    try:
        coefficient = float(said.get("DiffuseCoef", "1"))
        rgb = tuple(float(v) * coefficient for v in said["DiffuseColor"].strip("[] ").split(","))
        opacity = 1.0 - float(said.get("Transparency", "0"))
    except (KeyError, ValueError):
        return Look(name)
    return Look(name, _linear(rgb), opacity=min(max(opacity, 0.0), 1.0))


def _linear(rgb: tuple[float, ...]) -> tuple[float, float, float]:
    r, g, b = (float(v) for v in linear_from_srgb(np.clip(np.array(rgb[:3]), 0.0, 1.0)))
    return r, g, b


def _pieces(root: Element | None) -> Iterator[Element]:
    """Representations with faces, through bags; not their coarser levels of detail."""
    left = [] if root is None else [root]
    while left:
        piece = left.pop()
        if piece.find("Faces") is not None:
            yield piece
        left += reversed(list(children(piece, "Rep")))


def _rows(text: str) -> np.ndarray:
    """`x y z,x y z,...` as f8[n, 3]."""
    return numbers(text.replace(",", " ")).reshape(-1, 3)


def _triangles(face: Element) -> np.ndarray:
    """Triangles, strips and fans of a face, i8[n, 3]; lists are separated by commas."""
    out = [np.array(face.get("triangles", "").replace(",", " ").split(), np.int64).reshape(-1, 3)]
    for kind in ("strips", "fans"):
        for text in face.get(kind, "").split(","):
            run = np.array(text.split(), np.int64)
            if len(run) < 3:
                continue
            first = run[:-2] if kind == "strips" else np.full(len(run) - 2, run[0])
            rows = np.stack([first, run[1:-1], run[2:]], 1)
            if kind == "strips":
                rows[1::2] = rows[1::2][:, [1, 0, 2]]
            out.append(rows)
    return np.concatenate(out)


def read_threedxml(file: Path, data: bytes) -> ThreeDxml:
    """What a 3DXML file holds. Raises UserError with one sentence for a broken one."""
    return _Reader(file, data).read()
