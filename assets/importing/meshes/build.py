"""Shapes and looks -> the parts of a document: faces without an area leave, normals come, values are told once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from twinstage.assets.importing.document import (
    Geometry,
    Image,
    Input,
    Material,
    Mesh,
    Node,
    Primvar,
    Subset,
    Texture,
    Transform,
    note,
)
from twinstage.assets.importing.meshes.files import Files
from twinstage.assets.importing.meshes.normals import CREASE_RAD, corner_normals, face_normals
from twinstage.assets.importing.meshes.shape import Indexed, Look, Shape
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding

MAX_CORNERS = 60_000_000
"""Corners of all faces of a file."""
MAX_COORDINATE = 1e12
"""Coordinates beyond, in the file's unit, are no places; the same bound as for stages."""
MAX_VALUE = 1e30
"""Of normals, colours and texture coordinates: float32 holds them."""


@dataclass(slots=True)
class Builder:
    """Collects the parts of a document. Names of notes are places in the file."""

    nodes: list[Node] = field(default_factory=list)
    geometry: list[Geometry] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    _images: dict[bytes, int] = field(default_factory=dict)
    _corners: int = 0

    def node(self, name: str, parent: int = -1, transform: Transform | None = None, **more: object) -> int:
        """Add a node; its number."""
        self.nodes.append(Node(name, parent, transform or Transform(), **more))  # type: ignore[arg-type]
        return len(self.nodes) - 1

    def tell(self, code: str, where: str, message: str, fix: str = "", severity: str = "warning") -> None:
        """Add a note, once."""
        found = note(code, where, message, fix, severity=severity)
        if found not in self.notes:
            self.notes.append(found)

    def look(self, look: Look, files: Files) -> int:
        """Add a material; its number."""
        textures = {}
        for key, name in look.maps.items():
            image = self._image(name, files, look.name)
            if image >= 0:
                space = "sRGB" if key in ("color", "emissive") else "raw"
                textures[key] = (image, space)

        def rgb(key: str, value: tuple[float, float, float] | None, fallback: float) -> Input:
            found = textures.get(key)
            texture = Texture(found[0], "rgb", color_space="sRGB") if found else None
            return Input(value if value is not None else (fallback,) * 3, texture)

        def scalar(key: str, value: float) -> Input:
            found = textures.get(key)
            return Input((value,), Texture(found[0], "r", color_space="raw") if found else None)

        color = look.color
        if "color" in textures and (color is None or max(color) <= 0):
            color = (1.0, 1.0, 1.0)
        normal = textures.get("normal")
        see_through = look.opacity < 1.0 or "opacity" in textures
        return self._known(
            Material(
                name=look.name,
                base_color=rgb("color", color, 0.8),
                opacity=scalar("opacity", look.opacity),
                alpha_mode="blend" if see_through else "opaque",
                metallic=scalar("metallic", look.metallic),
                roughness=scalar("roughness", look.roughness),
                normal=None
                if normal is None
                else Texture(normal[0], color_space="raw", scale=(2, 2, 2, 1), bias=(-1, -1, -1, 0)),
                emissive=rgb("emissive", look.emissive, 1.0 if "emissive" in textures else 0.0),
                ior=look.ior or 1.5,
                double_sided=look.two_sided,
            )
        )

    def _known(self, material: Material) -> int:
        """The number of a material, which is added where there is no equal one."""
        if material not in self.materials:
            self.materials.append(material)
        return self.materials.index(material)

    def shape(
        self, shape: Shape, materials: Sequence[int] = (), where: str = "", *, crease: float = CREASE_RAD
    ) -> int:
        """Add a mesh; its number, or -1 where no face is left. `materials[k]`: the material that number k of the shape is."""
        self._corners += len(shape.indices)
        if self._corners > MAX_CORNERS:
            raise UserError(
                f"{where or shape.name}: the file has more than {MAX_CORNERS:,} corners of faces, which is the limit"
            )
        keep, lost = _sound(shape)
        if lost:
            self.tell("no-area", where, f"{lost:,} faces without an area were left out", severity="info")
        if not keep.any():
            return -1
        if not keep.all():
            shape = _only(shape, keep)
        self.geometry.append(_mesh(shape, materials, crease))
        return len(self.geometry) - 1

    def _image(self, name: str, files: Files, material: str) -> int:
        found = files.image(name, f"material {material}")
        if found is None:
            return -1
        data, kind = found
        if data not in self._images:
            self._images[data] = len(self.images)
            self.images.append(Image(name.replace("\\", "/").rpartition("/")[2], data, kind))
        return self._images[data]


