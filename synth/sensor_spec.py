"""Sensors of a recipe: what they are (`render.sensors`), and where they sit."""

from typing import Annotated, Any

from pydantic import (
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    StringConstraints,
    field_validator,
    model_serializer,
    model_validator,
)

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.sensors import SENSORS, Sensor, load_sensor
from twinstage.synth.model import Model
from twinstage.synth.plugins import plugin_schemas

Point = tuple[float, float, float]
_MOUNT = ("name", "camera", "prim", "eye", "target", "fov", "resolution", "offset", "sensor")


class SensorSpec(Model):
    """A sensor of the dataset, written flat: `{name: velodyne, kind: lidar, camera: front, max_range: 80}`.

    It sits at one of `camera`, `prim` and `eye`; `kind` and all other fields are the sensor's own (docs/sensors.md).

    Attributes:
        name: used in file names.
        camera: a camera of the recipe: the sensor is where it is, looks as it does, and if it makes images they have its
            lens and resolution.
        prim: path of a prim: of a camera it looks the same way, else along the prim's +x with +z up.
        eye, target: a place in the world and the point that the sensor looks at [m].
        offset: from there, forward, to the left and up as the sensor sees it [m].
        fov, resolution: horizontal field of view [degrees] and size [px] of images, where there is no camera to give them.
        sensor: its kind and fields.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    camera: str | None = None
    prim: str | None = None
    eye: Point | None = None
    target: Point | None = None
    offset: Point = (0.0, 0.0, 0.0)
    fov: float = Field(default=60.0, gt=0, lt=180)
    resolution: tuple[Annotated[int, Field(ge=1, le=16384)], Annotated[int, Field(ge=1, le=16384)]] | None = (
        None
    )
    sensor: SerializeAsAny[Sensor]

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, data: Any) -> Any:
        if not isinstance(data, dict) or isinstance(data.get("sensor"), dict | Sensor):
            return data
        own = {name: value for name, value in data.items() if name not in _MOUNT}
        return {name: value for name, value in data.items() if name in _MOUNT} | {"sensor": own}

    @field_validator("sensor", mode="before")
    @classmethod
    def _loaded(cls, data: Any) -> Any:
        if isinstance(data, Sensor):
            return data
        try:
            if isinstance(data, dict) and isinstance(data.get("kind"), str):
                fields = SENSORS.get(data["kind"]).model_fields
                for name in data:
                    if name not in fields:
                        raise ValueError(
                            f"unknown field {name!r}{did_you_mean(str(name), [*_MOUNT, *fields])}"
                        )
            return load_sensor(data)
        except UserError as error:
            raise ValueError(str(error).removeprefix("sensor: ")) from None

    @model_validator(mode="after")
    def _sits_somewhere(self) -> "SensorSpec":
        ways = [n for n in ("camera", "prim", "eye") if getattr(self, n) is not None]
        if len(ways) != 1:
            raise ValueError(
                f"a sensor sits at exactly one of camera, prim and eye, not {' and '.join(ways) or 'none'}"
            )
        if (self.eye is None) != (self.target is None) or (self.eye is not None and self.eye == self.target):
            raise ValueError("a sensor at an eye needs a target elsewhere")
        if self.camera is not None and self.resolution is not None:
            raise ValueError("a sensor at a camera has the camera's resolution")
        return self

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        sensor: dict[str, Any] = data.pop("sensor")
        return {**data, **sensor}


def sensor_schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of one entry as it is written, flat, and the definitions it refers to."""
    own = SensorSpec.model_json_schema()
    place = {name: value for name, value in own["properties"].items() if name != "sensor"}
    items, definitions = plugin_schemas(SENSORS)
    for entry in items["oneOf"]:
        sensor = definitions[entry["$ref"].rpartition("/")[2]]
        sensor["properties"] = {**sensor["properties"], **place}
        sensor["required"] = ["name", "kind"]
    return items, definitions
