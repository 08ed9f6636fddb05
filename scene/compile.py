"""Bindings -> plan: every check that can be made at load is made here, one small function a kind of binding.

First all bindings are read into requests (who moves, how, in which frame); then it is decided which of them can move
relative to their own parent at once and which have to follow frames that move themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.attach import Attachments, Grip
from twinstage.scene.binder import Binder
from twinstage.scene.binding_models import GeodeticFields
from twinstage.scene.bindings import (
    AttachBinding,
    AttributeBinding,
    Bindings,
    EntityBinding,
    InstanceBinding,
    JointBinding,
    LabelBinding,
    PoseBinding,
    PositionFields,
    RotationFields,
    StyleBinding,
    VisibilityBinding,
)
from twinstage.scene.compile_more import (
    Channel,
    EntityRequest,
    LabelRequest,
    build_labels,
    build_pools,
    label_map,
)
from twinstage.scene.compile_poses import JointRequest, PoseRequest, build_pose_stage
from twinstage.scene.follow import WORLD, node_name
from twinstage.scene.inputs import InputCompiler, Signals
from twinstage.scene.joints import AXES, Joint
from twinstage.scene.patterns import expand_one, match_paths, one_channel
from twinstage.scene.plan import BindingPlan, Numbers, Switches
from twinstage.scene.poses import Drives, PoseStage
from twinstage.scene.problems import BindingProblem, as_finding
from twinstage.scene.slots import ENTITY_ATTRIBUTE
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage
from twinstage.scene.style import ColorMap, Styles, parse_color
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.units import compile_unit

Terms = tuple[tuple[int, float], ...]
MOST_RETRIES = 200
"""How many nodes that cannot be folded are looked for, one after the other."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A binding that gives one number to one node: its input and the model."""

    node: int
    value: int
    binding: Any


