"""The tree of prims with its instances, counted before anything is expanded.

Every prim is visited once: those of the stage, and those of each native prototype once, however often it is used. The rows
of all instance proxies follow by arithmetic. 10 kB of nested instances can mean 400 million prims, so sizes are computed
first, and prototypes that would take the table beyond its limit stay closed.
"""

from array import array as numbers
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from twinstage.scene.columns import I4
from twinstage.scene.snapshot import by_depth, depths

_AT_ONCE = 4096


@dataclass
class Tree:
    """The prims below one root, parents first: `first` is the number of the first one, counted over all trees.

    `parent`: position in this tree, -1 at the top; `name`: number of the prim's name; `prototype`: number of the tree
    below an instance, -1 for prims that are none.
    """

    source: str
    first: int
    parent: "numbers[int]" = field(default_factory=lambda: numbers("i"))
    name: "numbers[int]" = field(default_factory=lambda: numbers("i"))
    prototype: "numbers[int]" = field(default_factory=lambda: numbers("i"))


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of the prim table: `own` i4[n], the prim read for that row; `parent` i4[n], -1 at the top."""

    own: I4
    parent: I4


class Forest:
    """All trees of a stage: number 0 is the stage itself, the others are native prototypes."""

    def __init__(self, stage: Any, visit: Callable[[list[Any]], None]) -> None:
        """Walk the stage; `visit` is handed each Usd.Prim once, many at a time, in the order in which prims are numbered."""
        self.names: dict[str, int] = {}
        self.trees: list[Tree] = []
        self._roots: list[Any] = [stage.GetPseudoRoot()]
        self._numbers: dict[Any, int] = {}
        total = 0
        while len(self.trees) < len(self._roots):
            tree = Tree(str(self._roots[len(self.trees)].GetPath()), total)
            self._gather(self._roots[len(self.trees)], tree, visit)
            self.trees.append(tree)
            total += len(tree.parent)
        self.in_stage = len(self.trees[0].parent)
        self._closed: set[int] = set()
        self._sizes: dict[int, int] = {}
        self._expanded: dict[int, Rows] = {}

    def _gather(self, root: Any, tree: Tree, visit: Callable[[list[Any]], None]) -> None:
        from pxr import Usd

        top = root.GetPath().pathElementCount
        above = [-1]  # the last prim of each depth
        steps = iter(Usd.PrimRange(root))
        next(steps, None)  # the root itself is no row
        row, names = 0, self.names
        # Methods mapped over many prims cost a third of calls on one after the other. Paths are not kept as strings:
        # those would stay in memory for good.
        while prims := list(islice(steps, _AT_ONCE)):
            depths = [path.pathElementCount - top for path in map(Usd.Prim.GetPath, prims)]
            for depth, name in zip(depths, map(Usd.Prim.GetName, prims), strict=True):
                del above[depth:]
                tree.parent.append(above[-1])
                tree.name.append(names.setdefault(name, len(names)))
                above.append(row)
                row += 1
            uses = zip(prims, map(Usd.Prim.IsInstance, prims), strict=True)
            tree.prototype.extend(self._prototype(prim) if used else -1 for prim, used in uses)
            visit(prims)

    def _prototype(self, instance: Any) -> int:
        prototype = instance.GetPrototype()
        number = self._numbers.get(prototype)
        if number is None:
            number = self._numbers[prototype] = len(self._roots)
            self._roots.append(prototype)
        return number

    def size(self, number: int) -> int:
        """Rows below an instance of that tree, without expanding anything."""
        if number in self._closed:
            return 0
        if number not in self._sizes:
            tree = self.trees[number]
            uses = Counter(tree.prototype)
            below = sum(count * self.size(k) for k, count in uses.items() if k >= 0)
            self._sizes[number] = len(tree.parent) + below
        return self._sizes[number]

    def close(self, limit: int) -> list[tuple[str, int]]:
        """Leave out what is below the instances that need most rows until the table fits; returns what was left out.

        Each entry: the prototype's path and the rows that it would have needed.
        """
        left_out = []
        for number in range(len(self.trees) - 1, 0, -1):
            if self.size(number) > limit:
                left_out.append((self.trees[number].source, self.size(number)))
                self._shut(number)
        uses = Counter(self.trees[0].prototype)
        while self.size(0) > limit and self.size(0) > self.in_stage:
            need = {k: uses[k] * self.size(k) for k in sorted(uses) if k >= 0}
            worst = max(need, key=lambda k: need[k])
            left_out.append((self.trees[worst].source, need[worst]))
            self._shut(worst)
        return left_out

    def _shut(self, number: int) -> None:
        self._closed.add(number)
        self._sizes.clear()

    def rows(self) -> Rows:
        """All rows, sorted by path: depth-first, children by name ("/" sorts before every letter of a name)."""
        rank = np.empty(len(self.names), np.int32)
        names = list(self.names)
        rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        return self._expand(0, rank)

    def _expand(self, number: int, rank: np.ndarray) -> Rows:
        if number in self._expanded:
            return self._expanded[number]
        tree = self.trees[number]
        parent, prototype = np.array(tree.parent, np.int32), np.array(tree.prototype, np.int32)
        extra = np.zeros(len(parent), np.int64)
        used = [int(k) for k in np.unique(prototype) if k >= 0 and k not in self._closed]
        for k in used:
            extra[prototype == k] = self.size(k)
        place = _places(parent, rank[np.array(tree.name, np.int32)], extra)
        own = np.empty(self.size(number), np.int32)
        above = np.empty(len(own), np.int32)
        own[place] = tree.first + np.arange(len(parent))
        above[place] = np.where(parent >= 0, place[parent], -1)
        for k in used:
            block = self._expand(k, rank)
            at = place[prototype == k][:, None] + 1
            below = at + np.arange(len(block.own), dtype=np.int32)
            own[below] = block.own
            above[below] = np.where(block.parent >= 0, at + block.parent, at - 1)
        out = self._expanded[number] = Rows(own, above)
        return out


def _places(parent: I4, rank: np.ndarray, extra: np.ndarray) -> I4:
    """Where each prim stands in depth-first order, when `extra` rows follow it before its own children."""
    levels = by_depth(depths(parent))
    size = 1 + extra
    for rows in reversed(levels[1:]):
        np.add.at(size, parent[rows], size[rows])
    place = np.empty(len(parent), np.int32)
    for depth, rows in enumerate(levels):
        base = place[parent[rows]] + extra[parent[rows]] if depth else np.full(len(rows), -1)
        order = np.lexsort((rank[rows], base))
        rows, base = rows[order], base[order]
        before = np.cumsum(size[rows]) - size[rows]
        starts = np.flatnonzero(np.diff(base, prepend=-2))
        place[rows] = base + 1 + before - np.repeat(before[starts], np.diff(np.append(starts, len(rows))))
    return place


def size_below(root: Any, known: dict[str, int]) -> int:
    """Active prims from the root down with all instance proxies, counted without visiting a proxy."""
    from pxr import Usd

    total = 0
    root = root.GetPrimInPrototype() if root.IsInstanceProxy() else root
    for prim in Usd.PrimRange(root, Usd.PrimIsActive & Usd.PrimIsLoaded):
        total += 1
        if prim.IsInstance():
            prototype = prim.GetPrototype()
            key = str(prototype.GetPath())
            if key not in known:
                known[key] = size_below(prototype, known) - 1
            total += known[key]
    return total
