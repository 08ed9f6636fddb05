"""Physics materials, densities and collision filters of colliders."""

import math
from collections.abc import Iterable
from typing import Any

from twinstage.scene.physics.gather import SHAPES, Physics

DEFAULT_DENSITY = 1000.0
"""kg/m3, where neither material nor MassAPI says one (UsdPhysics: water)."""

_CONTACT_TIME = 0.02
"""MuJoCo's default time constant of a contact [s]."""

MAX_CLASSES = 31


def apply_material(physics: Physics, path: str, desc: Any, geom: Any, owner: str) -> None:
    """Friction, restitution and density of a geom."""
    material = _material(physics, desc)
    if material is not None:
        friction = float(material.dynamicFriction)
        geom.friction = [friction, 0.005, 0.0001]
        if abs(float(material.staticFriction) - friction) > 1e-6:
            physics.tell(
                "friction",
                f"material {material.primPath} has a static friction of {material.staticFriction:g} and a dynamic one of "
                f"{friction:g}; MuJoCo has one: the dynamic",
                str(material.primPath),
            )
        if material.restitution > 0:
            geom.solref = [_CONTACT_TIME, damping_ratio(float(material.restitution))]
            physics.tell(
                "restitution",
                f"material {material.primPath} has a restitution of {material.restitution:g}, which MuJoCo has not: its "
                "contacts get the damping that rebounds about as much",
                str(material.primPath),
            )
    geom.density = _density(physics, path, owner, material)
    mass = _positive(physics.value(path, "physics:mass")) if physics.has_api(path, "PhysicsMassAPI") else 0.0
    if mass:
        geom.mass = mass * physics.kilograms


def _material(physics: Physics, desc: Any) -> Any:
    known = physics.found.get("RigidBodyMaterial", {})
    for path in desc.materials:
        if str(path) in known:
            return known[str(path)]
    return None


def _density(physics: Physics, path: str, owner: str, material: Any) -> float:
    """The collider's own, its body's, its material's, 1000 kg/m3: the first that is said (UsdPhysicsMassAPI)."""
    unit = physics.kilograms / physics.meters**3
    for prim in (path, owner):
        if prim and physics.has_api(prim, "PhysicsMassAPI"):
            own = _positive(physics.value(prim, "physics:density"))
            if own:
                return own * unit
    if material is not None and material.density > 0:
        return float(material.density) * unit
    return DEFAULT_DENSITY


def _positive(value: Any) -> float:
    return float(value) if value is not None and math.isfinite(value) and value > 0 else 0.0


def damping_ratio(restitution: float) -> float:
    """The damping ratio of an oscillator that leaves a contact with that share of its speed: e = exp(-pi z / sqrt(1 - z^2))."""
    log = math.log(max(min(restitution, 0.999), 1e-3))
    return -log / math.hypot(math.pi, log)


def collision_classes(physics: Physics) -> dict[str, tuple[int, int]]:
    """contype and conaffinity of the colliders that are in collision groups; others have (1, 1).

    Colliders in the same groups are a class, with one bit each; bit 0 is what is in no group.
    """
    groups = physics.found.get("CollisionGroup", {})
    members = {path: frozenset(map(str, d.collisionGroups)) for path, d in physics.all(*SHAPES).items()}
    classes = sorted({g for g in members.values() if g}, key=sorted)
    if not classes:
        return {}
    if len(classes) > MAX_CLASSES - 1:
        physics.tell(
            "groups",
            f"the stage has {len(classes)} combinations of collision groups; MuJoCo has bits for {MAX_CLASSES - 1}",
            "",
            "error",
        )
        classes = classes[: MAX_CLASSES - 1]
    every = [frozenset(), *classes]

    def apart(a: Iterable[str], b: Iterable[str]) -> bool:
        return any(_filters(groups, x, y) or _filters(groups, y, x) for x in a for y in b)

    bits = {}
    for i, own in enumerate(every):
        mask = sum(1 << k for k, other in enumerate(every) if not apart(own, other))
        bits[own] = (1 << i, mask)
    return {path: bits.get(own, (1, 1)) for path, own in members.items()}


def _filters(groups: dict[str, Any], group: str, other: str) -> bool:
    desc = groups.get(group)
    if desc is None:
        return False
    listed = other in {str(path) for path in desc.filteredGroups}
    return bool(listed != bool(desc.invertFilteredGroups))


def add_excludes(
    physics: Physics,
    spec: Any,
    bodies: dict[str, Any],
    owners: dict[str, str],
    joints: Iterable[tuple[str, str]],
) -> None:
    """Pairs of bodies that never collide: filtered pairs, and bodies at both ends of a joint."""
    pairs: set[tuple[str, str]] = set()

    def add(a: str, b: str) -> None:
        if a in bodies and b in bodies and a and b and a != b:
            pairs.add((min(a, b), max(a, b)))

    for a, b in joints:
        add(a, b)
    sources = [*physics.all("RigidBody").items(), *physics.all(*SHAPES).items()]
    for path, desc in sources:
        for other in map(str, desc.filteredCollisions):
            ends = [_bodies_of(one, bodies, owners) for one in (path, other)]
            for a in ends[0]:
                for b in ends[1]:
                    add(a, b)
            if "" in (*ends[0], *ends[1]):
                physics.tell(
                    "filtered-static",
                    f"the filtered pair {path} and {other} has a static end, which MuJoCo cannot tell apart from the rest of "
                    "the world; they do collide",
                    path,
                )
            elif path in owners or other in owners:
                physics.tell(
                    "filtered-pair",
                    f"the filtered pair {path} and {other} is told to MuJoCo for their whole bodies",
                    path,
                    "info",
                )
    for a, b in sorted(pairs):
        spec.add_exclude(bodyname1=a, bodyname2=b)


def _bodies_of(path: str, bodies: dict[str, Any], owners: dict[str, str]) -> list[str]:
    if path in bodies:
        return [path]
    if path in owners:
        return [owners[path]]
    return [body for body in bodies if body.startswith(f"{path}/")]