class Compiler:
    """Compiles one bindings file for one stage; used once."""

    def __init__(
        self, bindings: Bindings, contract: Contract, opened: OpenedStage, snapshot: Snapshot
    ) -> None:
        self.bindings = bindings
        self.snapshot = snapshot
        self.binder = Binder(opened, snapshot)
        self.signals = Signals.of(contract)
        self.inputs = InputCompiler(self.signals)
        self.joints: list[JointRequest] = []
        self.joint_bindings: list[tuple[str, JointBinding]] = []
        self.poses: list[PoseRequest] = []
        self.switches: dict[int, _Row] = {}
        self.styles: dict[int, _Row] = {}
        self.numbers: list[tuple[str, str, int]] = []
        self.grips: list[Grip] = []
        self.entities: list[EntityRequest] = []
        self.labels: list[LabelRequest] = []
        self.problems: list[Finding] = []
        self._errors: list[UserError] = []
        self._blame: dict[int, str] = {}
        self._by_prim: dict[str, set[int]] = {}
        self._kinds: dict[str, Callable[[str, Any], None]] = {
            "joint": self._joint,
            "pose": self._pose,
            "instance": self._instance,
            "attribute": self._attribute,
            "visibility": self._visibility,
            "style": self._style,
            "attach": self._attach,
            "entity": self._entity,
            "label": self._label,
        }

    def compile(self) -> BindingPlan:
        """Check and fold everything. Raises UserError for the first binding that cannot hold."""
        plan = self.examine()
        if self._errors:
            raise self._errors[0]
        assert plan is not None
        return plan

    def examine(self) -> "BindingPlan | None":
        """The same without raising: a plan of the bindings that hold (None where not even these can be put together).

        `problems` then holds one finding for each of the others.
        """
        for number in range(len(self.bindings.bindings)):
            try:
                found = expand_one(self.bindings, number, self.snapshot)
            except UserError as error:
                binding = self.bindings.bindings[number]
                self._complain(error, binding.prim or binding.pattern or "")
                continue
            for place, binding in found:
                self._read(place, binding)
        stage = self._build_poses()
        return None if stage is None else self._plan(stage)

    def _read(self, place: str, binding: Any) -> None:
        target = binding.prim or getattr(binding, "frame", "")
        try:
            self._kinds[binding.kind](f"{place}: {binding.kind} binding of {target}", binding)
        except UserError as error:
            self._complain(error, target)

    def _complain(self, error: UserError, path: str) -> None:
        self._errors.append(error)
        self.problems.append(as_finding(error, path))

    def _build_poses(self) -> "PoseStage | None":
        """The poses; a node that cannot be folded is complained of and left out, for as many as there are."""
        for _ in range(MOST_RETRIES):
            try:
                return build_pose_stage(
                    self.snapshot,
                    self.binder,
                    self.inputs,
                    self.joints,
                    self.poses,
                    Attachments(tuple(self.grips)),
                    self._blame,
                )
            except BindingProblem as error:
                self._complain(error, node_name(self.snapshot, error.node) if error.node >= 0 else "")
                if error.node < 0 or not self._drop(error.node):
                    return None
            except np.linalg.LinAlgError:
                message = "a frame or a parent has no inverse, because one of its scales is 0"
                self._complain(BindingProblem("binding.shear", self.bindings.where(0), message), "")
                return None
        return None

    def _drop(self, node: int) -> bool:
        """Forget what moves a node; whether anything did."""
        before = len(self.joints) + len(self.poses) + len(self.grips)
        self.joints = [r for r in self.joints if r.node != node]
        self.poses = [r for r in self.poses if r.node != node]
        self.grips = [g for g in self.grips if node not in g.candidates]
        return len(self.joints) + len(self.poses) + len(self.grips) < before

    def _plan(self, stage: PoseStage) -> BindingPlan:
        pools = build_pools(self.entities, self.snapshot, self.inputs, len(self.numbers))
        return BindingPlan(
            attributes=(
                *((path, unit) for path, unit, _ in self.numbers),
                *((f"{slot}.{ENTITY_ATTRIBUTE}", "") for request in self.entities for slot in request.slots),
            ),
            signals_by_prim=self._signals_by_prim(),
            findings=tuple(self.binder.findings),
            inputs=self.inputs.build(),
            poses=stage,
            switches=self._build_switches(),
            styles=self._build_styles(),
            style_drives=self._drives([row.value for row in _sorted(self.styles)]),
            numbers=Numbers(
                np.array([value for _, _, value in self.numbers], np.int64),
                self._drives([value for _, _, value in self.numbers]),
            ),
            live_labels=build_labels(self.labels, self._drives([r.value for r in self.labels])),
            pools=pools,
        )

    # --- kinds -----------------------------------------------------------------------------------------------

    def _joint(self, where: str, b: JointBinding) -> None:
        joint = self._joint_of(where, b)
        node = self._claim(where, self.binder.movable(where, joint.body1))
        value = self._coordinate(where, b, joint.motion)
        frame = self.snapshot.prims.index_of.get(joint.body0, WORLD)
        smooth = None if b.smooth is None else b.smooth.smoothing
        self.joints.append(JointRequest(where, node, frame, joint, value, smooth))
        self.joint_bindings.append((where, b))
        self._note(value, joint.body1, b.prim or "")

    def _joint_of(self, where: str, b: JointBinding) -> Joint:
        path = b.prim or ""
        joint = self.binder.joint(where, path)
        if joint is not None:
            if b.axis is not None or b.motion is not None:
                raise BindingProblem(
                    "binding.axis",
                    where,
                    f"{path} is a joint and has its own axis, so axis and motion cannot be given",
                )
            return joint
        if b.axis is None:
            kind = self.snapshot.prims.type_name[self.binder.node(where, path)] or "typeless prim"
            raise BindingProblem(
                "binding.axis",
                where,
                f"{path} is a {kind} and no joint, so the binding needs an axis (X, Y, Z or a vector)",
            )
        axis = np.array(AXES[b.axis] if isinstance(b.axis, str) else b.axis, np.float64)
        length = float(np.linalg.norm(axis))
        if length == 0:
            raise BindingProblem("binding.axis", where, "the axis has no length")
        return Joint(path, "", path, b.motion or self._motion(where, b), axis / length, np.array(b.pivot))

    def _motion(self, where: str, b: JointBinding) -> str:
        if b.signal is None:
            raise BindingProblem(
                "binding.axis",
                where,
                "with expr, motion has to say whether the axis turns (rotate) or slides (slide)",
            )
        unit = self.signals.units[self.signals.find_number(where, b.signal)]
        return "slide" if unit.dimension == "m" else "rotate"

    def _coordinate(self, where: str, b: JointBinding, motion: str) -> int:
        dimension = "rad" if motion == "rotate" else "m"
        terms: Terms = ()
        for name, factor in b.coupling.items():
            other = self.signals.find_number(where, name)
            self.signals.require(where, name, ("rad", "m"), "the coupling of a joint")
            terms += ((other, factor),)
        if b.expr is not None:
            purpose = f"a joint that {'turns' if dimension == 'rad' else 'slides'}"
            return self.inputs.expression(
                where, b.expr, float(b.sign), b.offset, terms, (dimension,), purpose
            )
        assert b.signal is not None
        own = self.signals.find(where, b.signal)
        self.signals.find_number(where, b.signal)
        self.signals.require(
            where, b.signal, (dimension,), f"a joint that {'turns' if dimension == 'rad' else 'slides'}"
        )
        return self.inputs.linear(b.offset, ((own, float(b.sign)), *terms))

    def _pose(self, where: str, b: PoseBinding) -> None:
        path = b.prim or ""
        node = self._claim(where, self.binder.movable(where, path))
        self._pose_of(where, b, node, path)

    def _instance(self, where: str, b: InstanceBinding) -> None:
        assert isinstance(b.id, int)  # lists and `all` were expanded
        path = b.prim or ""
        node = self._claim(f"{where}[{b.id}]", self.binder.point(where, path, b.id))
        self._pose_of(f"{where}[{b.id}]", b, node, path)

    def _pose_of(self, where: str, b: PoseBinding | InstanceBinding, node: int, path: str) -> None:
        request = self._request(where, b, node)
        self.poses.append(request)
        for row in (*request.position, *request.angles, *request.scale):
            if row >= 0:
                self._note(row, path)
        for signal in (request.pose_signal, request.quat_signal, request.vec_signal):
            if signal >= 0:
                self._by_prim.setdefault(path, set()).add(signal)

    def _request(self, where: str, b: Any, node: int) -> PoseRequest:
        """What a pose's fields ask for."""
        parent = int(self.snapshot.node_parent[node])
        frame = {"parent": parent, "world": WORLD}.get(b.frame)
        origin = None
        if isinstance(b.position, GeodeticFields):
            position, vec = self._geodetic(where, b.position), -1
            origin = self.binder.origin(where, b.position.origin)
        else:
            position, vec = self._vector3(where, b.position, ("m",), "a position", "vec[3]")
        angles, quat = self._angles(where, b.rotation)
        return PoseRequest(
            where=where,
            node=node,
            frame=self.binder.node(where, b.frame) if frame is None else frame,
            position=position,
            angles=angles,
            scale=self._scale(where, b),
            pose_signal=-1 if b.signal is None else self.signals.find_type(where, b.signal, "pose"),
            quat_signal=quat,
            vec_signal=vec,
            order=b.rotation.order if isinstance(b.rotation, RotationFields) else "xyz",
            ned=b.axes == "ned",
            origin=origin,
            smooth=None if b.smooth is None else b.smooth.smoothing,
        )

    def _geodetic(self, where: str, fields: GeodeticFields) -> tuple[int, int, int]:
        """Input rows of latitude, longitude and height."""
        latitude = self._number(where, fields.latitude, ("rad",), "a latitude")
        longitude = self._number(where, fields.longitude, ("rad",), "a longitude")
        return latitude, longitude, self._number(where, fields.height, ("m",), "a height")

    def _vector3(
        self,
        where: str,
        fields: PositionFields | str | None,
        dimensions: tuple[str, ...],
        purpose: str,
        kind: str,
    ) -> tuple[tuple[int, int, int], int]:
        """Input rows of x, y, z (-1: authored), or the index of a vector signal."""
        if isinstance(fields, str):
            signal = self.signals.find_type(where, fields, kind)
            self.signals.require(where, fields, dimensions, purpose)
            return (-1, -1, -1), signal
        if fields is None:
            return (-1, -1, -1), -1
        x, y, z = (self._number(where, v, dimensions, purpose) for v in (fields.x, fields.y, fields.z))
        return (x, y, z), -1

    def _angles(self, where: str, fields: RotationFields | str | None) -> tuple[tuple[int, int, int], int]:
        if isinstance(fields, str):
            return (-1, -1, -1), self.signals.find_type(where, fields, "quat")
        if fields is None:
            return (-1, -1, -1), -1
        parts = (fields.roll, fields.pitch, fields.yaw)
        roll, pitch, yaw = (self._number(where, v, ("rad",), "a rotation") for v in parts)
        return (roll, pitch, yaw), -1

    def _scale(self, where: str, b: Any) -> tuple[int, int, int]:
        if isinstance(b.scale, PositionFields):
            return self._vector3(where, b.scale, ("1", "m"), "a scale", "vec[3]")[0]
        one = self._number(where, b.scale, ("1", "m"), "a scale")
        return (one, one, one)

    def _attribute(self, where: str, b: AttributeBinding) -> None:
        path = self.binder.attribute(where, b.prim or "", b.attribute)
        if path in {known for known, _, _ in self.numbers}:
            raise BindingProblem(
                "binding.duplicate", where, f"attribute {b.attribute!r} of {b.prim} is bound twice"
            )
        value = self._value(where, b, b.unit)
        unit = b.unit
        if unit is None and b.signal is not None:
            unit = self.signals.units[self.signals.index_of[b.signal]].si
        self.numbers.append((path, unit or "", value))
        self._note(value, b.prim or "")

    def _visibility(self, where: str, b: VisibilityBinding) -> None:
        self._single(where, b, self.switches, "visibility")

    def _style(self, where: str, b: StyleBinding) -> None:
        self.binder.drawn(where, b.prim or "")
        self._single(where, b, self.styles, "style")

    def _single(self, where: str, b: Any, table: dict[int, _Row], noun: str) -> None:
        node = self.binder.imageable(where, b.prim or "")
        if node in table:
            raise BindingProblem("binding.duplicate", where, f"the {noun} of {b.prim} is bound twice")
        table[node] = _Row(node, self._value(where, b, b.unit), b)
        self._note(table[node].value, b.prim or "")

    def _entity(self, where: str, b: EntityBinding) -> None:
        slots = [self.binder.slot(where, path) for path in b.slots]
        for node in slots:
            self._claim(where, node)
        channels = [self._channel(where, b, name, slots[0]) for name in b.names]
        self.entities.append(EntityRequest(tuple(slots), b.slots, tuple(channels)))
        for channel in channels:
            for path in b.slots:
                self._note(channel.id, path)
                for row in (*channel.pose.position, *channel.pose.angles, *channel.pose.scale):
                    if row >= 0:
                        self._note(row, path)

    def _channel(self, where: str, b: EntityBinding, name: str, node: int) -> Channel:
        one = one_channel(b, name)
        own = f"{where}[{name}]"
        index = self.signals.find_number(own, one.id)
        if self.signals.types[index] != "i64":
            raise BindingProblem(
                "binding.signal-type",
                own,
                f"signal {one.id!r} is of type {self.signals.types[index]}, and an id is an i64",
            )
        row = self.inputs.linear(0.0, ((index, 1.0),))
        return Channel(row, self._request(own, one, node))

    def _label(self, where: str, b: LabelBinding) -> None:
        path = b.prim or ""
        self.binder.imageable(where, path)
        if any(r.slot.path == path and r.slot.taxonomy == b.taxonomy for r in self.labels):
            raise BindingProblem(
                "binding.duplicate", where, f"the {b.taxonomy} label of {path} is bound twice"
            )
        index = self.signals.index_of.get(b.signal or "", -1)
        codes = self.signals.codes[index] if index >= 0 else {}
        value = self._value(where, b, b.unit)
        kind = self.signals.types[index] if index >= 0 else "f64"
        self.labels.append(LabelRequest(value, *label_map(where, b, path, kind, codes)))
        self._note(value, path)

    def _attach(self, where: str, b: AttachBinding) -> None:
        value = self._value(where, b, None)
        frame = self.binder.node(where, b.frame)
        paths = list(dict.fromkeys(p for c in b.candidates for p in match_paths(c, self.snapshot.prims.path)))
        if not paths:
            raise BindingProblem(
                "binding.pattern", where, f"no prim matches the candidates {', '.join(b.candidates)}"
            )
        known = {node for grip in self.grips for node in grip.candidates}
        nodes = []
        for path in sorted(paths):
            node = self.binder.movable(where, path)
            nodes.append(node if node in known else self._claim(where, node))
            self._note(value, path)
        self.grips.append(
            Grip(
                value=value,
                frame=frame,
                candidates=tuple(nodes),
                radius=np.inf if b.radius is None else b.radius,
                threshold=b.threshold,
                invert=b.invert,
                choose=b.choose,
                snap=b.snap,
            )
        )
        self._note(value, b.frame)

    # --- helpers ---------------------------------------------------------------------------------------------

    def _number(self, where: str, value: Any, dimensions: tuple[str, ...], purpose: str) -> int:
        """The input row of a constant, a signal or an expression; -1 for None."""
        if value is None:
            return -1
        if isinstance(value, int | float):
            return self.inputs.constant(float(value))
        if value in self.signals.index_of:
            index = self.signals.find_number(where, value)
            self.signals.require(where, value, dimensions, purpose)
            return self.inputs.linear(0.0, ((index, 1.0),))
        return self.inputs.expression(where, value, dimensions=dimensions, purpose=purpose)

    def _value(self, where: str, b: Any, unit: str | None) -> int:
        """The input row of a binding's signal or expression, in that unit (None: SI)."""
        target = None if unit is None else compile_unit(unit)
        scale, offset = (1.0, 0.0) if target is None else (1.0 / target.scale, -target.offset / target.scale)
        if b.expr is not None:
            wanted = () if target is None else (target.dimension,)
            return self.inputs.expression(
                where, b.expr, scale, offset, dimensions=wanted, purpose=f"its unit {unit!r}"
            )
        index = self.signals.find_number(where, b.signal)
        if target is not None:
            self.signals.require(where, b.signal, (target.dimension,), f"its unit {unit!r}")
        return self.inputs.linear(offset, ((index, scale),))

    def _claim(self, where: str, node: int) -> int:
        """Note who moves a node; UserError if somebody else does."""
        if node in self._blame:
            raise BindingProblem(
                "binding.duplicate", where, f"the same prim is already moved by {self._blame[node]}", -1
            )
        self._blame[node] = where
        return node

    def _note(self, row: int, *paths: str) -> None:
        for path in paths:
            if path:
                self._by_prim.setdefault(path, set()).update(self.inputs.uses(row))

    def used_signals(self) -> dict[str, tuple[str, ...]]:
        """Ids of the signals that drive each prim path, as far as bindings hold."""
        return self._signals_by_prim()

    def _signals_by_prim(self) -> dict[str, tuple[str, ...]]:
        names = tuple(self.signals.index_of)
        return {path: tuple(names[i] for i in sorted(used)) for path, used in sorted(self._by_prim.items())}

    def _drives(self, rows: list[int]) -> Drives:
        return Drives.of([self.inputs.uses(row) for row in rows])

    def _build_switches(self) -> Switches:
        rows = _sorted(self.switches)
        own = self.snapshot.prims.own_visible
        nodes = np.array([row.node for row in rows], np.int64)
        return Switches(
            node=nodes,
            value=np.array([row.value for row in rows], np.int64),
            threshold=np.array([row.binding.threshold for row in rows], np.float64),
            invert=np.array([row.binding.invert for row in rows], bool),
            authored=np.ones(len(rows), bool) if own is None else own[nodes],
            drives=self._drives([row.value for row in rows]),
        )

    def _build_styles(self) -> Styles:
        rows = _sorted(self.styles)
        maps: dict[Any, int] = {}
        for row in rows:
            maps.setdefault((row.binding.colormap, row.binding.steps), len(maps))
        bad = [parse_color(r.binding.bad_color) if r.binding.bad_color else (0, 0, 0, 0) for r in rows]
        return Styles(
            node=np.array([row.node for row in rows], np.int64),
            value=np.array([row.value for row in rows], np.int64),
            map_of=np.array([maps[row.binding.colormap, row.binding.steps] for row in rows], np.int64),
            maps=tuple(ColorMap.of(stops, steps) for stops, steps in maps),
            hysteresis=np.array([row.binding.hysteresis for row in rows], np.float64),
            bad=np.array(bad, np.uint8).reshape(-1, 4),
        )


def _sorted(table: dict[int, _Row]) -> list[_Row]:
    return [table[node] for node in sorted(table)]
