"""What people may edit: an order checked against the stage and the bindings, as the values that the `ui` layer holds.

Every refusal is a UserError with one sentence. Touches pxr.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.columns import F8
from twinstage.scene.edit_looks import LIGHT_TYPES, MATERIAL_FIELDS
from twinstage.scene.label_specs import no_labels
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage
from twinstage.scene.transforms import compose_trs, decompose_trs
from twinstage.scene.ui_layer import COLOR, LABELS, POSE, VARIANT, VISIBILITY
from twinstage.scene.ui_values import checked

if TYPE_CHECKING:
    from twinstage.scene.plan import BindingPlan

SHEAR = 1e-6
FARTHEST = 1e8
"""Greatest coordinate of a pose [m]."""
OWN = ("userProperties:", "twin:")
RESERVED = ("twin:binding", "twin:contract", "twin:entity", "twin:instance", "twin:origin")
OPS = ("xformOp:translate", "xformOp:rotate", "xformOp:scale", "xformOp:orient")
MOST_LABELS = 20
_SHARES = ("roughness", "metallic", "opacity", "opacityThreshold", "clearcoat", "clearcoatRoughness")
MAY = (
    "visibility, primvars:displayColor, transform ops, inputs of lights and preview surfaces, "
    "semantics:labels:*, userProperties:*, twin:* and custom attributes can be set"
)


@dataclass(frozen=True)
class Bound:
    """What the bindings drive, by prim path: poses, visibility, colours; attribute paths; (path, taxonomy) of labels.

    `anchors`: prims that bindings do not move, but on whose place they count.
    """

    signals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    poses: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    colors: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    labels: frozenset[tuple[str, str]] = frozenset()
    anchors: frozenset[str] = frozenset()

    @staticmethod
    def of(plan: "BindingPlan | None", snapshot: Snapshot) -> "Bound":
        """Of a plan; nothing for None."""
        if plan is None:
            return Bound()

        def paths(nodes: np.ndarray) -> frozenset[str]:
            return frozenset(snapshot.prims.path[n] for n in nodes.tolist() if n < len(snapshot.prims))

        return Bound(
            plan.signals_by_prim,
            paths(plan.bound_nodes),
            paths(plan.switched_nodes),
            paths(plan.styles.node),
            frozenset(path for path, _ in plan.attributes),
            frozenset((slot.path, slot.taxonomy) for slot in plan.labels),
            paths(plan.poses.anchors),
        )

    def complaint(self, path: str, name: str) -> str | None:
        """Why a property cannot be edited; None where no binding drives it."""
        if path in self.anchors and (name == POSE or name.startswith("xformOp:")):
            return f"a binding with a frame counts on where {path} stands, so it cannot be moved by hand"
        driven = {
            POSE: ("moved", path in self.poses),
            VISIBILITY: ("shown and hidden", path in self.shown),
            COLOR: ("coloured", path in self.colors),
        }
        verb, yes = driven.get(name, ("", False))
        if name.startswith("xformOp:"):
            verb, yes = "moved", path in self.poses
        elif name.startswith(LABELS):
            verb, yes = "labelled", (path, name.removeprefix(LABELS)) in self.labels
        elif f"{path}.{name}" in self.attributes:
            return f"{name} of {path} is set by a binding; unbind it to set it by hand"
        if not yes:
            return None
        signals = self.signals.get(path, ())
        by = f" ({', '.join(signals[:3])})" if signals else ""
        return f"{path} is {verb} by its binding{by}; unbind it to do that by hand"


class Rules:
    """Checks orders. `surfaces` gives the path of the preview surface by path of its material; it may have to look for it."""

    def __init__(
        self, opened: OpenedStage, snapshot: Snapshot, surfaces: Callable[[], Mapping[str, str]]
    ) -> None:
        self._opened = opened
        self._snapshot = snapshot
        self._find = surfaces

    @cached_property
    def _surfaces(self) -> Mapping[str, str]:
        return self._find()

    @cached_property
    def _materials(self) -> Mapping[str, str]:
        return {surface: material for material, surface in self._surfaces.items()}

    def prim(self, path: str) -> Any:
        """A prim that can be edited."""
        prims = self._snapshot.prims
        node = prims.index_of.get(path)
        if node is None:
            near = [p for p in prims.path if p.endswith(f"/{path.rpartition('/')[2]}")][:2000]
            raise UserError(f"there is no prim {path}{did_you_mean(path, near)}")
        if prims.proxy[node]:
            raise UserError(
                f"{path} is inside a native instance and cannot be changed alone; take the instance's root"
            )
        return self._opened.stage.GetPrimAtPath(path)

    def may_not(self, path: str, name: str) -> str | None:
        """Why a property that is there cannot be set at all, whatever the value; None: it can."""
        from pxr import UsdGeom

        try:
            prim = self.prim(path)
            if name == POSE:
                return None if prim.IsA(UsdGeom.Xformable) else f"{path} has no transform of its own"
            if name == VISIBILITY:
                return None if prim.IsA(UsdGeom.Imageable) else f"{path} cannot be seen"
            if name == COLOR or name.startswith((LABELS, VARIANT)):
                return None
            attribute = prim.GetAttribute(name)
            self._known_type(prim, path, name, str(attribute.GetTypeName()) if attribute else None)
        except UserError as error:
            return str(error)
        return None

    # ------------------------------------------------------------------ one order each

    def pose(
        self,
        path: str,
        current: F8,
        above: F8 | None,
        *,
        position: Sequence[float] | None,
        rotation: Sequence[float] | None,
        scale: Sequence[float] | None,
    ) -> tuple[F8, F8, F8]:
        """Local translation, rotation and scale of a move; what is left out stays.

        `current`: parent_from_prim now; `above`: world_from_parent where the order is of the world, else None.
        """
        from pxr import UsdGeom

        prim = self.prim(path)
        if not prim.IsA(UsdGeom.Xformable):
            kind = str(prim.GetTypeName()) or "typeless prim"
            raise UserError(f"{path} is a {kind}, which has no transform of its own, so it cannot be moved")
        if position is None and rotation is None and scale is None:
            raise UserError("a move needs a position, a rotation or a scale")
        start = current if above is None else above @ current
        t, q, s = parts_of(start, path, "as it stands")
        t = t if position is None else numbers(position, 3, path, "a position")
        q = q if rotation is None else unit(rotation, path)
        s = s if scale is None else numbers(scale, 3, path, "a scale")
        if np.abs(t).max() > FARTHEST or np.abs(s).max() > FARTHEST:
            raise UserError(f"{path} cannot be moved that far; {FARTHEST:g} m are the most")
        if above is None:
            return t, q, s
        try:
            local = np.linalg.solve(above, compose_trs(t[None], q[None], s[None])[0])
        except np.linalg.LinAlgError:
            raise UserError(f"what {path} is in has a scale of 0, so it has no place in the world") from None
        return parts_of(local, path, "in its parent")

    def visibility(self, path: str, visible: Any) -> bool:
        """Whether a prim is shown."""
        from pxr import UsdGeom

        prim = self.prim(path)
        if not prim.IsA(UsdGeom.Imageable):
            raise UserError(f"{path} is a {prim.GetTypeName() or 'typeless prim'}, which cannot be seen")
        if isinstance(visible, str) and visible in ("inherited", "invisible"):
            return visible == "inherited"
        if not isinstance(visible, bool):
            raise UserError(f"visibility of {path}: true or false was expected, got {str(visible)[:60]!r}")
        return visible

    def variant(self, path: str, variant_set: str, name: str) -> str:
        """The name of a variant that is there."""
        prim = self.prim(path)
        sets = prim.GetVariantSets()
        if variant_set not in sets.GetNames():
            raise UserError(
                f"{path} has no variant set {variant_set!r}{did_you_mean(variant_set, sets.GetNames())}"
            )
        names = sets.GetVariantSet(variant_set).GetVariantNames()
        if name not in names:
            raise UserError(f"{variant_set} of {path} has no variant {name!r}{did_you_mean(name, names)}")
        return name

    def place(self, path: str, name: str) -> tuple[str, str]:
        """Where an edit of a property is kept: inputs of a preview surface with its material."""
        return (self._materials.get(path, path) if name.startswith("inputs:") else path), name

    def attribute(self, path: str, name: str, value: Any, value_type: str | None) -> Any:
        """What the layer holds for a property that is set; `value_type`: of an attribute that is to be made."""
        prim = self.prim(path)
        where = f"{name} of {path}"
        if name == VISIBILITY:
            return self.visibility(path, value)
        if name.startswith(VARIANT):
            return self.variant(path, name.removeprefix(VARIANT), str(value))
        if name == COLOR:
            self.visibility(path, True)
            return _color(where, value)
        if name.startswith(LABELS):
            layers = self._opened.layers
            return _labels(where, name, value) or no_labels(prim, name, (layers.ui, layers.live))
        attribute = prim.GetAttribute(name)
        known = str(attribute.GetTypeName()) if attribute else None
        known = self._known_type(prim, path, name, known)
        if known is None:
            known = _new_type(where, name, value, value_type)
        elif value_type is not None and value_type != known:
            raise UserError(f"{where} is of type {known}, not {value_type}")
        value = checked(where, known, value)
        _in_range(where, name, value)
        return {"type": known, "value": value}

    def _known_type(self, prim: Any, path: str, name: str, found: str | None) -> str | None:
        """USD type of an attribute that may be set, None for one that is to be made."""
        from pxr import UsdLux

        if name.startswith("inputs:") and (path in self._surfaces or path in self._materials):
            if name not in MATERIAL_FIELDS:
                known = [*MATERIAL_FIELDS]
                raise UserError(f"{path} has no input {name!r} that can be set{did_you_mean(name, known)}")
            return MATERIAL_FIELDS[name][1]
        light = prim.HasAPI(UsdLux.LightAPI)
        if light and name in LIGHT_TYPES and found is not None and name != "inputs:texture:file":
            return LIGHT_TYPES[name]
        if name.startswith(OPS) and found is not None:
            order = prim.GetAttribute("xformOpOrder").Get() or ()
            if name not in order:
                raise UserError(f"{name} is no transform op that {path} uses now; move it instead")
            return found
        if name.startswith(OWN) and not name.startswith(RESERVED):
            return found
        if found is not None and prim.GetAttribute(name).IsCustom() and not name.startswith(RESERVED):
            return found
        raise UserError(f"{name} of {path} cannot be set; {MAY}")


def parts_of(matrix: F8, path: str, how: str) -> tuple[F8, F8, F8]:
    t, q, s, shear = decompose_trs(matrix[None])
    if shear[0] > SHEAR:
        raise UserError(
            f"the pose of {path} {how} would be sheared, which position, rotation and scale cannot say"
        )
    return t[0], q[0], s[0]


def numbers(values: Sequence[float], n: int, path: str, what: str) -> F8:
    array = np.asarray(values, np.float64)
    if array.shape != (n,) or not np.isfinite(array).all():
        raise UserError(f"{what} of {path} must be {n} finite numbers")
    return array


def unit(values: Sequence[float], path: str) -> F8:
    quat = numbers(values, 4, path, "a rotation (w, x, y, z)")
    length = float(np.linalg.norm(quat))
    if not 1e-9 < length < math.inf:
        raise UserError(f"the rotation of {path} is the zero quaternion, which is no rotation")
    return np.asarray(quat / length)


def _color(where: str, value: Any) -> str:
    try:
        if not isinstance(value, str) or len(value) != 7 or value[0] != "#":
            raise ValueError
        bytes.fromhex(value[1:])
    except ValueError:
        raise UserError(f'{where}: a colour like "#ff8800" was expected, got {str(value)[:60]!r}') from None
    return value.lower()


def _labels(where: str, name: str, value: Any) -> list[str]:
    taxonomy = name.removeprefix(LABELS)
    if not (taxonomy.isidentifier() and taxonomy.isascii()):
        raise UserError(f"{where}: {taxonomy!r} is no name of a taxonomy")
    value = [value] if isinstance(value, str) else value
    fits = isinstance(value, list | tuple) and len(value) <= MOST_LABELS
    if not fits or not all(isinstance(label, str) and 0 < len(label) <= 200 for label in value):
        raise UserError(f"{where}: up to {MOST_LABELS} labels of up to 200 characters were expected")
    return list(value)


def _new_type(where: str, name: str, value: Any, value_type: str | None) -> str:
    from pxr import Sdf

    if not Sdf.Path.IsValidNamespacedIdentifier(name) or len(name) > 200:
        raise UserError(f"{where}: that is no name of an attribute")
    if value_type is not None:
        return value_type
    kinds: dict[type, str] = {bool: "bool", int: "double", float: "double", str: "string"}
    if type(value) not in kinds:
        raise UserError(f"{where} is not there yet: say its valueType, such as double3")
    return kinds[type(value)]


def _in_range(where: str, name: str, value: Any) -> None:
    short = name.removeprefix("inputs:") if name.startswith("inputs:") else ""
    if short in _SHARES and not 0.0 <= value <= 1.0:
        raise UserError(f"{where} is a share from 0 to 1; got {value:g}")
    if short in ("width", "height", "radius", "length") and not value > 0:
        raise UserError(f"{where} is {value:g}; a light without extent gives no light")
    if (short == "ior" and not value > 0) or (short == "intensity" and value < 0):
        raise UserError(f"{where} is {value:g}; a positive number was expected")
    if isinstance(value, list) and short.endswith(("Color", "color")) and min(value) < 0:
        raise UserError(f"{where} has a negative part")
