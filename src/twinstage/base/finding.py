"""What a check or a reader gives: one thing that is wrong or doubtful, where, and what to do about it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        code: stable name of the rule, such as `mesh.index-range`; rules of pxr.UsdValidation begin with `usd.`.
        severity: error (it will be drawn or read wrongly), warning (it may be), info.
        path: prim or property path, "" where it is about the whole file.
        message: one sentence.
        fix: what to do, "" where there is no general advice.
    """

    code: str
    severity: Severity
    path: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        """The sentence."""
        return self.message

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def in_order(findings: "list[Finding]") -> "list[Finding]":
    """Errors first, then by path and code; each finding once."""
    unique = dict.fromkeys(findings)
    return sorted(unique, key=lambda f: (SEVERITIES.index(f.severity), f.path, f.code, f.message))
