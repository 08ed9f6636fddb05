"""Which assets a stage uses, and where. Touches files; the stage is opened in the child that tries foreign files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.assets.catalogue.remembered import stamp, unchanged
from twinstage.base.errors import UserError
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import Examiner

TASK = "twinstage.assets.catalogue.used:used_task"
LIMITS = ProbeLimits(time_s=60.0)


@dataclass(frozen=True, slots=True)
class Use:
    """Where a stage uses a file: the first `prims` of `total`; `/` is the stage itself, which has it as a sublayer."""

    prims: tuple[str, ...]
    total: int


class Usage:
    """What one stage uses, asked again once a file that it consists of has changed. One call at a time."""

    def __init__(self, stage: Path, roots: Iterable[Path]) -> None:
        self._stage, self._roots = stage, list(roots)
        self._row: dict[str, Any] = {}
        self._uses: dict[Path, Use] = {}

    @property
    def is_fresh(self) -> bool:
        """Whether nothing has changed since it was read."""
        return bool(self._row) and unchanged(self._row)

    def read(self, child: Examiner) -> dict[Path, Use]:
        """By file, with links resolved. UserError where the stage cannot be opened within the limits."""
        if not self.is_fresh:
            answer = _asked(self._stage, self._roots, child)
            self._uses = _uses(answer)
            self._row = {"stamps": [stamp(path) for path in answer["layers"]]}
        return self._uses


def uses_in(stage: Path, roots: Iterable[Path], child: Examiner) -> dict[Path, Use]:
    """By file, with links resolved. UserError where the stage cannot be opened within the limits."""
    return _uses(_asked(stage, roots, child))


def _asked(stage: Path, roots: Iterable[Path], child: Examiner) -> dict[str, Any]:
    if not stage.is_file():
        raise UserError(f"stage {stage}: there is no such file")
    request = {"path": str(stage.absolute()), "roots": [str(Path(root).absolute()) for root in roots]}
    done = child.examine(TASK, request, LIMITS)
    if done.outcome != "ok":
        told = {"time": f"it was not read within {LIMITS.time_s:g} s", "memory": "it needs too much memory"}
        reason = told.get(done.outcome, done.message or "the USD library crashes on it")
        raise UserError(reason if done.outcome == "refused" else f"stage {stage} cannot be read: {reason}")
    return done.answer


def _uses(answer: dict[str, Any]) -> dict[Path, Use]:
    rows = answer["uses"].items()
    return {Path(file): Use(tuple(row["prims"]), int(row["total"])) for file, row in rows}
