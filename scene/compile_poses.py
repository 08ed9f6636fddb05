"""Requests to move nodes -> movers, followers and their levels.

A node moves *freely* where its pose is given relative to its own parent, or where neither its frame nor its parent ever
moves. The rest are followers. In a flat robot, whose links are siblings, a joint's body follows the body before it; links
that no binding moves but a joint holds to a moving body follow, too, at the coordinate they were authored with.
"""

from dataclasses import dataclass, replace

import numpy as np

from twinstage.scene.attach import Attachments
from twinstage.scene.axes import ORDERS, ned_position, ned_rotation
from twinstage.scene.binder import Binder
from twinstage.scene.columns import F8
from twinstage.scene.follow import WORLD, WorldCache, make_levels, node_name
from twinstage.scene.inputs import InputCompiler
from twinstage.scene.joints import Joint
from twinstage.scene.movers import PoseMover, Trs, joint_mover, quat_to_euler
from twinstage.scene.poses import Drives, Framed, PoseStage, snap_scale
from twinstage.scene.problems import BindingProblem
from twinstage.scene.smoothing import Smoother, Smoothing
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.transforms import decompose_trs, quat_to_matrix

Rows3 = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class JointRequest:
    """`joint.body1` (node) moves against `frame` (node of body0, WORLD where there is none) by input `value`."""

    where: str
    node: int
    frame: int
    joint: Joint
    value: int
    smooth: Smoothing | None = None


@dataclass(frozen=True, slots=True)
class PoseRequest:
    """The pose of a node in a frame: input rows or signal indices, -1 where authored.

    `order`: of the turns; `ned`: told in north, east, down; `origin`: where position is latitude, longitude [rad] and height
    [m], those of the world's origin.
    """

    where: str
    node: int
    frame: int
    position: Rows3
    angles: Rows3
    scale: Rows3
    pose_signal: int
    quat_signal: int
    vec_signal: int
    order: str = "xyz"
    ned: bool = False
    origin: tuple[float, float, float] | None = None
    smooth: Smoothing | None = None


