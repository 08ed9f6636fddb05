"""Which signal moves what: the models of `bindings.yaml`. Plain data; `plan` gives it meaning.

    bindings: 1
    contract: contract.yaml
    bindings:
      - {kind: joint, prim: /Robot/Physics/joint_1, signal: robot.j1}
      - {kind: pose, prim: /Cell/AGV1, frame: world, position: {x: agv1.x, y: agv1.y}, rotation: {yaw: agv1.heading}}
      - {kind: style, pattern: "/Line{n}/Motor{m}", signal: "line{n}.m{m}.temp", unit: Cel,
         colormap: [[20, "#2060ff"], [80, "#ff3020"]]}

Every binding names a `prim`, or a `pattern` whose `{names}` match parts of prim paths and are filled in wherever they
occur in the binding's other texts (`*` matches within one part, too).
"""

import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.units import compile_unit
from twinstage.telemetry.yamlfile import parse_model, read_text

_MODEL = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")

Number = str | float
"""A signal id, an expression over signal ids (SI), or a constant (SI)."""


def _check_unit(code: str | None) -> str | None:
    if code is not None:
        try:
            compile_unit(code)
        except UserError as error:
            raise ValueError(str(error)) from None
    return code


def _check_color(text: str) -> str:
    if _COLOR.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no colour; expected six hexadecimal digits such as '#2060ff'")
    return text


UnitCode = Annotated[str | None, BeforeValidator(_check_unit)]
Color = Annotated[str, BeforeValidator(_check_color)]


class PositionFields(BaseModel):
    """Components of a position [m]; what is not named keeps its authored value."""

    model_config = _MODEL
    x: Number | None = None
    y: Number | None = None
    z: Number | None = None


class ScaleFields(PositionFields):
    """Components of a scale (ratios; a length counts as a multiple of one metre)."""


class RotationFields(BaseModel):
    """Turns about the fixed axes x, y, z of the frame, applied in this order [rad]; unnamed ones keep theirs."""

    model_config = _MODEL
    roll: Number | None = None
    pitch: Number | None = None
    yaw: Number | None = None


class _Binding(BaseModel):
    model_config = _MODEL
    prim: str | None = None
    pattern: str | None = None
    description: str = ""

    @model_validator(mode="after")
    def _one_target(self) -> "_Binding":
        if not isinstance(self, AttachBinding) and (self.prim is None) == (self.pattern is None):
            raise ValueError("exactly one of prim and pattern is expected")
        return self


class _OneValue(_Binding):
    """A binding driven by one number."""

    signal: str | None = None
    expr: str | None = None

    @model_validator(mode="after")
    def _one_value(self) -> "_OneValue":
        if (self.signal is None) == (self.expr is None):
            raise ValueError("exactly one of signal and expr is expected")
        return self


class JointBinding(_OneValue):
    """A joint coordinate q = sign * value + offset + sum(coupling[s] * s), in rad or m, from the authored pose.

    `prim` is a UsdPhysics revolute or prismatic joint (then its body1 moves), or any transformable prim with `axis`:
    X, Y, Z or a vector in its own frame, through `pivot` (own frame, m; default its origin). `motion` says whether such
    an axis turns or slides; by default the signal's unit decides.
    """

    kind: Literal["joint"] = "joint"
    sign: Literal[-1, 1] = 1
    offset: float = 0.0
    coupling: dict[str, float] = {}
    axis: Literal["X", "Y", "Z"] | tuple[float, float, float] | None = None
    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    motion: Literal["rotate", "slide"] | None = None


class _PoseFields(_Binding):
    frame: str = "parent"
    signal: str | None = None
    position: PositionFields | str | None = None
    rotation: RotationFields | str | None = None
    scale: ScaleFields | Number | None = None

    @model_validator(mode="after")
    def _something(self) -> "_PoseFields":
        if self.signal is not None and (self.position is not None or self.rotation is not None):
            raise ValueError("a pose signal gives position and rotation, so these cannot be named, too")
        if self.signal is None and self.position is None and self.rotation is None and self.scale is None:
            raise ValueError("none of signal, position, rotation and scale is given, so nothing would move")
        if self.frame not in ("parent", "world") and not self.frame.startswith("/"):
            raise ValueError(f"frame {self.frame!r} is unknown; expected parent, world or the path of a prim")
        return self


class PoseBinding(_PoseFields):
    """The pose of a prim in a frame: `parent`, `world` (metres, Z-up) or another prim's.

    `signal`: of type pose; or `position` (a vec[3] signal, or x, y, z), `rotation` (a quat signal, or roll, pitch, yaw) and
    `scale` (one number, or x, y, z). What is not named keeps its authored value.
    """

    kind: Literal["pose"] = "pose"


class InstanceBinding(_PoseFields):
    """The pose of points of a PointInstancer, chosen by `id` (one, a list, or all); `{id}` is filled in."""

    kind: Literal["instance"] = "instance"
    id: int | tuple[int, ...] | Literal["all"]


