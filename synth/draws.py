"""Random numbers that depend on a key and on nothing else.

Each number is drawn from a Philox stream whose key is the SHA-256 of (seed, frame, randomizer name, field), with the
attempt added from the second attempt on. Hence frame 9 needs no frame 8, workers need no coordination, and adding,
removing or reordering randomizers leaves the draws of the others untouched. Randomizers put the prim path into the
field, so the same holds for prims.

Streams of numbers are in `streams`; who may choose what in `dealing`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from twinstage.synth.dealing import Dealing
from twinstage.synth.model import Model
from twinstage.synth.streams import Stream

__all__ = ["Choice", "Constant", "Distribution", "Draws", "LogUniform", "Normal", "Stream", "Uniform"]


class Constant(Model):
    """Always the same value."""

    kind: Literal["constant"] = "constant"
    value: float

    def sample(self, stream: Stream) -> float:
        return self.value


class Uniform(Model):
    """All values between `low` and `high` alike."""

    kind: Literal["uniform"] = "uniform"
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if self.high < self.low:
            raise ValueError(f"high {self.high:g} is below low {self.low:g}")
        return self

    def sample(self, stream: Stream) -> float:
        return stream.uniform(self.low, self.high)


class LogUniform(Model):
    """Uniform in the logarithm: as often between 1 and 2 as between 2 and 4. For factors."""

    kind: Literal["loguniform"] = "loguniform"
    low: float = Field(gt=0)
    high: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> "LogUniform":
        if self.high < self.low:
            raise ValueError(f"high {self.high:g} is below low {self.low:g}")
        return self

    def sample(self, stream: Stream) -> float:
        return float(np.exp(stream.uniform(float(np.log(self.low)), float(np.log(self.high)))))


class Normal(Model):
    """Gaussian; `low` and `high`, where given, bound the result."""

    kind: Literal["normal"] = "normal"
    mean: float = 0.0
    std: float = Field(ge=0)
    low: float | None = None
    high: float | None = None

    def sample(self, stream: Stream) -> float:
        value = self.mean + self.std * stream.normal()
        if self.low is not None:
            value = max(value, self.low)
        return value if self.high is None else min(value, self.high)


class Choice(Model):
    """One of `values`, all equally likely."""

    kind: Literal["choice"] = "choice"
    values: tuple[float, ...] = Field(min_length=1)

    def sample(self, stream: Stream) -> float:
        return self.values[stream.below(len(self.values))]


def _shorthand(data: Any) -> Any:
    """`3` is constant, `[lo, hi]` uniform, `{uniform: [lo, hi]}`, `{normal: [mean, std]}`, `{choice: [..]}` as said."""
    if isinstance(data, bool):
        return data
    if isinstance(data, int | float):
        return {"kind": "constant", "value": data}
    if isinstance(data, list | tuple) and len(data) == 2:
        return {"kind": "uniform", "low": data[0], "high": data[1]}
    if isinstance(data, dict) and len(data) == 1 and "kind" not in data:
        kind, value = next(iter(data.items()))
        pair = isinstance(value, list | tuple) and len(value) == 2
        if kind in ("uniform", "loguniform") and pair:
            return {"kind": kind, "low": value[0], "high": value[1]}
        if kind == "normal" and pair:
            return {"kind": kind, "mean": value[0], "std": value[1]}
        if kind == "choice" and isinstance(value, list):
            return {"kind": kind, "values": value}
        if kind == "constant":
            return {"kind": kind, "value": value}
    return data


Distribution = Annotated[
    Annotated[Constant | Uniform | LogUniform | Normal | Choice, Field(discriminator="kind")],
    BeforeValidator(_shorthand),
]
"""A number to draw: a model by `kind`, or the shorthand that `_shorthand` tells."""


class Draws:
    """All that one randomizer draws for one attempt at one frame; `log` holds what came out, by field.

    `split`: that of the frame, which may limit what can be drawn.
    """

    def __init__(
        self,
        seed: int,
        frame: int,
        name: str,
        attempt: int = 0,
        split: str | None = None,
        dealing: Dealing | None = None,
    ) -> None:
        self.seed, self.frame, self.name, self.attempt, self.split = seed, frame, name, attempt, split
        self.dealing = dealing or Dealing(seed)
        self.log: dict[str, Any] = {}
        self.picked: dict[str, list[str]] = {}

    def stream(self, field: str, again: int = 0) -> Stream:
        """The stream of that field; asking twice gives the same numbers, another `again` gives others."""
        more = (self.attempt, again) if self.attempt or again else ()
        return Stream(self.seed, self.frame, self.name, field, *more)

    def value(
        self, field: str, distribution: "Constant | Uniform | LogUniform | Normal | Choice", again: int = 0
    ) -> float:
        """One number of that field, also put into the log (the latest one, where it is drawn `again`)."""
        value = distribution.sample(self.stream(field, again))
        self.log[field] = value
        return value

    def pick(
        self,
        field: str,
        items: Sequence[str],
        group: str,
        again: int = 0,
        weights: Sequence[float] | None = None,
    ) -> str:
        """One of the items, such as files of assets or HDRIs, also put into the log; equally likely, or by weight.

        `group`: what the items are (`dealing.GROUPS`). Where the recipe splits by that group, only items of the frame's
        split are drawn, so always choose by way of this. Raises UserError where that leaves none.
        """
        allowed = self.dealing.allowed(group, items, self.split)
        chances = None if weights is None else dict(zip(items, weights, strict=True))
        at = self.stream(field, again).unit()
        item = allowed[_place(at, [1.0] * len(allowed) if chances is None else [chances[i] for i in allowed])]
        self.log[field] = item
        self.picked.setdefault(group, []).append(item)
        return item

    def note(self, field: str, value: Any) -> None:
        """Put something that was drawn by way of `stream` into the log."""
        self.log[field] = value


def _place(unit: float, weights: Sequence[float]) -> int:
    """The index whose share of the weights a number in (0, 1) falls into."""
    at, total = unit * sum(weights), 0.0
    for index, weight in enumerate(weights):
        total += weight
        if at < total:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)