def _sound(shape: Shape) -> tuple[np.ndarray, int]:
    """Faces that have an area and numbers, bool[f], and how many do not."""
    if not len(shape.counts):
        return np.zeros(0, bool), 0
    points = np.where(np.abs(shape.points) <= MAX_COORDINATE, shape.points, 0.0)
    area = np.linalg.norm(face_normals(points, shape.counts, shape.indices), axis=1)
    starts = np.concatenate([[0], np.cumsum(shape.counts)[:-1]]).astype(np.int64)
    broken = np.asarray(np.any(~(np.abs(shape.points) <= MAX_COORDINATE), axis=1))
    bad = np.logical_or.reduceat(broken[shape.indices], starts)
    low = np.minimum.reduceat(points[shape.indices], starts, axis=0)
    high = np.maximum.reduceat(points[shape.indices], starts, axis=0)
    extent = np.linalg.norm(high - low, axis=1)
    keep = np.asarray(area > 1e-12 * extent * extent) & ~bad
    return keep, int((~keep).sum())


def _only(shape: Shape, keep: np.ndarray) -> Shape:
    """Those faces alone, and the points that they use."""
    corners = np.repeat(keep, shape.counts)
    used, indices = np.unique(shape.indices[corners], return_inverse=True)

    def part(item: Indexed | None) -> Indexed | None:
        return None if item is None else Indexed(item.values, item.indices[corners])

    return Shape(
        name=shape.name,
        points=shape.points[used],
        counts=shape.counts[keep],
        indices=indices.reshape(-1),
        normals=part(shape.normals),
        uvs=part(shape.uvs),
        colors=part(shape.colors),
        material=None if shape.material is None else shape.material[keep],
        smooth=None if shape.smooth is None else shape.smooth[keep],
    )


def _mesh(shape: Shape, materials: Sequence[int], crease: float) -> Mesh:
    numbers = shape.material if shape.material is not None else np.full(len(shape.counts), -1, np.int64)
    wanted = np.array([*materials, -1], np.int64)[np.where(numbers < len(materials), numbers, -1)]
    kinds = [int(kind) for kind in np.unique(wanted)]
    subsets = (
        []
        if len(kinds) == 1
        else [Subset(kind, np.flatnonzero(wanted == kind)) for kind in kinds if kind >= 0]
    )
    return Mesh(
        name=shape.name,
        points=shape.points,
        counts=shape.counts,
        indices=shape.indices,
        normals=_normals(shape, crease),
        uvs=() if shape.uvs is None else (_primvar(shape.uvs),),
        colors=None if shape.colors is None else _primvar(shape.colors),
        material=kinds[0] if len(kinds) == 1 else -1,
        subsets=tuple(subsets),
    )


def _normals(shape: Shape, crease: float) -> Primvar:
    angle = crease if shape.smooth is None else shape.smooth
    if shape.normals is None:
        found = corner_normals(shape.points, shape.counts, shape.indices, angle)
        return _primvar(Indexed(found, np.arange(len(found))))
    values = np.nan_to_num(shape.normals.values)
    length = np.linalg.norm(values, axis=1)
    if (length[shape.normals.indices] > 1e-6).all():
        return _primvar(Indexed(values / np.maximum(length, 1e-300)[:, None], shape.normals.indices))
    # Some are no direction: those corners take the computed ones.
    given = values[shape.normals.indices] / np.maximum(length[shape.normals.indices], 1e-300)[:, None]
    computed = corner_normals(shape.points, shape.counts, shape.indices, angle)
    good = (length[shape.normals.indices] > 1e-6)[:, None]
    return _primvar(Indexed(np.where(good, given, computed), np.arange(len(given))))


def _primvar(item: Indexed) -> Primvar:
    """Each value once, as float32 tells them apart."""
    item = Indexed(np.clip(np.nan_to_num(item.values), -MAX_VALUE, MAX_VALUE), item.indices)
    values = np.ascontiguousarray(item.values, np.float32) + np.float32(0.0)
    keys = values.view(np.dtype((np.void, values.dtype.itemsize * values.shape[1]))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    indices = place[inverse.reshape(-1)][item.indices]
    used, compact = np.unique(indices, return_inverse=True)
    return Primvar(item.values[first[order]][used], "faceVarying", compact.reshape(-1))


def names(items: Iterable[str]) -> str:
    """Some names for a sentence."""
    known = list(dict.fromkeys(items))
    return ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
