"""Units in print: as the viewer prints them (one list for both), and beside values."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.telemetry.printed import printed_unit, with_unit

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/printed_units.json").read_text())


@pytest.mark.parametrize(("code", "printed"), VECTORS.items())
def test_codes_as_they_are_printed(code: str, printed: str) -> None:
    assert printed_unit(code) == printed


def test_values_with_their_units() -> None:
    shown = [with_unit("92.1", code) for code in ("Cel", "1", "", "deg", "deg/s", "%")]
    assert shown == ["92.1 °C", "92.1", "92.1", "92.1°", "92.1 °/s", "92.1 %"]


@given(st.text(max_size=20))
def test_anything_has_a_print(code: str) -> None:
    assert isinstance(printed_unit(code), str)
