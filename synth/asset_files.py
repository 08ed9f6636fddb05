"""USD files that a recipe brings into the stage: found, screened, and referenced so that their size and up axis are right.

Touches pxr and files. Names are relative to the recipe's folder: a file, or a pattern (`parts/*.usd`).
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.author import NewPrim
from twinstage.scene.columns import F8
from twinstage.scene.edits import stage_world, z_up_from_stage
from twinstage.scene.stage import OpenedStage, open_stage
from twinstage.synth.randomizers.base import Setting


def asset_names(names: Sequence[str], setting: Setting, who: str) -> list[str]:
    """The files that the names mean, relative to the recipe's folder, each once.

    Raises UserError for a name that means none, and for a file that the stage may not reach.
    """
    allowed = setting.allowed or AllowedFolders(setting.stage_folder / "stage", ())
    out: dict[str, None] = {}
    for name in names:
        if Path(name).is_absolute():
            raise UserError(f"{who}: {name!r} is absolute; expected a path relative to the recipe's folder")
        base = Path(os.path.normpath(name))
        if not allowed.allows(str(setting.recipe_folder / base.parent / "x")):
            raise UserError(f"{who}: {name} lies outside the stage's folder and the recipe's asset_roots")
        parent = setting.recipe_folder / base.parent
        known = sorted(p.name for p in parent.iterdir() if p.is_file()) if parent.is_dir() else []
        pattern = any(c in base.name for c in "*?[")
        hits = sorted(p.name for p in parent.glob(base.name)) if pattern else [base.name]
        there = [hit for hit in hits if hit in known]
        if not there:
            raise UserError(f"{who}: there is no file {name!r}{did_you_mean(base.name, known)}")
        out.update(((base.parent / hit).as_posix(), None) for hit in there)
    return list(out)


def asset_prim(path: str, name: str, setting: Setting, who: str) -> NewPrim:
    """A prim that is the file's default prim, in metres and upright whatever units and axes either has."""
    world = _in_stage(_opened(name, setting), setting, who)
    reference = Path(os.path.relpath(setting.recipe_folder / name, setting.stage_folder)).as_posix()
    return NewPrim(
        path, "Xform", tuple(float(v) for v in world.ravel()), reference=reference, kind="component"
    )


def asset_hash(name: str, setting: Setting) -> str:
    """SHA-256 over the file and all layers that it uses, hex."""
    return _opened(name, setting).hash


def _opened(name: str, setting: Setting) -> OpenedStage:
    return _open(setting.recipe_folder / name, setting.stage_folder, setting.recipe_folder)


@lru_cache(maxsize=4096)
def _open(file: Path, *roots: Path) -> OpenedStage:
    """The file, screened in this process; kept, so that what is referenced is what was screened."""
    return open_stage(file, asset_roots=[root for root in roots if root.is_dir()], probe=False)


def _in_stage(opened: OpenedStage, setting: Setting, who: str) -> F8:
    """The default prim's own transform as the stage has to hold it: USD itself adapts neither units nor axes."""
    from pxr import UsdGeom

    prim = opened.stage.GetDefaultPrim()
    if not prim:
        raise UserError(f"{who}: {opened.path} has no default prim, so it cannot be referenced")
    own = np.eye(4)
    if prim.IsA(UsdGeom.Xformable):
        own = np.array(UsdGeom.Xformable(prim).GetLocalTransformation(), np.float64).T
    world = z_up_from_stage(opened.up_axis) @ own
    world[:3, :3] *= opened.meters_per_unit / setting.info.meters_per_unit
    world[:3, 3] *= opened.meters_per_unit
    return stage_world(setting.info, world)
