"""The models of single bindings, one a kind: plain data that says which signal drives what. `bindings` reads files of them."""

import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from twinstage.base.errors import UserError
from twinstage.scene.smoothing import MOST_DELAY, Smoothing
from twinstage.telemetry.units import compile_unit

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
Label = Annotated[str, Field(min_length=1, max_length=200)]
MOST_ENTITIES = 4096
"""Most copies that one entity binding may ask for."""


class PositionFields(BaseModel):
    """Components of a position [m]; what is not named keeps its authored value."""

    model_config = _MODEL
    x: Number | None = None
    y: Number | None = None
    z: Number | None = None


class GeodeticFields(BaseModel):
    """A place on the Earth (WGS-84), as metres east, north and up of an origin: latitude, longitude [rad], height [m].

    `origin`: latitude, longitude [deg] and height [m] of the world's origin; by default the attribute `twin:origin` (double3,
    the same three) of the stage's default prim.
    """

    model_config = _MODEL
    latitude: Number
    longitude: Number
    height: Number = 0.0
    origin: tuple[float, float, float] | None = None

    @model_validator(mode="after")
    def _on_earth(self) -> "GeodeticFields":
        if self.origin is not None and not (abs(self.origin[0]) <= 90 and abs(self.origin[1]) <= 360):
            raise ValueError(f"origin {list(self.origin)} is no latitude and longitude in degrees")
        return self


def _position_form(value: Any) -> Any:
    """Which of the two forms a mapping is meant to be, so that a mistake is told in the words of that one."""
    if isinstance(value, dict):
        return (GeodeticFields if value.keys() & GeodeticFields.model_fields.keys() else PositionFields)(
            **value
        )
    return value


class ScaleFields(PositionFields):
    """Components of a scale (ratios; a length counts as a multiple of one metre)."""


class RotationFields(BaseModel):
    """Turns about the fixed axes x (roll), y (pitch) and z (yaw) of the frame [rad]; unnamed ones keep theirs.

    `order`: in which order they are applied; `xyz` is the same as yaw, then pitch, then roll about the axes of the body
    that turns with them. With another order all three have to be named.
    """

    model_config = _MODEL
    roll: Number | None = None
    pitch: Number | None = None
    yaw: Number | None = None
    order: Literal["xyz", "xzy", "yxz", "yzx", "zxy", "zyx"] = "xyz"

    @model_validator(mode="after")
    def _all_three(self) -> "RotationFields":
        if self.order != "xyz" and None in (self.roll, self.pitch, self.yaw):
            raise ValueError(f"with order {self.order!r} all of roll, pitch and yaw have to be named")
        return self


class SmoothFields(BaseModel):
    """How a pose is shown between readings: `linear` (`delay` behind them) or `filter` (63 % of the way in `time`) [s]."""

    model_config = _MODEL
    kind: Literal["linear", "filter"]
    delay: Annotated[float, Field(gt=0, le=MOST_DELAY)] | None = None
    time: Annotated[float, Field(gt=0, le=MOST_DELAY)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "SmoothFields":
        wanted, other = ("delay", "time") if self.kind == "linear" else ("time", "delay")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f"smoothing of kind {self.kind} has a {wanted} in seconds, and no {other}")
        return self

    @property
    def smoothing(self) -> Smoothing:
        return Smoothing(self.kind, self.delay or self.time or 0.0)


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
    smooth: SmoothFields | None = None


class _PoseFields(_Binding):
    frame: str = "parent"
    signal: str | None = None
    position: Annotated[PositionFields | GeodeticFields | str | None, BeforeValidator(_position_form)] = None
    rotation: RotationFields | str | None = None
    scale: ScaleFields | Number | None = None
    axes: Literal["enu", "ned"] = "enu"
    smooth: SmoothFields | None = None

    @model_validator(mode="after")
    def _something(self) -> "_PoseFields":
        if self.signal is not None and (self.position is not None or self.rotation is not None):
            raise ValueError("a pose signal gives position and rotation, so these cannot be named, too")
        if self.signal is None and self.position is None and self.rotation is None and self.scale is None:
            raise ValueError("none of signal, position, rotation and scale is given, so nothing would move")
        if isinstance(self.position, GeodeticFields) and self.frame != "world":
            raise ValueError("a latitude and longitude are places in the world: write frame: world")
        if self.frame not in ("parent", "world") and not self.frame.startswith("/"):
            raise ValueError(f"frame {self.frame!r} is unknown; expected parent, world or the path of a prim")
        return self


