"""Dimensions of expressions, against a table written by hand, and no refusal of what could be right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.telemetry.expression_units import Mismatch, dimension_of, infer, powers_of
from twinstage.telemetry.expressions import parse_expression

UNITS = {"x": "m", "y": "m", "a": "rad", "t": "K", "n": "1", "v": "m.s-1", "s": "s"}


def dimension(text: str) -> str | None:
    parsed = parse_expression(text)
    return infer(parsed.shape, tuple(UNITS[name] for name in parsed.signals))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", "m"),
        ("x + y", "m"),
        ("x - 0.3", "m"),
        ("-x", "m"),
        ("x * y", "m2"),
        ("x / y", "1"),
        ("v * s", "m"),
        ("x / s", "m.s-1"),
        ("2 * x", None),
        ("x / 2", None),
        ("x ** 2", None),
        ("max(x, y, 0)", "m"),
        ("clamp(x, 0, y)", "m"),
        ("sin(a)", "1"),
        ("atan2(x, y)", "rad"),
        ("x if n > 3 else y", "m"),
        ("x < y", "1"),
        ("not n", "1"),
        ("lerp(x, y, n)", "m"),
        ("a + n", "rad"),
        ("abs(x)", "m"),
        ("sqrt(x)", None),
        ("hypot(x, y)", "m"),
        ("1.5 if n else 0", None),
    ],
)
def test_what_is_known(text: str, expected: str | None) -> None:
    assert dimension(text) == expected


@pytest.mark.parametrize(
    "text",
    ["x + a", "x - t", "max(x, a)", "sin(x)", "x < t", "x if n else a", "atan2(x, a)", "clamp(x, a, 1)"],
)
def test_what_cannot_be_right(text: str) -> None:
    with pytest.raises(Mismatch):
        dimension(text)


@given(st.dictionaries(st.sampled_from(["m", "s", "kg", "K", "rad"]), st.integers(-4, 4).filter(bool)))
def test_dimensions_as_text(powers: dict[str, int]) -> None:
    found = tuple(sorted(powers.items()))
    assert powers_of(dimension_of(found)) == found
