"""Numbers that depend on what was drawn before them in the same frame."""

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from twinstage.base.errors import UserError
from twinstage.synth.distributions.base import NumberSource
from twinstage.synth.distributions.continuous import normal_share
from twinstage.telemetry.expressions import parse_expression

if TYPE_CHECKING:
    from twinstage.synth.distributions import Distribution
    from twinstage.synth.draws import Draws

_STANDARD = NormalDist()


class Linear(NumberSource):
    """`offset + slope * other + noise`: a line through another draw.

    `of`: the other, as `randomizer.field` of this or an earlier randomizer; `noise`: standard deviation of a Gaussian;
    `low`, `high` bound the result.
    """

    kind: Literal["linear"] = "linear"
    of: str
    slope: float = 1.0
    offset: float = 0.0
    noise: float = Field(default=0.0, ge=0)
    low: float | None = None
    high: float | None = None

    def drawn(self, draws: "Draws", field: str, again: int) -> float:
        other = draws.other(self.of, field, needed=True)
        noise = self.noise * draws.stream(field, again).normal() if self.noise else 0.0
        value = self.offset + self.slope * other + noise
        value = value if self.low is None else max(value, self.low)
        return value if self.high is None else min(value, self.high)


class Copula(NumberSource):
    """Distributed as `like`, and going with another draw: a Gaussian copula (R. B. Nelsen, "An Introduction to Copulas").

    `rho`: correlation of the two underlying Gaussians, from -1 to 1. The other must be a draw with a distribution of its own.
    """

    kind: Literal["copula"] = "copula"
    of: str
    rho: float = Field(ge=-1, le=1)
    like: "Distribution"

    def span(self) -> tuple[float, ...]:
        return self.like.span()

    def drawn(self, draws: "Draws", field: str, again: int) -> float:
        theirs = _STANDARD.inv_cdf(draws.other_unit(self.of, field))
        mine = draws.stream(field, again).normal()
        mixed = self.rho * theirs + math.sqrt(1 - self.rho**2) * mine
        unit = min(max(normal_share(mixed), 2.0**-54), 1 - 2.0**-53)
        draws.units[field] = unit
        return self.like.quantile(unit)

    @field_validator("like", mode="after")
    @classmethod
    def _has_quantiles(cls, like: Any) -> Any:
        if type(like).quantile is NumberSource.quantile:
            raise ValueError(f"like is {like.kind}, which depends on the frame or on other draws")
        return like


class Conditional(NumberSource):
    """`then` where a condition over other draws holds, `else` where it does not.

    The condition is arithmetic (`scene.expressions`) over `randomizer.field` of this or earlier randomizers, `frame`, and
    `index` (how often the randomizer has drawn).
    """

    kind: Literal["if"] = "if"
    condition: str = Field(alias="if")
    then: "Distribution"
    otherwise: "Distribution" = Field(alias="else")

    @field_validator("condition")
    @classmethod
    def _readable(cls, text: str) -> str:
        return checked_condition(text)

    def span(self) -> tuple[float, ...]:
        return (*self.then.span(), *self.otherwise.span())

    def drawn(self, draws: "Draws", field: str, again: int) -> float:
        return (self.then if draws.holds(self.condition, field) else self.otherwise).drawn(
            draws, field, again
        )


def checked_condition(text: str) -> str:
    """The text of a condition; raises ValueError (for pydantic) for what is none."""
    try:
        parse_expression(text)
    except UserError as error:
        raise ValueError(str(error)) from None
    return text
