"""Constant, uniform, log-uniform and (truncated) normal numbers."""

import math
from statistics import NormalDist
from typing import Literal, TypeVar

from pydantic import Field, model_validator

from twinstage.synth.distributions.base import NumberSource

_STANDARD = NormalDist()
S = TypeVar("S", bound=NumberSource)


class Constant(NumberSource):
    """Always the same value."""

    kind: Literal["constant"] = "constant"
    value: float

    def span(self) -> tuple[float, ...]:
        return (self.value,)

    def quantile(self, unit: float) -> float:
        return self.value


class Uniform(NumberSource):
    """All values between `low` and `high` alike."""

    kind: Literal["uniform"] = "uniform"
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        return ordered(self, self.low, self.high)

    def span(self) -> tuple[float, ...]:
        return self.low, self.high

    def quantile(self, unit: float) -> float:
        return self.low + (self.high - self.low) * unit


class LogUniform(NumberSource):
    """Uniform in the logarithm: as often between 1 and 2 as between 2 and 4. For factors."""

    kind: Literal["loguniform"] = "loguniform"
    low: float = Field(gt=0)
    high: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> "LogUniform":
        return ordered(self, self.low, self.high)

    def span(self) -> tuple[float, ...]:
        return self.low, self.high

    def quantile(self, unit: float) -> float:
        low, high = math.log(self.low), math.log(self.high)
        return min(max(math.exp(low + (high - low) * unit), self.low), self.high)


class Normal(NumberSource):
    """Gaussian. `low` and `high`, where given, truncate it: what lies beyond is never drawn, and nothing piles up there."""

    kind: Literal["normal"] = "normal"
    mean: float = 0.0
    std: float = Field(ge=0)
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Normal":
        if self.low is not None and self.high is not None:
            ordered(self, self.low, self.high)
        if self.std == 0 and not (self._low <= 0 <= self._high):
            raise ValueError(f"std is 0 and the mean {self.mean:g} lies outside of low and high")
        if self.std > 0 and (self._low > 8 or self._high < -8):
            raise ValueError(
                f"low and high lie more than 8 standard deviations from the mean {self.mean:g}: nothing is left"
            )
        return self

    @property
    def _low(self) -> float:
        """The lower bound in standard deviations from the mean."""
        return -math.inf if self.low is None else (self.low - self.mean) / (self.std or 1.0)

    @property
    def _high(self) -> float:
        return math.inf if self.high is None else (self.high - self.mean) / (self.std or 1.0)

    def span(self) -> tuple[float, ...]:
        return self.mean if self.low is None else self.low, self.mean if self.high is None else self.high

    def quantile(self, unit: float) -> float:
        value = self.mean + self.std * _truncated(unit, self._low, self._high)
        if self.low is not None:  # against rounding only
            value = max(value, self.low)
        return value if self.high is None else min(value, self.high)


def _truncated(unit: float, low: float, high: float) -> float:
    """Quantile of the standard normal between two bounds."""
    if low == -math.inf and high == math.inf:
        return _STANDARD.inv_cdf(unit)
    if low > 0:  # the upper tail by way of the lower one, where small numbers are exact
        return -_truncated(1 - unit, -high, -low)
    below, above = normal_share(low), normal_share(high)
    share = below + (above - below) * unit
    return _STANDARD.inv_cdf(min(max(share, 5e-324), 1 - 2.0**-53))


def normal_share(x: float) -> float:
    """The standard normal distribution function, exact to rounding also in its lower tail."""
    return 0.5 * math.erfc(-x / math.sqrt(2))


def ordered(model: S, low: float, high: float) -> S:
    """The model itself; raises ValueError (for pydantic) where high is below low."""
    if high < low:
        raise ValueError(f"high {high:g} is below low {low:g}")
    return model
