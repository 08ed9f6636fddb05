"""A recipe -> a dataset folder.

Frames are independent, so workers (spawned processes, each with its own stage and engine) and shards need no
coordination. Every file appears by renaming; a frame's record is its last file and the manifest the dataset's last.
A run that was interrupted goes on where it stopped when it is started again with the same recipe, stage and code.
"""

import json
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import IO, Any

from twinstage.base.clock import Clock
from twinstage.base.errors import TwinstageError, UserError
from twinstage.render.threads import cores, limit_threads, threads_each
from twinstage.synth import dataset as layout
from twinstage.synth.canonical import TEMPORARY, canonical_json, sha256_hex, write_atomic
from twinstage.synth.contact_sheet import contact_sheet
from twinstage.synth.draws import Stream
from twinstage.synth.frame import FrameMaker, FrameSummary
from twinstage.synth.recipe import Recipe

Progress = Callable[[int, int], None]
"""Called with (frames done, frames in all)."""

FRAMES_THAT_PAY = 16
"""A process more starts, opens the stage and compiles in the time of about a dozen frames."""

_LIBRARIES = ("numpy", "pillow", "pycocotools", "usd-core", "mujoco", "mitsuba", "open3d", "open3d-cpu")


@dataclass(frozen=True, slots=True)
class Generated:
    """What a run made. `rejected`: frame numbers with the reason of their last attempt.

    `frames`: those of the shard; `of`: those of the whole dataset.
    """

    out: Path
    frames: int
    images: int
    annotations: int
    rejected: dict[int, str]
    of: int


