"""Which object a drawing belongs to, and its class and labels, by the labelling policy (`scene.labels`).

Every point of a PointInstancer is an object of its own; its labels are its prototype's, then the instancer's. Where no
ancestor qualifies, the gprim itself is the object, without a class.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from twinstage.scene.columns import I4
from twinstage.scene.labels import Groups, LabelPolicy, Levels, ResolvedLabels, flat, merged, resolve
from twinstage.scene.snapshot import PrimTable
from twinstage.scene.tables import Interned, LabelSet


class ObjectFinder:
    """Objects and label sets by prim row; `root` i4[n]: the prim of the object that a gprim in that row belongs to."""

    def __init__(self, table: PrimTable, policy: LabelPolicy) -> None:
        self._path = table.path
        self._labels = resolve_table(table, policy)
        self._known: dict[LabelSet, int] = {}
        self._rivals: dict[tuple[str, ...], list[np.ndarray]] = {}
        self.root = self._labels.root

    @property
    def label_sets(self) -> tuple[LabelSet, ...]:
        """All label sets, by code."""
        return tuple(self._known)

    def label_set(self, prims: np.ndarray) -> I4:
        """Codes of the label sets of prims that are objects."""
        keys = self._labels.chain[prims].astype(np.int64) << 1 | self._labels.labelled[prims]
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        inverse = inverse.reshape(-1)
        codes = []
        for k, prim in enumerate(prims[first].tolist()):
            levels = self._labels.levels(prim)
            codes.append(self._code(levels, self._labels.own(prim)))
            self._note(levels, partial(_picked, prims, inverse, k))
        return np.array(codes, np.int32)[inverse]

    def point_label_sets(self, instancer: int, labels: tuple[Levels, ...]) -> I4:
        """Codes by prototype, for prototypes with those labels; the last entry is for points without a prototype.

        A prototype's labels come before those of its instancer, which count where it has none.
        """
        above = self._labels.levels(instancer)
        chains = [(*levels, *above) for levels in labels]
        plain = self._code(above, self._labels.own(instancer))
        codes = [
            self._code(chain, len(flat(levels[0]))) if levels else plain
            for chain, levels in zip(chains, labels, strict=True)
        ]
        for levels in chains:
            self._note(levels, lambda: np.array([instancer]))
        return np.array([*codes, plain], np.int32)

    def ambiguities(self) -> dict[tuple[str, ...], tuple[str, int]]:
        """Labels that leave the class of objects open: path of the first of these prims, and how many there are."""
        found = {rivals: np.unique(np.concatenate(rows)) for rivals, rows in self._rivals.items()}
        return {rivals: (self._path[int(rows[0])], len(rows)) for rivals, rows in found.items()}

    def _code(self, levels: Levels, own: int) -> int:
        known = (self._labels.choose(levels).name, merged(levels), own, levels)
        return self._known.setdefault(known, len(self._known))

    def _note(self, levels: Levels, rows: Callable[[], np.ndarray]) -> None:
        rivals = self._labels.choose(levels).rivals
        if rivals:
            self._rivals.setdefault(rivals, []).append(rows())


def _picked(prims: np.ndarray, group: np.ndarray, number: int) -> I4:
    return np.asarray(prims[group == number], np.int32)


def resolve_table(table: PrimTable, policy: LabelPolicy) -> ResolvedLabels:
    """The policy applied to a prim table."""
    from pxr import Kind

    kinds = Interned.of(table.kind)
    component = kinds.isin(kind for kind in kinds.values if Kind.Registry.IsA(kind, "component"))
    groups = table.label_groups or _as_class(Interned.of(table.labels))
    flagged = np.zeros(len(table), bool) if table.flagged is None else table.flagged
    return resolve(table.parent, groups, component, flagged, policy)


def _as_class(labels: "Interned[tuple[str, ...]]") -> "Interned[Groups]":
    return Interned(labels.code, [(("class", own),) if own else () for own in labels.values])
