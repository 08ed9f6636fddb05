"""Memory that was freed goes back to the system now and then, where the C library would keep it.

glibc's heap shrinks from its end only: one small block that stays holds back all that was freed before it. Pictures, masks
and rays have another size in each frame, so what is held back creeps up for thousands of frames, though nothing leaks.
Other C libraries give freed memory back themselves; there nothing is done.

A process that makes pictures and nothing else calls `keep_warm` once it is set up: then large arrays come from the heap, too,
where their pages stay between two pictures (glibc asks the system for each of them anew, which clears page by page), and
the collector of cycles no longer looks through what will stay anyway, a stage of a hundred thousand objects.
"""

import ctypes
import gc
from collections.abc import Callable
from functools import cache

EVERY = 40
"""Calls of `tidy_heap` between two times that it works: 2 to 5 ms each time, and the next picture gets its pages anew, which
is 20 ms at 640x480. In between the heap wanders on by some MB."""

_calls = 0


def tidy_heap() -> None:
    """To be called after each frame, or whatever else is done thousands of times with large arrays."""
    global _calls
    _calls += 1
    if _calls % EVERY == 0:
        trim_heap()


def trim_heap() -> None:
    """At once: after work with many times the memory that a process needs otherwise."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def keep_warm() -> None:
    """For processes that make pictures and nothing else, once they are set up."""
    gc.collect()
    gc.freeze()
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _LARGEST)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""glibc's names for its options (malloc.h)."""

_LARGEST = 1 << 30
"""Blocks up to this come from the heap, and so much may lie free at its end until `tidy_heap` [B]."""


@cache
def _of_glibc(name: str) -> Callable[..., int] | None:
    """glibc's function of that name; None where there is another C library."""
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018
        found: Callable[..., int] = getattr(library, name)
    except (AttributeError, OSError, TypeError):  # on Windows None is no library
        return None
    return found
