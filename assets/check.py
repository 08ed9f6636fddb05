"""Findings about USD files: what the schemas' own validators say, and what no validator looks at.

Each file is opened in a child process with limits of time and memory, so that a file that hangs, crashes or swells gives
a finding like any other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from twinstage.base.finding import Finding, in_order
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import Examiner, shared_examiner
from twinstage.scene.stage import checked_path, checked_root

TASK = "twinstage.assets.check_child:check_task"
LIMITS = ProbeLimits(time_s=120.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check is asked for.

    `roots`: folders that a stage may reach besides its own. `label_map`: labels by class. `triangles`, `texture_mb`: a
    budget. `nvidia`: whether usd-validation-nvidia is asked, too.
    """

    roots: tuple[str, ...] = ()
    label_map: Mapping[str, Sequence[str]] | None = None
    triangles: int | None = None
    texture_mb: float | None = None
    nvidia: bool = False
    limits: ProbeLimits = LIMITS


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found about one file.

    `origins`: by finding, the file and the path in it where it is to be mended. `layers`: files that the stage uses, "layer"
    for its own sublayers, "asset" for others. `triangles` drawn, `texture_bytes` on a graphics card; `seconds` it took.
    """

    file: str
    findings: tuple[Finding, ...]
    origins: tuple[tuple[str, str], ...] = ()
    layers: Mapping[str, str] = field(default_factory=dict)
    prims: int = 0
    triangles: int = 0
    texture_bytes: int = 0
    seconds: float = 0.0


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
    roots = tuple(str(checked_root(Path(root))) for root in asset_roots)
    asked = Asked(roots, label_map, limits=limits)
    return in_order(list(check_file(checked_path(Path(path)), asked).findings))


def check_file(file: Path, asked: Asked, examiner: Examiner | None = None) -> Checked:
    """All that a check finds about one file, in the order of the rules. `file` is absolute and there."""
    labels = asked.label_map
    request = {
        "path": str(file),
        "roots": list(asked.roots),
        "label_map": {name: list(words) for name, words in labels.items()} if labels else None,
        "triangles": asked.triangles,
        "texture_mb": asked.texture_mb,
        "nvidia": asked.nvidia,
    }
    limits = asked.limits
    done = (examiner or shared_examiner()).examine(TASK, request, limits)
    if done.outcome == "ok":
        answer = done.answer
        return Checked(
            str(file),
            tuple(Finding(**row) for row in answer["findings"]),
            tuple((row[0], row[1]) for row in answer["origins"]),
            answer["layers"],
            answer["prims"],
            answer["triangles"],
            answer["texture_bytes"],
            done.seconds,
        )
    if done.outcome == "time":
        found = _unreadable(f"the check did not end within {limits.time_s:g} s", "stage.time-limit")
    elif done.outcome == "memory":
        found = _unreadable("the check needs more memory than the limit allows", "stage.memory-limit")
    elif done.outcome == "crash":
        found = _unreadable(f"the USD library crashes on this file ({done.message})", "stage.crash")
    elif done.outcome == "refused":
        found = _unreadable(done.message.removeprefix(f"stage {file} "), "stage.unreadable")
    else:  # a defect of ours, which must not lose what was found about the other files of a run
        message = f"the check of it broke off, which is a defect of Twinstage: {done.message}"
        found = Finding("stage.crash", "error", "", message, "report it, with the file if you may")
    return Checked(str(file), (found,), ((str(file), ""),), seconds=done.seconds)


def _unreadable(message: str, code: str) -> Finding:
    return Finding(
        code, "error", "", message, "simplify the file, or open it alone with usdview to see where it stops"
    )
