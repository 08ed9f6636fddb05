"""Bodies, colliders and joints of a document as UsdPhysics, in a layer of their own. Touches pxr.

Joints lie in one scope below the root. Their frames are the document's, turned where an axis is none of X, Y, Z, as the schema
knows only those; a joint to the world holds to the root prim, so that it stays right where the model is placed. What the schema
has no word for (greatest speed, effort, friction, a joint that copies another) is kept as custom data `joint`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twinstage.assets.importing.document import Body, Collider, Document, Joint
from twinstage.assets.importing.names import Names, prim_name
from twinstage.assets.importing.plan import JOINTS, Plan
from twinstage.assets.importing.usd_author import apply, attribute, define, over, quat, relate, valid_name
from twinstage.assets.importing.usd_geometry import Prepared
from twinstage.scene.transforms import matrix_to_quat

_TYPES = {
    "fixed": "PhysicsFixedJoint",
    "revolute": "PhysicsRevoluteJoint",
    "prismatic": "PhysicsPrismaticJoint",
    "spherical": "PhysicsSphericalJoint",
}


def has_physics(document: Document, collider: str) -> bool:
    """Whether there is anything to write."""
    nodes = document.nodes
    return bool(document.joints or collider or any(n.body or n.collider or n.articulation for n in nodes))


def write_physics(
    layer: Any,
    document: Document,
    plan: Plan,
    made: Sequence[Prepared | None],
    collider: str = "",
) -> None:
    """All of it. `collider`: an approximation for all meshes where the document has no colliders of its own, "" for none."""
    own = any(node.collider for node in document.nodes)
    surfaces: dict[tuple[float | None, ...], str] = {}
    for n, node in enumerate(document.nodes):
        if not plan.nodes[n]:
            continue
        if node.body is not None:
            _write_body(over(layer, plan.nodes[n]), node.body)
        if node.articulation and _moves(document, n):
            apply(over(layer, plan.nodes[n]), "PhysicsArticulationRootAPI")
        wanted = node.collider
        if wanted is None and collider and not own and node.purpose != "guide":
            wanted = Collider(collider)  # type: ignore[arg-type]
        if wanted is not None and plan.geometry[n]:
            _write_collider(layer, plan, n, wanted, made[node.geometry], surfaces)
    _write_joints(layer, document, plan)


def _moves(document: Document, top: int) -> bool:
    """Whether a joint moves something below a node."""
    below = {top}
    for n, node in enumerate(document.nodes):
        if node.parent in below:
            below.add(n)
    return any(joint.kind != "fixed" and joint.child in below for joint in document.joints)


def _write_body(prim: Any, body: Body) -> None:
    apply(prim, "PhysicsRigidBodyAPI")
    if body.fixed:
        attribute(prim, "physics:kinematicEnabled", "bool", True)
    if body.mass is None and body.center is None and body.inertia is None:
        return
    apply(prim, "PhysicsMassAPI")
    if body.mass is not None:
        attribute(prim, "physics:mass", "float", body.mass)
    if body.center is not None:
        attribute(prim, "physics:centerOfMass", "point3f", tuple(map(float, body.center)))
    if body.inertia is not None and np.isfinite(body.inertia).all():
        moments, axes = principal(body.inertia)
        if moments[0] >= 0 and moments[2] > 0:
            attribute(prim, "physics:diagonalInertia", "float3", tuple(moments.tolist()))
            attribute(prim, "physics:principalAxes", "quatf", quat(matrix_to_quat(axes).tolist()))


def principal(inertia: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal moments [3] and their axes as columns of a rotation [3, 3], near the body's own axes where those serve."""
    inertia = np.asarray(inertia, np.float64)
    off = np.abs(inertia - np.diag(np.diag(inertia))).max()
    if off <= 1e-9 * max(float(np.abs(inertia).max()), 1e-300):
        return np.diag(inertia).copy(), np.eye(3)
    moments, axes = np.linalg.eigh((inertia + inertia.T) / 2)
    if np.linalg.det(axes) < 0:
        axes[:, 2] *= -1
    return moments, axes


def _write_collider(
    layer: Any,
    plan: Plan,
    n: int,
    collider: Collider,
    one: Prepared | None,
    surfaces: dict[tuple[float | None, ...], str],
) -> None:
    prim = over(layer, plan.geometry[n])
    apply(prim, "PhysicsCollisionAPI")
    if one is not None and one.mesh is not None:
        apply(prim, "PhysicsMeshCollisionAPI")
        attribute(prim, "physics:approximation", "token", collider.approximation, uniform=True)
    surface = (collider.static_friction, collider.dynamic_friction, collider.restitution)
    if any(value is not None for value in surface):
        if surface not in surfaces:
            surfaces[surface] = _write_surface(layer, plan.root, surface, len(surfaces))
        apply(prim, "MaterialBindingAPI")
        relate(prim, "material:binding:physics", surfaces[surface])


