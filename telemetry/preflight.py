"""What can be known about sources only by looking: done once, before anything runs.

For files: the file is there, its columns are those that the contract names, and its first rows can be read. A table whose
times lack a zone, say, is the user's mistake, told in one sentence; in a running twin it would be thousands of
quarantined lines.
"""

from pathlib import Path

from twinstage.base.errors import UserError, did_you_mean
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.layouts import Rejected
from twinstage.telemetry.lines import LineBuffer
from twinstage.telemetry.readers import open_decoder
from twinstage.telemetry.sources import SOURCES
from twinstage.telemetry.sources.file import file_path, is_recording, open_file, open_recording
from twinstage.telemetry.sources.tcp import tcp_address

HEAD = 1 << 18
"""How much of a file is looked at [bytes]."""


def check_sources(contract: Contract, base_dir: Path) -> list[str]:
    """Raise UserError for sources that cannot work; returns findings that are only suspicious, a sentence each."""
    findings: list[str] = []
    for name, spec in contract.sources.items():
        try:
            SOURCES.get(spec.kind)
        except UserError as error:
            raise UserError(f"source {name!r}: {error}") from None
        if is_recording(spec.kind):
            findings += check_file(contract, name, file_path(spec.uri, base_dir))
        elif spec.kind == "tcp":
            tcp_address(spec.uri)
    return findings


def check_file(contract: Contract, source: str, path: Path) -> list[str]:
    """Read the head of a file as the contract says. Raises UserError; returns findings."""
    with open_recording(contract.sources[source].kind, path) or open_file(path) as file:
        head = file.read(HEAD)
        whole = not file.read(1)
    if not head:
        raise UserError(f"the telemetry file {str(path)!r} is empty")
    lines = LineBuffer(contract.sources[source].max_line)
    rows = lines.feed(head) + (lines.flush() if whole else [])
    batch = open_decoder(contract, source).decode(rows, 1)
    for reject in batch.rejects:
        if reject.reason == "header":
            raise UserError(
                f"{path}:{reject.line}: the header lacks what the contract names: {reject.expected}"
            )
    if batch.rejects and not batch.events:
        raise UserError(_sentence(path, batch.rejects[0]))
    if whole and not batch.events:
        raise UserError(
            f"{path} has no reading of any signal of source {source!r}{_hint(contract, source, batch.names)}"
        )
    seen = {event[1] for event in batch.events}
    return [
        f"{path}: no value of signal {signal.id!r} among the first {len(rows)} lines"
        for index, signal in enumerate(contract.signals)
        if signal.source == source and index not in seen
    ]


def _sentence(path: Path, reject: Rejected) -> str:
    what = f"{reject.field} is {reject.got!r}" if reject.field else f"the row is {reject.got!r}"
    return f"{path}:{reject.line}: {what}; expected {reject.expected}"


def _hint(contract: Contract, source: str, names: set[str]) -> str:
    """The nearest miss between the names of the file and those of the contract."""
    wanted = [signal.field[0] for signal in contract.signals if signal.source == source]
    hints = [did_you_mean(name, names, most=3) for name in wanted]
    return next((hint for hint in hints if "did you mean" in hint), hints[0] if hints else "")
