"""What a field may draw. A distribution that can go beyond is refused when the recipe is read: brought back into the bounds
frame by frame, it would make another dataset than was asked for, and say nothing.

The tails of a Gaussian have no end, so only its mean is looked at (or its own bounds, where it has some); those few numbers
that do lie beyond are brought to the bound when they are drawn. So is what depends on other draws.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import AfterValidator, BaseModel

from twinstage.synth.distributions.base import NumberSource
from twinstage.synth.distributions.continuous import Constant
from twinstage.synth.model import wrong


@dataclass(frozen=True)
class _Bounds:
    low: float | None
    above: float | None
    high: float | None

    def __call__(self, value: Any) -> Any:
        """The value, a distribution or a model of some; pydantic's error where one can go beyond."""
        if isinstance(value, NumberSource):
            self._check(value)
        elif isinstance(value, BaseModel):
            for name in type(value).model_fields:
                if isinstance(part := getattr(value, name), NumberSource):
                    self._check(part, name)
        return value

    def _check(self, source: NumberSource, *loc: str) -> None:
        for number in source.span():
            expected = self._expected(number)
            if expected:
                told = f"is {number:g}" if isinstance(source, Constant) else f"{number:g} can be drawn"
                raise wrong(f"{told}; expected {expected}", *loc)

    def _expected(self, number: float) -> str:
        """What it should be; nothing where it is."""
        if self.above is not None and number <= self.above:
            return f"more than {self.above:g}"
        if self.low is not None and number < self.low:
            return f"at least {self.low:g}"
        return f"at most {self.high:g}" if self.high is not None and number > self.high else ""


def bounded(
    low: float | None = None, high: float | None = None, *, above: float | None = None
) -> AfterValidator:
    """An annotation of a field that holds a distribution, or a model of some: from `low` (or from above `above`) to `high`."""
    return AfterValidator(_Bounds(low, above, high))
