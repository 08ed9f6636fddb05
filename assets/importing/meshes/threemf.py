"""3MF -> shapes with their colours, placed as the build says.

Format: 3MF Core Specification 1.3 with the materials extension's colour groups and the production extension's parts.
Unit: as the model says, millimetres where it does not. Textures, slices, lattices and composite materials
are told, not carried.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from twinstage.assets.importing.meshes.archive import Archive
from twinstage.assets.importing.meshes.shape import Indexed, Look, Shape
from twinstage.assets.importing.meshes.xml import Element, children
from twinstage.base.errors import UserError
from twinstage.scene.color import linear_from_srgb

UNITS = {"micron": 1e-6, "millimeter": 1e-3, "centimeter": 1e-2, "inch": 0.0254, "foot": 0.3048, "meter": 1.0}
MAX_ITEMS = 100_000
MAX_VISITS = 400_000
"""Objects that the build may lead to, with or without a mesh."""
MAX_DEPTH = 32
_ROOT = "3D/3dmodel.model"


@dataclass(slots=True)
class Placed:
    """A shape (number in `ThreeMf.shapes`) at a place in the model, f8[4, 4]."""

    shape: int
    name: str
    place: np.ndarray


@dataclass(slots=True)
class ThreeMf:
    """What a 3MF file holds; `looks[k]` is material number k of every shape."""

    metres_per_unit: float = 1e-3
    shapes: list[Shape] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    generator: str = ""
    notes: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, file: Path, data: bytes) -> None:
        self.file = file
        self.out = ThreeMf()
        self.archive = Archive(file, data, "3MF")
        self.palettes: dict[tuple[str, str], list[int | np.ndarray]] = {}
        self.meshes: dict[tuple[str, str], int] = {}
        self.objects: dict[str, dict[str | None, Element]] = {}
        self.visits = 0

    def read(self) -> ThreeMf:
        root = self.model(self._start())
        unit = root.get("unit", "millimeter")
        if unit not in UNITS:
            raise UserError(f"{self.file}: the unit {unit!r} is unknown; {', '.join(UNITS)} were expected")
        self.out.metres_per_unit = UNITS[unit]
        for data in children(root, "metadata"):
            if data.get("name") == "Application":
                self.out.generator = (data.text or "").strip()
        start = self._start()
        items = list(children(root.find("build"), "item"))
        for item in items:
            self._place(self._path(item, start), item.get("objectid", ""), self._matrix(item), ())
        if not self.out.placed:
            raise UserError(f"{self.file}: the 3MF file builds nothing that has triangles")
        return self.out

    def _start(self) -> str:
        names = self.archive.names
        found = next((n for n in names if n.lower() == _ROOT.lower()), None)
        found = found or next((n for n in names if n.lower().endswith(".model")), None)
        if found is None:
            raise UserError(f"{self.file} is no 3MF file: it holds no {_ROOT}")
        return found

    def model(self, part: str) -> Element:
        """The model of a part of the archive."""
        return self.archive.xml(part)

    def _path(self, element: Element, part: str) -> str:
        """The part that an item or component looks in: attribute `path` of the production extension."""
        for key, value in element.attrib.items():
            if key.rpartition("}")[2] == "path":
                return value.lstrip("/")
        return part

    def _place(self, part: str, key: str, place: np.ndarray, above: tuple[str, ...]) -> None:
        if key in above:
            raise UserError(f"{self.file}: object {key} contains itself")
        if len(above) > MAX_DEPTH:
            raise UserError(f"{self.file}: object {key} lies more than {MAX_DEPTH} deep")
        if len(self.out.placed) >= MAX_ITEMS:
            raise UserError(f"{self.file}: it builds more than {MAX_ITEMS:,} items")
        self.visits += 1
        if self.visits > MAX_VISITS:
            raise UserError(f"{self.file}: its build leads to more than {MAX_VISITS:,} objects")
        found = self._object(part, key)
        if found is None:
            raise UserError(f"{self.file}: object {key!r} is missing")
        mesh = found.find("mesh")
        if mesh is not None:
            number = self._mesh(part, key, found, mesh)
            if number >= 0:
                self.out.placed.append(Placed(number, found.get("name") or f"object_{key}", place))
        for component in found.iterfind("components/component"):
            self._place(
                self._path(component, part),
                component.get("objectid", ""),
                place @ self._matrix(component),
                (*above, key),
            )

    def _object(self, part: str, key: str) -> Element | None:
        """The first object of a part with that number."""
        if part not in self.objects:
            rows = list(self.model(part).iterfind("resources/object"))
            self.objects[part] = {row.get("id"): row for row in reversed(rows)}
        return self.objects[part].get(key)

    def _matrix(self, element: Element) -> np.ndarray:
        text = element.get("transform")
        out = np.eye(4)
        if text:
            try:
                values = np.array(text.split(), np.float64).reshape(4, 3)
            except ValueError:
                raise UserError(
                    f"{self.file}: the transform {text[:60]!r} does not hold twelve numbers"
                ) from None
            out[:3] = values.T
        return out

    def _mesh(self, part: str, key: str, owner: Element, mesh: Element) -> int:
        if (part, key) in self.meshes:
            return self.meshes[part, key]
        self.meshes[part, key] = number = -1
        try:
            rows = [(v.get("x"), v.get("y"), v.get("z")) for v in mesh.iterfind("vertices/vertex")]
            points = np.array(rows, np.float64).reshape(-1, 3)
            triangles = list(mesh.iterfind("triangles/triangle"))
            index = np.array([(t.get("v1"), t.get("v2"), t.get("v3")) for t in triangles], np.int64).reshape(
                -1, 3
            )
        except (TypeError, ValueError, OverflowError):
            raise UserError(f"{self.file}: object {key} holds something else than numbers") from None
        if not len(index):
            return -1
        if index.min() < 0 or index.max() >= len(points):
            raise UserError(
                f"{self.file}: a triangle of object {key} asks for point {index.max()} of {len(points)}"
            )
        material, colors = self._looks(part, owner, triangles)
        used, local = np.unique(index, return_inverse=True)
        self.out.shapes.append(
            Shape(
                name=owner.get("name") or f"object_{key}",
                points=points[used],
                counts=np.full(len(index), 3, np.int64),
                indices=local.reshape(-1),
                material=material,
                colors=colors,
            )
        )
        number = len(self.out.shapes) - 1
        self.meshes[part, key] = number
        return number

    def _looks(
        self, part: str, owner: Element, triangles: list[Element]
    ) -> tuple[np.ndarray | None, Indexed | None]:
        """Material of each triangle; and colours of its corners where a colour group gives them."""
        material = np.full(len(triangles), -1, np.int64)
        colors = np.ones((len(triangles) * 3, 4))
        painted = False
        for row, triangle in enumerate(triangles):
            group = triangle.get("pid") or owner.get("pid")
            first = triangle.get("p1") or owner.get("pindex") or "0"
            if group is None:
                continue
            palette = self._palette(part, group)
            for corner, name in enumerate(("p1", "p2", "p3")):
                try:
                    entry = palette[int(triangle.get(name) or first)]
                except (ValueError, IndexError):
                    continue
                if isinstance(entry, int):
                    material[row] = entry
                    break
                colors[row * 3 + corner] = entry
                painted = True
        found = Indexed(colors, np.arange(len(colors))) if painted else None
        return (material if (material >= 0).any() else None), found

    def _palette(self, part: str, group: str) -> list[int | np.ndarray]:
        """Numbers of looks (base materials) or colours (colour group)."""
        if (part, group) not in self.palettes:
            entries: list[int | np.ndarray] = []
            resources = self.model(part).find("resources")
            holder = next(
                (e for e in (resources if resources is not None else ()) if e.get("id") == group), None
            )
            if holder is not None and holder.tag == "basematerials":
                for base in children(holder, "base"):
                    rgba = _rgba(base.get("displaycolor", "#CCCCCC"))
                    self.out.looks.append(
                        Look(base.get("name") or "material", (rgba[0], rgba[1], rgba[2]), opacity=rgba[3])
                    )
                    entries.append(len(self.out.looks) - 1)
            elif holder is not None and holder.tag == "colorgroup":
                entries += [np.array(_rgba(c.get("color", "#CCCCCC"))) for c in children(holder, "color")]
            elif holder is not None:
                self.out.notes.append(f"not carried over: {holder.tag}")
            self.palettes[part, group] = entries
        return self.palettes[part, group]


def _rgba(text: str) -> tuple[float, float, float, float]:
    """#RRGGBB or #RRGGBBAA, linear."""
    try:
        values = bytes.fromhex(text.strip().lstrip("#"))
    except ValueError:
        values = b""
    if len(values) < 3:
        values = b"\xcc\xcc\xcc"
    linear = linear_from_srgb(np.frombuffer(values[:3], np.uint8) / 255.0)
    return (
        float(linear[0]),
        float(linear[1]),
        float(linear[2]),
        values[3] / 255.0 if len(values) > 3 else 1.0,
    )


def read_threemf(file: Path, data: bytes) -> ThreeMf:
    """What a 3MF file builds. Raises UserError with one sentence for a broken file."""
    return _Reader(file, data).read()
