"""The edits of one twin as they stand, with versions, conflicts, undo and redo.

A transaction is first proposed, which changes nothing and raises `Conflict` or `Impossible`; whoever gives it its effect
accepts it afterwards. Each value knows the transaction that it came from, so an undo never takes away what somebody else has
set meanwhile: a property is given back only while it still holds what that transaction gave it.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twinstage.base.errors import UserError
from twinstage.sync.commands.records import Cell, Change, Key, Record

MOST_UNDO = 200
"""Transactions that one author can take back."""
MOST_AUTHORS = 1000
MOST_IDS = 10_000
"""Ids of transactions that are remembered, so that each is done once."""
MOST_RECENT = 1000
MOST_CELLS = 20_000
"""Properties that may be edited at the same time."""


class Conflict(UserError):
    """Somebody else has changed that property since. `cell` None: it is gone from the ledger."""

    def __init__(self, key: Key, cell: Cell | None, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key
        self.cell = cell


class Impossible(UserError):
    """There is nothing to undo or redo, or no room."""


@dataclass(slots=True)
class _Author:
    done: list[int] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)


class Ledger:
    """Attributes: `version` counts accepted transactions; `cells` by key, of all properties that were ever edited and whose
    history still matters; `recent`: the last records, oldest first."""

    def __init__(self) -> None:
        self.version = 0
        self.cells: dict[Key, Cell] = {}
        self.recent: deque[Record] = deque(maxlen=MOST_RECENT)
        self._authors: OrderedDict[str, _Author] = OrderedDict()
        self._kept: dict[int, Record] = {}
        self._ids: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._standing = 0

    # ------------------------------------------------------------------ asking

    def value(self, key: Key) -> Any:
        """What the edits say of a property; None for nothing."""
        cell = self.cells.get(key)
        return None if cell is None else cell.value

    def values(self) -> dict[tuple[str, str], Any]:
        """All edits that stand."""
        return {(k.path, k.property): cell.value for k, cell in self.cells.items() if cell.value is not None}

    def done_before(self, author: str, ident: str) -> int | None:
        """The version of that author's transaction of that id, if it was accepted already."""
        return self._ids.get((author, ident))

    def undoable(self, author: str) -> int:
        """How many transactions the author can take back."""
        found = self._authors.get(author)
        return 0 if found is None else len(found.done)

    def redoable(self, author: str) -> int:
        """How many undone transactions the author can do again."""
        found = self._authors.get(author)
        return 0 if found is None else len(found.undone)

    # ------------------------------------------------------------------ proposing

    def edit(
        self, author: str, ident: str, values: Mapping[tuple[str, str], Any], *, base: int | None, at_ns: int
    ) -> Record:
        """The transaction that gives properties those values (None takes an edit away).

        `base`: the version that the author knew. Conflict where another author has changed one of the properties since.
        """
        for key in map(Key._make, values):
            cell = self.cells.get(key)
            if base is not None and cell is not None and cell.version > base and cell.author != author:
                raise Conflict(
                    key, cell, f"{cell.author} has changed {_named(key)} in version {cell.version}"
                )
        new = sum(value is not None and self.value(Key(*key)) is None for key, value in values.items())
        if new and self._standing + new > MOST_CELLS:
            raise Impossible(f"there are {self._standing} edits already; export them and clear some")
        changes = tuple(self._change(Key(*key), value) for key, value in values.items())
        return Record(self.version + 1, at_ns, author, ident, "edit", changes)

    def undo(self, author: str, ident: str, *, of: int | None = None, at_ns: int) -> Record:
        """The transaction that takes back the author's newest one, or that of version `of`."""
        done = self._lists(author).done
        if not done:
            raise Impossible(f"{author} has nothing to undo")
        if of is not None and of not in done:
            raise Impossible(f"version {of} is no transaction that {author} can undo")
        taken = self._kept[done[-1] if of is None else of]
        changes = []
        for change in taken.changes:
            self._holds(change.key(), taken.version, "undone")
            changes.append(self._change(change.key(), change.before))
        return Record(self.version + 1, at_ns, author, ident, "undo", tuple(changes), taken.version)

    def redo(self, author: str, ident: str, *, of: int | None = None, at_ns: int) -> Record:
        """The transaction that does again what the author undid last, or version `of`."""
        undone = self._lists(author).undone
        if not undone:
            raise Impossible(f"{author} has nothing to redo")
        if of is not None and of not in undone:
            raise Impossible(f"version {of} is no transaction that {author} can redo")
        taken = self._kept[undone[-1] if of is None else of]
        changes = []
        for change in taken.changes:
            self._holds(change.key(), change.source, "done again")
            changes.append(self._change(change.key(), change.after))
        return Record(self.version + 1, at_ns, author, ident, "redo", tuple(changes), taken.version)

    def _lists(self, author: str) -> _Author:
        return self._authors.get(author) or _Author()

    def _change(self, key: Key, value: Any) -> Change:
        cell = self.cells.get(key)
        if cell is None:
            return Change(key.path, key.property, None, value)
        return Change(key.path, key.property, cell.value, value, cell.source)

    def _holds(self, key: Key, source: int, what: str) -> None:
        """Conflict unless the property holds what that transaction gave it (0: nothing)."""
        cell = self.cells.get(key)
        if (0 if cell is None else cell.source) != source:
            by = "somebody" if cell is None else cell.author
            at = "" if cell is None else f" in version {cell.version}"
            raise Conflict(key, cell, f"it cannot be {what}: {by} has changed {_named(key)}{at}")

    # ------------------------------------------------------------------ accepting

    def accept(self, record: Record) -> None:
        """Take a proposed transaction in, or one that a journal tells again. ValueError where it does not follow."""
        if record.did == "fold":
            self._unfold(record)
            return
        if record.version <= self.version:
            raise ValueError(f"version {record.version} follows version {self.version}")
        taken = self._kept.get(record.of)
        if record.did != "edit" and taken is None:
            raise ValueError(f"version {record.version} is of {record.of}, which is not known")
        self.version = record.version
        for number, change in enumerate(record.changes):
            source = record.version
            if taken is not None:
                source = taken.changes[number].source if record.did == "undo" else taken.version
            self._standing += (change.after is not None) - (self.value(change.key()) is not None)
            self.cells[change.key()] = Cell(change.after, record.version, record.author, source)
        self._remember(record)
        if len(self.cells) > 2 * MOST_CELLS:  # what was cleared is forgotten in the end
            self.cells = {key: cell for key, cell in self.cells.items() if cell.value is not None}

    def _remember(self, record: Record) -> None:
        author = self._authors.setdefault(record.author, _Author())
        self._authors.move_to_end(record.author)
        if record.did == "edit":
            self._kept[record.version] = record
            author.done.append(record.version)
            self._forget(author.undone)
            while len(author.done) > MOST_UNDO:
                del self._kept[author.done.pop(0)]
        elif record.did == "undo":
            author.done.remove(record.of)
            author.undone.append(record.of)
        else:
            author.undone.remove(record.of)
            author.done.append(record.of)
        self._ids[record.author, record.id] = record.version
        while len(self._ids) > MOST_IDS:
            self._ids.popitem(last=False)
        while len(self._authors) > MOST_AUTHORS:
            _, gone = self._authors.popitem(last=False)
            self._forget(gone.done)
            self._forget(gone.undone)
        self.recent.append(record)

    def _forget(self, versions: list[int]) -> None:
        for version in versions:
            del self._kept[version]
        versions.clear()

    def fold(self, at_ns: int) -> Record:
        """One record from which the edits and their versions come back; undo begins anew after it."""
        cells = tuple((key.path, key.property, cell) for key, cell in sorted(self.cells.items()))
        return Record(self.version, at_ns, "", "", "fold", cells=cells)

    def _unfold(self, record: Record) -> None:
        self.version = record.version
        self.cells = {Key(path, name): cell for path, name, cell in record.cells}
        self._standing = len(self.values())
        self._authors.clear()
        self._kept.clear()


def restored(records: Iterable[Record]) -> Ledger:
    """The ledger that a journal tells of."""
    ledger = Ledger()
    for record in records:
        ledger.accept(record)
    return ledger


def _named(key: Key) -> str:
    return f"{key.property} of {key.path}" if key.path else key.property
