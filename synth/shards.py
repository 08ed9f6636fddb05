"""Which frames a shard, or several together, hold. Plain data: `[i, n]` is every n-th frame from i on; a list of such pairs is
what some of the shards hold together, in the one form that their order does not change."""

from collections.abc import Iterable, Sequence
from math import lcm
from typing import Any

Pair = tuple[int, int]


def pairs_of(shard: Any) -> list[Pair]:
    """The pairs of a manifest's `shard`."""
    if shard and isinstance(shard[0], int):
        return [(int(shard[0]), int(shard[1]))]
    return [(int(i), int(n)) for i, n in shard]


def united(shards: Iterable[Sequence[Pair]]) -> list[Any]:
    """What several shards hold together: `[i, n]`, or a list of such with one n. `[0, 1]` is all."""
    pairs = sorted({pair for shard in shards for pair in shard})
    step = lcm(*(n for _, n in pairs))
    held = {place for i, n in pairs for place in range(i, step, n)}
    for n in range(1, step + 1):
        rest = {place % n for place in held}
        if step % n == 0 and len(held) == len(rest) * (step // n):
            out = [[i, n] for i in sorted(rest)]
            return out[0] if len(out) == 1 else out
    raise AssertionError("n = step always fits")


def frames_of(shard: Any, frames: int) -> set[int]:
    """The frames that a manifest's `shard` holds."""
    return {frame for i, n in pairs_of(shard) for frame in range(i, frames, n)}
