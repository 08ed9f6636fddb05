"""Version numbers of several twins as one row: what a client knows maps to no more than what each twin had told by then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.sync.relay import versions as module
from twinstage.sync.relay.versions import Versions

STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["more", "many", "anew"]), st.integers(1, 4)),
    max_size=40,
)


@given(STEPS, st.integers(4, 50))
def test_numbers_go_there_and_back(steps: list[tuple[str, str, int]], kept: int) -> None:
    """Against a list of all that happened."""
    before, module.KEPT = module.KEPT, kept
    try:
        versions, happened = Versions(), []
        run, at = {"a": 0, "b": 0}, {"a": 5, "b": 0}
        for name in "ab":
            versions.heard(name, f"{name}0", at[name])
        for name, what, count in steps:
            if what == "anew":
                run[name] += 1
                at[name] = count
                versions.heard(name, f"{name}{run[name]}", count)
                happened.append(None)
                continue
            for _ in range(count if what == "many" else 1):
                at[name] += 1
                happened.append((name, run[name], at[name]))
            versions.heard(name, f"{name}{run[name]}", at[name])
        assert versions.newest == len(happened)
        for name in "ab":
            mine = [
                (number, row[2])
                for number, row in enumerate(happened, 1)
                if row is not None and row[:2] == (name, run[name])
            ]
            for number, version in mine[-kept:]:
                assert versions.whole(name, version) == number
                assert versions.named(number) == (name, version)
            assert versions.whole(name, at[name] + 1) == 0
            for whole in range(len(happened) + 1):
                known = max((version for number, version in mine if number <= whole), default=None)
                answer = versions.known(name, whole)
                if whole == versions.newest:
                    assert answer == at[name]
                assert answer <= (known if known is not None else max(5, at[name]))
                if known is not None and mine[-kept:] and whole >= mine[-kept:][0][0]:
                    assert answer == known
    finally:
        module.KEPT = before


def test_what_cannot_be_known_is_older_than_everything() -> None:
    versions = Versions()
    versions.heard("a", "run", 7)
    assert (versions.newest, versions.known("a", 0), versions.whole("a", 7)) == (0, 7, 0)
    versions.heard("a", "run", 9)
    assert [versions.known("a", n) for n in (0, 1, 2, 3)] == [7, 8, 9, 9]
    versions.heard("a", "anew", 9)
    assert [versions.known("a", n) for n in (0, 2, 3)] == [0, 0, 9] and versions.named(2) is None
    versions.heard("a", "anew", 4)  # an old message: numbers do not fall
    assert versions.known("a", 3) == 9 and versions.newest == 3
    with pytest.raises(KeyError):
        versions.known("b", 1)
