"""Joint coordinates -> poses of prims, as bindings do it (`scene.compile_poses`), on a snapshot and without signals.

A body moves about or along its joint's axis from where it stands; what hangs on it moves with it: prims below it, bodies whose
joint holds them to it wherever they are in the tree (flat robots), and those that fixed or undriven joints drag along.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import F8
from twinstage.scene.joints import Joint
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.transforms import axis_angle_to_quat, quat_to_matrix

_WORLD = -1


@dataclass(frozen=True, slots=True)
class Move:
    """`joint.body1` moves by `by` [rad or m] from where it stands."""

    joint: Joint
    by: float


@dataclass
class Chain:
    """New world matrices of the nodes that move."""

    snapshot: Snapshot
    moves: Mapping[int, Move]
    who: str
    _world: dict[int, F8] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)

    def world(self, node: int) -> F8:
        """world_from_node f8[4, 4] after all moves."""
        if node == _WORLD:
            return np.eye(4)
        if node not in self._world:
            if node in self._open:
                raise UserError(f"{self.who}: the joints of {self.snapshot.prims.path[node]} form a loop")
            self._open.add(node)
            self._world[node] = self._moved(node) if node in self.moves else self._carried(node)
            self._open.discard(node)
        return self._world[node]

    def _carried(self, node: int) -> F8:
        parent = int(self.snapshot.node_parent[node])
        if parent == _WORLD:
            return np.asarray(self.snapshot.node_world[node], np.float64)
        return np.asarray(self.world(parent) @ self.snapshot.node_local[node], np.float64)

    def _moved(self, node: int) -> F8:
        move, now = self.moves[node], np.asarray(self.snapshot.node_world[node], np.float64)
        turn = motion(move.joint, now, move.by)
        frame = self._frame(node, move.joint)
        if frame == int(self.snapshot.node_parent[node]):
            return np.asarray(self._carried(node) @ turn, np.float64)
        before = np.linalg.inv(self.snapshot.node_world[frame])
        return np.asarray(self.world(frame) @ before @ now @ turn, np.float64)

    def _frame(self, node: int, joint: Joint) -> int:
        """The node that the body follows: its parent, or body0 where that is elsewhere in the tree."""
        parent = int(self.snapshot.node_parent[node])
        body0 = self.snapshot.prims.index_of.get(joint.body0, _WORLD)
        return parent if body0 == _WORLD or body0 in ancestors(self.snapshot, node) else body0


def motion(joint: Joint, world: np.ndarray, by: float) -> F8:
    """node_from_node f8[4, 4] of a joint that moves by that much [rad or m] in a body at `world`."""
    out = np.eye(4)
    if joint.motion == "rotate":
        out[:3, :3] = quat_to_matrix(axis_angle_to_quat(joint.axis[None], np.array([by]))[0])
        out[:3, 3] = joint.pivot - out[:3, :3] @ joint.pivot
    elif joint.motion == "slide":
        length = float(np.linalg.norm(world[:3, :3] @ joint.axis))
        out[:3, 3] = joint.axis * by / (length if length > 0 else 1.0)
    return out


def ancestors(snapshot: Snapshot, node: int) -> list[int]:
    """The node and all above it that carry it."""
    out = []
    while node >= 0:
        out.append(node)
        node = int(snapshot.node_parent[node])
    return out


def with_dragged(snapshot: Snapshot, moves: Mapping[int, Move], joints: Sequence[Joint]) -> dict[int, Move]:
    """The moves, and one of nothing for each body that another joint holds to something that moves."""
    out = dict(moves)
    index = snapshot.prims.index_of
    waiting = [j for j in joints if j.body0 in index and j.body1 in index]
    progress = True
    while progress:
        progress = False
        for joint in list(waiting):
            body0, body1 = index[joint.body0], index[joint.body1]
            carried = set(out) & set(ancestors(snapshot, body0))
            if body1 not in out and carried and not carried <= set(ancestors(snapshot, body1)):
                out[body1] = Move(joint, 0.0)
                waiting.remove(joint)
                progress = True
    return out


def check_shear(joint: Joint, world: np.ndarray, who: str) -> None:
    """Raise UserError where a turn would shear the body: it has scales that differ across the axis."""
    if joint.motion != "rotate":
        return
    linear = world[:3, :3]
    scale = np.linalg.norm(linear, axis=0)
    turn = quat_to_matrix(np.array([np.cos(0.35), *(np.sin(0.35) * joint.axis)]))
    if np.abs(np.diag(scale) @ turn - turn @ np.diag(scale)).max() > 1e-5 * scale.max():
        shown = ", ".join(f"{s:g}" for s in scale)
        raise UserError(
            f"{who}: {joint.body1} is scaled by {shown}, and a turn would shear it; move the scale to the prims below it"
        )
