"""What the journal of edits holds: one record for each accepted transaction."""

from typing import Any, Literal, NamedTuple

import msgspec

Did = Literal["edit", "undo", "redo", "fold"]


class Key(NamedTuple):
    """One property: of a prim, or, where `path` is empty, of the twin itself (a binding)."""

    path: str
    property: str


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One property before and after; None says that there is no edit of it. `source`: transaction that `before` came from,
    0 for none."""

    path: str
    property: str
    before: Any = None
    after: Any = None
    source: int = 0

    def key(self) -> Key:
        return Key(self.path, self.property)


class Cell(msgspec.Struct, frozen=True):
    """A property as it stands: `version` and `author` of its last change; `source`: the transaction whose value this is."""

    value: Any
    version: int
    author: str
    source: int


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One transaction. `of`: what an undo or redo is of. A `fold` stands for all records before it, by its `cells`."""

    version: int
    at_ns: int
    author: str
    id: str
    did: Did = "edit"
    changes: tuple[Change, ...] = ()
    of: int = 0
    cells: tuple[tuple[str, str, Cell], ...] = ()


_decoder: "msgspec.json.Decoder[Record]" = msgspec.json.Decoder(Record)


def to_text(record: Record) -> str:
    """As JSON."""
    return msgspec.json.encode(record).decode()


def from_text(text: str) -> Record:
    """Raises ValueError for what is no record."""
    return _decoder.decode(text)
