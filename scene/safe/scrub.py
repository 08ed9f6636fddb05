"""Taking things out of a layer in memory: arcs, asset values. Files are never written.

A layer that was changed here may not be saved. The USD library shares layers by file within a process, so what was
changed is remembered: opened again with other roots, such a layer is read anew from its file first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twinstage.base.finding import Finding

Judge = Callable[[Any, str], "Finding | None"]
"""(layer, authored path) -> why it may not be reached, or None."""

_DICTIONARIES = ("assetInfo", "customData", "customLayerData", "sdrMetadata")


@dataclass(frozen=True, slots=True)
class Changed:
    """What was done to a layer: under which allowed folders, what was told, and the layers its arcs were led to."""

    folders: tuple[str, ...]
    findings: tuple[Finding, ...]
    made: tuple[Any, ...]


_changed: dict[str, Changed] = {}


def remember(layer: Any, folders: tuple[str, ...], findings: list[Finding], made: list[Any]) -> None:
    """Note that the layer differs from its file, and forbid saving it."""
    from pxr import Sdf

    layer.SetPermissionToSave(False)
    _changed[layer.identifier] = Changed(folders, tuple(findings), tuple(made))
    for gone in [name for name in _changed if not Sdf.Layer.Find(name)]:
        del _changed[gone]


def recall(layer: Any, folders: tuple[str, ...]) -> Changed | None:
    """What was done to a loaded layer under the same folders; None for one that is as in its file.

    A layer that was changed under other folders is reloaded from its file.
    """
    known = _changed.get(layer.identifier)
    if known is None or (layer.dirty and known.folders == folders):
        return known
    if layer.dirty:
        layer.Reload(True)
    layer.SetPermissionToSave(True)
    del _changed[layer.identifier]
    return None


def replace_arc(layer: Any, authored: str, by: str = "") -> None:
    """Let every sublayer, reference and payload of that path name another, or ("") remove it."""
    # One call changes one sublayer, or else all references and payloads.
    for _ in range(list(layer.subLayerPaths).count(authored) + 1):
        layer.UpdateCompositionAssetDependency(authored, by)


def scrub_specs(layer: Any, judge: Judge) -> list[Finding]:
    """Remove asset values that the judge refuses, those in metadata too; findings name the prim or property."""
    from pxr import Sdf

    found: list[Finding] = []
    paths: list[Any] = []
    layer.Traverse(Sdf.Path.absoluteRootPath, paths.append)
    for path in paths:
        found += _scrub_dictionaries(layer, path, judge)
        if path.IsPropertyPath():
            found += _scrub_attribute(layer, path, judge)
    return found


def _scrub_dictionaries(layer: Any, path: Any, judge: Judge) -> list[Finding]:
    """Dictionaries of metadata: nothing of ours reads them, but validators follow the asset paths in them."""
    spec, found = layer.GetObjectAtPath(path), []
    for key in _DICTIONARIES:
        if not spec or not spec.HasInfo(key):
            continue
        kept, faults = _without(layer, spec.GetInfo(key), judge)
        if faults:
            spec.SetInfo(key, kept)
            found += [at_path(finding, path, f"so its {key} leaves it out") for finding in faults]
    return found


def _without(layer: Any, values: dict[str, Any], judge: Judge) -> tuple[dict[str, Any], list[Finding]]:
    """The dictionary without asset values that the judge refuses, at any depth."""
    from pxr import Sdf

    kept, faults = {}, []
    for name, value in values.items():
        if isinstance(value, dict):
            kept[name], more = _without(layer, value, judge)
            faults += more
        elif isinstance(value, (Sdf.AssetPath, Sdf.AssetPathArray)):
            cleaned, more = _scrubbed(layer, value, judge)
            faults += more
            if not more:
                kept[name] = value
            elif isinstance(value, Sdf.AssetPathArray):
                kept[name] = cleaned
        else:
            kept[name] = value
    return kept, faults


def _scrub_attribute(layer: Any, path: Any, judge: Judge) -> list[Finding]:
    from pxr import Sdf

    spec = layer.GetAttributeAtPath(path)
    if not spec or spec.typeName not in (Sdf.ValueTypeNames.Asset, Sdf.ValueTypeNames.AssetArray):
        return []
    found = []
    if spec.HasInfo("default"):
        value, faults = _scrubbed(layer, spec.default, judge)
        if faults:
            spec.default = value
            found += faults
    for time in layer.ListTimeSamplesForPath(path):
        value, faults = _scrubbed(layer, layer.QueryTimeSample(path, time), judge)
        if faults:
            layer.SetTimeSample(path, time, value)
            found += faults
    return [at_path(finding, path, "so it is left out") for finding in found]


def _scrubbed(layer: Any, value: Any, judge: Judge) -> tuple[Any, list[Finding]]:
    """The value without what the judge refuses, and why."""
    from pxr import Sdf

    single = isinstance(value, Sdf.AssetPath)
    faults, kept = [], []
    for asset in [value] if single else list(value or ()):
        finding = judge(layer, str(asset.path)) if asset.path else None
        if finding:
            faults.append(finding)
        kept.append(Sdf.AssetPath("") if finding else asset)
    return (kept[0] if single else Sdf.AssetPathArray(kept)) if kept else value, faults


def at_path(finding: Finding, path: Any, tail: str) -> Finding:
    """The finding with a place, its sentence continued."""
    return Finding(finding.code, finding.severity, str(path), f"{finding.message}, {tail}", finding.fix)


def anything_changed() -> bool:
    """Whether any layer of this process may differ from its file because of us."""
    return bool(_changed)
