"""Recordings from beginning to end, as fast as they can be read, with everything that came of them kept.

Reads files. Times of arrival are an argument, so the same files at the same moment give the same state.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.telemetry.columns import EventColumns, joined, kinds_of
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.recorder import open_recorder
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import Arrived, Entry, Journal
from twinstage.telemetry.preflight import check_file
from twinstage.telemetry.quarantine import Quarantine, QuarantineFile, QuarantineRecord
from twinstage.telemetry.readers import cell_splitter
from twinstage.telemetry.sources.file import file_path, is_recording, open_file, open_recording
from twinstage.telemetry.state import StateTable

BLOCK = 1 << 20
UNBOUNDED = 1 << 62
"""A batch keeps every refused record: it ends, and so does the file."""


class _Recorder:
    """A journal that keeps the readings, and tells `also` where a history is kept."""

    def __init__(self) -> None:
        self.also: Journal | None = None
        self.taken: list[EventColumns] = []
        self.history: list[EventColumns] = []

    def tell(self, entry: Entry) -> None:
        if isinstance(entry, Arrived):
            self.taken.append(entry.taken)
            self.history.append(entry.history_only)
        if self.also is not None:
            self.also.tell(entry)

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
        headers: column names as the files themselves have them, by source, with what says their unit: the units row, or the
            name itself; none where there is no header.
        contradictions: by source and signal, how many readings say something else than an earlier one of the same moment.
    """

    contract: Contract
    files: tuple[tuple[str, Path], ...]
    counters: dict[str, dict[str, int]]
    state: StateTable
    applied: EventColumns
    history_only: EventColumns
    refused: tuple[QuarantineRecord, ...]
    notes: tuple[str, ...]
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    contradictions: dict[str, dict[str, int]] = field(default_factory=dict)

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
            "contradictions": {source: told for source, told in self.contradictions.items() if told},
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
    history: Path | None = None,
) -> Ingested:
    """Read each (source, file) once; without any, the recordings that the contract names.

    `now_ns`: when they arrive [ns since 1970, UTC]. `quarantine`: a JSONL file for what is refused. `history`: a folder in
    which all is kept; if it holds earlier runs, this one goes on from where they ended.
    Raises UserError for a file that cannot be read as the contract says at all.
    """
    files = files or _named(contract, base_dir)
    notes = [note for source, path in files for note in check_file(contract, source, path)]
    recorder = _Recorder()
    refused = _Refused(QuarantineFile(quarantine, max_bytes=UNBOUNDED) if quarantine is not None else None)
    ingest = Ingest(contract, refused, journal=recorder)
    kept = None
    if history is not None:
        kept = open_recorder(history, ingest)
        recorder.also, ingest.journal = kept.journal, recorder
    try:
        for source, path in files:
            ingest.reconnect(source, now_ns)
            for chunk in _chunks(contract, source, path):
                ingest.offer(source, chunk, now_ns)
                applied = ingest.advance(now_ns)
                if kept is not None:
                    kept.after_advance(applied)
                    kept.commit()
        for source in contract.sources:
            ingest.finish(source, now_ns)
        ingest.advance(now_ns)
    finally:
        ingest.close()
        if kept is not None:
            kept.close()
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
        headers={source: header_of(contract, source, path) for source, path in files},
        contradictions=ingest.contradictions,
    )


def _named(contract: Contract, base_dir: Path) -> list[tuple[str, Path]]:
    """The recordings that the contract names."""
    out = [
        (n, file_path(spec.uri, base_dir)) for n, spec in contract.sources.items() if is_recording(spec.kind)
    ]
    if not out:
        raise UserError("no source of the contract is a recording; name files as SOURCE=FILE")
    return out


def _chunks(contract: Contract, source: str, path: Path) -> Iterator[bytes]:
    """The lines of a recording in blocks; of a live source, a file of what it would send."""
    with open_recording(contract.sources[source].kind, path) or open_file(path) as file:
        while block := file.read(BLOCK):
            yield block


def header_of(contract: Contract, source: str, path: Path) -> dict[str, str]:
    """Names of the columns as a CSV file has them, with what says their unit; none without a header."""
    spec = contract.sources[source]
    try:
        rows = [
            cell_splitter(spec)(line.decode(spec.reader.encoding).strip("\ufeff"))
            for line in _head(contract, source, path)
        ]
    except (UnicodeDecodeError, csv.Error):
        return {}
    if not rows:
        return {}
    units = rows[1] if len(rows) > 1 else rows[0]
    return dict(zip(rows[0], units, strict=False))


def header_line(contract: Contract, source: str, path: Path) -> bytes | None:
    """The line of a CSV file that names its columns; None without one. Raises UserError for a file that cannot be read."""
    return next(iter(_head(contract, source, path)), None)


def _head(contract: Contract, source: str, path: Path) -> list[bytes]:
    """The header, and the units row if there is one."""
    spec = contract.sources[source]
    reader = spec.reader
    out: list[bytes] = []
    if reader.format != "csv" or not reader.header or reader.layout == "record":
        return out
    comment = reader.comment.encode() if reader.comment else None
    with open_file(path) as file:
        while len(out) < 1 + reader.units_row and (line := file.readline(spec.max_line + 2)):
            if line.strip() and not (comment and line.startswith(comment)):
                out.append(line.rstrip(b"\r\n"))
    return out
