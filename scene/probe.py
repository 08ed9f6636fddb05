"""A foreign file is opened in a child process first: what hangs, crashes or swells there does no harm here.

`probe_stage` asks the shared `safe.examiner` to open the file as this process will, and turns every outcome into one
sentence.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from twinstage.base.errors import TwinstageError, UserError
from twinstage.scene.safe.expansion import count_prims
from twinstage.scene.safe.limits import MAX_PRIMS

__all__ = ["MAX_PRIMS", "Depth", "ProbeLimits", "count_prims", "probe_stage", "tell_reason"]

Depth = Literal["open", "snapshot"]


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """What the child may use for one file: wall-clock time [s] and address space [bytes]."""

    time_s: float = 30.0
    memory: int = 16 << 30


def probe_stage(
    path: Path,
    limits: ProbeLimits | None = None,
    asset_roots: Iterable[Path] = (),
    *,
    depth: Depth = "snapshot",
    load: str = "all",
    population: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Open `path` in a child process and return what it found: prims, layers, findings, ...

    Raises UserError where the file is broken or does not end within the limits.
    """
    from twinstage.scene.safe.examiner import SCENE_TASK, shared_examiner

    limits = limits or ProbeLimits()
    request = {
        "path": str(path),
        "roots": [str(root) for root in asset_roots],
        "depth": depth,
        "load": load,
        "population": None if population is None else list(population),
    }
    done = shared_examiner().examine(SCENE_TASK, request, limits)
    if done.outcome == "ok":
        return done.answer
    if done.outcome == "refused":
        raise UserError(done.message)
    if done.outcome == "time":
        raise UserError(
            f"stage {path} was still not composed and read after {limits.time_s:g} s, so it is not opened"
        )
    if done.outcome == "memory":
        raise UserError(
            f"stage {path} needs more memory than {limits.memory >> 20:,} MiB to compose and read, so it is not opened"
        )
    if done.outcome == "crash":
        raise UserError(f"stage {path} makes the USD library crash ({done.message}), so it is not opened")
    raise TwinstageError(f"stage {path} could not be examined: {done.message}")


def tell_reason(problem: Exception) -> str:
    """The heart of an error of the USD library, as half a sentence."""
    # The text of an error that quotes invalid UTF-8 cannot be decoded, so even str() may fail.
    try:
        lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    except UnicodeDecodeError:
        return "it holds bytes that are not valid UTF-8"
    texts = (
        [line for line in lines if not line.startswith("pxr.Tf")]
        or lines
        or ["the USD library gives no reason"]
    )
    quoted = re.search(r"in file \S+ : '(.+)", texts[0])
    if quoted is None:
        return texts[0]
    # The library puts its words in quotes; where they end with a line, the closing quote stands in the next one.
    return quoted.group(1) if "'" in texts[1:] else quoted.group(1).removesuffix("'")
