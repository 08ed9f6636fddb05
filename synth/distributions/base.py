"""What a distribution is: a frozen model that makes a number of a number in (0, 1), or of what else was drawn."""

from typing import TYPE_CHECKING

from twinstage.synth.model import Model
from twinstage.synth.streams import Stream

if TYPE_CHECKING:
    from twinstage.synth.draws import Draws


class NumberSource(Model):
    """Base of distributions.

    Most are told by `quantile` alone, the inverse of the distribution function; those that look at the frame or at other
    draws have a `drawn` of their own.
    """

    kind: str

    def quantile(self, unit: float) -> float:
        """The number below which that share of all draws lies; `unit` in (0, 1)."""
        raise NotImplementedError

    def span(self) -> tuple[float, ...]:
        """The ends of what it is meant to draw (see `bounds`), or all of it; nothing where that depends on other draws."""
        return ()

    def sample(self, stream: Stream) -> float:
        """A number from the next one of a stream."""
        return self.quantile(stream.unit())

    def drawn(self, draws: "Draws", field: str, again: int) -> float:
        """The number for a field of a randomizer's draws."""
        unit = draws.stream(field, again).unit()
        draws.units[field] = unit
        return self.quantile(unit)
