"""The panorama: longitude across, latitude down, the whole sphere or a part of it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from twinstage.scene.columns import F8


@dataclass(frozen=True, slots=True)
class Equirectangular:
    """xy are longitude (right of the optical axis) and latitude (below it) [rad].

    The whole sphere has fx = width / 2 pi, fy = height / pi and the principal point in the middle; other K show a part.
    Directions are (sin x cos y, sin y, cos x cos y). Nothing lies beyond |x| = pi or |y| = pi / 2.
    """

    kind: ClassVar[str] = "equirectangular"
    along_axis: ClassVar[bool] = False
    central: ClassVar[bool] = True
    affine: ClassVar[bool] = False

    def rays(self, xy: F8) -> tuple[F8, F8]:
        """See `Lens`; unit directions."""
        x, y = np.asarray(xy, np.float64)[..., 0], np.asarray(xy, np.float64)[..., 1]
        directions = np.stack([np.sin(x) * np.cos(y), np.sin(y), np.cos(x) * np.cos(y)], -1)
        # The edge itself belongs to the sphere, however K's inverse rounds it.
        directions[~((np.abs(x) <= np.pi + _EDGE) & (np.abs(y) <= np.pi / 2 + _EDGE))] = np.nan
        return np.zeros_like(directions), directions

    def project(self, points: F8) -> F8:
        """See `Lens`; NaN for the camera's own place only."""
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        level = np.hypot(x, z)
        out = np.stack([np.arctan2(x, z), np.arctan2(y, level)], -1)
        out[(level == 0) & (y == 0)] = np.nan
        return out


_EDGE = 1e-12
EQUIRECTANGULAR = Equirectangular()
