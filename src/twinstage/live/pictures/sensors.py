"""The sensor of a job: what it makes of a view, and its files, whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twinstage.base.errors import UserError

if TYPE_CHECKING:
    from twinstage.render.api import Picture, Scene
    from twinstage.render.motion import Motion
    from twinstage.render.sensors import Sensed, Sensor
    from twinstage.render.views import View


class Sensing:
    """A sensor, or none."""

    def __init__(self, sensor: "Sensor | None") -> None:
        self._sensor = sensor

    @property
    def needs_linear(self) -> bool:
        return self._sensor is not None and self._sensor.needs_linear

    def sense(
        self, scene: "Scene", view: "View", seed: int, picture: "Picture | None", motion: "Motion | None"
    ) -> "Sensed | None":
        """What the sensor gives for a view; None without one."""
        from twinstage.render.sensors import sense
        from twinstage.render.sensors.classes import numbered_classes

        if self._sensor is None:
            return None
        linear = None if picture is None else picture.aovs.get("linear")
        warm = scene.temperatures() if self._sensor.needs_temperatures else None
        return sense(
            self._sensor,
            scene.snapshot,
            view.camera,
            seed=seed,
            motion=motion,
            linear=linear,
            temperatures=warm,
            classes=numbered_classes(scene.snapshot),
        )

    def seen(self, sensed: "Sensed | None", aov: str, values: np.ndarray) -> np.ndarray:
        """The picture as the sensor has it, where it makes one of that name."""
        return values if sensed is None else sensed.arrays.get(aov, values)

    def save(self, sensed: "Sensed", folder: Path, stem: str) -> list[Path]:
        """Write the sensor's own files; `{kind}` in the stem is the sensor's."""
        assert self._sensor is not None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=".part") as part:
                made = self._sensor.save(sensed, Path(part), stem.format(kind=sensed.kind))
                done = [folder / path.name for path in made]
                for path, place in zip(made, done, strict=True):
                    os.replace(path, place)
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror or error}") from error
        return done
