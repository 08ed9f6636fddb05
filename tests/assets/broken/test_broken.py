"""Broken copies of real assets: each operator once, named under the right code. `make soak-findings` runs many seeds."""

from pathlib import Path

import pytest
from broken_judge import OPERATORS, Row, judge
from known_faulty import false_errors


def check(file: Path) -> list[Row]:
    from twinstage.assets.check import check_stage

    return [(f.code, f.severity, f.path, f.message) for f in check_stage(file)]


def _nothing(file: Path) -> list[Row]:
    return []


@pytest.fixture(scope="module")
def good() -> dict[str, set[Row]]:
    return {}


@pytest.mark.parametrize("seed", range(len(OPERATORS)), ids=[operator.__name__ for operator in OPERATORS])
def test_each_fault_is_named(seed: int, shared: Path, good: dict[str, set[Row]]) -> None:
    verdict = judge(seed, shared, check, good)
    assert verdict.named, (
        f"{verdict.base}, {verdict.fault.text}: expected {set(verdict.fault.codes)}, said {verdict.rows}"
    )


CLEAN_FOLDERS = (
    "industrial/aws_small_warehouse",
    "industrial/fanuc_m710ic",
    "full/Vehicles/assets/wheels",
    "features/usdz",
    "features/usdwg/schemaTests/usdGeom/meshes",
)


@pytest.mark.parametrize("folder", CLEAN_FOLDERS)
def test_clean_files_have_no_error(folder: str, shared: Path) -> None:
    assert false_errors(shared, [shared / "assets" / folder], workers=2) == []


def test_the_judge_can_say_no(shared: Path) -> None:
    assert not judge(0, shared, _nothing, {}).named


def test_there_are_enough_operators() -> None:
    assert len({operator.__name__ for operator in OPERATORS}) == len(OPERATORS) >= 25
