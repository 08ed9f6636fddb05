"""Where readings go that may not pass: every one with its reason, and with the raw line, so that it can be replayed
after a fix.

One JSON object a line:

    {"reason": "range", "source": "robot", "line": 17, "field": "J1_deg", "signal": "robot.j1",
     "expected": "-180 to 180 deg", "got": "999", "raw_b64": "...", "received_ns": 1767225600000000000,
     "contract": "<sha256 of the contract>"}

`reason` is one of REASONS. Space is bounded: the file turns over at half of `max_bytes` into `<name>.1`, which replaces
the one before, so the newest records stay.
"""

import base64
import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from twinstage.base.errors import UserError

log = logging.getLogger("twinstage.telemetry.quarantine")

REASONS = (
    "malformed",
    "encoding",
    "line_too_long",
    "columns",
    "header",
    "name",
    "unmapped",
    "time",
    "time_zone",
    "time_range",
    "future",
    "late",
    "unit",
    "type",
    "not_finite",
    "range",
    "quaternion",
    "quality",
    "sequence",
    "overflow",
)


class QuarantineRecord(msgspec.Struct, frozen=True):
    """One refused line or value. `line` counts from 1 in the source's stream; `received_ns` is UTC."""

    reason: str
    source: str
    line: int
    field: str
    signal: str
    expected: str
    got: str
    raw_b64: str
    received_ns: int
    contract: str

    @property
    def raw(self) -> bytes:
        """The line as it came (its head, where it was longer than the source's `max_line`)."""
        return base64.b64decode(self.raw_b64)


class Quarantine(Protocol):
    """Takes refused records; must never raise because of them."""

    def put(self, records: Sequence[QuarantineRecord]) -> None:
        """Keep these records."""
        ...

    def close(self) -> None:
        """Let go of files; may be called more than once, and records may still come afterwards."""
        ...


class QuarantineMemory:
    """Keeps the newest `capacity` records; `total` and `by_reason` count all."""

    def __init__(self, capacity: int = 10_000) -> None:
        self.records: deque[QuarantineRecord] = deque(maxlen=capacity)
        self.total = 0
        self.by_reason: dict[str, int] = {}

    def put(self, records: Sequence[QuarantineRecord]) -> None:
        self.records.extend(records)
        self.total += len(records)
        for record in records:
            self.by_reason[record.reason] = self.by_reason.get(record.reason, 0) + 1

    def close(self) -> None:
        """Nothing to let go of: the records stay."""


class QuarantineFile:
    """Appends to a JSONL file of bounded size.

    A path that cannot be written is a UserError when it is made. A disk that is full or gone later loses records, never
    the twin: `lost` counts them and the log says so once.
    """

    def __init__(self, path: Path, *, max_bytes: int = 64 << 20) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.total = 0
        self.lost = 0
        self._file: BinaryIO | None = None
        self._size = 0
        self.check()

    def check(self) -> None:
        """Open the file for appending once, creating it and its folders. Raises UserError if that cannot be done."""
        if self._file is not None:
            return
        if self.path.is_dir():
            raise UserError(f"the quarantine file {str(self.path)!r} is a folder; a file's name was expected")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.open("ab").close()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise UserError(f"the quarantine file {str(self.path)!r} cannot be written: {why}") from None

    def put(self, records: Sequence[QuarantineRecord]) -> None:
        lines = [msgspec.json.encode(record) + b"\n" for record in records]
        self.total += len(lines)
        written = 0
        try:
            for line in lines:
                self._open(len(line)).write(line)
                self._size += len(line)
                written += 1
            if self._file is not None:
                self._file.flush()
        except OSError as error:
            if not self.lost:
                log.error("the quarantine file %s cannot be written: %s", self.path, error.strerror)
            self.lost += len(lines) - written
            self.close()

    def close(self) -> None:
        """Close the file, if it is open; the next record opens it again. Never raises."""
        if self._file is not None:
            file, self._file = self._file, None
            try:
                file.close()
            except OSError:
                self.lost += 1

    def _open(self, more: int) -> BinaryIO:
        half = max(self.max_bytes // 2, 1)
        if self._file is not None and self._size and self._size + more > half:
            self.close()
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
            self._size = self._file.tell()
            if self._size and self._size + more > half:
                return self._open(more)
        return self._file


def read_quarantine(path: Path) -> list[QuarantineRecord]:
    """All records of a quarantine file, oldest first, the turned-over part included."""
    records: list[QuarantineRecord] = []
    decoder = msgspec.json.Decoder(QuarantineRecord)
    for part in (path.with_name(path.name + ".1"), path):
        if part.exists():
            records += decoder.decode_lines(part.read_bytes())
    return records
