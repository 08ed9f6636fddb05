"""An ingest as it was: the last checkpoint of its log, and what followed, told again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twinstage.base.errors import UserError
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.changed import take_changed
from twinstage.telemetry.history.checkpoint import checkpoint_parts, restore_checkpoint
from twinstage.telemetry.history.hotlog import LogReader, Session
from twinstage.telemetry.history.rename import Renumbering
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import Arrived


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was made of a log: number of its `last` entry, 0 where it has none; how many entries and readings were told
    again, because they came after the last checkpoint; one sentence for people where the contract has `changed` since."""

    last: int = 0
    retold: int = 0
    readings: int = 0
    changed: str = ""


def recover(ingest: Ingest, path: Path, *, before: int | None = None) -> Recovered:
    """Bring a new ingest to where its log ends, or to an entry.

    Signals are found by id, so a contract may have changed in between: what it no longer has is left out. Raises UserError
    where the log is damaged.
    """
    if not path.is_file():
        return Recovered()
    reader = LogReader(path)
    try:
        return _recover(ingest, reader, before)
    finally:
        reader.close()


def _recover(ingest: Ingest, reader: LogReader, before: int | None) -> Recovered:
    sessions = reader.sessions()
    renumberings = {number: Renumbering(session, ingest.contract) for number, session in sessions.items()}
    last, whole = _from_checkpoint(ingest, reader, before, renumberings)
    retold = readings = 0
    for logged in reader.entries(last, before):
        if logged.session not in renumberings:
            raise UserError(
                f"the history {str(reader.path)!r} is damaged: session {logged.session} is missing"
            )
        entry = renumberings[logged.session].entry(logged.entry)
        if entry is not None:
            ingest.retell(entry)
            retold += 1
            readings += entry.counts.get("received", 0) if isinstance(entry, Arrived) else 0
        last = logged.number
    changed = ""
    if sessions and last and sessions[max(sessions)].contract != ingest.contract.hash:
        changed = _what_changed(sessions[max(sessions)], renumberings[max(sessions)], ingest.contract, whole)
    return Recovered(last, retold, readings, changed)


def _from_checkpoint(
    ingest: Ingest, reader: LogReader, before: int | None, renumberings: Mapping[int, Renumbering]
) -> tuple[int, bool]:
    """Number of the last entry in it, 0 without one; whether nothing is missing because one could not be read."""
    found = reader.checkpoint(before)
    if found is None:
        return 0, True
    after, number, blob = found
    session = reader.sessions()[number]
    if session.contract == ingest.contract.hash:
        restore_checkpoint(ingest, blob)
        return after, True
    try:
        old = Contract.model_validate_json(session.text)
    except ValueError:  # written by another version; what the hot log still has is told again
        return 0, False
    take_changed(ingest, checkpoint_parts(blob), old, renumberings[number])
    return after, True


def _what_changed(session: Session, renumber: Renumbering, contract: Contract, whole: bool) -> str:
    """One sentence: what goes on, what begins anew, what is gone."""
    known = {signal.id for signal in contract.signals}
    anew = [name for name in renumber.left_out if name in known]
    gone = [name for name in renumber.left_out if name not in known]
    new = sorted(known - set(session.signals))
    stayed = len(session.signals) - len(renumber.left_out)
    parts = [f"{stayed} of {len(session.signals)} signals go on where they were"]
    if not whole:
        parts[0] = "its checkpoint cannot be read, so signals go on from what the hot log still holds"
    for names, what in (
        (anew, "begun anew, of another type, unit or values now"),
        (gone, "no longer asked for"),
        (new, "new"),
    ):
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            parts.append(f"{what}: {shown}")
    return f"the contract has changed since: {'; '.join(parts)}"
