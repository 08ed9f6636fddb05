"""Safe arithmetic over signals: parsed once, evaluated for whole columns at a time.

An expression such as `clamp(tank.level / 2 + 0.1, 0, 1)` is read by Python's own parser and then accepted node by node:
numbers, signal ids, components of vectors (`drone.position[2]`), + - * / // % **, comparisons, and/or/not, `a if c else b`,
and the functions of `FUNCTIONS`. Nothing else passes, and nothing is ever executed as Python. Ids with characters that
Python cannot parse are quoted: `signal("line-1/m 2")`. Truth is 1, falsehood 0; values are SI.

Expressions that differ only in their signals share a `shape`, so that ten thousand of one pattern cost one evaluation.
"""

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.columns import F8

MAX_LENGTH = 2000
MAX_DEPTH = 60

Node = tuple[Any, ...]
"""("num", v), ("sig", k): the k-th distinct signal, or (operator name, *operands)."""

FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "sqrt": (1, np.sqrt),
    "exp": (1, np.exp),
    "log": (1, np.log),
    "sin": (1, np.sin),
    "cos": (1, np.cos),
    "tan": (1, np.tan),
    "asin": (1, np.arcsin),
    "acos": (1, np.arccos),
    "atan": (1, np.arctan),
    "atan2": (2, np.arctan2),
    "hypot": (2, np.hypot),
    "floor": (1, np.floor),
    "ceil": (1, np.ceil),
    "round": (1, np.round),
    "sign": (1, np.sign),
    "radians": (1, np.radians),
    "degrees": (1, np.degrees),
    "min": (-1, lambda *a: np.minimum.reduce(np.broadcast_arrays(*a))),
    "max": (-1, lambda *a: np.maximum.reduce(np.broadcast_arrays(*a))),
    "clamp": (3, lambda x, low, high: np.minimum(np.maximum(x, low), high)),
    "lerp": (3, lambda a, b, t: a + (b - a) * t),
}
CONSTANTS = {"pi": math.pi, "tau": math.tau}

_BINARY: dict[type[ast.operator], tuple[str, Callable[..., Any]]] = {
    ast.Add: ("+", np.add),
    ast.Sub: ("-", np.subtract),
    ast.Mult: ("*", np.multiply),
    ast.Div: ("/", np.divide),
    ast.FloorDiv: ("//", np.floor_divide),
    ast.Mod: ("%", np.mod),
    ast.Pow: ("**", np.power),
}
_COMPARE: dict[type[ast.cmpop], tuple[str, Callable[..., Any]]] = {
    ast.Lt: ("<", np.less),
    ast.LtE: ("<=", np.less_equal),
    ast.Gt: (">", np.greater),
    ast.GtE: (">=", np.greater_equal),
    ast.Eq: ("==", np.equal),
    ast.NotEq: ("!=", np.not_equal),
}


def _known(*values: Any) -> Any:
    """NaN where any operand is NaN: a comparison with an unknown value is itself unknown."""
    return np.isnan(np.sum(np.broadcast_arrays(*values), axis=0))


def _unless_unknown(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: np.where(_known(*values), np.nan, function(*values))


_OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: function for name, (_, function) in FUNCTIONS.items()},
    **dict(_BINARY.values()),
    **{name: _unless_unknown(function) for name, function in _COMPARE.values()},
    "neg": np.negative,
    "not": _unless_unknown(lambda a: a == 0),
    "and": _unless_unknown(lambda a, b: (a != 0) & (b != 0)),
    "or": _unless_unknown(lambda a, b: (a != 0) | (b != 0)),
    "if": lambda c, a, b: np.where(np.isnan(c), np.nan, np.where(c != 0, a, b)),
}


def component_name(signal: str, index: int) -> str:
    """How a component of a vector signal is called among an expression's signals."""
    return f"{signal}[{index}]"


def component_of(name: str) -> tuple[str, int | None]:
    """The signal of a name among an expression's signals, and which component; None for the signal itself."""
    match = _COMPONENT.fullmatch(name)
    return (name, None) if match is None else (match.group(1), int(match.group(2)))


