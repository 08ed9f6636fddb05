"""UCUM codes against factors from the standards, not from the code."""

import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.telemetry.units import compile_unit, convert

FACTORS = [
    ("deg", math.pi / 180, "rad"),
    ("circ/min", 2 * math.pi / 60, "rad/s"),
    ("mm", 1e-3, "m"),
    ("km/h", 1 / 3.6, "m/s"),
    ("[in_i]", 0.0254, "m"),
    ("[psi]", 6894.757293168361, "Pa"),
    ("bar", 1e5, "Pa"),
    ("L/min", 1e-3 / 60, "m3/s"),
    ("%", 0.01, "1"),
    ("/min", 1 / 60, "Hz"),
    ("kW.h", 3.6e6, "J"),
    ("N.m", 1.0, "J"),
    ("m/s2", 1.0, "m/s2"),
    ("kg/(m.s2)", 1.0, "Pa"),
    ("10*3/uL", 1e12, "m-3"),
    ("mA", 1e-3, "A"),
    ("{parts}/h", 1 / 3600, "Hz"),
]


@pytest.mark.parametrize(("code", "factor", "si"), FACTORS)
def test_codes_compile_to_the_factor_of_the_standard(code: str, factor: float, si: str) -> None:
    unit = compile_unit(code)
    assert unit.scale == pytest.approx(factor, rel=1e-15)
    assert (unit.offset, unit.si) == (0.0, si)
    assert compile_unit(si).scale == 1.0
    assert compile_unit(si).dimension == unit.dimension


def test_temperatures_have_offsets() -> None:
    assert compile_unit("Cel").to_si(25.0) == pytest.approx(298.15)
    assert convert("[degF]", "Cel")(212.0) == pytest.approx(100.0)
    assert convert("Cel", "[degF]")(-40.0) == pytest.approx(-40.0)


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("deg", "m", "'deg' measures an angle and cannot become 'm', which measures a length"),
        ("deg", "%", "an angle and cannot become '%', which measures a ratio"),
        ("/min", "rad/s", "a frequency and cannot become 'rad/s', which measures an angular velocity"),
        ("m/s", "m/s2", "a speed"),
    ],
)
def test_a_unit_of_the_wrong_dimension_is_refused(source: str, target: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        convert(source, target)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("rpm", "circ/min"),
        ("°C", "write Cel"),
        ("degrees", "write deg"),
        ("metr", "did you mean 'm'"),
        ("m/", "missing at the end"),
        ("(m", "bracket"),
        ("Cel/min", "unknown symbol 'Cel'"),
        ("", "write 1"),
        ("m99999", "too large"),
        ("7", "powers of ten"),
    ],
)
def test_what_is_no_ucum_code_is_refused_with_a_hint(code: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        compile_unit(code)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from([("deg", "rad"), ("mm", "[ft_i]"), ("Cel", "[degF]"), ("bar", "[psi]"), ("km/h", "m/s")]),
    st.floats(-1e6, 1e6),
)
def test_there_and_back_gives_the_same_value(pair: tuple[str, str], value: float) -> None:
    there, back = convert(*pair), convert(pair[1], pair[0])
    assert back(there(value)) == pytest.approx(value, rel=1e-12, abs=1e-9)
    unit = compile_unit(pair[0])
    assert unit.from_si(unit.to_si(value)) == pytest.approx(value, rel=1e-12, abs=1e-9)


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="mkgsCelradN./()*0123456789-[]{}%' °", max_size=12))
def test_any_text_either_compiles_or_is_a_user_error(code: str) -> None:
    try:
        unit = compile_unit(code)
    except UserError:
        return
    assert unit.scale > 0
    assert math.isfinite(unit.scale)


def test_the_units_library_is_imported_only_when_a_unit_is_compiled() -> None:
    code = "import sys, twinstage.telemetry, twinstage.telemetry.units; assert 'pint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
