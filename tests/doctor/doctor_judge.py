"""The judge of the corpus: it knows codes and places, and nothing of how `doctor` finds them.

The one thing it calls is the product's public function; the findings of the good twin are subtracted first.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from doctor_faults import Fault
from doctor_twins import Twin

Row = tuple[str, str, str, str]
"""Code, severity, path, message."""


@dataclass(frozen=True)
class Verdict:
    """`found`: a new finding names the fault by one of its codes and at one of its places."""

    found: bool
    named: str
    others: tuple[Row, ...]


def examine(twin: Twin, folder: Path) -> list[Row]:
    """All findings of doctor about a twin that was written into an empty folder."""
    from twinstage.live.checks.telemetry import Budget
    from twinstage.live.examine import examine_twin
    from twinstage.live.twin import TwinFiles

    stage, bindings = twin.write(folder)
    report = examine_twin(
        TwinFiles(stage, bindings, None, twin.asset_roots),
        isolated=False,
        budget=Budget(file_bytes=2 << 20, plant_s=20),
    )
    return [(f.code, f.severity, f.path, f.message.replace(str(folder), "")) for f in report.findings]


def judge(fault: Fault, good: Iterable[Row], bad: Iterable[Row]) -> Verdict:
    """Whether the fault was found and named."""
    known = set(good)
    new = [row for row in bad if row not in known]
    for code, _, path, message in new:
        if code in fault.codes and (
            not fault.places or any(place in f"{path} {message}" for place in fault.places)
        ):
            return Verdict(True, code, tuple(new))
    return Verdict(False, "", tuple(new))


Examine = Callable[[Twin, Path], list[Row]]
