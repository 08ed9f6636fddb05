"""What is authored on each prim, as columns over the prims in the order in which `walk.Forest` numbers them.

Prims with the same type and the same authored properties are asked the same questions (`_Kinds`), so each costs only the
values that it has.
"""

from array import array as numbers
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import F8, I4, Bool
from twinstage.scene.labels import Groups
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.keypoint_values import KEYPOINT, keypoints_of
from twinstage.scene.read.labels import LabelReader
from twinstage.scene.tables import Interned

PURPOSES = ("", "default", "render", "proxy", "guide")
INHERITED = ("material:binding", "primvars:", "skel:")
"""Properties by which what is above an instance decides how its gprims look."""
LABELS = ("semantics:labels:", "semantic:")
COLLECTION = "material:binding:collection:"
_CHUNK = 4096


class _Codes:
    """A growing column of few values, as numbers."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}
        self.code = numbers("i")

    def append(self, value: Hashable) -> None:
        code = self.known.get(value)
        if code is None:
            code = self.known[value] = len(self.known)
        self.code.append(code)

    def extend(self, values: Iterable[Hashable]) -> None:
        known = self.known
        self.code.extend([known.setdefault(value, len(known)) for value in values])

    def column(self, rows: I4) -> "Interned[Any]":
        return Interned(np.frombuffer(self.code, np.int32)[rows] if len(rows) else rows, self.known)


class _Sparse:
    """A column of few values, as numbers, in which most prims have value 0."""

    def __init__(self, *values: Hashable) -> None:
        self.known: dict[Any, int] = {value: i for i, value in enumerate(values)}
        self._place = numbers("q")
        self._code = numbers("i")

    def set(self, place: int, value: Hashable) -> None:
        self._place.append(place)
        self._code.append(self.known.setdefault(value, len(self.known)))

    def codes(self, n: int) -> I4:
        """Of all n prims, i4[n]."""
        out = np.zeros(n, np.int32)
        out[np.array(self._place, np.int64)] = np.array(self._code, np.int32)
        return out


@dataclass(frozen=True, slots=True)
class _Kinds:
    """What a prim has to be asked for, by its type and the names of its authored properties."""

    number: int
    type_name: str
    labels: tuple[str, ...]
    flag: bool
    look: tuple[str, ...]
    by_collection: bool
    purpose: bool
    visibility: bool
    render_visibility: bool
    ops: bool
    draw_mode: bool
    keypoints: tuple[str, ...]
    values: bool

    @staticmethod
    def of(
        number: int, type_name: str, names: list[str], imageable: bool, xformable: bool, flag: str
    ) -> "_Kinds":
        labels = tuple(name for name in names if name.startswith(LABELS))
        look = tuple(name for name in names if name.startswith(INHERITED))
        flagged = flag in names
        purpose = imageable and "purpose" in names
        visibility = imageable and "visibility" in names
        render_visibility = imageable and "renderVisibility" in names
        draw_mode = "model:drawMode" in names
        keypoints = tuple(name for name in names if name.startswith(KEYPOINT))
        return _Kinds(
            number=number,
            type_name=type_name,
            labels=labels,
            flag=flagged,
            look=look,
            by_collection=any(name.startswith(COLLECTION) for name in names),
            purpose=purpose,
            visibility=visibility,
            render_visibility=render_visibility,
            ops=xformable and "xformOpOrder" in names,
            draw_mode=draw_mode,
            keypoints=keypoints,
            values=flagged or bool(look) or purpose or visibility or render_visibility or draw_mode,
        )


class Authored:
    """What is authored on each prim, in the order in which `Forest` visits them."""

    def __init__(self, context: ReadContext) -> None:
        from pxr import Gf, Tf, UsdGeom

        self.context = context
        self.kind = _Codes()
        self.labels = _Codes()
        self.purpose = _Sparse(*PURPOSES)
        self.render_visibility = _Sparse("inherited", "visible", "invisible")
        self.look = _Sparse(())
        self._flagged = numbers("q")
        self._unseen = numbers("q")
        self._resets = numbers("q")
        self._has_frame = numbers("q")
        self._schemas = (UsdGeom.Imageable, UsdGeom.Xformable)
        self._error = Tf.ErrorException
        self._nowhere = Gf.Matrix4d(*[np.nan] * 16)
        self._cache = UsdGeom.XformCache(context.time)
        self._label_reader = LabelReader(context.time, context.policy)
        self._moved: list[Any] = []
        self._frames: list[F8] = [np.eye(4)[None, :3]]
        self._kinds: dict[tuple[str, ...], _Kinds] = {}
        self._ask = numbers("i")
        self.keypoints: list[tuple[int, str, tuple[float, float, float]]] = []

    def __len__(self) -> int:
        return len(self._ask)

    def visit(self, prims: list[Any]) -> None:
        """Read prims."""
        from pxr import Usd

        known, labels = self._kinds, self.labels
        types, names = map(Usd.Prim.GetTypeName, prims), map(Usd.Prim.GetAuthoredPropertyNames, prims)
        asks = [
            known.get((type_name, *own)) or self._learn(prim, type_name, own)
            for prim, type_name, own in zip(prims, types, names, strict=True)
        ]
        place = len(self)
        self._ask.extend([ask.number for ask in asks])
        self.kind.extend(map(Usd.Prim.GetKind, prims))
        for prim, ask in zip(prims, asks, strict=True):
            labels.append(self._groups(prim, ask.labels) if ask.labels else ())
            if ask.values:
                self._values(place, prim, ask)
            if ask.ops:
                self._has_frame.append(place)
                self._moved.append(prim)
            if ask.draw_mode:
                self._draw_mode(prim)
            if ask.keypoints:
                self.keypoints.extend(
                    (place, *found) for found in keypoints_of(self.context, prim, ask.keypoints)
                )
            place += 1
        if len(self._moved) >= _CHUNK:
            self._flush()

    def _learn(self, prim: Any, type_name: str, names: list[str]) -> _Kinds:
        imageable, xformable = (bool(prim.IsA(schema)) for schema in self._schemas)
        ask = _Kinds.of(len(self._kinds), type_name, names, imageable, xformable, self.context.policy.flag)
        self._kinds[type_name, *names] = ask
        return ask

    def _values(self, place: int, prim: Any, ask: _Kinds) -> None:
        if ask.flag and prim.GetAttribute(self.context.policy.flag).Get(self.context.time) is True:
            self._flagged.append(place)
        if ask.look:
            self.look.set(place, self._look(place, prim, ask.look))
        if ask.purpose:
            self.purpose.set(place, _purpose(prim))
        if ask.visibility and self._token(prim, "visibility") == "invisible":
            self._unseen.append(place)
        if ask.render_visibility:
            self.render_visibility.set(place, render_visibility(prim, self.context.time))

    def type_names(self, own: I4) -> "Interned[str]":
        """The types of the prims of those numbers."""
        known: dict[str, int] = {}
        code = [known.setdefault(ask.type_name, len(known)) for ask in self._kinds.values()]
        return Interned(self._by_ask(code, np.int32)[own], known)

    def by_collection(self) -> Bool:
        """Whether the prim binds materials by a collection, bool[n]."""
        return self._by_ask([ask.by_collection for ask in self._kinds.values()], np.bool_)

    def _by_ask(self, values: list[Any], dtype: type[np.generic]) -> np.ndarray:
        return np.array(values, dtype)[np.array(self._ask, np.int32)]

    def flagged(self) -> Bool:
        """Whether the prim says that it is an object, bool[n]."""
        return self._marked(self._flagged)

    def shown(self) -> Bool:
        """Whether the prim itself is visible, bool[n]."""
        return ~self._marked(self._unseen)

    def resets(self) -> Bool:
        """Whether the prim resets the transform stack, bool[n]."""
        self._flush()
        return self._marked(self._resets)

    def frame(self) -> I4:
        """Its matrix among those of `frames`, i4[n]."""
        out = np.zeros(len(self), np.int32)
        places = np.array(self._has_frame, np.int64)
        out[places] = np.arange(1, len(places) + 1, dtype=np.int32)
        return out

    def _marked(self, places: "numbers[int]") -> Bool:
        out = np.zeros(len(self), np.bool_)
        out[np.array(places, np.int64)] = True
        return out

    def _groups(self, prim: Any, names: tuple[str, ...]) -> Groups:
        groups, loose = self._label_reader.read(prim, names)
        for taxonomy in loose:
            self.context.finding(
                "label.not-applied",
                f"{prim.GetPath()}: labels of taxonomy {taxonomy!r} do not count, because "
                f"SemanticsLabelsAPI:{taxonomy} is not applied",
                prim.GetPath(),
            )
        return groups

    def _look(self, place: int, prim: Any, names: tuple[str, ...]) -> Hashable:
        """What the prim hands down to the looks of all below it: equal for equal looks.

        Instances carry what their prototype's root has, so theirs is compared by value, with targets below themselves
        made relative; any other prim only equals itself.
        """
        if not prim.IsInstance():
            return (place,)
        inside = f"{prim.GetPath()}/"
        return tuple(_property(prim, name, inside) for name in names)

    def _token(self, prim: Any, name: str) -> str:
        return str(prim.GetAttribute(name).Get(self.context.time))

    def _local(self, prim: Any) -> tuple[Any, bool]:
        """Its own transform and whether it resets the stack; NaN throughout where its ops make no sense."""
        try:
            matrix, resets = self._cache.GetLocalTransformation(prim)
        except self._error:
            return self._nowhere, False
        return matrix, bool(resets)

    def _locals(self) -> list[tuple[Any, bool]]:
        try:
            return list(map(self._cache.GetLocalTransformation, self._moved))
        except self._error:  # one of them makes no sense
            self._cache.Clear()
            return list(map(self._local, self._moved))

    def _flush(self) -> None:
        from pxr import Vt

        if not self._moved:
            return
        found = self._locals()
        places = self._has_frame[-len(found) :]
        self._resets.extend(place for place, (_, resets) in zip(places, found, strict=True) if resets)
        usd = np.array(Vt.Matrix4dArray([matrix for matrix, _ in found]))
        # `guard_prims` finds these; infinities would be told by numpy in every product.
        usd[~np.isfinite(usd).all((1, 2))] = np.nan
        self._frames.append(np.array(self.context.conversion.matrices(usd)[:, :3]))
        self._tell_projective(usd)
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
