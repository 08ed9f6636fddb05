"""Columns -> the stage's `live` layer, in bulk.

All specs are created once, when the writer is made (a first touch costs as much as twenty later writes). A bound prim gets
one op, `xformOp:transform:live`, which replaces its op order: clearing the layer brings the authored pose back. A tick is
then one Sdf.ChangeBlock of default values on remembered specs. Values are defaults, not samples: a default of a stronger
layer wins over samples of a weaker one, and changes of it are noticed.

Points are written as the whole arrays of their PointInstancer; half-precision `orientations` get `orientationsf` above them.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.binder import Binder
from twinstage.scene.color import linear_from_srgb
from twinstage.scene.columns import (
    AttributeColumns,
    LabelColumns,
    PoseColumns,
    StyleColumns,
    TickColumns,
    VisibilityColumns,
)
from twinstage.scene.label_specs import LabelSpec, label_specs
from twinstage.scene.plan import BindingPlan
from twinstage.scene.read.context import Conversion
from twinstage.scene.skeletons import LiveSkeletons
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage
from twinstage.scene.transforms import compose_trs

LIVE_OP = "xformOp:transform:live"
RESET = "!resetXformStack!"


class ColumnWriter:
    """Writes ticks into the `live` layer of one stage.

    Specs of everything that `plan` binds are made at once. Nodes that only a producer moves get theirs at their first
    tick; native instances above them are then opened up, as for bindings.
    """

    def __init__(self, opened: OpenedStage, snapshot: Snapshot, plan: BindingPlan | None = None) -> None:
        self.snapshot = snapshot
        self.layer = opened.layers.live
        self._opened = opened
        self._binder = Binder(opened, snapshot)
        self._conversion = Conversion.of(opened.meters_per_unit, opened.up_axis)
        self._n_prims = len(snapshot.prims)
        self._in_world = snapshot.node_parent < 0
        self._transforms: dict[int, Any] = {}
        self._visibility: dict[int, Any] = {}
        self._colors: dict[int, Any] = {}
        self._instancers: dict[int, PointArrays] = {}
        self._attributes: list[tuple[Any, Any]] = []
        self._labels: list[LabelSpec] = []
        self._skeletons = LiveSkeletons(opened, snapshot)
        if plan is not None:
            self._prepare(plan.bound_nodes, plan.switched_nodes, plan.styles.node)
            self._prepare_attributes(plan.attributes)
            self._labels = label_specs(opened.stage, self.layer, plan.labels)

    @property
    def findings(self) -> tuple[str, ...]:
        """Instances that had to be opened up for nodes that no binding names."""
        return tuple(self._binder.findings)

    @property
    def written(self) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
        """Nodes whose poses, visibility and colours have specs in the layer."""
        return frozenset(self._transforms), frozenset(self._visibility), frozenset(self._colors)

    def writes(self, node: int) -> bool:
        """Whether the layer may hold something of that node."""
        return node in self._transforms or node in self._visibility or node in self._colors

    def write(self, columns: TickColumns) -> None:
        """Write one tick. Attribute slots are those of the plan that the writer was made for."""
        from pxr import Sdf

        self._skeletons.prepare(columns.pose.index)
        self._prepare(columns.pose.index, columns.visibility.index, columns.style.index)
        with Sdf.ChangeBlock():
            self._write_poses(columns.pose)
            self._skeletons.write(columns.pose)
            self._write_visibility(columns.visibility)
            self._write_style(columns.style)
            self._write_attributes(columns.attributes)
            self._write_labels(columns.labels)

    def _write_poses(self, pose: PoseColumns) -> None:
        from pxr import Sdf, Vt

        if not len(pose):
            return
        split = int(np.searchsorted(pose.index, self._n_prims))
        matrices = compose_trs(pose.translation, pose.rotation, pose.scale)
        nodes = pose.index[:split].astype(np.int64)
        usd = Vt.Matrix4dArray.FromNumpy(self._to_usd(nodes, matrices[:split])) if split else []
        # Mapped, the setter costs a tenth less than assignments.
        specs = map(self._transforms.__getitem__, nodes.tolist())
        deque(map(Sdf.AttributeSpec.default.fset, specs, usd), maxlen=0)
        if split < len(pose):
            self._write_points(pose, split)

    def _to_usd(self, nodes: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        in_world = self._in_world[nodes]
        if in_world.any():
            matrices = matrices.copy()
            matrices[in_world] = self._conversion.world.T @ matrices[in_world]
        return np.ascontiguousarray(self._conversion.usd_matrices(matrices))

    def _write_points(self, pose: PoseColumns, split: int) -> None:
        rows = pose.index[split:].astype(np.int64) - self._n_prims
        scale = np.ones((len(pose), 3), np.float32) if pose.scale is None else pose.scale
        owner = self.snapshot.points.instancer[rows]
        for instancer in np.unique(owner):
            own = owner == instancer
            self._instancers[int(instancer)].set(
                rows[own], pose.translation[split:][own], pose.rotation[split:][own], scale[split:][own]
            )

    def _write_visibility(self, columns: VisibilityColumns) -> None:
        for node, visible in zip(columns.index.tolist(), columns.visible.tolist(), strict=True):
            if node < self._n_prims:  # points are hidden by `invisibleIds`, which no binding drives yet
                self._visibility[node].default = "inherited" if visible else "invisible"

    def _write_style(self, columns: StyleColumns) -> None:
        from pxr import Vt

        linear = linear_from_srgb(columns.rgba[:, :3] / 255.0).astype(np.float32)
        for row, (node, alpha) in enumerate(
            zip(columns.index.tolist(), columns.rgba[:, 3].tolist(), strict=True)
        ):
            if alpha == 0:
                self._colors[node].ClearDefaultValue()
            else:
                self._colors[node].default = Vt.Vec3fArray.FromNumpy(linear[row : row + 1])

    def _write_attributes(self, columns: AttributeColumns) -> None:
        for slot, value in zip(columns.slot.tolist(), columns.value.tolist(), strict=True):
            if value == value:  # NaN is no value: the last one stands
                spec, cast = self._attributes[slot]
                spec.default = cast(value)

    def _write_labels(self, columns: LabelColumns) -> None:
        for slot, choice in zip(columns.slot.tolist(), columns.choice.tolist(), strict=True):
            self._labels[slot].set(choice)

    # --- specs, created once --------------------------------------------------------------------------------

    def _prepare(self, moved: np.ndarray, switched: np.ndarray, styled: np.ndarray) -> None:
        """Specs for nodes that have none yet. The stage is asked before the block: inside it only the layer is touched."""
        from pxr import Sdf

        split = int(np.searchsorted(moved, self._n_prims))
        new_moved = [node for node in moved[:split].tolist() if node not in self._transforms]
        new_switched = [
            node for node in switched.tolist() if node not in self._visibility and node < self._n_prims
        ]
        new_styled = [node for node in styled.tolist() if node not in self._colors and node < self._n_prims]
        points = self.snapshot.points.instancer
        owners = (
            np.unique(points[moved[split:].astype(np.int64) - self._n_prims]).tolist()
            if split < len(moved)
            else []
        )
        new_owners = [owner for owner in owners if owner not in self._instancers]
        if not (new_moved or new_switched or new_styled or new_owners):
            return
        paths = self.snapshot.prims.path
        for node in (*new_moved, *new_switched, *new_styled, *new_owners):
            self._binder.open_instances(paths[node])
        with Sdf.ChangeBlock():
            self._transforms |= {node: self._transform_spec(node) for node in new_moved}
            self._visibility |= {node: self._visibility_spec(node) for node in new_switched}
            self._colors |= {node: self._color_spec(node) for node in new_styled}
        for owner in new_owners:
            self._instancers[owner] = PointArrays(
                self._opened.stage, self.layer, self.snapshot, owner, self._conversion
            )

    def _prepare_attributes(self, attributes: tuple[tuple[str, str], ...]) -> None:
        from pxr import Sdf

        found = [self._opened.stage.GetAttributeAtPath(path) for path, _ in attributes]
        types = [attribute.GetTypeName() if attribute else None for attribute in found]
        with Sdf.ChangeBlock():
            self._attributes = [
                self._attribute_spec(path, unit, known)
                for (path, unit), known in zip(attributes, types, strict=True)
            ]

    def _prim_spec(self, path: str) -> Any:
        from pxr import Sdf

        return Sdf.CreatePrimInLayer(self.layer, path)

    def _spec(self, path: str, name: str, type_name: Any, variability: Any = None) -> Any:
        from pxr import Sdf

        prim = self._prim_spec(path)
        known = prim.attributes.get(name)
        if known is not None:
            return known
        return Sdf.AttributeSpec(prim, name, type_name, variability or Sdf.VariabilityVarying)

    def _transform_spec(self, node: int) -> Any:
        from pxr import Gf, Sdf

        prims = self.snapshot.prims
        path = prims.path[node]
        order = self._spec(path, "xformOpOrder", Sdf.ValueTypeNames.TokenArray, Sdf.VariabilityUniform)
        order.default = [RESET, LIVE_OP] if prims.resets[node] else [LIVE_OP]
        spec = self._spec(path, LIVE_OP, Sdf.ValueTypeNames.Matrix4d)
        start = self._to_usd(np.array([node]), np.array(prims.local[node])[None])[0]
        spec.default = Gf.Matrix4d(start.tolist())
        return spec

    def _visibility_spec(self, node: int) -> Any:
        from pxr import Sdf

        own = self.snapshot.prims.own_visible
        spec = self._spec(self.snapshot.prims.path[node], "visibility", Sdf.ValueTypeNames.Token)
        spec.default = "inherited" if own is None or own[node] else "invisible"
        return spec

    def _color_spec(self, node: int) -> Any:
        from pxr import Sdf

        name = "primvars:displayColor"
        spec = self._spec(self.snapshot.prims.path[node], name, Sdf.ValueTypeNames.Color3fArray)
        spec.SetInfo("interpolation", "constant")
        return spec

    def _attribute_spec(self, path: str, unit: str, type_name: Any) -> tuple[Any, Any]:
        from pxr import Sdf

        prim_path, _, name = path.partition(".")
        if type_name is not None:
            return self._spec(prim_path, name, type_name), _caster(str(type_name))
        spec = self._spec(prim_path, name, Sdf.ValueTypeNames.Double)
        spec.custom = True
        spec.SetInfo("customData", {"unit": unit})
        return spec, float


_WHOLE: dict[str, tuple[int, int]] = {
    "uchar": (0, 2**8 - 1),
    "int": (-(2**31), 2**31 - 1),
    "uint": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
"""Smallest and largest value of USD's whole-number types. A value beyond them is an exception in USD."""