class Scene:
    """What the compiler has to know about nodes: ancestors and authored poses."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.parent = snapshot.node_parent

    def chain(self, node: int) -> list[int]:
        """The node and its transform ancestors."""
        out = []
        while node >= 0:
            out.append(node)
            node = int(self.parent[node])
        return out

    def world(self, node: int) -> F8:
        """world_from_node as authored."""
        return np.eye(4) if node == WORLD else np.asarray(self.snapshot.node_world[node])


def build_pose_stage(
    snapshot: Snapshot,
    binder: Binder,
    inputs: InputCompiler,
    joints: list[JointRequest],
    poses: list[PoseRequest],
    attachments: Attachments,
    blame: dict[int, str],
) -> PoseStage:
    """Everything that moves, folded. `blame` says for each claimed node which binding moves it."""
    scene = Scene(snapshot)
    bound = {*(r.node for r in joints), *(r.node for r in poses), *attachments.nodes}
    joints = [*joints, *_dragged_along(scene, binder, inputs, joints, bound)]
    bound |= {r.node for r in joints}
    anchors = _anchors(scene, [*joints, *poses], attachments, bound)
    joints = [replace(r, frame=_joint_frame(scene, r, bound)) for r in joints]
    poses = [replace(r, frame=_pose_frame(scene, r, bound)) for r in poses]
    joint_free = np.array([r.frame == scene.parent[r.node] for r in joints], bool)
    pose_free = np.array([r.frame == scene.parent[r.node] for r in poses], bool)

    requests: list[JointRequest | PoseRequest] = [*joints, *poses]
    looks_at: dict[int, tuple[int, ...]] = {
        r.node: (r.frame,) for r, free in zip(requests, [*joint_free, *pose_free], strict=True) if not free
    }
    grips = attachments.nodes
    needs = tuple({grip.frame for grip in attachments.grips} | {int(scene.parent[node]) for node in grips})
    looks_at |= dict.fromkeys(grips, needs)
    cache = WorldCache(snapshot, {*looks_at, *(n for seen in looks_at.values() for n in seen if n >= 0)})
    levels = make_levels(snapshot, cache, looks_at, lambda node: blame.get(node, node_name(snapshot, node)))

    nodes = np.array(sorted(bound), np.int64)
    where = {r.node: r.where for r in requests} | {n: blame[n] for n in grips if n in blame}
    authored = _decompose(snapshot.node_local[nodes], [where.get(int(n), "") for n in nodes], nodes)
    joint_nodes = np.array([r.node for r in joints], np.int64)
    joint_base = _bases(scene, joint_nodes, joints, [r.where for r in joints])
    _check_turns(joints, joint_base)
    count = len(levels.groups)
    return PoseStage(
        nodes=nodes,
        authored=authored,
        joint=joint_mover(
            joint_nodes,
            np.array([r.value for r in joints], np.int64),
            np.array([r.joint.motion != "slide" for r in joints], bool),
            np.array([r.joint.axis for r in joints], np.float64).reshape(-1, 3),
            np.array([r.joint.pivot for r in joints], np.float64).reshape(-1, 3),
            joint_base,
            _meters_along(scene, joints),
        ),
        pose=pose_mover(scene, poses),
        joint_drives=Drives.of([inputs.uses(r.value) for r in joints]),
        pose_drives=Drives.of([uses_of(inputs, r) for r in poses]),
        joint_free=joint_free,
        pose_free=pose_free,
        joint_framed=_framed(joints, joint_free, cache, levels.level_of, count),
        pose_framed=_framed(poses, pose_free, cache, levels.level_of, count),
        cache=cache,
        levels=levels,
        attachments=attachments,
        attach_level=max((levels.level_of[n] for n in grips), default=0),
        joint_smoother=Smoother([r.smooth for r in joints]),
        pose_smoother=Smoother([r.smooth for r in poses]),
        anchors=np.array(sorted(anchors), np.int64),
    )


def _anchors(
    scene: Scene,
    requests: "list[JointRequest | PoseRequest]",
    attachments: Attachments,
    bound: set[int],
) -> set[int]:
    """Nodes that no binding moves, and of which one counts on their place: what lies between a frame and a parent."""
    pairs = [(r.frame, int(scene.parent[r.node])) for r in requests]
    pairs = [
        (frame, parent)
        for (frame, parent), r in zip(pairs, requests, strict=True)
        if isinstance(r, PoseRequest) or (frame != WORLD and frame not in scene.chain(r.node))
    ]
    pairs += [(grip.frame, int(scene.parent[node])) for grip in attachments.grips for node in grip.candidates]
    found: set[int] = set()
    for frame, parent in set(pairs):
        found |= set(scene.chain(frame)) ^ set(scene.chain(parent))
    return found - bound


def _joint_frame(scene: Scene, r: JointRequest, bound: set[int]) -> int:
    """The parent, where body0 is an ancestor, the world, or nothing moves; else body0."""
    parent = int(scene.parent[r.node])
    if r.frame == WORLD or r.frame in scene.chain(r.node):
        return parent
    still = not (bound & {*scene.chain(r.frame), *scene.chain(parent)})
    return parent if still else r.frame


def _pose_frame(scene: Scene, r: PoseRequest, bound: set[int]) -> int:
    """The parent, where the frame coincides with it for good; else the frame."""
    parent = int(scene.parent[r.node])
    if r.frame == parent or bound & {*scene.chain(r.frame), *scene.chain(parent)}:
        return r.frame
    same = np.abs(scene.world(r.frame) - scene.world(parent)).max() < 1e-12
    return parent if same else r.frame


def _dragged_along(
    scene: Scene, binder: Binder, inputs: InputCompiler, joints: list[JointRequest], bound: set[int]
) -> list[JointRequest]:
    """Bodies that hang on a moving body by a joint that nobody drives, and not already by namespace."""
    if not any(r.frame != WORLD for r in joints):
        return []  # without driven UsdPhysics joints nobody expects the others to be looked at
    moving = set(bound)
    index_of = scene.snapshot.prims.index_of  # `binder.joints` gives those whose bodies are known
    waiting = [j for j in binder.joints() if j.body0]
    found: list[JointRequest] = []
    progress = True
    while progress:
        progress = False
        for joint in list(waiting):
            body0, body1 = index_of[joint.body0], index_of[joint.body1]
            carried = moving & set(scene.chain(body0))
            if body1 in moving or not carried or carried <= set(scene.chain(body1)):
                continue
            where = f"joint {joint.path}"
            binder.movable(where, joint.body1)
            found.append(JointRequest(where, body1, body0, joint, inputs.constant(0.0)))
            moving.add(body1)
            waiting.remove(joint)
            progress = True
    return found


def _bases(scene: Scene, nodes: np.ndarray, requests: list[JointRequest], where: list[str]) -> Trs:
    """frame_from_node as authored, as TRS."""
    out = np.zeros((len(nodes), 4, 4))
    for row, r in enumerate(requests):
        if r.frame == scene.parent[r.node]:
            out[row] = scene.snapshot.node_local[r.node]
        else:
            out[row] = np.linalg.inv(scene.world(r.frame)) @ scene.world(r.node)
    return _decompose(out, where, nodes)


def _decompose(matrices: np.ndarray, where: list[str], nodes: np.ndarray) -> Trs:
    bad = np.flatnonzero(~np.isfinite(matrices).all((1, 2)))
    if len(bad):
        first = int(bad[0])
        message = "its authored pose holds values that are not finite"
        raise BindingProblem("binding.shear", where[first], message, int(nodes[first]))
    translation, rotation, scale, residue = decompose_trs(matrices)
    for row in np.flatnonzero(residue > 1e-5 * np.maximum(1.0, np.abs(scale).max(1, initial=0.0))):
        raise BindingProblem(
            "binding.shear",
            where[row],
            "its authored pose is sheared, which a live pose cannot be",
            int(nodes[row]),
        )
    return translation, rotation, snap_scale(scale)


def _check_turns(requests: list[JointRequest], base: Trs) -> None:
    """A turn below a scale that differs along its plane would shear the prim."""
    for row, r in enumerate(requests):
        if r.joint.motion != "rotate":
            continue
        scale = base[2][row]
        half = np.array([np.cos(0.35), *(np.sin(0.35) * r.joint.axis)])
        turn = quat_to_matrix(half)
        if np.abs(np.diag(scale) @ turn - turn @ np.diag(scale)).max() > 1e-5 * np.abs(scale).max():
            shown = ", ".join(f"{s:g}" for s in scale)
            raise BindingProblem(
                "binding.shear",
                r.where,
                f"{r.joint.body1} is scaled by {shown}, and a turn would shear it; move the scale to the prims below it",
                r.node,
            )


def _meters_along(scene: Scene, joints: list[JointRequest]) -> F8:
    """World length of one metre along each joint's axis in body1's frame, f8[n]; for bases in another frame alike."""
    lengths = [float(np.linalg.norm(scene.world(r.node)[:3, :3] @ r.joint.axis)) for r in joints]
    return np.array(lengths, np.float64)


def pose_mover(scene: Scene, poses: list[PoseRequest]) -> PoseMover:
    """The mover of those requests."""
    authored = np.zeros((len(poses), 4, 4))
    for row, r in enumerate(poses):
        if r.frame == scene.parent[r.node]:
            authored[row] = scene.snapshot.node_local[r.node]
        else:
            authored[row] = np.linalg.inv(scene.world(r.frame)) @ scene.world(r.node)
    translation, rotation, scale = _decompose(
        authored, [r.where for r in poses], np.array([r.node for r in poses], np.int64)
    )

    def rows(name: str, *shape: int) -> np.ndarray:
        return np.array([getattr(r, name) for r in poses], np.int64).reshape(-1, *shape)

    ned = np.array([r.ned for r in poses], bool)
    # What is not named keeps its authored value, so that is turned into the convention of the others.
    translation[ned], rotation[ned] = ned_position(translation[ned]), ned_rotation(rotation[ned])
    origin = [r.origin if r.origin is not None else (np.nan,) * 3 for r in poses]
    return PoseMover(
        node=rows("node"),
        position=rows("position", 3),
        angles=rows("angles", 3),
        scale=rows("scale", 3),
        pose_signal=rows("pose_signal"),
        quat_signal=rows("quat_signal"),
        vec_signal=rows("vec_signal"),
        authored_position=translation,
        authored_angles=quat_to_euler(rotation),
        authored_rotation=rotation,
        authored_scale=scale,
        order=np.array([ORDERS.index(r.order) for r in poses], np.int64),
        ned=ned,
        origin=np.array(origin, np.float64).reshape(-1, 3),
    )


def uses_of(inputs: InputCompiler, r: PoseRequest) -> tuple[int, ...]:
    """Signals that move it."""
    rows = [row for row in (*r.position, *r.angles, *r.scale) if row >= 0]
    signals = [s for s in (r.pose_signal, r.quat_signal, r.vec_signal) if s >= 0]
    return tuple(dict.fromkeys([*(s for row in rows for s in inputs.uses(row)), *signals]))


def _framed(
    requests: "list[JointRequest] | list[PoseRequest]",
    free: np.ndarray,
    cache: WorldCache,
    level_of: dict[int, int],
    count: int,
) -> tuple[Framed, ...]:
    out: list[tuple[list[int], list[int]]] = [([], []) for _ in range(count)]
    for row in np.flatnonzero(~free):
        request = requests[row]
        rows, frames = out[level_of[request.node]]
        rows.append(int(row))
        frames.append(int(cache.place[request.frame]))
    return tuple(Framed(np.array(r, np.int64), np.array(f, np.int64)) for r, f in out)
