"""The prim table: one row a prim, instance proxies included.

Proxies of the same prim in a prototype differ only in path, parent and what they inherit. So what is authored is read once
for each prim of the stage and of each prototype; everything inherited is computed for all rows at once, level by level.
"""

from array import array as numbers
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from twinstage.scene.columns import F8, I4, Bool, frozen
from twinstage.scene.labels import Groups, flat
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.labels import read_groups_and_loose
from twinstage.scene.read.walk import Forest, Rows
from twinstage.scene.safe.limits import MAX_PRIMS
from twinstage.scene.snapshot import PrimTable, by_depth, depths
from twinstage.scene.tables import Frames, Interned, PathTable

PURPOSES = ("", "default", "render", "proxy", "guide")
INHERITED = ("material:binding", "primvars:", "skel:")
"""Properties by which what is above an instance decides how its gprims look."""
COLLECTION = "material:binding:collection:"
_CHUNK = 4096


@dataclass(frozen=True)
class PrimRows:
    """What the readers that follow need beside the table.

    Attributes:
        own: number of the prim that was read for the row, i4[n]: proxies of the same prim share it.
        context: rows of equal `own` and `context` have the same bound materials and inherited primvars, i4[n].
        levels: row indices by depth.
        render_hidden: hidden by UsdGeomVisibilityAPI `renderVisibility`, bool[n]; it counts for purpose render.
        prims: Usd.Prim by row.
    """

    own: I4
    context: I4
    levels: tuple[np.ndarray, ...]
    render_hidden: Bool
    prims: "PrimHandles"


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


class _Codes:
    """A growing column of few values, as numbers."""

    def __init__(self, *values: Hashable) -> None:
        self.known: dict[Any, int] = {value: i for i, value in enumerate(values)}
        self.code = numbers("i")

    def append(self, value: Hashable) -> None:
        code = self.known.get(value)
        if code is None:
            code = self.known[value] = len(self.known)
        self.code.append(code)

    def column(self, rows: I4) -> "Interned[Any]":
        return Interned(np.frombuffer(self.code, np.int32)[rows] if len(rows) else rows, self.known)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """What a prim has to be asked for, by its type and the names of its authored properties."""

    labels: bool
    flag: bool
    look: tuple[str, ...]
    by_collection: bool
    purpose: bool
    visibility: bool
    render_visibility: bool
    ops: bool
    draw_mode: bool

    @staticmethod
    def of(names: list[str], imageable: bool, xformable: bool, flag: str) -> "_Kinds":
        return _Kinds(
            labels=any(name.startswith(("semantics:labels:", "semantic:")) for name in names),
            flag=flag in names,
            look=tuple(name for name in names if name.startswith(INHERITED)),
            by_collection=any(name.startswith(COLLECTION) for name in names),
            purpose=imageable and "purpose" in names,
            visibility=imageable and "visibility" in names,
            render_visibility=imageable and "renderVisibility" in names,
            ops=xformable and "xformOpOrder" in names,
            draw_mode="model:drawMode" in names,
        )


