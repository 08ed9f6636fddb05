"""The same SHA-256 of every file but run.log, however a dataset is made; and runs that something kills."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import TwinstageError
from twinstage.synth import workers
from twinstage.synth.accept import Accept
from twinstage.synth.frame import FrameMaker
from twinstage.synth.generation import generate
from twinstage.synth.merge import merge
from twinstage.synth.plan import plan
from twinstage.synth.single import make_frame

FRAMES = 8


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but run.log."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "run.log")
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def recipe(yard_recipe: Callable[..., Any]) -> Any:
    """Eight small frames with refused attempts, held draws and splits."""
    base = yard_recipe().model_dump(mode="json")["randomize"]
    base[1]["when"] = {"every": 3, "chance": 0.8}
    return yard_recipe(
        frames=FRAMES,
        resolution=[80, 60],
        engine={"kind": "raycast"},
        randomize=base,
        accept={"min_visible_px": 20, "min_objects": 2, "max_truncation": 0.7},
    )


@pytest.fixture(scope="module")
def whole(yard: Path, recipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "d"
    made = generate(recipe, out, base_dir=yard.parent)
    assert made.findings == () and made.checks and made.refusals
    return out


def test_eight_workers(yard: Path, recipe: Any, whole: Path, tmp_path: Path) -> None:
    """Two are in test_start."""
    steps: list[tuple[int, int]] = []

    def note(*step: int) -> None:
        steps.append((step[0], step[1]))

    generate(recipe, tmp_path / "d", base_dir=yard.parent, workers=8, progress=note)
    assert steps == [(done, FRAMES) for done in range(FRAMES + 1)]
    assert hashes(tmp_path / "d") == hashes(whole)


def test_any_order(
    yard: Path, recipe: Any, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backwards(maker: FrameMaker, base_dir: Path, out: Path, jobs: Any, count: int) -> Any:
        for job in reversed(list(jobs)):
            yield maker.make(out, job.frame, job.split, job.scene)

    monkeypatch.setattr(sys.modules["twinstage.synth.generation"], "summaries", backwards)
    generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert hashes(tmp_path / "d") == hashes(whole)


def test_eight_merged_shards(yard: Path, recipe: Any, whole: Path, tmp_path: Path) -> None:
    parts = [tmp_path / str(i) for i in range(8)]
    for i, part in enumerate(parts):
        generate(recipe, part, base_dir=yard.parent, shard=(i, 8), judged=False)
    merge([parts[i] for i in (3, 0, 7, 5, 1, 6, 2, 4)], tmp_path / "m")
    assert hashes(tmp_path / "m") == hashes(whole)


def test_a_frame_alone(yard: Path, recipe: Any, whole: Path, tmp_path: Path) -> None:
    made = sorted(int(path.name[:6]) for path in (whole / "frames").iterdir())
    for frame in (made[0], made[-1]):
        make_frame(recipe, frame, tmp_path / str(frame), base_dir=yard.parent)
        alone = hashes(tmp_path / str(frame))
        assert len(alone) > 5 and alone.items() <= hashes(whole).items()


def test_a_worker_that_is_killed_is_told_and_the_run_goes_on(
    yard: Path, recipe: Any, whole: Path, tmp_path: Path
) -> None:
    def kill_one(done: int, total: int) -> None:
        if done == 1:
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            spawned = [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
            os.kill(int(spawned[-1]), signal.SIGKILL)

    with pytest.raises(
        TwinstageError, match=r"a worker process died \(out of memory, or killed\); start again"
    ):
        generate(recipe, tmp_path / "d", base_dir=yard.parent, workers=2, progress=kill_one)
    assert not (tmp_path / "d/manifest.json").exists()
    generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert hashes(tmp_path / "d") == hashes(whole)


def test_no_memory_is_told_and_the_run_goes_on(
    yard: Path, recipe: Any, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FrameMaker.make

    def greedy(self: FrameMaker, out: Path, frame: int, *more: Any) -> Any:
        if frame == 3:
            return bytearray(2**62)
        return real(self, out, frame, *more)

    monkeypatch.setattr(FrameMaker, "make", greedy)
    with pytest.raises(TwinstageError, match=r"the run stopped \(out of memory\); start again, with fewer"):
        generate(recipe, tmp_path / "d", base_dir=yard.parent)
    monkeypatch.undo()
    generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert hashes(tmp_path / "d") == hashes(whole)


def test_what_is_made_in_the_end_is_made_again_after_a_stop_there(
    yard: Path, recipe: Any, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first manifest, which the judge reads, and the last one, which lists the report."""
    finish = sys.modules["twinstage.synth.finish"]
    monkeypatch.setattr(finish, "report_html", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(TwinstageError, match="No space left"):
        generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert (tmp_path / "d/manifest.json").exists() and (tmp_path / "d/.run.json").exists()
    monkeypatch.undo()
    generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert hashes(tmp_path / "d") == hashes(whole)


def test_few_frames_wait_at_a_worker() -> None:
    assert 1 <= workers.AHEAD <= 8, "a run that is stopped would wait for them"


def test_a_finding_fails_the_run(
    yard: Path, recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label that is wrong: the judge sees it, the report shows it, the command ends with 1."""
    from twinstage.cli.synth import fail_if_wrong
    from twinstage.synth import frame as module

    real = module.canonical_json

    def wrong(record: Any) -> bytes:
        if record.get("cameras"):
            record["cameras"][0]["objects"][0]["visible_px"] += 1
        return real(record)

    monkeypatch.setattr(module, "canonical_json", wrong)
    easy = recipe.model_copy(update={"accept": Accept()})
    made = generate(easy, tmp_path / "d", frames=1, base_dir=yard.parent)
    assert any("count.visible_px" in finding for finding in made.findings)
    assert "count.visible_px" in (tmp_path / "d/report.html").read_text()
    with pytest.raises(
        TwinstageError, match=r"does not verify: .*visible_px.* its report.html lists them"
    ) as told:
        fail_if_wrong(made)
    assert told.value.exit_code == 1


def test_every_frame_has_one_job(recipe: Any) -> None:
    jobs = plan(recipe)
    assert list(jobs) == list(range(FRAMES)) and all(jobs[f].frame == f for f in jobs)


@pytest.mark.slow
def test_kills_at_random_points(root: Path, tmp_path: Path) -> None:
    """The short form of `make soak-synth-kill`, which has workers too; here each would cost a start."""
    command = [sys.executable, str(root / "scripts/soak_synth_kill.py"), "--kills", "5", "--frames", "12"]
    done = subprocess.run(
        [*command, "--workers", "1", "--out", str(tmp_path)], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kills" in done.stdout and "0 differ" in done.stdout
