"""MuJoCo: bodies that fall onto what stands still, until they rest. One thread, fixed steps: the same bytes every time.

A compiled model is kept by the content of all shapes, so frames with the same things pay for compiling once.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.transforms import matrix_to_quat, quat_to_matrix
from twinstage.synth.settling.pieces import Piece

STEP = 0.002
"""Time step [s]."""

CHECK = 50
"""Steps from one look at the speeds to the next: 0.1 s."""

CALM = 3
"""Looks in a row at which nothing may move for it to count as rest."""

_CONTACT_TIME = 2.5 * STEP
"""Time constant of a contact [s]; the least that is stable is two steps. Bodies then sink in by micrometres."""

_SLOWED, _TURNS_SLOWED = 10.0, 1.0
"""Time constants of the air: after so long a body that touches nothing has lost 63 % of its speed, of its spin [s]."""

_MODELS = 6


@dataclass(frozen=True, slots=True)
class Skin:
    """How a surface behaves. `friction`: sliding; `restitution`: from 0 to 1; `density` of what is behind it [kg/m3]."""

    friction: float
    restitution: float
    density: float


@dataclass(frozen=True, slots=True)
class Body:
    """A body that may fall, as pieces in its own frame with the skin of each; `mass` [kg] where it is known."""

    pieces: tuple[tuple[Piece, Skin], ...]
    mass: float | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of it, a row a body.

    Attributes:
        poses: world_from_body f8[n, 4, 4]; speed [m/s] and spin [rad/s] f8[n]: of the last moment.
        calm: whether nothing moved for `CALM` looks. seconds: simulated time.
        depth: how deep the worst contact is [m]; pair: its sides.
        touching: what touches what, guards apart. A side is a body's number, or -1 - the number of a still piece.
        leaning: bodies that rest against a guard.
        blocked: bodies that started inside something. lost: those that fell below all they could rest on.
        broken: whether numbers stopped being finite.
    """

    poses: F8
    speed: F8
    spin: F8
    calm: bool
    seconds: float
    depth: float = 0.0
    pair: tuple[int, int] = (-1, -1)
    touching: tuple[tuple[int, int], ...] = ()
    leaning: tuple[int, ...] = ()
    blocked: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()
    broken: bool = False


@dataclass
class _Models:
    kept: "OrderedDict[str, Any]" = field(default_factory=OrderedDict)

    def get(self, key: str) -> Any:
        if key in self.kept:
            self.kept.move_to_end(key)
        return self.kept.get(key)

    def put(self, key: str, model: Any) -> Any:
        self.kept[key] = model
        if len(self.kept) > _MODELS:
            self.kept.popitem(last=False)
        return model


_CACHE = _Models()


def settle(
    bodies: Sequence[Body],
    still: Sequence[tuple[Piece, Skin]],
    guards: Sequence[Piece],
    starts: Sequence[F8],
    *,
    gravity: float,
    duration: float,
    bottom: float,
    max_speed: float,
    max_spin: float,
) -> Settled:
    """Let bodies fall from `starts` (world_from_body) until they are calm, or for `duration` [s] of simulated time.

    What sinks below the height `bottom` [m] is lost, and the simulation ends.
    """
    import mujoco

    model = _model(bodies, still, guards, gravity)
    data = mujoco.MjData(model)
    for i, world in enumerate(starts):
        data.qpos[7 * i : 7 * i + 3] = world[:3, 3]
        data.qpos[7 * i + 3 : 7 * i + 7] = matrix_to_quat(world[:3, :3])
    mujoco.mj_forward(model, data)
    blocked = _blocked(_contacts(model, data, len(still)))
    if blocked:
        return replace(_nowhere(len(bodies), 0.0), blocked=blocked)
    looks, calm = max(1, math.ceil(duration / (CHECK * STEP))), 0
    for _ in range(looks):
        mujoco.mj_step(model, data, CHECK)
        if _broken(data):
            return replace(_nowhere(len(bodies), float(data.time)), broken=True)
        lost = np.flatnonzero(np.asarray(data.xipos)[1:, 2] < bottom)
        if len(lost):
            return replace(_nowhere(len(bodies), float(data.time)), lost=tuple(lost.tolist()))
        speed, spin = _motion(data, len(bodies))
        calm = calm + 1 if speed.max(initial=0) <= max_speed and spin.max(initial=0) <= max_spin else 0
        if calm >= CALM:
            break
    mujoco.mj_forward(model, data)
    return _result(model, data, len(bodies), len(still), calm >= CALM)


def _nowhere(count: int, seconds: float) -> Settled:
    zero = np.zeros(count)
    return Settled(np.tile(np.eye(4), (count, 1, 1)), zero, zero, False, seconds)


def _broken(data: Any) -> bool:
    return bool(data.warning.number.any()) or not bool(np.isfinite(data.qpos).all())


def _motion(data: Any, count: int) -> tuple[F8, F8]:
    rows = np.asarray(data.qvel, np.float64)[: 6 * count].reshape(count, 6)
    return np.linalg.norm(rows[:, :3], axis=1), np.linalg.norm(rows[:, 3:], axis=1)


@dataclass(frozen=True, slots=True)
class _Contacts:
    """Sides i8[k, 2] as `Settled.touching` has them, depth f8[k] [m], and whether a guard is one of them bool[k]."""

    sides: np.ndarray
    depth: F8
    guard: np.ndarray


