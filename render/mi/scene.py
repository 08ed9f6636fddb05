"""A living Mitsuba scene that follows snapshots.

`follow` compares the snapshot with the last one and does the least that is right: nothing, new values in place
(colours, lights, moves), or a new scene (other geometry, other textures, a first move of something that rested). The
picture never depends on what was rendered before, only the time does; but for one case: of two surfaces in exactly the
same place the one that is hit depends on how things are grouped, and grouping follows what was seen to change. Where
even that has to be the same, `expect` says up front what changes.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.render.lighting import emits, glowing_materials, with_glowing_gprims
from twinstage.render.mi.geometry import Group, Habits, PieceCache, drawn_rows, make_groups, surface_materials
from twinstage.render.mi.lamps import Glow
from twinstage.render.mi.lights import LightBuilder, Lights
from twinstage.render.mi.materials import Look, bsdf_dict, emitter_dict, look_of, paint_of, write_paint
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.surfaces import SurfaceTable, lets_through
from twinstage.render.mi.textures import TextureCache
from twinstage.render.mi.trees import Trees
from twinstage.scene.columns import F4, F8, Bool
from twinstage.scene.snapshot import Material, Snapshot

ORIGIN_STEP = 1024.0
"""[m]: a scene far out is moved back by a multiple of this, so that float32 holds; nearer ones stay where they are."""


MOST_TRIANGLES = 40_000_000
"""About 8 GB: instances are baked to the world, so their number counts, not that of the prototypes."""

LARGE = 20_000
"""Resting triangles from which what moves has a tree of its own (`Trees`): to build less at a move than a second tree
takes to ask. Measured, work cell (43,000 triangles rest, 15,000 move), 640x480, 4 direct samples, processor time: 22 ms a
move against 70, and the rays take the same time to a few percent."""

NOTHING: Bool = np.zeros(0, bool)


class LivingScene:
    """One Mitsuba scene and what it was made of.

    Attributes:
        scene: the mi.Scene (or `Trees`) of the last snapshot followed.
        origin: what was taken off all world positions, f8[3] [m].
        masked: whether any surface lets light through.
        builds: how often the scene was built rather than updated.
    """

    def __init__(self, runtime: Mitsuba, *, largest_texture: int, largest_map: int) -> None:
        self._runtime = runtime
        self._mi = runtime.mi
        self._pieces = PieceCache()
        self._textures = TextureCache(self._mi, largest_texture)
        self._lights = LightBuilder(self._mi, largest_map, listed=runtime.vectorised)
        self._snapshot: Snapshot | None = None
        self._structure: tuple[object, ...] = ()
        self._groups: list[Group] = []
        self._bsdfs: dict[Look, Any] = {}
        self._params: list[Any] = []
        self._tree_of: list[int] = []
        self._known_structures: dict[int, tuple[Material, bool, tuple[object, ...]]] = {}
        self._habits = Habits(NOTHING)
        self._expected: tuple[Snapshot, Habits, Bool] | None = None
        self._foreseen: Bool = NOTHING
        self._declared: Bool | None = None
        self._table = SurfaceTable(runtime, self._textures) if runtime.vectorised else None
        self._rows: Bool = NOTHING
        self._lit: tuple[Snapshot, Lights] | None = None
        self._original: tuple[Snapshot, Snapshot] | None = None
        self.scene: Any = None
        self.origin: F8 = np.zeros(3)
        self.masked = False
        self.builds = 0

    def expect(self, snapshot: Snapshot, examples: Sequence[Snapshot]) -> None:
        """Group by what changes from `snapshot` to the examples and between them, and learn nothing more."""
        habits, shown = Habits.none(snapshot), drawn_rows(snapshot)
        for example in examples:
            shown |= drawn_rows(example)
        for before, now in pairwise((snapshot, *examples)):
            self._learn(habits, before, now)
        self._expected = snapshot, habits, shown

    def foresee(self, snapshots: Sequence[Snapshot]) -> None:
        """What moves among these is about to move: it is grouped apart at once, not after it was seen to move."""
        rows = NOTHING
        for before, now in pairwise(snapshots):
            rows = _changed_rows(before, now) | (rows if len(rows) else False)
        self._foreseen = rows

    def follow(self, snapshot: Snapshot) -> Any:
        """The mi.Scene of that snapshot."""
        last = self._snapshot
        snapshot = self._glowing(snapshot)
        if last is snapshot:
            return self.scene
        if last is None or not self._update(last, snapshot):
            self._build(snapshot)
        self._snapshot = snapshot
        return self.scene

    def lights(self, snapshot: Snapshot) -> Lights:
        """The lights that are no objects of the scene; vectorised variants only."""
        snapshot = self._glowing(snapshot)
        if self._lit is None or self._lit[0] is not snapshot:
            materials = surface_materials(snapshot, self._groups)
            glow = self._glow(snapshot, materials)
            if self._table is not None and self.masked:
                self._table.set_veils(veil_boxes(self._groups, materials))
            lights = self._lights.lights(self._runtime, snapshot, self.origin, glow, len(materials))
            self._lit = snapshot, lights
        return self._lit[1]

    def _glowing(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with its gprims that are lights made to glow."""
        if self._original is None or self._original[0] is not snapshot:
            self._original = snapshot, with_glowing_gprims(snapshot)
        return self._original[1]

    def _glow(self, snapshot: Snapshot, materials: list[Material]) -> Glow:
        """The triangles of the scene's groups whose surface glows, as they lie now; `materials`: rows of surfaces."""
        if not glowing_materials(snapshot):
            return Glow()
        radiance = np.zeros((len(materials), 3), np.float32)
        for row, material in enumerate(materials):
            if emits(material):
                radiance[row] = self._mean_glow(snapshot, material)
        bright: Bool = np.asarray(radiance.any(1))
        corners = [np.zeros((0, 3, 3), np.float32)]
        rows = [np.zeros(0, np.uint32)]
        for group in self._groups:
            surfaces, pieces = group.surfaces, group.pieces
            for k in np.flatnonzero(bright[surfaces]).tolist():
                triangles = pieces[k].triangles
                corners.append(group.positions[group.starts[k] + triangles.astype(np.int64)])
                rows.append(np.full(len(triangles), surfaces[k], np.uint32))
        every = np.concatenate(rows)
        return Glow(np.concatenate(corners), radiance[every], every)

    def _mean_glow(self, snapshot: Snapshot, material: Material) -> np.ndarray:
        source = material.texture("emissiveColor")
        if source is None:
            return np.array(material.emissive_color, np.float32)
        values = self._textures.values(snapshot, "emissiveColor", source)
        return np.broadcast_to(values.mean((0, 1), dtype=np.float64), 3).astype(np.float32)

    def _registry_index(self, shape: Any) -> int:
        pointer = self._runtime.dr.reinterpret_array(self._mi.UInt32, self._mi.ShapePtr(shape))
        return int(pointer[0])

    def _update(self, last: Snapshot, snapshot: Snapshot) -> bool:
        """Bring the scene up to date in place; False where it has to be built anew."""
        if not self._grouped():
            return False
        drawn = drawn_rows(snapshot)
        if len(drawn) != len(self._rows) or (drawn & ~self._rows).any():
            return False
        if self._structure_of(snapshot, drawn) != self._structure:
            return False
        changed = _changed_rows(last, snapshot)
        first_moves = changed & self._rows & ~self._habits.moving
        if first_moves.any() or not np.array_equal(_origin(snapshot), self.origin):
            return False
        self._update_materials(last, snapshot)
        self._update_lights(last, snapshot)
        self._update_poses(snapshot, drawn, changed)
        for params in self._params:
            params.update()
        return True

    def _grouped(self) -> bool:
        """Whether what is foreseen to move stands apart; where all is expected, nothing else may."""
        foreseen, moving = self._foreseen, self._habits.moving
        if self._declared is not None:
            return np.array_equal(moving, self._declared | foreseen if len(foreseen) else self._declared)
        return (
            len(foreseen) in (0, len(moving))
            and not (foreseen & ~moving if len(foreseen) else foreseen).any()
        )

    def _update_materials(self, last: Snapshot, snapshot: Snapshot) -> None:
        materials = snapshot.materials
        changed = {
            row
            for row, (now, before) in enumerate(zip(materials, last.materials, strict=True))
            if now is not before and now != before
        }
        if not changed and snapshot.textures is last.textures:
            return
        if self._table is not None:
            self._fill_table(snapshot, self._table)
        for i, group in enumerate(self._groups):
            look, row = group.key.look, group.kinds[0].material
            if row not in changed or look.own < 0:
                continue
            write_paint(self._mi, self._bsdfs[look], paint_of(materials[row]))
            if look.emissive and look.texture("emissiveColor") is None:
                color = (float(c) for c in materials[row].emissive_color)
                self._params[self._tree_of[i]][f"g{i}.emitter.radiance.value"] = self._mi.Color3f(*color)

    def _update_lights(self, last: Snapshot, snapshot: Snapshot) -> None:
        prims = [light.prim for light in snapshot.lights]
        still = np.array_equal(snapshot.node_world[prims], last.node_world[prims])
        if still and snapshot.lights == last.lights:
            return
        for name, value in self._lights.parameters(snapshot, self.origin).items():
            self._params[0][name] = value

    def _update_poses(self, snapshot: Snapshot, drawn: Bool, changed: Bool) -> None:
        if not changed.any():
            return
        for i, group in enumerate(self._groups):
            if group.place(snapshot.instance_world, drawn, self.origin, changed):
                params = self._params[self._tree_of[i]]
                params[f"g{i}.vertex_positions"] = group.positions.ravel()
                params[f"g{i}.vertex_normals"] = group.normals.ravel()

    def _build(self, snapshot: Snapshot) -> None:
        drawn = drawn_rows(snapshot)
        if self._expected is not None and _same_things(self._expected[0], snapshot):
            _, self._habits, shown = self._expected
            self._declared = self._habits.moving
            self._rows = shown | drawn
        elif self._snapshot is not None and _same_things(self._snapshot, snapshot):
            # What was drawn once keeps its place, what changed once is expected to change again.
            self._learn(self._habits, self._snapshot, snapshot)
            self._rows = self._rows | drawn
        else:
            self._habits, self._rows, self._declared = Habits.none(snapshot), drawn, None
        if len(self._foreseen) == len(drawn) and (self._foreseen & ~self._habits.moving).any():
            self._habits = Habits(self._habits.moving | self._foreseen, set(self._habits.varying))
        # The scene before this one goes first: two of them would be twice the memory.
        self.scene = self._snapshot = self._lit = None
        self._groups, self._params = [], []
        self._structure = self._structure_of(snapshot, drawn)
        self.origin = _origin(snapshot)
        # An emitter of the scalar variant would light the scene from the point that a hidden mesh shrinks to.
        dark = np.zeros(len(drawn), bool)
        if not self._tabled:
            dark[[row for row in np.flatnonzero(self._rows & ~drawn).tolist() if _glows(snapshot, row)]] = (
                True
            )
        self._pieces.keep(snapshot)
        groups = make_groups(snapshot, self._rows & ~dark, self._habits, self._pieces, tabled=self._tabled)
        _check_size(groups, snapshot)
        self._groups = groups
        if self._table is not None:
            self._fill_table(snapshot, self._table)
        self._bsdfs = {group.key.look: self._bsdf(snapshot, group.key.look) for group in self._groups}
        for group in self._groups:
            group.place(snapshot.instance_world, drawn, self.origin)
        meshes = []
        for group in self._groups:
            meshes.append(self._mesh(snapshot, group))
            if self._tabled and not group.key.moving:
                group.normals = np.zeros((0, 3), np.float32)  # it is never placed again
        if self._table is not None:
            pairs = zip(meshes, self._groups, strict=True)
            self._table.assign(
                (self._registry_index(mesh), group.triangle_surfaces(), *group.corner_colors())
                for mesh, group in pairs
            )
        self._load(snapshot, meshes)
        if self._table is None:
            self.masked = any(group.key.look.masked for group in self._groups)
        self.builds += 1

    def _load(self, snapshot: Snapshot, meshes: list[Any]) -> None:
        """Make the scene of the meshes: one tree, or two where much rests and something moves."""
        moving = np.array([group.key.moving for group in self._groups], bool)
        resting = sum(int(group.firsts[-1]) for group in self._groups if not group.key.moving)
        two = self._tabled and resting > LARGE and bool(moving.any())
        scenes = []
        for part in (~moving, moving) if two else (np.ones(len(meshes), bool),):
            content: dict[str, Any] = {"type": "scene"}
            content.update({f"g{i}": meshes[i] for i in np.flatnonzero(part).tolist()})
            content.update(self._lights.dicts(snapshot, self.origin))
            scenes.append(self._mi.load_dict(content))
        self._params = [self._mi.traverse(scene) for scene in scenes]
        self._tree_of = (moving & two).astype(int).tolist()
        self.scene = Trees(self._runtime, *scenes) if two else scenes[0]

    @property
    def surfaces(self) -> SurfaceTable:
        """Numbers and images of all materials; vectorised variants only."""
        assert self._table is not None
        return self._table

    @property
    def _tabled(self) -> bool:
        return self._table is not None

    def _fill_table(self, snapshot: Snapshot, table: SurfaceTable) -> None:
        materials = surface_materials(snapshot, self._groups)
        used = {kind.surface for group in self._groups for kind in group.kinds}
        table.fill(snapshot, materials, used)
        self.masked = table.features.masked

    def _bsdf(self, snapshot: Snapshot, look: Look) -> Any:
        return self._mi.load_dict(bsdf_dict(snapshot, look, self._textures))

    def _mesh(self, snapshot: Snapshot, group: Group) -> Any:
        mi, look = self._mi, group.key.look
        props = mi.Properties()
        props["bsdf"] = self._bsdfs[look]
        emitter = emitter_dict(snapshot, look, self._textures)
        if emitter is not None:
            props["emitter"] = mi.load_dict(emitter)
        triangles = group.triangles()
        mesh = mi.Mesh(
            "group",
            len(group.positions),
            len(triangles),
            has_vertex_normals=True,
            has_vertex_texcoords=True,
            props=props,
        )
        if look.vertex_color:
            mesh.add_attribute("vertex_color", 3, group.color().ravel())
        params = mi.traverse(mesh)
        params["faces"] = triangles.ravel()
        params["vertex_texcoords"] = group.uv().ravel()
        params["vertex_positions"] = group.positions.ravel()
        params["vertex_normals"] = group.normals.ravel()
        params.update()
        return mesh

    def _structure_of(self, snapshot: Snapshot, drawn: Bool) -> tuple[object, ...]:
        """Everything whose change needs a new scene; compared by value."""
        table = snapshot.instances
        lamps: tuple[bool, ...] = ()
        if not self._tabled and glowing_materials(snapshot):
            lamps = tuple(drawn[self._lamp_rows(snapshot)].tolist())
        return (
            tuple(prototype.hash for prototype in snapshot.prototypes),
            table.prototype.tobytes(),
            table.material_set.tobytes(),
            snapshot.material_sets,
            tuple(self._material_structure(m, row) for row, m in enumerate(snapshot.materials)),
            self._lights.structure(snapshot),
            lamps,
            () if self._tabled else tuple(texture.hash for texture in snapshot.textures),
        )

    def _material_structure(self, material: Material, row: int) -> tuple[object, ...]:
        varies = row in self._habits.varying
        known = self._known_structures.get(row)
        if known is not None and known[0] is material and known[1] == varies:
            return known[2]
        look = look_of(material, tabled=self._tabled, row=row)
        shows_color = material.path == "" or material.vertex_color
        out = (look.without_values() if varies else look, material.opacity == 0.0, shows_color)
        self._known_structures[row] = (material, varies, out)
        return out

    def _learn(self, habits: Habits, last: Snapshot, snapshot: Snapshot) -> None:
        habits.moving = habits.moving | _changed_rows(last, snapshot)
        for row, (before, now) in enumerate(zip(last.materials, snapshot.materials, strict=True)):
            if before is now:
                continue
            looks = [look_of(material, tabled=self._tabled) for material in (before, now)]
            if looks[0] != looks[1] and looks[0].without_values() == looks[1].without_values():
                habits.varying.add(row)

    def _lamp_rows(self, snapshot: Snapshot) -> list[int]:
        return [row for row in range(len(snapshot.instances)) if _glows(snapshot, row)]


