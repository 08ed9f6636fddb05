"""Variants that people choose while a twin runs are tried in the limited child before this process composes them.

Only the variants that a stage selects at its opening were composed in the child then. Another one may hold a few kilobytes
of references that come to a thousand million prims: it is counted where it can do no harm. Touches pxr.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinstage.base.errors import TwinstageError, UserError
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.safe.examiner import Limits, shared_examiner
from twinstage.scene.safe.expansion import Size, check_size

if TYPE_CHECKING:
    from twinstage.scene.stage import OpenedStage

log = logging.getLogger("twinstage.scene")
TASK = "twinstage.scene.safe.chosen:chosen_task"
LIMITS = ProbeLimits()


class TooHeavy(UserError):
    """A choice that used up what it may, or ended the child: to try it again costs as much."""


Values = Mapping[tuple[str, str], Any]


def try_variants(opened: "OpenedStage", values: Values, before: Size, limits: Limits | None = None) -> None:
    """Compose the stage with all edits of its structure in the child, and count it there.

    `before`: of the scene as it is; one that held too much may go on with what is no more. UserError where it is too much.
    """
    from twinstage.scene.generation import edits_overlay

    limits = limits or LIMITS
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
