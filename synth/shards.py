"""Which frames a shard, or several together, hold. Plain data: `[i, n]` is every n-th frame from i on; a list of such pairs is
what some of the shards hold together, in the one form that their order does not change."""

from collections.abc import Iterable, Sequence
from math import lcm
from typing import Any

from twinstage.base.errors import UserError

Pair = tuple[int, int]

MOST = 10**6
"""Shards beyond which there is none with a frame, as a recipe has fewer."""


def pairs_of(shard: Any) -> list[Pair]:
    """The pairs of a manifest's `shard`."""
    if shard and isinstance(shard[0], int):
        return [(int(shard[0]), int(shard[1]))]
    return [(int(i), int(n)) for i, n in shard]


def united(shards: Iterable[Sequence[Pair]]) -> list[Any]:
    """What several shards hold together: `[i, n]`, or a list of such with one n. `[0, 1]` is all. Raises UserError for shards
    whose common row of frames is longer than any dataset."""
    pairs = sorted({pair for shard in shards for pair in shard})
    step = lcm(*(n for _, n in pairs))
    if step > MOST:
        raise UserError(
            f"shards of {' and '.join(map(str, sorted({n for _, n in pairs})))} do not fit together"
        )
    held = {place for i, n in pairs for place in range(i, step, n)}
    for n in range(1, step + 1):
        if step % n:
            continue
        rest = {place % n for place in held}
        if len(held) == len(rest) * (step // n):
            out = [[i, n] for i in sorted(rest)]
            return out[0] if len(out) == 1 else out
    raise AssertionError("n = step always fits")


def frames_of(shard: Any, frames: int) -> set[int]:
    """The frames that a manifest's `shard` holds."""
    return {frame for i, n in pairs_of(shard) for frame in range(i, frames, n)}
