"""What a camera is and what it gives: plain data, numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from twinstage.render.lens.base import Lens
from twinstage.render.lens.pinhole import PINHOLE
from twinstage.render.motion import Shutter, Trajectory
from twinstage.scene.columns import F8, frozen

STILL = Shutter()
"""All rows at the frame's time."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera: one `Camera -> rays` function that labels, pictures and sensors share.

    Attributes:
        name: used in file names.
        width, height: [px].
        K: intrinsics f8[3, 3] with the pixel-edge origin: the centre of the top-left pixel is at (0.5, 0.5). What it
            maps from is the lens's matter: tangents, metres or angles.
        world_from_camera: f8[4, 4], column-vector, OpenCV axes (+x right, +y down, +z forward) [m]; at the frame's time.
        near, far: clipping distances [m], along the optical axis, or along the ray where the lens says so.
        exposure: of the camera itself [EV]: pictures are 2^exposure times as bright, unless they find their own exposure.
        lens: how places on the image become rays.
        shutter: when rows are exposed.
        path: where the camera is while the shutter is open; None where it rests at `world_from_camera`.
        aperture_radius, focus_distance: of the thin lens that pictures blur with [m]; 0 keeps everything sharp. Labels
            are those of the sharp picture.
    """

    name: str
    width: int
    height: int
    K: F8
    world_from_camera: F8
    near: float = 0.01
    far: float = 1e6
    exposure: float = 0.0
    lens: Lens = PINHOLE
    shutter: Shutter = STILL
    path: Trajectory | None = None
    aperture_radius: float = 0.0
    focus_distance: float = 0.0

    @property
    def simple(self) -> bool:
        """Whether rays are affine in the pixel position and all rows are exposed from one pose."""
        return self.lens.affine and self.path is None

    def rays(self) -> tuple[F8, F8]:
        """Origins [m] and directions f8[height * width, 3] in the world through all pixel centres, row by row.

        The ray parameter is the depth z along the optical axis [m] where `lens.along_axis`, else the range [m]. NaN
        where the lens sees nothing. Each row looks from where the camera is in the middle of the row's exposure.
        """
        x, y = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        return self.rays_at(np.stack([x.ravel(), y.ravel()], -1))

    def rays_at(self, pixels: np.ndarray) -> tuple[F8, F8]:
        """The same for any pixel positions f8[n, 2]; a row's pose holds for all of y in [row, row + 1)."""
        origins, directions = self.local_rays(np.asarray(pixels, np.float64))
        if self.path is None:
            pose = self.world_from_camera
            return origins @ pose[:3, :3].T + pose[:3, 3], directions @ pose[:3, :3].T
        row = np.clip(np.floor(np.asarray(pixels)[:, 1]).astype(np.int64), 0, self.height - 1)
        poses = self.row_poses()[row]
        turned = np.einsum("nij,nj->ni", poses[:, :3, :3], directions)
        return np.einsum("nij,nj->ni", poses[:, :3, :3], origins) + poses[:, :3, 3], turned

    def local_rays(self, pixels: F8) -> tuple[F8, F8]:
        """Origins [m] and directions f8[..., 3] in camera axes through pixel positions f8[..., 2]."""
        inverse = np.linalg.inv(self.K)
        return self.lens.rays(pixels @ inverse[:2, :2].T + inverse[:2, 2])

    def row_poses(self) -> F8:
        """world_from_camera in the middle of each row's exposure, f8[height, 4, 4]."""
        if self.path is None:
            return np.broadcast_to(self.world_from_camera, (self.height, 4, 4))
        return self.path.at(self.shutter.row_times(self.height))

    def project(self, points: np.ndarray) -> tuple[F8, F8]:
        """Pixel positions f8[n, 2] and depths z f8[n] [m] of world points [n, 3]; behind the camera z <= 0.

        NaN where the lens does not see. With a path, a point is seen by the row that looks at it when it passes; one that
        falls between two rows by one of the two; NaN where it is in no row's sight.
        """
        points = np.asarray(points, np.float64)
        if self.path is None:
            pose = self.world_from_camera
            return self._projected((points - pose[:3, 3]) @ pose[:3, :3])
        poses = self.row_poses()
        row = np.full(len(points), self.height // 2)
        for _ in range(ROW_STEPS):
            last = row
            pixels, depth = self._seen_from(poses[last], points)
            y = np.nan_to_num(pixels[:, 1], nan=self.height / 2, posinf=self.height, neginf=0)
            row = np.clip(np.floor(y), 0, self.height - 1).astype(np.int64)
        lost = np.flatnonzero(np.abs(row - last) > 1)
        step = max(1, MOST_SIGHTS // self.height)
        for begin in range(0, len(lost), step):
            part = lost[begin : begin + step]
            pixels[part], depth[part] = self._searched(poses, points[part])
        return pixels, depth

    def _searched(self, poses: F8, points: F8) -> tuple[F8, F8]:
        """`project` by looking from every row: from the one that a point is nearest to, at most one row from it."""
        count, height = len(points), self.height
        pixels, depth = self._seen_from(np.tile(poses, (count, 1, 1)), np.repeat(points, height, axis=0))
        pixels, depth = pixels.reshape(count, height, 2), depth.reshape(count, height)
        off = np.abs(np.floor(pixels[:, :, 1]) - np.arange(height))
        row = np.argmin(np.where(np.isnan(off), np.inf, off), axis=1)
        at = np.arange(count), row
        found = pixels[at]
        found[~(off[at] <= 1)] = np.nan
        return found, depth[at]

    def _seen_from(self, poses: F8, points: F8) -> tuple[F8, F8]:
        local = np.einsum("nji,nj->ni", poses[:, :3, :3], points - poses[:, :3, 3])
        return self._projected(local)

    def _projected(self, local: F8) -> tuple[F8, F8]:
        xy = self.lens.project(local)
        return xy @ self.K[:2, :2].T + self.K[:2, 2], local[:, 2]


ROW_STEPS = 8
"""Rounds in which a rolling shutter's projection settles on a row."""

MOST_SIGHTS = 500_000
"""Points times rows that are looked at at once where it does not."""


def pinhole(fx: float, fy: float, cx: float, cy: float) -> F8:
    """The 3x3 intrinsics of those focal lengths and principal point [px], pixel-edge origin."""
    return frozen(np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), np.float64)


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """One object as one camera sees it; see `render.labels` for how the counts are made.

    `object` indexes `Snapshot.objects`; `shape`: height and width of the image. The masks are kept as what lies inside of
    a window of it (x0, y0, x1, y1), so that those of a crowd need little memory: `seen` and `outline` are
    bool[y1 - y0, x1 - x0], nothing lies outside; `outline` is None where the amodal pass was not asked for.
    `amodal_px_total` counts the full silhouette also outside the image.
    """

    object: int
    shape: tuple[int, int]
    window: tuple[int, int, int, int]
    seen: np.ndarray
    outline: np.ndarray | None
    visible_px: int
    amodal_px_in_frame: int
    amodal_px_total: int

    @staticmethod
    def whole(
        row: int, visible: np.ndarray, amodal: np.ndarray, visible_px: int, in_frame: int, total: int
    ) -> "ObjectMask":
        """The mask of whole images bool[height, width]."""
        height, width = visible.shape
        return ObjectMask(
            row, (height, width), (0, 0, width, height), visible, amodal, visible_px, in_frame, total
        )

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the window in an image."""
        x0, y0, x1, y1 = self.window
        return slice(y0, y1), slice(x0, x1)

    @property
    def visible(self) -> np.ndarray:
        """Where the object is seen, bool[height, width]; made anew each time."""
        return self._pasted(self.seen)

    @property
    def amodal(self) -> np.ndarray:
        """Its whole silhouette inside the image, bool[height, width], made anew each time; bool[0, 0] where not asked for."""
        return np.zeros((0, 0), bool) if self.outline is None else self._pasted(self.outline)

    def _pasted(self, values: np.ndarray) -> np.ndarray:
        out = np.zeros(self.shape, bool)
        out[self.slices] = values
        return out


@dataclass(frozen=True, slots=True)
class Capture:
    """What an engine or the label pass gives for one camera. AOVs are arrays [height, width, ...] by name (`AOVS`).

    `ties`: pixels where surfaces of two or more instances lie in the same place (label pass). `chord_error`: greatest
    distance of the triangles that are seen from the round surfaces that they stand for [m]. `flow_lost`: pixels whose
    surface has no counterpart in the other moment, so that flow is NaN there.
    """

    camera: Camera
    aovs: Mapping[str, np.ndarray]
    objects: tuple[ObjectMask, ...] = field(default=())
    time_code: float | None = None
    ties: int = 0
    chord_error: float = 0.0
    flow_lost: int = 0


AOVS: Mapping[str, str] = {
    "rgb": "u1[3], sRGB, tone-mapped",
    "linear": "f4[3], linear rgb before exposure and tone map",
    "depth": "f4, z along the optical axis [m], inf = background",
    "range": "f4, distance along the ray from the camera [m], inf = background",
    "normal": "f4[3], unit shading normal in the world, 0 = background",
    "normal_camera": "f4[3], the same in camera axes (OpenCV)",
    "object": "i4, instance_id: row of Snapshot.objects + 1, 0 = background or no object",
    "instance": "i4, row of Snapshot.instances + 1 (one gprim of one object), 0 = background",
    "semantic": "i4, class id from the label map, 0 = none",
    "part": "i4, slot of the gprim (GeomSubset) + 1, 0 = background",
    "material": "i4, row of Snapshot.materials + 1, 0 = background",
    "uv": "f4[2], texture coordinates as USD has them, NaN where there are none",
    "nocs": "f4[3], place in the object's own 3D box, from 0 to 1 an axis, NaN = no object",
    "position": "f4[3], world point [m], NaN = background",
    "motion": "f4[3], where the surface point goes in the world until the next frame [m]",
    "flow": "f4[2], (dx, dy) from this frame to the next [px], NaN where the point leaves what the lens can see",
    "flow_occluded": "bool, the point is hidden in the next frame or outside of its image",
    "flow_back": "f4[2], (dx, dy) from this frame to the one before [px]",
    "flow_back_occluded": "bool, the point was hidden in the frame before or outside of its image",
}
"""The names of all AOVs, with what a pixel holds."""
