"""The prim table: one row a prim, instance proxies included.

Proxies of the same prim in a prototype differ only in path, parent and what they inherit, so what is authored on a
prim is read once per prototype prim.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import F8, frozen
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.labels import read_labels
from twinstage.scene.safe.finite import local_transformation
from twinstage.scene.snapshot import PrimTable


@dataclass(frozen=True, slots=True)
class _Own:
    """What is authored on the prim itself. `purpose` is "" where it is inherited; `matrix` is a Gf.Matrix4d."""

    type_name: str
    kind: str
    labels: tuple[str, ...]
    purpose: str
    shown: bool
    matrix: Any
    resets: bool


class PrimReader:
    """Reads prims in path order; keeps the Usd.Prim of each row for the readers that follow."""

    def __init__(self, context: ReadContext) -> None:
        from pxr import UsdGeom

        self.context = context
        self._cache = UsdGeom.XformCache(context.time)
        self._own: dict[Any, _Own] = {}
        self._types: dict[str, tuple[bool, bool]] = {}

    def read(self) -> tuple[PrimTable, list[Any]]:
        """The table, and the Usd.Prim of each row."""
        from pxr import Usd

        root = self.context.stage.GetPseudoRoot()
        found = [(str(p.GetPath()), p) for p in Usd.PrimRange(root, Usd.TraverseInstanceProxies())][1:]
        found.sort(key=lambda row: row[0])
        prims = [prim for _, prim in found]
        paths = tuple(path for path, _ in found)
        return self._table(paths, [self._own_of(prim) for prim in prims], prims), prims

    def _own_of(self, prim: Any) -> _Own:
        proxy = prim.IsInstanceProxy()
        if not proxy:
            return self._read(prim)
        key = prim.GetPrimInPrototype().GetPath()
        own = self._own.get(key)
        if own is None:
            own = self._own[key] = self._read(prim)
        return own

    def _read(self, prim: Any) -> _Own:
        type_name = str(prim.GetTypeName())
        imageable, xformable = self._schema(prim, type_name)
        matrix, resets = local_transformation(self._cache, prim) if xformable else (None, False)
        return _Own(
            type_name=type_name,
            kind=str(prim.GetKind()),
            labels=read_labels(prim, self.context.time),
            purpose=_purpose(prim) if imageable else "",
            shown=not imageable or prim.GetAttribute("visibility").Get(self.context.time) != "invisible",
            matrix=matrix,
            resets=bool(resets),
        )

    def _schema(self, prim: Any, type_name: str) -> tuple[bool, bool]:
        from pxr import UsdGeom

        known = self._types.get(type_name)
        if known is None:
            known = (bool(prim.IsA(UsdGeom.Imageable)), bool(prim.IsA(UsdGeom.Xformable)))
            self._types[type_name] = known
        return known

    def _table(self, paths: tuple[str, ...], rows: list[_Own], prims: list[Any]) -> PrimTable:
        index_of = {path: i for i, path in enumerate(paths)}
        parent = np.array([index_of.get(path.rpartition("/")[0], -1) for path in paths], np.int32)
        resets = np.array([row.resets for row in rows], bool)
        purposes: list[str] = []
        own_visible = np.array([row.shown for row in rows], bool)
        visible = own_visible.copy()
        for i, row in enumerate(rows):
            p = parent[i]
            purposes.append(row.purpose or (purposes[p] if p >= 0 else "default"))
            if p >= 0:
                visible[i] &= visible[p]
        return PrimTable(
            path=paths,
            parent=frozen(parent, np.int32),
            type_name=tuple(row.type_name for row in rows),
            kind=tuple(row.kind for row in rows),
            labels=tuple(row.labels for row in rows),
            purpose=tuple(purposes),
            visible=frozen(visible, np.bool_),
            local=self._locals(rows, (parent < 0) | resets),
            resets=frozen(resets, np.bool_),
            proxy=frozen(np.array([prim.IsInstanceProxy() for prim in prims], bool), np.bool_),
            own_visible=frozen(own_visible, np.bool_),
        )

    def _locals(self, rows: list[_Own], in_world: np.ndarray) -> F8:
        from pxr import Vt

        conversion = self.context.conversion
        local = np.tile(np.eye(4), (len(rows), 1, 1))
        where = [i for i, row in enumerate(rows) if row.matrix is not None]
        if where:
            local[where] = conversion.matrices(np.array(Vt.Matrix4dArray([rows[i].matrix for i in where])))
        local[in_world] = conversion.world @ local[in_world]
        return frozen(local, np.float64)


def _purpose(prim: Any) -> str:
    attribute = prim.GetAttribute("purpose")
    return str(attribute.Get()) if attribute.HasAuthoredValue() else ""
