"""Every distribution: in its range, with the moments and shares of its closed form, and independent of all else."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from twinstage.base.errors import UserError
from twinstage.synth.distributions import Distribution
from twinstage.synth.distributions.even import owen, sobol
from twinstage.synth.draws import Draws
from twinstage.synth.streams import Stream

ADAPTER: TypeAdapter[Any] = TypeAdapter(Distribution)
FINITE = st.floats(-1e6, 1e6)
FEW = settings(deadline=None, max_examples=60)


def values(data: object, count: int, *, name: str = "r", field: str = "x", seed: int = 3) -> np.ndarray:
    distribution = ADAPTER.validate_python(data)
    return np.array([Draws(seed, frame, name).value(field, distribution) for frame in range(count)])


def phi(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def share(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


# --- ranges -------------------------------------------------------------------------------------------------------


@FEW
@given(FINITE, st.floats(0, 1e6), st.integers(0, 10**6))
def test_uniform_kinds_stay_in_their_range(low: float, width: float, frame: int) -> None:
    for kind in ("uniform", "halton", "sobol"):
        value = Draws(1, frame, "r").value("x", ADAPTER.validate_python({kind: [low, low + width]}))
        assert low <= value <= low + width, kind


@FEW
@given(st.floats(1e-6, 1e6), st.floats(1, 1e6), st.integers(0, 10**6))
def test_loguniform_stays_in_its_range(low: float, factor: float, frame: int) -> None:
    value = Draws(1, frame, "r").value("x", ADAPTER.validate_python({"loguniform": [low, low * factor]}))
    assert low <= value <= low * factor


@FEW
@given(st.floats(-100, 100), st.floats(0.1, 50), st.floats(-6, 6), st.floats(0, 5), st.integers(0, 10**6))
def test_truncated_stays_in_its_range(
    mean: float, std: float, from_: float, width: float, frame: int
) -> None:
    low = mean + std * from_
    data = {"truncated": [mean, std, low, low + std * width]}
    value = Draws(1, frame, "r").value("x", ADAPTER.validate_python(data))
    assert low <= value <= low + std * width


@FEW
@given(st.integers(-1000, 1000), st.integers(0, 50), st.integers(0, 10**6))
def test_integers_are_whole_and_in_their_range(low: int, width: int, frame: int) -> None:
    value = Draws(1, frame, "r").value("x", ADAPTER.validate_python({"integers": [low, low + width]}))
    assert value == int(value) and low <= value <= low + width


@FEW
@given(st.lists(FINITE, min_size=1, max_size=9), st.integers(0, 10**6))
def test_choices_and_sequences_give_their_values(items: list[float], frame: int) -> None:
    for kind in ("choice", "sequence"):
        assert Draws(1, frame, "r").value("x", ADAPTER.validate_python({kind: items})) in items


# --- statistics against closed forms ------------------------------------------------------------------------------


def test_truncated_normal_has_its_closed_form() -> None:
    a, b = -0.5, 2.0
    mass = share(b) - share(a)
    mean = (phi(a) - phi(b)) / mass
    variance = 1 + (a * phi(a) - b * phi(b)) / mass - mean**2
    drawn = values({"truncated": [10, 3, 10 + 3 * a, 10 + 3 * b]}, 6000)
    assert drawn.mean() == pytest.approx(10 + 3 * mean, abs=0.08)
    assert drawn.std() == pytest.approx(3 * math.sqrt(variance), abs=0.06)


@pytest.mark.parametrize("side", [1, -1])
def test_a_far_tail_is_still_one(side: int) -> None:
    """Beyond 6 standard deviations a tail falls off like an exponential of rate 6."""
    bounds = sorted([side * 6.0, side * 8.0])
    drawn = values({"truncated": [0, 1, *bounds]}, 2000)
    assert np.abs(drawn).mean() == pytest.approx(6 + phi(6) / (1 - share(6)) - 6, abs=0.02)
    assert len(set(drawn)) == 2000


def test_integers_are_equally_likely() -> None:
    drawn = values({"integers": [1, 6]}, 6000)
    counts = np.bincount(drawn.astype(int), minlength=7)[1:]
    assert ((counts - 1000) ** 2 / 1000).sum() < 20.5  # chi squared, 5 degrees of freedom, 99.9 %


def test_weights_are_kept() -> None:
    drawn = values({"choice": {1: 0.7, 2: 0.2, 4: 0.1}}, 6000)
    for value, weight in ((1, 0.7), (2, 0.2), (4, 0.1)):
        assert (drawn == value).mean() == pytest.approx(weight, abs=0.02)


def test_sequences_go_on_by_frame_and_start_again() -> None:
    assert values({"sequence": [5, 6, 7]}, 7).tolist() == [5, 6, 7, 5, 6, 7, 5]
    assert values({"sequence": [5, 6], "every": 2}, 6).tolist() == [5, 5, 6, 6, 5, 5]


@pytest.mark.parametrize(
    "data", [{"sobol": [0, 1]}, {"sobol": [0, 1], "dimension": 5}, {"halton": [0, 1], "base": 2}]
)
def test_low_discrepancy_puts_one_point_into_each_cell(data: dict[str, Any]) -> None:
    for count in (16, 64, 256):
        assert sorted(np.floor(values(data, count) * count).astype(int)) == list(range(count))


def test_halton_does_so_in_its_base() -> None:
    drawn = values({"halton": [0, 1], "base": 5}, 125)
    assert sorted(np.floor(drawn * 125).astype(int)) == list(range(125))


def test_sobol_dimensions_of_one_prim_fill_the_plane_evenly() -> None:
    """A (0, 2)-sequence: one point in each of 4 x 64, 16 x 16 and 64 x 4 boxes of the first 256."""
    x = values({"sobol": [0, 1], "dimension": 0}, 256, field="move /A.x")
    y = values({"sobol": [0, 1], "dimension": 1}, 256, field="move /A.y")
    for columns in (4, 16, 64):
        rows = 256 // columns
        cells = np.floor(x * columns) * rows + np.floor(y * rows)
        assert len(set(cells.tolist())) == 256


def test_sobol_of_two_prims_has_nothing_in_common() -> None:
    a = values({"sobol": [0, 1]}, 512, field="move /A.x")
    b = values({"sobol": [0, 1]}, 512, field="move /B.x")
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.2  # 4.5 standard deviations of independent numbers


def test_the_plain_sobol_sequence_is_the_published_one() -> None:
    """The first points of dimensions 2 and 3 as Joe and Kuo's own program prints them (in Gray order, sorted here)."""
    first = [sorted(sobol(i, d) / 2**32 for i in range(8)) for d in (1, 2)]
    assert first == [[i / 8 for i in range(8)]] * 2
    points = {(sobol(i, 0) / 2**32, sobol(i, 1) / 2**32, sobol(i, 2) / 2**32) for i in range(4)}
    assert points == {(0, 0, 0), (0.5, 0.5, 0.5), (0.75, 0.25, 0.25), (0.25, 0.75, 0.75)}


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_scrambling_keeps_cells_together(a: int, b: int, seed: int) -> None:
    for bits in (1, 7, 16):
        same = a >> (32 - bits) == b >> (32 - bits)
        assert (owen(a, seed) >> (32 - bits) == owen(b, seed) >> (32 - bits)) == same


