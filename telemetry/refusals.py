"""Quarantine records of lines and readings that may not pass."""

import base64
from collections.abc import Callable, Sequence

from twinstage.telemetry.contract import Contract
from twinstage.telemetry.layouts import Rejected
from twinstage.telemetry.quarantine import Quarantine, QuarantineRecord

RawLine = Callable[[int], bytes]
"""The line of a number as it came; empty where it is no longer at hand."""


class Refusals:
    """Turns refusals into records, each with the hash of the contract that refused it."""

    def __init__(self, contract: Contract, quarantine: Quarantine) -> None:
        self._hash = contract.hash
        self._quarantine = quarantine

    def put(self, source: str, rejects: Sequence[Rejected], raw: RawLine, ingest_ns: int) -> None:
        """Keep these of one source."""
        if rejects:
            self._quarantine.put(
                [self._record(source, reject, raw(reject.line), ingest_ns) for reject in rejects]
            )

    def _record(self, source: str, reject: Rejected, raw: bytes, ingest_ns: int) -> QuarantineRecord:
        return QuarantineRecord(
            reason=reject.reason,
            source=source,
            line=reject.line,
            field=reject.field,
            signal=reject.signal,
            expected=reject.expected,
            got=reject.got,
            raw_b64=base64.b64encode(raw).decode(),
            received_ns=ingest_ns,
            contract=self._hash,
        )
