"""Mass, centre and inertia of bodies as UsdPhysicsMassAPI says: what is authored wins, the rest comes from the colliders."""

from typing import Any

import numpy as np

from twinstage.scene.physics.gather import Physics, quat_of

_FALL_BACK_RADIUS = 0.1
_FALL_BACK_MASS = 1.0


def set_masses(physics: Physics, spec: Any, bodies: dict[str, Any], owners: dict[str, str]) -> None:
    """Explicit inertials where the stage says them; MuJoCo's own from the geoms elsewhere.

    Where only a part is said, MuJoCo computes the rest from the geoms, once, and it is scaled to the authored mass.
    """
    have = set(owners.values())
    authored = {}
    for path, body in bodies.items():
        if not path or path == "spec":
            continue
        said = _authored(physics, path)
        if said["mass"] is None and path not in have:
            said["mass"] = _FALL_BACK_MASS
            physics.tell(
                "no-mass",
                f"body {path} has neither a mass nor a collider to compute one from; it weighs {_FALL_BACK_MASS:g} kg, as a "
                f"sphere of {_FALL_BACK_RADIUS:g} m",
                path,
            )
        if any(value is not None for value in said.values()):
            authored[path] = said
            if path not in have:  # so that the model compiles
                _explicit(
                    body, _FALL_BACK_MASS, np.zeros(3), np.array([1.0, 0, 0, 0]), _sphere(_FALL_BACK_MASS)
                )
    if not authored:
        return
    model = spec.compile()
    for path, said in authored.items():
        body, row = bodies[path], model.body(path).id
        mass, centre = float(model.body_mass[row]), np.array(model.body_ipos[row])
        quat, inertia = np.array(model.body_iquat[row]), np.array(model.body_inertia[row])
        if said["mass"] is not None:
            inertia = inertia * (said["mass"] / mass)
            mass = said["mass"]
        if said["centre"] is not None:
            centre = said["centre"]
        if said["inertia"] is not None:
            inertia, quat = said["inertia"], said["axes"]
        _explicit(body, mass, centre, quat, _possible(physics, path, inertia))


def _authored(physics: Physics, path: str) -> dict[str, Any]:
    """Mass [kg], centre [m], inertia [kg m2] and principal axes, each None where nothing is said (USD's sentinels)."""
    out: dict[str, Any] = dict.fromkeys(("mass", "centre", "inertia", "axes"))
    if not physics.has_api(path, "PhysicsMassAPI"):
        return out
    mass = physics.value(path, "physics:mass")
    if mass is not None and np.isfinite(mass) and mass > 0:
        out["mass"] = float(mass) * physics.kilograms
    centre = physics.value(path, "physics:centerOfMass")
    if centre is not None and np.isfinite(np.array(centre)).all():
        # The centre is in the prim's own space, so the scale above it counts.
        linear = physics.rigid(path)[:3, :3].T @ physics.world(path)[:3, :3]
        out["centre"] = linear @ np.array(centre, np.float64) * physics.meters
    inertia = physics.value(path, "physics:diagonalInertia")
    if inertia is not None and np.isfinite(np.array(inertia)).all() and (np.array(inertia) > 0).all():
        out["inertia"] = np.array(inertia, np.float64) * physics.kilograms * physics.meters**2
        axes = physics.value(path, "physics:principalAxes")
        out["axes"] = np.array([1.0, 0, 0, 0]) if axes is None else quat_of(axes)
    return out


def _explicit(body: Any, mass: float, centre: np.ndarray, quat: np.ndarray, inertia: np.ndarray) -> None:
    body.explicitinertial = True
    body.mass = mass
    body.ipos, body.iquat, body.inertia = centre, quat, inertia


def _sphere(mass: float) -> np.ndarray:
    return np.full(3, 0.4 * mass * _FALL_BACK_RADIUS**2)


def _possible(physics: Physics, path: str, inertia: np.ndarray) -> np.ndarray:
    """An inertia that a rigid body can have: no axis has more than the other two together."""
    a, b, c = np.sort(inertia)
    if a + b >= c * (1 - 1e-9):
        return inertia
    physics.tell(
        "inertia",
        f"body {path} has a diagonalInertia of {', '.join(f'{v:g}' for v in inertia)} kg m2, which no rigid body can have "
        "(one axis has more than the other two together); the greatest is lowered to their sum",
        path,
    )
    lowered: np.ndarray = np.minimum(inertia, a + b)
    return lowered
