"""Keeps the history of a twin while it runs, off its hot path.

    recorder = open_recorder(folder, ingest)   # recovers the ingest and becomes its journal
    recorder.after_advance()                   # at each tick: a snapshot where one is due
    await recorder.run(stop)                   # beside the twin: commits, checkpoints, compaction

Files of a history folder: `history.db` (the hot log) and `archive/` (Parquet), see `archive`. A lock keeps two twins from
writing one history.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import IO

from twinstage.base.clock import NS
from twinstage.base.errors import UserError
from twinstage.telemetry.history.archive import compact_file
from twinstage.telemetry.history.checkpoint import checkpoint_bytes
from twinstage.telemetry.history.hotlog import DATABASE, HotLog
from twinstage.telemetry.history.locks import lock_file
from twinstage.telemetry.history.moments import iso_ns
from twinstage.telemetry.history.recovery import Recovered, recover
from twinstage.telemetry.history.snapshots import snapshot_bytes, take_snapshot
from twinstage.telemetry.ingest import Ingest

log = logging.getLogger("twinstage.history")

COMMIT_S = 0.1
COMPACT_S = 300.0

CHECKPOINT_S = 60.0
CHECKPOINT_ENTRIES = 4_000
CHECKPOINT_READINGS = 400_000
"""A checkpoint is due after so long, so many entries or so many readings: whatever comes first. A twin that starts again
tells what followed the last one again, some 12,000 entries or a million readings a second."""

SNAPSHOT_READINGS = 50_000
SNAPSHOT_NS = 300 * NS
SNAPSHOT_ENTRIES = 4_000
"""A snapshot is due after so many readings, or so much event time, or so many entries (and as many as there are signals): a
seek reads what came since the one before."""


class Recorder:
    """Keeps what one ingest does. `recovered`: what was made of earlier runs."""

    def __init__(
        self, folder: Path, ingest: Ingest, journal: HotLog, lock: IO[bytes], recovered: Recovered
    ) -> None:
        self.folder = folder
        self.ingest = ingest
        self.journal = journal
        self.recovered = recovered
        self.failure = self._compaction_failure = ""
        self._lock = lock
        # A thread each, and always the same: the C library keeps memory by thread, and an archive written by another thread
        # each time made a twin grow by some 70 MB a time.
        self._writer, self._archiver = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._since = 0
        self._snapshot_ns = ingest.watermark_ns
        self._snapshot_told = 0
        self._many_entries = max(SNAPSHOT_ENTRIES, len(ingest.contract.signals))
        self._snapshots: list[tuple[int, bytes]] = []
        self._checkpoint_told = (
            -recovered.retold
        )  # how many were told at the last checkpoint, counted in this run
        self._checkpoint_received = self._received() - recovered.readings

    def after_advance(self, applied: int) -> None:
        """After each `advance`, with what it returned: take a snapshot where one is due; it is written later."""
        self._since += applied
        moved = self.ingest.watermark_ns - self._snapshot_ns
        entries = self.journal.told - self._snapshot_told
        many = self._since >= SNAPSHOT_READINGS or entries >= self._many_entries
        if self._since and (many or moved >= SNAPSHOT_NS):
            self.snapshot()

    def snapshot(self) -> None:
        """Take a snapshot; right after `advance` alone."""
        taken = take_snapshot(self.ingest)
        if taken.marks:
            self._snapshots.append((taken.at_ns, snapshot_bytes(taken)))
            self._since, self._snapshot_ns = 0, self.ingest.watermark_ns
            self._snapshot_told = self.journal.told

    async def run(self, stop: asyncio.Event, *, on_failure: Callable[[str], None] | None = None) -> None:
        """Commit, keep checkpoints and compact until `stop` is set. A disk that refuses is told and tried again."""
        loop = asyncio.get_running_loop()
        compacting = asyncio.create_task(self._keep_compacting(stop))
        checkpoint_due = monotonic() + CHECKPOINT_S
        try:
            while not stop.is_set():
                await asyncio.sleep(COMMIT_S)
                try:
                    await loop.run_in_executor(self._writer, self.commit)
                    if monotonic() >= checkpoint_due or self._much_to_retell():
                        checkpoint_due = monotonic() + CHECKPOINT_S
                        await self._checkpoint()
                    self.failure = self._compaction_failure
                except OSError as error:
                    self._failed(str(error.strerror or error), on_failure)
                if self._compaction_failure:
                    self._failed(self._compaction_failure, on_failure)
        finally:
            compacting.cancel()
            await asyncio.gather(compacting, return_exceptions=True)

    async def _keep_compacting(self, stop: asyncio.Event) -> None:
        """Beside the commits, which must not wait for it."""
        while not stop.is_set():
            await asyncio.sleep(COMPACT_S)
            try:
                await asyncio.get_running_loop().run_in_executor(self._archiver, self._compact)
                self._compaction_failure = ""
            except OSError as error:
                self._compaction_failure = str(error.strerror or error)

    def _much_to_retell(self) -> bool:
        entries = self.journal.told - self._checkpoint_told
        return (
            entries >= CHECKPOINT_ENTRIES
            or self._received() - self._checkpoint_received >= CHECKPOINT_READINGS
        )

    def _received(self) -> int:
        return sum(counts["received"] for counts in self.ingest.counters.values())

    @property
    def welcome(self) -> str:
        """Where this run goes on, for people; where earlier runs are in the history."""
        received = self._received()
        until = f", up to {iso_ns(self.ingest.watermark_ns)}" if self.ingest.watermark_ns else ""
        changed = f"; {self.recovered.changed}" if self.recovered.changed else ""
        return f"the history {self.folder.name!r} goes on after {received} readings{until}{changed}"

    def status(self) -> dict[str, object]:
        """The folder, how many entries are safe, and what keeps others from it ("": nothing)."""
        return {
            "folder": self.folder.name,
            "committed": self.journal.committed,
            "waiting": self.journal.told - self.journal.written,
            "failure": self.failure,
        }

    def commit(self) -> None:
        """Make safe what was told so far. Raises OSError where the disk does not take it; nothing is lost then."""
        self.journal.commit()
        while self._snapshots:
            self.journal.keep_snapshot(*self._snapshots[0])
            del self._snapshots[0]

    def checkpoint(self) -> None:
        """Keep all of the ingest as it is now."""
        self.journal.keep_checkpoint(checkpoint_bytes(self.ingest))
        self._checkpoint_told, self._checkpoint_received = self.journal.told, self._received()

    def close(self) -> None:
        """Commit, keep a checkpoint, let go of the files. May be called more than once."""
        if self._lock.closed:
            return
        for pool in (self._writer, self._archiver):
            pool.shutdown(wait=False)
        try:
            self.commit()
            self.checkpoint()
        finally:
            self.journal.close()
            self._lock.close()

    async def _checkpoint(self) -> None:
        told = self.journal.told
        if told == self._checkpoint_told:
            return
        received = self._received()
        blob = checkpoint_bytes(self.ingest)  # here, where nothing is offered meanwhile
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self.journal.keep_checkpoint, blob, told)
        self._checkpoint_told, self._checkpoint_received = told, received

    def _compact(self) -> None:
        moved = compact_file(self.folder / DATABASE)
        if moved:
            log.info("%d readings moved into the archive", moved)

    def _failed(self, text: str, on_failure: Callable[[str], None] | None) -> None:
        if text != self.failure:
            self.failure = text
            log.error(text)
            if on_failure is not None:
                on_failure(text)


def open_recorder(folder: Path, ingest: Ingest) -> Recorder:
    """Bring a new ingest to where its history ends, and keep what it does from now on.

    Raises UserError for a history that is in use, damaged or cannot be opened.
    """
    lock = lock_file(folder / "lock", wait=False)
    if lock is None:
        raise UserError(f"the history {str(folder)!r} is in use: another twin writes it")
    try:
        path = folder / DATABASE
        recovered = recover(ingest, path)
        journal = HotLog(path, ingest.contract)
    except BaseException:
        lock.close()
        raise
    ingest.journal = journal
    recorder = Recorder(folder, ingest, journal, lock, recovered)
    if recovered.changed:
        with suppress(OSError):  # a full disk: told by the first commit
            recorder.checkpoint()  # of today's contract, so that this is done once
    return recorder
