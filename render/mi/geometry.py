"""Instances -> meshes: everything with the same look is one mesh, baked to the world.

Rays do not care how triangles are grouped, but each mesh costs time at every update and at every build (measured, 60
objects, 94,000 triangles: 90 ms to move 21 separate meshes, 41 ms to rebuild the one merged mesh). Instances that were
seen moving are merged apart from those that rest, so that a move rebuilds only the trees of what moves.

A hidden instance keeps its place in the mesh, with all vertices in one point: showing it again is a move, too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from twinstage.render.casting import drawn_instances
from twinstage.render.mi.materials import Look, look_of
from twinstage.scene.columns import F4, F8, U4, Bool
from twinstage.scene.snapshot import Material, Prototype, Snapshot


@dataclass(frozen=True, slots=True)
class Piece:
    """The triangles of one slot of a prototype, with the vertices that they use. uv is (u, 1 - v)."""

    points: F4
    normals: F4
    uv: F4
    color: F4 | None
    triangles: U4

    @property
    def one_color(self) -> bool:
        """Whether it has a displayColor that is the same everywhere."""
        return self.color is not None and bool((self.color == self.color[:1]).all())


@dataclass(slots=True)
class Habits:
    """What was seen to change: instances that moved and materials (rows) whose numbers varied.

    Habits decide how things are grouped, hence how fast the next change is, and never what a picture shows but where two
    surfaces lie in exactly the same place.
    """

    moving: set[int] = field(default_factory=set)
    varying: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What shares a mesh. `moving` splits only groups that give no light: an emitter has to stay one emitter."""

    look: Look
    moving: bool


@dataclass(slots=True)
class Group:
    """One mesh: pieces of instances one after the other.

    rows: instance of each piece; materials: row of its material; surfaces: its row in the surface table; painted: whether
    it shows the colours of its vertices; starts: its first vertex; then the vertex arrays positions and normals f4[v, 3].
    """

    key: GroupKey
    rows: list[int] = field(default_factory=list)
    materials: list[int] = field(default_factory=list)
    surfaces: list[int] = field(default_factory=list)
    painted: list[bool] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    starts: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    positions: F4 = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    normals: F4 = field(default_factory=lambda: np.zeros((0, 3), np.float32))

    def close(self) -> None:
        """Allocate the vertex arrays once all pieces are in."""
        self.starts = np.cumsum([0, *(len(piece.points) for piece in self.pieces)])
        self.positions = np.zeros((self.starts[-1], 3), np.float32)
        self.normals = np.zeros((self.starts[-1], 3), np.float32)

    def place(self, world: F8, visible: np.ndarray, origin: F8, changed: np.ndarray | None = None) -> bool:
        """Bake the pieces of changed instances (all without `changed`); whether anything was baked."""
        touched = False
        for k, row in enumerate(self.rows):
            if changed is not None and not changed[row]:
                continue
            touched = True
            span = slice(self.starts[k], self.starts[k + 1])
            piece, matrix = self.pieces[k], world[row]
            if not visible[row]:
                self.positions[span] = matrix[:3, 3] - origin
                continue
            self.positions[span] = piece.points @ matrix[:3, :3].T + (matrix[:3, 3] - origin)
            self.normals[span] = _unit(piece.normals @ _inverse(matrix[:3, :3]))
        return touched

    def triangles(self) -> U4:
        """Vertex indices u4[t, 3] of the whole mesh."""
        parts = [p.triangles + np.uint32(s) for p, s in zip(self.pieces, self.starts[:-1], strict=True)]
        return np.concatenate(parts).astype(np.uint32)

    def uv(self) -> F4:
        """Texture coordinates f4[v, 2] of the whole mesh, v down."""
        return np.concatenate([piece.uv for piece in self.pieces])

    def triangle_surfaces(self) -> U4:
        """Row in the surface table of each triangle, u4[t]."""
        counts = [len(piece.triangles) for piece in self.pieces]
        return np.repeat(np.array(self.surfaces, np.uint32), counts)

    def corner_colors(self) -> tuple[U4, F4]:
        """Which row of the second, counted from 1, a triangle shows (u4[t], 0 for none): colours of its corners f4[k, 9]."""
        rows, colors, count = [], [np.zeros((0, 9), np.float32)], 0
        for piece, painted in zip(self.pieces, self.painted, strict=True):
            n = len(piece.triangles)
            if not painted or piece.color is None:
                rows.append(np.zeros(n, np.uint32))
                continue
            rows.append(np.arange(count + 1, count + n + 1, dtype=np.uint32))
            colors.append(piece.color[piece.triangles].reshape(n, 9))
            count += n
        return np.concatenate(rows), np.concatenate(colors)

    def color(self) -> F4:
        """displayColor f4[v, 3] of the whole mesh (linear rgb); only for looks with `vertex_color`."""
        return np.concatenate([piece.color for piece in self.pieces if piece.color is not None])


