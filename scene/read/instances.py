"""Drawings: every gprim that is drawn where it stands, then every gprim of every point; and the objects they belong to."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import frozen
from twinstage.scene.labels import LabelPolicy, Levels, ResolvedLabels, flat, merged, resolve
from twinstage.scene.read.appearance import DRAWN_PURPOSES, Appearance
from twinstage.scene.read.points import PointReader, PointRows
from twinstage.scene.snapshot import InstanceTable, PointTable, PrimTable, SceneObject


@dataclass(frozen=True, slots=True)
class Block:
    """Drawings that share a prototype: per-row arrays over k rows, or one value for all."""

    prototype: int
    node: np.ndarray
    prim: np.ndarray
    point_id: np.ndarray
    part: int
    local: np.ndarray
    material_set: np.ndarray
    visible: np.ndarray


def below_instancers(table: PrimTable) -> np.ndarray:
    """Prims below a PointInstancer, bool[n]: USD draws them only as its points."""
    below = np.zeros(len(table), bool)
    for i, parent in enumerate(table.parent):
        if parent >= 0:
            below[i] = below[parent] or table.type_name[parent] == "PointInstancer"
    return below


def read_points(
    table: PrimTable, prims: list[Any], hidden: np.ndarray, reader: PointReader
) -> list[PointRows]:
    """The points of all instancers that draw, in path order."""
    found = []
    for i, type_name in enumerate(table.type_name):
        if type_name == "PointInstancer" and not hidden[i] and table.purpose[i] in DRAWN_PURPOSES:
            rows = reader.read(i, prims[i])
            if rows is not None:
                found.append(rows)
    return found


def point_table(rows: list[PointRows]) -> PointTable:
    """All points, sorted by instancer and id."""
    if not rows:
        return PointTable(
            frozen(np.empty(0), np.int32),
            frozen(np.empty(0), np.int64),
            frozen(np.empty((0, 4, 4)), np.float64),
            frozen(np.empty(0), np.bool_),
        )
    return PointTable(
        instancer=frozen(np.concatenate([np.full(len(r.point_id), r.instancer) for r in rows]), np.int32),
        point_id=frozen(np.concatenate([r.point_id for r in rows]), np.int64),
        local=frozen(np.concatenate([r.local for r in rows]), np.float64),
        visible=frozen(np.concatenate([r.visible for r in rows]), np.bool_),
    )


def prim_blocks(
    table: PrimTable, prims: list[Any], hidden: np.ndarray, appearance: Appearance
) -> list[Block]:
    """Drawings of the gprims that stand for themselves."""
    drawn = [
        i
        for i in range(len(table))
        if not hidden[i] and table.purpose[i] in DRAWN_PURPOSES and appearance.drawable(prims[i])
    ]
    blocks = []
    for i, look in zip(drawn, appearance.looks([prims[i] for i in drawn]), strict=True):
        if look is not None:
            at = np.array([i])
            blocks.append(
                Block(
                    prototype=look.prototype,
                    node=at,
                    prim=at,
                    point_id=np.array([-1]),
                    part=0,
                    local=np.eye(4)[None],
                    material_set=np.array([look.material_set]),
                    visible=table.visible[i : i + 1],
                )
            )
    return blocks


def point_blocks(table: PrimTable, rows: list[PointRows]) -> list[Block]:
    """Drawings of the points: one block for each gprim of each prototype."""
    blocks = []
    first = len(table)
    for r in rows:
        shown = r.visible & table.visible[r.instancer]
        for k, parts in enumerate(r.parts):
            at = np.flatnonzero(r.prototype_index == k)
            for number, part in enumerate(parts):
                sets = r.material_sets if part.plain else None
                blocks.append(
                    Block(
                        prototype=part.prototype,
                        node=first + at,
                        prim=np.full(len(at), r.instancer),
                        point_id=r.point_id[at],
                        part=number,
                        local=np.broadcast_to(part.local, (len(at), 4, 4)),
                        material_set=np.full(len(at), part.material_set) if sets is None else sets[at],
                        visible=shown[at],
                    )
                )
        first += len(r.point_id)
    return blocks


def instance_table(blocks: list[Block], objects_of: "ObjectFinder") -> InstanceTable:
    """All drawings, sorted by prim, point id and gprim."""
    if not blocks:
        blocks = [_nothing()]
    sizes = [len(b.node) for b in blocks]
    prim = np.concatenate([b.prim for b in blocks])
    point_id = np.concatenate([b.point_id for b in blocks])
    part = np.repeat([b.part for b in blocks], sizes)
    order = np.lexsort((part, point_id, prim))
    prim, point_id = prim[order], point_id[order]
    return InstanceTable(
        prototype=frozen(np.repeat([b.prototype for b in blocks], sizes)[order], np.int32),
        node=frozen(np.concatenate([b.node for b in blocks])[order], np.int32),
        prim=frozen(prim, np.int32),
        point_id=frozen(point_id, np.int64),
        local=_locals(blocks, order),
        material_set=frozen(np.concatenate([b.material_set for b in blocks])[order], np.int32),
        object=frozen(objects_of.find(prim, point_id), np.int32),
        visible=frozen(np.concatenate([b.visible for b in blocks])[order], np.bool_),
    )


def _locals(blocks: list[Block], order: np.ndarray) -> np.ndarray:
    if all(b.local.strides[0] == 0 or len(b.local) == 1 for b in blocks) and all(
        (b.local == np.eye(4)).all() for b in blocks
    ):
        return np.broadcast_to(
            np.eye(4), (len(order), 4, 4)
        )  # one matrix in memory, whatever the number of rows
    return frozen(np.concatenate([b.local for b in blocks])[order], np.float64)


def _nothing() -> Block:
    none = np.empty(0, np.int64)
    return Block(0, none, none, none, 0, np.empty((0, 4, 4)), none, np.empty(0, bool))


class ObjectFinder:
    """Objects by the labelling policy (`scene.labels`).

    Every point of a PointInstancer is an object of its own; its labels are its prototype's, then the instancer's. Where
    no ancestor qualifies, the gprim itself is the object, without a class.
    """

    def __init__(self, table: PrimTable, rows: list[PointRows], policy: LabelPolicy | None = None) -> None:
        self.table = table
        self.objects: tuple[SceneObject, ...] = ()
        self.ambiguous: dict[tuple[str, ...], tuple[str, int]] = {}
        """Labels that leave a class open: the first prim that has them, and how many have."""
        self._labels = resolve_table(table, policy or LabelPolicy())
        self._point_labels = {r.instancer: r for r in rows}

    def find(self, prim: np.ndarray, point_id: np.ndarray) -> np.ndarray:
        """The object of each drawing (prim index, point id or -1); fills `objects` in (prim path, point id) order."""
        root = np.where(point_id >= 0, prim, self._labels.root[prim]) if len(prim) else prim
        keys = np.stack([root, np.where(point_id >= 0, point_id, -1)], -1)
        unique, inverse = np.unique(keys, axis=0, return_inverse=True)
        self.objects = tuple(self._points_and_prims(unique))
        return inverse.reshape(-1)

    def _points_and_prims(self, keys: np.ndarray) -> list[SceneObject]:
        by_instancer: dict[int, dict[int, tuple[str, tuple[str, ...], int]]] = {}
        out = []
        for prim, point in keys.tolist():
            if point < 0:
                named = self._named(prim, self._labels.levels(prim), self._labels.own(prim))
            else:
                if prim not in by_instancer:
                    by_instancer[prim] = self._labels_by_point(prim)
                named = by_instancer[prim][point]
            out.append(SceneObject(prim, self.table.path[prim], point, *named))
        return out

    def _named(self, prim: int, levels: Levels, own: int) -> tuple[str, tuple[str, ...], int]:
        """(class, labels, how many of them are the object's own)."""
        choice = self._labels.choose(levels)
        if choice.rivals:
            first, number = self.ambiguous.get(choice.rivals, (self.table.path[prim], 0))
            self.ambiguous[choice.rivals] = (first, number + 1)
        return choice.name, merged(levels), own

    def _labels_by_point(self, prim: int) -> dict[int, tuple[str, tuple[str, ...], int]]:
        """What `_named` says by point id: the prototype's own labels count, the instancer's where it has none."""
        rows, above = self._point_labels[prim], self._labels.levels(prim)
        plain = self._named(prim, above, self._labels.own(prim))
        named = [
            self._named(prim, (*levels, *above), len(flat(levels[0]))) if levels else plain
            for levels in rows.labels
        ]
        pairs = zip(rows.point_id.tolist(), rows.prototype_index.tolist(), strict=True)
        return {point: named[k] if k >= 0 else plain for point, k in pairs}


def resolve_table(table: PrimTable, policy: LabelPolicy) -> ResolvedLabels:
    """The policy applied to a prim table."""
    from pxr import Kind

    is_component = {kind: Kind.Registry.IsA(kind, "component") for kind in set(table.kind)}
    groups = table.label_groups or tuple((("class", own),) if own else () for own in table.labels)
    n = len(table)
    component = np.fromiter((is_component[kind] for kind in table.kind), bool, n)
    flagged = np.zeros(n, bool) if table.flagged is None else table.flagged
    return resolve(table.parent, groups, component, flagged, policy)
