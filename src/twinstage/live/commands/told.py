"""What the edits of a twin come to, as the API, events and layers tell it. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from twinstage.scene.ui_layer import ASSET
from twinstage.sync.api.commands import (
    Changed,
    Current,
    Edits,
    EditsAsk,
    Transaction,
    Transactions,
    TransactionsAsk,
    shown_value,
)
from twinstage.sync.api.globs import path_matcher
from twinstage.sync.commands.ledger import Ledger
from twinstage.sync.commands.records import Key, Record

MOST_TOLD = 100
"""Properties that one event names."""
MOST_IN_ONE_EVENT = 20
"""Transactions that one event names, the last of a tick."""


def edits_of(ledger: Ledger, asked: EditsAsk) -> Edits:
    """What stands."""
    matches = path_matcher(asked.prim)
    found = [
        current_of(key, cell)
        for key, cell in sorted(ledger.cells.items())
        if cell.value is not None and (asked.prim is None or matches(key.path))
    ]
    return Edits(version=ledger.version, total=len(found), edits=tuple(found[: asked.limit]))


def transactions_of(ledger: Ledger, asked: TransactionsAsk) -> Transactions:
    """What was done last, the newest first."""
    newest = list(ledger.recent)[: -asked.limit - 1 : -1]
    return Transactions(transactions=tuple(_transaction(record) for record in newest))


def placed_assets(ledger: Ledger) -> list[str]:
    """Names of assets that stand placed. May be called from any thread."""
    cells = list(ledger.cells.items())
    return sorted({cell.value["asset"] for key, cell in cells if key.property == ASSET and cell.value})


def authors_of(ledger: Ledger) -> dict[str, str]:
    """Who edited a prim last, by path; the time where the transaction is still among the recent ones."""
    times = {record.version: record.at_ns for record in ledger.recent}
    found: dict[str, tuple[int, str]] = {}
    for key, cell in ledger.cells.items():
        if cell.value is not None and key.path and cell.version > found.get(key.path, (-1, ""))[0]:
            at = times.get(cell.version)
            when = "" if at is None else f", {datetime.fromtimestamp(at / 1e9, UTC):%Y-%m-%d %H:%M:%S} UTC"
            found[key.path] = cell.version, f"{cell.author}{when}"
    return {path: words for path, (_, words) in found.items()}


def event_of(records: Sequence[Record], version: int) -> dict[str, Any]:
    """One event for the transactions of a tick, however many: they must not pile up at slow clients."""
    room, told = MOST_TOLD, []
    for record in records[-MOST_IN_ONE_EVENT:]:
        paths = [[change.path, change.property] for change in record.changes[:room]]
        room -= len(paths)
        told.append(
            {
                "version": record.version,
                "author": record.author,
                "did": record.did,
                "count": len(record.changes),
                "edits": paths,
            }
        )
    return {"version": version, "transactions": told}


def current_of(key: Key, cell: Any) -> Current:
    """A property as it stands; version 0 for one that nobody knows any more."""
    if cell is None:
        return Current(path=key.path, property=key.property, value=None, version=0, author="")
    return Current(
        path=key.path,
        property=key.property,
        value=shown_value(cell.value),
        version=cell.version,
        author=cell.author,
    )


def _transaction(record: Record) -> Transaction:
    at = datetime.fromtimestamp(record.at_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    assert record.did != "fold"
    return Transaction(
        version=record.version,
        at=at.replace("+00:00", "Z"),
        author=record.author,
        id=record.id,
        did=record.did,
        of=record.of or None,
        changes=tuple(
            Changed(
                path=change.path,
                property=change.property,
                before=shown_value(change.before),
                after=shown_value(change.after),
            )
            for change in record.changes
        ),
    )
