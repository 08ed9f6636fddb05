"""One tick of all bound poses: movers, then followers level by level, into one store of TRS. numpy only.

The store holds what was last given out, rotations and scales already rounded to the columns' float32, and worlds are
composed from the rounded values: so whoever composes the columns gets exactly what followers were placed by.
"""

from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.attach import Attachments
from twinstage.scene.columns import F4, F8, I8, Bool, PoseColumns, frozen
from twinstage.scene.follow import Levels, WorldCache
from twinstage.scene.movers import JointMover, PoseMover, Trs, VectorSignals, take_apart
from twinstage.scene.smoothing import Smoother
from twinstage.scene.transforms import compose_trs


@dataclass(frozen=True, slots=True)
class Drives:
    """Which signals drive which rows: pairs (row i8[m], signal i8[m])."""

    row: I8
    signal: I8
    count: int

    @staticmethod
    def of(uses: "list[tuple[int, ...]]") -> "Drives":
        """From the signals of each row."""
        row = np.repeat(np.arange(len(uses)), [len(u) for u in uses]).astype(np.int64)
        return Drives(row, np.array([s for u in uses for s in u], np.int64), len(uses))

    def dirty(self, changed: np.ndarray) -> Bool:
        """Rows that a changed signal drives, bool[count]."""
        out = np.zeros(self.count, bool)
        out[self.row[changed[self.signal]]] = True
        return out


@dataclass(frozen=True, slots=True)
class Framed:
    """Followers of one kind in one level: rows of their mover, and the cache rows of their frames."""

    rows: I8
    frames: I8


@dataclass(frozen=True, slots=True)
class _Told:
    """One tick: which rows of the movers were told something, bool[n] each, and by what."""

    joints: Bool
    poses: Bool
    inputs: np.ndarray
    vectors: VectorSignals
    now_ns: int | None


@dataclass
class PoseStage:
    """All bound nodes' poses.

    `nodes` i8[b] sorted. `*_free`: mover rows that need no other node; `*_framed[level]`: those that do. `anchors` i8
    sorted: nodes that nothing here moves, and whose authored place is counted on.
    """

    nodes: I8
    authored: Trs
    joint: JointMover
    pose: PoseMover
    joint_drives: Drives
    pose_drives: Drives
    joint_free: Bool
    pose_free: Bool
    joint_framed: tuple[Framed, ...]
    pose_framed: tuple[Framed, ...]
    cache: WorldCache
    levels: Levels
    attachments: Attachments
    attach_level: int
    joint_smoother: Smoother
    pose_smoother: Smoother
    anchors: I8 = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        self._follows = bool(self.attachments.grips) or any(
            len(f.rows) for f in (*self.joint_framed, *self.pose_framed)
        )
        self.reset()

    def reset(self) -> None:
        """Back to the authored poses; the next update looks at everything."""
        self.translation: F8 = self.authored[0].copy()
        self.rotation: F4 = self.authored[1].astype(np.float32)
        self.scale: F4 = self.authored[2].astype(np.float32)
        self.cache.reset()
        self.attachments.reset()
        self.joint_smoother.reset()
        self.pose_smoother.reset()
        self._first = True

    def update(
        self, changed: np.ndarray, inputs: np.ndarray, vectors: VectorSignals, now_ns: int | None = None
    ) -> Bool:
        """Move by what changed (bool[signals]); returns which bound nodes' poses differ from before, bool[b].

        `now_ns`: of the tick, for what is smoothed; None shows what was told at once.
        """
        moved = np.zeros(len(self.nodes), bool)
        told = _Told(
            self.joint_drives.dirty(changed), self.pose_drives.dirty(changed), inputs, vectors, now_ns
        )
        joints = np.flatnonzero(self.joint_free & (self._first | told.joints | self.joint_smoother.moving))
        if len(joints):
            self._store(self.joint.node[joints], self._joints(joints, told), moved)
        poses = np.flatnonzero(self.pose_free & (self._first | told.poses | self.pose_smoother.moving))
        if len(poses):
            self._store(self.pose.node[poses], self._poses(poses, told), moved)
        if self._follows:
            self._update_followers(told, moved)
        self._first = False
        return moved

    def _joints(self, rows: np.ndarray, told: "_Told") -> Trs:
        trs = self.joint.move(rows, told.inputs)
        if self.joint_smoother and told.now_ns is not None:
            self.joint_smoother.apply(rows, trs, told.joints[rows], told.now_ns)
        return trs

    def _poses(self, rows: np.ndarray, told: "_Told") -> Trs:
        trs = self.pose.move(rows, told.inputs, told.vectors)
        if self.pose_smoother and told.now_ns is not None:
            self.pose_smoother.apply(rows, trs, told.poses[rows], told.now_ns)
        return trs

    def columns(self, which: np.ndarray, ordinal: int, event_ns: int) -> PoseColumns:
        """The stored poses of bound nodes `which` (bool[b])."""
        rows = np.flatnonzero(which)
        scale = self.scale[rows]
        return PoseColumns(
            ordinal,
            event_ns,
            frozen(self.nodes[rows], np.uint32),
            frozen(self.translation[rows], np.float64),
            frozen(self.rotation[rows], np.float32),
            None if (scale == 1).all() else frozen(scale, np.float32),
        )

    def _update_followers(self, told: "_Told", moved: np.ndarray) -> None:
        for level, groups in enumerate(self.levels.groups):
            for framed, node, move in (
                (self.joint_framed[level], self.joint.node, self._joints),
                (self.pose_framed[level], self.pose.node, self._poses),
            ):
                if len(framed.rows):
                    trs = move(framed.rows, told)
                    self._place(node[framed.rows], framed.frames, compose_trs(*trs), moved)
            if self.attachments.grips and level == self.attach_level:
                held, local = self.attachments.update(told.inputs, self.cache)
                if held:
                    self._store(np.array(held), take_apart(local), moved)
            for places in groups:
                self.cache.compose(places)

    def _place(self, nodes: I8, frames: I8, frame_from_node: F8, moved: np.ndarray) -> None:
        parent_from_frame = self.cache.parent_from(self.cache.place[nodes], frames)
        self._store(nodes, take_apart(parent_from_frame @ frame_from_node), moved)

    def _store(self, nodes: np.ndarray, trs: Trs, moved: np.ndarray) -> None:
        rows = np.searchsorted(self.nodes, nodes)
        translation, rotation, scale = (
            trs[0],
            trs[1].astype(np.float32),
            snap_scale(trs[2]).astype(np.float32),
        )
        same = (self.translation[rows] == translation).all(1) & (self.rotation[rows] == rotation).all(1)
        same &= (self.scale[rows] == scale).all(1)
        self.translation[rows], self.rotation[rows], self.scale[rows] = translation, rotation, scale
        moved[rows] |= ~same
        if self._follows:
            self.cache.set_local(nodes, compose_trs(translation, rotation, scale))


def snap_scale(scale: np.ndarray) -> F8:
    """Scales within a millionth of 1 become 1: matrices that went through float32 hardly ever say exactly 1."""
    return np.where(np.abs(scale - 1) < 1e-6, 1.0, scale)
