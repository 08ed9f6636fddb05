"""The XML of URDF -> a robot. What cannot be a robot raises UserError with one sentence; what is not carried is noted.

Format: URDF as ROS 2 reads it (urdfdom), with `capsule` of its later versions.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from twinstage.assets.importing.meshes.xml import Element, children, parse_xml
from twinstage.assets.importing.urdf.robot import (
    Copied,
    Form,
    Inertial,
    Limits,
    Link,
    Look,
    Part,
    Robot,
    UrdfJoint,
    rpy_matrix,
)
from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.columns import F8

KINDS = ("revolute", "continuous", "prismatic", "fixed", "floating", "planar")
KNOWN = ("link", "joint", "material")
MAX_LINKS = 10_000
MAX_NUMBER = 1e12
"""Of lengths, angles, masses and the like."""


class _Parser:
    def __init__(self, file: Path, root: Element) -> None:
        self.file = file
        self.robot = Robot(root.get("name") or file.stem)

    def read(self, root: Element) -> Robot:
        for element in children(root, "material"):
            look = self._look(element, f"material {element.get('name')!r}")
            self.robot.looks[look.name] = look
        for element in children(root, "link"):
            name = self._named(element, "link")
            if name in self.robot.links:
                raise self._wrong(f"two links are named {name!r}")
            if len(self.robot.links) >= MAX_LINKS:
                raise self._wrong(f"the robot has more than {MAX_LINKS:,} links")
            self.robot.links[name] = self._link(name, element)
        if not self.robot.links:
            macros = "; a file of macros alone is used by another one: import that"
            raise self._wrong(f"the robot has no links{macros if self.file.suffix == '.xacro' else ''}")
        for element in children(root, "joint"):
            if element.get("type") is None and element.find("parent") is None:
                continue  # of a transmission that was written beside the joints
            name = self._named(element, "joint")
            if name in self.robot.joints:
                raise self._wrong(f"two joints are named {name!r}")
            self.robot.joints[name] = self._joint(name, element)
        other: dict[str, int] = {}
        for element in root:
            if isinstance(element.tag, str) and element.tag not in KNOWN:
                other[element.tag] = other.get(element.tag, 0) + 1
        self.robot.notes += [f"not carried over: {count} <{tag}>" for tag, count in other.items()]
        return self.robot

    def _wrong(self, message: str) -> UserError:
        return UserError(f"{self.file}: {message}")

    def _named(self, element: Element, what: str) -> str:
        name = (element.get("name") or "").strip()
        if not name:
            raise self._wrong(f"a <{what}> has no name")
        return name

    def _numbers(
        self, element: Element | None, key: str, default: Iterable[float], where: str
    ) -> tuple[float, ...]:
        fallback = tuple(default)
        text = element.get(key) if element is not None else None
        if text is None:
            return fallback
        try:
            values = tuple(float(word) for word in text.split())
        except ValueError:
            values = ()
        if len(values) != len(fallback) or not (np.abs(values) <= MAX_NUMBER).all():
            noun = "a number" if len(fallback) == 1 else f"{len(fallback)} numbers"
            raise self._wrong(
                f"{where}: {key}={text!r}; {noun} was expected"
                if len(fallback) == 1
                else f"{where}: {key}={text!r}; {noun} were expected"
            )
        return values

    def _number(self, element: Element | None, key: str, where: str) -> float | None:
        if element is None or element.get(key) is None:
            return None
        return self._numbers(element, key, (0.0,), where)[0]

    def _place(self, element: Element, where: str) -> F8:
        origin = element.find("origin")
        out = np.eye(4)
        out[:3, 3] = self._numbers(origin, "xyz", (0.0,) * 3, where)
        roll, pitch, yaw = self._numbers(origin, "rpy", (0.0,) * 3, where)
        out[:3, :3] = rpy_matrix(roll, pitch, yaw)
        return out

    def _look(self, element: Element, where: str) -> Look:
        color, texture = element.find("color"), element.find("texture")
        rgba = None if color is None else self._numbers(color, "rgba", (0.0,) * 4, where)
        return Look(
            element.get("name") or "",
            None if rgba is None else (rgba[0], rgba[1], rgba[2], rgba[3]),
            (texture.get("filename") or "") if texture is not None else "",
        )

    def _link(self, name: str, element: Element) -> Link:
        where = f"link {name!r}"
        visuals = [
            p for e in children(element, "visual") if (p := self._part(e, f"{where}, visual")) is not None
        ]
        collisions = [
            p
            for e in children(element, "collision")
            if (p := self._part(e, f"{where}, collision")) is not None
        ]
        inertial = element.find("inertial")
        return Link(
            name,
            tuple(visuals),
            tuple(collisions),
            None if inertial is None else self._inertial(inertial, where),
        )

    def _part(self, element: Element, where: str) -> Part | None:
        geometry = element.find("geometry")
        shape = next((e for e in geometry if isinstance(e.tag, str)), None) if geometry is not None else None
        if shape is None:
            self.robot.notes.append(f"{where}: it has no geometry")
            return None
        form = self._form(shape, where)
        if form is None:
            return None
        material = element.find("material")
        look = None
        if material is not None:
            own = self._look(material, where)
            if own.rgba is None and not own.texture:
                look = self.robot.looks.get(own.name)
                if look is None and own.name:
                    self.robot.notes.append(f"{where}: the material {own.name!r} is nowhere described")
            else:
                look = own
                if own.name:  # as urdfdom does: what is described at its first use holds for all
                    self.robot.looks.setdefault(own.name, own)
        return Part(form, self._place(element, where), element.get("name") or "", look)

    def _form(self, shape: Element, where: str) -> Form | None:
        if shape.tag == "mesh":
            mesh = (shape.get("filename") or "").strip()
            if not mesh:
                raise self._wrong(f"{where}: its <mesh> has no filename")
            text = (shape.get("scale") or "1 1 1").split()
            if len(text) == 1:
                shape.set("scale", " ".join(text * 3))
            scale = self._numbers(shape, "scale", (1.0,) * 3, where)
            return Form("mesh", mesh=mesh, scale=(scale[0], scale[1], scale[2]))
        if shape.tag == "box":
            return self._sized("box", self._numbers(shape, "size", (0.0,) * 3, where), where)
        if shape.tag == "sphere":
            return self._sized("sphere", self._numbers(shape, "radius", (0.0,), where), where)
        if shape.tag in ("cylinder", "capsule"):
            size = (
                *self._numbers(shape, "radius", (0.0,), where),
                *self._numbers(shape, "length", (0.0,), where),
            )
            return self._sized(shape.tag, size, where)
        self.robot.notes.append(f"{where}: a geometry <{shape.tag}> is not carried over")
        return None

    def _sized(self, kind: str, size: tuple[float, ...], where: str) -> Form:
        if min(size) <= 0:
            shown = " ".join(f"{v:g}" for v in size)
            raise self._wrong(f"{where}: its {kind} measures {shown} m; lengths above 0 were expected")
        return Form(kind, size)

    def _inertial(self, element: Element, where: str) -> Inertial | None:
        mass = self._number(element.find("mass"), "value", f"{where}, inertial")
        if mass is None or mass <= 0:
            if mass is not None and mass < 0:
                self.robot.notes.append(f"{where}: its mass of {mass:g} kg is none")
            return None
        names = ("ixx", "iyy", "izz", "ixy", "ixz", "iyz")
        holder = element.find("inertia")
        xx, yy, zz, xy, xz, yz = (self._number(holder, n, f"{where}, inertia") or 0.0 for n in names)
        inertia = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        moments = np.linalg.eigvalsh(inertia)
        if moments[0] < -1e-12 or moments[2] > (moments[0] + moments[1]) * (1 + 1e-6) + 1e-12:
            shown = ", ".join(f"{m:.3g}" for m in moments)
            self.robot.notes.append(f"{where}: no body has principal moments of inertia of {shown} kg m2")
        return Inertial(mass, inertia, self._place(element, f"{where}, inertial"))

    def _joint(self, name: str, element: Element) -> UrdfJoint:
        where = f"joint {name!r}"
        kind = element.get("type") or ""
        if kind not in KINDS:
            raise self._wrong(f"{where} has the type {kind!r}{did_you_mean(kind, KINDS)}")
        ends = []
        for tag in ("parent", "child"):
            end = element.find(tag)
            link = (end.get("link") or "").strip() if end is not None else ""
            if not link:
                raise self._wrong(f"{where} names no {tag} link")
            if link not in self.robot.links:
                raise self._wrong(
                    f"{where}: its {tag} {link!r} is no link{did_you_mean(link, self.robot.links)}"
                )
            ends.append(link)
        axis = self._numbers(element.find("axis"), "xyz", (1.0, 0.0, 0.0), where)
        length = float(np.linalg.norm(axis))
        if kind in ("revolute", "continuous", "prismatic", "planar") and length < 1e-9:
            raise self._wrong(f"{where}: its axis has no direction")
        limit = element.find("limit")
        limits = Limits(*(self._number(limit, k, where) for k in ("lower", "upper", "velocity", "effort")))
        if kind in ("revolute", "prismatic"):
            if limit is None:
                self.robot.notes.append(
                    f"{where}: it has no limits, which URDF asks for; it is taken as free"
                )
            else:
                limits = Limits(limits.lower or 0.0, limits.upper or 0.0, limits.velocity, limits.effort)
                if limits.lower is not None and limits.upper is not None and limits.lower > limits.upper:
                    raise self._wrong(
                        f"{where}: its lower limit {limits.lower:g} lies above the upper {limits.upper:g}"
                    )
        dynamics = element.find("dynamics")
        mimic = element.find("mimic")
        copied = None
        if mimic is not None:
            multiplier = self._number(mimic, "multiplier", where)
            copied = Copied(
                (mimic.get("joint") or "").strip(),
                1.0 if multiplier is None else multiplier,
                self._number(mimic, "offset", where) or 0.0,
            )
        for tag in ("safety_controller", "calibration"):
            if element.find(tag) is not None:
                self.robot.notes.append(f"not carried over: <{tag}> of joints")
        return UrdfJoint(
            name,
            kind,
            ends[0],
            ends[1],
            self._place(element, where),
            (axis[0] / length, axis[1] / length, axis[2] / length) if length >= 1e-9 else (1.0, 0.0, 0.0),
            limits,
            self._number(dynamics, "damping", where),
            self._number(dynamics, "friction", where),
            copied,
        )


def read_urdf(file: Path, data: bytes) -> Robot:
    """The robot of a URDF file; its tree is checked: one root, no link with two parents, no loop, mimics that exist."""
    root = parse_xml(file, data, "URDF file")
    if root.tag != "robot":
        raise UserError(f"{file} is no URDF file: its root element is <{root.tag}>, and <robot> was expected")
    robot = _Parser(file, root).read(root)
    _check_tree(file, robot)
    robot.notes = list(dict.fromkeys(robot.notes))
    return robot


def root_link(robot: Robot) -> str:
    """The link that is no joint's child."""
    children_ = {joint.child for joint in robot.joints.values()}
    return next(name for name in robot.links if name not in children_)