class AttributeBinding(_OneValue):
    """The value of a scalar attribute, in `unit` (default SI). Attributes named `twin:...` are created."""

    kind: Literal["attribute"] = "attribute"
    attribute: str
    unit: UnitCode = None


class VisibilityBinding(_OneValue):
    """Shown while the value, in `unit` (default SI), is at least `threshold`; the other way round with `invert`."""

    kind: Literal["visibility"] = "visibility"
    invert: bool = False
    threshold: float = 0.5
    unit: UnitCode = None


class StyleBinding(_OneValue):
    """A display colour: piecewise linear in sRGB between the stops of `colormap` [value in `unit`, colour].

    The colour changes only when the value has moved by more than `hysteresis`. `bad_color` is shown while the quality
    is bad; without it the last colour stays.
    """

    kind: Literal["style"] = "style"
    colormap: Annotated[tuple[tuple[float, Color], ...], Field(min_length=1)]
    unit: UnitCode = None
    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    bad_color: Color | None = None

    @model_validator(mode="after")
    def _rising(self) -> "StyleBinding":
        stops = [stop for stop, _ in self.colormap]
        if any(b <= a for a, b in pairwise(stops)):
            raise ValueError(f"the colour map's values {stops} do not rise")
        return self


class AttachBinding(_OneValue):
    """While the value is at least `threshold` (below it with `invert`), a candidate moves with `frame`.

    At the rising edge one candidate is taken: the nearest whose origin is within `radius` [m] of the frame's, or with
    `choose: next` the next one in path order, each once until the plan is reset. The first value of the signal counts
    as an edge for `nearest` only. What is taken keeps its pose to the frame (`snap: true` puts it onto the frame) and
    stays where it is let go. `candidates` are prim paths, `*` matches within one part.
    """

    kind: Literal["attach"] = "attach"
    frame: str
    candidates: Annotated[tuple[str, ...], Field(min_length=1)]
    radius: Annotated[float, Field(gt=0)] | None = None
    threshold: float = 0.5
    invert: bool = False
    choose: Literal["nearest", "next"] = "nearest"
    snap: bool = False


Binding = (
    JointBinding
    | PoseBinding
    | InstanceBinding
    | AttributeBinding
    | VisibilityBinding
    | StyleBinding
    | AttachBinding
)
MODELS: dict[str, type[Any]] = {
    "joint": JointBinding,
    "pose": PoseBinding,
    "instance": InstanceBinding,
    "attribute": AttributeBinding,
    "visibility": VisibilityBinding,
    "style": StyleBinding,
    "attach": AttachBinding,
}


def _check_kind(item: Any) -> Any:
    """Unknown kinds and fields, said better than a union of seven models can."""
    if isinstance(item, BaseModel):
        return item
    if not isinstance(item, dict):
        raise ValueError("a binding is a mapping with a kind")
    kind = item.get("kind")
    if kind not in MODELS:
        raise ValueError(f"no binding is of kind {kind!r}{did_you_mean(str(kind), MODELS)}")
    known = MODELS[kind].model_fields
    for name in item:
        if name not in known:
            raise ValueError(f"a {kind} binding has no field {name!r}{did_you_mean(str(name), known)}")
    return item


Item = Annotated[Annotated[Binding, Field(discriminator="kind")], BeforeValidator(_check_kind)]


class Bindings(BaseModel):
    """A bindings file. `contract`: path of the contract, relative to this file.

    In the file the version is written `bindings: 1`, before the list of the same name; `version: 1` is the same.
    """

    model_config = _MODEL
    version: Literal[1] = 1
    contract: str = "contract.yaml"
    bindings: tuple[Item, ...] = ()
    _where: str = PrivateAttr("")
    _lines: tuple[int, ...] = PrivateAttr(())

    def where(self, index: int) -> str:
        """Where binding number `index` is written, for messages."""
        if index < len(self._lines):
            return f"{self._where}:{self._lines[index]}"
        return f"bindings[{index}]"


# A mapping cannot hold one key twice, so the version line gets its other name before YAML sees it.
_VERSION = re.compile(r"^bindings:(?=[ \t]*\d+[ \t]*(#.*)?$)", re.MULTILINE)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a bindings file, with the version under its other name `version`."""
    return Bindings.model_json_schema()


def load_bindings(path: str | Path) -> Bindings:
    """Read a bindings file. Raises UserError naming file and line."""
    return parse_bindings(read_text(Path(path), "bindings file"), where=str(path))


def parse_bindings(text: str, *, where: str = "bindings") -> Bindings:
    """The same for text; `where` names it in messages."""
    plain = _VERSION.sub("version:", text, count=1)
    found = parse_model(plain, Bindings, noun="bindings file", where=where)
    found._where = where
    found._lines = _item_lines(plain)
    return found


def _item_lines(text: str) -> tuple[int, ...]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    for key, value in pairs:
        if key.value == "bindings" and isinstance(value, yaml.SequenceNode):
            return tuple(item.start_mark.line + 1 for item in value.value)
    return ()
