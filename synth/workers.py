"""Frames made one after the other, or by spawned processes that each hold their own stage and engine.

Touches processes and signals. Frames are independent, so workers need no coordination and may finish in any order.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from twinstage.base.errors import TwinstageError
from twinstage.base.heap import keep_warm
from twinstage.base.memory import memory_bytes
from twinstage.render.threads import cores, limit_threads, threads_each
from twinstage.synth.frame import FrameMaker, FrameSummary
from twinstage.synth.plan import Job
from twinstage.synth.recipe import Recipe
from twinstage.synth.start import Start
from twinstage.synth.unfinished import resumable

FRAMES_THAT_PAY = 16
"""A process more starts, opens the stage and compiles in the time of about a dozen frames."""

AHEAD = 4
"""Frames that wait at each worker: enough to keep it busy, few enough to stop soon."""

_maker: FrameMaker | None = None
"""The maker of a worker process."""


def fitting_workers(frames: int) -> int:
    """How many processes make that many frames soonest: one a core with a thread each, if each has enough to do.

    Measured on two cores, work cell, 640x480: 0.30 s a frame against 0.40 s in one process with two threads, once two
    dozen frames have paid for the second start. Each is allowed for with 2 GiB of memory.
    """
    memory = memory_bytes()
    held = cores() if memory is None else memory // 2**31
    return max(1, min(cores(), frames // FRAMES_THAT_PAY, held))


def summaries(
    maker: FrameMaker, base_dir: Path, out: Path, jobs: Sequence[Job], workers: int
) -> Iterator[FrameSummary]:
    """Make the frames; each one's summary as it is done. Raises TwinstageError where the system stops the run."""
    # What the consumer of a summary raises does not pass through here, so it is never mistaken for a full disk.
    with resumable(out):
        if workers == 1 or len(jobs) < 2:
            for job in jobs:
                yield maker.make(out, job.frame, job.split, job.scene)
        else:
            yield from _in_processes(maker, base_dir, out, jobs, workers)


def _in_processes(
    maker: FrameMaker, base_dir: Path, out: Path, jobs: Sequence[Job], workers: int
) -> Iterator[FrameSummary]:
    recipe = maker.recipe.model_dump(mode="json")
    count = min(workers, len(jobs))
    left = iter(jobs)
    with ProcessPoolExecutor(
        count, get_context("spawn"), _start_worker, (recipe, base_dir, count, maker.start)
    ) as pool:
        try:
            begun: set[Future[FrameSummary]] = set()
            while True:
                more = islice(left, count * AHEAD - len(begun))
                begun |= {pool.submit(_work, out, job) for job in more}
                if not begun:
                    return
                done, begun = wait(begun, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            raise TwinstageError(
                f"{out}: a worker process died (out of memory, or killed); start again to go on where it stopped"
            ) from None
        finally:
            # Waits: a worker that still wrote would be in the way of a run that goes on in this folder.
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker(recipe: dict[str, Any], base_dir: Path, workers: int, start: Start | None) -> None:
    global _maker
    limit_threads(threads_each(workers))  # together they take each core once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business: frames begun are finished
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _maker = FrameMaker(Recipe.model_validate(recipe), base_dir, start)
    keep_warm()


def _leave_with_parent() -> None:
    """End this process when its parent is gone, however it went; nobody would wait for its frames any more."""
    parent = parent_process()
    if parent is not None:
        parent.join()  # a pipe that the system closes with the parent: no polling
        os._exit(1)  # in the midst of a frame is fine: files appear whole or not at all


def _work(out: Path, job: Job) -> FrameSummary:
    assert _maker is not None  # set by `_start_worker`
    return _maker.make(out, job.frame, job.split, job.scene)
