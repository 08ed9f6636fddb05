"""Colliders -> MuJoCo geoms. Sizes come from the gprims themselves, in double precision, with every scale above them.

What MuJoCo has as a primitive stays one; what scale or shear has bent, and cones, become convex meshes, which for these
convex shapes differ from the true one only by their tessellation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.mechanics import thin_box
from twinstage.scene.physics.gather import SHAPES, Physics, inverse
from twinstage.scene.physics.materials import apply_material
from twinstage.scene.transforms import decompose_trs, matrix_to_quat, quat_to_matrix

MAX_POINTS = 500_000
"""Points of one collision mesh at most."""

FLAT = 1e-3
"""Thickness of the boxes that stand for flat meshes [m]."""

_SIDES = 48
_AXES = {"X": 0, "Y": 1, "Z": 2}


@dataclass(frozen=True, slots=True)
class Shape:
    """A geom before it is written: `size` as MuJoCo wants it, the frame in the body [m], points for a mesh."""

    kind: str
    size: tuple[float, ...]
    frame: F8
    points: F8 | None = None


def add_shapes(
    physics: Physics, bodies: dict[str, Any], collides: dict[str, tuple[int, int]]
) -> dict[str, str]:
    """A geom for every collider, in its body or in the world; returns the body of each geom by path.

    `bodies`: MuJoCo bodies by path, "" is the world, "spec" the spec. `collides`: contype and conaffinity by path.
    """
    import mujoco

    owners: dict[str, str] = {}
    for path, desc in physics.all(*SHAPES).items():
        owner = str(desc.rigidBody)
        owner = owner if owner in bodies else ""
        shape = _shape(physics, path, desc, owner)
        if shape is None:
            continue
        body = bodies[owner]
        geom = body.add_geom(name=path, pos=shape.frame[:3, 3], quat=matrix_to_quat(shape.frame[:3, :3]))
        geom.type = getattr(mujoco.mjtGeom, f"mjGEOM_{shape.kind.upper()}")
        if shape.points is not None:
            mesh = bodies["spec"].add_mesh(name=path)
            mesh.uservert = np.ascontiguousarray(shape.points, np.float32).reshape(-1)
            geom.meshname = path
        else:
            geom.size = [*shape.size, 0.0, 0.0, 0.0][:3]
        geom.contype, geom.conaffinity = collides.get(path, (1, 1)) if desc.collisionEnabled else (0, 0)
        apply_material(physics, path, desc, geom, owner)
        owners[path] = owner
    return owners


def _shape(physics: Physics, path: str, desc: Any, owner: str) -> Shape | None:
    kind = str(desc.type).rpartition(".")[2].removesuffix("Shape")
    frame = inverse(physics.rigid(owner)) @ physics.world(path)
    if not np.isfinite(frame).all():
        physics.tell("not-finite", f"collider {path} has a pose that is not finite; it is left out", path)
        return None
    translation, quat, scale, shear = decompose_trs(frame[None])
    rigid = np.eye(4)
    rigid[:3, :3], rigid[:3, 3] = quat_to_matrix(quat[0]), translation[0]
    sheared = shear[0] > 1e-6 * max(1e-9, float(np.abs(scale[0]).max()))
    size = np.abs(scale[0])
    if kind == "Mesh":
        return _mesh(physics, path, desc, frame)
    if kind == "Plane":
        return _plane(physics, path, desc, rigid, owner)
    primitive = _primitive(physics, path, kind, desc, size, rigid) if not sheared else None
    if primitive is not None:
        return primitive
    points = _points_of(physics, path, kind, desc)
    if points is None:
        physics.tell("shape", f"collider {path} is a {kind} shape, which is not translated", path, "error")
        return None
    physics.tell(
        "shape-as-mesh",
        f"collider {path} ({kind}) has no primitive in MuJoCo at that scale: a convex mesh stands for it",
        path,
        "info",
    )
    return _hull(physics, path, points, frame)


def _primitive(
    physics: Physics, path: str, kind: str, desc: Any, scale: np.ndarray, frame: F8
) -> Shape | None:
    """The MuJoCo primitive of a gprim at that scale; None where there is none."""
    meters = physics.meters

    def get(name: str, default: float) -> float:
        value = physics.value(path, name)
        return (default if value is None else float(value)) * meters

    if kind == "Cube":
        half = scale * get("size", 2.0) / 2
        return Shape("box", tuple(half.tolist()), frame)
    if kind == "Sphere":
        radii = scale * get("radius", 1.0)
        if np.allclose(radii, radii[0], rtol=1e-6):
            return Shape("sphere", (float(radii[0]),), frame)
        return Shape("ellipsoid", tuple(radii.tolist()), frame)
    if kind not in ("Capsule", "Cylinder"):
        return None
    axis = _AXES[str(physics.value(path, "axis") or "Z")]
    across = np.delete(scale, axis)
    even = np.isclose(across[0], across[1], rtol=1e-6)
    if not even or (kind == "Capsule" and not np.isclose(across[0], scale[axis], rtol=1e-6)):
        return None
    default_radius, default_height = (0.5, 1.0) if kind == "Capsule" else (1.0, 2.0)
    radius = float(across[0]) * get("radius", default_radius)
    half_height = float(scale[axis]) * get("height", default_height) / 2
    return Shape(kind.lower(), (radius, half_height), frame @ _z_to(axis))


def _z_to(axis: int) -> F8:
    """A rotation that takes Z to that axis."""
    out = np.eye(4)
    if axis == 0:
        out[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    elif axis == 1:
        out[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    return out


def _plane(physics: Physics, path: str, desc: Any, frame: F8, owner: str) -> Shape | None:
    turned = frame @ _z_to(_AXES[str(desc.axis)])
    if not owner:
        return Shape("plane", (0.0, 0.0, 1.0), turned)
    physics.tell(
        "plane",
        f"collider {path} is a plane on a moving body, which MuJoCo has not: a thin box of 10 m stands for it",
        path,
    )
    below = np.eye(4)
    below[2, 3] = -0.005
    return Shape("box", (5.0, 5.0, 0.005), turned @ below)


def _points_of(physics: Physics, path: str, kind: str, desc: Any) -> np.ndarray | None:
    """Points in the gprim's own frame [stage units] whose convex hull is the shape."""
    if kind == "Cube":
        half = float(physics.value(path, "size") or 2.0) / 2
        corners = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
        return corners * half
    angle = np.arange(_SIDES) * 2 * np.pi / _SIDES
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    axis = _AXES[str(physics.value(path, "axis") or "Z")]

    def get(name: str, default: float) -> float:
        value = physics.value(path, name)
        return default if value is None else float(value)

    def turned(points: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(points) @ _z_to(axis)[:3, :3].T

    def disk(radius: float, z: float) -> np.ndarray:
        return np.concatenate([ring * radius, np.full((_SIDES, 1), z)], 1)

    def cap(radius: float, z: float, sign: float) -> list[np.ndarray]:
        steps = np.linspace(0, np.pi / 2, _SIDES // 4 + 1)
        return [disk(radius * float(np.cos(s)), z + sign * radius * float(np.sin(s))) for s in steps]

    if kind == "Sphere":
        radius = get("radius", 1.0)
        return np.concatenate([*cap(radius, 0.0, 1.0), *cap(radius, 0.0, -1.0)])
    if kind == "Cone":
        height, radius = get("height", 2.0), get("radius", 1.0)
        return turned([disk(radius, -height / 2), np.array([[0.0, 0.0, height / 2]])])
    if kind in ("Cylinder", "Cylinder1"):
        height, radius = get("height", 2.0), get("radius", 1.0)
        top, bottom = get("radiusTop", radius), get("radiusBottom", radius)
        return turned([disk(bottom, -height / 2), disk(top, height / 2)])
    if kind in ("Capsule", "Capsule1"):
        height, radius = get("height", 1.0), get("radius", 0.5)
        top, bottom = get("radiusTop", radius), get("radiusBottom", radius)
        return turned([*cap(bottom, -height / 2, -1.0), *cap(top, height / 2, 1.0)])
    return None


def _mesh(physics: Physics, path: str, desc: Any, frame: F8) -> Shape | None:
    points = physics.value(path, "points")
    points = np.empty((0, 3)) if points is None else np.asarray(points, np.float64).reshape(-1, 3)
    points = points[np.isfinite(points).all(1)]
    if len(points) == 0:
        physics.tell("mesh-empty", f"collider {path} is a mesh without points; it is left out", path)
        return None
    if len(points) > MAX_POINTS:
        physics.tell(
            "mesh-size",
            f"collider {path} has {len(points)} points; at most {MAX_POINTS} are translated, so it is left out",
            path,
            "error",
        )
        return None
    approximation = str(physics.value(path, "physics:approximation") or "none")
    if approximation in ("boundingCube", "boundingSphere"):
        return _bounding(physics, approximation, points, frame)
    if approximation != "convexHull":
        physics.tell(
            "approximation",
            f"collider {path} asks for the approximation {approximation!r}; MuJoCo collides with its convex hull",
            path,
        )
    return _hull(physics, path, points, frame)


def _bounding(physics: Physics, approximation: str, points: np.ndarray, frame: F8) -> Shape:
    """The box or sphere around the points, in the axes of the mesh."""
    meters = physics.meters
    low, high = points.min(0), points.max(0)
    centre = np.eye(4)
    centre[:3, 3] = (low + high) / 2 * meters
    placed = frame @ centre
    translation, quat, scale, _ = decompose_trs(placed[None])
    rigid = np.eye(4)
    rigid[:3, :3], rigid[:3, 3] = quat_to_matrix(quat[0]), translation[0]
    size = np.abs(scale[0])
    if approximation == "boundingCube":
        half = np.maximum((high - low) / 2 * meters * size, 1e-5)
        return Shape("box", tuple(half.tolist()), rigid)
    radius = float(np.linalg.norm((points - (low + high) / 2) * meters * size, axis=1).max())
    return Shape("sphere", (max(radius, 1e-5),), rigid)


def _hull(physics: Physics, path: str, points: np.ndarray, frame: F8) -> Shape:
    """A mesh in the body's frame, so that any scale and shear is in its points; a flat one becomes a thin box."""
    placed = points * physics.meters @ frame[:3, :3].T + frame[:3, 3]
    centre = placed.mean(0)
    _, spread, axes = np.linalg.svd(placed - centre, full_matrices=False)
    thin = len(placed) < 4 or spread[2] <= 1e-6 * max(float(spread[0]), 1e-12)
    if not thin:
        return Shape("mesh", (), np.eye(4), placed)
    physics.tell(
        "mesh-flat",
        f"collider {path} is flat, which MuJoCo's meshes cannot be: a thin box stands for it",
        path,
    )
    half, box = thin_box(placed, centre, axes, FLAT)
    return Shape("box", half, box)
