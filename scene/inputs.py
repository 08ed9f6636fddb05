"""Signals -> the numbers that bindings consume, all at once.

Every number that a binding needs (a joint coordinate, the x of a pose, ...) is one *input*: a constant plus a weighted sum
of signals, plus at most one expression. They are collected while bindings are compiled and then evaluated together:
weighted sums as one gather, expressions once for each distinct shape. An input whose signals have no value yet is NaN,
and its consumer keeps the authored value. Signals of bad quality keep their last usable value (the state sees to it), and
an input that becomes infinite or undefined, such as an expression that divides by zero, keeps its last finite one.
"""

import re
from dataclasses import dataclass, field

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.columns import F8, I8
from twinstage.scene.problems import BindingProblem
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.expression_units import Mismatch, infer
from twinstage.telemetry.expressions import Expression, Node, component_of, evaluate, parse_expression
from twinstage.telemetry.units import Unit, compile_unit

NUMERIC_TYPES = ("f64", "i64", "bool", "enum")


@dataclass(frozen=True, slots=True)
class Signals:
    """What the contract says about signals, ready for checks."""

    index_of: dict[str, int]
    types: tuple[str, ...]
    units: tuple[Unit, ...]
    codes: tuple[dict[str, int], ...] = ()

    @staticmethod
    def of(contract: Contract) -> "Signals":
        """From a contract, in its order, which is the state's."""
        return Signals(
            {signal.id: i for i, signal in enumerate(contract.quantities)},
            tuple(signal.type for signal in contract.quantities),
            tuple(compile_unit(contract.si_unit(signal.id)) for signal in contract.quantities),
            tuple(signal.enum_codes for signal in contract.quantities),
        )

    def find(self, where: str, signal: str) -> int:
        """Index of a signal; UserError with a near miss."""
        found = self.index_of.get(signal)
        if found is None:
            raise BindingProblem(
                "binding.signal", where, f"there is no signal {signal!r}{did_you_mean(signal, self.index_of)}"
            )
        return found

    def find_number(self, where: str, signal: str) -> int:
        """The same for one that is a number."""
        found = self.find(where, signal)
        if self.types[found] not in NUMERIC_TYPES:
            raise BindingProblem(
                "binding.signal-type",
                where,
                f"signal {signal!r} is of type {self.types[found]}, and a number is needed",
            )
        return found

    def find_type(self, where: str, signal: str, kind: str) -> int:
        """The same for one of that type."""
        found = self.find(where, signal)
        if self.types[found] != kind:
            raise BindingProblem(
                "binding.signal-type",
                where,
                f"signal {signal!r} is of type {self.types[found]}, and a {kind} is needed",
            )
        return found

    def require(self, where: str, signal: str, dimensions: tuple[str, ...], purpose: str) -> None:
        """UserError unless the signal's unit is of one of these dimensions."""
        unit = self.units[self.index_of[signal]]
        if unit.dimension not in dimensions:
            expected = " or ".join(_NOUNS.get(d, d) for d in dimensions)
            code = "binding.unitless" if unit.dimension == "1" else "binding.unit"
            raise BindingProblem(
                code,
                where,
                f"signal {signal!r} has the unit {unit.si!r} ({_NOUNS.get(unit.dimension, unit.dimension)}), "
                f"but {purpose} needs {expected}",
            )


def _width(kind: str) -> int:
    """Components of a value of that type; 0 for numbers and texts."""
    vector = re.fullmatch(r"vec\[(\d+)\]", kind)
    return int(vector.group(1)) if vector else {"quat": 4, "pose": 7}.get(kind, 0)


_NOUNS = {"1": "a ratio", "m": "a length", "rad": "an angle", "K": "a temperature", "s": "a time"}


