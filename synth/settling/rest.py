"""Whether what has settled may be used: it is at rest, nothing is inside anything else, and all of it is where it should be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.render.extents import Box
from twinstage.scene.columns import F8
from twinstage.synth.settling.world import Settled


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rest has to be like.

    Attributes:
        max_depth: how deep bodies may be in anything [m].
        inside: where the middles of bodies have to be: x and y, and z not below its floor [m].
        support: numbers of still pieces on which all has to rest, directly or on one another; empty for anything.
    """

    max_depth: float
    inside: Box
    support: frozenset[int]


def fault(settled: Settled, names: Sequence[str], middles: F8, wanted: Wanted) -> str | None:
    """Why this rest cannot be used, as the end of a sentence; None where it can. `middles` f8[n, 3]: in the world."""
    if settled.broken:
        return "the simulation went astray"
    if settled.blocked:
        return f"{names[settled.blocked[0]]} starts inside something"
    if settled.lost:
        return f"{names[settled.lost[0]]} fell out of its place"
    if not settled.calm:
        moving = int(np.argmax(settled.speed + 0.05 * settled.spin))
        speed, spin = settled.speed[moving], settled.spin[moving]
        return (
            f"{names[moving]} still moves after {settled.seconds:.1f} s ({speed:.3f} m/s, {spin:.2f} rad/s)"
        )
    if settled.depth > wanted.max_depth:
        body = max(settled.pair)
        return f"{names[body]} is {settled.depth * 1000:.2f} mm inside something"
    if settled.leaning:
        return f"{names[settled.leaning[0]]} lies on the rim, where only a guard holds it"
    low, high = wanted.inside.low, wanted.inside.high
    out = (middles[:, :2] < low[:2]).any(1) | (middles[:, :2] > high[:2]).any(1) | (middles[:, 2] < low[2])
    if out.any():
        return f"{names[int(np.argmax(out))]} fell out of its place"
    loose = set(range(len(names))) - supported(settled, wanted.support, len(names))
    if loose:
        return f"{names[min(loose)]} came to rest on something else"
    return None


def supported(settled: Settled, support: frozenset[int], count: int) -> set[int]:
    """Bodies that touch the support, or one that does."""
    if not support:
        return set(range(count))
    near: dict[int, set[int]] = {}
    for a, b in settled.touching:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    found: set[int] = set()
    waiting = [-1 - piece for piece in support]
    while waiting:
        for other in near.get(waiting.pop(), ()):
            if other >= 0 and other not in found:
                found.add(other)
                waiting.append(other)
    return found
