"""Draws a case by its seed and judges what is said of it. It knows codes and places, and nothing of how faults are found."""

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from broken_bases import BASES, Base, Copy, Fault, Operator, copied
from broken_files import FILES
from broken_mesh import MESH
from broken_scene import SCENE

OPERATORS: tuple[Operator, ...] = (*MESH, *SCENE, *FILES)
Row = tuple[str, str, str, str]
"""Code, severity, path, message."""
Check = Callable[[Path], Iterable[Row]]
"""The product's public function: a file in, findings out."""


@dataclass(frozen=True)
class Verdict:
    """`named`: the code under which the fault was named, "" where it was not; `said`: codes that are new, with counts."""

    seed: int
    base: str
    fault: Fault
    named: str
    said: dict[str, int]
    rows: tuple[Row, ...]


def draw(seed: int, shared: Path, target: Path) -> tuple[Copy, Fault]:
    """The case of a seed, written below an empty folder: operators in turn, bases at random until one has the thing."""
    operator = OPERATORS[seed % len(OPERATORS)]
    rng = random.Random(f"broken assets, case {seed}")
    bases = list(BASES)
    rng.shuffle(bases)
    for number, base in enumerate(bases):
        copy = copied(base, shared, target / str(number), rng)
        fault = operator(copy)
        if fault is not None:
            return copy, fault
    raise AssertionError(f"no asset can be broken by {operator.__name__}")


def judge(seed: int, shared: Path, check: Check, good: dict[str, set[Row]]) -> Verdict:
    """Break, check, and look for the fault among what is new."""
    with tempfile.TemporaryDirectory() as folder:
        copy, fault = draw(seed, shared, Path(folder))
        known = _of_the_good(copy.base, shared, check, good)
        said = [row for row in check(copy.root) if _bare(row) not in known]
    named = next((row[0] for row in said if _names(row, fault)), "")
    return Verdict(seed, copy.base.name, fault, named, dict(Counter(row[0] for row in said)), tuple(said))


def _names(row: Row, fault: Fault) -> bool:
    code, _, path, message = row
    return code in fault.codes and (
        not fault.places or any(place in f"{path} {message}" for place in fault.places)
    )


def _of_the_good(base: Base, shared: Path, check: Check, good: dict[str, set[Row]]) -> set[Row]:
    if base.name not in good:
        with tempfile.TemporaryDirectory() as folder:
            copy = copied(base, shared, Path(folder), random.Random(0))
            good[base.name] = {_bare(row) for row in check(copy.root)}
    return good[base.name]


def _bare(row: Row) -> Row:
    """Without what depends on the folder."""
    code, severity, path, message = row
    return code, severity, path, message if "/tmp" not in message else ""


def table(verdicts: Iterable[Verdict]) -> str:
    """The confusion table: by operator, how many were named, under which codes, and what else was said of the missed."""
    rows: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.fault.operator, []).append(verdict)
    lines = []
    for name, cases in sorted(rows.items()):
        named = Counter(v.named for v in cases if v.named)
        missed = Counter(code for v in cases if not v.named for code in v.said)
        text = ", ".join(f"{code} {count}" for code, count in named.most_common())
        lost = (
            f"; missed, said: {dict(missed.most_common(4)) or 'nothing'}"
            if any(not v.named for v in cases)
            else ""
        )
        lines.append(f"{name:32} {sum(named.values()):3} of {len(cases):3}  {text}{lost}")
    return "\n".join(lines)
