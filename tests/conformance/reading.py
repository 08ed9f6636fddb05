"""Stages opened once a run, and snapshots of them; the only place that decides how a file is opened."""

from dataclasses import dataclass, field
from pathlib import Path

from conformance.oracle import moments
from twinstage.base.errors import UserError
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage, open_stage


@dataclass
class Reading:
    """One file: what was opened, or the sentence with which it was refused; snapshots by time code (None: the start)."""

    name: str
    opened: OpenedStage | None
    refusal: str = ""
    differences: list[str] | None = None
    _snapshots: dict[float | None, Snapshot] = field(default_factory=dict)

    def snapshot(self, time_code: float | None = None) -> Snapshot:
        """The snapshot at that moment, read once."""
        assert self.opened is not None, f"{self.name} was refused: {self.refusal}"
        if time_code not in self._snapshots:
            self._snapshots[time_code] = read_snapshot(self.opened, time_code)
        return self._snapshots[time_code]

    def moments(self) -> list[float | None]:
        """The start and, where anything is animated, one moment more."""
        assert self.opened is not None
        return moments(self.opened.stage)


class Library:
    """The files below one folder, which is the only root that they may reach. `probe`: a child looks at each file first."""

    def __init__(self, folder: Path, *, probe: bool = False) -> None:
        self.folder, self.probe = folder, probe
        self._known: dict[str, Reading] = {}

    def read(self, name: str) -> Reading:
        """The file of that name relative to the folder."""
        if name not in self._known:
            try:
                opened = open_stage(self.folder / name, [self.folder], probe=self.probe)
                self._known[name] = Reading(name, opened)
            except UserError as refusal:
                self._known[name] = Reading(name, None, str(refusal))
        return self._known[name]

    def close(self) -> None:
        """Let go of all stages."""
        self._known.clear()
