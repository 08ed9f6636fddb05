"""Where instances are while the rows of an image are exposed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.motion import Motion, interpolated
from twinstage.scene.columns import F8, Bool
from twinstage.scene.snapshot import Snapshot, by_depth, depths


@dataclass(frozen=True)
class Moment:
    """What rows first <= y < last of the image see: one snapshot, and poses by row for the nodes that move meanwhile.

    `nodes` i8[m], rising, are those that move; `node_rows` f8[m, height, 4, 4] their world_from_node at each row's time.
    The first moment also holds for what lies above the image, the last one for what lies below.
    """

    snapshot: Snapshot
    first: int
    last: int
    nodes: np.ndarray
    node_rows: F8

    @cached_property
    def _place(self) -> np.ndarray:
        out = np.full(self.snapshot.node_count, -1)
        out[self.nodes] = np.arange(len(self.nodes))
        return out

    def moves(self, node: np.ndarray) -> Bool:
        """Which of those nodes move, bool[n]."""
        out: Bool = self._place[node] >= 0
        return out

    def instance(self, row: int) -> F8:
        """world_from_gprim of an instance, f8[4, 4] or f8[height, 4, 4]."""
        table = self.snapshot.instances
        at = self._place[table.node[row]]
        if at < 0:
            return np.asarray(self.snapshot.instance_world[row])
        return np.asarray(self.node_rows[at] @ table.frames.take(np.array([row]))[0])


def moments(snapshot: Snapshot, camera: Camera, motion: Motion | None) -> Iterator[Moment]:
    """The moments of an image, by rows; one moment where nothing moves or all rows are exposed at once."""
    none = np.zeros(0, np.int64), np.zeros((0, camera.height, 4, 4))
    if motion is None:
        yield Moment(snapshot, 0, camera.height, *none)
        return
    times = camera.shutter.row_times(camera.height)
    if (times == times[0]).all() or len(motion.snapshots) == 1:
        yield Moment(motion.at(float(times[0])), 0, camera.height, *none)
        return
    keys = np.array(motion.seconds)
    key = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 1)
    edges = np.flatnonzero(np.diff(key)) + 1
    for rows in np.split(np.arange(camera.height), edges):
        base = motion.snapshots[int(key[rows[0]])]
        after = motion.snapshots[min(int(key[rows[0]]) + 1, len(keys) - 1)]
        span = keys[key[rows[0]]], keys[min(int(key[rows[0]]) + 1, len(keys) - 1)]
        share = (times - span[0]) / (span[1] - span[0]) if span[1] > span[0] else np.zeros(len(times))
        nodes, poses = _moving(base, after, np.clip(share, 0.0, 1.0))
        yield Moment(base, int(rows[0]), int(rows[-1]) + 1, nodes, poses)


def _moving(a: Snapshot, b: Snapshot, share: F8) -> tuple[np.ndarray, F8]:
    """Nodes that move from a to b, or hang off one that does, and their world poses f8[m, len(share), 4, 4]."""
    moved = (a.node_local != b.node_local).any((1, 2))
    parent = a.node_parent
    levels = by_depth(depths(parent))
    affected = moved.copy()
    for level in levels[1:]:
        affected[level] |= affected[parent[level]]
    nodes = np.flatnonzero(affected)
    place = np.full(a.node_count, -1)
    place[nodes] = np.arange(len(nodes))
    out = np.empty((len(nodes), len(share), 4, 4))
    for level in levels:
        for node in level[affected[level]].tolist():
            local = np.broadcast_to(a.node_local[node], (len(share), 4, 4))
            if moved[node]:
                local = interpolated(local, np.broadcast_to(b.node_local[node], local.shape), share)
            above = parent[node]
            if above < 0:
                out[place[node]] = local
            else:
                world = out[place[above]] if affected[above] else a.node_world[above]
                out[place[node]] = world @ local
    return nodes, out
