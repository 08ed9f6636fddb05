"""UsdGeomPointInstancer -> rows of the point table, and the drawings that its prototypes stand for.

A point's own transform excludes that of the prototype's root: it is what `positions`, `orientations` and `scales` say,
and so what a binding writes. The rest of the way to each gprim is the drawing's frame. A PointInstancer inside a
prototype is expanded into drawings of the outer point. Velocities count as USD says: from the sample at or before the time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import F8, I4, I8, Bool
from twinstage.scene.labels import Levels
from twinstage.scene.read.appearance import DRAWN_PURPOSES, Appearance
from twinstage.scene.read.authored import render_visibility
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.keypoint_values import Keypoint, keypoints_below
from twinstage.scene.read.labels import prototype_levels
from twinstage.scene.read.point_frames import point_frames
from twinstage.scene.read.walk import size_below
from twinstage.scene.safe.limits import MAX_DRAWINGS
from twinstage.scene.tables import Frames

MAX_NESTED = 1_000_000
"""Drawings, and prims to look at, that one prototype may expand to."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The gprims of a prototype: index of the shape i4[q], material set i4[q], point_from_gprim [m] f8[q, 4, 4].

    `plain` bool[q]: the gprim has no material of its own.
    """

    prototype: I4
    material_set: I4
    local: F8
    plain: Bool

    @staticmethod
    def join(parts: "list[Parts]") -> "Parts":
        """All of them, one after the other."""
        return Parts(
            np.concatenate([np.empty(0, np.int32), *(p.prototype for p in parts)]),
            np.concatenate([np.empty(0, np.int32), *(p.material_set for p in parts)]),
            np.concatenate([np.empty((0, 4, 4)), *(p.local for p in parts)]),
            np.concatenate([np.empty(0, bool), *(p.plain for p in parts)]),
        )

    def taken(self, which: Bool) -> "Parts":
        """Those of them that are wanted."""
        return Parts(self.prototype[which], self.material_set[which], self.local[which], self.plain[which])

    def __len__(self) -> int:
        return len(self.prototype)


@dataclass(frozen=True, slots=True)
class PointRows:
    """One instancer's points in id order, and its prototypes' parts and labels.

    `prototype_index` i4: -1 where a point names no prototype; `frames`: instancer_from_point [m]; `keypoints`: of each
    prototype, in the frame of the point [m].
    """

    instancer: int
    point_id: I8
    frames: Frames
    visible: Bool
    prototype_index: I4
    parts: tuple[Parts, ...]
    labels: tuple[Levels, ...]
    material_sets: I4 | None = None
    keypoints: tuple[tuple[Keypoint, ...], ...] = ()

    def drawings(self, rows: I4) -> tuple[Parts, I4, I4]:
        """All parts of all prototypes; and of those points, in their order: which part and which point each drawing is."""
        counts = np.array([*map(len, self.parts), 0], np.int64)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        index = self.prototype_index[rows]
        each = counts[index]  # -1 is the last entry: no part
        point = rows if (each == 1).all() else np.repeat(rows, each)
        number = np.arange(len(point), dtype=np.int32)
        if point is not rows:
            number -= np.repeat(np.cumsum(each) - each, each).astype(np.int32)
        else:
            number[:] = 0
        part = starts.astype(np.int32)[self.prototype_index[point]] + number
        return Parts.join(list(self.parts)), part, point

    def sets(self, parts: Parts, part: I4, point: I4) -> I4:
        """The material set of each drawing: the part's, or the point's colour where the part has no material."""
        if self.material_sets is None:
            return parts.material_set[part]
        return np.where(parts.plain[part], self.material_sets[point], parts.material_set[part])


class PointReader:
    """Reads instancers; parts of a prototype are read once."""

    def __init__(self, context: ReadContext, appearance: Appearance) -> None:
        from pxr import UsdGeom

        self.context = context
        self.appearance = appearance
        self._cache = UsdGeom.XformCache(context.time)
        self._parts: dict[str, Parts] = {}
        self._sizes: dict[str, int] = {}
        self._keypoints: dict[str, tuple[Keypoint, ...]] = {}

    def read(self, index: int, prim: Any) -> PointRows | None:
        """The points of an instancer (prim index, Usd.Prim), or None where it has none (or, with a finding, cannot)."""
        from pxr import UsdGeom

        api, path = UsdGeom.PointInstancer(prim), prim.GetPath()
        indices = array(api.GetProtoIndicesAttr().Get(self.context.time), np.int32)
        if indices is None or len(indices) == 0:
            return None
        fault = self._length_fault(api, len(indices))
        if fault:  # pxr then answers with matrices that mean nothing
            self.context.finding("points.length", f"{path} is not drawn: {fault}", path)
            return None
        targets = [self.context.stage.GetPrimAtPath(p) for p in api.GetPrototypesRel().GetForwardedTargets()]
        indices = self._checked(indices, len(targets), path)
        parts = tuple(self._parts_of(target) for target in targets)
        if not self._bounded(indices, parts, path):
            return None
        ids, order = self._identity(api, len(indices), path)
        visible = self._mask(api, len(indices))
        colors = self._colors(prim, len(indices))
        return PointRows(
            instancer=index,
            point_id=ids,
            frames=point_frames(api, self.context.time, order, self.context.conversion.scale),
            visible=visible if order is None else visible[order],
            prototype_index=indices if order is None else indices[order],
            parts=parts,
            labels=tuple(self._labels_of(target, prim) for target in targets),
            material_sets=colors if colors is None or order is None else colors[order],
            keypoints=tuple(self._keypoints_of(target) for target in targets) if index >= 0 else (),
        )

    def _checked(self, indices: I4, n_prototypes: int, path: Any) -> I4:
        wrong = (indices < 0) | (indices >= n_prototypes)
        if not wrong.any():
            return indices
        self.context.finding(
            "points.prototype",
            f"{path}: {int(wrong.sum())} points name a prototype that does not exist",
            path,
        )
        return np.where(wrong, -1, indices).astype(np.int32)

    def _bounded(self, indices: I4, parts: tuple[Parts, ...], path: Any) -> bool:
        uses = np.bincount(indices[indices >= 0], minlength=len(parts)).tolist()
        count = sum(n * len(part) for n, part in zip(uses, parts, strict=True))
        if count > MAX_DRAWINGS:
            self.context.finding(
                "points.too-many",
                f"{path} is not drawn: its points expand to {count:,} drawings, more than {MAX_DRAWINGS:,}",
                path,
            )
        return bool(count <= MAX_DRAWINGS)

    def _identity(self, api: Any, count: int, path: Any) -> tuple[I8, I4 | None]:
        """Ids in ascending order, and the array position of each; None where the arrays have that order already."""
        ids = point_ids(api, self.context.time, count)
        if ids is None:
            self.context.finding(
                "points.ids",
                f"{path}: ids are not unique or not as many as points, so array positions are used",
                path,
            )
            ids = np.arange(count)
        if (ids[1:] > ids[:-1]).all():
            return ids, None
        order = np.argsort(ids, kind="stable").astype(np.int32)
        return ids[order], order

    def _mask(self, api: Any, count: int) -> Bool:
        mask = array(api.ComputeMaskAtTime(self.context.time), np.bool_)
        return mask if mask is not None and len(mask) == count else np.ones(count, bool)

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
            found = len(values) if hasattr(values, "__len__") else 0  # absent, or of another type
            if found != count and (found or name == "positions"):
                return f"{name} has {found} entries, protoIndices {count}"
        return ""

    def _parts_of(self, root: Any) -> Parts:
        if not root:
            return Parts.join([])
        key = str(root.GetPath())
        if key not in self._parts:
            self._parts[key] = Parts.join([])  # an instancer that instances itself ends here
            self._parts[key] = self._read_parts(root)
        return self._parts[key]

    def _read_parts(self, root: Any) -> Parts:
        count = size_below(root, self._sizes)
        if count > MAX_NESTED:
            path = root.GetPath()
            self.context.finding(
                "points.nested",
                f"{path} is not drawn as a prototype: it expands to {count:,} prims, more than {MAX_NESTED:,}",
                path,
            )
            return Parts.join([])
        gprims, nested = self._walk(root)
        looks = self.appearance.looks(gprims)
        drawn = [(prim, look) for prim, look in zip(gprims, looks, strict=True) if look is not None]
        own = Parts(
            np.array([look.prototype for _, look in drawn], np.int32),
            np.array([look.material_set for _, look in drawn], np.int32),
            np.array([self._relative(prim, root) for prim, _ in drawn]).reshape(-1, 4, 4),
            np.array([look.plain for _, look in drawn], bool),
        )
        return Parts.join([own, *(self._expand(prim, root) for prim in nested)])

    def _walk(self, root: Any) -> tuple[list[Any], list[Any]]:
        """What is drawn below a prototype's root: gprims and instancers."""
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
            elif self.appearance.drawable(prim) and self._has_drawn_purpose(UsdGeom.Imageable(prim), root):
                gprims.append(prim)
        return gprims, nested

    def _has_drawn_purpose(self, imageable: Any, root: Any) -> bool:
        purpose = imageable.ComputePurpose()
        if purpose not in DRAWN_PURPOSES:
            return False
        return purpose != "render" or _render_visible(imageable.GetPrim(), root, self.context.time)

    def _expand(self, prim: Any, root: Any) -> Parts:
        """The drawings of an instancer inside a prototype, as parts of that prototype."""
        rows = self.read(-1, prim)
        if rows is None:
            return Parts.join([])
        parts, part, point = rows.drawings(np.flatnonzero(rows.visible).astype(np.int32))
        if len(part) > MAX_NESTED:
            self.context.finding(
                "points.nested",
                f"{prim.GetPath()} is not drawn: it expands to more than {MAX_NESTED:,} drawings a point",
                prim.GetPath(),
            )
            return Parts.join([])
        local = self._relative(prim, root) @ rows.frames.take(point) @ parts.local[part]
        colored = rows.material_sets is not None
        plain = np.zeros(len(part), bool) if colored else parts.plain[part]
        return Parts(parts.prototype[part], rows.sets(parts, part, point), local, plain)

    def _relative(self, prim: Any, root: Any) -> F8:
        """point_from_gprim: from the gprim up to and with the prototype's root."""
        matrix, _ = self._cache.ComputeRelativeTransform(prim, root.GetParent())
        return np.asarray(self.context.conversion.matrices(np.array(matrix)[None])[0])

    def _keypoints_of(self, root: Any) -> tuple[Keypoint, ...]:
        """Key points of a prototype, in the frame of its points; those of instancers inside of it are not read."""
        if not root or size_below(root, self._sizes) > MAX_NESTED:
            return ()
        key = str(root.GetPath())
        if key not in self._keypoints:
            self._keypoints[key] = keypoints_below(self.context, root, _range(root), self._relative)
        return self._keypoints[key]

    def _labels_of(self, root: Any, instancer: Any) -> Levels:
        if not root or size_below(root, self._sizes) > MAX_NESTED:
            return ()
        return prototype_levels(root, instancer, self.context.time, self.context.policy)

    def _colors(self, prim: Any, count: int) -> I4 | None:
        """A material set for each point where the instancer colours its points, else None."""
        from pxr import UsdGeom

        primvar = UsdGeom.PrimvarsAPI(prim).GetPrimvar("displayColor")
        values = (
            array(primvar.ComputeFlattened(self.context.time), np.float32)
            if primvar and primvar.HasValue()
            else None
        )
        if values is None or len(values) != count or count < 2:
            return None
        colors, inverse = np.unique(values, axis=0, return_inverse=True)
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
    if len(ids) != count:
        return None
    if (ids[1:] > ids[:-1]).all():
        return ids
    ranked = np.sort(ids)
    return ids if (ranked[1:] > ranked[:-1]).all() else None


def _render_visible(prim: Any, root: Any, time: Any) -> bool:
    """The nearest opinion of UsdGeomVisibilityAPI from the prim up to its prototype's root."""
    own = render_visibility(prim, time)
    if own != "inherited" or prim == root:
        return own != "invisible"
    return _render_visible(prim.GetParent(), root, time)


def _range(root: Any) -> Any:
    """All active prims from the root down: prototypes may lie below an `over` or a class, to be hidden otherwise."""
    from pxr import Usd

    return Usd.PrimRange(root, Usd.TraverseInstanceProxies(Usd.PrimIsActive & Usd.PrimIsLoaded))