class _Authored:
    """What is authored on each prim, in the order in which `Forest` visits them."""

    def __init__(self, context: ReadContext) -> None:
        from pxr import Gf, Tf, UsdGeom

        self.context = context
        self.type_name = _Codes()
        self.kind = _Codes()
        self.labels = _Codes()
        self.purpose = _Codes(*PURPOSES)
        self.render_visibility = _Codes("inherited", "visible", "invisible")
        self.flagged = bytearray()
        self.shown = bytearray()
        self.resets = bytearray()
        self.look = _Codes(())
        self.by_collection = bytearray()
        self.frame = numbers("i")
        self._schemas = (UsdGeom.Imageable, UsdGeom.Xformable)
        self._error = Tf.ErrorException
        self._nowhere = Gf.Matrix4d(*[np.nan] * 16)
        self._cache = UsdGeom.XformCache(context.time)
        self._count = 1
        self._matrices: list[Any] = []
        self._moved: list[Any] = []
        self._frames: list[F8] = [np.eye(4)[None, :3]]
        self._kinds: dict[tuple[str, ...], _Kinds] = {}

    def visit(self, prim: Any) -> None:
        """Read one prim."""
        type_name = prim.GetTypeName()
        ask = self._ask(prim, type_name)
        self.type_name.append(type_name)
        self.kind.append(prim.GetKind())
        self.labels.append(self._groups(prim) if ask.labels else ())
        self.flagged.append(
            ask.flag and prim.GetAttribute(self.context.policy.flag).Get(self.context.time) is True
        )
        self.look.append(self._look(prim, ask.look) if ask.look else ())
        self.by_collection.append(ask.by_collection)
        self.purpose.append(_purpose(prim) if ask.purpose else "")
        self.shown.append(not ask.visibility or self._token(prim, "visibility") != "invisible")
        self.render_visibility.append(
            render_visibility(prim, self.context.time) if ask.render_visibility else "inherited"
        )
        self._transform(prim, ask.ops)
        if ask.draw_mode:
            self._draw_mode(prim)

    def _ask(self, prim: Any, type_name: str) -> _Kinds:
        names = prim.GetAuthoredPropertyNames()
        key = (type_name, *names)
        known = self._kinds.get(key)
        if known is None:
            imageable, xformable = (bool(prim.IsA(schema)) for schema in self._schemas)
            known = self._kinds[key] = _Kinds.of(names, imageable, xformable, self.context.policy.flag)
        return known

    def _groups(self, prim: Any) -> Groups:
        groups, loose = read_groups_and_loose(prim, self.context.time, self.context.policy)
        for taxonomy in loose:
            self.context.finding(
                "label.not-applied",
                f"{prim.GetPath()}: labels of taxonomy {taxonomy!r} do not count, because "
                f"SemanticsLabelsAPI:{taxonomy} is not applied",
                prim.GetPath(),
            )
        return groups

    def _look(self, prim: Any, names: tuple[str, ...]) -> Hashable:
        """What the prim hands down to the looks of all below it: equal for equal looks.

        Instances carry what their prototype's root has, so theirs is compared by value, with targets below themselves
        made relative; any other prim only equals itself.
        """
        if not prim.IsInstance():
            return (len(self.shown),)
        inside = f"{prim.GetPath()}/"
        return tuple(_property(prim, name, inside) for name in names)

    def _token(self, prim: Any, name: str) -> str:
        return str(prim.GetAttribute(name).Get(self.context.time))

    def _transform(self, prim: Any, has_ops: bool) -> None:
        matrix, resets = self._local(prim) if has_ops else (None, False)
        self.resets.append(bool(resets))
        if matrix is None:
            self.frame.append(0)
            return
        self._matrices.append(matrix)
        self._moved.append(prim)
        self.frame.append(self._count)
        self._count += 1
        if len(self._matrices) == _CHUNK:
            self._flush()

    def _local(self, prim: Any) -> tuple[Any, bool]:
        """Its own transform and whether it resets the stack; NaN throughout where its ops make no sense."""
        try:
            matrix, resets = self._cache.GetLocalTransformation(prim)
        except self._error:
            return self._nowhere, False
        return matrix, bool(resets)

    def _flush(self) -> None:
        from pxr import Vt

        if self._matrices:
            usd = np.array(Vt.Matrix4dArray(self._matrices))
            # `guard_prims` finds these; infinities would be told by numpy in every product.
            usd[~np.isfinite(usd).all((1, 2))] = np.nan
            self._frames.append(np.array(self.context.conversion.matrices(usd)[:, :3]))
            self._tell_projective(usd)
            self._matrices.clear()
            self._moved.clear()
            self._cache.Clear()  # it keeps 400 bytes a prim

    def _tell_projective(self, usd: np.ndarray) -> None:
        projective = (usd[:, :, 3] != (0.0, 0.0, 0.0, 1.0)).any(1) & np.isfinite(usd[:, 0, 0])
        for row in np.flatnonzero(projective).tolist():
            path = self._moved[row].GetPath()
            self.context.finding(
                "xform.projective", f"{path}: the projective part of its transform matrix is left out", path
            )

    def frames(self) -> F8:
        """All local matrices that differ from the identity, after the identity, f8[q, 3, 4]."""
        self._flush()
        self._frames = [np.concatenate(self._frames)]
        return self._frames[0]

    def _draw_mode(self, prim: Any) -> None:
        mode = str(prim.GetAttribute("model:drawMode").Get())
        if mode not in ("default", "inherited", "None"):
            path = prim.GetPath()
            self.context.finding(
                "model.draw-mode",
                f"{path}: its geometry is read in full, although its draw mode is {mode}",
                path,
            )


class PrimReader:
    """Reads the table and what the other readers need of it."""

    def __init__(self, context: ReadContext) -> None:
        self.context = context

    def read(self) -> tuple[PrimTable, PrimRows]:
        """The table, and its rows' inner side."""
        read = _Authored(self.context)
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
        hidden = _inherited(_code(read.render_visibility), rows, levels) == 2
        context = _contexts(read, forest, rows, levels)
        handles = PrimHandles(self.context.stage, path)
        return table, PrimRows(frozen(rows.own, np.int32), context, levels, hidden, handles)


