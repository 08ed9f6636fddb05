"""Merged shards are the dataset that a single run would have made; what does not belong together is refused."""

import json
import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.synth.generation import generate
from twinstage.synth.merge import merge
from twinstage.synth.shards import frames_of, united


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the one that may vary."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "run.log")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def shards(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """The three frames of the yard's dataset, each by itself."""
    folder = tmp_path_factory.mktemp("shards")
    for index in range(3):
        generate(yard_recipe(), folder / str(index), base_dir=yard.parent, shard=(index, 3), judged=False)
    return [folder / str(index) for index in range(3)]


def test_merged_shards_are_the_unshared_run_in_any_order(
    shards: list[Path], yard_dataset: Path, tmp_path: Path
) -> None:
    a, b, c = shards
    merge([c, a, b, a], tmp_path / "m")
    assert contents(tmp_path / "m") == contents(yard_dataset)


def test_merges_can_be_merged(shards: list[Path], yard_dataset: Path, tmp_path: Path) -> None:
    a, b, c = shards
    part = merge([c, a], tmp_path / "part")
    assert part.frames == 2 and part.of == 3 and part.findings == () and part.checks
    assert json.loads((tmp_path / "part/manifest.json").read_bytes())["shard"] == [[0, 3], [2, 3]]
    merge([tmp_path / "part", b, c], tmp_path / "m")
    assert contents(tmp_path / "m") == contents(yard_dataset)
    merge([tmp_path / "m"], tmp_path / "again")
    assert contents(tmp_path / "again") == contents(yard_dataset)


def test_an_interrupted_merge_goes_on(
    shards: list[Path], yard_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.copyfile
    copied: list[object] = []

    def full(source: Any, target: Any) -> Any:
        copied.append(source)
        if len(copied) > 7:
            raise OSError(28, "No space left on device")
        return real(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(Exception, match=r"No space left on device.*start again"):
        merge(shards, tmp_path / "m")
    monkeypatch.setattr(shutil, "copyfile", real)
    merge(shards, tmp_path / "m")
    assert contents(tmp_path / "m") == contents(yard_dataset)


@pytest.fixture
def two(shards: list[Path], tmp_path: Path) -> list[Path]:
    """Copies of two shards, to be spoilt."""
    for index in (0, 1):
        shutil.copytree(shards[index], tmp_path / f"part{index}")
    return [tmp_path / "part0", tmp_path / "part1"]


def change(root: Path, **changes: Any) -> None:
    manifest = json.loads((root / "manifest.json").read_bytes())
    (root / "manifest.json").write_text(json.dumps({**manifest, **changes}))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"recipe_hash": "0"}, r"part1 is of another recipe, seed or number of frames than .*part0"),
        ({"stages": [{"name": "yard.usda", "hash": "0"}]}, r"part1 is of another version of the stage"),
        ({"versions": {}}, r"part1 is of other versions of the libraries"),
        ({"shard": "x"}, r"manifest.json is damaged or of another version"),
        ({"files": {"../x": "0"}}, r"lists '../x', which lies outside"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    two: list[Path], tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    change(two[1], **changes)
    with pytest.raises(UserError, match=sentence) as caught:
        merge(two, tmp_path / "m")
    assert "\n" not in str(caught.value) and not (tmp_path / "m" / "manifest.json").exists()


def test_damaged_missing_and_disagreeing_files_are_refused(two: list[Path], tmp_path: Path) -> None:
    picture = two[0] / "images/000000_Front_rgb.png"
    before = picture.read_bytes()
    picture.write_bytes(before + b"x")
    with pytest.raises(UserError, match=r"000000_Front_rgb.png is damaged: its SHA-256 is not"):
        merge(two, tmp_path / "m")
    picture.unlink()
    with pytest.raises(UserError, match=r"000000_Front_rgb.png is not there, though the manifest lists it"):
        merge(two, tmp_path / "m")
    files = json.loads((two[0] / "manifest.json").read_bytes())["files"]
    change(two[1], files={"images/000000_Front_rgb.png": "0" * 64})
    assert files["images/000000_Front_rgb.png"] != "0" * 64
    with pytest.raises(UserError, match=r"both hold images/000000_Front_rgb.png, and it is not the same"):
        merge(two, tmp_path / "m")


def test_unfinished_parts_and_taken_folders_are_refused(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="already holds a finished dataset"):
        merge(two, two[0])
    (two[1] / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"part1 holds no finished dataset"):
        merge(two, tmp_path / "m")
    with pytest.raises(UserError, match="nothing to merge"):
        merge([], tmp_path / "m")


@given(
    st.lists(
        st.integers(1, 6).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))),
        min_size=1,
        max_size=4,
    )
)
def test_united_shards_hold_what_each_held(pairs: list[tuple[int, int]]) -> None:
    wanted = {f for i, n in pairs for f in range(i, 120, n)}
    shard = united([[pair] for pair in pairs])
    assert frames_of(shard, 120) == wanted
    assert shard == united([[pair] for pair in reversed(pairs)]), "the order of shards must not matter"
    assert (shard == [0, 1]) == (wanted == set(range(120)))


def test_shards_that_have_no_common_row_are_refused() -> None:
    with pytest.raises(UserError, match="shards of 999979 and 999983 do not fit together"):
        united([[(0, 999_983)], [(1, 999_979)]])
    assert united([[(7, 999_983)]]) == [7, 999_983]


def test_all_ways_to_split_eight_shards_come_to_the_same() -> None:
    every = [(i, 8) for i in range(8)]
    for size in (1, 3, 4):
        for chosen in combinations(every, size):
            rest = [pair for pair in every if pair not in chosen]
            assert united([list(chosen), rest]) == [0, 1]
