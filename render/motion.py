"""What happens while a shutter is open: camera paths and scenes between two moments."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import F8, frozen
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.transforms import axis_angle_to_quat, compose_trs, decompose_trs, quat_to_matrix


@dataclass(frozen=True, slots=True)
class Shutter:
    """When the rows of an image are exposed, in seconds from the frame's time.

    The first row's exposure runs from `open` to `close`; the last row's is `readout` later (rolling shutter), and the
    rows between follow evenly. Labels are taken in the middle of each row's exposure.
    """

    open: float = 0.0
    close: float = 0.0
    readout: float = 0.0

    @property
    def middle(self) -> float:
        """Middle of the middle row's exposure [s]."""
        return (self.open + self.close + self.readout) / 2

    def row_times(self, height: int) -> F8:
        """Middle of each row's exposure, f8[height] [s]; all equal for a global shutter."""
        share = np.arange(height) / max(height - 1, 1)
        out: F8 = (self.open + self.close) / 2 + self.readout * share
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Where a camera is: seconds f8[k], rising, and world_from_camera f8[k, 4, 4] (rigid, OpenCV axes) [m].

    Between keys positions run straight and rotations evenly (slerp); before the first and after the last it rests.
    """

    seconds: F8
    world_from_camera: F8

    def at(self, seconds: np.ndarray) -> F8:
        """Poses f8[n, 4, 4] at those times f8[n] [s]."""
        before, share = _keys(self.seconds, np.asarray(seconds, np.float64))
        return interpolated(self.world_from_camera[before], self.world_from_camera[before + 1], share)


MOST_TURN = 1.0
"""Farthest turn between two keys of a path [rad]: slerp takes the shorter way."""
MOST_KEYS = 10_000


def constant_motion(
    pose: np.ndarray, velocity: np.ndarray, turn: np.ndarray, first: float, last: float
) -> Trajectory:
    """The path from `first` to `last` [s] of a camera that goes straight and turns about one axis, both evenly.

    `pose`: at time 0, f8[4, 4]; `velocity` [m/s] and `turn` (axis times rad/s) f8[3] in the camera's axes at time 0.
    Raises UserError for more turns than a path has keys for.
    """
    rate = float(np.linalg.norm(turn))
    keys = {first, last} | ({0.0} if first < 0 < last else set())
    steps = int(np.ceil(rate * (last - first) / MOST_TURN))
    if steps > MOST_KEYS:
        raise UserError(f"a camera turns by {rate * (last - first):.4g} rad while its shutter is open")
    seconds = np.array(sorted(keys | set(np.linspace(first, last, steps + 1).tolist())))
    poses = np.tile(pose, (len(seconds), 1, 1))
    if rate > 0:
        quats = axis_angle_to_quat(np.tile(turn / rate, (len(seconds), 1)), rate * seconds)
        poses[:, :3, :3] = pose[:3, :3] @ quat_to_matrix(quats)
        poses[seconds == 0] = pose
    poses[:, :3, 3] = pose[:3, 3] + seconds[:, None] * (pose[:3, :3] @ velocity)
    return Trajectory(frozen(seconds, np.float64), frozen(poses, np.float64))


def same_things(snapshots: Sequence[Snapshot]) -> bool:
    """Whether they hold the same prims and points, so that each can be told where it goes."""
    first = snapshots[0]
    return all(
        (len(other.prims), len(other.points)) == (len(first.prims), len(first.points))
        and np.array_equal(other.prims.parent, first.prims.parent)
        and np.array_equal(other.points.point_id, first.points.point_id)
        for other in snapshots[1:]
    )


@dataclass(frozen=True)
class Motion:
    """A scene that moves: snapshots of the same things at rising times, f8[k] [s] from the frame's time.

    Between two of them the *local* pose of each node is interpolated: translation and scale straight, rotation by slerp.
    What else differs (visibility, colours, deformed points) is that of the snapshot before.
    """

    seconds: tuple[float, ...]
    snapshots: tuple[Snapshot, ...]
    _cache: dict[float, Snapshot] = field(default_factory=dict, compare=False, repr=False)

    def at(self, seconds: float) -> Snapshot:
        """The scene at that time; equal to a key's snapshot at its time, before the first and after the last."""
        if seconds in self.seconds:
            return self.snapshots[self.seconds.index(seconds)]
        if seconds <= self.seconds[0] or len(self.snapshots) == 1:
            return self.snapshots[0]
        if seconds >= self.seconds[-1]:
            return self.snapshots[-1]
        if seconds not in self._cache:
            self._cache[seconds] = self._between(seconds)
        return self._cache[seconds]

    @cached_property
    def still(self) -> bool:
        """Whether no node moves at all."""
        first = self.snapshots[0].node_local
        return all(np.array_equal(first, other.node_local) for other in self.snapshots[1:])

    def _between(self, seconds: float) -> Snapshot:
        before, share = _keys(np.array(self.seconds), np.array([seconds]))
        a, b = self.snapshots[int(before[0])], self.snapshots[int(before[0]) + 1]
        moved = np.flatnonzero((a.node_local != b.node_local).any((1, 2)))
        if moved.size == 0:
            return a
        matrices = interpolated(a.node_local[moved], b.node_local[moved], np.full(len(moved), share[0]))
        n = len(a.prims)
        split = int(np.searchsorted(moved, n))
        prims = replace(a.prims, frames=a.prims.frames.replaced(moved[:split], matrices[:split]))
        points = replace(a.points, frames=a.points.frames.replaced(moved[split:] - n, matrices[split:]))
        return replace(a, prims=prims, points=points)


def _keys(times: F8, seconds: F8) -> tuple[np.ndarray, F8]:
    """Index of the key before each time, at most the last but one, and the share of the way to the next, in [0, 1]."""
    if len(times) == 1:
        raise ValueError("a motion needs two keys")
    before = np.clip(np.searchsorted(times, seconds, side="right") - 1, 0, len(times) - 2)
    share = np.clip((seconds - times[before]) / (times[before + 1] - times[before]), 0.0, 1.0)
    return before, share


def interpolated(a: F8, b: F8, share: np.ndarray) -> F8:
    """Matrices f8[n, 4, 4] between a and b: translation and scale straight, rotation by slerp on the shorter way.

    Shear is lost but at share 0 and 1, where a and b themselves are returned.
    """
    ta, qa, sa, _ = decompose_trs(np.array(a))
    tb, qb, sb, _ = decompose_trs(np.array(b))
    w = np.asarray(share, np.float64)[:, None]
    out = compose_trs(ta + w * (tb - ta), slerp(qa, qb, w[:, 0]), sa + w * (sb - sa))
    out[w[:, 0] == 0] = a[w[:, 0] == 0]
    out[w[:, 0] == 1] = b[w[:, 0] == 1]
    return frozen(out, np.float64)


def slerp(a: F8, b: F8, share: np.ndarray) -> F8:
    """Unit quaternions wxyz f8[n, 4] between a and b [n, 4] (Shoemake 1985), on the shorter way."""
    dot = np.einsum("ij,ij->i", a, b)
    b = np.where(dot[:, None] < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    sine = np.sin(angle)
    near = sine < 1e-9
    divisor = np.where(near, 1.0, sine)
    wa = np.where(near, 1 - share, np.sin((1 - share) * angle) / divisor)
    wb = np.where(near, share, np.sin(share * angle) / divisor)
    out = wa[:, None] * a + wb[:, None] * b
    result: F8 = out / np.linalg.norm(out, axis=1, keepdims=True)
    return result
