"""What a gprim looks like: its prototype (shape) and its material set (one material a slot)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.scene.columns import I4, Bool
from twinstage.scene.read.context import ReadContext
from twinstage.scene.read.geometry import NOT_DRAWN, PrototypeStore
from twinstage.scene.read.materials import BoundMaterial, MaterialStore
from twinstage.scene.read.materials_primvars import read_primvar
from twinstage.scene.read.materials_signal import Constant, Varying
from twinstage.scene.read.materials_wrap import WrapCheck
from twinstage.scene.read.mesh import material_subsets
from twinstage.scene.tables import Interned

if TYPE_CHECKING:
    from twinstage.scene.read.prims import PrimRows

DRAWN_PURPOSES = ("default", "render")
DEFAULT_UV = "st"
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Look:
    """Indices into the snapshot's prototypes and material sets; `plain` where no material is bound to the gprim."""

    prototype: int
    material_set: int
    plain: bool


class Appearance:
    """Gprims -> looks, in bulk, because bound materials are computed fastest for many prims at once."""

    def __init__(self, context: ReadContext, shapes: PrototypeStore, materials: MaterialStore) -> None:
        self.context = context
        self.shapes = shapes
        self.materials = materials
        self._wraps = WrapCheck(context)
        self._subset_names: dict[str, tuple[str, ...]] = {}

    def drawable(self, prim: Any) -> bool:
        """Whether that prim has a shape that can be drawn; gprims that have one but cannot give a finding."""
        type_name = str(prim.GetTypeName())
        if type_name in NOT_DRAWN:
            self.context.count("gprim.not-drawn", f"{type_name} prim is not drawn")
        return self.shapes.is_shape(type_name)

    def count_not_drawn(self, types: Interned[str], rows: Bool) -> None:
        """Findings for the gprims among those rows that have a shape but no triangles here."""
        counts = np.bincount(types.code[rows], minlength=len(types.values)).tolist()
        for type_name, number in zip(types.values, counts, strict=True):
            if number and type_name in NOT_DRAWN:
                self.context.count("gprim.not-drawn", f"{type_name} prim is not drawn", number)

    def looks_of_rows(self, drawn: np.ndarray, rows: "PrimRows") -> tuple[I4, I4]:
        """Prototype (-1: nothing to draw) and material set of the gprims in those rows of the prim table.

        Proxies of the same gprim that inherit the same share a look: it is read for the first of them.
        """
        keys = rows.own[drawn].astype(np.int64) << 32 | rows.context[drawn]
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first)  # read in path order, so that names and numbers follow the paths
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        prototypes, sets = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
        for start in range(0, len(order), _BATCH):
            chosen = drawn[first[order[start : start + _BATCH]]].tolist()
            looks = self.looks([rows.prims[row] for row in chosen])
            prototypes.append(np.array([-1 if k is None else k.prototype for k in looks], np.int32))
            sets.append(np.array([0 if k is None else k.material_set for k in looks], np.int32))
        at = place[inverse.reshape(-1)]
        return np.concatenate(prototypes)[at], np.concatenate(sets)[at]

    def looks(self, gprims: list[Any]) -> list[Look | None]:
        """The look of each gprim, None where it has nothing to draw."""
        asked: list[Any] = []
        spans: list[tuple[int, int]] = []
        for prim in gprims:
            start = len(asked)
            asked.append(prim)
            asked.extend(prim.GetChild(name) for name in self._subsets(prim))
            spans.append((start, len(asked)))
        bound = self.materials.bound(asked)
        return [
            self._look(prim, asked[a + 1 : b], bound[a:b]) for prim, (a, b) in zip(gprims, spans, strict=True)
        ]

    def _subsets(self, prim: Any) -> tuple[str, ...]:
        if prim.GetTypeName() != "Mesh":
            return ()
        shared = prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim
        key = str(shared.GetPath())
        if key not in self._subset_names:
            from pxr import UsdGeom

            subsets = material_subsets(UsdGeom.Mesh(shared))
            self._subset_names[key] = tuple(str(subset.GetPrim().GetName()) for subset in subsets)
            if subsets:
                self._check_family(shared, key)
        return self._subset_names[key]

    def _check_family(self, mesh: Any, key: str) -> None:
        """Subsets that overlap, or leave faces out, against what their family says of itself."""
        from pxr import UsdGeom, UsdShade

        holds, reason = UsdGeom.Subset.ValidateFamily(
            UsdGeom.Imageable(mesh), UsdGeom.Tokens.face, UsdShade.Tokens.materialBind
        )
        if not holds:
            said = " ".join(reason.split())
            self.context.finding(
                "material.subsets", f"{key}: its material subsets are not what their family says: {said}", key
            )

    def _look(self, prim: Any, subsets: list[Any], bound: list[BoundMaterial | None]) -> Look | None:
        uv_names = list(dict.fromkeys(b.uv_name for b in bound if b is not None and b.uv_name))
        if len(uv_names) > 1:
            self.context.finding(
                "primvar.several-uv",
                f"{prim.GetPath()}: its materials read several uv primvars; all use {uv_names[0]!r}",
                prim.GetPath(),
            )
        prototype = self.shapes.index(prim, uv_names[0] if uv_names else DEFAULT_UV)
        if prototype < 0:
            return None
        for one in bound:
            self._wraps.look(prim, one, prototype, self.shapes.prototypes[prototype].uv)
        main = bound[0]
        has_colors = self.shapes.prototypes[prototype].color is not None
        worn = self.materials.worn
        whole = self._plain(prim, has_colors) if main is None else worn(prim, main, has_colors=has_colors)
        by_name = {
            str(s.GetName()): worn(s, b, has_colors=has_colors)
            for s, b in zip(subsets, bound[1:], strict=True)
            if b is not None
        }
        slots = self.shapes.prototypes[prototype].slots[1:]
        indices = (whole, *(by_name.get(name, whole) for name in slots))
        return Look(prototype, self.materials.set_index(indices), plain=main is None)

    def _plain(self, prim: Any, has_colors: bool) -> int:
        """The material made of displayColor and displayOpacity; of what varies the mean, but for colours per vertex."""
        color = None if has_colors else self._display(prim, "displayColor", 3)
        opacity = self._display(prim, "displayOpacity", 1)
        return self.materials.plain(
            None if color is None else (color[0], color[1], color[2]),
            1.0 if opacity is None else min(max(opacity[0], 0.0), 1.0),
        )

    def _display(self, prim: Any, name: str, width: int) -> tuple[float, ...] | None:
        """One value of a primvar for the whole gprim; a finding where it varies."""
        found = read_primvar(self.context, prim, name, self.context.time)
        if isinstance(found, Varying):
            self.context.finding(
                "primvar.varying",
                f"{prim.GetPath()}: {name} varies over the gprim, its mean is used",
                prim.GetPath(),
            )
            return found.mean if len(found.mean) >= width else None
        if not isinstance(found, Constant) or len(found.values) < width:
            return None
        return found.values[:width]