_COMPONENT = re.compile(r"(.+)\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: `shape` with placeholders, `signals` the ids that fill them."""

    text: str
    shape: Node
    signals: tuple[str, ...]

    def __call__(self, values: np.ndarray) -> F8:
        """The values f8[n] for columns of the signals f8[len(signals), n]; NaN where a needed signal is NaN."""
        return evaluate(self.shape, np.asarray(values, np.float64))


def parse_expression(text: str) -> Expression:
    """Parse. Raises UserError that quotes the expression and says what is not allowed in it."""
    if len(text) > MAX_LENGTH:
        raise UserError(f"the expression {text[:40]!r}... is longer than {MAX_LENGTH} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UserError(f"the expression {text!r} is not arithmetic that can be read") from None
    reader = _Reader(text)
    shape = reader.read(tree.body, 0)
    return Expression(text, shape, tuple(reader.signals))


def evaluate(shape: Node, columns: np.ndarray) -> F8:
    """Evaluate a shape on the columns of its signals; see `Expression.__call__`."""
    with np.errstate(all="ignore"):
        out = np.asarray(_evaluate(shape, columns), np.float64)
    return np.broadcast_to(out, columns.shape[1:]) if out.ndim == 0 else out


def _evaluate(node: Node, columns: np.ndarray) -> Any:
    kind = node[0]
    if kind == "num":
        return node[1]
    if kind == "sig":
        return columns[node[1]]
    return _OPERATIONS[kind](*(_evaluate(operand, columns) for operand in node[1:]))


class _Reader:
    """Turns accepted syntax into nodes and collects the signals."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.signals: dict[str, int] = {}

    def read(self, tree: ast.expr, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error("is nested too deeply")
        method = getattr(self, f"_read_{type(tree).__name__}", None)
        if method is None:
            raise self._error(
                f"uses {type(tree).__name__}, which is not allowed; only arithmetic over signals is"
            )
        found: Node = method(tree, depth + 1)
        return found

    def _read_Constant(self, tree: ast.Constant, depth: int) -> Node:
        if isinstance(tree.value, bool) or not isinstance(tree.value, int | float):
            raise self._error(f"holds {tree.value!r}; only numbers and signals are allowed")
        return ("num", float(tree.value))

    def _read_Name(self, tree: ast.Name, depth: int) -> Node:
        if tree.id in CONSTANTS:
            return ("num", CONSTANTS[tree.id])
        return self._signal(tree.id)

    def _read_Attribute(self, tree: ast.Attribute, depth: int) -> Node:
        parts = [tree.attr]
        owner: ast.expr = tree.value
        while isinstance(owner, ast.Attribute):
            parts.append(owner.attr)
            owner = owner.value
        if not isinstance(owner, ast.Name):
            raise self._error("has a dot after something that is no signal")
        return self._signal(".".join([owner.id, *reversed(parts)]))

    def _read_Subscript(self, tree: ast.Subscript, depth: int) -> Node:
        """A component of a vector: `drone.position[2]`."""
        name = self._name(tree.value)
        index = tree.slice.value if isinstance(tree.slice, ast.Constant) else None
        if not name or type(index) is not int or index < 0:
            raise self._error("has brackets that are no component of a signal, such as position[0]")
        return self._signal(component_name(name, index))

    def _name(self, tree: ast.expr) -> str:
        """The signal id that a part of an expression writes, "" for others."""
        if isinstance(tree, ast.Name):
            return tree.id
        if isinstance(tree, ast.Attribute):
            owner = self._name(tree.value)
            return f"{owner}.{tree.attr}" if owner else ""
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "signal":
            first = tree.args[0] if len(tree.args) == 1 else None
            return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
        return ""

    def _read_BinOp(self, tree: ast.BinOp, depth: int) -> Node:
        if type(tree.op) not in _BINARY:
            raise self._error(f"uses the operator {type(tree.op).__name__}, which is not allowed")
        return (_BINARY[type(tree.op)][0], self.read(tree.left, depth), self.read(tree.right, depth))

    def _read_UnaryOp(self, tree: ast.UnaryOp, depth: int) -> Node:
        operand = self.read(tree.operand, depth)
        if isinstance(tree.op, ast.UAdd):
            return operand
        if isinstance(tree.op, ast.Invert):
            raise self._error("uses the operator ~, which is not allowed")
        return ("neg" if isinstance(tree.op, ast.USub) else "not", operand)

    def _read_BoolOp(self, tree: ast.BoolOp, depth: int) -> Node:
        name = "and" if isinstance(tree.op, ast.And) else "or"
        out = self.read(tree.values[0], depth)
        for value in tree.values[1:]:
            out = (name, out, self.read(value, depth))
        return out

    def _read_Compare(self, tree: ast.Compare, depth: int) -> Node:
        if len(tree.ops) != 1 or type(tree.ops[0]) not in _COMPARE:
            raise self._error("has a comparison that is not a simple one, such as a < b")
        name = _COMPARE[type(tree.ops[0])][0]
        return (name, self.read(tree.left, depth), self.read(tree.comparators[0], depth))

    def _read_IfExp(self, tree: ast.IfExp, depth: int) -> Node:
        return ("if", *(self.read(part, depth) for part in (tree.test, tree.body, tree.orelse)))

    def _read_Call(self, tree: ast.Call, depth: int) -> Node:
        name = tree.func.id if isinstance(tree.func, ast.Name) else ""
        if tree.keywords or not name:
            raise self._error("has a call that is no plain function of numbers")
        if name == "signal":
            return self._quoted(tree)
        if name not in FUNCTIONS:
            raise self._error(f"calls {name!r}, which is no function here{did_you_mean(name, FUNCTIONS)}")
        count = FUNCTIONS[name][0]
        if (count >= 0 and len(tree.args) != count) or not tree.args:
            raise self._error(
                f"gives {name} {len(tree.args)} values; it takes {count if count >= 0 else 'at least 1'}"
            )
        return (name, *(self.read(argument, depth) for argument in tree.args))

    def _quoted(self, tree: ast.Call) -> Node:
        argument = tree.args[0] if len(tree.args) == 1 else None
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise self._error('has signal(...) without one quoted id, as in signal("line-1/m2")')
        return self._signal(argument.value)

    def _signal(self, name: str) -> Node:
        return ("sig", self.signals.setdefault(name, len(self.signals)))

    def _error(self, complaint: str) -> UserError:
        return UserError(f"the expression {self.text!r} {complaint}")
