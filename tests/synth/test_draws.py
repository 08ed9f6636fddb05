"""Draws depend on their key and on nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from twinstage.base.errors import UserError
from twinstage.synth.draws import Distribution, Draws, Stream

ADAPTER: TypeAdapter[Distribution] = TypeAdapter(Distribution)


def test_numbers_of_a_key_are_pinned_for_ever() -> None:
    stream = Stream(7, 0, "boxes", "translate")
    assert [stream.unit() for _ in range(3)] == [0.8771104740307605, 0.9936137491819563, 0.8897618671333307]


@given(st.integers(0, 2**62), st.integers(0, 10**6), st.text(max_size=20), st.text(max_size=20))
@settings(deadline=None, max_examples=50)
def test_the_same_key_gives_the_same_numbers(seed: int, frame: int, name: str, field: str) -> None:
    one, two = Draws(seed, frame, name), Draws(seed, frame, name)
    two.stream("something else").unit()
    assert one.stream(field).unit() == two.stream(field).unit()


def test_each_part_of_the_key_matters() -> None:
    base = Draws(1, 2, "a").stream("x").unit()
    others = [
        Draws(2, 2, "a").stream("x"),
        Draws(1, 3, "a").stream("x"),
        Draws(1, 2, "b").stream("x"),
        Draws(1, 2, "a").stream("y"),
        Draws(1, 2, "a", attempt=1).stream("x"),
        Draws(1, 2, "a").stream("x", again=1),
        Draws(1, 2, "ax").stream(""),
    ]
    assert len({base, *(s.unit() for s in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("data", "mean", "std"),
    [
        ([2, 4], 3.0, 2 / 12**0.5),
        ({"normal": [5, 0.5]}, 5.0, 0.5),
        ({"choice": [1, 3]}, 2.0, 1.0),
        ({"loguniform": [1, np.e]}, np.e - 1, 0.4920),
        (4, 4.0, 0.0),
    ],
)
def test_distributions_have_their_moments(data: object, mean: float, std: float) -> None:
    distribution = ADAPTER.validate_python(data)
    values = [distribution.sample(Stream(11, i)) for i in range(4000)]
    assert np.mean(values) == pytest.approx(mean, abs=0.03)
    assert np.std(values) == pytest.approx(std, abs=0.03)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_uniform_stays_in_its_range(low: float, width: float, key: int) -> None:
    value = ADAPTER.validate_python([low, low + width]).sample(Stream(key))
    assert low <= value <= low + width


def test_bounded_normal_stays_in_its_bounds() -> None:
    bounded = ADAPTER.validate_python({"kind": "normal", "mean": 0, "std": 5, "low": -1, "high": 1})
    values = [bounded.sample(Stream(i)) for i in range(200)]
    assert -1 < min(values) < -0.9 and 0.9 < max(values) < 1  # and nothing piles up at the bounds


@pytest.mark.parametrize(
    "data", [[3, 1], True, "x", {"normal": [1, -1]}, {"kind": "unifrom"}, {"choice": []}]
)
def test_wrong_distributions_are_refused(data: object) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(data)


def test_numbers_beyond_all_scenes_are_refused() -> None:
    for data in (1e300, [-1.7e308, 1.7e308], {"kind": "linear", "of": "x", "slope": 1e300}):
        with pytest.raises(ValidationError, match="expected a number within"):
            ADAPTER.validate_python(data)
    draws = Draws(1, 0, "far")
    draws.value("x", ADAPTER.validate_python(1e10))
    with pytest.raises(UserError, match=r"randomizer 'far', y: .* was drawn; expected a number within"):
        draws.value("y", ADAPTER.validate_python({"kind": "linear", "of": "x", "slope": 1e14}))


def test_the_log_keeps_what_was_drawn() -> None:
    draws = Draws(1, 1, "a")
    value = draws.value("x", ADAPTER.validate_python([0, 1]))
    assert draws.log == {"x": value}
