"""When a randomizer draws anew, and when it does anything at all: `when:` of each item of `randomize`.

when: {every: 10}                       frames 0 to 9 share one draw, 10 to 19 the next
when: {every: 10, offset: 3}            ... 3 to 12 share one
when: {from: 100, until: 200}           does nothing before frame 100 and from frame 200 on
when: {chance: 0.2}                     does something in one frame of five
when: {if: "sun.intensity < 1"}         does something where it is dark: other draws, and `frame`
"""

from pydantic import Field, field_validator, model_validator

from twinstage.synth.distributions.dependent import checked_condition
from twinstage.synth.draws import Draws
from twinstage.synth.model import Model


class Trigger(Model):
    """By default every frame has draws of its own.

    Attributes:
        every: frames that share one draw.
        offset: the frame at which such a row of frames begins.
        start: (`from` in a recipe) the first frame in which the randomizer does something.
        until: the first frame in which it does nothing any more.
        chance: share of draws that do something; drawn as often as everything else, so it holds as long.
        condition: (`if` in a recipe) arithmetic over draws of earlier randomizers, `frame` and `index`.
    """

    every: int = Field(default=1, ge=1)
    offset: int = Field(default=0, ge=0)
    start: int = Field(default=0, ge=0, alias="from")
    until: int | None = Field(default=None, ge=1)
    chance: float = Field(default=1.0, ge=0, le=1)
    condition: str | None = Field(default=None, alias="if")

    @field_validator("condition")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        return None if text is None else checked_condition(text)

    @model_validator(mode="after")
    def _some_frame_is_left(self) -> "Trigger":
        if self.until is not None and self.until <= self.start:
            raise ValueError(f"until {self.until} is not after from {self.start}: no frame is left")
        return self

    def key_frame(self, frame: int) -> int:
        """The frame whose draws hold for that frame; it may lie before the first one."""
        return frame - (frame - self.offset) % self.every

    def index(self, frame: int) -> int:
        """How often was drawn in earlier frames."""
        return (self.key_frame(frame) - self.key_frame(0)) // self.every

    def holds(self, draws: Draws) -> bool:
        """Whether the randomizer does something in the frame that it draws for."""
        if draws.shown_frame < self.start or (self.until is not None and draws.shown_frame >= self.until):
            return False
        if self.chance < 1 and draws.stream("when chance").unit() >= self.chance:
            return False
        return self.condition is None or draws.holds(self.condition, "when")

    def never(self, frames: int) -> bool:
        """Whether it does nothing in any of the first so many frames, whatever is drawn."""
        return self.chance <= 0 or self.start >= frames

    @property
    def always(self) -> bool:
        """Whether it does something in every frame."""
        return not self.start and self.until is None and self.chance >= 1 and self.condition is None


ALWAYS = Trigger()
