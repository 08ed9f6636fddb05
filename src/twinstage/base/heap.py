"""Memory that was freed goes back to the system now and then, where the C library would keep it.

glibc's heap shrinks from its end only: one small block that stays holds back all that was freed before it. Pictures, masks
and rays have another size in each frame, so what is held back creeps up for thousands of frames, though nothing leaks.
Other C libraries give freed memory back themselves; there nothing is done.
"""

import ctypes
from collections.abc import Callable
from functools import cache

EVERY = 50
"""Calls of `tidy_heap` between two times that it works: 2 to 5 ms each time, so nothing to speak of a frame."""

_calls = 0


def tidy_heap() -> None:
    """To be called after each frame, or whatever else is done thousands of times with large arrays."""
    global _calls
    _calls += 1
    trim = _malloc_trim()
    if trim is not None and _calls % EVERY == 0:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's function of that name; None where there is none."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; Windows, where None is no library
        return None
    return found
