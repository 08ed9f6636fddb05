"""Arrays that are kept for the next picture."""

import numpy as np

from twinstage.render.kept import KEPT_TURNS, KeptArrays


def test_the_least_recently_used_go_first() -> None:
    kept, made = KeptArrays(3 * 80), []

    def get(key: int) -> np.ndarray:
        return kept.get(key, lambda: made.append(key) or np.full(10, key, np.float64))  # type: ignore[func-returns-value]

    for key in (1, 2, 3, 1, 4, 1, 2):
        assert (get(key) == key).all()
    assert made == [1, 2, 3, 4, 2] and kept.held == 240


def test_one_that_is_larger_than_the_bound_is_kept_alone() -> None:
    kept = KeptArrays(10)
    kept.get("small", lambda: np.zeros(1))
    kept.get("large", lambda: np.zeros(100))
    assert kept.held == 800


def test_what_passes_goes_after_some_turns_and_the_rest_stays() -> None:
    kept, made = KeptArrays(), []

    def get(key: object, *, passing: bool) -> None:
        kept.get(key, lambda: made.append(key) or np.zeros(10), passing=passing)  # type: ignore[func-returns-value]

    for frame in range(100):
        kept.turn()
        get("scaled by the author", passing=True)
        get("plain" if frame == 0 else "other", passing=False)
        get(frame, passing=True)
        assert kept.held <= 80 * (3 + KEPT_TURNS + 1)
    get("plain", passing=False)
    assert made.count("scaled by the author") == made.count("plain") == 1
