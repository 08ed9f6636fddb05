"""Makes the text of a layer that mends a file. Runs in the limited child, which writes nothing itself."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twinstage.assets.check_child import examine_file
from twinstage.assets.fixes import geometry, header, looks
from twinstage.assets.fixes.table import Work, fix_of
from twinstage.assets.label_layer import NOT_COPIED
from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.safe.screen import screen
from twinstage.scene.stage import own_mtlx_text

__all__ = ["Done", "fix_of", "fix_task", "geometry", "header", "looks"]
MOST_TEXT = 48 << 20


@dataclass(frozen=True, slots=True)
class Done:
    """One mended finding: its code, its prim, what was done, and whether the picture stays the same."""

    code: str
    path: str
    what: str
    same: bool


def fix_task(request: dict[str, Any]) -> dict[str, Any]:
    """The child's task: {"path", "roots", "out", "codes"} -> {"text": usda, "" where nothing was mended; "done": rows}.

    `codes`: which codes to mend, None for all.
    """
    from pxr import Sdf, Usd

    file, roots = request["path"], request["roots"]
    findings = examine_file(file, roots).findings
    codes = request.get("codes")
    wanted = [f for f in findings if fix_of(f.code) and (codes is None or f.code in codes)]
    if not wanted or any(f.code == "stage.unreadable" for f in findings):
        return {"text": "", "done": []}
    screened = screen(Path(file), AllowedFolders(Path(file), [Path(root) for root in roots]), own_mtlx_text())
    stage = Usd.Stage.Open(screened.root)
    layer = _layer(screened.root, file, request["out"])
    work = Work(stage, layer, os.path.dirname(request["out"]), file)
    with Sdf.ChangeBlock():
        done = [row for f in wanted if (row := _mend(work, f)) is not None]
    text = layer.ExportToString() if done else ""
    if len(text) > MOST_TEXT:
        return {"text": "", "done": []}
    return {"text": text, "done": [asdict(row) for row in done]}


def _mend(work: Work, finding: Finding) -> Done | None:
    from pxr import Tf

    found = fix_of(finding.code)
    if found is None:
        return None
    try:
        what = found.mend(work, finding)
    except Tf.ErrorException:
        return None
    return Done(finding.code, finding.path, what, found.same) if what else None


def _layer(source: Any, file: str, out: str) -> Any:
    """A new layer with the file's own header and the file as its sublayer."""
    from pxr import Sdf

    layer = Sdf.Layer.CreateAnonymous(".usda")
    for key in source.pseudoRoot.ListInfoKeys():
        if key not in NOT_COPIED:
            layer.pseudoRoot.SetInfo(key, source.pseudoRoot.GetInfo(key))
    relative = os.path.relpath(file, os.path.dirname(out)).replace(os.sep, "/")
    layer.subLayerPaths.append(relative if relative.startswith("../") else f"./{relative}")
    layer.pseudoRoot.SetInfo(
        "comment", "Mended by `twinstage assets check --fix`; open it instead of its sublayer."
    )
    return layer
