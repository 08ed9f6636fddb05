"""300 frames of nasty stages with every lens: the judge finds nothing, pxr says the same; and spoilt ones are named."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from nasty import runs
from nasty.damage import OPERATORS, spoil
from nasty.stages import CAMERAS
from twinstage.synth.verify import verify

FRAMES, EACH = 300, 42


@pytest.mark.slow
def test_300_nasty_frames_hold() -> None:
    jobs = list(runs.jobs(FRAMES, EACH))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        done = list(pool.map(runs.work, jobs))
    for line in done:
        assert line["violations"] == 0, line["findings"]
        assert line["differ"] == []
    assert sum(line["frames"] for line in done) == FRAMES
    assert sum(line["annotations"] for line in done) >= 20 * FRAMES
    assert sum(line["compared"] for line in done) > 300
    assert {line["placed"] for line in done} == {False, True}
    assert {line["camera"] for line in done} == set(CAMERAS)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two frames by three cameras, with pictures and models."""
    folder = tmp_path_factory.mktemp("nasty")
    runs.dataset(runs.SPOILT, folder, **runs.SMALL)
    assert verify(folder / "out").ok
    return folder / "out"


# 1015, 1038 and 1051 were missed once: key points of things without a model, the box of a tip between pixel centres.
@pytest.mark.parametrize("seed", [*range(2000, 2006), 1015, 1038, 1051])
def test_corruptions_of_unseen_seeds_are_named(small: Path, tmp_path: Path, seed: int) -> None:
    copy = Path(shutil.copytree(small, tmp_path / "d"))
    name, rules = spoil(copy, seed)
    found = {finding.code for finding in verify(copy).findings}
    assert found & rules, f"{name}: expected {sorted(rules)}, found {sorted(found)}"


def test_a_model_that_only_moving_things_have_is_used(tmp_path: Path) -> None:
    job = {"seed": 6, "camera": CAMERAS[6], "files": ["models"], "frames": 2}
    runs.dataset(job, tmp_path, judged=False)
    report = verify(tmp_path / "out")
    assert report.ok, [str(finding) for finding in report.findings]


def test_there_are_enough_kinds_of_corruption() -> None:
    assert len(OPERATORS) >= 80
