"""A robot -> a document: links as nested nodes, with visuals, colliders and masses, and joints between them.

Frames of links are URDF's own, so a joint turns about the origin of its child. A link without geometry and mass that is held
fast is a frame: a node, without a body. Where a mesh has materials of its own, they stay; else the visual's material holds.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from twinstage.assets.importing.document import (
    Body,
    Collider,
    Document,
    Joint,
    Mimic,
    Origin,
    Shape,
    Transform,
)
from twinstage.assets.importing.meshes.build import Builder
from twinstage.assets.importing.meshes.files import Files
from twinstage.assets.importing.meshes.loading import MESH_ENDINGS, load
from twinstage.assets.importing.meshes.shape import Look as MeshLook
from twinstage.assets.importing.urdf.packages import resolve
from twinstage.assets.importing.urdf.parse import root_link
from twinstage.assets.importing.urdf.robot import Link, Look, Part, Robot, UrdfJoint
from twinstage.base.errors import UserError
from twinstage.scene.color import linear_from_srgb

JOINT_KINDS = {
    "fixed": "fixed",
    "revolute": "revolute",
    "continuous": "revolute",
    "prismatic": "prismatic",
}


class RobotBuilder:
    """Builds the document of one robot. `fixed_base`: a fixed joint holds the root link in the world."""

    def __init__(
        self,
        robot: Robot,
        file: Path,
        roots: tuple[Path, ...],
        packages: Mapping[str, Path],
        fixed_base: bool,
    ) -> None:
        self.robot, self.file, self.fixed_base = robot, file, fixed_base
        self.packages = packages
        self.roots = tuple(dict.fromkeys([file.parent, *roots, *packages.values()]))
        self.builder = Builder()
        self.links: dict[str, int] = {}
        self.joints: list[Joint] = []
        self.meshes: dict[tuple[str, tuple[float, float, float]], list[tuple[str, np.ndarray, int]]] = {}
        self.missing: set[str] = set()
        self.looks: dict[Look, int] = {}
        self.files = Files(file, self.roots)

    def build(self) -> Document:
        """The document. Parents come before children; joints in the order of the tree."""
        for text in self.robot.notes:
            self.builder.tell("urdf", self.file.name, text, severity="info")
        order = self._order()
        for name, above in order:
            self._link(self.robot.links[name], above)
        numbers: dict[str, int] = {}
        if self.fixed_base and order and self._is_body(self.robot.links[order[0][0]], None):
            frame = np.eye(4)
            self.joints.append(Joint("root_joint", "fixed", -1, self.links[order[0][0]], frame, frame))
        made = [(hinge, self._joint(hinge)) for _, hinge in order if hinge is not None]
        for joint, found in made:
            if found is not None:
                numbers[joint.name] = len(self.joints)
                self.joints.append(found)
        for joint, found in made:
            if found is not None and joint.mimic is not None:
                self._copy(joint, numbers)
        builder = self.builder
        return Document(
            name=self.robot.name,
            nodes=tuple(builder.nodes),
            geometry=tuple(builder.geometry),
            materials=tuple(builder.materials),
            images=tuple(builder.images),
            joints=tuple(self.joints),
            origin=Origin(format="URDF", title=self.robot.name, source=self.file.name),
            notes=tuple(dict.fromkeys([*builder.notes, *self.files.notes])),
        )

    def _order(self) -> list[tuple[str, UrdfJoint | None]]:
        below: dict[str, list[UrdfJoint]] = {}
        for hinge in self.robot.joints.values():
            below.setdefault(hinge.parent, []).append(hinge)
        out: list[tuple[str, UrdfJoint | None]] = []
        waiting: list[tuple[str, UrdfJoint | None]] = [(root_link(self.robot), None)]
        while waiting:
            name, joint = waiting.pop()
            out.append((name, joint))
            waiting += [(j.child, j) for j in reversed(below.get(name, []))]
        return out

    def _is_body(self, link: Link, joint: UrdfJoint | None) -> bool:
        """All links but frames."""
        held = joint is None or joint.kind == "fixed"
        return not held or bool(link.visuals or link.collisions or link.inertial)

    def _link(self, link: Link, joint: UrdfJoint | None) -> None:
        parent = -1 if joint is None else self.links[joint.parent]
        place = np.eye(4) if joint is None else joint.place
        body = None
        if self._is_body(link, joint):
            body = Body()
            if link.inertial is not None:
                turn = link.inertial.place[:3, :3]
                x, y, z = link.inertial.place[:3, 3].tolist()
                body = Body(link.inertial.mass, (x, y, z), turn @ link.inertial.inertia @ turn.T)
        here = self.builder.node(
            link.name, parent, Transform(matrix=place), body=body, articulation=joint is None
        )
        self.links[link.name] = here
        for part in link.visuals:
            self._part(part, here, link.name, collides=False)
        for part in link.collisions:
            self._part(part, here, link.name, collides=True)

    def _part(self, part: Part, parent: int, link: str, *, collides: bool) -> None:
        where = f"link {link}"
        material = -1 if collides or part.look is None else self._look(part.look)
        more: dict[str, object] = {"purpose": "guide", "collider": Collider()} if collides else {}
        ending = "_collision" if collides else ""
        if part.form.kind != "mesh":
            self.builder.geometry.append(
                Shape(part.name or part.form.kind, part.form.kind, part.form.size)  # type: ignore[arg-type]
            )
            name = part.name or f"{part.form.kind}{ending}"
            self.builder.node(
                name,
                parent,
                Transform(matrix=part.place),
                geometry=len(self.builder.geometry) - 1,
                material=material,
                **more,
            )
            return
        found = self._mesh(part.form.mesh, where)
        name = part.name or f"{PurePosixPath(part.form.mesh.replace(chr(92), '/')).stem}{ending}"
        scale = np.diag([*part.form.scale, 1.0])
        if len(found) == 1:
            _, inner, geometry = found[0]
            self.builder.node(
                name,
                parent,
                Transform(matrix=part.place @ scale @ inner),
                geometry=geometry,
                material=self._worn(geometry, material),
                **more,
            )
        elif found:
            group = self.builder.node(name, parent, Transform(matrix=part.place @ scale))
            for title, inner, geometry in found:
                self.builder.node(
                    title,
                    group,
                    Transform(matrix=inner),
                    geometry=geometry,
                    material=self._worn(geometry, material),
                    **more,
                )

    def _worn(self, geometry: int, material: int) -> int:
        """The material of a visual: none where the mesh has its own."""
        mesh = self.builder.geometry[geometry]
        has = (
            mesh.material >= 0
            or bool(getattr(mesh, "subsets", ()))
            or getattr(mesh, "colors", None) is not None
        )
        return -1 if has else material

    def _mesh(self, uri: str, where: str) -> list[tuple[str, np.ndarray, int]]:
        """Name, matrix (metres, axes of the file) and geometry of each mesh of a file, read once."""
        key = (uri, (1.0, 1.0, 1.0))
        if key in self.meshes:
            return self.meshes[key]
        self.meshes[key] = []
        if uri in self.missing:
            return []
        try:
            path = resolve(uri, self.packages)
        except UserError as problem:
            self._lost(uri, where, f"the mesh {uri!r} was left out: {problem}")
            return []
        file = self.files.find(path, "mesh", where, uri)
        if file is None:
            return []
        if file.suffix.lower() not in MESH_ENDINGS:
            self._lost(
                uri,
                where,
                f"the mesh {uri!r} is of a kind that is not read; known are {', '.join(MESH_ENDINGS)}",
            )
            return []
        part = Builder(
            materials=self.builder.materials, images=self.builder.images, geometry=self.builder.geometry
        )
        try:
            done = load(file, Files(file, self.roots), part)
        except UserError as problem:
            self._lost(uri, where, f"the mesh {uri!r} was left out: {problem}")
            return []
        unit = np.diag([*([done.metres_per_unit or 1.0] * 3), 1.0])
        worlds: list[np.ndarray] = []
        for node in part.nodes:
            local = node.transform.to_matrix()
            worlds.append(local if node.parent < 0 else worlds[node.parent] @ local)
            if node.geometry >= 0:
                self.meshes[key].append((node.name, unit @ worlds[-1], node.geometry))
        quiet = ("import.not-carried", "import.stl", "import.no-area")
        self.builder.notes += [n for n in part.notes if n not in self.builder.notes and n.code not in quiet]
        return self.meshes[key]

    def _lost(self, uri: str, where: str, message: str) -> None:
        self.missing.add(uri)
        self.builder.tell("mesh", where, message)

    def _look(self, look: Look) -> int:
        if look not in self.looks:
            maps = {}
            if look.texture:
                try:
                    maps = {"color": resolve(look.texture, self.packages)}
                except UserError as problem:
                    self.builder.tell("texture", f"material {look.name}", str(problem))
            rgba = look.rgba or (0.8, 0.8, 0.8, 1.0)
            linear = linear_from_srgb(np.clip(np.array(rgba[:3]), 0.0, 1.0))
            name = look.name or "color_" + "".join(f"{round(min(max(v, 0), 1) * 255):02x}" for v in rgba[:3])
            self.looks[look] = self.builder.look(
                MeshLook(
                    name,
                    (float(linear[0]), float(linear[1]), float(linear[2])),
                    opacity=float(min(max(rgba[3], 0.0), 1.0)),
                    maps=maps,
                ),
                self.files,
            )
        return self.looks[look]

    def _joint(self, joint: UrdfJoint) -> Joint | None:
        child = self.links[joint.child]
        if self.builder.nodes[child].body is None:
            return None  # a frame that hangs on its parent by namespace
        kind = JOINT_KINDS.get(joint.kind)
        if kind is None:
            self.builder.tell(
                "joint",
                f"joint {joint.name}",
                f"a {joint.kind} joint is no UsdPhysics joint, so {joint.child!r} is free",
                "bind its pose",
            )
            return None
        limited = joint.kind in ("revolute", "prismatic") and joint.limits.lower is not None
        parent = self.links[joint.parent]
        while self.builder.nodes[parent].body is None and self.builder.nodes[parent].parent >= 0:
            parent = self.builder.nodes[parent].parent  # a frame between: its body is above it
        frame = self._relative(parent, child)
        if self.builder.nodes[parent].body is None:
            parent, frame = -1, self._relative(-1, child)
        return Joint(
            name=joint.name,
            kind=kind,  # type: ignore[arg-type]
            parent=parent,
            child=child,
            parent_frame=frame,
            child_frame=np.eye(4),
            axis=joint.axis,
            lower=joint.limits.lower if limited else None,
            upper=joint.limits.upper if limited else None,
            velocity=joint.limits.velocity,
            effort=joint.limits.effort,
            damping=joint.damping,
            friction=joint.friction,
        )

    def _relative(self, ancestor: int, node: int) -> np.ndarray:
        out = np.eye(4)
        while node != ancestor and node >= 0:
            out = self.builder.nodes[node].transform.to_matrix() @ out
            node = self.builder.nodes[node].parent
        return out

    def _copy(self, joint: UrdfJoint, numbers: Mapping[str, int]) -> None:
        assert joint.mimic is not None
        followed = numbers.get(joint.mimic.joint)
        here = numbers[joint.name]
        if followed is None:
            self.builder.tell(
                "joint", f"joint {joint.name}", f"it mimics {joint.mimic.joint!r}, which does not move"
            )
            return
        self.joints[here] = replace(
            self.joints[here], mimic=Mimic(followed, joint.mimic.multiplier, joint.mimic.offset)
        )
