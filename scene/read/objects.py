"""Which object a drawing belongs to, and its labels.

The labelling rule: the nearest ancestor-or-self that is labelled or of kind component. Every point of a PointInstancer is an
object of its own. Where no ancestor qualifies, the gprim itself is the object, without a class. Classes come from the
object's own labels, else from its nearest labelled ancestor.
"""

import numpy as np

from twinstage.scene.columns import I4
from twinstage.scene.read.prims import PrimRows
from twinstage.scene.snapshot import PrimTable
from twinstage.scene.tables import Interned, LabelSet


class ObjectFinder:
    """Objects and label sets by prim row; `root` i4[n]: the prim of the object that a gprim in that row belongs to."""

    def __init__(self, table: PrimTable, rows: PrimRows) -> None:
        self._labels = Interned.of(table.labels)
        self._known: dict[LabelSet, int] = {}
        self._levels = rows.levels
        self._parent = table.parent
        self.root = self._roots(table)
        self._set = self._inherited()

    @property
    def label_sets(self) -> tuple[LabelSet, ...]:
        """All label sets, by code."""
        return tuple(self._known)

    def label_set(self, prims: np.ndarray) -> I4:
        """Codes of the label sets of prims that are objects."""
        return np.asarray(self._set[prims], np.int32)

    def point_label_sets(self, instancer: int, labels: tuple[tuple[str, ...], ...]) -> I4:
        """Codes by prototype, for prototypes with those labels; the last entry is for points without a prototype.

        A prototype's labels come before those of its instancer, which count where it has none.
        """
        plain = int(self._set[instancer])
        above = self.label_sets[plain][0]
        codes = [
            self._code(tuple(dict.fromkeys((*own, *above))), len(own)) if own else plain for own in labels
        ]
        return np.array([*codes, plain], np.int32)

    def _code(self, labels: tuple[str, ...], own: int) -> int:
        return self._known.setdefault((labels, own), len(self._known))

    def _roots(self, table: PrimTable) -> I4:
        from pxr import Kind

        kinds = Interned.of(table.kind)
        components = [kind for kind in kinds.values if Kind.Registry.IsA(kind, "component")]
        found = kinds.isin(components) | ~self._labels.isin([()])
        root = np.arange(len(table), dtype=np.int32)
        for level in self._levels[1:]:
            parent = self._parent[level]
            below = level[~found[level] & found[parent]]
            root[below] = root[self._parent[below]]
            found[below] = True
        return root

    def _inherited(self) -> I4:
        """The label set of each row: own labels first, then the ancestors', nearest first."""
        own = self._labels.code
        labelled = ~self._labels.isin([()])
        self._code((), 0)
        out = np.zeros(len(own), np.int32)
        for depth, level in enumerate(self._levels):
            above = out[self._parent[level]] if depth else np.zeros(len(level), np.int32)
            out[level] = self._below(above)
            mine = labelled[level]
            keys = own[level[mine]].astype(np.int64) << 32 | above[mine]
            found, inverse = np.unique(keys, return_inverse=True)
            codes = [self._merged(int(key) >> 32, int(key) & 0xFFFFFFFF) for key in found]
            out[level[mine]] = np.array(codes, np.int32)[inverse.reshape(-1)]
        return out

    def _below(self, above: I4) -> I4:
        """The sets that rows without labels of their own have below those."""
        found, inverse = np.unique(above, return_inverse=True)
        sets = self.label_sets
        codes = [self._code(sets[code][0], 0) for code in found]
        return np.array(codes, np.int32)[inverse.reshape(-1)]

    def _merged(self, own: int, above: int) -> int:
        labels, inherited = self._labels.values[own], self.label_sets[above][0]
        return self._code(tuple(dict.fromkeys((*labels, *inherited))), len(labels))
