"""Bodies and joints of a compiled MuJoCo model -> nodes and joints of a document.

MuJoCo lets a body have several joints, one after the other; UsdPhysics, and a binding, want one. So each joint but the last
gets a small body of its own between, which turns or slides by that joint alone: first joints lie outside. A body without a
joint that hangs on the world is scenery, without a body, unless it carries what moves.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from twinstage.assets.importing.document import Body, Camera, Joint, Mimic, Transform
from twinstage.assets.importing.meshes.build import Builder
from twinstage.assets.importing.meshes.collada.reader import turn
from twinstage.assets.importing.mjcf.geoms import Geoms
from twinstage.scene.transforms import quat_to_matrix

FREE, BALL, SLIDE, HINGE = range(4)
KINDS = {BALL: "spherical", SLIDE: "prismatic", HINGE: "revolute"}
BETWEEN_KG = 1e-3
"""Mass of the small bodies between the joints of one body [kg]."""


class Tree:
    """Adds a model to a builder."""

    def __init__(self, model: Any, builder: Builder) -> None:
        self.model, self.builder = model, builder
        self.geoms = Geoms(model, builder)
        self.nodes: dict[int, int] = {}
        self.joints: list[Joint] = []
        self.cameras: list[Camera] = []
        self.numbers: dict[int, int] = {}
        self.moving = self._moving()

    def _moving(self) -> set[int]:
        """Bodies with a joint at or above them."""
        out: set[int] = set()
        for body in range(1, self.model.nbody):
            if self.model.body_jntnum[body] or int(self.model.body_parentid[body]) in out:
                out.add(body)
        return out

    def _carries(self, body: int) -> bool:
        """Whether something below moves by a joint other than a free one."""
        for other in range(body + 1, self.model.nbody):
            if not self.model.body_jntnum[other] or self._free(other):
                continue
            above = int(self.model.body_parentid[other])
            while above > body:
                above = int(self.model.body_parentid[above])
            if above == body:
                return True
        return False

    def _free(self, body: int) -> bool:
        first = int(self.model.body_jntadr[body])
        return bool(self.model.body_jntnum[body]) and int(self.model.jnt_type[first]) == FREE

    def read(self) -> None:
        """All bodies, parents first, as MuJoCo numbers them; then what ties joints together."""
        model = self.model
        for body in range(model.nbody):
            if body:
                self._body(body)
            parent = self.nodes.get(body, -1)
            first = int(model.body_geomadr[body])
            for geom in range(first, first + int(model.body_geomnum[body])):
                self.geoms.add(geom, parent)
        for site in range(model.nsite):
            self.builder.node(
                model.site(site).name or f"site_{site}",
                self.nodes.get(int(model.site_bodyid[site]), -1),
                _place(model.site_pos[site], model.site_quat[site]),
            )
        for camera in range(model.ncam):
            self._camera(camera)
        self._equalities()

    def _camera(self, n: int) -> None:
        model, builder = self.model, self.builder
        name = model.cam(n).name or f"camera_{n}"
        orthographic = bool(model.cam_projection[n]) if hasattr(model, "cam_projection") else False
        fov = float(model.cam_fovy[n])
        self.cameras.append(
            Camera(name, "orthographic", height=fov, near=0.01)
            if orthographic
            else Camera(name, vertical_fov=float(np.radians(fov)), aspect=4 / 3, near=0.01)
        )
        builder.node(
            name,
            self.nodes.get(int(model.cam_bodyid[n]), -1),
            _place(model.cam_pos[n], model.cam_quat[n]),
            camera=len(self.cameras) - 1,
        )

    def _body(self, body: int) -> None:
        model, builder = self.model, self.builder
        name = model.body(body).name or f"body_{body}"
        above = int(model.body_parentid[body])
        parent = self.nodes.get(above, -1)
        first, count = int(model.body_jntadr[body]), int(model.body_jntnum[body])
        rest = _place(model.body_pos[body], model.body_quat[body])
        mocap = int(model.body_mocapid[body]) >= 0
        top = parent < 0
        carries = self._carries(body)
        for joint in range(first, first + count - 1):
            between = f"{name}_{model.joint(joint).name or joint}"
            inertia = np.eye(3) * BETWEEN_KG * 1e-4
            node = builder.node(
                between, parent, rest, body=Body(BETWEEN_KG, (0.0, 0.0, 0.0), inertia), articulation=top
            )
            self._joint(joint, parent, node, rest)
            parent, rest, top = node, Transform(), False
        solid = body in self.moving or mocap or carries
        self.nodes[body] = node = builder.node(
            name,
            parent,
            rest,
            body=self._mass(body, fixed=mocap) if solid else None,
            articulation=top and (carries or (count > 0 and not self._free(body))),
        )
        if count > 1:
            builder.tell(
                "several-joints",
                f"body {name}",
                f"it has {count} joints, one after the other, so a small body lies between each two",
                severity="info",
            )
        if count:
            self._joint(first + count - 1, parent, node, rest)
        elif solid and not mocap:
            held = parent if self._solid(parent) else -1
            frame = self._world(node) if held < 0 else rest.to_matrix()
            self.joints.append(Joint(f"{name}_fixed", "fixed", held, node, frame, np.eye(4)))

    def _solid(self, node: int) -> bool:
        return node >= 0 and self.builder.nodes[node].body is not None

    def _world(self, node: int) -> np.ndarray:
        out = np.eye(4)
        while node >= 0:
            out = self.builder.nodes[node].transform.to_matrix() @ out
            node = self.builder.nodes[node].parent
        return out

    def _mass(self, body: int, *, fixed: bool) -> Body:
        model = self.model
        mass = float(model.body_mass[body])
        if mass <= 0:
            return Body(fixed=fixed)
        turned = quat_to_matrix(np.asarray(model.body_iquat[body], np.float64))
        x, y, z = (float(v) for v in model.body_ipos[body])
        inertia = turned @ np.diag(np.asarray(model.body_inertia[body], np.float64)) @ turned.T
        return Body(mass, (x, y, z), inertia, fixed)

    def _joint(self, joint: int, parent: int, child: int, rest: Transform) -> None:
        model = self.model
        kind = int(model.jnt_type[joint])
        if kind == FREE:
            return
        name = model.joint(joint).name or f"{self.builder.nodes[child].name}_joint"
        axis = np.asarray(model.jnt_axis[joint], np.float64)
        frame = np.eye(4)
        frame[:3, 3] = model.jnt_pos[joint]
        held = parent if self._solid(parent) else -1
        above = rest.to_matrix() if held >= 0 else self._world(child)
        reference = 0.0 if kind == BALL else float(model.qpos0[int(model.jnt_qposadr[joint])])
        dof = int(model.jnt_dofadr[joint])
        limited = bool(model.jnt_limited[joint]) and kind != BALL
        low, high = (float(v) for v in model.jnt_range[joint])
        effort = float(model.jnt_actfrcrange[joint][1]) if model.jnt_actfrclimited[joint] else None
        self.numbers[joint] = len(self.joints)
        self.joints.append(
            Joint(
                name=name,
                kind=KINDS[kind],  # type: ignore[arg-type]
                parent=held,
                child=child,
                # Both frames coincide at q = 0, and the model stands at its reference.
                parent_frame=above @ frame @ motion(kind, axis, -reference),
                child_frame=frame,
                axis=(float(axis[0]), float(axis[1]), float(axis[2])),
                lower=low if limited else None,
                upper=high if limited else None,
                effort=effort,
                damping=float(model.dof_damping[dof]) or None,
                friction=float(model.dof_frictionloss[dof]) or None,
                position=reference,
            )
        )
        if kind == BALL:
            self.builder.tell(
                "joint",
                f"joint {name}",
                "a ball joint has no single coordinate; bind the pose of its body",
                severity="info",
            )

    def _equalities(self) -> None:
        model = self.model
        lost = 0
        for n in range(model.neq):
            first, second = int(model.eq_obj1id[n]), int(model.eq_obj2id[n])
            data = [float(v) for v in model.eq_data[n][:5]]
            if (
                int(model.eq_type[n]) != 2
                or first not in self.numbers
                or second not in self.numbers
                or any(data[2:])
            ):
                lost += 1
                continue
            here, there = self.numbers[first], self.numbers[second]
            # MuJoCo ties the ways from the references: q1 - r1 = a + b (q2 - r2).
            own, other = self.joints[here].position, self.joints[there].position
            offset = own + data[0] - data[1] * other
            self.joints[here] = replace(self.joints[here], mimic=Mimic(there, data[1], offset))
        for count, what in (
            (lost, "equality constraints"),
            (model.ntendon, "tendons"),
            (model.nu, "actuators"),
            (model.nsensor, "sensors"),
            (model.nlight, "lights"),
            (getattr(model, "nskin", 0), "skins"),
            (getattr(model, "nflex", 0), "flexible bodies"),
            (model.nkey, "keyframes"),
        ):
            if count:
                self.builder.tell("not-carried", "", f"not carried over: {what} ({count})", severity="info")


def _place(position: Any, rotation: Any) -> Transform:
    x, y, z = (float(v) for v in position)
    w = [float(v) for v in rotation]
    return Transform((x, y, z), (w[0], w[1], w[2], w[3]))


def motion(kind: int, axis: np.ndarray, q: float) -> np.ndarray:
    """The move by a coordinate [rad or m], f8[4, 4]."""
    out = np.eye(4)
    if kind == HINGE:
        out[:3, :3] = turn(axis, q)
    elif kind == SLIDE:
        out[:3, 3] = axis * q
    return out
