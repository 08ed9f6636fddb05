"""How many threads the libraries of this process may take, for processes that share a machine.

Two processes with a thread each make more pictures than one with two: nothing waits for the slowest part of a picture.
No result depends on it.
"""

import os

_LIMIT = 0


def limit_threads(count: int) -> None:
    """Take that many threads from now on, 0 for one a core; engines' own setting `threads` comes first."""
    global _LIMIT
    _LIMIT = count


def thread_limit() -> int:
    """What `limit_threads` said last; 0 where nobody did."""
    return _LIMIT


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_each(processes: int) -> int:
    """Threads for each of that many processes that share the cores evenly."""
    return max(1, cores() // max(processes, 1))
