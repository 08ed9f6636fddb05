"""When a randomizer draws anew, and when it does anything at all: `when:` of each item of `randomize`."""

from pydantic import Field

from twinstage.synth.model import Model


class Trigger(Model):
    """By default every frame has draws of its own.

    Attributes:
        every: frames that share one draw: N gives frames 0 to N - 1 the draws of frame 0, and so on.
    """

    every: int = Field(default=1, ge=1)

    def key_frame(self, frame: int) -> int:
        """The frame whose draws hold for that frame."""
        return frame - frame % self.every


ALWAYS = Trigger()
