"""Whether things overlap in space: the box of each in its own axes, wherever and however it stands.

Boxes, not triangles: two things that pass do not touch; two that could be nested closer are kept apart.
"""

from collections.abc import Sequence

import numpy as np

from twinstage.render.extents import Bounds, transform
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Snapshot

TOUCH = 1e-9
"""What counts as touching, not as overlapping [m]."""


def block_of(snapshot: Snapshot, bounds: Bounds, node: int, rows: np.ndarray) -> F8 | None:
    """Corners f8[8, 3] in the world of the box of those instances in the axes of a node; None where nothing is drawn.

    A sheared or unevenly scaled node gives a box that is not right-angled in the world, which all here allow for.
    """
    world = np.asarray(snapshot.node_world[node], np.float64)
    box = bounds.of_instances(snapshot, rows, world)
    return None if box is None else transform(world, box.corners)


def edges(block: np.ndarray) -> F8:
    """The three edges f8[3, 3] of a block, from its first corner."""
    return np.asarray(block[[4, 2, 1]] - block[0], np.float64)


def blocks_meet(a: np.ndarray, b: np.ndarray, clearance: float = 0.0) -> bool:
    """Whether two blocks come closer than `clearance` [m].

    Separating axes: normals of faces and products of edges (S. Gottschalk et al., "OBBTree", 1996). Where only corners
    face each other, blocks a little more than `clearance` apart still count as too close.
    """
    axes = _axes(a, b)
    pa, pb = a @ axes.T, b @ axes.T
    gaps = np.maximum(pa.min(0) - pb.max(0), pb.min(0) - pa.max(0))
    return bool(gaps.max() < clearance - TOUCH)


def _axes(a: np.ndarray, b: np.ndarray) -> F8:
    mine, yours = _directions(edges(a)), _directions(edges(b))
    faces = [_cross(d[_FIRST], d[_SECOND]) for d in (mine, yours)]
    axes = np.concatenate([*faces, _cross(mine[:, None], yours[None]).reshape(9, 3)])
    length = np.linalg.norm(axes, axis=1)
    out: F8 = axes[length > 1e-9] / length[length > 1e-9, None]
    return out


_FIRST, _SECOND = [1, 2, 0], [2, 0, 1]


def _cross(a: F8, b: F8) -> F8:
    """Cross products f8[..., 3]; np.cross does the same, at four times the price for a few vectors."""
    out: F8 = a[..., _FIRST] * b[..., _SECOND] - a[..., _SECOND] * b[..., _FIRST]
    return out


def _directions(three: np.ndarray) -> F8:
    """Unit edges; a flat or thin block gets directions across itself for those that it lacks."""
    length = np.linalg.norm(three, axis=1)
    there = three[length > 1e-12] / length[length > 1e-12, None]
    if len(there) == 3:
        return np.asarray(there)
    _, _, across = np.linalg.svd(there if len(there) else np.zeros((1, 3)))
    return np.asarray(np.concatenate([there, across[len(there) :]]))


class Crowd:
    """Blocks that are taken, with a quick look at their upright boxes first. All keep `clearance` [m]."""

    def __init__(self, clearance: float = 0.0) -> None:
        self.clearance = clearance
        self._blocks: list[F8] = []
        self._low, self._high = np.zeros((0, 3)), np.zeros((0, 3))

    def add(self, blocks: Sequence[F8]) -> None:
        """Take these blocks."""
        if blocks:
            self._blocks += blocks
            corners = np.array(blocks)
            self._low = np.concatenate([self._low, corners.min(1)])
            self._high = np.concatenate([self._high, corners.max(1)])

    def meets(self, block: np.ndarray) -> bool:
        """Whether the block comes too close to one that is taken."""
        low, high = block.min(0) - self.clearance, block.max(0) + self.clearance
        near = np.flatnonzero(np.all((self._low < high) & (self._high > low), axis=1))
        return any(self._pair(block, self._blocks[int(i)]) for i in near)

    def _pair(self, a: F8, b: F8) -> bool:
        return blocks_meet(a, b, self.clearance)


class PlanCrowd(Crowd):
    """The same, judged by outlines seen from above, for things whose heights overlap."""

    def _pair(self, a: F8, b: F8) -> bool:
        from twinstage.synth.footprints import footprint, overlap

        return overlap(footprint(a), footprint(b), self.clearance)
