"""The translation as a whole: gather, tree, bodies, geoms, joints, masses, filters, the state to begin with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.columns import F8
from twinstage.scene.physics.gather import Physics, gather, inverse
from twinstage.scene.physics.joints import Driven, add_joint, add_loop
from twinstage.scene.physics.links import Tree, build_tree, read_links
from twinstage.scene.physics.masses import set_masses
from twinstage.scene.physics.materials import add_excludes, collision_classes
from twinstage.scene.physics.shapes import add_shapes
from twinstage.scene.stage import OpenedStage
from twinstage.scene.transforms import matrix_to_quat

EARTH = 9.81
KEY = "stage"
"""Name of the keyframe with the authored poses, velocities and drive targets."""


@dataclass(frozen=True, slots=True)
class PhysicsWorld:
    """What came out.

    Attributes:
        spec: mujoco.MjSpec; bodies, joints, geoms, actuators and equalities are named by their prim paths. Keyframe
            `stage` is the authored state: poses, velocities, and drive targets as controls.
        findings: what MuJoCo says otherwise than the stage, or not at all.
        bodies: paths of the rigid bodies, parents first.
    """

    spec: Any
    findings: tuple[Finding, ...]
    bodies: tuple[str, ...]


def to_mjspec(opened: OpenedStage, *, time: float | None = None) -> PhysicsWorld:
    """Translate the composed stage, with what the session changed, at a time code (None: the start of its range).

    Lengths in metres, Z up. A stage without any physics gives an empty world. What cannot be translated is a finding, and
    left out; UserError where MuJoCo refuses what remains (numbers that are no size, say).
    """
    try:
        return _translate(opened, time)
    except ValueError as error:  # of mujoco's compiler
        first = (str(error).splitlines() or ["no reason given"])[0]
        raise UserError(f"MuJoCo cannot compile the physics of {opened.path}: {first}") from None


def _translate(opened: OpenedStage, time: float | None) -> PhysicsWorld:
    import mujoco

    physics = gather(opened, time)
    spec = mujoco.MjSpec()
    spec.modelname = opened.path.stem
    spec.compiler.degree = False
    spec.compiler.autolimits = True
    _gravity(physics, spec)
    all_bodies = physics.all("RigidBody")
    enabled = [path for path, desc in all_bodies.items() if desc.rigidBodyEnabled and _placed(physics, path)]
    kinematic = {path for path in enabled if all_bodies[path].kinematicBody}
    links = read_links(physics, enabled)
    tree = build_tree(physics, enabled, links, kinematic)
    driven = Driven()
    bodies = _bodies(physics, spec, tree, kinematic, driven)
    owners = add_shapes(physics, bodies, collision_classes(physics))
    for link in tree.loops:
        add_loop(physics, spec, bodies, link)
    apart = [(link.body0, link.body1) for link in links if not link.desc.collisionEnabled]
    add_excludes(physics, spec, bodies, owners, apart)
    set_masses(physics, spec, bodies, owners)
    _scale_accelerations(spec, driven)
    floating = {body for body, _, link in tree.order if link is None and body not in kinematic}
    _keyframe(physics, spec, all_bodies, floating, driven)
    return PhysicsWorld(spec, physics.findings, tuple(body for body, _, _ in tree.order))


def _placed(physics: Physics, path: str) -> bool:
    if np.isfinite(physics.world(path)).all():
        return True
    physics.tell("not-finite", f"body {path} has a pose that is not finite; it is left out", path, "error")
    return False


def _gravity(physics: Physics, spec: Any) -> None:
    """Direction and magnitude of the first PhysicsScene; 9.81 m/s2 downwards where nothing is said."""
    scenes = physics.all("Scene")
    if len(scenes) > 1:
        first = next(iter(scenes))
        physics.tell(
            "scenes",
            f"the stage has {len(scenes)} physics scenes; the gravity of {first} holds for all",
            first,
        )
    direction, magnitude = np.array([0.0, 0.0, -1.0]), EARTH
    for path in list(scenes)[:1]:
        authored = physics.value(path, "physics:gravityDirection")
        vector = np.zeros(3) if authored is None else np.array(authored, np.float64)
        if np.isfinite(vector).all() and np.linalg.norm(vector) > 1e-9:
            direction = physics.conversion.world[:3, :3] @ (vector / np.linalg.norm(vector))
        strength = physics.value(path, "physics:gravityMagnitude")
        if strength is not None and math.isfinite(strength) and strength >= 0:
            magnitude = float(strength) * physics.meters
    spec.option.gravity = direction * magnitude


def _bodies(physics: Physics, spec: Any, tree: Tree, kinematic: set[str], driven: Driven) -> dict[str, Any]:
    """A MuJoCo body for each of the tree, with its joint; "" is the world, "spec" the spec."""
    bodies: dict[str, Any] = {"": spec.worldbody, "spec": spec}
    for path, parent, link in tree.order:
        above: F8 = physics.rigid(parent) if parent else np.eye(4)
        local = inverse(above) @ physics.rigid(path)
        body = bodies[parent].add_body(name=path, pos=local[:3, 3], quat=matrix_to_quat(local[:3, :3]))
        bodies[path] = body
        if path in kinematic:
            body.mocap = True
        elif link is None:
            body.add_freejoint(name=path)
        else:
            add_joint(physics, spec, body, link, path, driven)
    return bodies


def _scale_accelerations(spec: Any, driven: Driven) -> None:
    """Gains of acceleration drives times the inertia that their joint feels: 1 / (M^-1)_ii at qpos0."""
    import mujoco

    if not driven.accelerations:
        return
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for name in driven.accelerations:
        actuator = spec.actuator(name)
        if actuator is None:
            continue
        dof = int(model.joint(name).dofadr[0])
        unit, answer = np.zeros((1, model.nv)), np.zeros((1, model.nv))
        unit[0, dof] = 1.0
        mujoco.mj_solveM(model, data, answer, unit)
        inertia = 1.0 / float(answer[0, dof])
        actuator.gainprm[0] *= inertia
        actuator.biasprm[:3] = np.array(actuator.biasprm[:3]) * inertia


def _keyframe(
    physics: Physics, spec: Any, descriptors: Mapping[str, Any], floating: set[str], driven: Driven
) -> None:
    model = spec.compile()
    velocity, control = np.zeros(model.nv), np.zeros(model.nu)
    for path, desc in descriptors.items():
        linear, angular = _velocity(physics, path, desc)
        if not (linear.any() or angular.any()):
            continue
        if path not in floating:
            physics.tell(
                "velocity",
                f"body {path} has an initial velocity, but hangs in a joint or is moved; it begins at rest",
                path,
            )
            continue
        at = int(model.joint(path).dofadr[0])
        velocity[at : at + 3] = linear
        velocity[at + 3 : at + 6] = physics.rigid(path)[:3, :3].T @ angular  # MuJoCo: in the body's own frame
    for path, desc in descriptors.items():
        if desc.startsAsleep and path in floating:
            physics.tell(
                "asleep", f"body {path} starts asleep; here it is awake and merely at rest", path, "info"
            )
    for name, value in driven.controls.items():
        control[model.actuator(name).id] = value
    spec.add_key(name=KEY, qpos=model.qpos0, qvel=velocity, ctrl=control)


def _velocity(physics: Physics, path: str, desc: Any) -> tuple[F8, F8]:
    """Linear [m/s] and angular [rad/s] in the world. The stage says them in the space of the body's parent, in degrees."""
    above = str(physics.prim(path).GetParent().GetPath())
    turn = physics.rigid(above)[:3, :3] if above != "/" else physics.conversion.world[:3, :3]
    linear = turn @ np.array(desc.linearVelocity, np.float64) * physics.meters
    angular = turn @ np.radians(np.array(desc.angularVelocity, np.float64))
    if not (np.isfinite(linear).all() and np.isfinite(angular).all()):
        return np.zeros(3), np.zeros(3)
    return linear, angular
