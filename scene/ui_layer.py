"""Edits by people in the session's `ui` layer: a property and its value as JSON -> specs. Touches pxr.

    pose                   translation [m], rotation (wxyz), scale, local: [x, y, z, w, x, y, z, x, y, z]
    asset                  a prim that refers to an asset: {"asset": LIBRARY/file, "position": [m], "rotation": wxyz,
                           "scale"}, in its parent, before the asset's units and axis are made up for (`scene.shelf`)
    visibility             true or false, the prim's own
    variant:SET            name of a variant
    primvars:displayColor  "#rrggbb" (sRGB), for the prim and all below it
    semantics:labels:TAX   list of labels
    inputs:X of a Material the input X of its preview surface: {"type": ..., "value": ...}
    any other              an attribute: {"type": ..., "value": ...}, value in SI

None takes the opinion away; what is empty then goes, so that a layer in which all was undone is an empty one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from twinstage.scene.color import linear_from_srgb
from twinstage.scene.columns import F8
from twinstage.scene.read.context import Conversion
from twinstage.scene.shelf import Op, place_ops
from twinstage.scene.stage import OpenedStage
from twinstage.scene.style import parse_color
from twinstage.scene.transforms import compose_trs
from twinstage.scene.ui_values import scaled, si_factor, to_usd

ASSET = "asset"
POSE = "pose"
VISIBILITY = "visibility"
VARIANT = "variant:"
COLOR = "primvars:displayColor"
LABELS = "semantics:labels:"
UI_OP = "xformOp:transform:ui"
RESET = "!resetXformStack!"
KIND = "component"
"""Kind of a placed prim whose asset names none."""
_SCHEMA = "SemanticsLabelsAPI"


def ordered(values: Mapping[tuple[str, str], Any]) -> list[tuple[tuple[str, str], Any]]:
    """Values by path, placed assets before all else: the same edits make the same layer, whatever their history."""
    return sorted(values.items(), key=lambda row: (row[0][1] != ASSET, row[0]))


def below(paths: Iterable[str], path: str) -> list[str]:
    """Those of the paths that are at or below one."""
    return [one for one in paths if one == path or one.startswith(f"{path}/")]


def upright(opened: OpenedStage, path: str, value: Mapping[str, Any]) -> F8:
    """Where a placed prim stands: parent_from_upright f8[4, 4] in stage units and axes, column vectors."""
    conversion = Conversion.of(opened.meters_per_unit, opened.up_axis)
    parts = [[value["position"]], [value["rotation"]], [value.get("scale", (1.0, 1.0, 1.0))]]
    matrix: F8 = compose_trs(*(np.array(part, np.float64) for part in parts))[0]
    if path.count("/") == 1:  # what people say of the world is in Z up
        matrix = conversion.world.T @ matrix @ conversion.world
    matrix[:3, 3] /= conversion.scale
    return matrix


class UiLayer:
    """Writes one layer. `surfaces`: path of the preview surface by path of its material."""

    def __init__(self, opened: OpenedStage, layer: Any = None) -> None:
        """`layer`: another one than the session's `ui`."""
        self._opened = opened
        self.layer = opened.layers.ui if layer is None else layer
        self.surfaces: Mapping[str, str] = {}
        self._conversion = Conversion.of(opened.meters_per_unit, opened.up_axis)
        self._placed: dict[str, Mapping[str, Any]] = {}

    def put(self, path: str, name: str, value: Any) -> None:
        """Hold that value of a property, or none."""
        if value is None:
            self._take(path, name)
        elif name == ASSET:
            self._asset(path, value)
        elif name == POSE:
            self._pose(path, value)
        elif name == VISIBILITY:
            self._attribute(path, name, "token").default = "inherited" if value else "invisible"
        elif name.startswith(VARIANT):
            self._prim(path).variantSelections[name.removeprefix(VARIANT)] = value
        elif name == COLOR:
            self._color(path, value)
        elif name.startswith(LABELS):
            self._attribute(path, name, "token[]").default = to_usd("token[]", value)
            self._apply(path)
        else:
            self._plain(path, name, value)

    def _asset(self, path: str, value: Mapping[str, Any]) -> None:
        from pxr import Sdf

        spec, asset = self._prim(path), self._opened.shelf.get(value["asset"])
        self._placed[path] = value
        spec.specifier = Sdf.SpecifierDef
        if asset is None or asset.told_as_xform:
            spec.typeName = "Xform"
        if asset is not None:
            reference = Sdf.Reference(
                str(asset.file), Sdf.Path(asset.prim) if asset.named else Sdf.Path.emptyPath
            )
            spec.referenceList.prependedItems = [reference]
        if asset is None or not asset.kind:
            spec.kind = KIND
        self._stand(path)

    def _stand(self, path: str) -> None:
        """The ops of a placed prim, but for its order where it was moved as a whole."""
        ops = self._place_ops(path)
        for op in ops:
            if op.type_name:
                self._attribute(path, op.name, op.type_name).default = op.of_usd()
        if not self.layer.GetAttributeAtPath(f"{path}.{UI_OP}"):
            self._order(path, [op.name for op in ops])

    def _place_ops(self, path: str) -> list[Op]:
        value = self._placed[path]
        asset = self._opened.shelf.get(value["asset"])
        place = upright(self._opened, path, value)
        return place_ops(asset, place, self._opened.meters_per_unit, self._opened.up_axis)

    def _order(self, path: str, names: list[str]) -> None:
        from pxr import Vt

        order = Vt.TokenArray(names)
        self._attribute(path, "xformOpOrder", "token[]", uniform=True).default = order

    def _pose(self, path: str, value: Any) -> None:
        from pxr import Gf

        prim = self._opened.stage.GetPrimAtPath(path)
        resets = RESET in ((prim.GetAttribute("xformOpOrder").Get() if prim else None) or ())
        numbers = np.array(value, np.float64)[None]
        matrix = compose_trs(numbers[:, :3], numbers[:, 3:7], numbers[:, 7:])
        if resets or path.count("/") == 1:
            matrix = self._conversion.world.T @ matrix
        usd = self._conversion.usd_matrices(matrix)[0]
        self._order(path, [RESET, UI_OP] if resets else [UI_OP])
        self._attribute(path, UI_OP, "matrix4d").default = Gf.Matrix4d(usd.tolist())

    def _color(self, path: str, value: str) -> None:
        from pxr import Vt

        linear = linear_from_srgb(np.array([parse_color(value)[:3]]) / 255.0).astype(np.float32)
        spec = self._attribute(path, COLOR, "color3f[]")
        spec.SetInfo("interpolation", "constant")
        spec.default = Vt.Vec3fArray.FromNumpy(linear)

    def _plain(self, path: str, name: str, value: Any) -> None:
        at = self.surfaces.get(path) if name.startswith("inputs:") else None
        factor = si_factor(name, self._opened.meters_per_unit)
        spec = self._attribute(at or path, name, value["type"])
        spec.default = to_usd(value["type"], scaled(value["value"], 1.0 / factor))
        if at is not None:  # a number says nothing while an image feeds the input
            spec.connectionPathList.ClearEditsAndMakeExplicit()
        elif not self._known(path, name):
            spec.custom = True

    def _known(self, path: str, name: str) -> bool:
        """Whether the attribute is there without this layer, so that it is custom or not by what is there."""
        attribute = self._opened.stage.GetAttributeAtPath(f"{path}.{name}")
        if not attribute:
            return False
        if attribute.GetPrim().GetPrimDefinition().GetSchemaAttributeSpec(name):
            return True
        return any(spec.layer != self.layer and not spec.custom for spec in attribute.GetPropertyStack())

    def _apply(self, path: str) -> None:
        """The labels' schema, for the taxonomies that this layer speaks of."""
        from pxr import Sdf

        prim = self.layer.GetPrimAtPath(path)
        found = sorted(name for name in prim.attributes.keys() if name.startswith(LABELS))  # noqa: SIM118
        if found:
            names = [f"{_SCHEMA}:{name.removeprefix(LABELS)}" for name in found]
            prim.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=names))
        elif prim.HasInfo("apiSchemas"):
            prim.ClearInfo("apiSchemas")

    def _take(self, path: str, name: str) -> None:
        at = path
        if name == ASSET:
            self._unplace(path)
        elif name == POSE:
            self._drop(path, "xformOpOrder")
            self._drop(path, UI_OP)
        elif name.startswith(VARIANT):
            prim = self.layer.GetPrimAtPath(path)
            if prim and name.removeprefix(VARIANT) in prim.variantSelections.keys():  # noqa: SIM118
                del prim.variantSelections[name.removeprefix(VARIANT)]
        else:
            at = (self.surfaces.get(path) if name.startswith("inputs:") else None) or path
            self._drop(at, name)
            if name.startswith(LABELS) and self.layer.GetPrimAtPath(path):
                self._apply(path)
        if path in self._placed and (name == POSE or name.startswith("xformOp:")):
            self._stand(path)
        self._prune(at)

    def _unplace(self, path: str) -> None:
        from pxr import Sdf

        spec = self.layer.GetPrimAtPath(path)
        if not spec or path not in self._placed:
            return
        moved = bool(self.layer.GetAttributeAtPath(f"{path}.{UI_OP}"))
        for op in self._place_ops(path):
            if op.type_name:
                self._drop(path, op.name)
        if not moved:
            self._drop(path, "xformOpOrder")
        del self._placed[path]
        spec.referenceList.ClearEdits()
        spec.ClearInfo("kind")
        spec.specifier = Sdf.SpecifierOver
        spec.ClearInfo("typeName")

    def _drop(self, path: str, name: str) -> None:
        prim = self.layer.GetPrimAtPath(path)
        spec = prim.properties.get(name) if prim else None
        if spec is not None:
            prim.RemoveProperty(spec)

    def _prune(self, path: str) -> None:
        """Prims that say nothing go, from the inside out."""
        prim = self.layer.GetPrimAtPath(path)
        while prim and prim.path.IsPrimPath():
            told = set(prim.ListInfoKeys()) - {"specifier", "typeName"}
            if prim.nameChildren or prim.properties or told or len(prim.variantSelections):
                return
            parent = prim.nameParent
            if not parent or not parent.path.IsPrimPath():
                del self.layer.rootPrims[prim.name]
                return
            del parent.nameChildren[prim.name]
            prim = parent

    def _prim(self, path: str) -> Any:
        from pxr import Sdf

        return Sdf.CreatePrimInLayer(self.layer, path)

    def _attribute(self, path: str, name: str, type_name: str, *, uniform: bool = False) -> Any:
        from pxr import Sdf

        known = self.layer.GetAttributeAtPath(f"{path}.{name}")
        wanted = Sdf.ValueTypeNames.Find(type_name)
        if known and known.typeName == wanted:
            return known
        prim = self._prim(path)
        if known:
            prim.RemoveProperty(known)
        variability = Sdf.VariabilityUniform if uniform else Sdf.VariabilityVarying
        return Sdf.AttributeSpec(prim, name, wanted, variability)
