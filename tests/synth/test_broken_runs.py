"""Runs that end early or badly: no process stays behind, what is there is whole, and the reason is one sentence."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import TwinstageError, UserError
from twinstage.synth.generation import generate
from twinstage.synth.recipe import load_recipe
from twinstage.synth.verify import verify

FRAMES = 24
AWAY = [{"kind": "camera", "name": "away", "cameras": ["Front"], "target": [50, 0, 5], "distance": 1}]


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the one that may vary."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "run.log")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def recipe_file(yard: Path, folder: Path, recipe: Any) -> Path:
    """The recipe as a file that names the yard by its path."""
    path = folder / "recipe.yaml"
    path.write_text(recipe.model_copy(update={"stage": str(yard)}).to_yaml())
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "twinstage", "synth", "generate", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=200)


def children(pid: int) -> set[int]:
    """The processes whose parent that is."""
    out = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            out.add(int(stat.parent.name))
    return out


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


@pytest.fixture(scope="module")
def whole(yard: Path, yard_recipe: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    recipe = load_recipe(recipe_file(yard, folder, yard_recipe(frames=FRAMES)))
    assert generate(recipe, folder / "d", base_dir=folder).findings == ()
    return folder / "d"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_leaves_no_worker_and_goes_on(
    yard: Path, yard_recipe: Callable[..., Any], whole: Path, tmp_path: Path, how: signal.Signals
) -> None:
    recipe = recipe_file(yard, tmp_path, yard_recipe(frames=FRAMES))
    out = tmp_path / "d"
    with subprocess.Popen(
        command(recipe, "--out", out, "--workers", 2), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as parent:
        assert wait_for(lambda: any(out.glob("records/*.json")), 120)
        workers = children(parent.pid)
        assert len(workers) >= 2
        parent.send_signal(how)
        _, told = parent.communicate(timeout=60)
    assert wait_for(lambda: not any(map(alive, workers)), 5), "a worker is still there"
    assert not (out / "manifest.json").exists(), "the run was over before it could be stopped"
    if how == signal.SIGTERM:
        assert parent.returncode == 130 and b"Traceback" not in told, told.decode()
    assert generate(load_recipe(recipe), out, base_dir=tmp_path).findings == ()
    assert contents(out) == contents(whole)


@pytest.mark.parametrize("place", ["afile/x", "afile/x/y"])
def test_a_folder_that_cannot_be_made_is_told(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path, place: str
) -> None:
    (tmp_path / "afile").write_text("")
    with pytest.raises(UserError, match=r"afile/x.* cannot be written: Not a directory"):
        generate(yard_recipe(), tmp_path / place, base_dir=yard.parent)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, where nobody can make a folder")
def test_a_folder_where_none_can_be_is_told(yard: Path, yard_recipe: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match="/proc/nope cannot be written: No such file"):
        generate(yard_recipe(), Path("/proc/nope"), base_dir=yard.parent)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The system's own limit: a write beyond it fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_fills_up_is_told_and_the_run_goes_on(
    yard: Path, yard_recipe: Callable[..., Any], yard_dataset: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "d"
    with files_no_larger_than(8_000), pytest.raises(TwinstageError, match=r"File too large.* go") as caught:
        generate(yard_recipe(), out, base_dir=yard.parent, workers=workers)
    assert not isinstance(caught.value, UserError) and "\n" not in str(caught.value)
    generate(yard_recipe(), out, base_dir=yard.parent)
    assert contents(out) == contents(yard_dataset)


@pytest.mark.parametrize("state", [b"{", b"", b"[]", b"\xff\xfe\x00"])
def test_a_damaged_state_is_told(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path, state: bytes
) -> None:
    out = tmp_path / "d"
    out.mkdir()
    (out / ".run.json").write_bytes(state)
    with pytest.raises(UserError, match=r"\.run\.json is damaged; remove the folder"):
        generate(yard_recipe(), out, base_dir=yard.parent)


def test_a_damaged_record_is_told(
    yard: Path, yard_recipe: Callable[..., Any], yard_dataset: Path, tmp_path: Path
) -> None:
    def stop_after_one(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    out = tmp_path / "d"
    with pytest.raises(KeyboardInterrupt):
        generate(yard_recipe(), out, base_dir=yard.parent, progress=stop_after_one)
    (out / "records/000000.json").write_bytes(b'{"frame"')
    with pytest.raises(UserError, match=r"000000\.json is damaged; remove it"):
        generate(yard_recipe(), out, base_dir=yard.parent)
    (out / "records/000000.json").unlink()
    generate(yard_recipe(), out, base_dir=yard.parent)
    assert contents(out) == contents(yard_dataset)


def test_a_run_without_a_picture_is_a_finding(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    recipe = yard_recipe(randomize=AWAY, cameras=["Front"], frames=2, accept={"attempts": 2}, splits={})
    done = run(recipe_file(yard, tmp_path, recipe), "--out", tmp_path / "d")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("twinstage: ") and "0 annotated objects, at least 1 wanted" in last
    assert {finding.code for finding in verify(tmp_path / "d").findings} == {"dataset.empty"}


def test_an_empty_shard_is_no_mistake(yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path) -> None:
    done = run(recipe_file(yard, tmp_path, yard_recipe(frames=2)), "--out", tmp_path / "d", "--shard", "3/4")
    assert done.returncode == 0, done.stderr
    assert "shard 3/4 of 2 frames is empty" in done.stdout
    assert verify(tmp_path / "d").ok
