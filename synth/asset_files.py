"""USD files that a recipe brings into the stage: found, screened, and referenced so that their size and up axis are right.

Touches pxr and files.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.author import NewPrim
from twinstage.scene.columns import F8
from twinstage.scene.edits import stage_world, z_up_from_stage
from twinstage.scene.stage import OpenedStage, open_stage
from twinstage.synth.randomizers.base import Setting


def asset_files(folder: Path, patterns: Sequence[str], who: str) -> list[Path]:
    """The files that the patterns, relative to the folder, mean: each once, by name within a pattern.

    Raises UserError for one that means none.
    """
    out: dict[Path, None] = {}
    for pattern in patterns:
        parent = (folder / pattern).parent
        hits = sorted(parent.glob(Path(pattern).name)) if "*" in Path(pattern).name else [folder / pattern]
        there = [hit for hit in hits if hit.is_file()]
        if not there:
            known = sorted(p.name for p in parent.iterdir()) if parent.is_dir() else []
            raise UserError(f"{who}: there is no file {pattern!r}{did_you_mean(Path(pattern).name, known)}")
        out.update((Path(os.path.normpath(hit)), None) for hit in there)
    return list(out)


def asset_prim(path: str, file: Path, setting: Setting, who: str) -> NewPrim:
    """A prim that is the file's default prim, in metres and upright whatever units and axes either has."""
    world = _in_stage(_opened(file, setting.recipe_folder, setting.stage_folder), setting, who)
    reference = Path(os.path.relpath(file, setting.stage_folder)).as_posix()
    return NewPrim(
        path, "Xform", tuple(float(v) for v in world.ravel()), reference=reference, kind="component"
    )


@lru_cache(maxsize=4096)
def _opened(file: Path, *roots: Path) -> OpenedStage:
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
