"""Rays of a camera in the space of one box: what the caster is fed with, in float32, and the same in float64.

Every instance is cast alone in its own space, so each camera and box make a grid of rays of their own. Where a ray's
origin and direction are affine in the pixel position (pinhole, orthographic), three numbers an axis say them all; any
other lens is asked for each pixel, once for an image. With a rolling shutter, or under things that move, each row has
a pose of its own.
"""

from collections import OrderedDict

import numpy as np

from twinstage.render.bounds import PixelRect, image_rect
from twinstage.render.capture import Camera
from twinstage.scene.columns import F4, F8

_KEPT_BYTES = 200_000_000
"""Of rays of whole images, by lens; 24 bytes a pixel, twice that for lenses that are not central."""


class View:
    """A camera made ready for casting.

    `poses`: world_from_camera f8[4, 4] where all rows look from one place, else f8[height, 4, 4], one a row; `basis`:
    origin and direction f8[3, 3] of a ray in camera axes as `matrix @ (x, y, 1)` of a pixel position, None where the
    lens is not affine.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.near, self.far = camera.near, camera.far
        self.poses: F8 = camera.world_from_camera
        if camera.path is not None:
            rows = camera.row_poses()
            self.poses = rows[0] if (rows == rows[0]).all() else rows
        self.basis = _basis(camera) if camera.lens.affine else None

    @property
    def rolling(self) -> bool:
        """Whether rows look from different poses."""
        return self.poses.ndim == 3

    def row(self, y: np.ndarray) -> np.ndarray:
        """Row of the image whose pose holds at those pixel rows; beyond the image it is the first or last one's."""
        return np.asarray(np.clip(y, 0, self.camera.height - 1))

    def local(self, rect: PixelRect, stride: int = 1) -> tuple[F8, F8]:
        """Origins and directions f8[rows, columns, 3] in camera axes through every `stride`-th pixel centre."""
        image = image_rect(self.camera)
        if rect.clipped(image) == rect:
            origins, directions = image_rays(self.camera)
            rows = slice(rect.y0 + stride // 2, rect.y1, stride)
            columns = slice(rect.x0 + stride // 2, rect.x1, stride)
            return origins[rows, columns], directions[rows, columns]
        x, y = centres(rect, stride)
        return self.camera.local_rays(np.stack(np.meshgrid(x, y), -1))


def centres(rect: PixelRect, stride: int = 1) -> tuple[F8, F8]:
    """x f8[columns] and y f8[rows] of every `stride`-th pixel centre of a rectangle."""
    x: F8 = np.arange(rect.x0 + stride // 2, rect.x1, stride, dtype=np.float64) + 0.5
    y: F8 = np.arange(rect.y0 + stride // 2, rect.y1, stride, dtype=np.float64) + 0.5
    return x, y


def _basis(camera: Camera) -> tuple[F8, F8]:
    """Origin and direction of an affine lens as matrices of (x, y, 1)."""
    origins, directions = camera.lens.rays(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    inverse = np.linalg.inv(camera.K)
    out = []
    for values in (origins, directions):
        columns = np.stack([values[0] - values[2], values[1] - values[2], values[2]], 1)
        out.append(columns @ inverse)
    return out[0], out[1]


_IMAGES: "OrderedDict[tuple[object, ...], tuple[F8, F8]]" = OrderedDict()


def image_rays(camera: Camera) -> tuple[F8, F8]:
    """`Camera.local_rays` of all pixel centres, f8[height, width, 3]; kept, as a lens rarely changes."""
    key = (camera.lens, camera.K.tobytes(), camera.width, camera.height)
    found = _IMAGES.get(key)
    if found is None:
        x, y = centres(image_rect(camera))
        origins, directions = camera.local_rays(np.stack(np.meshgrid(x, y), -1))
        if camera.lens.central:
            origins = np.broadcast_to(np.zeros(3), directions.shape)
        found = _IMAGES[key] = origins, directions
        while len(_IMAGES) > 1 and sum(d.nbytes for _, d in _IMAGES.values()) > _KEPT_BYTES:
            _IMAGES.popitem(last=False)
    else:
        _IMAGES.move_to_end(key)
    return found


class RayGrid:
    """The rays of a view in the frame of a box at `world_from_box`, f8[4, 4] or, where it moves, f8[height, 4, 4].

    Directions are not normalised there, so the ray parameter is the camera's own: z along the axis, or the range.
    `inverse` f8[..., 3, 3] is that of the pose's linear part. See `ray_grids`.
    """

    def __init__(
        self, view: View, inverse: F8, turn: F8, start: F8, affine: tuple[F8, F8, F8] | None
    ) -> None:
        self.view, self.inverse = view, inverse
        self._turn, self._start = turn, start
        self.by_row = turn.ndim == 3
        if affine is not None:
            self._origin, self._direction, self._matrices = affine

    @property
    def central(self) -> bool:
        """Whether all rays start in one point of the box's frame."""
        return self.view.camera.lens.central and not self.by_row

    @property
    def direction(self) -> F8 | None:
        """Of a pinhole that rests: directions as f8[3, 3] @ (x, y, 1); None where they are less simple."""
        return self._direction if self.central and self.view.basis is not None else None

    @property
    def eye(self) -> F8:
        """That point, f8[3]."""
        return self._start

    def over(self, rect: PixelRect, stride: int = 1) -> F4:
        """Rays f4[rows, columns, 6] from the near plane through every `stride`-th pixel centre; NaN where there is none."""
        x, y = centres(rect, stride)
        if self.view.basis is None:
            rays = np.empty((len(y), len(x), 6), np.float32)
            self._general(rect, stride, rays)
            return rays
        return self.crossing(x, y)

    def crossing(self, x: F8, y: F8) -> F4:
        """The same through all (x, y) of pixel positions x f8[columns], y f8[rows], for lenses that are affine."""
        rays = np.empty((len(y), len(x), 6), np.float32)
        if not self.by_row:
            down, across = self._sums(x, y)
            # One axis at a time: numpy's inner loop then runs over columns, six times faster than over the components.
            for k in range(6):
                np.add(down[k][:, None], across[k], out=rays[..., k])
            return rays
        rows = self.view.row(np.floor(y).astype(np.int64))
        for k in range(6):
            matrix = self._matrices[..., k, :]
            slope, base = matrix[rows, 0], matrix[rows, 1] * y + matrix[rows, 2]
            rays[..., k] = slope[:, None] * x + base[:, None]
        return rays

    def scattered(self, x: F8, y: F8, column: np.ndarray, row: np.ndarray) -> F4:
        """Some of the rays of `crossing`, f4[n, 6], bit for bit: those of pairs (x[column], y[row]); one pose for all."""
        down, across = self._sums(x, y)
        # All six numbers of a row, or of a column, lie side by side: they are gathered at once.
        rays = np.ascontiguousarray(down.T).take(row, axis=0)
        rays += np.ascontiguousarray(across.T).take(column, axis=0)
        return rays

    def _sums(self, x: F8, y: F8) -> tuple[F4, F4]:
        """What rows and columns add to each of the six numbers of a ray, f4[6, rows] and f4[6, columns]; summed in float32."""
        m = self._matrices
        return (m[:, 1:2] * y + m[:, 2:]).astype(np.float32), (m[:, :1] * x).astype(np.float32)

    def _general(self, rect: PixelRect, stride: int, rays: F4) -> None:
        origins, directions = self.view.local(rect, stride)
        turn, start = self._turn, self._start
        if self.by_row:
            rows = self.view.row(np.floor(centres(rect, stride)[1]).astype(np.int64))
            turn, start = turn[rows], start[rows][:, None]
        turned = directions @ np.swapaxes(turn, -1, -2)
        begin = turned * self.view.near + start
        if not self.view.camera.lens.central:
            begin += origins @ np.swapaxes(turn, -1, -2)
        rays[..., :3], rays[..., 3:] = begin, turned

    def exact(self, x: np.ndarray, y: np.ndarray) -> tuple[F8, F8]:
        """Origins and directions f8[3, n] through pixel centres x, y [n] of the image; t counts from the camera."""
        rows = self.view.row(np.floor(y).astype(np.int64))
        if self.view.basis is None:
            origins, directions = image_rays(self.view.camera)
            column = np.floor(x).astype(np.int64)
            return self.moved(origins[rows, column].T, directions[rows, column].T, rows)
        pair = []
        for matrix in (self._origin, self._direction):
            chosen = matrix[rows].transpose(1, 2, 0) if self.by_row else matrix
            pair.append(np.stack([chosen[k, 0] * x + chosen[k, 1] * y + chosen[k, 2] for k in range(3)]))
        return pair[0], pair[1]

    def moved(self, origins: F8, directions: F8, rows: np.ndarray) -> tuple[F8, F8]:
        """Rays f8[3, n] from the camera's axes into the box's frame, at the poses of those rows of the image."""
        if not self.by_row:
            return self._turn @ origins + self._start[:, None], self._turn @ directions
        turn = self._turn[rows]
        begin = np.einsum("nij,jn->in", turn, origins) + self._start[rows].T
        return begin, np.einsum("nij,jn->in", turn, directions)


def ray_grids(view: View, world_from_box: F8, inverse: F8) -> list[RayGrid]:
    """The rays in the frames of n boxes, f8[n, 4, 4] or, where they move, f8[n, height, 4, 4].

    `inverse` f8[..., 3, 3]: of their linear parts.
    Of affine lenses origins (from the camera, and on the near plane) and directions are f8[..., 3, 3] @ (x, y, 1).
    """
    back, place = inverse, world_from_box[..., :3, 3]
    if view.rolling and world_from_box.ndim == 3:
        back, place = back[:, None], place[:, None]
    turn = back @ view.poses[..., :3, :3]
    start = np.einsum("...ij,...j->...i", back, view.poses[..., :3, 3] - place)
    if view.basis is None:
        return [RayGrid(view, inverse[k], turn[k], start[k], None) for k in range(len(turn))]
    origin, direction = turn @ view.basis[0], turn @ view.basis[1]
    origin[..., 2] += start
    both = np.concatenate([origin + direction * view.near, direction], -2)
    return [
        RayGrid(view, inverse[k], turn[k], start[k], (origin[k], direction[k], both[k]))
        for k in range(len(turn))
    ]
