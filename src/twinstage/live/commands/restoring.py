"""The desk of edits with what its history tells. Touches files."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.live.commands.desk import EditDesk
from twinstage.sync.commands.ledger import restored
from twinstage.sync.commands.records import from_text, to_text

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin

log = logging.getLogger("twinstage.edits")


def open_edits(live: "LiveTwin", history: Path | None, *, clear: bool = False) -> EditDesk:
    """The desk of a twin, with what the history of that folder tells. UserError where the journal is damaged.

    `clear`: take all edits away first, as a transaction like any other.
    """
    if history is None:
        return EditDesk(live)
    from twinstage.telemetry.history.edits import MOST_IN_FILE, EditJournal
    from twinstage.telemetry.history.hotlog import DATABASE

    journal = EditJournal(history / DATABASE)
    try:
        ledger = restored(from_text(text) for _, text in journal.rows())
    except (ValueError, KeyError) as error:
        journal.close()
        raise UserError(f"the journal of edits {str(journal.path)!r} is damaged: {error}") from None
    if len(journal) > MOST_IN_FILE:
        record = ledger.fold(live.clock.now_ns())
        try:
            journal.replace(record.version, record.at_ns, to_text(record))
            ledger = restored([record])
        except OSError as error:
            log.error("%s", error.strerror or error)
    desk = EditDesk(live, ledger, journal)
    if clear and ledger.values():
        desk.clear()
    if ledger.values():
        try:
            desk.restore()
        except UserError as error:
            desk.close()
            raise UserError(
                f"the edits kept in {str(history)!r} do not fit this stage and these bindings any more; "
                f"--clear-edits takes them away: {error}"
            ) from None
        count = len(ledger.values())
        told = Finding("edits.go_on", "info", "", f"{count} edits by people, up to version {ledger.version}")
        live.findings = (*live.findings, told)
    return desk
