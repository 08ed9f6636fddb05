"""The corpus of seeded drifts, on seeds that nothing was tuned on (the full table: docs/contract.md)."""

import pytest
from drift_corpus import KINDS, make_case
from drift_score import score


def test_at_least_95_percent_are_found_and_named_and_clean_logs_stay_quiet() -> None:
    total, named, untrue, lines = score(range(2000, 2006))
    drifting = sum(count for kind, count in total.items() if kind != "none")
    assert drifting == 36
    assert sum(named[kind] for kind in KINDS if kind != "none") >= 0.95 * drifting, lines
    assert untrue["none"] == 0, lines


@pytest.mark.parametrize("kind", KINDS)
def test_the_corpus_is_the_same_for_the_same_seed_and_differs_for_others(kind: str) -> None:
    assert make_case(5, kind) == make_case(5, kind)
    assert make_case(5, kind).log != make_case(6, kind).log
