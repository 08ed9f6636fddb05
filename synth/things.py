"""Things that are placed: where each is, its box, and what it would look like elsewhere."""

from dataclasses import dataclass

import numpy as np

from twinstage.render.extents import SHARED_BOUNDS, instances_below, transform
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.blocks import block_of


@dataclass(frozen=True, slots=True)
class Thing:
    """What is to be placed: its prim, where it is now, and its box in its own axes (corners f8[8, 3]; None: it has none)."""

    prim: int
    path: str
    before: F8
    corners: F8 | None

    def block(self, world: np.ndarray) -> F8 | None:
        """Its box in the world, were it there."""
        return None if self.corners is None else transform(world, self.corners)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A place for a thing: its world matrix, or why there is none (`fault`); `spot` is what is remembered of it."""

    world: F8 | None = None
    fault: str = ""
    point: F8 | None = None
    cell: int = -1


def thing_of(snapshot: Snapshot, prim: int, *, box: bool = True) -> Thing:
    """A prim as it is now, with its `box` or, quicker, without."""
    before = np.asarray(snapshot.node_world[prim], np.float64)
    rows = instances_below(snapshot, prim) if box else np.zeros(0, np.int64)
    found = SHARED_BOUNDS.of_instances(snapshot, rows, before) if len(rows) else None
    return Thing(prim, snapshot.prims.path[prim], before, None if found is None else found.corners)


def blocks_of(snapshot: Snapshot, prim: int) -> list[F8]:
    """The boxes of a prim, one, or of a PointInstancer, one a point; none where nothing of it is visible."""
    rows = instances_below(snapshot, prim)
    if snapshot.prims.type_name[prim] != "PointInstancer":
        block = block_of(snapshot, SHARED_BOUNDS, prim, rows)
        return [] if block is None else [block]
    out = []
    nodes = snapshot.instances.node[rows]
    for point in np.flatnonzero(snapshot.points.instancer == prim):
        node = len(snapshot.prims) + int(point)
        block = block_of(snapshot, SHARED_BOUNDS, node, rows[nodes == node])
        out += [] if block is None else [block]
    return out


def moved(thing: Thing, turn: np.ndarray, middle: np.ndarray, bottom: float) -> F8:
    """The world matrix of a thing after that turn: the middle of its outline at `middle`, its lowest point at `bottom`."""
    world = np.array(thing.before)
    world[:3, :3] = turn @ world[:3, :3]
    block = thing.block(world)
    assert block is not None  # things without a box are not placed in relation to others
    low, high = block.min(0), block.max(0)
    world[:2, 3] += middle - (low + high)[:2] / 2
    world[2, 3] += bottom - low[2]
    return world
