"""Instances -> meshes: everything with the same look is one mesh, baked to the world.

Rays do not care how triangles are grouped, but each mesh costs time at every update and at every build (measured, 60
objects, 94,000 triangles: 90 ms to move 21 separate meshes, 41 ms to rebuild the one merged mesh). Instances that were
seen moving are merged apart from those that rest, so that a move rebuilds only the trees of what moves.

A hidden instance keeps its place in the mesh, with all vertices in one point: showing it again is a move, too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from twinstage.render.casting import shown_instances
from twinstage.render.mi.materials import Look, look_of
from twinstage.scene.columns import F4, F8, I8, U4, Bool
from twinstage.scene.snapshot import Material, Prototype, Snapshot

_CHUNK = 100_000
"""Vertices that are baked at once: what they need in float64 stays small."""

_LONG = 256
"""Vertices from which a piece is copied as a run; below, an index to each vertex is faster."""


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
    """What was seen to change: instances that moved (bool by row) and materials (rows) whose numbers varied.

    Habits decide how things are grouped, hence how fast the next change is, and never what a picture shows but where two
    surfaces lie in exactly the same place.
    """

    moving: Bool
    varying: set[int] = field(default_factory=set)

    @staticmethod
    def none(snapshot: Snapshot) -> "Habits":
        """Nothing was seen to change yet."""
        return Habits(np.zeros(len(snapshot.instances), bool))


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What shares a mesh. `moving` splits only groups that give no light: an emitter has to stay one emitter."""

    look: Look
    moving: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """A piece with what it wears; all instances of a prototype with a material set share these.

    material: row of its material; surface: its row in the surface table; painted: whether it shows the colours of its
    vertices; one_color: whether its row has the one displayColor of the piece.
    """

    piece: Piece
    material: int
    surface: int
    painted: bool
    one_color: bool


