"""States at moments as bytes, so that `seek` need not read from the beginning.

A snapshot holds the state and, for each source, the watermark up to which its readings are in it. It serves every moment
that no watermark is beyond: what a source told from its watermark on is then written over it.
"""

import zlib
from dataclasses import dataclass
from typing import Any

import msgspec

from twinstage.telemetry.contract import Contract
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.order import NO_WATERMARK
from twinstage.telemetry.state import StateTable

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`state`: the parts of a state table; `marks`: by source, up to where its readings are in it [ns]."""

    state: dict[str, Any]
    marks: dict[str, int]

    @property
    def at_ns(self) -> int:
        """The first moment that it serves [ns]."""
        return max(self.marks.values(), default=NO_WATERMARK)


def take_snapshot(ingest: Ingest) -> Snapshot:
    """The state of an ingest. To be taken right after `advance`, when all that the watermarks have reached is applied."""
    return Snapshot(ingest.state.parts(), ingest.watermarks)


def snapshot_bytes(snapshot: Snapshot) -> bytes:
    """The snapshot as bytes."""
    return zlib.compress(_encode([snapshot.state, snapshot.marks]), 1)


def bytes_snapshot(blob: bytes) -> Snapshot:
    """The snapshot of bytes."""
    return Snapshot(*_decode(zlib.decompress(blob)))


def state_of(snapshot: Snapshot, contract: Contract) -> StateTable:
    """A state table as it was; the contract must be the one that the snapshot was taken under."""
    table = StateTable(contract)
    table.take_parts(snapshot.state)
    return table
