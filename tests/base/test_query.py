"""The query language that datasets and the catalogue share."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.base.query import number_of, parse


def test_terms_of_all_sorts() -> None:
    word, words, range_, above, negated = parse('pump tag:a,"b c" size:1..2.5k triangles>=20K -is:broken')
    assert (word.field, word.words) == ("", ("pump",))
    assert (words.field, words.words) == ("tag", ("a", "b c"))
    assert (range_.low, range_.high, range_.is_range) == (1.0, 2500.0, True)
    assert (above.low, above.high, above.open_low) == (20_000.0, math.inf, False)
    assert negated.negated and negated.words == ("broken",)


@pytest.mark.parametrize(
    ("text", "held"), [("n>2", "345"), ("n>=2", "2345"), ("n<2", "1"), ("n:2..4", "234"), ("n:..2", "12")]
)
def test_a_range_holds_what_lies_within(text: str, held: str) -> None:
    (term,) = parse(text)
    assert "".join(str(n) for n in range(1, 6) if term.holds(n)) == held


@pytest.mark.parametrize("text", ["n<", "n<x", "n<k", "n<1.2.3", 'tag:"a', "n<nan"])
def test_what_is_no_term_is_told_in_a_sentence(text: str) -> None:
    with pytest.raises(UserError) as told:
        parse(text)
    assert "\n" not in str(told.value)


@given(st.floats(0, 1e6), st.sampled_from(["", "k", "M", "g"]))
def test_numbers_with_a_suffix(value: float, suffix: str) -> None:
    assert number_of(f"{value!r}{suffix}", "") == value * {"": 1.0, "k": 1e3, "M": 1e6, "g": 1e9}[suffix]
