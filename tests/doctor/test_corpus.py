"""`doctor` against the corpus of faults: some of the seeds that nothing was developed on, and nothing on good twins."""

from pathlib import Path

import pytest
from doctor_faults import OPERATORS, TWINS, draw
from doctor_judge import Row, examine, judge
from doctor_twins import build

UNSEEN = range(1000, 1040)


@pytest.fixture(scope="module")
def good(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Findings of each good twin that needs no real assets."""
    return {
        name: examine(build(name, root), tmp_path_factory.mktemp(name))
        for name in TWINS
        if name != "palletizer"
    }


def test_enough_operators() -> None:
    assert len(OPERATORS) >= 20


def test_good_twins_have_no_findings(good: dict[str, list[Row]]) -> None:
    told = {name: [row for row in rows if row[1] != "info"] for name, rows in good.items()}
    assert told == {name: [] for name in told}


def test_faults_are_found_and_named(root: Path, tmp_path: Path, good: dict[str, list[Row]]) -> None:
    missed = []
    for seed in UNSEEN:
        name, twin, fault = draw(seed, lambda n: build(n, root), tuple(good))
        folder = tmp_path / str(seed)
        folder.mkdir()
        verdict = judge(fault, good[name], examine(twin, folder))
        if not verdict.found:
            missed.append((seed, name, fault, verdict.others))
    assert len(missed) <= len(UNSEEN) * 0.05, missed


def test_the_palletizer_has_no_findings(root: Path, shared: Path, tmp_path: Path) -> None:
    rows = examine(build("palletizer", root, shared), tmp_path)
    assert [row for row in rows if row[1] != "info"] == []


def test_the_judge_can_say_no(root: Path, good: dict[str, list[Row]]) -> None:
    """A fault that was not made is not found, and one that is named elsewhere or by another code is not, either."""
    _, _, fault = draw(1000, lambda n: build(n, root), tuple(good))
    for rows in good.values():
        assert not judge(fault, rows, rows).found
    code = sorted(fault.codes)[0]
    assert judge(fault, [], [(code, "error", "", " ".join(fault.places))]).found
    assert not judge(fault, [], [("other.code", "error", "", " ".join(fault.places))]).found
    elsewhere = judge(fault, [], [(code, "error", "/Elsewhere", "somewhere else")])
    assert elsewhere.found != bool(fault.places)
