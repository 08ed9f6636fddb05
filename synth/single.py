"""One frame alone, with the bytes it has in the whole run; and as a USD file that other tools open.

Touches files and pxr.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.base.errors import UserError
from twinstage.synth import dataset as layout
from twinstage.synth.canonical import write_atomic
from twinstage.synth.frame import FrameMaker, FrameSummary
from twinstage.synth.memory import check_memory
from twinstage.synth.plan import Job, plan
from twinstage.synth.portable import portable
from twinstage.synth.recipe import Recipe
from twinstage.synth.start import STATE_LAYER, Start
from twinstage.synth.unfinished import resumable, writable


@dataclass(frozen=True, slots=True)
class SingleFrame:
    """What became of it; `files`: paths inside the folder; `usd`: the stage of the frame, where it was asked for."""

    summary: FrameSummary
    files: tuple[str, ...]
    usd: Path | None


def make_frame(
    recipe: Recipe,
    frame: int,
    out: Path | str,
    *,
    base_dir: Path | str = Path(),
    usd: bool = False,
    start: Start | None = None,
) -> SingleFrame:
    """Write the files of one frame into the folder `out`, and with `usd` a stage that shows it.

    `start`: the state that the recipe names; it is written beside the frame, whose layer names it.

    Raises UserError for a frame that the recipe does not have, for a folder with a dataset in it, and with `usd` for a frame
    that is rejected.
    """
    out, base_dir = Path(out), Path(base_dir)
    if not 0 <= frame < recipe.frames:
        raise UserError(f"frame {frame}: the recipe has frames 0 to {recipe.frames - 1}")
    for name in (layout.MANIFEST, layout.STATE):
        if (out / name).exists():
            raise UserError(f"{out} holds a dataset; choose another folder for a single frame")
    check_memory(recipe)
    maker = FrameMaker(portable(recipe, base_dir), base_dir, start)
    maker.check()
    job = plan(maker.recipe)[frame]
    with writable(out):
        out.mkdir(parents=True, exist_ok=True)
    with resumable(out):
        if maker.start is not None:
            write_atomic(out / STATE_LAYER, maker.start.text.encode())
        summary = maker.make(out, job.frame, job.split, job.scene)
        opened = _write_stage(maker, job, out) if usd else None
    name = layout.frame_name(frame)
    files = [p.relative_to(out).as_posix() for p in out.glob(f"*/{name}*") if p.is_file()]
    files += [STATE_LAYER] if maker.start is not None else []
    return SingleFrame(summary, tuple(sorted(files)), opened)


def _write_stage(maker: FrameMaker, job: Job, out: Path) -> Path:
    """A root layer with the frame's opinions over the recipe's stage; paths in it are relative to its own folder."""
    from pxr import Sdf, UsdUtils

    record: dict[str, Any] = json.loads((out / layout.record_path(job.frame)).read_bytes())
    if record["rejected"]:
        reason = record["rejected_attempts"][-1]["reason"]
        raise UserError(f"frame {job.frame} is rejected, so there is no stage of it: {reason}")
    made = maker.randomized(job.frame, record["attempt"], job.split, job.scene)
    stage = Path(maker.scenes[job.scene].opened.path).resolve()
    here = out.resolve()
    layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.ImportFromString(maker.layer(made, job.scene))
    UsdUtils.ModifyAssetPaths(layer, lambda path: _moved(path, stage.parent, here))
    state = [] if maker.start is None else [STATE_LAYER]
    layer.subLayerPaths = [*state, os.path.relpath(stage, here)]
    base = Sdf.Layer.FindOrOpen(str(stage))
    if base is not None and base.defaultPrim:
        layer.defaultPrim = base.defaultPrim
    if made.scene.time is not None:
        layer.startTimeCode = layer.endTimeCode = made.scene.time
    path = out / f"frame_{layout.frame_name(job.frame)}.usda"
    layer.Export(str(path))
    return path


def _moved(path: str, before: Path, after: Path) -> str:
    """A relative asset path as seen from another folder."""
    if not path or os.path.isabs(path) or "://" in path:
        return path
    return os.path.relpath(before / path, after)
