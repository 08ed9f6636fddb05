"""A recipe -> a dataset folder.

Frames are independent, so workers (`workers`) and shards need no coordination. Every file appears by renaming; a frame's
record is its last file. A run that was interrupted (`unfinished`) goes on where it stopped when it is started again with the
same recipe, stage and code; when all frames are there, `finish` makes what is made of them together, and asks the judge.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twinstage.base.clock import Clock
from twinstage.base.errors import UserError
from twinstage.synth import dataset as layout
from twinstage.synth.canonical import canonical_json
from twinstage.synth.fields import at_field
from twinstage.synth.finish import Generated, finish, labels_document
from twinstage.synth.frame import FrameMaker, FrameSummary
from twinstage.synth.memory import check_memory, workers_that_fit
from twinstage.synth.plan import deal_splits, plan, shard_frames
from twinstage.synth.portable import portable
from twinstage.synth.recipe import Recipe
from twinstage.synth.start import STATE_LAYER, Start, stored_start
from twinstage.synth.unfinished import begin, check_out, cpu, resumable, run_log, versions
from twinstage.synth.workers import FRAMES_THAT_PAY, fitting_workers, summaries
from twinstage.synth.writers.base import check_frame

__all__ = [
    "FRAMES_THAT_PAY",
    "Generated",
    "check_out",
    "deal_splits",
    "fitting_workers",
    "generate",
    "labels_document",
    "resolved",
    "shard_frames",
]

Progress = Callable[[int, int], None]
"""Called with (frames done, frames in all)."""


def generate(
    recipe: Recipe,
    out: Path | str,
    frames: int | None = None,
    seed: int | None = None,
    *,
    base_dir: Path = Path(),
    start: Start | None = None,
    workers: int | None = 1,
    shard: tuple[int, int] = (0, 1),
    judged: bool = True,
    progress: Progress | None = None,
    on_frame: Callable[[FrameSummary], None] | None = None,
    clock: Clock | None = None,
) -> Generated:
    """Write the dataset of a recipe into the folder `out`, and have it checked.

    Args:
        recipe, out: what to make, and where; see `frames` and `seed`, which replace the recipe's own.
        base_dir: the recipe's folder, to which its paths are relative.
        start: the state that the recipe names; by default the one that `out` holds.
        workers: processes, None for as many as pay.
        shard: (i, n) makes frames i, i + n, ...
        judged: whether the judge recomputes every number in the end; what it found is in the result.
        progress: called with (frames done, frames in all); on_frame: with what became of each.
        clock: puts times into run.log, the only file that may vary.

    Raises UserError for a folder that cannot be written or that holds anything but an unfinished run of the same dataset,
    for a stage that cannot be opened, and for a recipe that does not fit the stage; TwinstageError where the system
    stops the run half-way (a full disk, a worker that was killed): the same call goes on from there.
    """
    out, base_dir = Path(out), Path(base_dir)
    if workers is not None and workers < 1:
        raise UserError(f"workers is {workers}; expected at least 1")
    recipe = portable(resolved(recipe, frames, seed), base_dir)
    todo = shard_frames(recipe.frames, shard)
    check_out(out)
    labels = labels_document(recipe)
    for place, writer in enumerate(recipe.export):
        with at_field("export", place):
            writer.check(recipe.annotate)
            writer.check_labels(labels)
    check_memory(recipe, min(workers or 1, len(todo)))
    maker = FrameMaker(recipe, base_dir, start or stored_start(out))
    maker.check()
    jobs = plan(recipe)
    state = run_state(recipe, maker, shard)
    done = begin(out, state, fixed_files(recipe, maker.start))
    for frame in sorted(done):  # other exports than before, or killed before they were asked
        check_frame(recipe.export, out, frame)
    left = [jobs[frame] for frame in todo if frame not in done]
    if workers is None:
        workers = workers_that_fit(recipe, fitting_workers(len(left)))
    with run_log(out, clock) as log:
        log(f"{len(todo)} frames, {len(done)} of them there already, {workers} workers, cpu {cpu()}")
        for finding in maker.snapshot.findings:
            log(f"stage: {finding}")
        tell = progress or (lambda done, total: None)
        tell(len(done), len(todo))
        for number, summary in enumerate(summaries(maker, base_dir, out, left, workers), start=len(done) + 1):
            log(_line(summary))
            check_frame(recipe.export, out, summary.frame)
            if on_frame is not None:
                on_frame(summary)
            tell(number, len(todo))
        with resumable(out):
            result = finish(out, recipe, state, judged=judged)
        log(
            f"{result.images} images, {result.annotations} annotations, {len(result.rejected)} frames rejected"
        )
    return result


def resolved(recipe: Recipe, frames: int | None = None, seed: int | None = None) -> Recipe:
    """The recipe with these numbers instead of its own, validated again."""
    changes = {k: v for k, v in (("frames", frames), ("seed", seed)) if v is not None}
    for name, value in changes.items():
        low, high = (1, 999_999) if name == "frames" else (0, 2**63 - 1)
        if not low <= value <= high:
            raise UserError(f"{name} is {value}; expected {low} to {high}")
    return recipe.model_copy(update=changes)


def run_state(recipe: Recipe, maker: FrameMaker, shard: tuple[int, int]) -> dict[str, Any]:
    """All that has to be the same for two runs to make one dataset."""
    return {
        "recipe_hash": recipe.hash,
        "frames_hash": recipe.frames_hash,
        "exports": [writer.folder for writer in recipe.export],
        "stages": [
            {"name": name, "hash": staged.opened.hash}
            for name, staged in zip(recipe.stage_names, maker.scenes, strict=True)
        ],
        "inputs": inputs(recipe),
        "shard": list(shard),
        "versions": versions(),
        "cpu": cpu(),
        **({} if maker.start is None else {"start": maker.start.as_data()}),
    }


def inputs(recipe: Recipe) -> dict[str, str]:
    """SHA-256 by name of the files beside the stages that an open recipe's randomizers may read."""
    found = {name: digest for r in recipe.randomize for name, digest in r.inputs().items()}
    return dict(sorted(found.items()))


def fixed_files(recipe: Recipe, start: Start | None = None) -> dict[str, bytes]:
    """Files that the recipe alone decides, and the state that it starts from."""
    return {
        layout.RECIPE: recipe.to_yaml().encode(),
        layout.LABELS: canonical_json(labels_document(recipe)),
        **({} if start is None else {STATE_LAYER: start.text.encode()}),
    }


def _line(summary: FrameSummary) -> str:
    if summary.reason is not None:
        return f"frame {summary.frame}: rejected after {summary.attempts} attempts: {summary.reason}"
    return f"frame {summary.frame}: {summary.annotations} annotations, attempt {summary.attempts}"
