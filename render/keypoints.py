"""Key points in a picture: where they are, and whether something hides them.

A key point is a mark on an object (`twin:keypoint:<name>`). Its v is COCO's:

    0   not in the picture: outside of the image or of what the lens sees, before near, beyond far, or not shown (its prim
        or point is invisible)
    1   in the picture, but hidden
    2   in the picture and seen

The rule of hiding. From the key point a ray runs back to where the camera looks from, up to the near plane. It starts
`tolerance` metres away from the key point (and twice the chord error of the object's own surface), so that the surface on
which the mark lies does not hide it; nor does anything else that touches it there. Whatever the ray meets hides the
point: other objects and the object's own body alike. One exception: a mark enclosed by its object (the middle of a joint,
of a wheel) cannot be hidden by that object, for then nobody could ever see it; only others hide it. Enclosed is a mark that
lies off its object's surface by more than the tolerance, and from which the surface is met in all 26 directions of a cube's
faces, edges and corners (in the axes of the mark's prim). No depths are compared, so the answer does not depend on how far
the camera is away.

What hides is what the label pass draws, by the same rule of what is not opaque (`render.opacity`): invisible instances,
materials of constant opacity 0 and the holes of cut-outs hide nothing. Things stand where they are at the frame's time; a
camera that moves looks from where it is when it exposes the key point's row.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.render.bodies import Bodies, bodies_of
from twinstage.render.capture import Camera
from twinstage.render.casting import SHARED_BVHS, BvhCache
from twinstage.render.opacity import Transparency
from twinstage.render.surface import near_surface
from twinstage.scene.columns import F8, I4, U1, Bool, frozen
from twinstage.scene.snapshot import Snapshot

_AROUND = np.array(
    [[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z], np.float64
)
NOT_SHOWN, HIDDEN, SEEN = 0, 1, 2
TOLERANCE = 1e-3
"""How far from a key point surfaces do not hide it [m]."""


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
    transparent: Transparency = "surface",
    cache: BvhCache = SHARED_BVHS,
) -> SeenKeypoints:
    """The key points of those objects (rows; None for all) as the camera sees them, with their visibility.

    `tolerance` [m] and `transparent`: see the module's docstring and `render.opacity`.
    """
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
        bodies = bodies_of(snapshot, cache, transparent)
        chosen = rows[asked]
        marks = _Marks(table.object[chosen], world[asked], snapshot.node_world[table.node[chosen], :3, :3])
        hidden = _hidden(bodies, camera, marks, pixels[asked], tolerance)
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


@dataclass(frozen=True, slots=True)
class _Marks:
    """Key points in the picture: object i4[n], place in the world f8[n, 3] [m], axes of their prims f8[n, 3, 3]."""

    object: np.ndarray
    world: F8
    axes: F8


def _hidden(bodies: Bodies, camera: Camera, marks: _Marks, pixels: F8, tolerance: float) -> Bool:
    """Whether something stands between marks in the picture and the camera, bool[n]."""
    world = marks.world
    own, chord = _own_hides(bodies, marks, tolerance)
    origin, along = camera.rays_at(pixels)
    back = origin - world
    length = np.linalg.norm(back, axis=1)
    # The ray ends on the near plane, or the near sphere, and starts where the mark's surroundings end.
    end = 1 - camera.near * np.linalg.norm(along, axis=1) / length
    first = np.minimum((tolerance + 2 * chord) / length, end)
    start, direction = world + first[:, None] * back, (end - first)[:, None] * back
    hidden = np.zeros(len(world), bool)
    for k, rays in bodies.meeting(start, direction):
        rays = rays[~hidden[rays] & (own[rays] | (marks.object[rays] != bodies.object[k]))]
        if len(rays):
            hidden[rays] = bodies.hit(k, start[rays], direction[rays])
    return hidden


def _own_hides(bodies: Bodies, marks: _Marks, tolerance: float) -> tuple[Bool, F8]:
    """Whether each mark's own object can hide it, and the chord error of the surface that it lies on, f8[n] [m]."""
    own, chord = np.ones(len(marks.world), bool), np.zeros(len(marks.world))
    for index in np.unique(marks.object).tolist():
        mine = np.flatnonzero(marks.object == index)
        parts = np.flatnonzero(bodies.object == index).tolist()
        surfaces = [(bodies.bvhs[k], bodies.world[k]) for k in parts]
        on, chord[mine] = near_surface(surfaces, marks.world[mine], tolerance)
        off = mine[~on]
        if len(off):
            own[off] = ~_enclosed(bodies, parts, marks.world[off], marks.axes[off])
    return own, chord


def _enclosed(bodies: Bodies, parts: list[int], world: F8, axes: F8) -> Bool:
    """Whether places [n, 3] see those bodies in all directions of `_AROUND`, bool[n]."""
    directions = np.einsum("nij,dj->ndi", axes, _AROUND)
    length = np.linalg.norm(directions, axis=-1, keepdims=True)
    directions = np.where(length > 0, directions / np.where(length > 0, length, 1.0), _AROUND)
    open_ = np.ones(directions.shape[:2], bool)
    for k in parts:
        away = np.linalg.norm(world - bodies.middle[k], axis=1)
        reach = away + np.linalg.norm(bodies.half[k]) * np.linalg.norm(bodies.world[k, :3, :3], 2)
        start = np.broadcast_to(world[:, None], directions.shape)
        rays = (reach[:, None, None] * 1.01) * directions
        open_ &= ~bodies.hit(k, start.reshape(-1, 3), rays.reshape(-1, 3)).reshape(open_.shape)
    out: Bool = np.logical_not(open_.any(axis=1))
    return out
