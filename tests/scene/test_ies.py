"""IES profiles: small files written by hand, with numbers worked out by hand."""

import numpy as np
import pytest

from twinstage.scene.ies import COLUMNS, ROWS, IesError, parse_ies


def ies(
    vertical, horizontal, candela, *, kind=1, factor=1.0, ballast=1.0, tilt="NONE", head="IESNA:LM-63-2002"
):
    """The text of a profile; candela: a row for each horizontal angle."""
    lines = [head, "[TEST] by hand", f"TILT={tilt}"]
    if tilt == "INCLUDE":
        lines += ["1", "2", "0 90", "1.0 0.8"]
    lines += [f"1 1000 {factor} {len(vertical)} {len(horizontal)} {kind} 2 0 0 0", f"{ballast} 1.0 60"]
    lines += [" ".join(map(str, vertical)), " ".join(map(str, horizontal))]
    lines += [" ".join(map(str, row)) for row in candela]
    return "\r\n".join(lines).encode()


def test_one_plane_holds_all_around_and_factors_multiply():
    profile = parse_ies(ies([0, 45, 90], [0], [[100, 50, 0]], factor=2.0, ballast=0.5))
    assert profile.at(np.array([0, 22.5, 45, 90, 91]), 123.0) == pytest.approx([100, 75, 50, 0, 0])


@pytest.mark.parametrize("tilt", ["INCLUDE", "NONE"])
def test_quarters_and_halves_are_mirrored(tilt):
    quarter = parse_ies(ies([0, 90], [0, 45, 90], [[10, 10], [20, 20], [30, 30]], tilt=tilt))
    around = np.array([0, 45, 90, 135, 180, 225, 270, 315, 360])
    assert quarter.at(30, around) == pytest.approx([10, 20, 30, 20, 10, 20, 30, 20, 10])
    half = parse_ies(ies([0, 90], [0, 90, 180], [[10, 10], [20, 20], [30, 30]]))
    assert half.at(30, np.array([0, 90, 180, 270, 360, -90])) == pytest.approx([10, 20, 30, 20, 10, 20])


def test_a_whole_turn_needs_no_last_plane():
    profile = parse_ies(ies([0, 90], [0, 120, 240], [[10, 10], [20, 20], [30, 30]]))
    assert profile.at(10, np.array([0, 120, 240, 300, 360])) == pytest.approx([10, 20, 30, 20, 10])


def test_the_grid_is_the_profile_at_even_angles():
    profile = parse_ies(ies([0, 30, 90, 180], [0, 90], [[100, 80, 20, 0], [100, 60, 10, 0]]))
    grid = profile.grid()
    assert grid.shape == (ROWS, COLUMNS)
    assert grid[30, [0, 18, 36, 54]] == pytest.approx([80, 60, 80, 60])
    assert grid[60, 0] == pytest.approx(50)


def test_power_is_the_mean_over_what_the_angles_span():
    even = [100.0] * 181
    assert parse_ies(ies(range(181), [0], [even])).power() == pytest.approx(100, rel=1e-3)
    assert parse_ies(ies(range(91), [0], [even[:91]])).power() == pytest.approx(100, rel=1e-3)
    cosine = [100 * np.cos(np.radians(v)) for v in range(91)]
    assert parse_ies(ies(range(91), [0], [cosine])).power() == pytest.approx(50, rel=1e-3)


def test_types_a_and_b_are_turned_to_the_axis():
    """Both give their greatest intensity in the middle, which lies at 90 degrees to the pole."""
    rows = [[50, 100, 50]] * 3
    for kind in (2, 3):
        profile = parse_ies(ies([-90, 0, 90], [-90, 0, 90], rows, kind=kind))
        assert profile.at(90, 180.0 if kind == 3 else 90.0) in (50.0, 100.0)
        assert profile.candela.max() == 100


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "TILT"),
        (b"IESNA\nTILT=NONE\n1 1000 1 2", "ends before its angles"),
        (b"IESNA\nTILT=NONE\nhello", "'hello' where a number"),
        (ies([0, 90], [0], [[1, 2]], kind=7), "type 7"),
        (ies([90, 0], [0], [[1, 2]]), "do not rise"),
        (ies([0, 90], [0], [[1]]), "last intensity"),
        (ies([0, 90], [0], [["nan", 1]]), "not finite"),
        (b"TILT=NONE\n1 1 1 99999 99999 1 1 0 0 0 1 1 1", "intensities"),
        (b"TILT=NONE\n1 1 1 -3 1 1 1 0 0 0 1 1 1", "vertical angles"),
    ],
)
def test_what_is_no_profile_is_told_in_one_sentence(text, what):
    with pytest.raises(IesError, match=what):
        parse_ies(text)
