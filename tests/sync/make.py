"""Scenes built by hand, so that these tests need no USD reader."""

import hashlib
from collections.abc import Sequence

import numpy as np

from twinstage.scene.columns import (
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TickColumns,
    VisibilityColumns,
    empty_pose,
    frozen,
)
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
    Texture,
    TextureInput,
)

PNG = b"\x89PNG\r\n\x1a\n not a real picture"


def cube(*, uv: bool = True, color: bool = False, slots: tuple[str, ...] = ("",)) -> Prototype:
    """A unit cube of 24 vertices; with more slots, its six faces are dealt out to them in turn."""
    points, normals, triangles, slot = [], [], [], []
    for face in range(6):
        axis, sign = face // 2, 1.0 if face % 2 else -1.0
        normal = np.zeros(3)
        normal[axis] = sign
        u = np.roll(np.array([0.0, 1.0, 0.0]), axis)
        v = np.cross(normal, u)
        corners = [normal - u - v, normal + u - v, normal + u + v, normal - u + v]
        start = len(points)
        points += [0.5 * corner for corner in corners]
        normals += [normal] * 4
        triangles += [[start, start + 1, start + 2], [start, start + 2, start + 3]]
        slot += [face % len(slots)] * 2
    st = np.tile([[0, 0], [1, 0], [1, 1], [0, 1]], (6, 1)) if uv else None
    rgb = np.tile([[1.0, 0.5, 0.25]], (24, 1)) if color else None
    key = repr((uv, color, slots)).encode()
    return Prototype(
        source="/World/Cube",
        hash=hashlib.sha256(key).hexdigest(),
        points=frozen(np.array(points), np.float32),
        normals=frozen(np.array(normals), np.float32),
        uv=None if st is None else frozen(st, np.float32),
        color=None if rgb is None else frozen(rgb, np.float32),
        triangles=frozen(np.array(triangles), np.uint32),
        slot=frozen(np.array(slot), np.int32),
        slots=slots,
    )


def translation(x: float, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    """A 4x4 matrix that moves."""
    out = np.eye(4)
    out[:3, 3] = x, y, z
    return out


def snapshot(
    paths: Sequence[str] = ("/World", "/World/A", "/World/A/B", "/World/C"),
    *,
    points: int = 0,
    local: np.ndarray | None = None,
    prototypes: Sequence[Prototype] = (),
    revision: int = 0,
) -> Snapshot:
    """Xforms at those paths (parents first); `points` point instances below the last one; a cube on each leaf."""
    index = {path: i for i, path in enumerate(paths)}
    n = len(paths)
    parent = np.array([index.get(path.rpartition("/")[0], -1) for path in paths])
    prims = PrimTable(
        path=tuple(paths),
        parent=frozen(parent, np.int32),
        type_name=("Xform",) * n,
        kind=("",) * n,
        labels=((),) * n,
        purpose=("default",) * n,
        visible=frozen(np.ones(n), np.bool_),
        frames=Frames.identity(n) if local is None else Frames.of(local),
        resets=frozen(np.zeros(n), np.bool_),
        proxy=frozen(np.zeros(n), np.bool_),
    )
    point_table = PointTable(
        instancer=frozen(np.full(points, n - 1), np.int32),
        point_id=frozen(np.arange(points) + 100, np.int64),
        frames=Frames.identity(points),
        visible=frozen(np.ones(points), np.bool_),
    )
    shapes = tuple(prototypes) or (cube(),)
    instances = InstanceTable(
        prototype=frozen(np.zeros(n), np.int32),
        node=frozen(np.arange(n), np.int32),
        prim=frozen(np.arange(n), np.int32),
        point_id=frozen(np.full(n, -1), np.int64),
        frames=Frames.identity(n),
        material_set=frozen(np.zeros(n), np.int32),
        object=frozen(np.zeros(n), np.int32),
        visible=frozen(np.ones(n), np.bool_),
    )
    return Snapshot(
        stage=StageInfo("/somewhere/private/cell.usda", 0.01, "Y", 24.0, "ab" * 32),
        prims=prims,
        points=point_table,
        prototypes=shapes,
        instances=instances,
        objects=ObjectTable.of([SceneObject(0, "", -1, "robot", ("robot",))], paths),
        materials=(Material("/Looks/Red", textures=(("diffuseColor", TextureInput(0)),)),),
        material_sets=((0,),),
        textures=(Texture("/somewhere/private/label.png", hashlib.sha256(PNG).hexdigest(), PNG),),
        lights=(Light(0, "distant", (3.0, 3.0, 3.0), angle=0.0093),),
        cameras=(SceneCamera(0, "Overview", "perspective", 24.0, 20.955, 15.29, 0.0, 0.0, 0.1, 1000.0),),
        revision=revision,
    )


def poses(
    index: Sequence[int],
    translation: np.ndarray,
    rotation: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    *,
    ordinal: int = 1,
    event_ns: int = 1,
) -> PoseColumns:
    """Pose columns; not rotated where nothing is said."""
    quat = np.tile([1.0, 0.0, 0.0, 0.0], (len(index), 1)) if rotation is None else rotation
    return PoseColumns(
        ordinal,
        event_ns,
        frozen(np.array(index), np.uint32),
        frozen(np.array(translation, np.float64), np.float64),
        frozen(np.array(quat), np.float32),
        None if scale is None else frozen(np.array(scale), np.float32),
    )


def tick(pose: PoseColumns | None = None, *, watermark_ns: int = 0, **others: object) -> TickColumns:
    """Columns of one tick."""
    return TickColumns(pose=pose or empty_pose(), watermark_ns=watermark_ns, **others)  # type: ignore[arg-type]


def styles(index: Sequence[int], rgba: Sequence[Sequence[int]]) -> StyleColumns:
    """Style columns."""
    return StyleColumns(frozen(np.array(index), np.uint32), frozen(np.array(rgba), np.uint8))


def switches(index: Sequence[int], visible: Sequence[bool]) -> VisibilityColumns:
    """Visibility columns."""
    return VisibilityColumns(frozen(np.array(index), np.uint32), frozen(np.array(visible), np.bool_))


def values(
    signal: Sequence[int], value: Sequence[float], event_ns: Sequence[int], quality: Sequence[int]
) -> SignalColumns:
    """Signal columns."""
    return SignalColumns(
        frozen(np.array(signal), np.uint32),
        frozen(np.array(value), np.float64),
        frozen(np.array(event_ns), np.int64),
        frozen(np.array(quality), np.uint32),
    )
