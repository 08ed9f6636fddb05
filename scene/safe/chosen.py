"""Variants that people choose while a twin runs are tried in the limited child before this process composes them.

Only the variants that a stage selects at its opening were composed in the child then. Another one may hold a few kilobytes
of references that come to a thousand million prims: it is counted where it can do no harm. Touches pxr.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import TwinstageError, UserError
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import Limits, shared_examiner
from twinstage.scene.safe.expansion import Size, check_size
from twinstage.scene.safe.screen import Stamp, stamp

if TYPE_CHECKING:
    from twinstage.scene.stage import OpenedStage

log = logging.getLogger("twinstage.scene")
TASK = "twinstage.scene.safe.chosen:chosen_task"
LIMITS = ProbeLimits()
MOST_NAMED = 3
"""Files that a refusal names."""


class TooHeavy(UserError):
    """A choice that used up what it may, or ended the child: to try it again costs as much."""


Values = Mapping[tuple[str, str], Any]


def try_variants(opened: "OpenedStage", values: Values, before: Size, limits: Limits | None = None) -> None:
    """Compose the stage with all edits of its structure in the child, and count it there.

    `before`: of the scene as it is; one that held too much may go on with what is no more. UserError where it is too much.
    The child opens what is on the disk, which may be another state than the one that the twin shows; a refusal says so.
    """
    try:
        _try(opened, values, before, limits or LIMITS)
    except TwinstageError as error:
        changed = _changed(opened)
        if not changed:
            raise
        raise type(error)(f"{error}; {changed}") from None


def _changed(opened: "OpenedStage") -> str:
    """Which files of a stage are others than at its opening, as far as that is known; "" where none is."""
    names = [os.path.basename(one[0]) for one in opened.clean or () if not _is_same(one)]
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    verb = "is" if len(names) == 1 else "are"
    return f"{', '.join(names[:MOST_NAMED])}{more} {verb} not on disk as when the stage was opened"


def _is_same(known: Stamp) -> bool:
    try:
        return stamp(known[0]) == tuple(known)
    except OSError:
        return False


def _try(opened: "OpenedStage", values: Values, before: Size, limits: Limits) -> None:
    """The same for files as they are. TooHeavy, too; TwinstageError where it could not be tried."""
    from twinstage.scene.generation import edits_overlay

    session = opened.stage.GetSessionLayer()
    request = {
        "path": str(opened.path),
        "roots": list(opened.allowed.prefixes),
        "population": [str(path) for path in opened.stage.GetPopulationMask().GetPaths()],
        "session": _text_without_sublayers(session),
        "edits": edits_overlay(opened, values),
    }
    done = shared_examiner().examine(TASK, request, limits)
    if done.outcome == "ok":
        check_size(Size(**done.answer), before)
        return
    begin = "the stage with that variant cannot be shown"
    if done.outcome == "refused":
        raise UserError(f"{begin}: {_without_folders(done.message, opened)}")
    told = {
        "time": f"it was still not composed after {limits.time_s:g} s",
        "memory": f"it needs more memory than {limits.memory >> 20:,} MiB to compose",
        "crash": f"the USD library crashes on it ({done.message})",
    }
    if done.outcome not in told:
        log.error("%s could not be tried: %s", opened.path, done.message)
        raise TwinstageError("the stage with that variant could not be tried; the server's log says why")
    raise TooHeavy(f"{begin}: {told[done.outcome]}")


def _without_folders(sentence: str, opened: "OpenedStage") -> str:
    """Who asks need not know where the files lie."""
    for prefix in sorted(opened.allowed.prefixes, key=len, reverse=True):
        sentence = sentence.replace(prefix, "")
    return sentence


def _text_without_sublayers(layer: Any) -> str:
    """What was chosen when the stage was opened; its sublayers are this process's own."""
    from pxr import Sdf

    copy = Sdf.Layer.CreateAnonymous("session.usda")
    copy.TransferContent(layer)
    copy.subLayerPaths = []
    return str(copy.ExportToString())


def chosen_task(request: dict[str, Any]) -> dict[str, Any]:
    """The child's task: {"path", "roots", "population", "session", "edits"} -> prims and drawings."""
    from pxr import Sdf

    from twinstage.scene.placing import screened_parts
    from twinstage.scene.safe.expansion import survey
    from twinstage.scene.stage import open_stage

    roots = [Path(root) for root in request["roots"]]
    population = request["population"]
    opened = open_stage(
        request["path"], roots, population=None if population == ["/"] else population, probe=False
    )
    edits, session = Sdf.Layer.CreateAnonymous("ui.usda"), Sdf.Layer.CreateAnonymous("session.usda")
    edits.ImportFromString(request["edits"])
    session.ImportFromString(request["session"])
    kept = screened_parts(edits, opened.allowed)  # before anything composes what they refer to
    session.subLayerPaths = list(opened.stage.GetSessionLayer().subLayerPaths)
    with Sdf.ChangeBlock():
        opened.layers.ui.TransferContent(edits)
        opened.stage.GetSessionLayer().TransferContent(session)
    size = survey(opened.stage).total
    del kept
    return {"prims": size.prims, "drawings": size.drawings}
