"""Whole numbers, choices and sequences."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from twinstage.synth.distributions.base import NumberSource
from twinstage.synth.distributions.continuous import ordered

if TYPE_CHECKING:
    from twinstage.synth.draws import Draws


class Integers(NumberSource):
    """Whole numbers from `low` to `high`, both included, all equally likely."""

    kind: Literal["integers"] = "integers"
    low: int
    high: int

    @model_validator(mode="after")
    def _ordered(self) -> "Integers":
        return ordered(self, self.low, self.high)

    def span(self) -> tuple[float, ...]:
        return self.low, self.high

    def quantile(self, unit: float) -> float:
        count = self.high - self.low + 1
        return float(self.low + min(int(unit * count), count - 1))


class Choice(NumberSource):
    """One of `values`, equally likely, or by `weights`, which need not add up to 1."""

    kind: Literal["choice"] = "choice"
    values: tuple[float, ...] = Field(min_length=1)
    weights: tuple[Annotated[float, Field(ge=0)], ...] = ()

    @model_validator(mode="after")
    def _weighted(self) -> "Choice":
        if self.weights and len(self.weights) != len(self.values):
            raise ValueError(
                f"there are {len(self.weights)} weights for {len(self.values)} values; expected as many"
            )
        if self.weights and not sum(self.weights) > 0:
            raise ValueError("all weights are 0; expected one above 0")
        return self

    def span(self) -> tuple[float, ...]:
        return tuple(
            v for v, w in zip(self.values, self.weights or [1.0] * len(self.values), strict=True) if w > 0
        )

    def quantile(self, unit: float) -> float:
        if not self.weights:
            return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]
        return self.values[weighted_place(unit, self.weights)]


class Sequence(NumberSource):
    """One value after the other, by frame, and then from the start again. `every` frames share one.

    A randomizer that draws only every N frames (`when`) takes the next one at each of its draws. An attempt that is
    rejected does not move it on.
    """

    kind: Literal["sequence"] = "sequence"
    values: tuple[float, ...] = Field(min_length=1)
    every: int = Field(default=1, ge=1)

    def span(self) -> tuple[float, ...]:
        return self.values

    def drawn(self, draws: "Draws", field: str, again: int) -> float:
        return self.values[draws.index // self.every % len(self.values)]


def weighted_place(unit: float, weights: tuple[float, ...] | list[float]) -> int:
    """The index whose share of the weights a number in (0, 1) falls into."""
    at, total = unit * sum(weights), 0.0
    for index, weight in enumerate(weights):
        total += weight
        if at < total:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)
