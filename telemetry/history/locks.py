"""Locks between processes on one machine. Effects: files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from twinstage.telemetry.history.faults import HistoryFault


def lock_file(path: Path, *, wait: bool) -> IO[bytes] | None:
    """The locked file, which is to be closed; None where another process has it and `wait` is not wanted.

    Raises UserError where there can be no such file.
    """
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise HistoryFault(f"the history {str(path.parent)!r} cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        file.close()
        return None
    return file


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Inside, nobody else is inside."""
    file = lock_file(path, wait=True)
    assert file is not None
    try:
        yield
    finally:
        file.close()
