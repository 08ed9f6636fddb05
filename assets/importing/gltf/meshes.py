"""Meshes of a glTF file: triangles become one Mesh with a subset a material; lines and points stand beside it."""

from dataclasses import dataclass, field

import numpy as np

from twinstage.assets.importing.document import Cloud, Curves, Geometry, Mesh, Morph, Primvar, Subset, note
from twinstage.assets.importing.gltf.accessors import Accessors
from twinstage.assets.importing.gltf.container import Container
from twinstage.assets.importing.gltf.draco import DRACO, decode_primitive
from twinstage.assets.importing.gltf.entry import Entry
from twinstage.assets.importing.gltf.materials import Materials
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding

POINTS, LINES, LINE_LOOP, LINE_STRIP, TRIANGLES, STRIP, FAN = range(7)
MAX_MORPHS = 1000
VARIANTS = "KHR_materials_variants"
SETS = 4
"""Sets of joints and weights, of four each, that are read."""


@dataclass(frozen=True)
class _Part:
    """The triangles of a primitive. `columns`: its attributes by name, [n, w]; morphs: (offsets, normal offsets or None)."""

    where: str
    material: int
    points: np.ndarray
    triangles: np.ndarray
    columns: dict[str, np.ndarray]
    morphs: list[tuple[np.ndarray, np.ndarray | None]]
    variants: tuple[tuple[int, int], ...] = ()

    @property
    def look(self) -> tuple[int, tuple[tuple[int, int], ...]]:
        """What tells subsets apart: the material, and those of KHR_materials_variants."""
        return self.material, self.variants


