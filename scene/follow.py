"""Worlds of the few nodes that other nodes follow: frames, their ancestors, and what hangs below them.

Most bound nodes move relative to their own parent and never come here. A follower's pose is given in another frame (the
world, a prim, the body before it in a flat robot, a gripper), and both that frame and the follower's parent may move in
the same tick. So the nodes involved are put into levels: a follower comes one level after everything it looks at.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8, I8
from twinstage.scene.problems import BindingProblem
from twinstage.scene.snapshot import Snapshot

WORLD = -1


@dataclass(frozen=True, slots=True)
class Levels:
    """For each level: the nodes whose world is to be composed after that level's followers, grouped by depth."""

    groups: tuple[tuple[I8, ...], ...]
    level_of: dict[int, int]


class WorldCache:
    """Local and world matrices of a closed set of nodes (every node's ancestors are in it).

    `place[node]` is the row of a node in `local` and `world`; the last row is the world itself.
    """

    def __init__(self, snapshot: Snapshot, nodes: Iterable[int]) -> None:
        self.nodes = np.array(sorted(_with_ancestors(snapshot, nodes)), np.int64)
        self.place = np.full(snapshot.node_count + 1, -1, np.int64)
        self.place[self.nodes] = np.arange(len(self.nodes))
        self.place[WORLD] = len(self.nodes)
        self.parent: I8 = self.place[snapshot.node_parent[self.nodes].astype(np.int64)]
        self._authored = np.concatenate([snapshot.node_local[self.nodes], np.eye(4)[None]])
        self.local = self._authored.copy()
        self.world = np.concatenate([snapshot.node_world[self.nodes], np.eye(4)[None]])
        self._authored_world = self.world.copy()

    def reset(self) -> None:
        """Back to the authored poses."""
        self.local[:] = self._authored
        self.world[:] = self._authored_world

    def set_local(self, nodes: np.ndarray, local: np.ndarray) -> None:
        """New local matrices of nodes; those that nobody looks at are skipped."""
        places = self.place[nodes]
        here = places >= 0
        self.local[places[here]] = local[here]

    def compose(self, places: np.ndarray) -> None:
        """World from the parent's world, for rows whose parents are done."""
        self.world[places] = self.world[self.parent[places]] @ self.local[places]

    def parent_from(self, places: np.ndarray, frames: np.ndarray) -> F8:
        """parent_from_frame f8[n, 4, 4] of rows and the rows of their frames."""
        return np.asarray(np.linalg.inv(self.world[self.parent[places]]) @ self.world[frames])


def _with_ancestors(snapshot: Snapshot, nodes: Iterable[int]) -> set[int]:
    parent = snapshot.node_parent
    out: set[int] = set()
    for node in nodes:
        while node >= 0 and node not in out:
            out.add(node)
            node = int(parent[node])
    return out


def make_levels(
    snapshot: Snapshot,
    cache: WorldCache,
    looks_at: Mapping[int, tuple[int, ...]],
    blame: Callable[[int], str],
) -> Levels:
    """Levels of the cached nodes. `looks_at`: what each follower needs besides its parent (WORLD for nothing).

    Raises UserError, beginning with `blame(node)`, where a follower looks at something that it moves itself.
    """
    parent = snapshot.node_parent
    level: dict[int, int] = {}
    depth: dict[int, int] = {WORLD: 0}

    def visit(node: int, open_nodes: tuple[int, ...]) -> int:
        if node == WORLD:
            return 0
        if node in level:
            return level[node]
        if node in open_nodes:
            path = node_name(snapshot, node)
            culprit = next(n for n in reversed(open_nodes) if n in looks_at)
            raise BindingProblem(
                "binding.cycle",
                blame(culprit),
                f"it follows something that moves with {path} itself",
                culprit,
            )
        chain = (*open_nodes, node)
        own = visit(int(parent[node]), chain)
        if node in looks_at:
            own = 1 + max([own, *(visit(other, chain) for other in looks_at[node])])
        level[node] = own
        depth[node] = depth[int(parent[node])] + 1
        return own

    for node in cache.nodes.tolist():
        visit(node, ())
    count = max(level.values(), default=0) + 1
    by_level: list[dict[int, list[int]]] = [{} for _ in range(count)]
    for node in cache.nodes.tolist():
        by_level[level[node]].setdefault(depth[node], []).append(int(cache.place[node]))
    groups = tuple(tuple(np.array(rows[d]) for d in sorted(rows)) for rows in by_level)
    return Levels(groups, level)


def node_name(snapshot: Snapshot, node: int) -> str:
    """A node's prim path, with the point id where it is a point."""
    if node < len(snapshot.prims):
        return snapshot.prims.path[node]
    row = node - len(snapshot.prims)
    path = snapshot.prims.path[int(snapshot.points.instancer[row])]
    return f"{path}[{int(snapshot.points.point_id[row])}]"
