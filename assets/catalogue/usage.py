"""Which assets a stage uses, and where. Touches files; the stage is opened in the child that tries foreign files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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


def uses_in(stage: Path, roots: Iterable[Path], child: Examiner) -> dict[Path, Use]:
    """By file, with links resolved. UserError where the stage cannot be opened within the limits."""
    if not stage.is_file():
        raise UserError(f"stage {stage}: there is no such file")
    request = {"path": str(stage.absolute()), "roots": [str(Path(root).absolute()) for root in roots]}
    done = child.examine(TASK, request, LIMITS)
    if done.outcome != "ok":
        told = {"time": f"it was not read within {LIMITS.time_s:g} s", "memory": "it needs too much memory"}
        reason = told.get(done.outcome, done.message or "the USD library crashes on it")
        raise UserError(reason if done.outcome == "refused" else f"stage {stage} cannot be read: {reason}")
    return {
        Path(file): Use(tuple(row["prims"]), int(row["total"])) for file, row in done.answer["uses"].items()
    }


def uses_of_stages(
    stages: Sequence[Path], roots: Iterable[Path], child: Examiner
) -> Mapping[str, dict[Path, Use]]:
    """The same of several stages, by the name that was given."""
    folders = list(roots)
    return {str(stage): uses_in(stage, folders, child) for stage in stages}
