"""Values of edits: what JSON says becomes what USD holds, in USD's units; what is of another type is refused."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pxr import Sdf

from twinstage.base.errors import UserError
from twinstage.scene.ui_values import checked, from_usd, scaled, si_factor, to_usd

GOOD: list[tuple[str, Any]] = [
    ("bool", True),
    ("int", -5),
    ("uint", 5),
    ("int64", 1 << 60),
    ("uchar", 255),
    ("float", 0.5),
    ("half", 0.25),
    ("double", 1e300),
    ("token", "a"),
    ("string", "naïve"),
    ("float2", [1, 2]),
    ("double3", [1, 2, 3]),
    ("int4", [1, 2, 3, 4]),
    ("color3f", [0, 0.5, 1]),
    ("vector3d", [1, 2, 3]),
    ("point3f", [1, 2, 3]),
    ("normal3f", [0, 0, 1]),
    ("quatf", [1, 0, 0, 0]),
    ("quatd", [0.5, 0.5, 0.5, 0.5]),
    ("double[]", [1.5, 2]),
    ("float[]", []),
    ("int[]", [1, 2]),
    ("int64[]", [1 << 40]),
    ("string[]", ["a", "b"]),
    ("token[]", ["a"]),
    ("bool[]", [True, False]),
]


@pytest.mark.parametrize(("type_name", "value"), GOOD)
def test_usd_holds_what_was_said(type_name: str, value: Any) -> None:
    layer = Sdf.Layer.CreateAnonymous(".usda")
    prim = Sdf.CreatePrimInLayer(layer, "/A")
    spec = Sdf.AttributeSpec(prim, "x", Sdf.ValueTypeNames.Find(type_name))
    spec.default = to_usd(type_name, checked("x", type_name, value))
    again = Sdf.Layer.CreateAnonymous(".usda")
    again.ImportFromString(layer.ExportToString())
    held = from_usd(again.GetAttributeAtPath("/A.x").default)
    assert held == value or held == pytest.approx(value)


BAD: list[tuple[str, Any]] = [
    ("bool", 1),
    ("int", True),
    ("int", 1.5),
    ("int", 1 << 31),
    ("uint", -1),
    ("uchar", 256),
    ("int64", float("inf")),
    ("float", 1e39),
    ("double", float("nan")),
    ("double", "1"),
    ("half", 1e5),
    ("string", 1),
    ("string", "x" * 5000),
    ("token", "a\0b"),
    ("double3", [1, 2]),
    ("double3", "abc"),
    ("double3", [1, 2, "3"]),
    ("quatf", [0, 0, 0, 0]),
    ("double[]", 1),
    ("double[]", [0.0] * 1001),
    ("asset", "/etc/passwd"),
    ("asset[]", []),
    ("matrix4d", [0] * 16),
    ("color9f", [0] * 9),
    ("nonsense", 1),
    ("", 1),
]


@pytest.mark.parametrize(("type_name", "value"), BAD)
def test_another_value_is_refused_with_a_sentence(type_name: str, value: Any) -> None:
    with pytest.raises(UserError, match=r"^x") as caught:
        checked("x", type_name, value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([name for name, _ in GOOD + BAD]), json)
def test_whatever_is_said_is_a_value_or_a_refusal(type_name: str, value: Any) -> None:
    try:
        held = checked("x", type_name, value)
    except UserError:
        return
    to_usd(type_name, held)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("inputs:radius", 0.01),
        ("xformOp:translate", 0.01),
        ("xformOp:translate:pivot", 0.01),
        ("xformOp:rotateXYZ", math.pi / 180),
        ("inputs:angle", math.pi / 180),
        ("xformOp:scale", 1.0),
        ("inputs:intensity", 1.0),
        ("userProperties:length", 1.0),
    ],
)
def test_lengths_and_angles_are_si_outside(name: str, factor: float) -> None:
    assert si_factor(name, 0.01) == factor
    assert scaled([1.0, 2.0], 1 / factor) == [1.0 / factor, 2.0 / factor]