# --- depending on other draws -------------------------------------------------------------------------------------


def pair(data: object, frame: int) -> tuple[float, float]:
    """A draw of the randomizer `sun`, and one of `shade` that depends on it."""
    sun = Draws(5, frame, "sun")
    first = sun.value("intensity /Sun", ADAPTER.validate_python([1, 3]))
    shade = Draws(5, frame, "shade", earlier={"sun": sun})
    return first, shade.value("value", ADAPTER.validate_python(data))


def test_linear_is_a_line_with_noise() -> None:
    exact = [pair({"kind": "linear", "of": "sun.intensity", "slope": 2, "offset": 1}, f) for f in range(50)]
    assert all(y == pytest.approx(2 * x + 1) for x, y in exact)
    noisy = np.array(
        [
            pair({"kind": "linear", "of": "sun.intensity", "slope": 2, "noise": 0.5}, frame)
            for frame in range(3000)
        ]
    )
    rest = noisy[:, 1] - 2 * noisy[:, 0]
    assert rest.std() == pytest.approx(0.5, abs=0.03) and abs(rest.mean()) < 0.04
    assert abs(np.corrcoef(noisy[:, 0], rest)[0, 1]) < 0.06


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.6, 1.0])
def test_a_copula_has_its_rank_correlation_and_its_own_distribution(rho: float) -> None:
    drawn = np.array(
        [
            pair({"kind": "copula", "of": "sun.intensity", "rho": rho, "like": [10, 20]}, frame)
            for frame in range(3000)
        ]
    )
    spearman = np.corrcoef(drawn.T)[0, 1]  # of two uniform numbers
    assert spearman == pytest.approx(6 / math.pi * math.asin(rho / 2), abs=0.04)
    assert drawn[:, 1].min() >= 10 and drawn[:, 1].max() <= 20
    assert drawn[:, 1].mean() == pytest.approx(15, abs=0.2)


