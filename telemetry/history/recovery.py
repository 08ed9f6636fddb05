"""An ingest as it was: the last checkpoint of its log, and what followed, told again."""

from pathlib import Path

from twinstage.base.errors import UserError
from twinstage.telemetry.history.checkpoint import restore_checkpoint
from twinstage.telemetry.history.hotlog import LogReader
from twinstage.telemetry.history.rename import Renumbering
from twinstage.telemetry.ingest import Ingest


def recover(ingest: Ingest, path: Path, *, before: int | None = None) -> int:
    """Bring a new ingest to where its log ends (or to an entry); returns the number of the last entry that was told.

    Signals are found by id, so a contract may have changed in between: what it no longer has is left out. Raises UserError
    where the log is damaged.
    """
    if not path.is_file():
        return 0
    reader = LogReader(path)
    try:
        return _recover(ingest, reader, before)
    finally:
        reader.close()


def _recover(ingest: Ingest, reader: LogReader, before: int | None) -> int:
    sessions = reader.sessions()
    last = _from_checkpoint(ingest, reader, before)
    renumberings: dict[int, Renumbering] = {}
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
        last = logged.number
    return last


def _from_checkpoint(ingest: Ingest, reader: LogReader, before: int | None) -> int:
    found = reader.checkpoint(before)
    if found is None or reader.sessions()[found[1]].contract != ingest.contract.hash:
        return 0
    restore_checkpoint(ingest, found[2])
    return found[0]
