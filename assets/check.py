"""Findings about a USD file: what the schemas' own validators say, and what no validator looks at.

The file is opened in a child process with limits of time and memory, so that a file that hangs, crashes or swells gives
a finding like any other.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from twinstage.base.errors import TwinstageError
from twinstage.base.finding import Finding, in_order
from twinstage.scene.probe import ProbeLimits, child_environment
from twinstage.scene.stage import checked_path, checked_root

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
    command = [
        sys.executable,
        "-m",
        "twinstage.assets.check_child",
        str(limits.memory),
        str(limits.time_s),
        str(file),
        json.dumps({k: list(v) for k, v in label_map.items()} if label_map else None),
    ]
    try:
        done = subprocess.run(
            [*command, *roots],
            capture_output=True,
            timeout=limits.time_s,
            check=False,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired:
        return [_unreadable(f"the check did not end within {limits.time_s:g} s", "stage.time-limit")]
    if done.returncode < 0:
        return [
            _unreadable(f"the USD library crashes on this file (signal {-done.returncode})", "stage.crash")
        ]
    try:
        answer = json.loads(done.stdout.decode("utf-8", "replace").splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise TwinstageError(f"{file} could not be checked: {last[-1] if last else 'no answer'}") from None
    return in_order([Finding(**row) for row in answer])


def _unreadable(message: str, code: str) -> Finding:
    return Finding(
        code, "error", "", message, "simplify the file, or open it alone with usdview to see where it stops"
    )
