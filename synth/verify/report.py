"""What a check found: codes for programs, sentences for people, and how many comparisons were made."""

from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `code` such as `mask.overlap`; `where` a file, camera and object; `message` a sentence."""

    code: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.code}]"


class Redrawn(NamedTuple):
    """Of how many listed objects (`of`) the models were drawn again; `models`: whether the dataset has any."""

    objects: int
    of: int
    models: bool


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, and how often each kind of check was made, by its code (one that never ran proves nothing).

    `redrawn`: of our own datasets.
    """

    findings: tuple[Finding, ...]
    counts: dict[str, int]
    redrawn: Redrawn | None = None

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def checks(self) -> int:
        """How many comparisons were made."""
        return sum(self.counts.values())

    @property
    def redrawn_line(self) -> str:
        """What was drawn again, for people; empty where that is no question."""
        if self.redrawn is None:
            return ""
        told = f"{self.redrawn.objects:,} of {self.redrawn.of:,} objects redrawn from their models"
        return told if self.redrawn.models else f"{told}: `annotate` names no `models`"

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        redrawn = {} if self.redrawn is None else {"redrawn": self.redrawn._asdict()}
        return redrawn | {
            "ok": self.ok,
            "findings": [{"code": f.code, "where": f.where, "message": f.message} for f in self.findings],
            "checks": dict(sorted(self.counts.items())),
        }


@dataclass
class Judge:
    """Collects findings. Each check is counted by its code, whatever its outcome."""

    findings: list[Finding] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)
    redrawn: Redrawn | None = None

    def check(self, right: Any, code: str, where: str, message: str) -> bool:
        """Note a finding unless `right`; gives back whether it was."""
        self.checks[code] += 1
        if not right:
            self.findings.append(Finding(code, where, message))
        return bool(right)

    def guard(self, code: str, where: str) -> "Guard":
        """A context that turns what malformed data makes of Python into a finding."""
        return Guard(self, code, where)

    def report(self) -> Report:
        """What was found up to now."""
        return Report(tuple(self.findings), dict(self.checks), self.redrawn)


@dataclass(frozen=True, slots=True)
class Guard:
    """See `Judge.guard`."""

    judge: Judge
    code: str
    where: str

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, KeyError):
            self.judge.check(False, self.code, self.where, f"the field {error} is missing")
        elif isinstance(error, _MALFORMED):
            text = (str(error).splitlines() or [""])[0]
            self.judge.check(False, self.code, self.where, f"cannot be read: {text or type(error).__name__}")
        else:
            return False
        return True


_MALFORMED = (TypeError, ValueError, IndexError, AttributeError, OSError, ArithmeticError, SyntaxError)
"""What code that expects a dataset raises when it is handed something else (Pillow: SyntaxError for a broken PNG)."""
