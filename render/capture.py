"""What a camera is and what it gives: plain data, numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from twinstage.scene.columns import F8, frozen


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera.

    Attributes:
        name: used in file names.
        width, height: [px].
        K: intrinsics f8[3, 3] with the pixel-edge origin: the centre of the top-left pixel is at (0.5, 0.5).
        world_from_camera: f8[4, 4], column-vector, OpenCV axes (+x right, +y down, +z forward) [m].
        near, far: clipping distances along the optical axis [m].
        exposure: of the camera itself [EV]: pictures are 2^exposure times as bright, unless they find their own exposure.
    """

    name: str
    width: int
    height: int
    K: F8
    world_from_camera: F8
    near: float = 0.01
    far: float = 1e6
    exposure: float = 0.0

    def rays(self) -> tuple[F8, F8]:
        """Origins and directions f8[height * width, 3] in the world through all pixel centres, row by row.

        Directions have z = 1 in camera axes, so the ray parameter is the depth z along the optical axis [m].
        """
        x, y = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        pixels = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], -1)
        directions = pixels @ np.linalg.inv(self.K).T @ self.world_from_camera[:3, :3].T
        origins = np.broadcast_to(self.world_from_camera[:3, 3], directions.shape)
        return np.ascontiguousarray(origins), directions

    def project(self, points: np.ndarray) -> tuple[F8, F8]:
        """Pixel positions f8[n, 2] and depths z f8[n] [m] of world points [n, 3]; behind the camera z <= 0."""
        rotation, centre = self.world_from_camera[:3, :3], self.world_from_camera[:3, 3]
        local = (np.asarray(points, np.float64) - centre) @ rotation
        z = local[:, 2]
        pixels = local @ self.K.T
        return pixels[:, :2] / np.where(z == 0, np.nan, z)[:, None], z


def pinhole(fx: float, fy: float, cx: float, cy: float) -> F8:
    """The 3x3 intrinsics of those focal lengths and principal point [px], pixel-edge origin."""
    return frozen(np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), np.float64)


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """One object as one camera sees it; see `render.labels` for how the counts are made.

    `object` indexes `Snapshot.objects`. `visible` and `amodal` are bool[height, width]; `amodal_px_total` counts the
    full silhouette also outside the image.
    """

    object: int
    visible: np.ndarray
    amodal: np.ndarray
    visible_px: int
    amodal_px_in_frame: int
    amodal_px_total: int


@dataclass(frozen=True, slots=True)
class Capture:
    """What an engine or the label pass gives for one camera. AOVs are arrays [height, width, ...] by name.

    Names and dtypes: `rgb` u1[..., 3] (sRGB); `depth` f4 (z along the optical axis [m], inf = background);
    `object` i4 (index into `Snapshot.objects` + 1, 0 = background); `normal` f4[..., 3] (world).
    """

    camera: Camera
    aovs: Mapping[str, np.ndarray]
    objects: tuple[ObjectMask, ...] = field(default=())
    time_code: float | None = None
