"""All of an ingest as bytes: state, waiting rooms, memories for duplicates, counts. Made from plain parts, not pickled."""

from typing import Any

import msgspec

from twinstage.telemetry.ingest import Ingest

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def checkpoint_bytes(ingest: Ingest) -> bytes:
    """Everything that what follows depends on."""
    return _encode({"contract": ingest.contract.hash, "ingest": ingest.parts()})


def checkpoint_parts(blob: bytes) -> dict[str, Any]:
    """The parts of the ingest that was kept, of whatever contract."""
    parts: dict[str, Any] = _decode(blob)["ingest"]
    return parts


def restore_checkpoint(ingest: Ingest, blob: bytes) -> None:
    """Make a new ingest what another of the same contract was. Raises ValueError for bytes of another contract."""
    data: dict[str, Any] = _decode(blob)
    if data["contract"] != ingest.contract.hash:
        raise ValueError("the checkpoint is of another contract")
    ingest.take_parts(data["ingest"])