@dataclass
class Meshes:
    """Reads meshes when they are first asked for. `looks`: (variant, material) pairs by (geometry, subset or -1)."""

    container: Container
    accessors: Accessors
    materials: Materials
    notes: dict[Finding, None] = field(default_factory=dict)
    geometry: list[Geometry] = field(default_factory=list)
    looks: dict[tuple[int, int], tuple[int, tuple[tuple[int, int], ...]]] = field(default_factory=dict)
    _known: dict[int, list[int]] = field(default_factory=dict)

    def of(self, number: int, owner: str) -> list[int]:
        """Numbers of the geometry that a mesh became: its triangles first."""
        if number not in self._known:
            entry = self.container.item("meshes", "mesh", number, owner)
            made = self._read(entry, entry.name or f"mesh_{number}")
            self._known[number] = list(range(len(self.geometry), len(self.geometry) + len(made)))
            self.geometry += made
        return self._known[number]

    def _read(self, mesh: Entry, name: str) -> list[Geometry]:
        parts: list[_Part] = []
        others: list[Geometry] = []
        for primitive in mesh.entries("primitives", f"{mesh.where}, primitive"):
            mode = primitive.integer("mode", TRIANGLES, high=FAN)
            for other in primitive.extensions():
                if other not in (DRACO, VARIANTS):
                    self._tell("extension", primitive.where, f"{other} is left out")
            packed = primitive.extension(DRACO)
            if packed is not None:
                decode_primitive(self.container, self.accessors, primitive, packed)
            attributes = primitive.entry("attributes")
            if "POSITION" not in attributes:
                self._tell("primitive", primitive.where, "it has no POSITION, so it is left out")
                continue
            points = self.accessors.floats(attributes.integer("POSITION"), primitive.where, "VEC3")
            corners = self._corners(primitive, len(points))
            colors = self._column(attributes, "COLOR_0", primitive, len(points), "VEC3", "VEC4")
            material = self.materials.material(
                primitive.index("material"), primitive.where, vertex_color=colors is not None
            )
            if mode in (TRIANGLES, STRIP, FAN):
                triangles = _triangles(mode, corners)
                if triangles is None:
                    self._tell(
                        "primitive",
                        primitive.where,
                        f"its {len(corners)} indices make no triangles; it is left out",
                    )
                    continue
                parts.append(self._part(primitive, attributes, material, points, triangles, colors))
            else:
                others.append(_loose(mode, f"{name}_{len(others)}", points, corners, colors, material))
        if any(part.variants for part in parts):
            looks = list(dict.fromkeys(part.look for part in parts))
            for k, look in enumerate(looks):
                self.looks[(len(self.geometry), k if len(looks) > 1 else -1)] = look
        meshes: list[Geometry] = [self._joined(mesh, name, parts)] if parts else []
        return meshes + others

    def _corners(self, primitive: Entry, count: int) -> np.ndarray:
        """The points of the primitive's corners."""
        if "indices" not in primitive:
            return np.arange(count)
        number = primitive.integer("indices")
        corners = self.accessors.integers(number, primitive.where, "SCALAR")[:, 0]
        if len(corners) and corners.max() >= count:
            raise UserError(
                f"{primitive.where}: accessor {number} names point {corners.max():,}, and there are {count:,}"
            )
        return corners

    def _column(
        self, attributes: Entry, name: str, primitive: Entry, count: int, *types: str
    ) -> np.ndarray | None:
        if name not in attributes:
            return None
        values = self.accessors.floats(attributes.integer(name), f"{primitive.where}, {name}", *types)
        return _fitting(values, count, f"{primitive.where}: {name}")

    def _part(
        self,
        primitive: Entry,
        attributes: Entry,
        material: int,
        points: np.ndarray,
        triangles: np.ndarray,
        colors: np.ndarray | None,
    ) -> _Part:
        count = len(points)
        columns: dict[str, np.ndarray] = {} if colors is None else {"COLOR_0": colors}
        for name in attributes.value:
            if name.startswith("TEXCOORD_") and _number(name) in range(16):
                types = ("VEC2",)
            elif name == "NORMAL":
                types = ("VEC3",)
            elif name.startswith(("JOINTS_", "WEIGHTS_")) and _number(name) >= 0:
                if _number(name) >= SETS:
                    self._tell(
                        "joints", primitive.where, f"{name} is left out: {4 * SETS} joints a point are read"
                    )
                    continue
                types = ("VEC4",)
            else:
                if name == "TANGENT":
                    self._tell(
                        "attribute", "the file", "tangents are left out: renderers work them out", "info"
                    )
                if name.startswith("_") or (name.startswith("COLOR_") and name != "COLOR_0"):
                    self._tell("attribute", primitive.where, f"the attribute {name} is left out", "info")
                continue
            found = self._column(attributes, name, primitive, count, *types)
            if found is not None:
                columns[name] = found
        variants = self._variants(primitive, vertex_color=colors is not None)
        morphs = self._morphs(primitive, count)
        return _Part(primitive.where, material, points, triangles, columns, morphs, variants)

    def _variants(self, primitive: Entry, *, vertex_color: bool) -> tuple[tuple[int, int], ...]:
        """(variant, material) pairs of KHR_materials_variants."""
        extension = primitive.extension(VARIANTS)
        found: dict[int, int] = {}
        for mapping in extension.entries("mappings") if extension is not None else ():
            material = self.materials.material(
                mapping.integer("material"), mapping.where, vertex_color=vertex_color
            )
            found.update(dict.fromkeys(mapping.indices("variants"), material))
        return tuple(sorted(found.items()))

    def _morphs(self, primitive: Entry, count: int) -> list[tuple[np.ndarray, np.ndarray | None]]:
        targets = primitive.entries("targets", f"{primitive.where}, target")
        if len(targets) > MAX_MORPHS:
            raise UserError(
                f"{primitive.where} has {len(targets):,} morph targets; at most {MAX_MORPHS:,} are read"
            )
        out = []
        for target in targets:
            offsets = self._column(target, "POSITION", target, count, "VEC3")
            normals = self._column(target, "NORMAL", target, count, "VEC3")
            out.append((np.zeros((count, 3), np.float32) if offsets is None else offsets, normals))
        return out

    def _joined(self, mesh: Entry, name: str, parts: list[_Part]) -> Mesh:
        """One mesh of several primitives: their points one after another, their materials as subsets."""
        counts = [len(part.points) for part in parts]
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        indices = np.concatenate(
            [part.triangles.reshape(-1) + start for part, start in zip(parts, starts, strict=True)]
        )
        faces = [len(part.triangles) for part in parts]
        names = {column for part in parts for column in part.columns}
        joints, weights = self._influences(parts, names)
        uv_names = sorted((n for n in names if n.startswith("TEXCOORD_")), key=lambda n: int(n[9:]))
        uv_sets = range(int(uv_names[-1][9:]) + 1 if uv_names else 0)
        normals = _joined_column(parts, "NORMAL", 3) if "NORMAL" in names else None
        return Mesh(
            name=name,
            points=np.concatenate([part.points for part in parts]),
            counts=np.full(sum(faces), 3),
            indices=indices,
            normals=None if normals is None else Primvar(normals),
            uvs=tuple(Primvar(_flipped(_joined_column(parts, f"TEXCOORD_{k}", 2))) for k in uv_sets),
            colors=Primvar(_colors(parts)) if "COLOR_0" in names else None,
            material=parts[0].material if len({part.material for part in parts}) == 1 else -1,
            subsets=_subsets(parts, faces),
            joints=joints,
            weights=weights,
            morphs=self._joined_morphs(mesh, parts, counts),
            morph_weights=_weights(mesh),
        )

    def _influences(self, parts: list[_Part], names: set[str]) -> tuple[np.ndarray | None, np.ndarray | None]:
        sets = [k for k in range(SETS) if f"JOINTS_{k}" in names and f"WEIGHTS_{k}" in names]
        if not sets:
            return None, None
        joints = np.concatenate([_joined_column(parts, f"JOINTS_{k}", 4) for k in sets], 1)
        weights = np.concatenate([_joined_column(parts, f"WEIGHTS_{k}", 4) for k in sets], 1)
        return np.where(weights > 0, joints, 0).astype(np.int64), weights

    def _joined_morphs(self, mesh: Entry, parts: list[_Part], counts: list[int]) -> tuple[Morph, ...]:
        number = max(len(part.morphs) for part in parts)
        if any(len(part.morphs) != number for part in parts):
            text = "its primitives have different numbers of morph targets; missing ones count as 0"
            self._tell("morphs", mesh.where, text)
        said = (
            mesh.entry("extras").value.get("targetNames")
            if isinstance(mesh.value.get("extras"), dict)
            else None
        )
        names = said if isinstance(said, list) else []
        out = []
        for k in range(number):
            pairs = [part.morphs[k] if k < len(part.morphs) else (None, None) for part in parts]
            zeros = [np.zeros((count, 3), np.float32) for count in counts]
            offsets = [zero if pair[0] is None else pair[0] for pair, zero in zip(pairs, zeros, strict=True)]
            normals = None
            if any(pair[1] is not None for pair in pairs):
                normals = np.concatenate(
                    [zero if pair[1] is None else pair[1] for pair, zero in zip(pairs, zeros, strict=True)]
                )
            name = names[k] if k < len(names) and isinstance(names[k], str) else f"target_{k}"
            out.append(Morph(name, np.concatenate(offsets), normals))
        return tuple(out)

    def _tell(self, code: str, where: str, text: str, severity: str = "warning") -> None:
        self.notes[note(code, where, text, severity=severity)] = None


