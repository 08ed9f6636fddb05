"""The table of rules: each row is a name, a level, what it means to a designer, what to do, and the function that looks.

A function takes the facts about one subject (a mesh, a stage, a texture, ...) and yields faults. Codes are ours and stable;
`requirement` is the id under which NVIDIA's and OpenUSD's requirement lists know the same thing, where they do.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from twinstage.base.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule found. `at`: the property or child of the subject, as in ".primvars:st" or "/Subset".

    `severity` and `fix` where they differ from the rule's.
    """

    message: str
    at: str = ""
    severity: Severity | None = None
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row.

    Attributes:
        code: stable name, `subject.fault`.
        level: severity of its findings, where a finding does not say otherwise.
        title: what is wrong, in a few words.
        fix: what to do about it.
        requirement: id in NVIDIA's list of requirements, "" where there is none.
        source: who looks: "" for ours, else "screen", "readers", "labels", "UsdValidation" or "usd-validation-nvidia".
        property: the property whose opinion is at fault, if one is: the layer that holds it is the one to mend.
    """

    code: str
    level: Severity
    title: str
    fix: str
    requirement: str = ""
    source: str = ""
    property: str = ""


Look = Callable[[Any], Iterable[Fault]]
_rows: dict[str, Rule] = {}
_looks: dict[str, list[tuple[Rule, Look]]] = {}


def rule(
    subject: str,
    code: str,
    level: Severity,
    title: str,
    fix: str,
    *,
    requirement: str = "",
    property: str = "",
) -> Callable[[Look], Look]:
    """Register a function as a rule about a subject."""

    def register(look: Look) -> Look:
        row = add(Rule(code, level, title, fix, requirement, property=property))
        _looks.setdefault(subject, []).append((row, look))
        return look

    return register


def add(row: Rule) -> Rule:
    """Add a row that no function of ours stands behind, or return the one that is there with the same code."""
    known = _rows.setdefault(row.code, row)
    if known is not row:
        raise ValueError(f"two rules are called {row.code}")
    return row


def about(subject: str, facts: Any, path: str) -> Iterator[Finding]:
    """What all rules about that subject find; `path` of the prim."""
    for row, look in _looks.get(subject, ()):
        for fault in look(facts):
            yield Finding(
                row.code,
                fault.severity or row.level,
                f"{path}{fault.at}",
                fault.message,
                fault.fix or row.fix,
            )


def rows() -> list[Rule]:
    """The whole table, by code."""
    return [_rows[code] for code in sorted(_rows)]


def registered() -> list[Rule]:
    """The whole table, in the order in which rules were registered."""
    return list(_rows.values())


def rule_of(code: str) -> Rule | None:
    """The row of a code."""
    return _rows.get(code)


def selects(names: Iterable[str], code: str) -> bool:
    """Whether one of the names means that code: the code, its area (`mesh`), or its requirement (`VG.014`)."""
    row = _rows.get(code)
    requirement = row.requirement if row else ""
    wanted = {name.lower() for name in names}
    return bool(wanted & {code.lower(), code.partition(".")[0].lower(), requirement.lower()} - {""})


def known_names() -> set[str]:
    """Everything that `--rules` and `--ignore` accept."""
    found = set(_rows)
    found |= {code.partition(".")[0] for code in _rows}
    return found | {row.requirement for row in _rows.values() if row.requirement}
