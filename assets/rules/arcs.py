"""Rules about what a file refers to: files and prims that are missing, units and axes that do not agree across a reference."""

import math
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from twinstage.assets.rules.stage import root_value
from twinstage.assets.rules.table import Fault, Rule, add, rule
from twinstage.base.finding import Finding

UNRESOLVED = add(
    Rule(
        "asset.unresolved",
        "error",
        "A file is missing",
        "correct the path, or add the file",
        source="UsdValidation",
    )
)
BACKSLASH = add(
    Rule(
        "asset.backslash", "error", "A path is written with backslashes, which only Windows follows",
        "write it with forward slashes: ./textures/wood.png", "AA.003",
    )
)  # fmt: skip
CASE = add(
    Rule("asset.case", "error", "A file is there under a name in other letters, which only Windows and macOS find",
         "write the name as the file has it")
)  # fmt: skip
ABSOLUTE = add(
    Rule("asset.absolute", "warning", "A path leads to one computer alone",
         "write it relative to the file that names it: ./textures/wood.png", "AA.001")
)  # fmt: skip
MDL = add(Rule("asset.mdl", "info", "An MDL file is not there", "only an MDL renderer would need it"))
NO_PRIM = add(
    Rule("arc.no-prim", "error", "It refers to a prim that is not in that file",
         "name a prim that is there, or give the file a defaultPrim and name none")
)  # fmt: skip
CYCLE = add(Rule("arc.cycle", "error", "Files or prims refer to each other in a circle", "break the circle"))
BROKEN = add(
    Rule(
        "arc.broken",
        "error",
        "A reference cannot be followed",
        "correct the reference",
        source="UsdValidation",
    )
)
UNREADABLE = add(
    Rule("asset.unreadable", "error", "A file that it reaches cannot be read", "repair or export that file again",
         source="UsdValidation")
)  # fmt: skip

_PLACE = re.compile(r"introduced by @(?P<layer>[^@]*)@<(?P<path>[^>]*)>")
_ASSET = re.compile(r"@([^@]*)@")
_VARIANT = re.compile(r"\{[^}]*\}")


def missing_file(authored: str, where: str, folder: str) -> Finding:
    """The finding for a file that is not there: what is wrong with its path, if that can be told."""
    shown = f"'{authored}'"
    if "\\" in authored:
        return Finding(
            BACKSLASH.code,
            "error",
            where,
            f"{shown} is not found: it is written with backslashes",
            BACKSLASH.fix,
        )
    other = other_case(authored, folder)
    if other:
        return Finding(
            CASE.code, "error", where, f"{shown} is not found, but {other!r} is there", f"write {other!r}"
        )
    if "<UDIM>" in authored:
        return Finding(UNRESOLVED.code, "error", where, f"no tile of {shown} is found", UNRESOLVED.fix)
    return Finding(UNRESOLVED.code, "error", where, f"{shown} is not found", UNRESOLVED.fix)


def other_case(authored: str, folder: str) -> str:
    """The path as the file system has it, where only upper and lower case differ; else ""."""
    path = authored if os.path.isabs(authored) else os.path.join(folder, authored)
    head, name = os.path.split(os.path.normpath(path))
    try:
        found = next((e for e in os.listdir(head) if e.lower() == name.lower() and e != name), "")
    except OSError:
        return ""
    return os.path.join(os.path.dirname(authored), found) if found else ""


def composition(stage: Any) -> Iterator[tuple[Finding, tuple[str, str]]]:
    """What composition complained about, in our words, and the file and prim in it that are to be mended."""
    told = set()
    for error in stage.GetCompositionErrors():
        text = " ".join(str(error).split())
        finding = _of_error(type(error).__name__, text, str(error.rootSite.path))
        if finding is None or finding in told:
            continue
        told.add(finding)
        place = _PLACE.search(text)
        yield finding, (place["layer"], _VARIANT.sub("", place["path"])) if place else ("", "")


def _of_error(kind: str, text: str, root: str) -> Finding | None:
    """`root`: the prim of the scene that it happened to."""
    place = _PLACE.search(text)
    where = "" if root == "/" else root
    layer = place["layer"] if place else ""
    if kind in ("ErrorInvalidAssetPath", "ErrorInvalidSublayerPath"):
        return _of_asset(kind, text, where, layer)
    if kind == "ErrorUnresolvedPrimPath":
        named = re.search(r"@([^@]*)@<([^>]*)>", text)
        target, file = (named[2], os.path.basename(named[1])) if named else ("", "")
        if "default" in text.lower() and not target.strip("/"):
            message = f"it refers to {file or 'a file'} as a whole, but that file names no defaultPrim"
        else:
            message = f"it refers to {target} in {file}, where there is no such prim"
        return Finding(NO_PRIM.code, "error", where, message, NO_PRIM.fix)
    if "Cycle" in kind:
        return Finding(CYCLE.code, "error", where, _short(text), CYCLE.fix)
    return Finding(BROKEN.code, "error", where, _short(text), BROKEN.fix)


def _of_asset(kind: str, text: str, where: str, layer: str) -> Finding | None:
    paths = _ASSET.findall(text)
    authored = paths[0] if paths else ""
    if kind == "ErrorInvalidSublayerPath":
        layer = paths[1] if len(paths) > 1 else ""
        where = ""
    if authored.lower().endswith(".mtlx") and os.path.exists(authored):
        return None  # our readers convert it
    folder = os.path.dirname(layer)
    shown = _relative(authored, folder)
    if os.path.isfile(os.path.join(folder, authored)):
        reason = text.partition(" -- ")[2] or "it is no USD file that can be read"
        return Finding(
            UNREADABLE.code, "error", where, f"{shown!r} cannot be read: {_short(reason)}", UNREADABLE.fix
        )
    if "default prim" in text.lower().replace("defaultprim", "default prim"):
        return Finding(NO_PRIM.code, "error", where, _short(text), NO_PRIM.fix)
    return missing_file(shown, where, folder)


