"""What a sensor is: a frozen model with a `kind` and a call that turns a view of the scene into arrays.

Sensors are registered under their kind, here or by another distribution through the entry point group
`twinstage.sensors`. A sensor keeps no state: the same model, view and seed give the same arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from twinstage.base.errors import UserError
from twinstage.base.registry import Registry
from twinstage.render.capture import Camera
from twinstage.render.motion import Motion
from twinstage.render.sensors.classes import Classes
from twinstage.scene.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class View:
    """What a sensor may look at.

    Attributes:
        snapshot: the scene at the frame's time.
        camera: where the sensor is, and the image it makes. A lidar takes the pose (and `path`) only.
        seed: of all that is random in the sensor.
        motion: the scene while the sensor works; None where nothing moves.
        linear: picture of the same camera, linear rgb f4[h, w, 3] before exposure (AOV `linear`): what `rgb` needs, and
            what `stereo` may use for texture.
        temperatures: prim path -> temperature [K], for the prim and all below it.
        classes: id by class name, or by object row, for the column `semantic`; None numbers the classes by name from 1.
    """

    snapshot: Snapshot
    camera: Camera
    seed: int = 0
    motion: Motion | None = None
    linear: np.ndarray | None = None
    temperatures: Mapping[str, float] = field(default_factory=dict)
    classes: Classes | None = None


@dataclass(frozen=True, slots=True)
class Sensed:
    """What a sensor gives: arrays by name; each kind's module states names, shapes and units."""

    kind: str
    arrays: Mapping[str, np.ndarray]
    camera: Camera

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]


class Sensor(BaseModel):
    """Base of all sensors. Subclasses add `kind: Literal[...] = ...` and their fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    needs_linear: ClassVar[bool] = False
    """Whether the sensor cannot work without `View.linear`."""

    needs_temperatures: ClassVar[bool] = False
    """Whether the sensor looks at `View.temperatures`."""

    def looks(self, camera: Camera) -> tuple[float, float]:
        """First and last moment that the sensor looks at [s] from the frame's time: while the camera's rows are exposed."""
        times = camera.shutter.row_times(camera.height)
        return float(times.min()), float(times.max())

    def __call__(self, view: View) -> Sensed:
        """The arrays of this sensor; UserError where the view lacks something."""
        raise NotImplementedError

    def save(self, sensed: Sensed, folder: Path, stem: str) -> list[Path]:
        """Write the sensor's files `folder/stem*`; returns them in the order they were written."""
        raise NotImplementedError


SENSORS: Registry[Any] = Registry("sensor", group="twinstage.sensors")
"""Sensor classes by kind."""


def load_sensor(data: str | Mapping[str, Any], *, where: str = "sensor") -> Sensor:
    """The sensor of a kind's name, or of a mapping with `kind` and its fields (as in YAML); UserError says what is wrong."""
    fields = {"kind": data} if isinstance(data, str) else dict(data)
    kind = fields.get("kind")
    if not isinstance(kind, str):
        raise UserError(f"{where}: a sensor needs a kind, one of {', '.join(SENSORS.kinds())}")
    model = SENSORS.get(kind)
    try:
        sensor: Sensor = model.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or kind
        message = str(first["msg"]).removeprefix("Value error, ")
        raise UserError(f"{where}: {place}: {message}") from None
    return sensor


class _Kind(BaseModel):
    """The one field that says how to read the others."""

    model_config = ConfigDict(extra="allow")
    kind: str


def read_sensor(source: str | Path) -> Sensor:
    """The sensor of a YAML file, or, for a text that does not end in .yaml, .yml or .json, of that kind. Touches files.

    Raises UserError (one sentence with file, line and field).
    """
    from twinstage.telemetry.yamlfile import parse_model, read_text

    path = Path(source)
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        return load_sensor(str(source))
    text = read_text(path, "sensor file")
    kind = parse_model(text, _Kind, noun="sensor file", where=str(path)).kind
    sensor: Sensor = parse_model(text, SENSORS.get(kind), noun="sensor file", where=str(path))
    return sensor


def sense(
    sensor: str | Mapping[str, Any] | Sensor,
    snapshot: Snapshot,
    camera: Camera,
    *,
    seed: int = 0,
    motion: Motion | None = None,
    linear: np.ndarray | None = None,
    temperatures: Mapping[str, float] | None = None,
    classes: Classes | None = None,
) -> Sensed:
    """What that sensor gives for that scene from that camera; see `View` for the arguments."""
    model = sensor if isinstance(sensor, Sensor) else load_sensor(sensor)
    return model(View(snapshot, camera, seed, motion, linear, dict(temperatures or {}), classes))
