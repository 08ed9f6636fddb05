"""Damaged real files and hostile stages: no crash of this process, no hang, bounded memory, nothing outside is opened.

`scripts/soak_fuzz.py` runs many more of the same. A canary outside, watched by inotify, tells of every read, whoever reads;
most cases run without the kernel's wall (Landlock), where the screen alone has to hold.
"""

import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fuzz_hostile import FEATURES, OUT, save, stage_text
from fuzz_mutate import mutate
from fuzz_places import Watch, make_places
from fuzz_run import Fuzz, faults

from twinstage.assets.check import TASK
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import Examiner

CASES = 500
SEED = 3
LIMITS = ProbeLimits(time_s=3.0, memory=2 << 30)
pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="canaries are watched through inotify"),
    pytest.mark.timeout(1200),  # 500 cases take a minute on an idle machine, several on a busy one
]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """A row for each case; without the real files all cases are hostile ones."""
    assets = Path(__file__).resolve().parents[3] / "shared" / "assets"
    fuzz = Fuzz(tmp_path_factory.mktemp("fuzz"), assets if assets.is_dir() else None, SEED, LIMITS)
    try:
        found = list(fuzz.rows(range(CASES)))
        assert fuzz.walled.started == fuzz.open.started == 1, "a child was lost"
    finally:
        fuzz.close()
    print(Counter(row["outcome"] for row in found))
    return found


@pytest.mark.slow
def test_every_case_is_survived(rows: list[dict[str, Any]]) -> None:
    assert len(rows) == CASES
    wrong = [(row["number"], row["kind"], fault) for row in rows for fault in faults(row)]
    assert not wrong


@pytest.mark.slow
def test_the_cases_are_worth_their_while(rows: list[dict[str, Any]]) -> None:
    """Most hostile stages get past the parser, ways out were found and taken away, and half ran without the wall."""
    hostile = [row for row in rows if row["kind"].startswith("hostile")]
    assert sum(row["outcome"] == "ok" for row in hostile) > len(hostile) / 2
    assert sum("asset.outside-root" in row["codes"] for row in hostile) > len(hostile) / 8
    assert sum(not row["walled"] for row in rows) > len(rows) / 2


@pytest.mark.parametrize("name", sorted(set(OUT) - {"materialx_out", "other_assets_out", "package_out"}))
def test_each_way_out_is_one(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: opened by the USD library alone, stages made of this feature do open a canary."""
    from pxr import Ar, Sdf, Tf, Usd

    places = make_places(tmp_path)
    watch = Watch(places.canaries)
    monkeypatch.chdir(places.outside)
    caught = 0
    for seed in range(12):
        path = places.scene / f"s{seed}.usda"
        save(path, stage_text([FEATURES[name](random.Random(seed), places)]))
        watch.taken()
        try:
            stage = Usd.Stage.Open(str(path))
        except Tf.ErrorException:
            continue
        for prim in stage.Traverse():
            for attribute in prim.GetAttributes():
                value = attribute.Get(1.0)
                if isinstance(value, Sdf.AssetPath) and value.resolvedPath:
                    asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(value.resolvedPath))
                    assert asset is None or asset.GetSize() >= 0
        caught += bool(watch.taken())
    watch.close()
    assert caught


def test_a_check_opens_nothing_outside_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`assets check` runs validators, which follow asset values and metadata, too."""
    places = make_places(tmp_path)
    watch = Watch(places.canaries)
    monkeypatch.chdir(places.outside)
    with Examiner(landlock=False) as examiner:
        for seed in range(3):
            for name in OUT:
                path = places.scene / f"{name}{seed}.usda"
                save(path, stage_text([FEATURES[name](random.Random(seed), places)]))
                watch.taken()
                done = examiner.examine(TASK, {"path": str(path), "roots": [], "labels": None}, LIMITS)
                assert (done.outcome, watch.taken()) == ("ok", []), (name, seed, done.message)
    watch.close()


def test_mutations_are_seeded_and_change_something() -> None:
    data = b'#usda 1.0\ndef Xform "A" {\n double x = 5\n}\n' * 20
    first = [mutate(random.Random(i), data, data[::-1]) for i in range(50)]
    assert first == [mutate(random.Random(i), data, data[::-1]) for i in range(50)]
    assert sum(made != data for made in first) > 45


def test_the_watch_tells_of_another_process(tmp_path: Path) -> None:
    import subprocess

    places = make_places(tmp_path)
    watch = Watch(places.canaries)
    assert watch.taken() == []
    os.stat(places.canaries[0])  # to look at a name is not to open the file
    assert watch.taken() == []
    subprocess.run([sys.executable, "-c", f"open({str(places.scene / 'linked.usda')!r}).read()"], check=True)
    assert watch.taken() == ["canary.usda"]
    watch.close()
