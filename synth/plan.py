"""What each frame of a recipe is, before anything is drawn for it: its split and its stage. Plain data.

Frames are dealt out in an order that the seed draws, exactly by the shares; the same for any shard, worker and resume.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from twinstage.base.errors import UserError
from twinstage.synth.recipe import Recipe
from twinstage.synth.shards import MOST
from twinstage.synth.streams import Stream


@dataclass(frozen=True, slots=True)
class Job:
    """A frame to make. `split`: None where the recipe has none; `scene`: which of the recipe's stages."""

    frame: int
    split: str | None = None
    scene: int = 0


def plan(recipe: Recipe) -> dict[int, Job]:
    """The job of each frame. Raises UserError where the recipe splits by scene and has too few."""
    splits = deal_splits(recipe)
    scenes = _deal_scenes(recipe, splits)
    return {frame: Job(frame, split, scenes[frame]) for frame, split in splits.items()}


def deal_splits(recipe: Recipe) -> dict[int, str | None]:
    """Split of each frame: frames in an order drawn by the seed, dealt out by the shares (largest remainder)."""
    if not recipe.splits:
        return dict.fromkeys(range(recipe.frames))
    order = _shuffled(recipe, range(recipe.frames), "splits")
    total, start, share = sum(recipe.splits.values()), 0, 0.0
    out: dict[int, str | None] = {}
    for name, weight in recipe.splits.items():
        share += weight / total
        end = round(share * recipe.frames)
        out.update(dict.fromkeys(order[start:end], name))
        start = end
    return dict(sorted(out.items()))


def _deal_scenes(recipe: Recipe, splits: dict[int, str | None]) -> dict[int, int]:
    """Scene of each frame: the frames of a split in turns over the scenes that it may show."""
    stages = recipe.stage_names
    if len(stages) == 1 and "scene" not in recipe.split_by:
        return dict.fromkeys(splits, 0)
    out: dict[int, int] = {}
    dealing = recipe.dealing
    for split in dict.fromkeys(splits.values()):
        mine = [frame for frame, of in splits.items() if of == split]
        allowed = [stages.index(stage) for stage in dealing.allowed("scene", stages, split)]
        for place, frame in enumerate(_shuffled(recipe, mine, "scenes")):
            out[frame] = allowed[place % len(allowed)]
    return out


def _shuffled(recipe: Recipe, frames: Sequence[int], what: str) -> list[int]:
    return sorted(frames, key=lambda frame: (Stream(recipe.seed, frame, what, "order").unit(), frame))


def shard_frames(frames: int, shard: tuple[int, int]) -> list[int]:
    """The frame numbers of shard (i, n): i, i + n, ..."""
    index, count = shard
    if not 0 <= index < count <= MOST:
        raise UserError(f"shard {index}/{count}: expected I/N with I from 0 to N - 1, N at most {MOST}")
    return list(range(index, frames, count))
