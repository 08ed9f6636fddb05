"""The snapshot's tables: one array a column, so that a million rows cost what their numbers cost.

Strings are kept once (`Interned`, `PathTable`), matrices as their upper three rows and once where rows share one
(`Frames`). All of them read like tuples; Python objects are made only for the rows that are asked for.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np

from twinstage.scene.columns import F8, I4, I8, Bool, frozen

if TYPE_CHECKING:
    from twinstage.scene.labels import Groups, Levels

T = TypeVar("T")
KEPT_PATHS = 200_000
"""Up to so many rows, path strings and their look-up are made once and kept; above, they are made when asked for."""

_FEW = 20
"""Up to one path in so many is made alone, before all are."""


class Column(Sequence[T]):
    """A read-only sequence of which two are equal when their entries are, whatever they are made of."""

    __slots__ = ()

    def _at(self, row: int) -> T:
        raise NotImplementedError

    @overload
    def __getitem__(self, row: int) -> T: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[T, ...]: ...
    def __getitem__(self, row: int | slice) -> T | tuple[T, ...]:
        if isinstance(row, slice):
            return tuple(self._at(i) for i in range(*row.indices(len(self))))
        at, n = int(row), len(self)
        if not -n <= at < n:
            raise IndexError(f"row {at} of {n}")
        return self._at(at + n if at < 0 else at)

    def __iter__(self) -> Iterator[T]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        more = ", ..." if len(self) > 5 else ""
        return f"{type(self).__name__}([{', '.join(map(repr, self[:5]))}{more}])"


class Interned(Column[T]):
    """A column of few distinct values: `code` i4[n] indexes the tuple `values`."""

    __slots__ = ("code", "values")

    def __init__(self, code: np.ndarray, values: Iterable[T]) -> None:
        self.code: I4 = frozen(code, np.int32)
        self.values: tuple[T, ...] = tuple(values)

    @staticmethod
    def of(column: "Sequence[T]") -> "Interned[T]":
        """Any column as codes; values are numbered as they occur."""
        if isinstance(column, Interned):
            return column
        known: dict[T, int] = {}
        code = np.fromiter((known.setdefault(v, len(known)) for v in column), np.int32, len(column))
        return Interned(code, known)

    def __len__(self) -> int:
        return len(self.code)

    def _at(self, row: int) -> T:
        value: T = self.values[self.code[row]]
        return value

    def __iter__(self) -> Iterator[T]:
        values = self.values
        return (values[code] for code in self.code.tolist())

    def isin(self, wanted: Iterable[T]) -> Bool:
        """Rows whose value is one of those, bool[n]."""
        allowed = set(wanted)
        return np.array([value in allowed for value in self.values], np.bool_)[self.code]


class PathTable(Column[str]):
    """Prim paths as names and parents: row i is the parent's path, "/" and `names[i]`.

    `parent` i4[n]: -1 for root prims; parents come first. Rows are sorted by path.
    """

    def __init__(self, names: Interned[str], parent: I4) -> None:
        self.names, self.parent = names, parent
        self._asked = 0

    def __len__(self) -> int:
        return len(self.parent)

    @cached_property
    def _strings(self) -> tuple[str, ...]:
        return tuple(self._made())

    def _made(self) -> Iterator[str]:
        values, last = self.names.values, np.iinfo(np.int32).max
        stack: list[tuple[int, str]] = [(last, "")]
        for row, (code, parent) in enumerate(
            zip(self.names.code.tolist(), self.parent.tolist(), strict=True)
        ):
            while len(stack) > 1 and stack[-1][0] != parent:  # rows are in depth-first order
                stack.pop()
            path = f"{stack[-1][1]}/{values[code]}"
            stack.append((row, path))
            yield path

    def _at(self, row: int) -> str:
        if len(self) <= KEPT_PATHS and ("_strings" in self.__dict__ or self._asked * _FEW >= len(self)):
            return self._strings[row]
        self._asked += 1
        values, code, above = self.names.values, self.names.code, self.parent
        parts: list[str] = []
        while row >= 0:
            parts.append(values[code[row]])
            row = int(above[row])
        return "/" + "/".join(reversed(parts))

    def __iter__(self) -> Iterator[str]:
        return iter(self._strings) if len(self) <= KEPT_PATHS else self._made()


class PathIndex(Mapping[str, int]):
    """Row by path, found by halving: for tables that are too long for a dict."""

    def __init__(self, path: Sequence[str]) -> None:
        self._path = path

    def __getitem__(self, path: str) -> int:
        row = bisect_left(self._path, path)
        if row == len(self._path) or self._path[row] != path:
            raise KeyError(path)
        return row

    def __len__(self) -> int:
        return len(self._path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._path)


@dataclass(frozen=True)
class Frames:
    """A column of affine matrices, each kept once: row i is `matrices[index[i]]`, or `matrices[i]` where `index` is None.

    `matrices`: upper three rows, f8[q, 3, 4]; the fourth is always 0 0 0 1. `index`: i4[n].
    """

    matrices: F8
    index: I4 | None = None

    @staticmethod
    def of(full: np.ndarray) -> "Frames":
        """The column of those matrices [n, 4, 4]."""
        return Frames(frozen(np.asarray(full, np.float64)[:, :3], np.float64))

    @staticmethod
    def identity(n: int) -> "Frames":
        """n identities."""
        return Frames(frozen(np.eye(4)[None, :3], np.float64), frozen(np.zeros(n), np.int32))

    def __len__(self) -> int:
        return len(self.matrices if self.index is None else self.index)

    @property
    def is_identity(self) -> bool:
        """Whether all rows are the identity."""
        return bool((self.matrices == np.eye(4)[:3]).all())

    def take(self, rows: np.ndarray) -> F8:
        """The matrices of those rows, f8[k, 4, 4]."""
        return _full(self.matrices[rows if self.index is None else self.index[rows]])

    @cached_property
    def full(self) -> F8:
        """All matrices, f8[n, 4, 4], read-only. Made when first asked for: 128 bytes a row, unless all are the same."""
        if self.index is not None and len(self.matrices) == 1:
            return np.broadcast_to(_full(self.matrices)[0], (len(self), 4, 4))
        return frozen(_full(self.matrices if self.index is None else self.matrices[self.index]), np.float64)

    def replaced(self, rows: np.ndarray, full: np.ndarray) -> "Frames":
        """The column with other matrices [k, 4, 4] in those rows."""
        matrices = np.array(self.matrices) if self.index is None else self.matrices[self.index]
        matrices[rows] = full[:, :3]
        return Frames(frozen(matrices, np.float64))


def _full(matrices: np.ndarray) -> F8:
    out = np.empty((len(matrices), 4, 4))
    out[:, :3] = matrices
    out[:, 3] = (0.0, 0.0, 0.0, 1.0)
    return out


@dataclass(frozen=True)
class PrimTable:
    """One row a prim, sorted by path (a parent comes before its children). Instance proxies are rows, too.

    Attributes:
        path: Sdf paths.
        parent: prim index of the parent, i4[n], -1 for root prims.
        type_name: USD type names, "" for none.
        kind: model kinds, "" for none.
        labels: class labels authored on the prim itself (UsdSemantics or legacy), without ancestors'.
        purpose: computed purpose.
        visible: computed visibility (inherited), bool[n].
        frames: parent_from_prim [m]; of root prims and those that reset the transform stack: world_from_prim.
        resets: whether the prim resets the transform stack, bool[n]: then its transform parent is the world.
        proxy: whether the prim is an instance proxy (it cannot be edited), bool[n].
        own_visible: visibility authored on the prim itself, before its ancestors', bool[n]; None counts as all True.
        label_groups: `labels` by taxonomy (`scene.labels.Groups`); empty: all are of taxonomy `class`.
        flagged: whether the prim says that it is an object of its own (`twin:instance`), bool[n]; None: none is.
    """

    path: Sequence[str]
    parent: I4
    type_name: Sequence[str]
    kind: Sequence[str]
    labels: Sequence[tuple[str, ...]]
    purpose: Sequence[str]
    visible: Bool
    frames: Frames
    resets: Bool
    proxy: Bool
    own_visible: Bool | None = None
    label_groups: "Sequence[Groups]" = ()
    flagged: Bool | None = None

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def local(self) -> F8:
        """The matrices of `frames`, f8[n, 4, 4]."""
        return self.frames.full

    @cached_property
    def index_of(self) -> Mapping[str, int]:
        """Prim index by path."""
        if len(self) > KEPT_PATHS:
            return PathIndex(self.path)
        return {path: i for i, path in enumerate(self.path)}


@dataclass(frozen=True)
class PointTable:
    """One row a point instance, sorted by (instancer prim, point id).

    instancer i4[m]: prim index of the PointInstancer; point_id i8[m]: its `ids`, or the array position where none are
    authored; frames: instancer_from_point [m]; visible bool[m]: by `invisibleIds`, before the instancer's own
    visibility.
    """

    instancer: I4
    point_id: I8
    frames: Frames
    visible: Bool

    @staticmethod
    def empty() -> "PointTable":
        """No points."""
        none = np.empty(0)
        return PointTable(
            frozen(none, np.int32),
            frozen(none, np.int64),
            Frames.of(np.empty((0, 4, 4))),
            frozen(none, np.bool_),
        )

    def __len__(self) -> int:
        return len(self.point_id)

    @property
    def local(self) -> F8:
        """The matrices of `frames`, f8[m, 4, 4]."""
        return self.frames.full

    def row(self, instancer: int, point_id: int) -> int:
        """The row of a point; KeyError where there is none."""
        first, last = np.searchsorted(self.instancer, [instancer, instancer + 1])
        at = int(first + np.searchsorted(self.point_id[first:last], point_id))
        if at >= last or self.point_id[at] != point_id:
            raise KeyError((instancer, point_id))
        return at


@dataclass(frozen=True)
class InstanceTable:
    """One row a visible-or-not drawing of a prototype, sorted by (prim path, point id, gprim).

    Attributes:
        prototype: index into `Snapshot.prototypes`, i4[k].
        node: the node whose transform carries it, i4[k].
        prim: prim index that picking answers, i4[k]: the gprim, or the PointInstancer.
        point_id: i8[k], -1 where it is not a point instance.
        frames: node_from_gprim [m]; identity unless below a point instance.
        material_set: index into `Snapshot.material_sets`, i4[k].
        object: index into `Snapshot.objects`, i4[k].
        visible: bool[k].
    """

    prototype: I4
    node: I4
    prim: I4
    point_id: I8
    frames: Frames
    material_set: I4
    object: I4
    visible: Bool

    def __len__(self) -> int:
        return len(self.prototype)

    @property
    def local(self) -> F8:
        """The matrices of `frames`, f8[k, 4, 4]."""
        return self.frames.full


@dataclass(frozen=True, slots=True)
class SceneObject:
    """What one label refers to: the nearest ancestor-or-self that is labelled, flagged or of kind component; or one point.

    `instance_id` of an object is its index in `Snapshot.objects` + 1. `name` is its class, "" where it has none. Of
    `labels`, the first `own` are the object's own, the others those of its ancestors, nearest first; `levels` has the same
    by prim and taxonomy.
    """

    prim: int
    prim_path: str
    point_id: int
    name: str
    labels: tuple[str, ...]
    own: int = 0
    levels: "Levels" = ()


LabelSet = tuple[str, tuple[str, ...], int, "Levels"]
"""The class of an object, its labels, how many of them are its own, and the same by prim and taxonomy."""


class ObjectTable(Column[SceneObject]):
    """All objects as columns; reads like a tuple of `SceneObject`.

    prim i4[n]; point_id i8[n], -1 where the object is no point; label_set: `LabelSet` by object.
    """

    def __init__(
        self, path: Sequence[str], prim: np.ndarray, point_id: np.ndarray, label_set: Interned[LabelSet]
    ) -> None:
        self.path = path
        self.prim: I4 = frozen(prim, np.int32)
        self.point_id: I8 = frozen(point_id, np.int64)
        self.label_set = label_set

    @staticmethod
    def of(objects: Iterable[SceneObject], path: Sequence[str]) -> "ObjectTable":
        """The table of objects given one by one; `path`: paths of all prims."""
        rows = list(objects)
        return ObjectTable(
            path,
            np.array([o.prim for o in rows], np.int32),
            np.array([o.point_id for o in rows], np.int64),
            Interned.of([(o.name, o.labels, o.own, o.levels) for o in rows]),
        )

    def __len__(self) -> int:
        return len(self.prim)

    def _at(self, row: int) -> SceneObject:
        prim = int(self.prim[row])
        return SceneObject(prim, self.path[prim], int(self.point_id[row]), *self.label_set[row])


@dataclass(frozen=True)
class KeypointTable:
    """One row a key point (`twin:keypoint:<name>`), sorted by (object, name); each name once an object.

    Attributes:
        object: index into `Snapshot.objects`, i4[k].
        name: what comes after `twin:keypoint:`.
        node: the node whose frame `local` is in, i4[k].
        local: place in that frame [m], f8[k, 3].
    """

    object: I4
    name: Interned[str]
    node: I4
    local: F8

    @staticmethod
    def empty() -> "KeypointTable":
        """No key points."""
        none = np.empty(0)
        return KeypointTable(
            frozen(none, np.int32),
            Interned(none, ()),
            frozen(none, np.int32),
            frozen(np.empty((0, 3)), np.float64),
        )

    def __len__(self) -> int:
        return len(self.object)

    def rows(self, index: int) -> np.ndarray:
        """Rows of one object's key points."""
        first, last = np.searchsorted(self.object, [index, index + 1])
        return np.arange(first, last)