def _relative(authored: str, folder: str) -> str:
    """The library's absolute path as it was most likely authored: relative to the layer, where it is near."""
    if not folder or not os.path.isabs(authored):
        return authored
    shown = os.path.relpath(authored, folder)
    return authored if shown.count("..") > 3 else shown


def _short(text: str) -> str:
    """One sentence without the names of folders, and of layers in memory, which differ from run to run."""
    text = re.sub(r",?'anon:[^']*'|,?@anon:[^@]*@", "", text)
    text = re.sub(r"@(?:[^@]*/)?([^@/]*)@", r"'\1'", " ".join(text.split()))
    text = re.sub(r"(?<![\w.])/(?:[^/\s:]+/)+(?=[^/\s:]+\.usd)", "", text)
    return text[:300].rstrip(".; ")


@rule(
    "arc", "arc.units", "warning", "Units do not agree: what is referenced comes out at the wrong size",
    "scale the referencing prim by the ratio of the units, or export both files in one unit", requirement="UN.007",
)  # fmt: skip
def units_across(arc: "Arc") -> Iterator[Fault]:
    """A referenced file of other units is scaled by the ratio."""
    ours, theirs = arc.units
    if not ours or not theirs or math.isclose(ours, theirs, rel_tol=1e-3) or not arc.drawn():
        return
    ratio = theirs / ours
    scale = arc.scale()
    if not math.isclose(scale, ratio, rel_tol=0.05):
        times = f"{1 / ratio:,.4g} times too big" if ratio < 1 else f"{ratio:,.4g} times too small"
        yield Fault(
            f"{arc.file} has metersPerUnit {theirs:g}, this file {ours:g}, and no scale of {ratio:.4g} makes up for it: "
            f"it comes out {times}",
            fix=f"scale the prim by {ratio:.4g}, or export both files in one unit",
        )


@rule(
    "arc", "arc.up-axis", "warning", "Up axes do not agree: what is referenced lies on its side",
    "turn the referencing prim by 90 degrees about X, or export both files with one up axis", requirement="UN.006",
)  # fmt: skip
def axes_across(arc: "Arc") -> Iterator[Fault]:
    """A referenced file of the other up axis is turned."""
    ours, theirs = arc.axes
    if ours not in ("Y", "Z") or theirs not in ("Y", "Z") or ours == theirs or not arc.drawn():
        return
    if arc.up_after(theirs) @ _AXES[ours] < 0.98:
        degrees = "90" if theirs == "Y" else "-90"
        yield Fault(
            f"{arc.file} has upAxis {theirs}, this file {ours}, and no rotation makes up for it",
            fix=f"turn the prim by {degrees} degrees about X (xformOp:rotateX), or export both files with one up axis",
        )


_AXES = {"Y": np.array([0.0, 1.0, 0.0]), "Z": np.array([0.0, 0.0, 1.0])}


class Arc:
    """One reference or payload to another file, seen from the prim that has it."""

    def __init__(self, stage: Any, prim: Any, spec: Any, target: Any) -> None:
        self.stage, self.prim, self.target = stage, prim, target
        owner = spec.layer
        self.place = (str(owner.realPath).partition("[")[0], _VARIANT.sub("", str(spec.path)))
        home = stage.GetRootLayer() if owner in stage.GetLayerStack(False) else owner
        self.units = tuple(_number(root_value(layer, "metersPerUnit")) for layer in (home, target))
        self.axes = tuple(str(root_value(layer, "upAxis") or "") for layer in (home, target))
        self.file = os.path.basename(target.identifier)

    def drawn(self) -> bool:
        """Whether anything below has a size or a place."""
        from pxr import Usd, UsdGeom

        root = self.prim.GetPrototype() if self.prim.IsInstance() else self.prim
        return any(p.IsA(UsdGeom.Boundable) or p.IsInstance() for p in Usd.PrimRange(root))

    def _world(self) -> np.ndarray:
        from pxr import Usd, UsdGeom

        if not self.prim.IsA(UsdGeom.Imageable):
            return np.eye(3)
        matrix = UsdGeom.Imageable(self.prim).ComputeLocalToWorldTransform(Usd.TimeCode.EarliestTime())
        return np.array(matrix)[:3, :3]

    def scale(self) -> float:
        """How much the prim's place scales what is below it."""
        return float(abs(np.linalg.det(self._world())) ** (1 / 3))

    def up_after(self, axis: str) -> np.ndarray:
        """Where that axis of the referenced file points to in the scene, f8[3] of length 1."""
        vector = _AXES[axis] @ self._world()
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-300))


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def arcs_of(stage: Any, prim: Any) -> Iterator[Arc]:
    """References and payloads of a prim to other files, by all layers that speak of it."""
    from pxr import Sdf

    seen = set()
    for spec in prim.GetPrimStack():
        for items in (spec.referenceList, spec.payloadList):
            for item in items.GetAddedOrExplicitItems():
                if not item.assetPath:
                    continue
                name = Sdf.ComputeAssetPathRelativeToLayer(spec.layer, item.assetPath)
                target = Sdf.Layer.Find(name) or Sdf.Layer.FindRelativeToLayer(spec.layer, item.assetPath)
                if target is not None and (spec.layer, target) not in seen:
                    seen.add((spec.layer, target))
                    yield Arc(stage, prim, spec, target)