class PoseBinding(_PoseFields):
    """The pose of a prim in a frame: `parent`, `world` (metres, Z-up) or another prim's.

    `signal`: of type pose; or `position` (a vec[3] signal, or x, y, z), `rotation` (a quat signal, or roll, pitch, yaw) and
    `scale` (one number, or x, y, z). What is not named keeps its authored value. `position` may be latitude, longitude and
    height. `axes: ned` reads x, y, z as north, east, down and rotations as those of a body that looks forward, right and
    down; the frame's X is east, its Y north, its Z up.
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

    With `steps` the stops are thresholds: the colour of the last one that the value has reached, left again when the
    value is more than `hysteresis` below it. Without, the colour changes only when the value has moved by more than
    `hysteresis`. `bad_color` is shown while the quality is bad; without it the last colour stays.
    """

    kind: Literal["style"] = "style"
    colormap: Annotated[tuple[tuple[float, Color], ...], Field(min_length=1)]
    unit: UnitCode = None
    steps: bool = False
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


class LabelBinding(_OneValue):
    """The class label of a prim (UsdSemantics, in `taxonomy`), by the value of a signal.

    `labels`: a map from values to labels (names of an enum, true and false, or whole numbers), or rising steps [from
    value, label] in `unit` (default SI): the label of the last step that the value has reached, left again when the value
    is more than `hysteresis` below it. A value without a label gives the authored one back.
    """

    kind: Literal["label"] = "label"
    labels: dict[str, Label] | Annotated[tuple[tuple[float, Label], ...], Field(min_length=1)]
    taxonomy: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")] = "class"
    unit: UnitCode = None
    hysteresis: Annotated[float, Field(ge=0)] = 0.0

    @field_validator("labels", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if isinstance(value, dict):
            # YAML's true is a truth, and a reader may have made it a text already.
            texts = {str(k): v for k, v in value.items()}
            return {k.lower() if k in ("True", "False") else k: v for k, v in texts.items()}
        return value

    @model_validator(mode="after")
    def _rising(self) -> "LabelBinding":
        if isinstance(self.labels, dict):
            if not self.labels:
                raise ValueError("the label map is empty")
            if self.unit is not None or self.hysteresis:
                raise ValueError(
                    "unit and hysteresis belong to steps [value, label], and labels is a map of names"
                )
        elif any(b[0] <= a[0] for a, b in pairwise(self.labels)):
            raise ValueError(f"the label steps {[stop for stop, _ in self.labels]} do not rise")
        return self


class EntityBinding(_PoseFields):
    """Things that come and go: each of some channels names the entity it sees now, by an int64 id that is never used again.

    `prim` is what is repeated; `pool` hidden copies of it are made below `parent` (default: the parent of `prim`) when the
    stage is opened, and none later. `channels` (a number n for 0 to n-1, or a list) fill in `{n}`: `id` is the i64 signal of a
    channel (negative: it sees nothing), the fields of `pose` place what it sees. An entity appears when a channel names a new
    id, and disappears when no channel names it any more; an id that comes back is refused and counted.
    """

    kind: Literal["entity"] = "entity"
    id: str
    channels: (
        Annotated[int, Field(ge=1, le=MOST_ENTITIES)] | Annotated[tuple[int | str, ...], Field(min_length=1)]
    )
    pool: Annotated[int, Field(ge=1, le=MOST_ENTITIES)]
    parent: str | None = None

    @model_validator(mode="after")
    def _slots(self) -> "EntityBinding":
        if self.pattern is not None:
            raise ValueError("an entity binding names one prim to repeat, not a pattern")
        if self.smooth is not None:
            raise ValueError("entities are not smoothed: a slot may hold another one at the next tick")
        if self.frame != "parent":
            raise ValueError(
                "entities are placed in the frame of their parent; name `parent` instead of `frame`"
            )
        if len(self.names) > 1 and "{n}" not in self.id:
            raise ValueError("with several channels, id has to hold {n}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """What `{n}` stands for, channel by channel."""
        if isinstance(self.channels, int):
            return tuple(str(n) for n in range(self.channels))
        return tuple(dict.fromkeys(str(n) for n in self.channels))

    @property
    def slots(self) -> tuple[str, ...]:
        """Paths of the copies."""
        owner, _, name = (self.prim or "").rpartition("/")
        owner = (self.parent or owner).rstrip("/")
        return tuple(f"{owner}/{name}_entity_{k:04d}" for k in range(self.pool))


Binding = (
    JointBinding
    | PoseBinding
    | InstanceBinding
    | AttributeBinding
    | VisibilityBinding
    | StyleBinding
    | AttachBinding
    | EntityBinding
    | LabelBinding
)
MODELS: dict[str, type[Any]] = {
    "joint": JointBinding,
    "pose": PoseBinding,
    "instance": InstanceBinding,
    "attribute": AttributeBinding,
    "visibility": VisibilityBinding,
    "style": StyleBinding,
    "attach": AttachBinding,
    "entity": EntityBinding,
    "label": LabelBinding,
}
