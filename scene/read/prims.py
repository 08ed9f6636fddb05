"""The prim table: one row a prim, instance proxies included.

Proxies of the same prim in a prototype differ only in path, parent and what they inherit. So what is authored is read once
for each prim of the stage and of each prototype; everything inherited is computed for all rows at once, level by level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from twinstage.scene.columns import I4, Bool, frozen
from twinstage.scene.labels import flat
from twinstage.scene.read.authored import Authored
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.walk import Forest, Rows
from twinstage.scene.safe.limits import MAX_PRIMS
from twinstage.scene.snapshot import PrimTable, by_depth, depths
from twinstage.scene.tables import Frames, Interned, PathTable


@dataclass(frozen=True)
class PrimRows:
    """What the readers that follow need beside the table.

    Attributes:
        own: number of the prim that was read for the row, i4[n]: proxies of the same prim share it.
        context: rows of equal `own` and `context` have the same bound materials and inherited primvars, i4[n].
        levels: row indices by depth.
        render_hidden: hidden by UsdGeomVisibilityAPI `renderVisibility`, bool[n]; it counts for purpose render.
        prims: Usd.Prim by row.
        keypoints: key points authored on prims: number of the prim (as in `own`), name, place [m].
    """

    own: I4
    context: I4
    levels: tuple[np.ndarray, ...]
    render_hidden: Bool
    prims: "PrimHandles"
    keypoints: "Sequence[tuple[int, str, tuple[float, float, float]]]" = ()


class PrimHandles(Sequence[Any]):
    """The Usd.Prim of each row, fetched when asked for: a million handles would take 100 MB."""

    def __init__(self, stage: Any, path: Sequence[str]) -> None:
        self._stage, self._path = stage, path

    def __len__(self) -> int:
        return len(self._path)

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> list[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return [self._stage.GetPrimAtPath(path) for path in self._path[row]]
        return self._stage.GetPrimAtPath(self._path[row])


class PrimReader:
    """Reads the table and what the other readers need of it."""

    def __init__(self, context: ReadContext) -> None:
        self.context = context

    def read(self) -> tuple[PrimTable, PrimRows]:
        """The table, and its rows' inner side."""
        read = Authored(self.context)
        forest = Forest(self.context.stage, read.visit)
        for source, count in forest.close(MAX_PRIMS):
            self.context.finding(
                "instances.too-many",
                f"what instances of {source} hold is left out: it would be {count:,} prims",
            )
        rows = forest.rows()
        path = PathTable(_names(forest, rows), frozen(rows.parent, np.int32))
        levels = by_depth(depths(rows.parent))
        table = _table(self.context, read, forest, rows, path, levels)
        hidden = _inherited(read.render_visibility.codes(len(read)), rows, levels) == 2
        context = _contexts(read, forest, rows, levels)
        handles = PrimHandles(self.context.stage, path)
        own = frozen(rows.own, np.int32)
        return table, PrimRows(own, context, levels, hidden, handles, tuple(read.keypoints))


def _names(forest: Forest, rows: Rows) -> "Interned[str]":
    name = np.concatenate([np.array(tree.name, np.int32) for tree in forest.trees])
    return Interned(name[rows.own], forest.names)


def _table(
    context: ReadContext,
    read: Authored,
    forest: Forest,
    rows: Rows,
    path: PathTable,
    levels: tuple[np.ndarray, ...],
) -> PrimTable:
    own, parent = rows.own, rows.parent
    own_visible = read.shown()[own]
    visible = own_visible.copy()
    for level in levels[1:]:
        visible[level] &= visible[parent[level]]
    resets = read.resets()[own]
    purpose = _inherited(read.purpose.codes(len(read)), rows, levels)
    groups = read.labels.column(own)
    return PrimTable(
        path=path,
        parent=path.parent,
        type_name=read.type_names(own),
        kind=read.kind.column(own),
        labels=Interned(groups.code, map(flat, groups.values)),
        purpose=Interned(np.where(purpose == 0, 1, purpose), read.purpose.known),
        visible=frozen(visible, np.bool_),
        frames=_frames(context, read, own, (parent < 0) | resets),
        resets=frozen(resets, np.bool_),
        proxy=frozen(own >= forest.in_stage, np.bool_),
        own_visible=frozen(own_visible, np.bool_),
        label_groups=groups,
        flagged=frozen(read.flagged()[own], np.bool_),
    )


def _inherited(authored: I4, rows: Rows, levels: tuple[np.ndarray, ...]) -> I4:
    """The nearest value of each row, its own or an ancestor's; 0 where none is authored."""
    out = authored[rows.own]
    for level in levels[1:]:
        open_rows = level[out[level] == 0]
        out[open_rows] = out[rows.parent[open_rows]]
    return out


def _frames(context: ReadContext, read: Authored, own: I4, in_world: np.ndarray) -> Frames:
    """Local matrices; those that hang off the world turn with it."""
    matrices, frame = read.frames(), read.frame()
    index = frame[own]
    turned = np.unique(index[in_world])
    world = context.conversion.world
    if len(turned) and not np.array_equal(world, np.eye(4)):
        number = np.zeros(len(matrices), np.int32)
        number[turned] = len(matrices) + np.arange(len(turned))
        index[in_world] = number[index[in_world]]
        matrices = np.concatenate([matrices, world[:3, :3] @ matrices[turned]])
    return Frames(frozen(matrices, np.float64), frozen(index, np.int32))


def _contexts(read: Authored, forest: Forest, rows: Rows, levels: tuple[np.ndarray, ...]) -> I4:
    """A number for each chain of ancestors that binds materials or gives primvars.

    A collection names single paths, so below a collection binding outside prototypes every row has a number of its own.
    """
    own, parent = rows.own, rows.parent
    look = read.look.codes(len(read))[own]
    alone = read.by_collection()[own] & (own < forest.in_stage)
    out = np.zeros(len(own), np.int64)
    last = 0
    for depth, level in enumerate(levels):
        if depth:
            out[level] = out[parent[level]]
            alone[level] |= alone[parent[level]]
        marked = level[look[level] > 0]
        if len(marked):
            keys = look[marked].astype(np.int64) * (last + 1) + out[marked]
            found, inverse = np.unique(keys, return_inverse=True)
            out[marked] = last + 1 + inverse.reshape(-1)
            last += len(found)
    single = np.flatnonzero(alone)
    out[single] = last + 1 + np.arange(len(single))
    return frozen(out, np.int32)
