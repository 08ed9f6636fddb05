"""What each frame of a recipe is, before anything is drawn for it: its split and its stage. Plain data.

Frames are dealt out in an order that the seed draws, exactly by the shares; the same for any shard, worker and resume.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from twinstage.base.errors import UserError
from twinstage.synth.recipe import Recipe
from twinstage.synth.shards import MOST
from twinstage.synth.streams import Stream

ROWS_A_SPLIT = 2
"""Rows of frames that share a draw are kept together where there are at least so many of them for each split."""


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
    """Split of each frame: frames in an order drawn by the seed, dealt out by the shares (largest remainder).

    Frames that share a draw look alike, so they are dealt out together (`_rows`), and the shares are those of rows.
    """
    if not recipe.splits:
        return dict.fromkeys(range(recipe.frames))
    rows = _rows(recipe)
    order = _shuffled(recipe, list(rows), "splits")
    total, start, share = sum(recipe.splits.values()), 0, 0.0
    out: dict[int, str | None] = {}
    for name, weight in recipe.splits.items():
        share += weight / total
        end = round(share * len(order))
        out.update((frame, name) for first in order[start:end] for frame in rows[first])
        start = end
    return dict(sorted(out.items()))


def _rows(recipe: Recipe) -> dict[int, list[int]]:
    """Frames that belong together, by the first of them: those that share a draw by `when: {every: ...}`.

    Of several such randomizers the one with the longest rows counts, of which there are still some for each split: what is
    drawn once or twice for the whole dataset cannot tell frames apart.
    """
    found = {(r.when.every, r.when.offset): r.when for r in recipe.randomize if r.when.every > 1}
    for _, when in sorted(found.items(), reverse=True):
        rows: dict[int, list[int]] = {}
        for frame in range(recipe.frames):
            rows.setdefault(when.key_frame(frame), []).append(frame)
        if len(rows) >= ROWS_A_SPLIT * len(recipe.splits):
            return {row[0]: row for row in rows.values()}
    return {frame: [frame] for frame in range(recipe.frames)}


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