@dataclass
class InputCompiler:
    """Collects inputs; each call that adds one returns its row."""

    signals: Signals
    _constant: list[float] = field(default_factory=list)
    _terms: list[tuple[tuple[int, float], ...]] = field(default_factory=list)
    _shapes: dict[Node, list[tuple[int, float, tuple[int, ...]]]] = field(default_factory=dict)
    _uses: list[tuple[int, ...]] = field(default_factory=list)
    _components: dict[tuple[int, int], int] = field(default_factory=dict)

    def constant(self, value: float) -> int:
        """An input that never changes."""
        return self._add(value, (), ())

    def linear(self, constant: float, terms: tuple[tuple[int, float], ...]) -> int:
        """constant + sum(weight * signal) of (signal index, weight) pairs."""
        return self._add(constant, terms, tuple(signal for signal, _ in terms))

    def expression(
        self,
        where: str,
        text: str,
        scale: float = 1.0,
        offset: float = 0.0,
        terms: tuple[tuple[int, float], ...] = (),
        dimensions: tuple[str, ...] = (),
        purpose: str = "it",
    ) -> int:
        """scale * expression + offset + sum(weight * signal).

        Where it can be known what the expression measures, that must be one of `dimensions`, if any are given.
        """
        try:
            parsed: Expression = parse_expression(text)
        except UserError as error:
            raise BindingProblem("binding.expression", where, f"{error}") from None
        used = tuple(self._operand(where, name) for name in parsed.signals)
        self._check_units(where, parsed, used, dimensions, purpose)
        row = self._add(offset, terms, (*(self._base(k) for k in used), *(signal for signal, _ in terms)))
        self._shapes.setdefault(parsed.shape, []).append((row, scale, used))
        return row

    def _operand(self, where: str, name: str) -> int:
        """Index of a number among the values of an evaluation: a signal, or (after all signals and a 0) a component."""
        owner, index = component_of(name)
        if index is None:
            return self.signals.find_number(where, name)
        signal = self.signals.find(where, owner)
        width = _width(self.signals.types[signal])
        if index >= width:
            kind = self.signals.types[signal]
            shown = f"its components are 0 to {width - 1}" if width else "it has no components"
            raise BindingProblem(
                "binding.signal-type",
                where,
                f"signal {owner!r} is of type {kind}, and {shown}, so {name} is none",
            )
        return self._components.setdefault(
            (signal, index), len(self.signals.types) + 1 + len(self._components)
        )

    def _base(self, operand: int) -> int:
        """The signal of an operand."""
        first = len(self.signals.types) + 1
        return operand if operand < first else list(self._components)[operand - first][0]

    def _dimension(self, operand: int) -> str:
        """What an operand measures: of a pose, three lengths and then the numbers of a quaternion."""
        first = len(self.signals.types) + 1
        if operand < first:
            return self.signals.units[operand].dimension
        signal, index = list(self._components)[operand - first]
        return (
            "1"
            if self.signals.types[signal] == "pose" and index >= 3
            else self.signals.units[signal].dimension
        )

    def _check_units(
        self, where: str, parsed: Expression, used: tuple[int, ...], dimensions: tuple[str, ...], purpose: str
    ) -> None:
        try:
            found = infer(parsed.shape, tuple(self._dimension(k) for k in used))
        except Mismatch as error:
            raise BindingProblem(
                "binding.unit", where, f"the expression {parsed.text!r} cannot be right: {error}"
            ) from None
        if dimensions and found is not None and found not in dimensions:
            if found == "1" and any(self._dimension(k) != "1" for k in used):
                return  # a truth, or a ratio of two lengths, may well stand for a number of metres
            expected = " or ".join(_NOUNS.get(d, d) for d in dimensions)
            code = "binding.unitless" if found == "1" else "binding.unit"
            raise BindingProblem(
                code,
                where,
                f"the expression {parsed.text!r} measures {_NOUNS.get(found, found)}, but {purpose} needs {expected}",
            )

    def uses(self, row: int) -> tuple[int, ...]:
        """Indices of the signals that an input depends on."""
        return self._uses[row]

    def build(self) -> "Inputs":
        """All inputs, ready to evaluate."""
        width = max((len(t) for t in self._terms), default=0)
        count = len(self._constant)
        # Unused places point at one extra slot that always holds 0.
        signal = np.full((count, width), len(self.signals.types), np.int64)
        weight = np.zeros((count, width))
        for row, terms in enumerate(self._terms):
            for k, (index, factor) in enumerate(terms):
                signal[row, k], weight[row, k] = index, factor
        groups = []
        for shape, members in self._shapes.items():
            groups.append(
                ShapeGroup(
                    shape,
                    np.array([row for row, _, _ in members]),
                    np.array([scale for _, scale, _ in members]),
                    np.array([used for _, _, used in members], np.int64).reshape(len(members), -1).T.copy(),
                )
            )
        return Inputs(np.array(self._constant), signal, weight, tuple(groups), tuple(self._components))

    def _add(self, constant: float, terms: tuple[tuple[int, float], ...], uses: tuple[int, ...]) -> int:
        self._constant.append(float(constant))
        self._terms.append(terms)
        self._uses.append(tuple(dict.fromkeys(uses)))
        return len(self._constant) - 1


@dataclass(frozen=True, slots=True)
class ShapeGroup:
    """Inputs that share an expression shape: rows i8[n], scale f8[n], signals i8[number of placeholders, n]."""

    shape: Node
    rows: I8
    scale: F8
    signals: I8


@dataclass
class Inputs:
    """constant f8[n] + sum over k of weight f8[n, k] * signal i8[n, k] + expressions; `last` f8[n]: finite values or NaN."""

    constant: F8
    signal: I8
    weight: F8
    groups: tuple[ShapeGroup, ...]
    components: tuple[tuple[int, int], ...] = ()
    """(signal, index) of the components of vectors that expressions use."""

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last values."""
        self.last: F8 = np.full(len(self.constant), np.nan)

    def evaluate(self, numeric: np.ndarray, components: np.ndarray | None = None) -> F8:
        """Values f8[n] of all inputs for the state's `numeric` f8[signals]; NaN before the first finite one.

        `components`: values of `self.components`, f8[k]; None counts as unknown.
        """
        if components is None:
            components = np.full(len(self.components), np.nan)
        values = np.concatenate([numeric, [0.0], components])
        out = self.constant + (values[self.signal] * self.weight).sum(1)
        for group in self.groups:
            out[group.rows] += group.scale * evaluate(group.shape, values[group.signals])
        self.last = np.where(np.isfinite(out), out, self.last)
        return self.last
