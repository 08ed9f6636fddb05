"""Derived signals of a contract: quantities that are computed from others by an expression (`expressions`)."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.expression_units import Mismatch, infer
from twinstage.telemetry.expressions import Expression, component_name, component_of, parse_expression
from twinstage.telemetry.units import Unit, compile_unit

NUMBERS = ("f64", "i64", "bool", "enum")


class DerivedSpec(BaseModel):
    """One derived quantity.

    Attributes:
        expr: arithmetic over signals and other derived ones, in SI; components of vectors as `position[2]`.
        unit: UCUM code of what the expression gives when all that goes in is in SI; it is checked where the dimension of
            the expression can be known, and may be left out there. A product with a bare number measures anything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    expr: str
    unit: str | None = None
    max_age: Annotated[float, Field(gt=0)] | None = None
    description: str = ""

    @cached_property
    def expression(self) -> Expression:
        """The parsed expression."""
        return parse_expression(self.expr)

    # What consumers of any quantity ask for; see `contract.SignalSpec`.

    @property
    def type(self) -> str:
        return "f64"

    @property
    def width(self) -> int:
        return 1

    @property
    def gap(self) -> str:
        return "hold"

    @property
    def range(self) -> None:
        return None

    @property
    def enum_codes(self) -> dict[str, int]:
        return {}


def check_derived(
    derived: Sequence[DerivedSpec], known: Mapping[str, Any]
) -> tuple[dict[str, Unit], list[int]]:
    """Units by id, and an order in which each comes after what it needs. `known`: signals by id.

    Raises DerivedError for an expression that cannot be read, a signal that is not there or is no number, parts whose units
    do not go together, and for a circle.
    """
    units: dict[str, Unit] = {}
    order: list[int] = []
    waiting = dict(enumerate(derived))
    names = {spec.id for spec in derived}
    while waiting:
        ready = [k for k, spec in waiting.items() if not (_needs(spec, k) & names - set(units))]
        if not ready:
            k, spec = next(iter(waiting.items()))
            others = ", ".join(sorted(_needs(spec, k) & names - set(units)))
            raise DerivedError(k, f"derived signal {spec.id!r} depends on itself, through {others}")
        for k in ready:
            units[derived[k].id] = _unit(k, derived[k], known, units)
            order.append(k)
            del waiting[k]
    return units, order


class DerivedError(ValueError):
    """A derived signal that cannot hold; `index` is its place."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


def _needs(spec: DerivedSpec, index: int) -> set[str]:
    try:
        return {component_of(name)[0] for name in spec.expression.signals}
    except UserError as error:
        raise DerivedError(index, f"derived signal {spec.id!r}: {error}") from None


def _unit(index: int, spec: DerivedSpec, known: Mapping[str, Any], units: Mapping[str, Unit]) -> Unit:
    who = f"derived signal {spec.id!r}"
    try:
        dimensions = [input_unit(who, name, known, units).dimension for name in spec.expression.signals]
    except ValueError as error:
        raise DerivedError(index, str(error)) from None
    try:
        found = infer(spec.expression.shape, tuple(dimensions))
    except Mismatch as error:
        raise DerivedError(index, f"derived signal {spec.id!r}: in {spec.expr!r} {error}") from None
    if spec.unit is None and found is None:
        message = f"derived signal {spec.id!r}: what {spec.expr!r} measures cannot be known, as bare numbers have no unit"
        raise DerivedError(index, f"{message}; give its unit, such as unit: W, or unit: '1' for a ratio")
    if spec.unit is None:
        return compile_unit(found or "1")
    try:
        unit = compile_unit(spec.unit)
    except UserError as error:
        raise DerivedError(index, str(error)) from None
    if (unit.scale, unit.offset) != (1.0, 0.0):
        message = f"derived signal {spec.id!r} is computed in SI, and its unit {spec.unit!r} is not SI; write {unit.si}"
        raise DerivedError(index, message)
    if found is not None and unit.dimension != found:
        message = f"derived signal {spec.id!r} has the unit {spec.unit!r}, but {spec.expr!r} measures {found}"
        raise DerivedError(index, message)
    return unit


def input_unit(who: str, name: str, known: Mapping[str, Any], units: Mapping[str, Unit]) -> Unit:
    """The SI unit of what an expression calls `name`. ValueError where that is no number; `who` uses it, for messages."""
    if name in units:
        return units[name]
    owner, part = component_of(name)
    signal = known.get(owner)
    if signal is None:
        raise ValueError(f"{who} uses {owner!r}, which is no signal{did_you_mean(owner, [*known, *units])}")
    if part is None:
        if signal.type not in NUMBERS:
            hint = f"; one of its parts is {component_name(owner, 0)}" if signal.width > 1 else ""
            raise ValueError(f"{who} uses {owner!r}, which is a {signal.type} and no number{hint}")
        return compile_unit(signal.si)
    if signal.width == 1 or part >= signal.width:
        raise ValueError(f"{who} uses {name!r}, and {owner!r} has {signal.width} components")
    if signal.type.startswith("vec"):
        return compile_unit(signal.unit_of(part).si)
    return compile_unit("1" if signal.type == "quat" or (signal.type == "pose" and part > 2) else signal.si)
