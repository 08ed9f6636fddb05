"""Numbers from the raw words of a keyed random stream (`render.keyed`), by fixed formulas of our own."""

from statistics import NormalDist

from twinstage.render.keyed import philox

_STANDARD = NormalDist()


class Stream:
    """An endless sequence of numbers of one key."""

    def __init__(self, *key: int | str) -> None:
        self._philox = philox(*key)

    def unit(self) -> float:
        """Uniform in the open interval (0, 1): the centres of 2^53 equal cells."""
        return float((int(self._philox.random_raw()) >> 11) + 0.5) * 2.0**-53

    def word(self) -> int:
        """32 random bits."""
        return int(self._philox.random_raw()) >> 32

    def uniform(self, low: float, high: float) -> float:
        """Uniform between `low` and `high`."""
        return low + (high - low) * self.unit()

    def below(self, count: int) -> int:
        """An integer from 0 to `count` - 1, all equally likely."""
        return min(int(self.unit() * count), count - 1)

    def normal(self) -> float:
        """Standard normal, by the inverse of its distribution function."""
        return _STANDARD.inv_cdf(self.unit())
