"""Findings about a USD file: what the schemas' own validators say, and what no validator looks at.

The file is opened in a child process with limits of time and memory, so that a file that hangs, crashes or swells gives
a finding like any other.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from twinstage.base.errors import TwinstageError
from twinstage.base.finding import Finding, in_order
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import shared_examiner
from twinstage.scene.stage import checked_path, checked_root

TASK = "twinstage.assets.check_child:check_task"
LIMITS = ProbeLimits(time_s=120.0)


def check_stage(
    path: str | Path,
    asset_roots: Iterable[str | Path] = (),
    limits: ProbeLimits = LIMITS,
    label_map: Mapping[str, Sequence[str]] | None = None,
) -> list[Finding]:
    """All findings about a USD file, errors first.

    `asset_roots`: folders that the stage may reach besides its own. `label_map`: labels by class, as in a
    recipe; the labels are then checked against it. Raises UserError for a file or folder that does not
    exist or is no USD file by its name; a file that cannot be read is a finding.
    """
    file = checked_path(Path(path))
    roots = [str(checked_root(Path(root))) for root in asset_roots]
    request = {
        "path": str(file),
        "roots": roots,
        "label_map": {name: list(labels) for name, labels in label_map.items()} if label_map else None,
    }
    done = shared_examiner().examine(TASK, request, limits)
    if done.outcome == "ok":
        return in_order([Finding(**row) for row in done.answer["findings"]])
    if done.outcome == "time":
        return [_unreadable(f"the check did not end within {limits.time_s:g} s", "stage.time-limit")]
    if done.outcome == "memory":
        return [_unreadable("the check needs more memory than the limit allows", "stage.memory-limit")]
    if done.outcome == "crash":
        return [_unreadable(f"the USD library crashes on this file ({done.message})", "stage.crash")]
    raise TwinstageError(f"{file} could not be checked: {done.message}")


def _unreadable(message: str, code: str) -> Finding:
    return Finding(
        code, "error", "", message, "simplify the file, or open it alone with usdview to see where it stops"
    )
