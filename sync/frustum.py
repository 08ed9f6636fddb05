"""What a camera of a client may see: balls around what nodes draw, against a cone around its picture, with hysteresis."""

from collections.abc import Callable

import numpy as np

from twinstage.scene.columns import F8, Bool, PoseColumns
from twinstage.scene.snapshot import Snapshot
from twinstage.sync.messages import Eye

LOOK_EVERY_NS = 500_000_000
"""Places are composed anew at most this often, for all clients together [ns]."""
_ENTER, _LEAVE = 0.10, 0.25
"""Margin around a ball, as a fraction of its distance: to enter the view, and to stay in it."""


class Places:
    """World places of what nodes draw; a node that draws nothing has none."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._reach = _reach(snapshot)
        self._balls: tuple[F8, F8] | None = None
        self._looked_ns = 0

    def balls(self, poses: Callable[[], PoseColumns], now_ns: int) -> tuple[F8, F8]:
        """Centres f8[nodes, 3] and radii f8[nodes] [m] in the world; radius -1: draws nothing. `poses`: all that ever moved."""
        if self._balls is None or not 0 <= now_ns - self._looked_ns < LOOK_EVERY_NS:
            world = self._snapshot.moved(poses()).node_world
            grown = np.linalg.norm(world[:, :3, :3], axis=1).max(axis=1)
            self._balls = world[:, :3, 3], np.where(self._reach < 0, -1.0, self._reach * grown)
            self._looked_ns = now_ns
        return self._balls


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
    distance = np.linalg.norm(to, axis=1)
    margin = np.full(len(distance), _ENTER)
    if before is not None:
        margin[before] = _LEAVE
    reach = radius + margin * distance
    half = np.arctan(np.tan(min(eye.vertical_fov, 3.0) / 2) * np.hypot(1.0, eye.aspect))
    along = to @ direction
    across = np.sqrt(np.maximum(0.0, distance**2 - along**2))
    inside = across * np.cos(half) - along * np.sin(half) <= reach
    if eye.far is not None:
        inside &= distance - reach <= eye.far
    out: Bool = inside & (radius >= 0)
    return out


def _unit(vector: tuple[float, float, float]) -> F8:
    direction = np.array(vector, np.float64)
    length = float(np.linalg.norm(direction))
    return direction / length if length > 0 else np.array([1.0, 0.0, 0.0])