def _names(forest: Forest, rows: Rows) -> "Interned[str]":
    name = np.concatenate([np.array(tree.name, np.int32) for tree in forest.trees])
    return Interned(name[rows.own], forest.names)


def _code(codes: _Codes) -> I4:
    return np.array(codes.code, np.int32)


def _flags(values: bytearray) -> Bool:
    return np.array(np.frombuffer(bytes(values), np.bool_))


def _table(
    context: ReadContext,
    read: _Authored,
    forest: Forest,
    rows: Rows,
    path: PathTable,
    levels: tuple[np.ndarray, ...],
) -> PrimTable:
    own, parent = rows.own, rows.parent
    own_visible = _flags(read.shown)[own]
    visible = own_visible.copy()
    for level in levels[1:]:
        visible[level] &= visible[parent[level]]
    resets = _flags(read.resets)[own]
    purpose = _inherited(_code(read.purpose), rows, levels)
    groups = read.labels.column(own)
    return PrimTable(
        path=path,
        parent=path.parent,
        type_name=read.type_name.column(own),
        kind=read.kind.column(own),
        labels=Interned(groups.code, map(flat, groups.values)),
        purpose=Interned(np.where(purpose == 0, 1, purpose), read.purpose.known),
        visible=frozen(visible, np.bool_),
        frames=_frames(context, read, own, (parent < 0) | resets),
        resets=frozen(resets, np.bool_),
        proxy=frozen(own >= forest.in_stage, np.bool_),
        own_visible=frozen(own_visible, np.bool_),
        label_groups=groups,
        flagged=frozen(_flags(read.flagged)[own], np.bool_),
    )


def _inherited(authored: I4, rows: Rows, levels: tuple[np.ndarray, ...]) -> I4:
    """The nearest value of each row, its own or an ancestor's; 0 where none is authored."""
    out = authored[rows.own]
    for level in levels[1:]:
        open_rows = level[out[level] == 0]
        out[open_rows] = out[rows.parent[open_rows]]
    return out


def _frames(context: ReadContext, read: _Authored, own: I4, in_world: np.ndarray) -> Frames:
    """Local matrices; those that hang off the world turn with it."""
    matrices, frame = read.frames(), np.array(read.frame, np.int32)
    index = frame[own]
    turned = np.unique(index[in_world])
    world = context.conversion.world
    if len(turned) and not np.array_equal(world, np.eye(4)):
        number = np.zeros(len(matrices), np.int32)
        number[turned] = len(matrices) + np.arange(len(turned))
        index[in_world] = number[index[in_world]]
        matrices = np.concatenate([matrices, world[:3, :3] @ matrices[turned]])
    return Frames(frozen(matrices, np.float64), frozen(index, np.int32))


def _contexts(read: _Authored, forest: Forest, rows: Rows, levels: tuple[np.ndarray, ...]) -> I4:
    """A number for each chain of ancestors that binds materials or gives primvars.

    A collection names single paths, so below a collection binding outside prototypes every row has a number of its own.
    """
    own, parent = rows.own, rows.parent
    look = _code(read.look)[own]
    alone = _flags(read.by_collection)[own] & (own < forest.in_stage)
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


def _property(prim: Any, name: str, inside: str) -> Hashable:
    """Name, value and interpolation or binding strength of a property; targets below the prim relative to it."""
    relationship = prim.GetRelationship(name)
    if relationship:
        targets = tuple(str(t).removeprefix(inside) for t in relationship.GetTargets())
        return (name, targets, str(relationship.GetMetadata("bindMaterialAs")))
    attribute = prim.GetAttribute(name)
    if attribute.ValueMightBeTimeVarying():
        return (name, str(prim.GetPath()))
    value = attribute.Get()
    if hasattr(value, "__len__") and len(value) > 16:
        return (name, str(prim.GetPath()))
    return (name, str(attribute.GetTypeName()), repr(value), str(attribute.GetMetadata("interpolation")))


def render_visibility(prim: Any, time: Any) -> str:
    """`renderVisibility` of a prim itself: it counts where UsdGeomVisibilityAPI is applied."""
    from pxr import UsdGeom

    api = UsdGeom.VisibilityAPI(prim)
    return str(api.GetRenderVisibilityAttr().Get(time)) if api else "inherited"


def _purpose(prim: Any) -> str:
    return str(prim.GetAttribute("purpose").Get() or "")