def generate(
    recipe: Recipe,
    out: Path,
    frames: int | None = None,
    seed: int | None = None,
    *,
    base_dir: Path,
    workers: int | None = 1,
    shard: tuple[int, int] = (0, 1),
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Generated:
    """Write the dataset of a recipe into the folder `out`.

    `frames` and `seed` replace the recipe's. `workers`: processes, None for as many as pay. `base_dir`: the recipe's
    folder. `shard` (i, n) makes frames i, i + n, ...
    `clock` puts times into run.log, the only file that may vary.

    Raises UserError for a folder that cannot be written or that holds anything but an unfinished run of the same dataset,
    for a stage that cannot be opened, and for a recipe that does not fit the stage; TwinstageError where the system
    stops the run half-way (a full disk, a worker that was killed): the same call goes on from there.
    """
    if workers is not None and workers < 1:
        raise UserError(f"workers is {workers}; expected at least 1")
    recipe = resolved(recipe, frames, seed)
    todo = shard_frames(recipe.frames, shard)
    check_out(out)
    maker = FrameMaker(recipe, base_dir)
    maker.check()
    state = _state(recipe, maker, shard)
    done = _begin(out, recipe, state)
    jobs_left = sum(frame not in done for frame in todo)
    workers = fitting_workers(jobs_left) if workers is None else workers
    with _log(out, clock) as log:
        log(f"{len(todo)} frames, {len(done)} of them there already, {workers} workers, cpu {_cpu()}")
        for finding in maker.snapshot.findings:
            log(f"stage: {finding}")
        tell = progress or (lambda done, total: None)
        tell(len(done), len(todo))
        splits = deal_splits(recipe)
        jobs = [(frame, splits[frame]) for frame in todo if frame not in done]
        for number, summary in enumerate(
            _summaries(maker, base_dir, out, jobs, workers), start=len(done) + 1
        ):
            log(_line(summary))
            tell(number, len(todo))
        with _resumable(out):
            result = _finish(out, recipe, state)
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


def fitting_workers(frames: int) -> int:
    """How many processes make that many frames soonest: one a core with a thread each, if each has enough to do.

    Measured on two cores, work cell, 640x480: 0.30 s a frame against 0.40 s in one process with two threads, once two
    dozen frames have paid for the second start. Each is allowed for with 2 GiB of memory.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(cores(), frames // FRAMES_THAT_PAY, memory // 2**31))


def shard_frames(frames: int, shard: tuple[int, int]) -> list[int]:
    """The frame numbers of shard (i, n): i, i + n, ..."""
    index, count = shard
    if not 0 <= index < count:
        raise UserError(f"shard {index}/{count}: expected I/N with I from 0 to N - 1")
    return list(range(index, frames, count))


def deal_splits(recipe: Recipe) -> dict[int, str | None]:
    """Split of each frame: frames in an order drawn by the seed, dealt out by the shares (largest remainder)."""
    if not recipe.splits:
        return dict.fromkeys(range(recipe.frames))
    order = sorted(range(recipe.frames), key=lambda f: (Stream(recipe.seed, f, "splits", "order").unit(), f))
    total, start, share = sum(recipe.splits.values()), 0, 0.0
    out: dict[int, str | None] = {}
    for name, weight in recipe.splits.items():
        share += weight / total
        end = round(share * recipe.frames)
        out.update(dict.fromkeys(order[start:end], name))
        start = end
    return dict(sorted(out.items()))


def check_out(out: Path) -> None:
    """Raise UserError unless the folder is new, empty, or holds an unfinished run."""
    with _writable(out):
        _check_out(out)


def _check_out(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"{out} is a file; expected a folder for the dataset")
    if (out / layout.MANIFEST).exists():
        raise UserError(f"{out} already holds a finished dataset; choose another folder or remove it")
    if any(out.iterdir()) and not (out / layout.STATE).exists():
        raise UserError(
            f"{out} is not empty and holds no unfinished run to go on with; choose another folder"
        )


def _state(recipe: Recipe, maker: FrameMaker, shard: tuple[int, int]) -> dict[str, Any]:
    return {
        "recipe_hash": recipe.hash,
        "stage_hash": maker.staged.opened.hash,
        "shard": list(shard),
        "versions": versions(),
        "cpu": _cpu(),
    }


_STATE_WORDS = {
    "recipe_hash": "another recipe, seed or number of frames",
    "stage_hash": "another version of the stage",
    "shard": "another shard",
    "versions": "other versions of the libraries",
    "cpu": "another kind of CPU, whose pictures may differ in bits",
}


def _begin(out: Path, recipe: Recipe, state: dict[str, Any]) -> set[int]:
    """Prepare the folder; the frames that are there already."""
    with _writable(out):
        _prepare(out, recipe, state)
    return layout.Dataset(out).frames_done()


def _prepare(out: Path, recipe: Recipe, state: dict[str, Any]) -> None:
    path = out / layout.STATE
    if path.exists():
        before = _read_state(out)
        for key, words in _STATE_WORDS.items():
            if before.get(key) != state[key]:
                raise UserError(
                    f"{out} holds an unfinished run of {words}; choose another folder or remove it"
                )
        for part in out.rglob(f"*{TEMPORARY}"):
            part.unlink()
    else:
        write_atomic(path, canonical_json(state))
    for folder in ("frames", "records", "images"):
        (out / folder).mkdir(exist_ok=True)
    write_atomic(out / layout.RECIPE, recipe.to_yaml().encode())
    write_atomic(out / layout.LABELS, canonical_json(labels_document(recipe)))


def _read_state(out: Path) -> dict[str, Any]:
    path = out / layout.STATE
    try:
        state = json.loads(path.read_bytes())
    except ValueError:
        state = None
    if not isinstance(state, dict):
        raise UserError(f"{path} is damaged; remove the folder {out} and start again")
    return state


@contextmanager
def _writable(out: Path) -> Iterator[None]:
    """Turns what the system has against the folder into the user's mistake: nothing of the run is there yet."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from None


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Turns what the system has against a run that is under way into one sentence; all files that are there are whole."""
    try:
        yield
    except OSError as error:
        raise TwinstageError(
            f"{out}: the run stopped ({error.strerror or error}); start again to go on where it stopped"
        ) from None


def labels_document(recipe: Recipe) -> dict[str, Any]:
    """`labels.json`: classes with ids from 1 in the recipe's order, and what decides which objects are annotated."""
    classes = [
        {"id": i, "name": c.name, "labels": list(c.scene_labels), "supercategory": c.supercategory}
        for i, c in enumerate(recipe.labels, start=1)
    ]
    accept = recipe.accept.model_dump(include={"min_visible_px", "min_visibility"})
    return {"labels": 1, "classes": classes, "accept": accept, "splits": list(recipe.splits)}


# --- processes ----------------------------------------------------------------------------------------------------

_maker: FrameMaker | None = None
"""The maker of a worker process."""


def _summaries(
    maker: FrameMaker, base_dir: Path, out: Path, jobs: Sequence[tuple[int, str | None]], workers: int
) -> Iterator[FrameSummary]:
    # What the consumer of a summary raises does not pass through here, so it is never mistaken for a full disk.
    with _resumable(out):
        if workers == 1 or len(jobs) < 2:
            for frame, split in jobs:
                yield maker.make(out, frame, split)
        else:
            yield from _in_processes(maker, base_dir, out, jobs, workers)


def _in_processes(
    maker: FrameMaker, base_dir: Path, out: Path, jobs: Sequence[tuple[int, str | None]], workers: int
) -> Iterator[FrameSummary]:
    recipe = maker.recipe.model_dump(mode="json")
    count = min(workers, len(jobs))
    with ProcessPoolExecutor(count, get_context("spawn"), _start_worker, (recipe, base_dir, count)) as pool:
        try:
            for future in as_completed([pool.submit(_work, out, *job) for job in jobs]):
                yield future.result()
        except BrokenProcessPool:
            raise TwinstageError(
                "a worker process died (out of memory, or killed); start again to go on where it stopped"
            ) from None
        finally:
            # Waits: a worker that still wrote would be in the way of a run that goes on in this folder.
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(recipe: dict[str, Any], base_dir: Path, workers: int) -> None:
    global _maker
    limit_threads(threads_each(workers))  # together they take each core once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business: frames begun are finished
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _maker = FrameMaker(Recipe.model_validate(recipe), base_dir)


def _leave_with_parent() -> None:
    """End this process when its parent is gone, however it went; nobody would wait for its frames any more."""
    parent = parent_process()
    if parent is not None:
        parent.join()  # a pipe that the system closes with the parent: no polling
        os._exit(1)  # in the midst of a frame is fine: files appear whole or not at all


def _work(out: Path, frame: int, split: str | None) -> FrameSummary:
    assert _maker is not None  # set by `_start_worker`
    return _maker.make(out, frame, split)


# --- the end ------------------------------------------------------------------------------------------------------


def _finish(out: Path, recipe: Recipe, state: dict[str, Any]) -> Generated:
    """Exports, contact sheet and manifest, from the files alone; and the numbers of the run."""
    dataset = layout.Dataset(out)
    for writer in recipe.export:
        for path, data in writer.files(dataset).items():
            write_atomic(out / path, data)
    sheet = contact_sheet(dataset)
    if sheet is not None:
        write_atomic(out / "contact_sheet.png", sheet)
    result = _count(out, recipe)
    manifest = {
        "manifest": 1,
        "recipe_hash": recipe.hash,
        "seed": recipe.seed,
        "frames": recipe.frames,
        "shard": state["shard"],
        "cameras": [camera.name for camera in recipe.cameras],
        "annotate": list(recipe.annotate),
        "exports": [{"kind": w.kind, "folder": w.folder} for w in recipe.export],
        "stage": {"name": Path(recipe.stage).name, "hash": state["stage_hash"]},
        "versions": state["versions"],
        "counts": {
            "frames": result.frames,
            "rejected": len(result.rejected),
            "images": result.images,
            "annotations": result.annotations,
        },
        "files": _hashes(out),
    }
    write_atomic(out / layout.MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")
    (out / layout.STATE).unlink()
    return result


def _count(out: Path, recipe: Recipe) -> Generated:
    dataset = layout.Dataset(out)
    accept = dataset.labels()["accept"]
    frames = images = annotations = 0
    rejected = {}
    for record in dataset.records():
        frames += 1
        images += len(record["cameras"])
        for camera in record["cameras"]:
            annotations += sum(layout.is_annotated(item, accept) for item in camera["objects"])
        if record["rejected"]:
            rejected[record["frame"]] = record["rejected_attempts"][-1]["reason"]
    return Generated(out, frames, images, annotations, rejected, recipe.frames)


def _hashes(out: Path) -> dict[str, str]:
    unlisted = {layout.MANIFEST, layout.LOG, layout.STATE}
    files = sorted(p for p in out.rglob("*") if p.is_file() and p.relative_to(out).as_posix() not in unlisted)
    return {p.relative_to(out).as_posix(): sha256_hex(p.read_bytes()) for p in files}


def versions() -> dict[str, str]:
    """Versions of Twinstage and of the libraries that decide bytes."""
    out = {}
    for name in ("twinstage", *_LIBRARIES):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            continue
    return out


def _cpu() -> str:
    """A short hash of the CPU's instruction set: pictures are the same to the bit within one only."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        flags = platform.processor()
    return f"{platform.machine()}-{sha256_hex(' '.join(sorted(flags.split())).encode())[:12]}"


# --- run.log ------------------------------------------------------------------------------------------------------


@contextmanager
def _log(out: Path, clock: Clock | None) -> Iterator[Callable[[str], None]]:
    with ExitStack() as stack:
        with _writable(out):
            stream = stack.enter_context(open(out / layout.LOG, "a", encoding="utf-8"))

        def log(text: str) -> None:
            with _resumable(out):
                _write_line(stream, clock, text)

        yield log


def _write_line(stream: IO[str], clock: Clock | None, text: str) -> None:
    stamp = f"{clock.now_ns() / 1e9:.3f} " if clock is not None else ""
    stream.write(f"{stamp}{text}{os.linesep}")
    stream.flush()


def _line(summary: FrameSummary) -> str:
    if summary.reason is not None:
        return f"frame {summary.frame}: rejected after {summary.attempts} attempts: {summary.reason}"
    return f"frame {summary.frame}: {summary.annotations} annotations, attempt {summary.attempts}"