def _contacts(model: Any, data: Any, still: int) -> _Contacts:
    """All contacts. Geoms are numbered as they were added: what stands still, the guards, the bodies."""
    geoms = np.asarray(data.contact.geom).reshape(-1, 2)
    owner = np.asarray(model.geom_bodyid, np.int64) - 1
    numbers = np.arange(model.ngeom)
    side = np.where(owner < 0, -1 - numbers, owner)
    guard = (owner < 0) & (numbers >= still)
    return _Contacts(side[geoms], -np.asarray(data.contact.dist, np.float64), guard[geoms].any(1))


def _blocked(contacts: _Contacts) -> tuple[int, ...]:
    deep = contacts.sides[(contacts.depth > 1e-4) & ~contacts.guard]
    return tuple(sorted({int(side) for side in deep.ravel() if side >= 0}))


def _result(model: Any, data: Any, count: int, still: int, calm: bool) -> Settled:
    rows = np.asarray(data.qpos, np.float64)[: 7 * count].reshape(count, 7)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, 3] = rows[:, :3]
    poses[:, :3, :3] = quat_to_matrix(rows[:, 3:] / np.linalg.norm(rows[:, 3:], axis=1, keepdims=True))
    speed, spin = _motion(data, count)
    contacts = _contacts(model, data, still)
    depth, pair = 0.0, (-1, -1)
    if len(contacts.depth):
        worst = int(np.argmax(contacts.depth))
        depth = max(0.0, float(contacts.depth[worst]))
        pair = (int(contacts.sides[worst, 0]), int(contacts.sides[worst, 1]))
    touching = {(int(a), int(b)) for a, b in contacts.sides[~contacts.guard]}
    leaning = {int(side) for side in contacts.sides[contacts.guard].ravel() if side >= 0}
    return Settled(
        poses,
        speed,
        spin,
        calm,
        float(data.time),
        depth,
        pair,
        tuple(sorted(touching)),
        tuple(sorted(leaning)),
    )


# --- the model ----------------------------------------------------------------------------------------------------


def _model(
    bodies: Sequence[Body], still: Sequence[tuple[Piece, Skin]], guards: Sequence[Piece], gravity: float
) -> Any:
    parts = [repr(gravity).encode()]
    for number, body in enumerate(bodies):
        parts += [
            f"body{number} {body.mass}".encode(),
            *(piece.key + repr(skin).encode() for piece, skin in body.pieces),
        ]
    parts += [b"still", *(piece.key + repr(skin).encode() for piece, skin in still)]
    parts += [b"guards", *(piece.key for piece in guards)]
    key = sha256(b"\0".join(parts)).hexdigest()
    return _CACHE.get(key) or _CACHE.put(key, _compiled(bodies, still, guards, gravity))


def _compiled(
    bodies: Sequence[Body], still: Sequence[tuple[Piece, Skin]], guards: Sequence[Piece], gravity: float
) -> Any:
    import mujoco

    spec = mujoco.MjSpec()
    spec.compiler.usethread = False
    spec.compiler.boundmass, spec.compiler.boundinertia = 1e-6, 1e-12
    option = spec.option
    option.timestep, option.gravity = STEP, [0.0, 0.0, -gravity]
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.noslip_iterations = 3
    spec.memory = 64 * 2**20
    for number, (piece, skin) in enumerate(still):
        _add(spec, spec.worldbody, f"still{number}", piece, skin)
    for number, piece in enumerate(guards):
        _add(spec, spec.worldbody, f"guard{number}", piece, Skin(0.0, 0.0, 1000.0))
    for number, body in enumerate(bodies):
        made = spec.worldbody.add_body(name=f"body{number}")
        made.add_freejoint()
        for part, (piece, skin) in enumerate(body.pieces):
            _add(spec, made, f"body{number}.{part}", piece, skin)
    model = spec.compile()
    _weigh(model, bodies)
    for i in range(len(bodies)):  # body 0 is the world
        model.dof_damping[6 * i : 6 * i + 3] = model.body_mass[i + 1] / _SLOWED
        model.dof_damping[6 * i + 3 : 6 * i + 6] = model.body_inertia[i + 1].max() / _TURNS_SLOWED
    return model


def _weigh(model: Any, bodies: Sequence[Body]) -> None:
    """Give bodies the mass that is known of them, spread as their shapes are."""
    import mujoco

    known = [(i, body.mass) for i, body in enumerate(bodies, start=1) if body.mass is not None]
    for i, mass in known:
        factor = mass / float(model.body_mass[i])
        model.body_mass[i] *= factor
        model.body_inertia[i] *= factor
    if known:
        mujoco.mj_setConst(model, mujoco.MjData(model))


def _add(spec: Any, body: Any, name: str, piece: Piece, skin: Skin) -> None:
    import mujoco

    from twinstage.scene.physics.materials import damping_ratio

    geom = body.add_geom(name=name, pos=piece.frame[:3, 3], quat=matrix_to_quat(piece.frame[:3, :3]))
    geom.type = getattr(mujoco.mjtGeom, f"mjGEOM_{piece.kind.upper()}")
    if piece.points is not None:
        mesh = spec.add_mesh(name=name)
        mesh.uservert = np.ascontiguousarray(piece.points, np.float32).reshape(-1)
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
        geom.meshname = name
    else:
        geom.size = [*piece.size, 0.0, 0.0, 0.0][:3]
    geom.friction = [skin.friction, 0.002, 0.0005]
    geom.condim = 6 if piece.round else 4
    ratio = damping_ratio(skin.restitution) if skin.restitution > 0 else 1.0
    geom.solref, geom.solimp = [_CONTACT_TIME, ratio], [0.95, 0.99, 0.0005, 0.5, 2.0]
    geom.density = skin.density
