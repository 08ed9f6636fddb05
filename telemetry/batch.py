"""Recordings from beginning to end, as fast as they can be read, with everything that came of them kept.

Reads files. Times of arrival are an argument, so the same files at the same moment give the same state.
"""

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.clock import ManualClock
from twinstage.base.errors import UserError
from twinstage.telemetry.columns import EventColumns, joined, kinds_of
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import Arrived, Entry
from twinstage.telemetry.preflight import check_file
from twinstage.telemetry.quarantine import Quarantine, QuarantineFile, QuarantineRecord
from twinstage.telemetry.sources import SOURCES, Restart
from twinstage.telemetry.sources.file import file_path, open_file
from twinstage.telemetry.state import StateTable

BLOCK = 1 << 20
UNBOUNDED = 1 << 62
"""A batch keeps every refused record: it ends, and so does the file."""


class _Recorder:
    """A journal that keeps the readings."""

    def __init__(self) -> None:
        self.taken: list[EventColumns] = []
        self.history: list[EventColumns] = []

    def tell(self, entry: Entry) -> None:
        if isinstance(entry, Arrived):
            self.taken.append(entry.taken)
            self.history.append(entry.history_only)

    def commit(self) -> None: ...

    def close(self) -> None: ...


class _Refused:
    """Keeps all refused records, and writes them where a file is named."""

    def __init__(self, file: Quarantine | None) -> None:
        self.records: list[QuarantineRecord] = []
        self._file = file

    def put(self, records: Sequence[QuarantineRecord]) -> None:
        self.records.extend(records)
        if self._file is not None:
            self._file.put(records)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True)
class Ingested:
    """What came of some files.

    Attributes:
        counters: exact counts by source, see `accounts`.
        applied: all readings that went into the state, in the order of (event time, signal, sequence).
        history_only: readings that came too late for the state, in the order in which they came.
        refused: everything that was quarantined or refused as late.
        notes: what looks suspicious about the files, a sentence each.
    """

    contract: Contract
    files: tuple[tuple[str, Path], ...]
    counters: dict[str, dict[str, int]]
    state: StateTable
    applied: EventColumns
    history_only: EventColumns
    refused: tuple[QuarantineRecord, ...]
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The state hash."""
        return self.state.digest()

    @property
    def reasons(self) -> dict[str, int]:
        """How many were refused, by reason."""
        out: dict[str, int] = {}
        for record in self.refused:
            out[record.reason] = out.get(record.reason, 0) + 1
        return out

    @property
    def quarantined(self) -> int:
        return sum(counts["quarantined"] for counts in self.counters.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "contract": self.contract.hash,
            "files": [{"source": source, "file": str(path)} for source, path in self.files],
            "sources": self.counters,
            "refused": self.reasons,
            "state": self.digest,
            "notes": list(self.notes),
        }


def ingest_files(
    contract: Contract,
    base_dir: Path,
    files: Sequence[tuple[str, Path]] = (),
    *,
    now_ns: int,
    quarantine: Path | None = None,
) -> Ingested:
    """Read each (source, file) once; without any, the recordings that the contract names.

    `now_ns`: when they arrive [ns since 1970, UTC]. `quarantine`: a JSONL file for what is refused.
    Raises UserError for a file that cannot be read as the contract says at all.
    """
    files = files or _named(contract, base_dir)
    notes = [
        note
        for source, path in files
        if _is_file(contract, source)
        for note in check_file(contract, source, path)
    ]
    recorder = _Recorder()
    refused = _Refused(QuarantineFile(quarantine, max_bytes=UNBOUNDED) if quarantine is not None else None)
    ingest = Ingest(contract, refused, journal=recorder)
    try:
        for source, path in files:
            ingest.reconnect(source, now_ns)
            for chunk in _chunks(contract, source, path, base_dir):
                ingest.offer(source, chunk, now_ns)
                ingest.advance(now_ns)
        for source in contract.sources:
            ingest.finish(source, now_ns)
        ingest.advance(now_ns)
    finally:
        ingest.close()
    kinds = kinds_of(ingest.state.types)
    return Ingested(
        contract=contract,
        files=tuple(files),
        counters=ingest.counters,
        state=ingest.state,
        applied=joined(recorder.taken, kinds).in_order(),
        history_only=joined(recorder.history, kinds),
        refused=tuple(refused.records),
        notes=tuple(notes),
    )


def _is_file(contract: Contract, source: str) -> bool:
    return contract.sources[source].kind == "file"


def _named(contract: Contract, base_dir: Path) -> list[tuple[str, Path]]:
    out = []
    for name, spec in contract.sources.items():
        if getattr(SOURCES.get(spec.kind), "replays", False):
            out.append((name, file_path(spec.uri, base_dir)))
    if not out:
        raise UserError("no source of the contract is a recording; name files as SOURCE=FILE")
    return out


def _chunks(contract: Contract, source: str, path: Path, base_dir: Path) -> Iterator[bytes]:
    """The bytes of a recording: of a plain file as they are, of another kind as its source makes them."""
    spec = contract.sources[source]
    if not getattr(SOURCES.get(spec.kind), "replays", False) or spec.kind == "file":
        with open_file(path) as file:
            while block := file.read(BLOCK):
                yield block
        return
    once = spec.model_copy(update={"loop": False})
    stream = SOURCES.get(spec.kind)().open(
        f"{spec.kind}:{path.absolute()}",
        spec=once,
        base_dir=base_dir,
        seed=0,
        clock=ManualClock(),
        speed=math.inf,
    )

    async def all_of() -> list[bytes]:
        return [chunk async for chunk in stream if not isinstance(chunk, Restart)]

    yield from asyncio.run(all_of())
