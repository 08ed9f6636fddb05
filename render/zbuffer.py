"""What each pixel sees first: a depth buffer filled part by part, with the triangle that was hit."""

from dataclasses import dataclass

import numpy as np

from twinstage.render.bounds import PixelRect, image_rect
from twinstage.render.capture import Camera
from twinstage.render.casting import Part, RayGrid
from twinstage.scene.columns import F4, I4, U4, Bool
from twinstage.scene.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Hits:
    """The answer for a grid of rays: t f4 (depth z [m], inf where nothing), triangle u4, barycentric f4[..., 2]."""

    t: F4
    triangle: U4
    barycentric: F4


class ZBuffer:
    """Nearest hits of an image.

    depth f4[h, w]: z along the optical axis [m], inf = background; instance i4[h, w]: row of the instance table or -1;
    triangle u4[h, w] in its prototype; barycentric f4[h, w, 2]: weights of the triangle's second and third corner.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        shape = (camera.height, camera.width)
        self.depth: F4 = np.full(shape, np.inf, np.float32)
        self.instance: I4 = np.full(shape, -1, np.int32)
        self.triangle: U4 = np.zeros(shape, np.uint32)
        self.barycentric: F4 = np.zeros((*shape, 2), np.float32)

    def hidden(self, part: Part, rect: PixelRect) -> bool:
        """Whether everything of that part in that rectangle is behind what is drawn already."""
        # Float32 depths stray by parts in 1e7 from the float64 bound; the margin keeps the answer conservative.
        return bool(self.depth[rect.slices(image_rect(self.camera))].max() < part.nearest * (1 - 1e-6))

    def draw(self, part: Part, rect: PixelRect, hits: Hits) -> None:
        """Take what is strictly nearer; of equal depths the one drawn first stays."""
        window = rect.slices(image_rect(self.camera))
        nearer = hits.t < self.depth[window]
        if not nearer.any():
            return
        np.copyto(self.depth[window], hits.t, where=nearer)
        np.copyto(self.instance[window], np.int32(part.instance), where=nearer)
        np.copyto(self.triangle[window], hits.triangle, where=nearer)
        np.copyto(self.barycentric[window], hits.barycentric, where=nearer[..., None])


def cast_part(camera: Camera, part: Part, rect: PixelRect) -> Hits:
    """Hits of one part alone, on its own, through the pixel centres of `rect`; only between near and far."""
    answer = part.bvh.cast(RayGrid(camera, part.world_from_box).over(rect))
    t = answer["t_hit"].numpy()
    t += np.float32(camera.near)
    if camera.far < 1e30:
        t[t > camera.far] = np.inf
    triangle = answer["primitive_ids"].numpy()
    if part.bvh.triangle is not None:
        triangle = part.bvh.triangle[np.minimum(triangle, len(part.bvh) - 1)].astype(np.uint32)
    return Hits(t, triangle, answer["primitive_uvs"].numpy())


def pixels_by_instance(zbuffer: ZBuffer) -> list[tuple[int, np.ndarray]]:
    """For each instance in the buffer its row and the flat indices of its pixels, by rising row."""
    flat = zbuffer.instance.ravel()
    order = np.argsort(flat, kind="stable")
    rows, starts = np.unique(flat[order], return_index=True)
    groups = np.split(order, starts[1:])
    return [(int(row), group) for row, group in zip(rows.tolist(), groups, strict=True) if row >= 0]


def corner_weights(zbuffer: ZBuffer, pixels: np.ndarray) -> F4:
    """Weights f4[n, 3] of the three corners of the triangles hit at those flat pixel indices."""
    uv = zbuffer.barycentric.reshape(-1, 2)[pixels]
    return np.column_stack([1 - uv[:, 0] - uv[:, 1], uv])


def world_normals(snapshot: Snapshot, zbuffer: ZBuffer) -> F4:
    """Unit shading normals f4[h, w, 3] in the world: the vertices' normals interpolated; 0 for the background.

    Where a ray met the back of a triangle the normal is turned round, so that it belongs to the side that is seen.
    """
    out = np.zeros((zbuffer.depth.size, 3), np.float32)
    eye = zbuffer.camera.world_from_camera[:3, 3]
    triangles = zbuffer.triangle.ravel()
    for row, pixels in pixels_by_instance(zbuffer):
        prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
        world = snapshot.instance_world[row]
        corners = prototype.triangles[triangles[pixels]]
        weights = corner_weights(zbuffer, pixels)
        normal = np.einsum("nk,nkj->nj", weights, prototype.normals[corners])
        normal = normal @ np.linalg.inv(world[:3, :3]).astype(np.float32)
        out[pixels] = _towards_viewer(normal, _front_facing(prototype.points, corners, world, eye))
    norm = np.sqrt(np.einsum("ij,ij->i", out, out))
    out /= np.where(norm == 0, 1, norm)[:, None]
    return out.reshape(*zbuffer.depth.shape, 3)


def _front_facing(points: F4, corners: np.ndarray, world: np.ndarray, eye: np.ndarray) -> Bool:
    """Whether the camera at `eye` is on the outer side of each triangle."""
    local_eye = np.linalg.solve(world[:3, :3], eye - world[:3, 3])
    a = points[corners[:, 0]]
    outward = np.cross(points[corners[:, 1]] - a, points[corners[:, 2]] - a)
    front: Bool = np.einsum("ij,ij->i", outward, local_eye.astype(np.float32) - a) > 0
    return front


def _towards_viewer(normal: np.ndarray, front: np.ndarray) -> np.ndarray:
    return np.where(front[:, None], normal, -normal)
