"""Everything that can stand in the way of a line of sight: what the label pass draws, as segments meet it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from twinstage.render.casting import SHARED_BVHS, Bvh, BvhCache, drawn_instances
from twinstage.render.opacity import Cutouts, Transparency, cutouts
from twinstage.scene.columns import F8, I4, Bool, frozen
from twinstage.scene.snapshot import Snapshot

_PAIRS = 200_000
"""Pairs of rays and boxes that are looked at at once."""


@dataclass(frozen=True, slots=True)
class Bodies:
    """The k instances that can hide something: row i4[k], object i4[k], triangles, world_from_gprim [m], and their boxes.

    inverse f8[k, 3, 3] takes directions into the box's frame, middle f8[k, 3] [m] is its origin, half f8[k, 3] its size.
    """

    row: I4
    object: I4
    bvhs: list[Bvh]
    holes: list[Cutouts | None]
    world: F8
    inverse: F8
    middle: F8
    half: F8

    def meeting(self, start: F8, direction: F8) -> Iterator[tuple[int, np.ndarray]]:
        """Bodies, and the segments (start to start + direction) that may touch their boxes (slabs, a little enlarged)."""
        step = max(_PAIRS // max(len(start), 1), 1)
        for a in range(0, len(self.object), step):
            block = slice(a, a + step)
            o = np.einsum("bij,brj->bri", self.inverse[block], start[None] - self.middle[block, None])
            d = np.einsum("bij,rj->bri", self.inverse[block], direction)
            half = self.half[block, None] * 1.001 + 1e-6 * (1 + self.half[block, None].max(-1, keepdims=True))
            still = d == 0
            with np.errstate(divide="ignore", invalid="ignore"):
                near, far = (-half - o) / d, (half - o) / d
            low = np.where(still, -np.inf, np.minimum(near, far)).max(-1)
            high = np.where(still, np.inf, np.maximum(near, far)).min(-1)
            beside = ((np.abs(o) > half) & still).any(-1)
            touched = (np.maximum(low, 0) <= np.minimum(high, 1)) & ~beside
            for k in np.flatnonzero(touched.any(1)).tolist():
                yield a + k, np.flatnonzero(touched[k])

    def hit(self, k: int, start: F8, direction: F8) -> Bool:
        """Whether segments hit a triangle of the k-th body, bool[n]."""
        rays = np.concatenate(
            [(start - self.middle[k]) @ self.inverse[k].T, direction @ self.inverse[k].T], 1
        ).astype(np.float32)
        holes = self.holes[k]
        if holes is None:
            hit: Bool = self.bvhs[k].occluded(rays, 1.0)
            return hit
        found = self.bvhs[k].all_hits(rays)
        triangle, whole = found["primitive_ids"].astype(np.int64), self.bvhs[k].triangle
        solid = holes.solid(triangle if whole is None else whole[triangle], found["primitive_uvs"])
        out = np.zeros(len(rays), bool)
        out[found["ray_ids"][solid & (found["t_hit"] <= 1.0)].astype(np.int64)] = True
        return out


def bodies_of(
    snapshot: Snapshot, cache: BvhCache = SHARED_BVHS, transparent: Transparency = "surface"
) -> Bodies:
    """All that is drawn, but what is squashed flat."""
    table = snapshot.instances
    drawn = list(drawn_instances(snapshot, transparent))
    rows = np.array([row for row, _ in drawn], np.int64)
    world = np.array(snapshot.instance_world[rows]).reshape(-1, 4, 4)
    # What is squashed flat has no outline, as in the label pass.
    solid = np.abs(np.linalg.det(world[:, :3, :3])) > 1e-30
    world = world[solid]
    drawn = [drawn[k] for k in np.flatnonzero(solid).tolist()]
    rows = rows[solid]
    bvhs = [cache.get(snapshot.prototypes[int(table.prototype[row])], slots) for row, slots in drawn]
    kinds: dict[tuple[int, int], Cutouts | None] = {}
    holes = []
    for row in rows.tolist():
        kind = int(table.prototype[row]), int(table.material_set[row])
        if kind not in kinds:
            prototype, materials = snapshot.prototypes[kind[0]], snapshot.material_sets[kind[1]]
            kinds[kind] = cutouts(snapshot, prototype, materials, transparent)
        holes.append(kinds[kind])
    centre = np.array([bvh.centre for bvh in bvhs]).reshape(-1, 3)
    half = np.array([bvh.half for bvh in bvhs]).reshape(-1, 3)
    middle = np.einsum("nij,nj->ni", world[:, :3, :3], centre) + world[:, :3, 3]
    return Bodies(
        frozen(rows, np.int32),
        table.object[rows],
        bvhs,
        holes,
        world,
        np.linalg.inv(world[:, :3, :3]),
        middle,
        half,
    )
