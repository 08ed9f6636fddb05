"""Nodes, skins, cameras and lights of a glTF file."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.assets.importing.document import Camera, Light, Node, Skin, Transform, note
from twinstage.assets.importing.gltf.accessors import Accessors
from twinstage.assets.importing.gltf.container import Container
from twinstage.assets.importing.gltf.entry import Entry
from twinstage.assets.importing.gltf.meshes import Meshes
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding

LIGHTS = "KHR_lights_punctual"
INSTANCES = "EXT_mesh_gpu_instancing"
MAX_INSTANCES = 200_000


@dataclass
class Scene:
    """The tree while it grows. `number`: the document's node by the file's; nodes of other scenes are in none."""

    container: Container
    accessors: Accessors
    meshes: Meshes
    nodes: list[Node] = field(default_factory=list)
    number: dict[int, int] = field(default_factory=dict)
    notes: dict[Finding, None] = field(default_factory=dict)

    def read(self) -> None:
        """All nodes of the file's scene, parents first; of a file without scenes, all that have no parent."""
        entries = self.container.list("nodes", "node")
        parent: dict[int, int] = {}
        children: dict[int, list[int]] = {}
        for n, entry in enumerate(entries):
            children[n] = entry.indices("children")
            for child in children[n]:
                self.container.item("nodes", "node", child, entry.where)
                if child in parent:
                    raise UserError(
                        f"{entries[child].where} is a child of node {parent[child]} and of node {n}"
                    )
                parent[child] = n
        roots = self._roots(len(entries), parent)
        stack = [(root, -1) for root in reversed(roots)]
        while stack:
            n, above = stack.pop()
            if n in self.number:
                raise UserError(f"{entries[n].where} is its own ancestor, or in the scene twice")
            self.number[n] = self._node(entries[n], n, above)
            stack += [(child, self.number[n]) for child in reversed(children[n])]

    def _roots(self, count: int, parent: dict[int, int]) -> list[int]:
        scenes = self.container.list("scenes", "scene")
        if not scenes:
            return [n for n in range(count) if n not in parent]
        index = self.container.root.integer("scene", 0)
        scene = self.container.item("scenes", "scene", index, "the file")
        roots = scene.indices("nodes")
        for root in roots:
            entry = self.container.item("nodes", "node", root, scene.where)
            if root in parent:
                raise UserError(
                    f"{scene.where} names {entry.where} as a root, which is a child of node {parent[root]}"
                )
        if len(scenes) > 1:
            text = f"the file has {len(scenes)} scenes; {scene.where} is imported, the others are left out"
            self.notes[note("scene", "scenes", text)] = None
        return roots

    def _node(self, entry: Entry, n: int, parent: int) -> int:
        mesh = entry.index("mesh")
        made = self.meshes.of(mesh, entry.where) if mesh >= 0 else []
        fallback = self.container.list("meshes", "mesh")[mesh].name if mesh >= 0 else ""
        here = len(self.nodes)
        lamp = entry.extension(LIGHTS)
        extras = entry.value.get("extras")
        instances = entry.extension(INSTANCES)
        weights = entry.value.get("weights")
        self.nodes.append(
            Node(
                name=entry.name or fallback or f"node_{n}",
                parent=parent,
                transform=_transform(entry),
                geometry=made[0] if made and instances is None else -1,
                skin=entry.index("skin") if mesh >= 0 else -1,
                morph_weights=entry.numbers("weights", [0.0] * len(weights))
                if isinstance(weights, list)
                else (),
                camera=entry.index("camera"),
                light=lamp.integer("light") if lamp is not None else -1,
                extras=extras if isinstance(extras, dict) else {},
            )
        )
        if instances is not None and made:
            self._instances(instances, here, made)
        else:
            for k, geometry in enumerate(made[1:], 1):
                self.nodes.append(Node(f"{self.nodes[here].name}_{k}", here, geometry=geometry))
        for name in entry.extensions():
            if name not in (LIGHTS, INSTANCES):
                self.notes[note("extension", entry.where, f"{name} is left out")] = None
        return here

    def _instances(self, entry: Entry, parent: int, geometry: list[int]) -> None:
        """A node for each instance of EXT_mesh_gpu_instancing."""
        attributes = entry.entry("attributes")
        columns = {}
        for name, kind in (("TRANSLATION", "VEC3"), ("ROTATION", "VEC4"), ("SCALE", "VEC3")):
            if name in attributes:
                columns[name] = self.accessors.floats(attributes.integer(name), entry.where, kind)
        counts = {len(values) for values in columns.values()}
        if len(counts) != 1:
            raise UserError(
                f"{entry.where}: its attributes have {sorted(counts) or 'no'} elements; one number was expected"
            )
        count = counts.pop()
        if count > MAX_INSTANCES:
            raise UserError(f"{entry.where} has {count:,} instances; at most {MAX_INSTANCES:,} are imported")
        for k in range(count):
            t, r, s = (
                columns[name][k].tolist() if name in columns else None
                for name in ("TRANSLATION", "ROTATION", "SCALE")
            )
            transform = Transform(
                tuple(t) if t else (0.0, 0.0, 0.0),
                (r[3], r[0], r[1], r[2]) if r else (1.0, 0.0, 0.0, 0.0),
                tuple(s) if s else (1.0, 1.0, 1.0),
            )
            for g in geometry:
                self.nodes.append(Node(f"{self.nodes[parent].name}_{k}", parent, transform, geometry=g))

    def skins(self) -> tuple[Skin, ...]:
        """All skins, in the file's order. A node may name only one whose joints are in the scene."""
        out = []
        entries = self.container.list("skins", "skin")
        used = {node.skin for node in self.nodes}
        for s, entry in enumerate(entries):
            joints = entry.indices("joints") if s in used else []
            for joint in joints:
                self.container.item("nodes", "node", joint, entry.where)
                if joint not in self.number:
                    raise UserError(f"{entry.where} names node {joint} as a joint, which is not in the scene")
            inverse = np.tile(np.eye(4), (len(joints), 1, 1))
            if "inverseBindMatrices" in entry and joints:
                rows = self.accessors.floats(entry.integer("inverseBindMatrices"), entry.where, "MAT4")
                if len(rows) < len(joints):
                    raise UserError(
                        f"{entry.where} has {len(joints)} joints and {len(rows)} inverse bind matrices"
                    )
                # Stored column after column.
                inverse = rows[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
            out.append(Skin(entry.name, tuple(self.number[j] for j in joints), inverse))
        for node in self.nodes:
            if node.skin >= len(out):
                raise UserError(f"node {node.name!r} names skin {node.skin}, and there are {len(out)}")
        return tuple(out)

    def cameras(self) -> tuple[Camera, ...]:
        """All cameras."""
        out = []
        for entry in self.container.list("cameras", "camera"):
            kind = entry.text("type")
            if kind == "orthographic":
                lens = entry.entry("orthographic")
                x, y = lens.number("xmag", 1.0), lens.number("ymag", 1.0)
                aspect = abs(x / y) if y and x else 1.0
                near, far = lens.number("znear", 0.0), lens.number("zfar", 100.0)
                out.append(
                    Camera(entry.name, "orthographic", aspect=aspect, height=2 * abs(y), near=near, far=far)
                )
                continue
            if kind != "perspective":
                raise UserError(f"{entry.where}: type is {kind!r}; perspective or orthographic was expected")
            lens = entry.entry("perspective")
            fov = lens.number("yfov", 0.8)
            if not 0 < fov < np.pi:
                raise UserError(f"{lens.where}: yfov is {fov:g}; an angle above 0 and below pi was expected")
            ratio = lens.number("aspectRatio", 16 / 9)
            end = lens.number("zfar", 0.0) or None
            out.append(
                Camera(
                    entry.name,
                    "perspective",
                    fov,
                    ratio if ratio > 0 else 16 / 9,
                    near=lens.number("znear", 0.1),
                    far=end,
                )
            )
        return tuple(out)

    def lights(self) -> tuple[Light, ...]:
        """All lamps of KHR_lights_punctual."""
        extension = self.container.root.extension(LIGHTS)
        out = []
        for entry in extension.entries("lights", "light") if extension is not None else ():
            kind: Any = entry.text("type")
            if kind not in ("directional", "point", "spot"):
                raise UserError(f"{entry.where}: type is {kind!r}; directional, point or spot was expected")
            r, g, b = entry.numbers("color", (1.0, 1.0, 1.0))
            spot = entry.entry("spot")
            cones = (spot.number("innerConeAngle", 0.0), spot.number("outerConeAngle", np.pi / 4))
            out.append(Light(entry.name, kind, (r, g, b), entry.number("intensity", 1.0), cones))
        return tuple(out)


def _transform(entry: Entry) -> Transform:
    if "matrix" in entry:
        values = entry.numbers("matrix", np.eye(4).reshape(-1).tolist())
        matrix = np.array(values).reshape(4, 4).T
        if np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-6:
            raise UserError(
                f"{entry.where}: the last row of its matrix is {matrix[3].tolist()}; 0, 0, 0, 1 was expected"
            )
        matrix[3] = (0, 0, 0, 1)
        return Transform(matrix=matrix)
    x, y, z, w = entry.numbers("rotation", (0.0, 0.0, 0.0, 1.0))
    if x == y == z == w == 0:
        raise UserError(f"{entry.where}: its rotation is 0, 0, 0, 0, which is no rotation")
    t = entry.numbers("translation", (0.0, 0.0, 0.0))
    s = entry.numbers("scale", (1.0, 1.0, 1.0))
    return Transform((t[0], t[1], t[2]), (w, x, y, z), (s[0], s[1], s[2]))
