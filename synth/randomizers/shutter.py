"""Exposure, rolling shutter and how a camera moves meanwhile: a hand's shake, a vehicle's ride.

Pictures blur, and labels of a rolling shutter shear, as those of the real camera do: each row of labels is what that row
saw in the middle of its exposure.
"""

from typing import Literal

from pydantic import Field, model_validator

from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.distributions import NotNegative
from twinstage.synth.draws import Constant, Draws
from twinstage.synth.paths import PathPattern
from twinstage.synth.randomizers.axes import Axes
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer
from twinstage.synth.views import cameras_of

_NONE = Constant(value=0.0)


@RANDOMIZERS.register
class ShutterRandomizer(Randomizer):
    """Draws when rows are exposed, and how the camera goes and turns until the last one is.

    The frame's time, for which the record has the camera's pose, is the middle of the middle row's exposure.

    Attributes:
        cameras: names of cameras, or path patterns.
        exposure: of each row [s].
        readout: how much later the last row is exposed than the first [s]; 0 is a global shutter.
        velocity: in the camera's own axes [m/s]: x to the right, y up, z backwards.
        turn: about those axes [degrees/s]: x tilts up, y pans to the left, z rolls counter-clockwise.
    """

    kind: Literal["shutter"] = "shutter"
    cameras: tuple[PathPattern, ...] = Field(min_length=1)
    exposure: NotNegative = _NONE
    readout: NotNegative = _NONE
    velocity: Axes | None = None
    turn: Axes | None = None

    @model_validator(mode="after")
    def _takes_time(self) -> "ShutterRandomizer":
        if self.exposure == _NONE and self.readout == _NONE:
            raise ValueError("a shutter that takes no time shows no motion: give exposure or readout")
        return self

    def __call__(self, snapshot: Snapshot, draws: Draws) -> list[Edit]:
        codes = snapshot.stage.time_codes_per_second
        edits = []
        for camera in cameras_of(snapshot, self.cameras, self.who):
            path = snapshot.prims.path[camera.prim]
            exposure = max(draws.value(f"exposure {path}", self.exposure), 0.0)
            readout = max(draws.value(f"readout {path}", self.readout), 0.0)
            first = -(exposure + readout) / 2
            values: dict[str, float | tuple[float, ...]] = {
                "shutter:open": first * codes,
                "shutter:close": (first + exposure) * codes,
                "twin:shutter:readout": readout,
                "twin:motion:velocity": _triple(self.velocity, draws, f"velocity {path}"),
                "twin:motion:angularVelocity": _triple(self.turn, draws, f"turn {path}"),
            }
            edits += [Edit(path, name, value) for name, value in values.items()]
        return edits


def _triple(axes: Axes | None, draws: Draws, field: str) -> tuple[float, ...]:
    return (0.0, 0.0, 0.0) if axes is None else tuple(float(v) for v in axes.sample(draws, field))
