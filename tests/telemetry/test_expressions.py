"""Expressions mean what Python means by the same text, and nothing but arithmetic passes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.telemetry.expressions import parse_expression

leaves = st.one_of(
    st.sampled_from(["a", "b.c", "pi"]),
    st.integers(0, 9).map(str),
    st.floats(0.1, 9).map(lambda v: f"{v:.3f}"),
)


def combine(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(children, st.sampled_from(["+", "-", "*", "/", "//", "%"]), children)
    compare = st.tuples(children, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), children)
    return st.one_of(
        binary.map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        compare.map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        children.map(lambda t: f"(-{t})"),
        children.map(lambda t: f"abs({t})"),
        st.tuples(children, children).map(lambda t: f"max({t[0]}, {t[1]})"),
        st.tuples(children, children, children).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
    )


trees = st.recursive(leaves, combine, max_leaves=10)


class _Dotted:
    def __init__(self, c: float) -> None:
        self.c = c


@settings(deadline=None, max_examples=150)
@given(trees, st.floats(-50, 50), st.floats(-50, 50))
def test_values_equal_pythons(text: str, a: float, c: float) -> None:
    parsed = parse_expression(text)
    columns = np.array([[{"a": a, "b.c": c}[name]] for name in parsed.signals]).reshape(
        len(parsed.signals), 1
    )
    try:
        expected = float(
            eval(text, {"__builtins__": {"abs": abs, "max": max}}, {"a": a, "b": _Dotted(c), "pi": math.pi})
        )
    except ZeroDivisionError:
        return  # numpy answers inf or NaN where Python gives up
    found = float(parsed(columns)[0])
    if math.isfinite(expected) and not math.isnan(found):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')",
        "().__class__",
        "(a.b + 1)[0]",
        "(lambda: 1)()",
        "[x for x in a]",
        "'text' * 9",
        "f'{a}'",
        "a @ b",
        "~a",
        "a if b",
        "a := 2",
        "True",
        "open(a)",
        "min()",
        "clamp(1, 2)",
        "signal(a)",
        "abs(a, b=1)",
        "1 < a < 2",
        "a; b",
        "",
        "-" * 200 + "a",
        "a" * 3000,
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(UserError) as error:
        parse_expression(text)
    assert "\n" not in str(error.value)


def test_unknown_values_stay_unknown() -> None:
    for text in ("a + 1", "a > 0", "1 if a > 0 else 2", "not a", "a and 1", "max(a, 1)"):
        assert math.isnan(float(parse_expression(text)(np.array([[np.nan]]))[0])), text


def test_quoted_ids_and_shared_shapes() -> None:
    one, two = parse_expression('signal("l-1/m 2") * 2'), parse_expression("x.y * 2")
    assert one.signals == ("l-1/m 2",)
    assert one.shape == two.shape
    assert parse_expression("x.y * 3").shape != two.shape
    assert one(np.array([[1.0, 2.0, 3.0]])).tolist() == [2.0, 4.0, 6.0]


def test_constant_expression_fills_the_column() -> None:
    assert parse_expression("degrees(pi)")(np.zeros((0, 3))).tolist() == [180.0] * 3
