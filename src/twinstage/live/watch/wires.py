"""The bindings and the contract that a user named, looked at as they are saved. Touches files."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import UserError
from twinstage.live.watch.files import stamps_of
from twinstage.live.watch.settling import Settling

if TYPE_CHECKING:
    from twinstage.scene.bindings import Bindings

NEXT_START = "signals and sources stay as they are until the twin is started again"


class WiringFiles:
    """Of one twin: `bindings` and `contract` as in `TwinFiles`; without bindings nothing is watched."""

    def __init__(self, bindings: Path | None, contract: Path | None) -> None:
        self._bindings = bindings
        self._contract = contract
        self._settling = Settling()
        self.changed: tuple[str, ...] = ()
        """Files of the newest save."""
        self.seen = 0.0
        """When it was first seen, by the monotonic clock [s]."""
        self.files = self._named(None)
        self._settling.taken(stamps_of(self.files))
        self.hash = self._hash()
        """Of the contract that was told of last."""

    @property
    def contract_name(self) -> str:
        """Of its file."""
        return Path(self.files[-1]).name

    def _hash(self) -> str:
        try:
            return str(self.read()[1].hash) if self.files else ""
        except UserError:
            return ""

    def _named(self, found: "Bindings | None") -> tuple[str, ...]:
        if self._bindings is None:
            return ()
        contract = self._contract
        if contract is None:
            try:
                found = found or self._loaded()
            except UserError:
                return (str(self._bindings.absolute()),)
            contract = self._bindings.parent / found.contract
        return (str(self._bindings.absolute()), str(contract.absolute()))

    def due(self) -> bool:
        """Whether something was saved that may be read now."""
        if not self.files:
            return False
        now, stamps = time.monotonic(), stamps_of(self.files)
        if not self._settling.look(stamps, now):
            return False
        self.changed = tuple(path for path in self.files if self._settling.read.get(path) != stamps[path])
        self.seen = self._settling.first
        self._settling.taken(stamps)
        return True

    def read(self) -> "tuple[Bindings, Any]":
        """The bindings and the contract as they are now. UserError with file and line where they are not ones."""
        from twinstage.telemetry.contract import load_contract

        found = self._loaded()
        files = self._named(found)
        if files != self.files:
            self.files = files
            self._settling.taken(stamps_of(files))
        return found, load_contract(Path(files[1]))

    def _loaded(self) -> "Bindings":
        from twinstage.scene.bindings import load_bindings

        assert self._bindings is not None
        return load_bindings(self._bindings)
