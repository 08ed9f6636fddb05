"""The pinhole: straight lines stay straight."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from twinstage.scene.columns import F8


@dataclass(frozen=True, slots=True)
class Pinhole:
    """xy are the tangents of the ray's angles to the optical axis."""

    kind: ClassVar[str] = "pinhole"
    along_axis: ClassVar[bool] = True
    central: ClassVar[bool] = True
    affine: ClassVar[bool] = True

    def rays(self, xy: F8) -> tuple[F8, F8]:
        """See `Lens`."""
        directions = np.concatenate([xy, np.ones((*xy.shape[:-1], 1))], -1)
        return np.zeros_like(directions), directions

    def project(self, points: F8) -> F8:
        """See `Lens`; NaN for what is not before the camera."""
        z = points[:, 2:]
        out: F8 = points[:, :2] / np.where(z > 0, z, np.nan)
        return out


PINHOLE = Pinhole()