def _caster(type_name: str) -> Callable[[float], bool | int | float]:
    """From a number (not NaN) to what an attribute of that type holds; whole numbers stop at the ends of their range."""
    if type_name == "bool":
        return lambda value: bool(value >= 0.5)
    if type_name in _WHOLE:
        low, high = _WHOLE[type_name]
        return lambda value: low if value <= low else high if value >= high else round(value)
    return float


class PointArrays:
    """The arrays of one PointInstancer, kept here and set whole; `place` maps point rows to array positions."""

    def __init__(
        self, stage: Any, layer: Any, snapshot: Snapshot, instancer: int, conversion: Conversion
    ) -> None:
        from pxr import Sdf, UsdGeom

        from twinstage.scene.read import time_at
        from twinstage.scene.read.context import array
        from twinstage.scene.read.points import point_ids

        path = snapshot.prims.path[instancer]
        api = UsdGeom.PointInstancer(stage.GetPrimAtPath(path))
        time = time_at(stage, None)
        positions = array(api.GetPositionsAttr().Get(time), np.float32)
        if positions is None:
            raise UserError(f"{path} has no positions, so its points cannot be moved")
        count = len(positions)
        ids = point_ids(api, time, count)
        order = np.argsort(np.arange(count) if ids is None else ids, kind="stable")
        self._first = int(np.searchsorted(snapshot.points.instancer, instancer))
        self._place = order
        self._scale = conversion.scale
        self.positions = positions.copy()
        self.orientations = _orientations(api, time, count)
        scales = array(api.GetScalesAttr().Get(time), np.float32)
        self.scales = np.ones((count, 3), np.float32) if scales is None else scales.copy()
        prim = Sdf.CreatePrimInLayer(layer, path)
        types = Sdf.ValueTypeNames
        self._specs = {
            "positions": Sdf.AttributeSpec(prim, "positions", types.Point3fArray),
            "orientationsf": Sdf.AttributeSpec(prim, "orientationsf", types.QuatfArray),
            "scales": Sdf.AttributeSpec(prim, "scales", types.Float3Array),
        }
        self._write()

    def set(self, rows: np.ndarray, translation: np.ndarray, rotation: np.ndarray, scale: np.ndarray) -> None:
        """New poses of point rows (of the snapshot's point table), and the arrays into the layer."""
        at = self._place[rows - self._first]
        self.positions[at] = translation / self._scale
        self.orientations[at] = rotation
        self.scales[at] = scale
        self._write()

    def _write(self) -> None:
        from pxr import Vt

        # Vt's quaternions lie in memory as x, y, z, w.
        quats = np.ascontiguousarray(self.orientations[:, [1, 2, 3, 0]])
        self._specs["positions"].default = Vt.Vec3fArray.FromNumpy(self.positions)
        self._specs["orientationsf"].default = Vt.QuatfArray.FromNumpy(quats)
        self._specs["scales"].default = Vt.Vec3fArray.FromNumpy(self.scales)


def _orientations(api: Any, time: Any, count: int) -> np.ndarray:
    """Authored orientations wxyz f4[n, 4], from the single-precision attribute where it is there."""
    for attribute in (api.GetOrientationsfAttr(), api.GetOrientationsAttr()):
        values = attribute.Get(time)
        if values is not None and len(values) == count:
            in_memory = np.asarray(values, np.float32).reshape(-1, 4)  # x, y, z, w
            return np.ascontiguousarray(in_memory[:, [3, 0, 1, 2]])
    return np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1))
