"""Several files at a time, each in a child process with limits; the answers in the order of the files. Starts processes."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from twinstage.scene.safe.examiner import Examiner

T = TypeVar("T")


def each_in_a_child(
    files: Sequence[Path],
    work: Callable[[Path, Examiner], T],
    workers: int = 1,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[T]:
    """What `work(file, child)` gives for each file. `workers`: children at a time; `tell(done, of)` after each file."""
    if not files:
        return []
    if workers == 1 or len(files) == 1:
        return _one_by_one(files, work, tell)
    children: SimpleQueue[Examiner] = SimpleQueue()
    made = [Examiner() for _ in range(max(1, min(workers, len(files))))]
    for child in made:
        children.put(child)

    def one(file: Path) -> T:
        child = children.get()
        try:
            return work(file, child)
        finally:
            children.put(child)

    results = []
    try:
        with ThreadPoolExecutor(len(made)) as pool:
            for number, result in enumerate(pool.map(one, files), 1):
                results.append(result)
                tell(number, len(files))
    finally:
        for child in made:
            child.close()
    return results


def _one_by_one(
    files: Sequence[Path], work: Callable[[Path, Examiner], T], tell: Callable[[int, int], None]
) -> list[T]:
    """Without threads of their own, so that a program may end in between."""
    results = []
    with Examiner() as child:
        for number, file in enumerate(files, 1):
            results.append(work(file, child))
            tell(number, len(files))
    return results
