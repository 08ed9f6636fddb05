"""Entries of an older contract in the numbers of today's: signals are found by their ids."""

from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from twinstage.telemetry.columns import EventColumns
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.history.hotlog import Session
from twinstage.telemetry.journal import Advanced, Arrived, Entry

_GONE = np.iinfo(np.uint32).max


def _enum_codes(session: Session) -> dict[str, dict[str, int]]:
    """Codes of the enums of a session, where its contract is known."""
    if not session.text:
        return {}
    out = {}
    for signal in msgspec.json.decode(session.text).get("signals", ()):
        values = signal.get("values")
        if values is not None:
            codes = values if isinstance(values, dict) else {name: k for k, name in enumerate(values)}
            out[signal["id"]] = codes
    return out


class Renumbering:
    """From a session's signals to those of a contract.

    Left out are signals that the contract does not have, and those whose type, SI unit or values (of an enum) are others
    now: what they told would mean something else. `left_out` names them.
    """

    def __init__(self, session: Session, contract: Contract) -> None:
        now = {signal.id: (k, signal.type, signal.si) for k, signal in enumerate(contract.signals)}
        codes, were = {signal.id: signal.enum_codes for signal in contract.signals}, _enum_codes(session)
        self._sources = set(contract.sources)
        self._number = np.full(len(session.signals), _GONE, np.uint32)
        for k, (name, kind, unit) in enumerate(
            zip(session.signals, session.types, session.units, strict=True)
        ):
            found = now.get(name)
            if found is not None and found[1:] == (kind, unit) and were.get(name, codes[name]) == codes[name]:
                self._number[k] = found[0]
        self.left_out = tuple(n for n, k in zip(session.signals, self._number, strict=True) if k == _GONE)
        self._same = (
            bool((self._number == np.arange(len(now))).all()) if len(now) == len(self._number) else False
        )

    @property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
        """Numbers then and now of those that stayed."""
        was = np.flatnonzero(self._number != _GONE)
        return was, self._number[was]

    def entry(self, entry: Entry) -> Entry | None:
        """The entry in today's numbers; None where its source is gone."""
        if isinstance(entry, Advanced):
            return entry
        if entry.source not in self._sources:
            return None
        if not isinstance(entry, Arrived) or self._same:
            return entry
        taken, late = self.columns(entry.taken), self.columns(entry.history_only)
        gone_late = len(entry.history_only) - len(late)
        gone = len(entry.taken) - len(taken) + gone_late
        counts = dict(entry.counts)
        counts["received"] = counts.get("received", 0) - gone
        counts["history_only"] = counts.get("history_only", 0) - gone_late
        return replace(entry, taken=taken, history_only=late, counts=counts)

    def columns(self, columns: EventColumns) -> EventColumns:
        """Columns in today's numbers, without what is left out."""
        if self._same or not len(columns):
            return columns
        number = self._number[columns.signal]
        kept = number != _GONE
        return replace(columns, signal=number).take(kept)
