"""Crate files as they were at the last good reading, held in memory to see what a save changed in them. Touches files.

The bytes are read once, on another thread, while the file is still settling: they give the prims that stayed and the
file's SHA-256.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from twinstage.live.watch.crate import MAGIC, Crate, NoCrate, read_crate
from twinstage.live.watch.crate_same import same_prims
from twinstage.live.watch.settling import SLACK_S, Stamp

MOST_BYTES = 1 << 30
"""Of all crates that are held, and again of their next states; the prims of others are compared by their values."""
_PORTION = 8 << 20


@dataclass(frozen=True)
class State:
    """A crate file in one state. `same`: prims that are what they were at the last good reading."""

    crate: Crate
    same: frozenset[str]


class Crates:
    """Of one stage. `pool`: one thread, on which all is worked out in turn."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._good: dict[str, tuple[Stamp, Future[State | None]]] = {}
        self._next: dict[str, tuple[Stamp, Future[State | None]]] = {}

    def begin(self, files: Iterable[str], stamps: dict[str, Stamp]) -> None:
        """They will be asked for soon, in those states."""
        for file in files:
            self._future(file, stamps.get(file))

    def same(self, file: str, stamp: Stamp) -> frozenset[str]:
        """Paths of prims whose specs in that file are what they were at the last good reading; empty where none is known."""
        found = self._future(file, stamp).result()
        return found.same if found else frozenset()

    def keep(self, stamps: dict[str, Stamp]) -> None:
        """A reading was good, of those files in those states. Others are forgotten."""
        size = 0
        kept: dict[str, tuple[Stamp, Future[State | None]]] = {}
        for file, stamp in stamps.items():
            size += stamp[1] if stamp else 0
            if stamp is not None and size <= MOST_BYTES and _is_crate(file):
                kept[file] = stamp, self._future(file, stamp)
        self._good, self._next = kept, {}

    def digest(self, file: str, stamp: Stamp) -> bytes | None:
        """SHA-256 of a file in that state, None where its bytes are not held. On the pool's thread, after `begin`."""
        for known in (self._next.get(file), self._good.get(file)):
            if known is not None and known[0] == stamp and known[1].done() and (found := known[1].result()):
                return hashlib.sha256(found.crate.data.data).digest()
        return None

    def _future(self, file: str, stamp: Stamp) -> "Future[State | None]":
        good = self._good.get(file)
        if good is not None and good[0] == stamp:
            return good[1]
        known = self._next.get(file)
        if known is None or known[0] != stamp:
            before = None if good is None else good[1]
            self._next.pop(file, None)
            room = 2 * MOST_BYTES - self._size()
            known = self._next[file] = stamp, self._pool.submit(_state, file, stamp, before, room)
        return known[1]

    def _size(self) -> int:
        """Bytes that are held, or will be."""
        stamps = [known[0] for held in (self._good, self._next) for known in held.values()]
        return sum(stamp[1] for stamp in stamps if stamp is not None)


def _state(file: str, stamp: Stamp, before: "Future[State | None] | None", room: int) -> State | None:
    """`before`: done already, for there is one thread; `room`: for how many bytes there is."""
    if stamp is None or stamp[1] > min(MOST_BYTES, room):
        return None
    data = whole_bytes(file, stamp)
    if data is None:
        return None
    good = before.result() if before is not None else None
    with contextlib.suppress(NoCrate, IndexError, ValueError, OverflowError, MemoryError):  # foreign bytes
        crate = read_crate(data)
        return State(crate, same_prims(good.crate, crate) if good else frozenset())
    return None


def whole_bytes(file: str, stamp: Stamp) -> np.ndarray | None:
    """(bytes,) uint8: a crate file in that state, None where it is none or has another state before or after the reading.

    Waits until the state is old enough for the clock of the file system to tell it from a later one.
    """
    if stamp is None or not _is_crate(file):
        return None
    time.sleep(min(max(stamp[2] / 1e9 + SLACK_S - time.time(), 0.0), SLACK_S))
    try:
        with open(file, "rb", buffering=0) as opened:
            if _stamp(opened.fileno()) != stamp:
                return None
            data = np.empty(stamp[1], np.uint8)
            room, at = data.data, 0
            while at < len(room) and (size := opened.readinto(room[at : at + _PORTION])):
                at += size
            return data if at == len(room) and _stamp(opened.fileno()) == stamp else None
    except (OSError, MemoryError):
        return None


def _is_crate(file: str) -> bool:
    with contextlib.suppress(OSError), open(file, "rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC
    return False


def _stamp(descriptor: int) -> Stamp:
    state = os.fstat(descriptor)
    return state.st_ino, state.st_size, state.st_mtime_ns
