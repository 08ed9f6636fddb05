"""Letting in assets that people place: looked at in the limited child, then screened in this process. Touches pxr and files."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
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
_FOLDERS = re.compile(r"(?<![\w./])/(?:[^\s'\"@:,;()<>/]+/)+(?=[^\s/])")


def let_in(name: str, file: Path, allowed: AllowedFolders, link: str = "") -> Asset:
    """Try an asset in the limited child, then screen it. UserError, one sentence, for what cannot be placed.

    `link`: what stands before the names of files in this generation of the stage (`scene.generation`).
    """
    from twinstage.scene.safe.examiner import shared_examiner

    request = {"path": str(file), "roots": [str(prefix) for prefix in allowed.prefixes]}
    done = shared_examiner().examine(TASK, request, LIMITS)
    if done.outcome == "failure":
        why = _FOLDERS.sub("", _cleaned(name, done.message, file, allowed))
        raise TwinstageError(f"asset {name} could not be examined: {why}")
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
    return _asset(name, Path(link + str(file)), facts, _screened_in(name, file, allowed, link))


def _screened_in(name: str, file: Path, allowed: AllowedFolders, link: str) -> tuple[Any, ...]:
    """All layers of an asset, under the names of a generation. UserError, one sentence with names of the library."""
    from pxr import Tf

    try:
        return _screened(Path(link + str(file)), allowed)
    except (UserError, Tf.ErrorException) as problem:
        why = str(problem).replace(link, "") if link else str(problem)
        first = (why.strip().splitlines() or ["it is no USD file"])[0]
        raise UserError(_sentence(name, first, file, allowed)) from None


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
    if len(facts.get("files", ())) > MOST_FILES:
        return {"problem": f"it is made of more than {MOST_FILES:,} files"}
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
    text = _cleaned(name, why, file, allowed)
    text = text.removeprefix(f"stage {name} ").removeprefix("cannot be read: ")
    return f"asset {name} cannot be placed: {text.partition('; if that is meant')[0]}"


def _cleaned(name: str, why: str, file: Path, allowed: AllowedFolders) -> str:
    """Names of files as the library has them: who asks need not know where it lies."""
    library = name.partition("/")[0]
    depth = name.count("/")
    root = file.parents[depth - 1] if depth else file.parent
    text = why
    for one in dict.fromkeys((str(root), os.path.realpath(root))):
        text = text.replace(f"{one}{os.sep}", f"{library}/").replace(one, library)
    for prefix in allowed.prefixes:
        text = text.replace(prefix, "")
    return text


def stock(opened: Any, first: Shelf, names: Iterable[str]) -> None:
    """Assets of the generation before into the shelf of an opened stage, as their files are now, and under its names.

    `names`: of those that stand placed. What changed since is tried in the limited child first; of the rest all is known.
    """
    link, shelf = link_of(opened.stage), opened.shelf
    assets, missing = dict(first.assets), dict(first.missing)  # others let assets in meanwhile
    for name in names:
        if name in shelf.assets or name in shelf.missing:
            continue
        if name in missing:
            shelf.lose(name, missing[name])
        elif name in assets:
            try:
                shelf.put(_again(assets[name], opened.allowed, link))
            except TwinstageError as problem:
                shelf.lose(name, str(problem))


def _again(asset: Asset, allowed: AllowedFolders, link: str) -> Asset:
    """UserError where it cannot be had any more."""
    plain = Path(plain_name(str(asset.file)))
    if tuple(_stamp(path) for path in asset.files) == asset.stamps:
        layers = _screened_in(asset.name, plain, allowed, link)
        if _files_of(layers) == _files_of(asset.layers):
            return replace(asset, file=Path(link + str(plain)), layers=layers)
    if not plain.is_file():
        raise UserError(f"asset {asset.name} cannot be placed: its file is not there any more")
    return let_in(asset.name, plain, allowed, link)


def _files_of(layers: Iterable[Any]) -> set[str]:
    """A file that was missing may be there now, and nobody has looked at it."""
    return {plain_name(layer.identifier) for layer in layers if not layer.anonymous}


def screen_placed(opened: Any) -> list[Any]:
    """Screen what the `ui` layer of an opened stage refers to; the layers, which must be kept."""
    return screened_parts(opened.layers.ui, opened.allowed)


def screened_parts(layer: Any, allowed: AllowedFolders) -> list[Any]:
    """Screen what a layer of ours refers to; the layers, which must be kept."""
    kept: list[Any] = []
    for path in layer.GetCompositionAssetDependencies():
        if os.path.isfile(path) and allowed.allows(path):
            kept += _screened(Path(path), allowed)
    return kept
