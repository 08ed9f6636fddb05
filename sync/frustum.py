"""What a camera of a client may see: balls around what nodes draw, against a cone around its picture, with hysteresis."""

import numpy as np

from twinstage.scene.columns import F8, Bool
from twinstage.scene.snapshot import Snapshot, by_depth, depths
from twinstage.scene.transforms import quat_to_matrix
from twinstage.sync import codec
from twinstage.sync.messages import Eye
from twinstage.sync.state import Column

LOOK_EVERY_NS = 500_000_000
"""Places are composed anew at most this often, for all clients together [ns]."""
_ENTER, _LEAVE = 0.10, 0.25
"""Margin around a ball, as a fraction of its distance: to enter the view, and to stay in it."""


class Places:
    """World places of what nodes draw; a node that draws nothing has none. Of one scene and one state.

    What moved since the last look is composed anew, with all below it. A node without children needs no rotation: only where
    its parent puts it, and how much its parents stretch it (the product of their greatest stretches: never too little).
    """

    def __init__(self, snapshot: Snapshot) -> None:
        local, self._parent = snapshot.node_local, np.asarray(snapshot.node_parent, np.int64)
        self._levels = by_depth(depths(self._parent))
        self._reach = _reach(snapshot)
        inner = np.unique(self._parent[self._parent >= 0])
        self._row = np.full(len(local), -1, np.int64)
        """Where the rotation of a node with children is kept; -1 for others."""
        self._row[inner] = np.arange(len(inner))
        self._turn = np.array(local[inner, :3, :3])
        self._world_turn = np.empty_like(self._turn)
        self._shift, self._stretch = np.array(local[:, :3, 3]), _stretch(local[:, :3, :3])
        self._centre, self._grown = np.empty_like(self._shift), np.empty_like(self._stretch)
        self._seq = self._looked_ns = 0
        self._balls: tuple[F8, F8] | None = None
        self.composed = 0
        """Nodes that the last look has composed."""

    def balls(self, pose: Column, now_ns: int) -> tuple[F8, F8]:
        """Centres f8[nodes, 3] and radii f8[nodes] [m] in the world; radius -1: draws nothing. `pose`: the state's column."""
        if self._balls is None or not 0 <= now_ns - self._looked_ns < LOOK_EVERY_NS:
            everything, changed = self._balls is None, np.flatnonzero(pose.seq > self._seq)
            self._looked_ns = now_ns
            if everything or len(changed):
                self._seq = int(pose.seq.max(initial=0))
                self._take(pose, changed)
                self._compose(changed, everything)
                radius = np.where(self._reach < 0, -1.0, self._reach * self._grown)
                self._balls = self._centre.copy(), radius
        assert self._balls is not None
        return self._balls

    def _take(self, pose: Column, changed: np.ndarray) -> None:
        """Local poses of nodes."""
        quanta, words, scale = pose.data
        self._shift[changed] = quanta[changed] * codec.QUANTUM
        self._stretch[changed] = np.abs(scale[changed]).max(axis=1, initial=0.0)
        inner = changed[self._row[changed] >= 0]
        linear = quat_to_matrix(codec.unpack_quaternions(words[inner]))
        self._turn[self._row[inner]] = linear * np.asarray(scale[inner], np.float64)[:, None, :]

    def _compose(self, changed: np.ndarray, everything: bool) -> None:
        """World places of nodes and of all below them."""
        dirty = np.full(len(self._parent), everything)
        dirty[changed] = True
        self.composed = 0
        for depth, level in enumerate(self._levels):
            if depth:
                dirty[level] |= dirty[self._parent[level]]
            rows = level[dirty[level]]
            self.composed += len(rows)
            own = self._row[rows]
            inner, above = own >= 0, self._parent[rows]
            if depth == 0:
                self._centre[rows], self._grown[rows] = self._shift[rows], self._stretch[rows]
                self._world_turn[own[inner]] = self._turn[own[inner]]
                continue
            turn = self._world_turn[self._row[above]]
            self._centre[rows] = np.einsum("nij,nj->ni", turn, self._shift[rows]) + self._centre[above]
            self._grown[rows] = self._grown[above] * self._stretch[rows]
            self._world_turn[own[inner]] = turn[inner] @ self._turn[own[inner]]


def _stretch(linear: F8) -> F8:
    """The most that matrices [n, 3, 3] stretch a vector: exact without shear, else a bound."""
    square = (linear**2).sum(axis=1)
    others = np.abs(np.einsum("nij,nik->njk", linear, linear)).sum(axis=(1, 2)) - square.sum(axis=1)
    sheared = others > 1e-9 * square.sum(axis=1)
    out: F8 = np.sqrt(np.where(sheared, square.sum(axis=1), square.max(axis=1, initial=0.0)))
    return out


def _reach(snapshot: Snapshot) -> F8:
    """Greatest distance of what a node draws from its origin, f8[nodes] [m]; -1 where it draws nothing."""
    rows = snapshot.instances
    size = np.array(
        [np.sqrt((np.asarray(p.points) ** 2).sum(1).max(initial=0.0)) for p in snapshot.prototypes]
    )
    reach = np.full(snapshot.node_count, -1.0)
    if len(rows.node):
        own = size[rows.prototype]
        if not rows.frames.is_identity:
            local = np.asarray(rows.local)
            own = own * np.linalg.norm(local[:, :3, :3], axis=1).max(axis=1) + np.linalg.norm(
                local[:, :3, 3], axis=1
            )
        np.maximum.at(reach, rows.node, own)
    return reach


def seen(eye: Eye, centre: F8, radius: F8, before: Bool | None) -> Bool:
    """Balls that reach into the cone around the picture, bool[n]. `before`: those that only leave with a greater margin."""
    direction = _unit(eye.direction)
    to = centre - np.array(eye.position)
    square = np.einsum("ni,ni->n", to, to)
    distance = np.sqrt(square)
    margin = _ENTER if before is None else np.where(before, _LEAVE, _ENTER)
    reach = radius + margin * distance
    half = np.arctan(np.tan(min(eye.vertical_fov, 3.0) / 2) * np.hypot(1.0, eye.aspect))
    along = to @ direction
    across = np.sqrt(np.maximum(0.0, square - along**2))
    inside = across * np.cos(half) - along * np.sin(half) <= reach
    if eye.far is not None:
        inside &= distance - reach <= eye.far
    out: Bool = inside & (radius >= 0)
    return out


def _unit(vector: tuple[float, float, float]) -> F8:
    direction = np.array(vector, np.float64)
    length = float(np.linalg.norm(direction))
    return direction / length if length > 0 else np.array([1.0, 0.0, 0.0])