@dataclass(slots=True)
class Group:
    """One mesh: pieces of instances one after the other.

    kinds: what occurs; kind: which of them each piece is; rows: instance of each piece; starts: its first vertex, and
    firsts its first triangle (one more at the end); then the vertex arrays positions and normals f4[v, 3].
    """

    key: GroupKey
    kinds: tuple[Kind, ...]
    kind: I8
    rows: I8
    starts: I8
    firsts: I8
    positions: F4
    normals: F4

    @staticmethod
    def of(key: GroupKey, kinds: tuple[Kind, ...], kind: I8, rows: I8) -> "Group":
        """A group of those pieces, not placed yet."""
        vertices = np.array([len(k.piece.points) for k in kinds])[kind]
        triangles = np.array([len(k.piece.triangles) for k in kinds])[kind]
        starts, firsts = (np.append(0, np.cumsum(n)).astype(np.int64) for n in (vertices, triangles))
        positions, normals = (np.zeros((starts[-1], 3), np.float32) for _ in range(2))
        return Group(key, kinds, kind, rows, starts, firsts, positions, normals)

    @property
    def pieces(self) -> list[Piece]:
        """The piece of each part of the mesh."""
        return [self.kinds[k].piece for k in self.kind.tolist()]

    @property
    def materials(self) -> I8:
        """Row of the material of each piece."""
        return np.array([k.material for k in self.kinds], np.int64)[self.kind]

    @property
    def surfaces(self) -> I8:
        """Row in the surface table of each piece."""
        return np.array([k.surface for k in self.kinds], np.int64)[self.kind]

    def place(self, world: F8, visible: np.ndarray, origin: F8, changed: np.ndarray | None = None) -> bool:
        """Bake the pieces of changed instances (all without `changed`); whether anything was baked."""
        chosen = np.arange(len(self.rows)) if changed is None else np.flatnonzero(changed[self.rows])
        for kind, at in _by_kind(self.kind, chosen):
            piece = self.kinds[kind].piece
            step = max(_CHUNK // max(len(piece.points), 1), 1)
            for first in range(0, len(at), step):
                self._bake(piece, at[first : first + step], world, visible, origin)
        return len(chosen) > 0

    def _bake(self, piece: Piece, at: I8, world: F8, visible: np.ndarray, origin: F8) -> None:
        matrices, shown = world[self.rows[at]], visible[self.rows[at]]
        linear, places = matrices[:, :3, :3], matrices[:, :3, 3] - origin
        n = len(piece.points)
        positions = np.empty((len(at), n, 3))
        positions[~shown] = 0.0
        # Not by matmul: BLAS starts threads for these, which cost more than they save, and rounds as each machine likes.
        positions[shown] = np.einsum("vj,nij->nvi", piece.points.astype(np.float64), linear[shown])
        positions += places[:, None]
        _spread(self.positions, self.starts[at], positions)
        normals = np.einsum("vj,nji->nvi", piece.normals.astype(np.float64), _inverse(linear[shown]))
        _spread(self.normals, self.starts[at[shown]], _unit(normals))

    def triangles(self) -> U4:
        """Vertex indices u4[t, 3] of the whole mesh."""
        out = np.empty((self.firsts[-1], 3), np.uint32)
        for kind, at in _by_kind(self.kind, np.arange(len(self.kind))):
            faces = self.kinds[kind].piece.triangles
            step = max(_CHUNK // max(len(faces), 1), 1)
            for first in range(0, len(at), step):
                some = at[first : first + step]
                starts = self.starts[some].astype(np.uint32)
                _spread(out, self.firsts[some], faces + starts[:, None, None])
        return out

    def uv(self) -> F4:
        """Texture coordinates f4[v, 2] of the whole mesh, v down."""
        out = np.zeros((self.starts[-1], 2), np.float32)
        for kind, at in _by_kind(self.kind, np.arange(len(self.kind))):
            uv = self.kinds[kind].piece.uv
            if uv.any():
                _spread(out, self.starts[at], np.broadcast_to(uv, (len(at), *uv.shape)))
        return out

    def triangle_surfaces(self) -> U4:
        """Row in the surface table of each triangle, u4[t]."""
        return np.repeat(self.surfaces.astype(np.uint32), np.diff(self.firsts))

    def corner_colors(self) -> tuple[U4 | None, F4]:
        """Which row of the second, counted from 1, a triangle shows (u4[t], 0 for none): colours of its corners f4[k, 9].

        None where no triangle shows any.
        """
        colors = [k.piece.color if k.painted else None for k in self.kinds]
        shows = np.array([color is not None for color in colors])[self.kind]
        if not shows.any():
            return None, np.zeros((0, 9), np.float32)
        counts = np.diff(self.firsts)
        painted = np.repeat(shows, counts)
        rows = np.where(painted, np.cumsum(painted), 0).astype(np.uint32)
        own = [
            None if color is None else color[k.piece.triangles].reshape(-1, 9)
            for k, color in zip(self.kinds, colors, strict=True)
        ]
        parts = [part for k in self.kind.tolist() if (part := own[k]) is not None]
        return rows, np.concatenate(parts)

    def color(self) -> F4:
        """displayColor f4[v, 3] of the whole mesh (linear rgb); only for looks with `vertex_color`."""
        return np.concatenate([piece.color for piece in self.pieces if piece.color is not None])


def _by_kind(kind: I8, chosen: I8) -> Iterator[tuple[int, I8]]:
    """For each kind among the chosen pieces those of that kind, rising."""
    if len(chosen) == 0:
        return
    order = np.argsort(kind[chosen], kind="stable")
    ordered = chosen[order]
    values = kind[ordered]
    cuts = np.flatnonzero(values[1:] != values[:-1]) + 1
    for at in np.split(ordered, cuts):
        yield int(kind[at[0]]), at


def _spread(out: np.ndarray, starts: I8, values: np.ndarray) -> None:
    """Write values [m, n, c] to rows from each of `starts` on."""
    n = values.shape[1]
    if n >= _LONG:
        for start, rows in zip(starts.tolist(), values, strict=True):
            out[start : start + n] = rows
    else:
        out[starts[:, None] + np.arange(n)] = values


class PieceCache:
    """Pieces by prototype hash and slot."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[str, int], Piece] = {}

    def get(self, prototype: Prototype, slot: int) -> Piece:
        """The piece, cut out now where it is not known."""
        key = (prototype.hash, slot)
        piece = self._pieces.get(key)
        if piece is None:
            piece = self._pieces[key] = _piece(prototype, slot)
        return piece

    def keep(self, snapshot: Snapshot) -> None:
        """Forget prototypes that this snapshot has not: shapes that change with time would pile up."""
        known = {prototype.hash for prototype in snapshot.prototypes}
        self._pieces = {key: piece for key, piece in self._pieces.items() if key[0] in known}


def make_groups(
    snapshot: Snapshot, drawn: Bool, habits: Habits, cache: PieceCache, *, tabled: bool
) -> list[Group]:
    """The groups of the instances `drawn` (bool by row), in a fixed order, not placed; `tabled`: see `surface_materials`."""
    table, numbers = snapshot.instances, _Surfaces(snapshot, tabled)
    rows = np.flatnonzero(drawn)
    sets = max(len(snapshot.material_sets), 1)
    pairs, pair = np.unique(
        table.prototype[rows].astype(np.int64) * sets + table.material_set[rows], return_inverse=True
    )
    kinds: list[Kind] = []
    looks: list[Look] = []
    found: list[tuple[I8, I8, I8]] = []  # row, place of the slot, kind
    for at, members in _by_kind(pair.ravel(), np.arange(len(rows))):
        which, worn = divmod(int(pairs[at]), sets)
        for slot, (new, look) in enumerate(_kinds_of(snapshot, which, worn, habits, cache, numbers)):
            here = rows[members]
            found.append((here, np.full(len(here), slot), np.full(len(here), len(kinds))))
            kinds.append(new)
            looks.append(look)
    if not found:
        return []
    row, place, kind_of = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.lexsort((place, row))
    row, kind_of = row[order], kind_of[order]
    numbered = {look: k for k, look in reversed(list(enumerate(looks)))}
    look_of_kind = np.array([numbered[look] for look in looks])
    apart = np.array([not look.emissive for look in looks])
    moving = habits.moving[row] & apart[kind_of]
    group = look_of_kind[kind_of] * 2 + moving
    names, first, member = np.unique(group, return_index=True, return_inverse=True)
    # The order of first use is a property of the scene; what rests comes before what moves.
    ordered = sorted(range(len(names)), key=lambda k: (int(names[k]) % 2, int(first[k])))
    out = []
    for k in ordered:
        mine = np.flatnonzero(member.ravel() == k)
        used, kind = np.unique(kind_of[mine], return_inverse=True)
        key = GroupKey(looks[int(names[k]) // 2], bool(names[k] % 2))
        out.append(Group.of(key, tuple(kinds[u] for u in used.tolist()), kind.ravel(), row[mine]))
    return out


class _Surfaces:
    """Numbers the rows of the surface table: materials first, then one for each look that a material alone does not tell."""

    def __init__(self, snapshot: Snapshot, tabled: bool) -> None:
        self.tabled = tabled
        self._first = len(snapshot.materials)
        self._numbers: dict[tuple[object, ...], int] = {}

    def of(self, *what: object) -> int:
        """The row of that, the next free one where it is new."""
        return self._first + self._numbers.setdefault(what, len(self._numbers))


def _kinds_of(
    snapshot: Snapshot, which: int, worn: int, habits: Habits, cache: PieceCache, numbers: _Surfaces
) -> Iterator[tuple[Kind, Look]]:
    """What an instance of that prototype with that material set is made of, slot by slot."""
    prototype, materials, tabled = snapshot.prototypes[which], snapshot.material_sets[worn], numbers.tabled
    for slot in np.unique(prototype.slot).tolist():
        row = materials[slot]
        material = snapshot.materials[row]
        if material.opacity == 0.0 and material.texture("opacity") is None:
            continue
        piece = cache.get(prototype, slot)
        shows_color = (material.path == "" or material.vertex_color) and piece.color is not None
        one_color = tabled and shows_color and piece.one_color
        apart = row if row in habits.varying else -1
        look = look_of(material, tabled=tabled, row=apart, vertex_color=shows_color and not one_color)
        surface = row
        if one_color:
            surface = numbers.of(which, slot, row)
        elif tabled and prototype.uv is None and material.textures:
            surface = numbers.of(row)
        yield Kind(piece, row, surface, shows_color and not one_color, one_color), look


def surface_materials(snapshot: Snapshot, groups: Iterable[Group]) -> list[Material]:
    """Rows of the surface table.

    All materials; then those that show a displayColor that is the same everywhere, and those without images, for
    prototypes that have no texture coordinates (labels see no holes there, either).
    """
    count = len(snapshot.materials)
    more: dict[int, Material] = {}
    for kind in (kind for group in groups for kind in group.kinds):
        if kind.surface < count or kind.surface in more:
            continue
        material = snapshot.materials[kind.material]
        if kind.one_color and kind.piece.color is not None:
            red, green, blue = (float(c) for c in kind.piece.color[0])
            more[kind.surface] = replace(material, diffuse_color=(red, green, blue))
        else:
            more[kind.surface] = replace(material, textures=())
    rows = range(count, max(more, default=count - 1) + 1)
    return [*snapshot.materials, *(more.get(row, Material("")) for row in rows)]


def drawn_rows(snapshot: Snapshot) -> Bool:
    """Instances that have something to show now, and a place: bool by row."""
    out: Bool = shown_instances(snapshot) & np.isfinite(snapshot.instance_world).all((1, 2))
    return out


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


def _inverse(linear: F8) -> F8:
    """Inverses f8[m, 3, 3], or the matrix itself where it has none (a flattened instance keeps some normals)."""
    lost = np.abs(np.linalg.det(linear)) < 1e-30
    out: F8 = np.linalg.inv(np.where(lost[:, None, None], np.eye(3), linear))
    out[lost] = linear[lost]
    return out


def _unit(vectors: F8) -> F8:
    length = np.sqrt(np.einsum("nij,nij->ni", vectors, vectors))
    vectors /= np.where(length == 0, 1.0, length)[..., None]
    return vectors
