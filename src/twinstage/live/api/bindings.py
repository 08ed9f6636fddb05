"""Bindings of a running twin. Belongs to the server's event loop, but for the first look, which takes a thread."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.live.api.values import ValueDesk
from twinstage.sync.api.bindings import (
    Binding,
    BindingAsk,
    BindingDetail,
    BindingPage,
    BindingsAsk,
    BindingState,
)
from twinstage.sync.api.globs import path_matcher
from twinstage.sync.api.operation import Refused

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin
    from twinstage.scene.bindings import Bindings
    from twinstage.scene.snapshot import Snapshot

MOST_SHOWN = 1000
_READ = ("signal", "expr", "id", "position", "rotation", "scale", "coupling")
"""Fields of bindings that hold signals or expressions."""


@dataclass(frozen=True, slots=True)
class _Row:
    kind: str
    target: str
    prims: tuple[str, ...]
    signals: tuple[str, ...]


class BindingDesk:
    """Implements `sync.api.bindings.BindingSource`."""

    def __init__(self, live: "LiveTwin", values: ValueDesk) -> None:
        assert live.bindings is not None and live.ingest is not None
        self._live = live
        self._values = values
        self._known = live.ingest.state.index_of
        self._rows: list[_Row] = []
        self._looked_at: tuple[Bindings, Snapshot] | None = None

    @property
    def _bindings(self) -> "Bindings":
        assert self._live.bindings is not None
        return self._live.bindings

    async def list_bindings(self, asked: BindingsAsk) -> BindingPage:
        """A page of bindings."""
        rows = await self._looked()
        matches, now = path_matcher(asked.prim), self._values.qualities()
        found = [
            (number, state)
            for number, row in enumerate(rows)
            if (asked.kind is None or row.kind == asked.kind)
            and (asked.signal is None or asked.signal in row.signals)
            and (asked.prim is None or any(map(matches, row.prims)))
            and (asked.state in (None, state := self._state(row, now)))
        ]
        start = _start(asked.after)
        page = [item for item in found if item[0] >= start][: asked.limit]
        more = bool(page) and page[-1][0] < found[-1][0]
        told = tuple(Binding(**self._told(number, rows[number], state)) for number, state in page)
        return BindingPage(total=len(found), next=str(page[-1][0]) if more else None, bindings=told)

    async def get_binding(self, asked: BindingAsk) -> BindingDetail:
        """One binding."""
        rows = await self._looked()
        if asked.index >= len(rows):
            raise Refused(404, f"there is no binding {asked.index}; the file has {len(rows)}, from 0")
        row = rows[asked.index]
        return BindingDetail(
            **self._told(asked.index, row, self._state(row, self._values.qualities())),
            where=self._bindings.where(asked.index),
            definition=self._bindings.bindings[asked.index].model_dump(mode="json", exclude_unset=True),
            values=tuple(self._values.of(row.signals[:MOST_SHOWN])),
        )

    async def _looked(self) -> list[_Row]:
        wanted = self._bindings, self._live.snapshot  # people may change both
        if self._looked_at is None or any(a is not b for a, b in zip(wanted, self._looked_at, strict=True)):
            self._rows = await asyncio.to_thread(rows_of, *wanted, self._known)
            self._looked_at = wanted
        return self._rows

    def _told(self, number: int, row: _Row, state: BindingState) -> dict[str, Any]:
        return {
            "index": number,
            "key": self._key(number),
            "kind": row.kind,
            "target": row.target,
            "prims": row.prims[:MOST_SHOWN],
            "prim_count": len(row.prims),
            "signals": row.signals[:MOST_SHOWN],
            "signal_count": len(row.signals),
            "state": state,
            "description": self._bindings.bindings[number].description,
        }

    def _key(self, number: int) -> str:
        desk = self._live.desk
        keys = None if desk is None else desk.binding_keys()
        return str(number) if keys is None or number >= len(keys) else keys[number]

    def _state(self, row: _Row, now: "tuple[np.ndarray, np.ndarray]") -> BindingState:
        if not row.signals:
            return "active"
        quality, usable = now
        which = [self._values.index_of(name) for name in row.signals]
        if not usable[which].all():
            return "waiting"
        worst = int(quality[which].max()) >> 30
        words: tuple[BindingState, ...] = ("active", "uncertain", "bad", "bad")
        return words[worst]


def _start(after: str | None) -> int:
    if after is None:
        return 0
    if not after.isdecimal():
        raise Refused(422, f"after: {after!r} is no `next` of a page")
    return int(after) + 1


def rows_of(bindings: "Bindings", snapshot: "Snapshot", known: Mapping[str, int]) -> list[_Row]:
    """Prims and signals of each binding of a file."""
    from twinstage.scene.patterns import expand_one, one_channel

    rows = []
    for number, binding in enumerate(bindings.bindings):
        prims: dict[str, None] = {}
        signals: dict[str, None] = {}
        for _, one in expand_one(bindings, number, snapshot):
            found = [one_channel(one, name) for name in one.names] if one.kind == "entity" else [one]
            for each in found:
                signals |= dict.fromkeys(signals_of(each.model_dump(exclude_unset=True), known))
                prims |= dict.fromkeys(_prims(each, snapshot))
        target = str(binding.prim or binding.pattern or getattr(binding, "frame", ""))
        rows.append(_Row(binding.kind, target, tuple(prims), tuple(sorted(signals, key=known.__getitem__))))
    return rows


def _prims(binding: Any, snapshot: "Snapshot") -> tuple[str, ...]:
    from twinstage.scene.patterns import match_paths

    if binding.kind == "entity":
        return tuple(binding.slots)
    if binding.kind == "attach":
        return tuple(path for c in binding.candidates for path in match_paths(c, snapshot.prims.path))
    return (binding.prim,) if binding.prim else ()


def signals_of(data: Mapping[str, Any], known: Mapping[str, int]) -> Iterator[str]:
    """Ids of the signals that a binding reads."""
    for key in _READ:
        if key in data:
            yield from _within(data[key], known)


def _within(value: Any, known: Mapping[str, int]) -> Iterator[str]:
    from twinstage.telemetry.expressions import component_of, parse_expression

    if isinstance(value, str):
        if value in known:
            yield value
        else:
            try:
                names = (component_of(name)[0] for name in parse_expression(value).signals)
                yield from (name for name in names if name in known)
            except UserError:
                return
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _within(key, known)
            yield from _within(inner, known)
