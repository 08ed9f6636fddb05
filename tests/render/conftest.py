"""Small scenes built by hand, so that these tests need neither files nor pxr."""

import hashlib
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import (
    Frames,
    InstanceTable,
    Light,
    Material,
    ObjectTable,
    PointTable,
    PrimTable,
    Prototype,
    SceneCamera,
    SceneObject,
    Snapshot,
    StageInfo,
)

_FACES = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]


def make_prototype(
    points: np.ndarray,
    triangles: np.ndarray,
    normals: np.ndarray | None = None,
    uv: np.ndarray | None = None,
    slot: np.ndarray | None = None,
    color: np.ndarray | None = None,
) -> Prototype:
    points = np.asarray(points, np.float32)
    triangles = np.asarray(triangles, np.uint32)
    if normals is None:
        normals = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    slot = np.zeros(len(triangles), np.int32) if slot is None else slot
    digest = hashlib.sha256()
    for array in (points, triangles, normals, uv, slot, color):
        digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    slots = ("", *(f"part{i}" for i in range(1, int(np.max(slot, initial=0)) + 1)))
    return Prototype(
        source="/hand",
        hash=digest.hexdigest(),
        points=frozen(points, np.float32),
        normals=frozen(normals, np.float32),
        uv=None if uv is None else frozen(uv, np.float32),
        color=None if color is None else frozen(color, np.float32),
        triangles=frozen(triangles, np.uint32),
        slot=frozen(slot, np.int32),
        slots=slots,
    )


def make_box(size: Sequence[float] = (1, 1, 1), offset: Sequence[float] = (0, 0, 0)) -> Prototype:
    """A box with flat normals and a unit uv square on each face."""
    corner = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    points, normals, uv, triangles = [], [], [], []
    for face in _FACES:
        quad = corner[face]
        normal = np.cross(quad[1] - quad[0], quad[2] - quad[0])
        if normal @ quad.mean(0) < 0:
            quad = quad[::-1]
            normal = -normal
        base = len(points)
        points.extend(quad * size + np.asarray(offset))
        normals.extend([normal / np.linalg.norm(normal)] * 4)
        uv.extend([[0, 0], [1, 0], [1, 1], [0, 1]])
        triangles += [[base, base + 1, base + 2], [base, base + 2, base + 3]]
    return make_prototype(np.array(points), np.array(triangles), np.array(normals), np.array(uv))


def make_quad(size: float = 1.0) -> Prototype:
    """A square in the XY plane that faces +Z, uv from the lower left."""
    h = size / 2
    points = np.array([[-h, -h, 0], [h, -h, 0], [h, h, 0], [-h, h, 0]])
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return make_prototype(points, np.array([[0, 1, 2], [0, 2, 3]]), np.tile([0.0, 0.0, 1.0], (4, 1)), uv)


def make_sphere(radius: float = 1.0, n: int = 24) -> Prototype:
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 2 * n), np.linspace(0.001, np.pi - 0.001, n))
    points = np.stack([np.sin(v) * np.cos(u), np.sin(v) * np.sin(u), np.cos(v)], -1).reshape(-1, 3)
    i = np.arange(points.shape[0]).reshape(u.shape)
    a, b, c, d = (x.ravel() for x in (i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])
    return make_prototype(points * radius, triangles, points)


def make_snapshot(
    items: Sequence[tuple[Prototype, np.ndarray, int]],
    *,
    materials: Sequence[Material] = (Material(""),),
    material_of: Sequence[Sequence[int]] | None = None,
    names: Sequence[str] | None = None,
    visible: Sequence[bool] | None = None,
    lights: Sequence[tuple[Light, np.ndarray]] = (),
    cameras: Sequence[tuple[SceneCamera, np.ndarray]] = (),
    **more: object,
) -> Snapshot:
    """A flat scene: (prototype, world_from_gprim, object row) an item; lights and cameras carry their own pose."""
    poses = [m for _, m, _ in items] + [m for _, m in lights] + [m for _, m in cameras]
    n, k = len(poses), len(items)
    paths = tuple(f"/p{i:04d}" for i in range(n))
    prototypes: list[Prototype] = []
    rows = []
    for prototype, _, _ in items:
        if prototype.hash not in [p.hash for p in prototypes]:
            prototypes.append(prototype)
        rows.append([p.hash for p in prototypes].index(prototype.hash))
    sets = sorted({tuple(row) for row in material_of}) if material_of else [(0,) * 8]
    set_of = [sets.index(tuple(row)) for row in material_of] if material_of else [0] * k
    object_rows = [o for _, _, o in items]
    n_objects = max(object_rows, default=-1) + 1
    names = names or [f"thing{i}" for i in range(n_objects)]
    from dataclasses import replace

    prims = PrimTable(
        path=paths,
        parent=frozen(np.full(n, -1), np.int32),
        type_name=("",) * n,
        kind=("",) * n,
        labels=((),) * n,
        purpose=("default",) * n,
        visible=frozen(np.ones(n), np.bool_),
        frames=Frames.of(np.array(poses, np.float64).reshape(n, 4, 4)),
        resets=frozen(np.zeros(n), np.bool_),
        proxy=frozen(np.zeros(n), np.bool_),
    )
    return Snapshot(
        stage=StageInfo("hand.usda", 1.0, "Z", 24.0, "00"),
        prims=prims,
        points=PointTable.empty(),
        prototypes=tuple(prototypes),
        instances=InstanceTable(
            prototype=frozen(np.array(rows), np.int32),
            node=frozen(np.arange(k), np.int32),
            prim=frozen(np.arange(k), np.int32),
            point_id=frozen(np.full(k, -1), np.int64),
            frames=Frames.identity(k),
            material_set=frozen(np.array(set_of), np.int32),
            object=frozen(np.array(object_rows), np.int32),
            visible=frozen(np.ones(k) if visible is None else np.array(visible), np.bool_),
        ),
        objects=ObjectTable.of([SceneObject(0, "", -1, name, (name,)) for name in names], paths),
        materials=tuple(materials),
        material_sets=tuple(tuple(s) for s in sets),
        textures=more.pop("textures", ()),  # type: ignore[arg-type]
        lights=tuple(replace(light, prim=k + i) for i, (light, _) in enumerate(lights)),
        cameras=tuple(replace(c, prim=k + len(lights) + i) for i, (c, _) in enumerate(cameras)),
    )


def make_pose(
    position: Sequence[float] = (0, 0, 0),
    *,
    rotation: np.ndarray | None = None,
    scale: Sequence[float] | float = 1.0,
) -> np.ndarray:
    out = np.eye(4)
    out[:3, :3] = (np.eye(3) if rotation is None else rotation) * np.broadcast_to(scale, 3)
    out[:3, 3] = position
    return out


@pytest.fixture(scope="session")
def hand() -> SimpleNamespace:
    """Builders of prototypes, poses and snapshots."""
    return SimpleNamespace(
        prototype=make_prototype,
        box=make_box,
        quad=make_quad,
        sphere=make_sphere,
        pose=make_pose,
        snapshot=make_snapshot,
    )


@pytest.fixture(scope="session")
def many() -> Callable[[int], Snapshot]:
    """A floor and n spheres of about 1,600 triangles in a grid."""

    def build(n: int) -> Snapshot:
        ball, floor = make_sphere(0.4, 29), make_quad(30.0)
        items = [(floor, make_pose(), 0)]
        items += [(ball, make_pose([(i % 10) - 4.5, i // 10 - 3, 0.4]), i + 1) for i in range(n)]
        return make_snapshot(items)

    return build
