"""Fixes of a file's header: only what is certain, and only what leaves sizes and places as they are."""

from typing import Any

from twinstage.assets.fixes.table import Work, fix
from twinstage.base.finding import Finding

FALL_BACK = {"metersPerUnit": 0.01, "upAxis": "Y"}


@fix("stage.default-prim")
def default_prim(work: Work, finding: Finding) -> str:
    """The only root, where there is one."""
    roots = [p for p in work.stage.GetPseudoRoot().GetChildren() if p.IsDefined() and not p.IsAbstract()]
    if len(roots) != 1:
        return ""
    work.layer.defaultPrim = roots[0].GetName()
    return f"defaultPrim = {roots[0].GetName()}"


def _agreed(work: Work, key: str) -> Any:
    """The value that files say which this one uses, where all that say it agree; None where none says it."""
    values = set()
    for layer in work.stage.GetUsedLayers():
        root = layer.pseudoRoot
        if layer.realPath and root.HasInfo(key):
            values.add(root.GetInfo(key))
    return values.pop() if len(values) == 1 else None


@fix("stage.units", "stage.up-axis")
def metric(work: Work, finding: Finding) -> str:
    """What the files that this one uses say, where it is also what was assumed: then nothing changes its size or turns."""
    key = "metersPerUnit" if finding.code == "stage.units" else "upAxis"
    if finding.severity == "error" or _agreed(work, key) != FALL_BACK[key]:
        return ""
    work.layer.pseudoRoot.SetInfo(key, FALL_BACK[key])
    return f"{key} = {FALL_BACK[key]}"