class PieceCache:
    """Pieces by prototype hash and slot."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[str, int], Piece] = {}

    def get(self, prototype: Prototype, slot: int) -> Piece:
        key = (prototype.hash, slot)
        piece = self._pieces.get(key)
        if piece is None:
            piece = self._pieces[key] = _piece(prototype, slot)
        return piece


def make_groups(
    snapshot: Snapshot, rows: Iterable[int], habits: Habits, cache: PieceCache, *, tabled: bool
) -> list[Group]:
    """The groups of those instances, in a fixed order, closed but not placed; see `surface_materials` for `tabled`."""
    groups: dict[GroupKey, Group] = {}
    table, count = snapshot.instances, len(snapshot.materials)
    for row in rows:
        prototype = snapshot.prototypes[table.prototype[row]]
        materials = snapshot.material_sets[table.material_set[row]]
        for slot in np.unique(prototype.slot).tolist():
            material = snapshot.materials[materials[slot]]
            if material.opacity == 0.0 and material.texture("opacity") is None:
                continue
            piece = cache.get(prototype, slot)
            shows_color = (material.path == "" or material.vertex_color) and piece.color is not None
            one_color = tabled and shows_color and piece.one_color
            apart = materials[slot] if materials[slot] in habits.varying else -1
            look = look_of(material, tabled=tabled, row=apart, vertex_color=shows_color and not one_color)
            key = GroupKey(look, row in habits.moving and not look.emissive)
            group = groups.setdefault(key, Group(key))
            group.rows.append(row)
            group.materials.append(materials[slot])
            group.painted.append(shows_color and not one_color)
            surface = count + int(table.prototype[row]) if one_color else materials[slot]
            if tabled and prototype.uv is None and not one_color and material.textures:
                surface = count + len(snapshot.prototypes) + materials[slot]
            group.surfaces.append(surface)
            group.pieces.append(piece)
    # The order of first use is a property of the scene; what rests comes before what moves.
    ordered = sorted(groups.values(), key=lambda group: group.key.moving)
    for group in ordered:
        group.close()
    return ordered


def surface_materials(snapshot: Snapshot, groups: Iterable[Group]) -> list[Material]:
    """Rows of the surface table.

    All materials; then one a prototype, for a displayColor that is the same everywhere; then all materials again without
    images, for prototypes that have no texture coordinates (labels see no holes there, either).
    """
    count, prototypes = len(snapshot.materials), len(snapshot.prototypes)
    out = [*snapshot.materials, *([Material("")] * prototypes), *snapshot.materials]
    for group in groups:
        for piece, row, surface in zip(group.pieces, group.materials, group.surfaces, strict=True):
            if surface >= count + prototypes:
                out[surface] = replace(snapshot.materials[row], textures=())
            elif surface >= count and piece.color is not None:
                red, green, blue = (float(c) for c in piece.color[0])
                out[surface] = replace(snapshot.materials[row], diffuse_color=(red, green, blue))
    return out


def drawn_rows(snapshot: Snapshot) -> set[int]:
    """Instances that have something to show now, and a place."""
    placed: Bool = np.asarray(np.isfinite(snapshot.instance_world).all((1, 2)))
    return {row for row, _ in drawn_instances(snapshot) if placed[row]}


def _piece(prototype: Prototype, slot: int) -> Piece:
    triangles = prototype.triangles[prototype.slot == slot]
    used, compact = np.unique(triangles, return_inverse=True)
    uv = np.zeros((len(used), 2), np.float32)
    if prototype.uv is not None:
        uv[:, 0], uv[:, 1] = prototype.uv[used, 0], 1.0 - prototype.uv[used, 1]
    return Piece(
        points=prototype.points[used],
        normals=prototype.normals[used],
        uv=uv,
        color=None if prototype.color is None else prototype.color[used],
        triangles=compact.reshape(-1, 3).astype(np.uint32),
    )


def _inverse(linear: np.ndarray) -> np.ndarray:
    """The inverse, or the matrix itself where it has none (a flattened instance keeps some normals)."""
    if abs(np.linalg.det(linear)) < 1e-30:
        return np.asarray(linear)
    return np.linalg.inv(linear)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.asarray(vectors / np.where(length == 0, 1.0, length)[:, None])