def test_conditional_follows_the_other_draw() -> None:
    data = {"if": "sun.intensity > 2 and frame < 40", "then": [5, 6], "else": 0}
    for frame in range(60):
        sun, value = pair(data, frame)
        assert (5 <= value <= 6) if sun > 2 and frame < 40 else value == 0


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        ("sum.intensity", "'sum.intensity' names no randomizer before this one; did you mean 'sun'"),
        ("sun.intensty", "'sun' has not drawn 'intensty'; did you mean 'intensity /Sun'"),
    ],
)
def test_references_that_lead_nowhere_are_told(of: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        pair({"kind": "linear", "of": of}, 0)


def test_nothing_is_executed() -> None:
    with pytest.raises(ValidationError, match="has a call that is no plain function"):
        ADAPTER.validate_python({"if": "__import__('os').system('true')", "then": 1, "else": 0})


# --- independence -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [[0, 1], {"normal": [0, 1]}, {"sobol": [0, 1]}, {"halton": [0, 1], "base": 3}, {"integers": [0, 999]}],
)
def test_draws_depend_neither_on_order_nor_on_other_randomizers(data: object) -> None:
    distribution = ADAPTER.validate_python(data)
    forward = [Draws(3, frame, "r").value("x", distribution) for frame in range(8)]
    for frame in reversed(range(8)):
        draws = Draws(3, frame, "r")
        for other in ("a", "b", "y"):
            draws.value(other, distribution)
        Draws(3, frame, "other").value("x", distribution)
        assert draws.value("x", distribution) == forward[frame]
    assert values(data, 8, name="s").tolist() != forward and values(data, 8, seed=4).tolist() != forward


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([3, 1], "high 1 is below low 3"),
        ({"truncated": [0, 1, 9, 10]}, "more than 8 standard deviations"),
        ({"choice": [1, 2], "weights": [1]}, "there are 1 weights for 2 values"),
        ({"choice": {1: 0, 2: 0}}, "all weights are 0"),
        ({"halton": [0, 1], "base": 4}, "2, 3, 5"),
        (
            {"kind": "copula", "of": "a.b", "rho": 0.5, "like": {"sequence": [1]}},
            "depends on the frame or on other draws",
        ),
        ({"if": "1 +", "then": 1, "else": 2}, "is not arithmetic"),
    ],
)
def test_wrong_ones_are_told(data: object, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        ADAPTER.validate_python(data)


@pytest.mark.parametrize(
    "data",
    [
        3,
        [1, 2],
        {"min": 1, "max": 2},
        {"truncated": [0, 1, -1, 1]},
        {"choice": {1: 0.5, 2: 0.5}},
        {"halton": [0, 1], "base": 3},
        {"kind": "copula", "of": "a.b", "rho": 0.5, "like": [0, 1]},
        {"if": "frame > 3", "then": [0, 1], "else": {"if": "frame > 1", "then": 2, "else": 3}},
    ],
)
def test_the_written_form_is_read_back(data: object) -> None:
    distribution = ADAPTER.validate_python(data)
    assert ADAPTER.validate_python(ADAPTER.dump_python(distribution, mode="json")) == distribution


def test_streams_are_pinned_for_ever() -> None:
    assert Stream(7, 0, "boxes", "translate").unit() == 0.8771104740307605
