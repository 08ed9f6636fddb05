"""An ingest as it was: the last checkpoint of its log, and what followed, told again."""

from dataclasses import dataclass
from pathlib import Path

from twinstage.base.errors import UserError
from twinstage.telemetry.history.checkpoint import restore_checkpoint
from twinstage.telemetry.history.hotlog import LogReader
from twinstage.telemetry.history.rename import Renumbering
from twinstage.telemetry.ingest import Ingest
from twinstage.telemetry.journal import Arrived


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was made of a log: number of its `last` entry, 0 where it has none; how many entries and readings were told
    again, because they came after the last checkpoint."""

    last: int = 0
    retold: int = 0
    readings: int = 0


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
    last = _from_checkpoint(ingest, reader, before)
    renumberings: dict[int, Renumbering] = {}
    retold = readings = 0
    for logged in reader.entries(last, before):
        session = sessions.get(logged.session)
        if session is None:
            raise UserError(
                f"the history {str(reader.path)!r} is damaged: session {logged.session} is missing"
            )
        if session.id not in renumberings:
            renumberings[session.id] = Renumbering(session, ingest.contract)
        entry = renumberings[session.id].entry(logged.entry)
        if entry is not None:
            ingest.retell(entry)
            retold += 1
            readings += entry.counts.get("received", 0) if isinstance(entry, Arrived) else 0
        last = logged.number
    return Recovered(last, retold, readings)


def _from_checkpoint(ingest: Ingest, reader: LogReader, before: int | None) -> int:
    found = reader.checkpoint(before)
    if found is None or reader.sessions()[found[1]].contract != ingest.contract.hash:
        return 0
    restore_checkpoint(ingest, found[2])
    return found[0]
