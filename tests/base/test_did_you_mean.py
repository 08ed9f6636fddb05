"""A mistyped name is answered at once, however many names there are: viewers can ask a server for unknown ones."""

import difflib
from typing import Any

import pytest

from twinstage.base import errors
from twinstage.base.errors import MOST_COMPARED, did_you_mean

MANY = [f"hall{k % 7}.line{k % 13}.motor{k:05}.speed" for k in range(20_000)]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many names were compared letter by letter."""
    found: list[int] = []

    def counted(word: str, names: Any, **more: Any) -> list[str]:
        found.append(len(names))
        return difflib.get_close_matches(word, names, **more)

    monkeypatch.setattr(errors, "get_close_matches", counted)
    return found


@pytest.mark.parametrize("at", [0, 4, 9, 14, 20, -1])
def test_one_slip_among_very_many_names(compared: list[int], at: int) -> None:
    right = MANY[12_345]
    at %= len(right)
    for wrong in (right[:at] + right[at + 1 :], right[:at] + "x" + right[at:]):
        assert did_you_mean(wrong, MANY) == f"; did you mean {right!r}?", wrong
    assert max(compared) <= MOST_COMPARED


@pytest.mark.parametrize("name", ["", "x" * 500, "hall", "deeps.54321rotom.5enil", "hall0.line0.motor"])
def test_few_are_compared_whatever_is_asked(compared: list[int], name: str) -> None:
    assert did_you_mean(name, MANY).startswith("; ")
    assert compared and max(compared) <= MOST_COMPARED


def test_few_names_are_all_compared() -> None:
    assert did_you_mean("pmup", ["pump", "tank"]) == "; did you mean 'pump'?"
    assert did_you_mean("z", []) == ""
