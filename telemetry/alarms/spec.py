"""What a contract says of alarms.

alarms:
  - {id: mixer.hot, signal: mixer.temperature, above: 80, hysteresis: 2, on_delay: 10, priority: high,
     message: "The mixer is too hot", response: "Stop the feed, open the jacket valve"}
  - {id: mixer.silent, signal: mixer.temperature, stale: true}
  - {id: line.stopped, expr: "line.speed < 0.05 and line.running", suppress_in: [maintenance]}
  - {id: mixer.warm, signal: mixer.temperature, above: 60, limit_in: {maintenance: 75}}
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _mode_name(value: object) -> object:
    """`7` and `true` as YAML reads them."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else value


Mode = Annotated[str, BeforeValidator(_mode_name, json_schema_input_type=str | int | bool)]
"""What the mode signal says, in words: an enum's name, a text, `true` or `false`, digits."""

Priority = Literal["low", "medium", "high", "critical"]
PRIORITIES: tuple[Priority, ...] = ("low", "medium", "high", "critical")

CONDITIONS = ("above", "below", "rise", "fall", "stale", "quality", "equals", "expr")


class AlarmSpec(BaseModel):
    """One alarm: exactly one condition on a signal, or an expression.

    Attributes:
        signal: what is watched, a signal or a derived one; not for `expr`.
        above, below: the limit, in the signal's unit (derived ones: SI); at the limit itself nothing is wrong.
        rise, fall: the greatest change a second between readings that follow each other, in the signal's unit.
        stale: the value is older than its `max_age`.
        quality: the effective quality is at least as bad as this.
        equals: name of an enum's value, or true or false.
        expr: an expression over signals in SI that is true where something is wrong.
        limit_in: other limits in operating modes, for above, below, rise and fall; in modes that are not named, and where
            the mode is not known, the limit above holds.
        hysteresis: how far the value must come back from the limit before the condition ends, in the signal's unit.
        on_delay, off_delay: how long the condition must hold before the alarm is raised, and be gone before it returns to
            normal [s].
        priority: how soon someone must act.
        latch: it stays until it is acknowledged, also where it returned to normal before.
        suppress_in: operating modes in which it is suppressed by design.
        message, response: what is wrong, and what to do about it, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    id: str
    signal: str | None = None
    above: float | None = None
    below: float | None = None
    rise: Annotated[float, Field(ge=0)] | None = None
    fall: Annotated[float, Field(ge=0)] | None = None
    stale: Literal[True] | None = None
    quality: Literal["uncertain", "bad"] | None = None
    equals: str | bool | int | None = None
    expr: str | None = None
    limit_in: dict[Mode, float] = {}
    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    on_delay: Annotated[float, Field(ge=0)] = 0.0
    off_delay: Annotated[float, Field(ge=0)] = 0.0
    priority: Priority = "medium"
    latch: bool = True
    suppress_in: tuple[Mode, ...] = ()
    message: str = ""
    response: str = ""

    @model_validator(mode="after")
    def _check(self) -> "AlarmSpec":
        given = [name for name in CONDITIONS if getattr(self, name) is not None]
        if len(given) != 1:
            told = f"{' and '.join(given)} are given" if given else "none is given"
            raise ValueError(
                f"alarm {self.id!r} has exactly one condition of {', '.join(CONDITIONS)}; {told}"
            )
        if (self.expr is None) == (self.signal is None):
            told = "expr names its signals itself" if self.expr else f"{given[0]} needs a signal"
            raise ValueError(f"alarm {self.id!r}: {told}")
        if self.hysteresis and given[0] not in ("above", "below"):
            raise ValueError(f"alarm {self.id!r}: hysteresis belongs to above and below, not to {given[0]}")
        self._check_limits(given[0])
        return self

    def _check_limits(self, condition: str) -> None:
        if self.limit_in and condition not in ("above", "below", "rise", "fall"):
            raise ValueError(
                f"alarm {self.id!r}: limit_in belongs to above, below, rise and fall, not to {condition}"
            )
        for mode, limit in self.limit_in.items():
            if condition in ("rise", "fall") and limit < 0:
                raise ValueError(
                    f"alarm {self.id!r}: the limit {limit:g} of {condition} in the mode {mode!r} is below 0"
                )
            if mode in self.suppress_in:
                raise ValueError(
                    f"alarm {self.id!r} is suppressed in the mode {mode!r}, so it has no limit there"
                )

    @property
    def condition(self) -> str:
        """Which of `CONDITIONS` it is."""
        return next(name for name in CONDITIONS if getattr(self, name) is not None)

    def limit(self, mode: str | None) -> float | str | bool | None:
        """What the condition compares with in an operating mode, in the signal's unit; None where it compares with nothing."""
        if self.condition in ("stale", "expr"):
            return None
        usual: float | str | bool = getattr(self, self.condition)
        return self.limit_in.get(mode, usual) if mode is not None else usual
