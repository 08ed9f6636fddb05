"""Chooses the time at which the stage is read, so that what is animated in it stands elsewhere in each frame."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.randomizers.base import RANDOMIZERS, Randomizer


@RANDOMIZERS.register
class AnimationRandomizer(Randomizer):
    """Draws a time code, or goes through a list of them.

    The stage is read anew for each time that differs, and the last few are kept, so few different times are quick.

    Attributes:
        time_codes: a time code of the stage; or
        seconds: a time [s], by the stage's timeCodesPerSecond; or
        listed: time codes of which each frame takes one.
        in_order: take the listed ones one after the other, frame by frame, instead of by chance.
        step: time codes are rounded to multiples of this; 0 leaves them.
    """

    kind: Literal["animation"] = "animation"
    time_codes: Distribution | None = None
    seconds: Distribution | None = None
    listed: tuple[float, ...] = ()
    in_order: bool = False
    step: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _one_origin(self) -> "AnimationRandomizer":
        ways = [n for n in ("time_codes", "seconds", "listed") if getattr(self, n) not in (None, ())]
        if len(ways) != 1:
            raise ValueError(
                f"give exactly one of time_codes, seconds and listed, not {' and '.join(ways) or 'none'}"
            )
        if self.in_order and not self.listed:
            raise ValueError("in_order needs listed time codes")
        return self

    def time_code(self, snapshot: Snapshot, draws: Draws) -> float:
        time = self._time(snapshot, draws)
        if self.step and not self.listed:
            time = round(time / self.step) * self.step
        draws.note("time", time)
        return time

    def _time(self, snapshot: Snapshot, draws: Draws) -> float:
        if self.time_codes is not None:
            return draws.value("time_codes", self.time_codes)
        if self.seconds is not None:
            return draws.value("seconds", self.seconds) * snapshot.stage.time_codes_per_second
        count = len(self.listed)
        return self.listed[
            self.when.index(draws.frame) % count if self.in_order else draws.stream("listed").below(count)
        ]