def _number(name: str) -> int:
    """The number of an attribute's set, as in TEXCOORD_1; -1 where it has none."""
    text = name.partition("_")[2]
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _fitting(values: np.ndarray, count: int, what: str) -> np.ndarray:
    if len(values) != count:
        raise UserError(f"{what} has {len(values):,} elements, and there are {count:,} points")
    return values


def _triangles(mode: int, corners: np.ndarray) -> np.ndarray | None:
    """Triangles [t, 3] of a list, strip or fan; None where the corners make none."""
    count = len(corners)
    if mode == TRIANGLES:
        return corners[: count - count % 3].reshape(-1, 3) if count >= 3 else None
    if count < 3:
        return None
    k = np.arange(count - 2)
    if mode == FAN:
        return np.stack([np.full(count - 2, corners[0]), corners[k + 1], corners[k + 2]], -1)
    odd = k % 2
    return np.stack([corners[k], corners[k + 1 + odd], corners[k + 2 - odd]], -1)


def _loose(
    mode: int,
    name: str,
    points: np.ndarray,
    corners: np.ndarray,
    colors: np.ndarray | None,
    material: int,
) -> Geometry:
    """Points or lines."""
    if mode == LINES:
        corners = corners[: len(corners) - len(corners) % 2]
    shade = None if colors is None else Primvar(_clipped(colors[corners]))
    placed = points[corners]
    if mode == POINTS:
        return Cloud(name, placed, colors=shade, material=material)
    counts = np.full(len(corners) // 2, 2) if mode == LINES else np.array([len(corners)])
    return Curves(name, placed, counts, closed=mode == LINE_LOOP, colors=shade, material=material)


def _clipped(colors: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(colors, 0.0, None))


def _joined_column(parts: list[_Part], name: str, width: int) -> np.ndarray:
    """An attribute of all parts; zeros where a part has none (a normal of no length is computed from the faces)."""
    found = [part.columns.get(name, np.zeros((len(part.points), width), np.float32)) for part in parts]
    return np.concatenate(found)


def _colors(parts: list[_Part]) -> np.ndarray:
    """rgba of all parts; white where a part has no colours."""
    rows = []
    for part in parts:
        out = np.ones((len(part.points), 4))
        found = part.columns.get("COLOR_0")
        if found is not None:
            out[:, : found.shape[1]] = _clipped(found)
        rows.append(out)
    return np.concatenate(rows)


def _flipped(uv: np.ndarray) -> np.ndarray:
    """From v down to v up."""
    return np.stack([uv[:, 0].astype(np.float64), 1.0 - uv[:, 1].astype(np.float64)], -1)


def _subsets(parts: list[_Part], faces: list[int]) -> tuple[Subset, ...]:
    """A subset for each material, where there are several."""
    looks = list(dict.fromkeys(part.look for part in parts))
    if len(looks) < 2:
        return ()
    owner = np.repeat([looks.index(part.look) for part in parts], faces)
    return tuple(Subset(look[0], np.flatnonzero(owner == k)) for k, look in enumerate(looks))


def _weights(mesh: Entry) -> tuple[float, ...]:
    value = mesh.value.get("weights")
    return mesh.numbers("weights", [0.0] * len(value)) if isinstance(value, list) else ()
