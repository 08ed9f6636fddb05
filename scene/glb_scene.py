"""A whole snapshot as one GLB file, for other programs: nodes, shared meshes, materials, cameras and lights.

What is drawn now is written: visible instances, with the prims above them as nodes, each with the name of its prim and
`extras.prim`, its path. A root node turns our Z-up into glTF's Y-up. The same snapshot gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.glb import index_chunk, primitive_slots, vertex_chunks
from twinstage.scene.glb_builder import GlbBuilder
from twinstage.scene.glb_images import Decoder, decode_with_pillow
from twinstage.scene.glb_lamps import add_cameras, add_lights
from twinstage.scene.glb_materials import Color, MaterialBaker
from twinstage.scene.glb_motion import Places, add_animations
from twinstage.scene.glb_skins import SkinWriter, tell_unsaid, wanted_rows
from twinstage.scene.glb_transforms import node_transforms, split_shear
from twinstage.scene.motion import Motion
from twinstage.scene.snapshot import Snapshot

MAX_NODES = 300_000
"""Nodes of a file at most: beyond that no program opens it, and `instancing` says the same in few."""

_Y_UP = [-(0.5**0.5), 0.0, 0.0, 0.5**0.5]
_IDENTITY = 1e-12


@dataclass(frozen=True, slots=True)
class BakedScene:
    """The file and what it could not say exactly."""

    data: bytes = field(repr=False)
    findings: tuple[Finding, ...]
    nodes: int
    meshes: int


def bake_scene(
    snapshot: Snapshot,
    *,
    instancing: bool = False,
    paints: Mapping[int, Color] | None = None,
    decode: Decoder = decode_with_pillow,
    motion: Motion | None = None,
) -> BakedScene:
    """The GLB of a snapshot at its poses.

    `instancing`: write point instances with EXT_mesh_gpu_instancing, a few numbers each, instead of a node each.
    `paints`: linear rgb by prim index, which covers the looks of that prim and all below (a live style).
    `decode`: reads images that glTF cannot hold. `motion`: what moves, of a snapshot that was read at rest
    (`read_snapshot(at_rest=True)`, `read.motion`). UserError for geometry that is not finite, or a scene too large.
    """
    return _SceneBaker(snapshot, instancing, paints or {}, decode, motion or Motion()).bake()


class _SceneBaker:
    def __init__(
        self,
        snapshot: Snapshot,
        instancing: bool,
        paints: Mapping[int, Color],
        decode: Decoder,
        motion: Motion,
    ) -> None:
        self.snapshot, self.motion = snapshot, motion
        self.builder = GlbBuilder()
        self.materials = MaterialBaker(self.builder, snapshot, decode)
        self.instancing = instancing
        self.paint_of = _inherited(snapshot, paints)
        self.nodes: dict[int, int] = {}
        self.skins = SkinWriter(self.builder, snapshot, motion, self.nodes, self._place)
        self.findings: list[Finding] = []
        self._attributes: dict[int, dict[str, int]] = {}
        self._indices: dict[tuple[int, int], int] = {}
        self._meshes: dict[tuple[int, int, Color | None, bool], int] = {}

    def bake(self) -> BakedScene:
        """Nodes first, then what hangs on them."""
        table, n = self.snapshot.instances, len(self.snapshot.prims)
        rows = np.flatnonzero(table.visible)
        single = rows[table.node[rows] < n]
        points = rows[table.node[rows] >= n]
        cameras = [camera.prim for camera in self.snapshot.cameras]
        lights = [light.prim for light in self.snapshot.lights if self.snapshot.prims.visible[light.prim]]
        owners = self.snapshot.points.instancer[table.node[points].astype(np.int64) - n]
        skeletons = wanted_rows(self.motion)
        wanted = np.concatenate([table.node[single], owners, cameras, lights, skeletons]).astype(np.int64)
        self._check_size(single, points)
        roots = self._tree(wanted)
        self.skins.add_joints()
        for row in single.tolist():
            self._hang(self.nodes[int(table.node[row])], row)
        self._points(points, owners)
        add_cameras(self.builder, self.snapshot, self.nodes, self.findings)
        add_lights(self.builder, self.snapshot, self.nodes, self.findings)
        places = Places(self.nodes, self.skins.joints, self.skins.drawings)
        add_animations(self.builder, self.motion, places, self.findings)
        tell_unsaid(self.snapshot, self.motion, points, self.findings)
        root = {"name": "Z_up", "rotation": _Y_UP, "children": roots}
        scene_roots = [self.builder.add("nodes", root)] if roots else []
        return BakedScene(
            data=self.builder.finish(scene_roots),
            findings=(*self.motion.findings, *self.findings, *self.materials.findings),
            nodes=len(self.builder.get("nodes")),
            meshes=len(self.builder.get("meshes")),
        )

    def _check_size(self, single: np.ndarray, points: np.ndarray) -> None:
        count = len(single) + (0 if self.instancing else len(points))
        if count > MAX_NODES:
            raise UserError(
                f"the scene draws {count} things, and a GLB file holds at most {MAX_NODES} nodes here"
                + ("" if self.instancing else "; --instancing writes points in few")
            )

    # --- the tree ----------------------------------------------------------------------------------------------

    def _tree(self, wanted: np.ndarray) -> list[int]:
        """Nodes of those prims and of all above them; returns those that hang off the world."""
        prims = self.snapshot.prims
        parent = self.snapshot.node_parent[: len(prims)]
        needed = np.zeros(len(prims), bool)
        while len(wanted):
            wanted = np.unique(wanted)
            wanted = wanted[~needed[wanted]]
            needed[wanted] = True
            wanted = parent[wanted]
            wanted = wanted[wanted >= 0].astype(np.int64)
        order = np.flatnonzero(needed)
        moving = {row for clip in self.motion.clips for row in clip.nodes}
        held = np.array([row in moving for row in order.tolist()], bool)
        transforms = node_transforms(prims.local[order], whole=held)
        roots: list[int] = []
        for i, transform in zip(order.tolist(), transforms, strict=True):
            node: dict[str, Any] = {"name": prims.path[i].rpartition("/")[2]}
            extras: dict[str, Any] = {"prim": prims.path[i]}
            if prims.labels[i]:
                extras["labels"] = list(prims.labels[i])
            node["extras"] = extras
            above = int(parent[i])
            self.nodes[i] = self._place(node, transform, prims.local[i], self._children(above, roots))
        return roots

    def _children(self, above: int, roots: list[int]) -> list[int]:
        if above < 0:
            return roots
        children: list[int] = self.builder.get("nodes")[self.nodes[above]].setdefault("children", [])
        return children

    def _place(
        self, node: dict[str, Any], transform: dict[str, Any] | None, local: np.ndarray, siblings: list[int]
    ) -> int:
        """Add a node under its parent. Sheared ones get a helper above: glTF's nodes hold no shear of their own."""
        if transform is None:
            outer, inner = split_shear(local)
            helper = {"name": f"{node.get('name', 'point')}_shear", **outer}
            number = self.builder.add("nodes", node | inner)
            helper["children"] = [number]
            siblings.append(self.builder.add("nodes", helper))
            return number
        number = self.builder.add("nodes", node | transform)
        siblings.append(number)
        return number

    def _hang(self, node: int, row: int) -> None:
        """Give a node the mesh of an instance; a second one, or one with a place of its own, gets a node below it."""
        table = self.snapshot.instances
        mesh = self._mesh(row)
        if mesh is None:
            return
        local = np.array(table.local[row])
        entry = self.builder.get("nodes")[node]
        if "mesh" not in entry and np.abs(local - np.eye(4)).max() < _IDENTITY:
            entry["mesh"] = mesh
            self.skins.dress(row, node)
            return
        (transform,) = node_transforms(local[None])
        child = {"mesh": mesh, "extras": {"prim": self.snapshot.prims.path[int(table.prim[row])]}}
        self.skins.dress(row, self._place(child, transform, local, entry.setdefault("children", [])))

    # --- point instances ---------------------------------------------------------------------------------------

    def _points(self, rows: np.ndarray, owners: np.ndarray) -> None:
        if self.instancing:
            rows, owners = self._instanced(rows, owners)
        table, points = self.snapshot.instances, self.snapshot.points
        n = len(self.snapshot.prims)
        at = table.node[rows].astype(np.int64) - n
        distinct, first = np.unique(at, return_index=True)
        transforms = dict(zip(distinct.tolist(), node_transforms(points.local[distinct]), strict=True))
        made: dict[int, int] = {}
        for point, k in zip(distinct.tolist(), first.tolist(), strict=True):
            instancer, number = int(owners[k]), int(points.point_id[point])
            above = self.builder.get("nodes")[self.nodes[instancer]]
            node = {
                "name": f"{above['name']}_{number}",
                "extras": {"prim": self.snapshot.prims.path[instancer], "point": number},
            }
            children = above.setdefault("children", [])
            made[point] = self._place(node, transforms[point], points.local[point], children)
        for row, point in zip(rows.tolist(), at.tolist(), strict=True):
            self._hang(made[point], row)

    def _instanced(self, rows: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Write what EXT_mesh_gpu_instancing can say; returns the rows that are left (sheared ones)."""
        from twinstage.scene.transforms import decompose_trs

        if not len(rows):
            return rows, owners
        table, points = self.snapshot.instances, self.snapshot.points
        at = table.node[rows].astype(np.int64) - len(self.snapshot.prims)
        matrices = points.local[at] @ table.local[rows]
        translation, quat, scale, shear = decompose_trs(matrices)
        good = shear < 1e-6
        keys = np.stack([owners, table.prototype[rows], table.material_set[rows]], 1)[good]
        groups, group = np.unique(keys, axis=0, return_inverse=True)
        kept = np.flatnonzero(good)
        for g, key in enumerate(groups.tolist()):
            members = kept[group.reshape(-1) == g]
            mesh = self._mesh(int(rows[members[0]]))
            if mesh is None:
                continue
            attributes = {
                "TRANSLATION": self.builder.floats(translation[members]),
                "ROTATION": self.builder.floats(quat[members][:, [1, 2, 3, 0]]),
                "SCALE": self.builder.floats(scale[members]),
            }
            above = self.builder.get("nodes")[self.nodes[int(key[0])]]
            ids = points.point_id[at[members]].tolist()
            node = {
                "name": f"{above['name']}_points",
                "mesh": mesh,
                "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}},
                "extras": {"prim": self.snapshot.prims.path[int(key[0])], "points": ids},
            }
            above.setdefault("children", []).append(self.builder.add("nodes", node))
            self.builder.extensions.add("EXT_mesh_gpu_instancing")
        return rows[~good], owners[~good]

    # --- meshes ------------------------------------------------------------------------------------------------

    def _mesh(self, row: int) -> int | None:
        """The mesh of an instance, shared by all with its prototype and materials; None for nothing to draw."""
        table = self.snapshot.instances
        number, material_set = int(table.prototype[row]), int(table.material_set[row])
        paint = self.paint_of[int(table.prim[row])] if self.paint_of is not None else None
        hangs = row in self.motion.hung
        key = number, material_set, paint, hangs
        if key not in self._meshes:
            prototype = self.snapshot.prototypes[number]
            slots = primitive_slots(prototype)
            if not slots:
                return None
            if not np.isfinite(prototype.points).all():
                raise UserError(f"the geometry of {prototype.source} has points that are not finite numbers")
            primitives = [self._primitive(number, slot, material_set, paint, hangs=hangs) for slot in slots]
            entry: dict[str, Any] = {"name": prototype.source.rpartition("/")[2], "primitives": primitives}
            if prototype.morphs:
                entry["extras"] = {"targetNames": [morph.name for morph in prototype.morphs]}
            self._meshes[key] = self.builder.add("meshes", entry)
        return self._meshes[key]

    def _primitive(
        self, number: int, slot: int, material_set: int, paint: Color | None, *, hangs: bool
    ) -> dict[str, Any]:
        prototype = self.snapshot.prototypes[number]
        index = self.snapshot.material_sets[material_set][slot]
        attributes = dict(self._vertices(number))
        # displayColor is the diffuse colour of what no material is bound to, or of a material that reads it.
        source = self.snapshot.materials[index]
        reads_it = source.path == "" or bool(getattr(source, "vertex_color", False))
        vertex_color = reads_it and paint is None and prototype.color is not None
        if not vertex_color:
            attributes.pop("COLOR_0", None)
        material, textured = self.materials.material(
            index, double_sided=prototype.double_sided, vertex_color=vertex_color, paint=paint
        )
        # Other programs may want the coordinates for textures of their own, so they stay where no texture reads them.
        if (
            textured and "TEXCOORD_0" not in attributes
        ):  # a primvar that is absent reads (0, 0), whose v points down here
            attributes["TEXCOORD_0"] = self.builder.zeros(len(prototype.points), 2)
        key = number, slot
        if key not in self._indices:
            self._indices[key] = self.builder.chunk(index_chunk(prototype, slot))
        if hangs:
            attributes |= self.skins.attributes(number)
        primitive = {"attributes": attributes, "indices": self._indices[key], "material": material}
        if prototype.morphs:
            primitive["targets"] = self.skins.targets(number)
        return primitive

    def _vertices(self, number: int) -> dict[str, int]:
        if number not in self._attributes:
            names, chunks = vertex_chunks(self.snapshot.prototypes[number])
            self._attributes[number] = {
                name: self.builder.chunk(chunk) for name, chunk in zip(names, chunks, strict=True)
            }
        return self._attributes[number]


def _inherited(snapshot: Snapshot, paints: Mapping[int, Color]) -> list[Color | None] | None:
    """The paint of each prim: its own, or that of the nearest prim above it; None where nothing is painted."""
    if not paints:
        return None
    out: list[Color | None] = []
    for i, above in enumerate(snapshot.prims.parent.tolist()):
        own = paints.get(i)
        out.append(own if own is not None or above < 0 else out[above])
    return out
