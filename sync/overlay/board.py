"""The set of overlays: items by name, and the arrays and pictures that they refer to by the hash of their content.

A program changes it from any thread; ten times a second at most everybody is told what changed, by one event. Whoever comes
late, or has missed an event, asks for the whole set (`document`). Nothing is kept of what was there before, and all of it is
bounded: what a program may say too much of is refused with a sentence.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from twinstage.base.errors import UserError

MOST_ITEMS: Final = 1000
MOST_ITEM_BYTES: Final = 16_384
"""Of an item without its data [B]."""
MOST_DATA: Final = 16 << 20
"""Of one array or picture [B]."""
MOST_ALL: Final = 64 << 20
"""Of all data that items refer to [B]."""
MOST_EVENT_BYTES: Final = 32_768
"""An event that would be longer says only that there is something to ask for [B]."""
TELL_NS: Final = 100_000_000
"""Least time between two events [ns]."""
_KEEP_NS: Final = 20_000_000_000
"""How long data may be asked for after nothing refers to it any more: who was told of it may be about to [ns]."""
_MOST_OLD: Final = 32 << 20

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Data:
    """An array or a picture. `shape` is empty for a picture."""

    content: bytes
    kind: str
    """`f32` or `u8` (little-endian), or a media type."""
    shape: tuple[int, ...] = ()

    @property
    def media_type(self) -> str:
        """Of the answer over HTTP."""
        return self.kind if "/" in self.kind else "application/octet-stream"


class Board:
    """The set. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._items: dict[str, Item] = {}
        self._data: dict[str, Data] = {}
        self._old: OrderedDict[str, tuple[int, Data]] = OrderedDict()
        self._changed: dict[str, None] = {}
        self._told_ns = 0
        self.version = 0
        """Counts what everybody was told."""

    def put(self, name: str, item: Item, data: Mapping[str, Data] | None = None) -> None:
        """An item of that name instead of the one that may be there. `data`: what its fields of those names refer to.

        UserError where it is too large, or there are too many.
        """
        refs: Item = {}
        named: dict[str, Data] = {}
        for field, part in (data or {}).items():
            if len(part.content) > MOST_DATA:
                raise UserError(
                    f"{field} of overlay {name!r} has {len(part.content)} bytes; at most {MOST_DATA} are sent"
                )
            digest = hashlib.sha256(part.kind.encode() + b"\0" + part.content).hexdigest()
            refs[field] = {"data": digest, "type": part.kind, "shape": list(part.shape)}
            named[digest] = part
        whole = {"name": name, **item, **refs}
        size = len(msgspec.json.encode(whole))
        if size > MOST_ITEM_BYTES:
            raise UserError(f"overlay {name!r} has {size} bytes of text; at most {MOST_ITEM_BYTES} are sent")
        with self._lock:
            if name not in self._items and len(self._items) >= MOST_ITEMS:
                raise UserError(f"there are {MOST_ITEMS} overlays and controls already: remove some")
            others = _refs(item for key, item in self._items.items() if key != name)
            total = sum(len(self._data[d].content) for d in others if d not in named)
            if total + sum(len(part.content) for part in named.values()) > MOST_ALL:
                raise UserError(f"with {name!r} the overlays would have more than {MOST_ALL} bytes of data")
            self._data.update(named)
            for digest in named:
                self._old.pop(digest, None)
            self._items[name] = whole
            self._note(name)

    def change(self, name: str, **fields: Any) -> None:
        """Other values of some fields; nothing where there is no such item."""
        with self._lock:
            item = self._items.get(name)
            if item is not None and any(item.get(key, _NOTHING) != value for key, value in fields.items()):
                self._items[name] = {**item, **fields}
                self._note(name)

    def drop(self, name: str) -> None:
        """Takes an item away, if it is there."""
        with self._lock:
            if self._items.pop(name, None) is not None:
                self._note(name)

    def clear(self) -> None:
        """Takes everything away."""
        for name in list(self._items):
            self.drop(name)

    def get(self, name: str) -> Item | None:
        """The item of that name."""
        return self._items.get(name)

    def document(self) -> Mapping[str, Any]:
        """The whole set, as of the last event; what changed since comes with the next one."""
        with self._lock:
            return {"version": self.version, "items": list(self._items.values())}

    def data(self, digest: str) -> Data | None:
        """What an item refers to, or did a short time ago."""
        with self._lock:
            old = self._old.get(digest)
            return self._data.get(digest) or (None if old is None else old[1])

    def changes(self, now_ns: int) -> Mapping[str, Any] | None:
        """What to tell everybody now; None where nothing changed, or the last event was just now."""
        if not self._changed or 0 <= now_ns - self._told_ns < TELL_NS:
            self._forget(now_ns)
            return None
        with self._lock:
            base, self.version = self.version, self.version + 1
            told = {
                "version": self.version,
                "base": base,
                "set": [self._items[name] for name in self._changed if name in self._items],
                "gone": [name for name in self._changed if name not in self._items],
            }
            self._changed.clear()
            self._told_ns = now_ns
            self._retire(now_ns)
            if len(msgspec.json.encode(told)) > MOST_EVENT_BYTES:
                return {"version": self.version}
            return told

    def _note(self, name: str) -> None:
        self._changed.pop(name, None)
        self._changed[name] = None

    def _retire(self, now_ns: int) -> None:
        used = _refs(self._items.values())
        for digest in [digest for digest in self._data if digest not in used]:
            self._old[digest] = now_ns, self._data.pop(digest)
        size = sum(len(part.content) for _, part in self._old.values())
        while size > _MOST_OLD:
            size -= len(self._old.popitem(last=False)[1][1].content)

    def _forget(self, now_ns: int) -> None:
        if not self._old or now_ns - next(iter(self._old.values()))[0] < _KEEP_NS:
            return
        with self._lock:
            while self._old and now_ns - next(iter(self._old.values()))[0] >= _KEEP_NS:
                self._old.popitem(last=False)


_NOTHING = object()


def _refs(items: Any) -> set[str]:
    """Hashes that items refer to."""
    return {
        value["data"]
        for item in items
        for value in item.values()
        if isinstance(value, dict) and isinstance(value.get("data"), str)
    }
