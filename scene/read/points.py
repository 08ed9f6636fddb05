"""UsdGeomPointInstancer -> rows of the point table and drawings of their prototypes.

A point's own transform excludes that of the prototype's root: it is what `positions`, `orientations` and `scales` say,
and so what a binding writes. The rest of the way to each gprim is the drawing's `local`. A PointInstancer inside a
prototype is expanded into drawings of the outer point.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import F8, I4, I8, Bool
from twinstage.scene.labels import Levels
from twinstage.scene.read.appearance import DRAWN_PURPOSES, Appearance
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.labels import prototype_levels

MAX_NESTED = 1_000_000
"""Drawings that one prototype may expand to through nested instancers."""


@dataclass(frozen=True, slots=True)
class Part:
    """One gprim of a prototype: `local` is point_from_gprim [m], f8[4, 4]; `plain`: it has no material of its own."""

    prototype: int
    material_set: int
    local: F8
    plain: bool


@dataclass(frozen=True, slots=True)
class PointRows:
    """One instancer's points in id order, and its prototypes' parts and labels.

    `position[i]`: where point i stands in the authored arrays; `prototype_index` i8: -1 where it names none.
    """

    instancer: int
    point_id: I8
    position: I8
    local: F8
    visible: Bool
    prototype_index: I8
    parts: tuple[tuple[Part, ...], ...]
    labels: tuple[Levels, ...]
    material_sets: I4 | None = None


class PointReader:
    """Reads instancers; parts of a prototype are read once."""

    def __init__(self, context: ReadContext, appearance: Appearance) -> None:
        from pxr import UsdGeom

        self.context = context
        self.appearance = appearance
        self._cache = UsdGeom.XformCache(context.time)
        self._parts: dict[str, tuple[Part, ...]] = {}

    def read(self, index: int, prim: Any) -> PointRows | None:
        """The points of an instancer (prim index, Usd.Prim), or None with a finding."""
        authored = self._authored(prim)
        if authored is None:
            return None
        ids, indices, local, visible, targets = authored
        order = np.argsort(ids, kind="stable")
        return PointRows(
            instancer=index,
            point_id=ids[order],
            position=order,
            local=local[order],
            visible=visible[order],
            prototype_index=indices[order],
            parts=tuple(self._parts_of(target) for target in targets),
            labels=tuple(
                prototype_levels(target, prim, self.context.time, self.context.policy) for target in targets
            ),
            material_sets=self._colors(prim, order),
        )

    def _authored(self, prim: Any) -> tuple[I8, I8, F8, Bool, list[Any]] | None:
        from pxr import UsdGeom

        api, time, path = UsdGeom.PointInstancer(prim), self.context.time, prim.GetPath()
        indices = array(api.GetProtoIndicesAttr().Get(time), np.int64)
        if indices is None or len(indices) == 0:
            return None
        fault = self._length_fault(api, len(indices))
        if fault:  # pxr then answers with matrices that mean nothing
            self.context.finding("points.length", f"{path} is not drawn: {fault}", path)
            return None
        transforms = api.ComputeInstanceTransformsAtTime(
            time, time, UsdGeom.PointInstancer.ExcludeProtoXform, UsdGeom.PointInstancer.IgnoreMask
        )
        mask = array(api.ComputeMaskAtTime(time), np.bool_)
        visible = mask if mask is not None and len(mask) else np.ones(len(indices), bool)
        targets = [self.context.stage.GetPrimAtPath(p) for p in api.GetPrototypesRel().GetForwardedTargets()]
        wrong = (indices < 0) | (indices >= len(targets))
        if wrong.any():
            self.context.finding(
                "points.prototype",
                f"{path}: {int(wrong.sum())} points name a prototype that does not exist",
                path,
            )
        ids = point_ids(api, time, len(indices))
        if ids is None:
            self.context.finding(
                "points.ids",
                f"{path}: ids are not unique or not as many as points, so array positions are used",
                path,
            )
            ids = np.arange(len(indices))
        local = self.context.conversion.matrices(np.array(transforms))
        return ids, np.where(wrong, -1, indices), local, visible, targets

    def _length_fault(self, api: Any, count: int) -> str:
        """Which array does not have an entry a point; "" where all have (or are absent, as only positions may not be)."""
        arrays = {
            "positions": api.GetPositionsAttr(),
            "orientationsf": api.GetOrientationsfAttr(),
            "orientations": api.GetOrientationsAttr(),
            "scales": api.GetScalesAttr(),
        }
        for name, attribute in arrays.items():
            values = attribute.Get(self.context.time)
            found = 0 if values is None else len(values)
            if found != count and (found or name == "positions"):
                return f"{name} has {found} entries, protoIndices {count}"
        return ""

    def _parts_of(self, root: Any) -> tuple[Part, ...]:
        if not root:
            return ()
        key = str(root.GetPath())
        if key not in self._parts:
            self._parts[key] = ()  # an instancer that instances itself ends here
            self._parts[key] = tuple(self._walk(root))
        return self._parts[key]

    def _walk(self, root: Any) -> Iterator[Part]:
        from pxr import UsdGeom

        gprims: list[Any] = []
        nested: list[Any] = []
        steps = iter(_range(root))
        for prim in steps:
            visibility = prim.GetAttribute("visibility")
            if visibility and visibility.Get(self.context.time) == "invisible":
                steps.PruneChildren()
            elif prim.GetTypeName() == "PointInstancer":
                nested.append(prim)
                steps.PruneChildren()
            elif (
                self.appearance.drawable(prim) and UsdGeom.Imageable(prim).ComputePurpose() in DRAWN_PURPOSES
            ):
                gprims.append(prim)
        for prim, look in zip(gprims, self.appearance.looks(gprims), strict=True):
            if look is not None:
                yield Part(look.prototype, look.material_set, self._relative(prim, root), look.plain)
        for prim in nested:
            yield from self._expand(prim, root)

    def _expand(self, prim: Any, root: Any) -> Iterator[Part]:
        rows = self.read(-1, prim)
        if rows is None:
            return
        outer = self._relative(prim, root)
        parts = [rows.parts[k] if k >= 0 else () for k in rows.prototype_index]
        if sum(map(len, parts)) > MAX_NESTED:
            self.context.finding(
                "points.nested",
                f"{prim.GetPath()} is not drawn: it expands to more than {MAX_NESTED:,} drawings a point",
                prim.GetPath(),
            )
            return
        for local, visible, drawn in zip(rows.local, rows.visible, parts, strict=True):
            for part in drawn if visible else ():
                yield Part(part.prototype, part.material_set, outer @ local @ part.local, part.plain)

    def _relative(self, prim: Any, root: Any) -> F8:
        """point_from_gprim: from the gprim up to and with the prototype's root."""
        matrix, _ = self._cache.ComputeRelativeTransform(prim, root.GetParent())
        return np.asarray(self.context.conversion.matrices(np.array(matrix)[None])[0])

    def _colors(self, prim: Any, order: np.ndarray) -> I4 | None:
        """A material set for each point where the instancer colours its points, else None."""
        from pxr import UsdGeom

        primvar = UsdGeom.PrimvarsAPI(prim).GetPrimvar("displayColor")
        values = (
            array(primvar.ComputeFlattened(self.context.time)) if primvar and primvar.HasValue() else None
        )
        if values is None or len(values) != len(order) or len(order) < 2:
            return None
        colors, inverse = np.unique(values[order].astype(np.float32), axis=0, return_inverse=True)
        materials = self.appearance.materials
        sets = []
        for red, green, blue in colors.astype(np.float64).round(7).tolist():
            sets.append(materials.set_index((materials.plain((red, green, blue)),)))
        return np.array(sets, np.int32)[inverse.reshape(-1)]


def point_ids(api: Any, time: Any, count: int) -> I8 | None:
    """The ids of a PointInstancer's points in array order; array positions where none are authored; None if unfit."""
    ids = array(api.GetIdsAttr().Get(time), np.int64)
    if ids is None or len(ids) == 0:
        return np.arange(count)
    return ids if len(ids) == count and len(np.unique(ids)) == count else None


def _range(root: Any) -> Any:
    """All active prims from the root down: prototypes may lie below an `over` or a class, to be hidden otherwise."""
    from pxr import Usd

    return Usd.PrimRange(root, Usd.TraverseInstanceProxies(Usd.PrimIsActive & Usd.PrimIsLoaded))
