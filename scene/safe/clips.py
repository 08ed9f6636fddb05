"""Value clips of a layer: every file that a clip set can name, templates written out.

`UsdUtils.ExtractExternalReferences` passes over templates whose folder is a link, or that are found through the working
folder, so templates are matched here against the folders that USD looks in. Clip sets are opened at composition (for a
missing manifest) or when a value is asked for.
"""

import math
import os
import re
from itertools import compress, repeat
from operator import or_
from pathlib import Path
from typing import Any

from twinstage.base.finding import Finding
from twinstage.scene.safe.limits import MAX_CLIPS
from twinstage.scene.safe.scrub import Judge, at_path


def scrub_clips(layer: Any, judge: Judge, home: Path) -> list[Finding]:
    """Remove the clip sets that name a file which the judge refuses, or more clips than the limit, with a finding each.

    `home`: the root layer's folder, where USD looks for plain names, too.
    """
    from pxr import Sdf

    paths: list[Any] = []
    layer.Traverse(Sdf.Path.absoluteRootPath, paths.append)
    # Mapped: a large layer has hundreds of thousands of specs, and this is a good part of the time to open it.
    is_prim = map(or_, map(Sdf.Path.IsPrimPath, paths), map(Sdf.Path.IsPrimVariantSelectionPath, paths))
    specs = [
        spec for spec in map(layer.GetPrimAtPath, compress(paths, is_prim)) if spec
    ]  # a variant set is none
    found: list[Finding] = []
    for spec in compress(specs, map(Sdf.PrimSpec.HasInfo, specs, repeat("clips"))):
        found += _scrub_spec(layer, spec, judge, home)
    return found


def _scrub_spec(layer: Any, spec: Any, judge: Judge, home: Path) -> list[Finding]:
    kept, found = {}, []
    for name, clips in dict(spec.GetInfo("clips")).items():
        fault = _fault(layer, clips, judge, home) if isinstance(clips, dict) else None
        if fault is None:
            kept[name] = clips
        else:
            found.append(at_path(fault, spec.path, f"so its clip set {name!r} is left out"))
    if found and kept:
        spec.SetInfo("clips", kept)
    elif found:
        spec.ClearInfo("clips")
    return found


def _fault(layer: Any, clips: dict[str, Any], judge: Judge, home: Path) -> Finding | None:
    template = str(clips.get("templateAssetPath") or "")
    if template and not _countable(clips):
        message = f"layer {layer.identifier} asks for more than {MAX_CLIPS:,} value clips, or for times that are no numbers"
        return Finding("clips.count", "error", "", message)
    manifest = clips.get("manifestAssetPath")
    paths = [str(asset.path) for asset in clips.get("assetPaths") or ()]
    paths += [str(manifest.path)] if manifest else []
    paths += matches(layer, template, home) if template else []
    for path in paths:
        fault = judge(layer, path) if path else None
        if fault is not None:
            return fault
    return None


def _countable(clips: dict[str, Any]) -> bool:
    """Whether the template's times give a number of clips within the limit."""
    try:
        start, end, stride = (
            float(clips.get(f"template{what}", 0)) for what in ("StartTime", "EndTime", "Stride")
        )
        offset = float(clips.get("templateActiveOffset", 0))
    except (TypeError, ValueError):
        return False
    if not all(map(math.isfinite, (start, end, stride, offset))):
        return False
    return stride > 0 and (end - start) / stride <= MAX_CLIPS


def matches(layer: Any, template: str, home: Path) -> list[str]:
    """Paths that a template (`dir/clip.###.usd`) can become, for the files that are there; itself, if none is."""
    folder, name = os.path.split(template)
    if "#" in folder:
        return [template]
    pattern = re.compile("-?[0-9]+".join(map(re.escape, re.split("#+", name))))
    found: dict[str, None] = {}
    for place in _places(layer, folder, home):
        try:
            names = os.listdir(place)
        except OSError:
            continue
        found |= {os.path.join(folder, n): None for n in sorted(names) if pattern.fullmatch(n)}
    return list(found)[: MAX_CLIPS + 1] or [template]


def _places(layer: Any, folder: str, home: Path) -> list[str]:
    """Folders in which USD looks for a template's files."""
    from pxr import Sdf

    # Anchored by a name in it: the path of a folder alone may be empty.
    beside = os.path.dirname(
        str(Sdf.ComputeAssetPathRelativeToLayer(layer, os.path.join(folder or ".", "x.usda")))
    )
    at_layer = os.path.join(os.path.dirname(layer.realPath), folder)
    search = os.environ.get("PXR_AR_DEFAULT_SEARCH_PATH", "").split(os.pathsep)
    folders = [beside, at_layer, os.path.join(home, folder), os.path.join(os.getcwd(), folder)]
    return [*folders, *(os.path.join(place, folder) for place in search if place)]