def _write_surface(layer: Any, root: str, surface: tuple[float | None, ...], number: int) -> str:
    home = f"{root}/Materials"
    if not layer.GetPrimAtPath(home):
        over(layer, root)
        define(layer, home, "Scope")
    path = f"{home}/Contact" + (f"_{number}" if number else "")
    prim = define(layer, path, "Material")
    apply(prim, "PhysicsMaterialAPI")
    names = ("staticFriction", "dynamicFriction", "restitution")
    for name, value in zip(names, surface, strict=True):
        if value is not None:
            attribute(prim, f"physics:{name}", "float", value)
    return path


def _write_joints(layer: Any, document: Document, plan: Plan) -> None:
    joints = [joint for joint in document.joints if joint.kind in _TYPES]
    if not joints:
        return
    home = f"{plan.root}/{JOINTS}"
    over(layer, plan.root)
    define(layer, home, "Scope")
    names = Names(())
    paths = {
        id(joint): f"{home}/{names.give(valid_name(prim_name(joint.name, 'joint'), 'joint'))}"
        for joint in joints
    }
    for joint in joints:
        _write_joint(layer, document, plan, joint, paths)


def _write_joint(layer: Any, document: Document, plan: Plan, joint: Joint, paths: Mapping[int, str]) -> None:
    path = paths[id(joint)]
    prim = define(layer, path, _TYPES[joint.kind])
    if joint.name and joint.name != path.rpartition("/")[2]:
        prim.SetInfo("displayName", joint.name)
    relate(prim, "physics:body0", plan.nodes[joint.parent] if joint.parent >= 0 else plan.root)
    relate(prim, "physics:body1", plan.nodes[joint.child])
    token, turn = principal_axis(joint.axis) if joint.kind in ("revolute", "prismatic") else ("", np.eye(3))
    for side, frame in enumerate((joint.parent_frame, joint.child_frame)):
        rotation = matrix_to_quat(np.asarray(frame, np.float64)[:3, :3] @ turn)
        position = tuple(float(v) + 0.0 for v in frame[:3, 3])
        attribute(prim, f"physics:localPos{side}", "point3f", position)
        attribute(prim, f"physics:localRot{side}", "quatf", quat((rotation + 0.0).tolist()))
    if token:
        attribute(prim, "physics:axis", "token", token, uniform=True)
        factor = 180 / math.pi if joint.kind == "revolute" else 1.0
        for name, value in (("lowerLimit", joint.lower), ("upperLimit", joint.upper)):
            if value is not None:
                attribute(prim, f"physics:{name}", "float", value * factor)
        _write_drive(prim, joint)
    told = _said(document, joint, paths)
    if told:
        prim.SetInfo("customData", {"joint": told})


def _write_drive(prim: Any, joint: Joint) -> None:
    """Damping and stiffness as a drive towards rest; per degree for turns, as the schema has them."""
    if not (joint.damping or joint.stiffness):
        return
    turns = joint.kind == "revolute"
    name = "angular" if turns else "linear"
    factor = math.pi / 180 if turns else 1.0
    apply(prim, f"PhysicsDriveAPI:{name}")
    attribute(prim, f"drive:{name}:physics:type", "token", "force", uniform=True)
    attribute(prim, f"drive:{name}:physics:damping", "float", (joint.damping or 0.0) * factor)
    attribute(prim, f"drive:{name}:physics:stiffness", "float", (joint.stiffness or 0.0) * factor)


def _said(document: Document, joint: Joint, paths: Mapping[int, str]) -> dict[str, Any]:
    """Custom data: rad/s or m/s, N m or N; a joint that copies another: q = multiplier * q(mimic) + offset."""
    told: dict[str, Any] = {}
    for name, value in (
        ("velocityLimit", joint.velocity),
        ("effortLimit", joint.effort),
        ("friction", joint.friction),
    ):
        if value:
            told[name] = float(value)
    if joint.mimic is not None:
        other = document.joints[joint.mimic.joint]
        told["mimic"] = paths.get(id(other), "").rpartition("/")[2]
        told["multiplier"] = float(joint.mimic.multiplier)
        told["offset"] = float(joint.mimic.offset)
    return told


def principal_axis(axis: Sequence[float]) -> tuple[str, np.ndarray]:
    """(X, Y or Z, turn [3, 3]): the turn takes that axis onto the given unit vector; the nearest one is chosen."""
    wanted = np.asarray(axis, np.float64)
    wanted = wanted / np.linalg.norm(wanted)
    nearest = int(np.argmax(np.abs(wanted)))
    start = np.eye(3)[nearest]
    if wanted[nearest] < 0:
        other = np.eye(3)[(nearest + 1) % 3]
        flip = 2 * np.outer(other, other) - np.eye(3)  # half a turn about another axis
    else:
        flip = np.eye(3)
    cross = np.cross(flip @ start, wanted)
    cosine = float((flip @ start) @ wanted)
    skew = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    small: np.ndarray = np.eye(3) + skew + skew @ skew / (1 + cosine)
    return "XYZ"[nearest], small @ flip
