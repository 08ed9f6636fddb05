"""Key points in a picture: where they are, and whether something hides them.

A key point is a mark on an object (`twin:keypoint:<name>`). Its v is COCO's:

    0   not in the picture: outside of the image or of what the lens sees, before near, beyond far, or not shown (its prim
        or point is invisible)
    1   in the picture, but hidden
    2   in the picture and seen

The rule of hiding. From the key point a ray runs back to where the camera looks from, up to the near plane. It starts
`tolerance` metres away from the key point (and twice the chord error of the object's own surface), so that the surface on
which the mark lies does not hide it; nor does anything else that touches it there. Whatever the ray meets hides the
point: other objects and the object's own body alike. One exception: a mark that lies off its object's surface by more than
the tolerance (the middle of a joint, of a wheel) cannot be hidden by that object, for then nobody could ever see it; only
others hide it. No depths are compared, so the answer does not depend on how far the camera is away.

What hides is what the label pass draws: invisible instances and materials of constant opacity 0 hide nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from twinstage.render.capture import Camera
from twinstage.render.casting import SHARED_BVHS, Bvh, BvhCache, drawn_instances
from twinstage.render.surface import near_surface
from twinstage.scene.columns import F8, I4, U1, Bool, frozen
from twinstage.scene.snapshot import Snapshot

NOT_SHOWN, HIDDEN, SEEN = 0, 1, 2
TOLERANCE = 1e-3
"""How far from a key point surfaces do not hide it [m]."""
_PAIRS = 200_000
"""Pairs of rays and boxes that are looked at at once."""


@dataclass(frozen=True, slots=True)
class SeenKeypoints:
    """Key points of one picture, in the order of `Snapshot.keypoints`.

    Attributes:
        row: rows of `Snapshot.keypoints`, i4[n]; object: of `Snapshot.objects`, i4[n]; name: of each.
        world: f8[n, 3] [m]; pixels: f8[n, 2], pixel-edge origin, NaN where the lens does not see; depth: z f8[n] [m].
        v: u1[n], see the module's docstring.
    """

    row: I4
    object: I4
    name: tuple[str, ...]
    world: F8
    pixels: F8
    depth: F8
    v: U1

    def __len__(self) -> int:
        return len(self.row)

    def coco(self, index: int, names: tuple[str, ...]) -> list[float]:
        """[x, y, v] a name of one object, one after the other; zeros for those that it has not or does not show."""
        found = {self.name[k]: k for k in np.flatnonzero((self.object == index) & (self.v > 0)).tolist()}
        out: list[float] = []
        for name in names:
            k = found.get(name)
            out += [0.0, 0.0, 0] if k is None else [*map(float, self.pixels[k]), int(self.v[k])]
        return out


def keypoint_world(snapshot: Snapshot, rows: np.ndarray) -> F8:
    """Places of those key points in the world, f8[n, 3] [m]."""
    table = snapshot.keypoints
    matrix = snapshot.node_world[table.node[rows]]
    out: F8 = np.einsum("nij,nj->ni", matrix[:, :3, :3], table.local[rows]) + matrix[:, :3, 3]
    return out


def seen_keypoints(
    snapshot: Snapshot,
    camera: Camera,
    objects: np.ndarray | None = None,
    *,
    tolerance: float = TOLERANCE,
    cache: BvhCache = SHARED_BVHS,
) -> SeenKeypoints:
    """The key points of those objects (rows; None for all) as the camera sees them, with their visibility."""
    table = snapshot.keypoints
    rows = np.arange(len(table))
    if objects is not None:
        rows = rows[np.isin(table.object, objects)]
    world = keypoint_world(snapshot, rows) if len(rows) else np.empty((0, 3))
    pixels, depth = camera.project(world) if len(rows) else (np.empty((0, 2)), np.empty(0))
    inside = _shown(snapshot, table.node[rows]) & _inside(camera, world, pixels, depth)
    v = np.where(inside, SEEN, NOT_SHOWN).astype(np.uint8)
    asked = np.flatnonzero(inside)
    if len(asked):
        hidden = _hidden(
            snapshot, camera, table.object[rows[asked]], world[asked], pixels[asked], tolerance, cache
        )
        v[asked[hidden]] = HIDDEN
    return SeenKeypoints(
        row=frozen(rows, np.int32),
        object=frozen(table.object[rows], np.int32),
        name=tuple(table.name[k] for k in rows.tolist()),
        world=frozen(world, np.float64),
        pixels=frozen(pixels, np.float64),
        depth=frozen(depth, np.float64),
        v=frozen(v, np.uint8),
    )


def _shown(snapshot: Snapshot, node: np.ndarray) -> Bool:
    """Whether the prims or points are visible, bool[n]."""
    n = len(snapshot.prims)
    out = np.empty(len(node), bool)
    of_prim = node < n
    out[of_prim] = snapshot.prims.visible[node[of_prim]]
    point = node[~of_prim] - n
    instancer = snapshot.points.instancer[point]
    out[~of_prim] = snapshot.points.visible[point] & snapshot.prims.visible[instancer]
    return out


def _inside(camera: Camera, world: F8, pixels: F8, depth: F8) -> Bool:
    """Whether points lie in the image and between near and far."""
    with np.errstate(invalid="ignore"):
        image = (pixels >= 0).all(1) & (pixels < [camera.width, camera.height]).all(1)
    reach = depth
    if not camera.lens.along_axis:
        reach = np.linalg.norm(world - camera.world_from_camera[:3, 3], axis=1)
    out: Bool = image & (reach >= camera.near) & (reach <= camera.far)
    return out


def _hidden(
    snapshot: Snapshot,
    camera: Camera,
    objects: np.ndarray,
    world: F8,
    pixels: F8,
    tolerance: float,
    cache: BvhCache,
) -> Bool:
    """Whether something stands between points [n, 3] in the picture and the camera, bool[n]."""
    bodies = _bodies(snapshot, cache)
    on, chord = _on_own_surface(bodies, objects, world, tolerance)
    origin, along = camera.rays_at(pixels)
    back = origin - world
    length = np.linalg.norm(back, axis=1)
    # The ray ends on the near plane, or the near sphere, and starts where the mark's surroundings end.
    end = 1 - camera.near * np.linalg.norm(along, axis=1) / length
    first = np.minimum((tolerance + 2 * chord) / length, end)
    start, direction = world + first[:, None] * back, (end - first)[:, None] * back
    hidden = np.zeros(len(world), bool)
    for k, rays in bodies.meeting(start, direction):
        rays = rays[~hidden[rays] & (on[rays] | (objects[rays] != bodies.object[k]))]
        if len(rays):
            hidden[rays] = bodies.hit(k, start[rays], direction[rays])
    return hidden


def _on_own_surface(bodies: "_Bodies", objects: np.ndarray, world: F8, tolerance: float) -> tuple[Bool, F8]:
    """Whether each point lies on its own object's surface, and that surface's chord error, f8[n] [m]."""
    on, chord = np.zeros(len(world), bool), np.zeros(len(world))
    for index in np.unique(objects).tolist():
        mine = np.flatnonzero(objects == index)
        parts = [(bodies.bvhs[k], bodies.world[k]) for k in np.flatnonzero(bodies.object == index).tolist()]
        on[mine], chord[mine] = near_surface(parts, world[mine], tolerance)
    return on, chord


@dataclass(frozen=True, slots=True)
class _Bodies:
    """The k instances that can hide something: object i4[k], triangles, world_from_gprim [m], and their boxes.

    inverse f8[k, 3, 3] takes directions into the box's frame, middle f8[k, 3] [m] is its origin, half f8[k, 3] its size.
    """

    object: I4
    bvhs: list[Bvh]
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
        hit: Bool = self.bvhs[k].occluded(rays, 1.0)
        return hit


def _bodies(snapshot: Snapshot, cache: BvhCache) -> _Bodies:
    drawn = list(drawn_instances(snapshot))
    table = snapshot.instances
    rows = np.array([row for row, _ in drawn], np.int64)
    bvhs = [cache.get(snapshot.prototypes[int(table.prototype[row])], slots) for row, slots in drawn]
    world = np.array(snapshot.instance_world[rows]).reshape(-1, 4, 4)
    # What is squashed flat has no outline, as in the label pass.
    solid = np.abs(np.linalg.det(world[:, :3, :3])) > 1e-30
    rows, world = rows[solid], world[solid]
    bvhs = [bvh for bvh, kept in zip(bvhs, solid.tolist(), strict=True) if kept]
    centre = np.array([bvh.centre for bvh in bvhs]).reshape(-1, 3)
    half = np.array([bvh.half for bvh in bvhs]).reshape(-1, 3)
    middle = np.einsum("nij,nj->ni", world[:, :3, :3], centre) + world[:, :3, 3]
    return _Bodies(table.object[rows], bvhs, world, np.linalg.inv(world[:, :3, :3]), middle, half)
