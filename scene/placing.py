"""Letting in assets that people place: looked at in the limited child, then screened in this process. Touches pxr and files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.errors import TwinstageError, UserError
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.generation import link_of, plain_name
from twinstage.scene.probe import ProbeLimits
from twinstage.scene.shelf import MOVABLE, Asset, Shelf

TASK = "twinstage.scene.placing:look_task"
LIMITS = ProbeLimits(time_s=30.0)
MOST_PRIMS = 100_000
"""Prims of one asset."""
MOST_TRIANGLES = 10_000_000
"""Triangles of one asset."""
MOST_FILES = 2000
"""Files that one asset is made of."""
RESET = "!resetXformStack!"


def let_in(name: str, file: Path, allowed: AllowedFolders, link: str = "") -> Asset:
    """Try an asset in the limited child, then screen it. UserError, one sentence, for what cannot be placed.

    `link`: what stands before the names of files in this generation of the stage (`scene.generation`).
    """
    from twinstage.scene.safe.examiner import shared_examiner

    request = {"path": str(file), "roots": [str(prefix) for prefix in allowed.prefixes]}
    done = shared_examiner().examine(TASK, request, LIMITS)
    if done.outcome == "failure":
        raise TwinstageError(f"asset {name} could not be examined: {done.message}")
    if done.outcome != "ok":
        told = {
            "time": f"it was not read within {LIMITS.time_s:g} s",
            "memory": "it needs more memory than the limit allows",
            "crash": "the USD library crashes on it",
        }
        raise UserError(_sentence(name, told.get(done.outcome, done.message), file, allowed))
    facts = done.answer
    if facts.get("problem"):
        raise UserError(_sentence(name, facts["problem"], file, allowed))
    own = Path(link + str(file))
    return _asset(name, own, facts, _screened(own, allowed))


def _screened(file: Path, allowed: AllowedFolders) -> tuple[Any, ...]:
    """All layers of an asset, as a stage may see them in this process."""
    from twinstage.scene.safe.screen import screen
    from twinstage.scene.stage import own_mtlx_text

    screened = screen(file, allowed, own_mtlx_text())
    return (*screened.layers, *screened.made)


def _asset(name: str, file: Path, facts: Mapping[str, Any], layers: tuple[Any, ...]) -> Asset:
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
    }
    stamps = tuple(_stamp(path) for path in plain["files"])
    return Asset(name=name, file=file, layers=layers, stamps=stamps, **plain)


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def look_task(request: dict[str, Any]) -> dict[str, Any]:
    """The child's task: {"path", "roots"} -> the fields of an Asset, or {"problem"}."""
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.safe.expansion import survey
    from twinstage.scene.stage import open_stage

    opened = open_stage(Path(request["path"]), [Path(root) for root in request["roots"]], probe=False)
    faults = [f.message for f in opened.findings if f.severity == "error"]
    if faults:
        return {"problem": faults[0]}
    if survey(opened.stage).total.prims > MOST_PRIMS:
        return {"problem": f"it has more than {MOST_PRIMS:,} prims, which is too large to be placed"}
    snapshot = read_snapshot(opened)
    counts = [len(prototype.triangles) for prototype in snapshot.prototypes]
    drawn = int(sum(counts[drawing] for drawing in np.asarray(snapshot.instances.prototype).tolist()))
    if not drawn:
        return {"problem": "it draws nothing"}
    if drawn > MOST_TRIANGLES:
        return {"problem": f"it has {drawn:,} triangles, and {MOST_TRIANGLES:,} are the most"}
    facts = facts_of(opened.stage, request["path"])
    return {**facts, "prims": len(snapshot.prims), "triangles": drawn}


def facts_of(stage: Any, file: str) -> dict[str, Any]:
    """What the stage of an asset says; {"problem"} where it has nothing to refer to."""
    from pxr import Usd, UsdGeom

    default = stage.GetDefaultPrim()
    prim = default or next(iter(stage.GetPseudoRoot().GetChildren()), None)
    if not prim:
        return {"problem": "it has no prim to refer to"}
    type_name = str(prim.GetTypeName())
    if type_name not in MOVABLE and not prim.IsA(UsdGeom.Xformable):
        return {
            "problem": f"its default prim {prim.GetPath()} is a {type_name}, which has no place in a scene"
        }
    order = prim.GetAttribute("xformOpOrder").Get() or ()
    root = stage.GetRootLayer().pseudoRoot
    return {
        "prim": str(prim.GetPath()),
        "named": not default,
        "type_name": type_name,
        "kind": str(Usd.ModelAPI(prim).GetKind()),
        "ops": [str(op) for op in order if str(op) != RESET],
        "meters_per_unit": float(root.GetInfo("metersPerUnit")) if root.HasInfo("metersPerUnit") else 0.01,
        "up_axis": str(UsdGeom.GetStageUpAxis(stage)),
        "files": _files(stage, file),
    }


def _files(stage: Any, file: str) -> list[str]:
    from pxr import UsdUtils

    layers, assets, _ = UsdUtils.ComputeAllDependencies(stage.GetRootLayer().identifier)
    found = {os.path.realpath(file): None}
    for path in (*(layer.realPath for layer in layers), *assets):
        if path and os.path.isfile(path):
            found.setdefault(os.path.realpath(path))
    return [*found][: MOST_FILES + 1]


def _sentence(name: str, why: str, file: Path, allowed: AllowedFolders) -> str:
    """Names of files as the library has them: who asks need not know where it lies."""
    library = name.partition("/")[0]
    depth = name.count("/")
    root = str(file.parents[depth - 1]) if depth else str(file.parent)
    text = why.replace(f"{root}{os.sep}", f"{library}/").replace(root, library)
    for prefix in allowed.prefixes:
        text = text.replace(prefix, "")
    text = text.removeprefix(f"stage {name} ").removeprefix("cannot be read: ")
    return f"asset {name} cannot be placed: {text.partition('; if that is meant')[0]}"


def again(opened: Any, first: Shelf) -> Shelf:
    """The shelf of another generation of the stage: the same assets as their files are now, and under its names."""
    from pxr import Tf, Usd

    link, shelf = link_of(opened.stage), Shelf(missing=dict(first.missing))
    for name, asset in first.assets.items():
        file = Path(link + plain_name(str(asset.file)))
        try:
            layers = _screened(file, opened.allowed)
            facts = facts_of(Usd.Stage.Open(str(file)), str(file))
            shelf.assets[name] = _asset(name, file, {**_told(asset), **facts}, layers)
        except (UserError, Tf.ErrorException, TypeError) as problem:
            shelf.missing[name] = f"asset {name} cannot be read: {str(problem).splitlines()[0]}"
    return shelf


def _told(asset: Asset) -> dict[str, Any]:
    names = (
        "prim",
        "named",
        "type_name",
        "kind",
        "ops",
        "meters_per_unit",
        "up_axis",
        "prims",
        "triangles",
        "files",
    )
    return {name: getattr(asset, name) for name in names}


def screen_placed(opened: Any) -> list[Any]:
    """Screen what the `ui` layer of an opened stage refers to; the layers, which must be kept."""
    kept: list[Any] = []
    for path in opened.layers.ui.GetCompositionAssetDependencies():
        if os.path.isfile(path) and opened.allowed.allows(path):
            kept += _screened(Path(path), opened.allowed)
    return kept