def veil_boxes(groups: Sequence[Group], materials: Sequence[Material]) -> F4:
    """Up to four boxes f4[k, 6] around all pieces that let light through: neighbours along the longest axis share one."""
    found = []
    through = np.array([lets_through(material) for material in materials], bool)
    for group in groups:
        for k in np.flatnonzero(through[group.surfaces]).tolist():
            points = group.positions[group.starts[k] : group.starts[k + 1]]
            if len(points):
                found.append(np.concatenate([points.min(0), points.max(0)]))
    if not found:
        return np.zeros((1, 6), np.float32)
    boxes = np.array(found, np.float64)
    middle = (boxes[:, :3] + boxes[:, 3:]) / 2
    order = np.argsort(middle[:, int(np.ptp(middle, axis=0).argmax())], kind="stable")
    parts = np.array_split(boxes[order], min(4, len(boxes)))
    out = np.array([[*part[:, :3].min(0), *part[:, 3:].max(0)] for part in parts])
    # Hits lie off the surface by rounding.
    margin = 1e-4 * (1.0 + np.abs(out).max())
    boxes32: F4 = (out + np.repeat([-margin, margin], 3)).astype(np.float32)
    return boxes32


def _check_size(groups: list[Group], snapshot: Snapshot) -> None:
    triangles = sum(int(group.firsts[-1]) for group in groups)
    if triangles > MOST_TRIANGLES:
        raise UserError(
            f"stage {snapshot.stage.path} has {triangles:,} triangles with all instances written out, "
            f"more than the {MOST_TRIANGLES:,} that a picture can be made of; hide some or use lighter prototypes"
        )


def _same_things(last: Snapshot, snapshot: Snapshot) -> bool:
    """Whether rows of instances and materials still mean the same."""
    return (
        len(last.materials) == len(snapshot.materials)
        and np.array_equal(last.instances.prototype, snapshot.instances.prototype)
        and [p.hash for p in last.prototypes] == [p.hash for p in snapshot.prototypes]
    )


def _glows(snapshot: Snapshot, row: int) -> bool:
    materials = snapshot.material_sets[snapshot.instances.material_set[row]]
    return any(emits(snapshot.materials[m]) for m in materials)


def _changed_rows(last: Snapshot, snapshot: Snapshot) -> Bool:
    changed: Bool = (last.instance_world != snapshot.instance_world).any((1, 2))
    changed |= last.instances.visible != snapshot.instances.visible
    return changed


def _origin(snapshot: Snapshot) -> F8:
    """The middle of everything, rounded so coarsely that moves hardly ever change it."""
    places = snapshot.instance_world[:, :3, 3]
    places = places[np.isfinite(places).all(1)]
    if len(places) == 0:
        return np.zeros(3)
    middle = np.median(places, axis=0)
    out: F8 = np.rint(middle / ORIGIN_STEP) * ORIGIN_STEP
    return out