def _check_tree(file: Path, robot: Robot) -> None:
    parent: dict[str, str] = {}
    for joint in robot.joints.values():
        if joint.child in parent:
            raise UserError(
                f"{file}: link {joint.child!r} is the child of two joints, {parent[joint.child]!r} and {joint.name!r}; "
                "URDF knows trees alone"
            )
        parent[joint.child] = joint.name
        if joint.mimic is not None and (
            joint.mimic.joint not in robot.joints or joint.mimic.joint == joint.name
        ):
            hint = did_you_mean(joint.mimic.joint, set(robot.joints) - {joint.name})
            raise UserError(
                f"{file}: joint {joint.name!r} mimics {joint.mimic.joint!r}, which is no other joint{hint}"
            )
    roots = [name for name in robot.links if name not in parent]
    if not roots:
        raise UserError(f"{file}: every link is a joint's child, so the links form a loop")
    if len(roots) > 1:
        shown = ", ".join(repr(r) for r in roots[:5])
        raise UserError(
            f"{file}: the links {shown} hang on no joint, so the robot has {len(roots)} roots; one was expected"
        )
    reached, waiting = {roots[0]}, [roots[0]]
    while waiting:
        here = waiting.pop()
        for joint in robot.joints.values():
            if joint.parent == here and joint.child not in reached:
                reached.add(joint.child)
                waiting.append(joint.child)
    if len(reached) < len(robot.links):
        lost = next(name for name in robot.links if name not in reached)
        raise UserError(f"{file}: link {lost!r} is part of a loop of joints")
