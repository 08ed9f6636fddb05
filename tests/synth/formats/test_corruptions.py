"""Seeded damage to exports of every format is found, by a rule that fits. Good exports are confirmed."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.synth.formats import exports, shots
from tests.synth.formats.corruptions import OPERATORS, TASKED

from twinstage.synth.verify.formats import FORMATS, rules_of, verify_format

SEEDS = (100, 101)
"""Not used while rules and operators were written."""


def write(root: Path, kind: str, made: list[Any], **how: Any) -> Path:
    """A good dataset of a kind."""
    name = kind.split("-")[0]
    if name == "yolo":
        how = {"task": TASKED[kind]}
    exports.WRITERS[name](root, made, **how)
    return root


@pytest.fixture(scope="module")
def made() -> dict[int, list[Any]]:
    return {seed: [shots.make(3 * seed + i) for i in range(3)] for seed in SEEDS}


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_good_exports_are_confirmed(kind: str, made: dict[int, list[Any]], tmp_path: Path) -> None:
    for seed, shot in made.items():
        report = verify_format(write(tmp_path / str(seed), kind, shot))
        assert [str(f) for f in report.findings] == []
        assert report.checks > 50


def test_exact_polygons_are_confirmed(made: dict[int, list[Any]], tmp_path: Path) -> None:
    report = verify_format(write(tmp_path / "d", "coco", made[SEEDS[0]], polygons=True))
    assert report.ok and report.counts["coco.polygon-holes"] > 10


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_all_damage_is_found_by_a_fitting_rule(
    kind: str, seed: int, made: dict[int, list[Any]], tmp_path: Path
) -> None:
    good = write(tmp_path / "good", kind, made[seed])
    applied: Counter[bool] = Counter()
    missed = []
    for number, damage in enumerate(OPERATORS[kind]):
        at = Path(shutil.copytree(good, tmp_path / "bad"))
        wanted = damage(at, np.random.Generator(np.random.Philox([seed, number])))
        if wanted is not None:
            found = {f.code for f in verify_format(at, kind.split("-")[0]).findings}
            applied[bool(found & wanted)] += 1
            if not found & wanted:
                missed.append((number, damage.__name__, sorted(wanted), sorted(found)))
        shutil.rmtree(at)
    assert missed == []
    assert applied[True] >= (12 if "-" not in kind else 2)


def test_every_rule_that_is_named_exists_and_every_one_is_used(root: Path) -> None:
    import re

    known = set(rules_of())
    used = set()
    for path in (root / "synth/verify/formats").glob("*.py"):
        text = path.read_text()
        body = re.sub(r"RULES = \{.*?\n\}", "", text, flags=re.S)
        used |= set(re.findall(r'"((?:%s)\.[a-z0-9-]+)"' % "|".join(FORMATS), body))  # noqa: UP031
    used |= {f"{name}.unreadable" for name in FORMATS}
    assert used - known == set()
    assert known - used == set()


def test_each_format_has_twelve_operators_and_more() -> None:
    counts = Counter(kind.split("-")[0] for kind, found in OPERATORS.items() for _ in found)
    assert set(counts) == set(FORMATS)
    assert all(count >= 12 for count in counts.values()), counts
