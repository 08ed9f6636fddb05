"""The orthographic lens: all rays run along the optical axis."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from twinstage.scene.columns import F8


@dataclass(frozen=True, slots=True)
class Orthographic:
    """xy are metres across the optical axis, so K states pixels a metre."""

    kind: ClassVar[str] = "orthographic"
    along_axis: ClassVar[bool] = True
    central: ClassVar[bool] = False
    affine: ClassVar[bool] = True

    def rays(self, xy: F8) -> tuple[F8, F8]:
        """See `Lens`."""
        origins = np.concatenate([xy, np.zeros((*xy.shape[:-1], 1))], -1)
        directions = np.zeros_like(origins)
        directions[..., 2] = 1.0
        return origins, directions

    def project(self, points: F8) -> F8:
        """See `Lens`; what lies behind the camera's plane is projected, too."""
        out: F8 = np.array(points[:, :2], np.float64)
        return out


ORTHOGRAPHIC = Orthographic()
