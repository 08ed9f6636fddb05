"""What every reader is handed: the stage, the moment, the change of units and axes, and a place for findings."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from twinstage.base.finding import Finding, Severity
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.columns import F8
from twinstage.scene.labels import LabelPolicy

Z_UP_FROM_Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""Column-vector rotation by +90 degrees about X: +Y becomes +Z, +Z becomes -Y."""

DEFAULT_REFINE = 2
"""Levels of subdivision: the edge of a cage's face becomes four, with points on the limit surface."""

MOST_REFINED = 19_000_000
"""Refined triangles of a stage up to which no mesh has to be refined less because of the others."""


@dataclass(frozen=True)
class Conversion:
    """The door between the stage's units and ours; matrices are column-vector on our side, row-vector on USD's.

    `scale`: metres per stage unit; `world`: twin_from_usd rotation, f8[4, 4].
    """

    scale: float
    world: F8

    @staticmethod
    def of(meters_per_unit: float, up_axis: str) -> "Conversion":
        """The conversion for a stage with those metrics."""
        return Conversion(meters_per_unit, np.eye(4) if up_axis == "Z" else Z_UP_FROM_Y_UP.copy())

    def matrices(self, usd: np.ndarray) -> F8:
        """Column-vector matrices in metres f8[n, 4, 4] of USD's row-vector ones; axes stay as they are."""
        out = np.array(np.swapaxes(np.asarray(usd, np.float64).reshape(-1, 4, 4), 1, 2))
        out[:, :3, 3] *= self.scale
        return out

    def usd_matrices(self, ours: np.ndarray) -> F8:
        """The inverse of `matrices`."""
        out = np.array(np.swapaxes(np.asarray(ours, np.float64), 1, 2))
        out[:, 3, :3] /= self.scale
        return out


@dataclass(frozen=True, slots=True)
class Notes:
    """What was noted while one gprim was read."""

    findings: tuple[Finding, ...]
    counts: tuple[tuple[tuple[str, str], int], ...]
    refined_triangles: int


@dataclass
class ReadContext:
    """Handed from reader to reader while one snapshot is read.

    `time`: Usd.TimeCode; `findings`: deduplicated, in the order found; `refine`: levels of subdivision. `at_rest`: meshes
    that a file of another format can bend are read as they are at rest, with what bends them (`skel_rest`).
    """

    stage: Any
    time: Any
    conversion: Conversion
    allowed: AllowedFolders
    policy: LabelPolicy = field(default_factory=LabelPolicy)
    refine: int = DEFAULT_REFINE
    at_rest: bool = False
    refined_triangles: int = 0
    _findings: dict[Finding, None] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def finding(self, code: str, sentence: str, path: object = "", severity: Severity = "warning") -> None:
        """Note something doubtful, once. `code`: stable name of the rule; `path`: the prim or property, if it is one."""
        self._findings[Finding(code, severity, str(path), sentence)] = None

    def count(self, code: str, sentence: str, times: int = 1) -> None:
        """Note something that may occur often; `sentence` gets the number of times in front."""
        self._counts[code, sentence] = self._counts.get((code, sentence), 0) + times

    @property
    def unrefined(self) -> bool:
        """Whether subdivision is still far from the limit of a stage, so that how far a mesh is refined is its own affair."""
        return self.refined_triangles < MOST_REFINED

    def apart(self) -> "ReadContext":
        """The same without what was noted."""
        return replace(self, refined_triangles=0, _findings={}, _counts={})

    def notes(self) -> "Notes":
        """What was noted, without the stage."""
        return Notes(tuple(self._findings), tuple(self._counts.items()), self.refined_triangles)

    def take(self, notes: "Notes") -> None:
        """Note what was noted elsewhere."""
        self._findings.update(dict.fromkeys(notes.findings))
        for (code, sentence), number in notes.counts:
            self.count(code, sentence, number)
        self.refined_triangles += notes.refined_triangles

    @property
    def findings(self) -> tuple[Finding, ...]:
        counted = tuple(
            Finding(code, "info", "", f"{number} x {sentence}")
            for (code, sentence), number in sorted(self._counts.items())
        )
        return (*self._findings, *counted)


def array(values: Any, dtype: type[np.generic] = np.float64) -> "np.ndarray | None":
    """A Vt array as numpy; None stays None, and so does what is no array of numbers (an attribute of the wrong type)."""
    if values is None:
        return None
    try:
        out = np.asarray(values, dtype)
    except (TypeError, ValueError):
        return None
    return out if out.ndim else None
