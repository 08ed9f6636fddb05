"""What a lamp sends to places, before anything stands in its way: float32, places as columns f4[3, n]."""

from dataclasses import dataclass

import numpy as np

from twinstage.render.lighting import PlacedLight, shaping_factor
from twinstage.scene.columns import F4, F8

_NEAREST = np.float32(1e-3)
"""Distances [m] from a lamp's middle count as no less."""

_REACH = 0.98
"""A shadow ray ends at this share of the way to a lamp's middle, so that the lamp's own housing is not in the way."""


@dataclass(frozen=True)
class Lamp:
    """A light that is no dome, its place counted from `origin` f8[3] of the world.

    `color` f4[3]: radiance times what the light's map lets through and what matt surfaces reflect of it.
    """

    placed: PlacedLight
    origin: F8
    color: F4

    @property
    def shadow(self) -> bool:
        """Whether what stands in its way makes a shadow."""
        return self.placed.light is None or self.placed.light.shadow

    @property
    def limit(self) -> float:
        """How many times `Sent.way` a shadow ray goes."""
        return np.inf if self.placed.kind == "distant" else 1.0

    @property
    def axis(self) -> F4:
        """Where it shines to, a unit vector f4[3]."""
        down = -self.placed.world_from_light[:3, 2]
        return np.asarray(down / np.linalg.norm(down), np.float32)

    def sent(self, position: F4, normal: F4) -> tuple[F4, F4]:
        """How much arrives at places with those normals, f4[n], and the way to the lamp f4[3, n].

        Times `color` and `tint` it is the radiance that a white matt surface reflects. A lamp that has a size shines from
        its middle as if its whole surface were there.
        """
        axis = self.axis
        if self.placed.kind == "distant":
            way = np.broadcast_to(-axis[:, None], position.shape)
            return np.maximum(-axis @ normal, 0) * np.float32(1 / np.pi), way
        centre = (self.placed.world_from_light[:3, 3] - self.origin).astype(np.float32)
        way = centre[:, None] - position
        square = np.maximum(_dot(way, way), _NEAREST**2)
        distance = np.sqrt(square)
        share = np.maximum(_dot(way, normal), 0)
        if self.placed.kind in ("rect", "disk"):
            share *= np.maximum(-axis @ way, 0)
            share /= distance
        share *= np.float32(self._area() / np.pi)
        share /= square
        share /= distance
        way *= np.float32(_REACH)
        return share, way

    def tint(self, way: F4) -> F4:
        """What shaping leaves of the light that comes along a way, f4[3, n] or, without shaping, f4[3, 1]."""
        light = self.placed.light
        if light is None or light.shaping is None:
            return np.ones((3, 1), np.float32)
        pose = self.placed.world_from_light
        sent = -way / np.sqrt(_dot(way, way))
        across = pose[:3, :2].T.astype(np.float32) @ sent  # along the light's X and Y
        factor = shaping_factor(light.shaping, self.axis @ sent, np.arctan2(across[1], across[0]))
        return factor.T.astype(np.float32)

    def _area(self) -> float:
        """Area [m^2] that it turns to places on its axis; to all places, where it is round."""
        light = self.placed.light
        if light is None:
            return 0.0
        sx, sy, _ = np.linalg.norm(self.placed.world_from_light[:3, :3], axis=0).tolist()
        if self.placed.kind == "rect":
            return float(light.width * sx * light.height * sy)
        if self.placed.kind in ("disk", "sphere"):
            return float(np.pi * light.radius**2 * sx * sy)
        return float(2 * light.radius * sy * light.length * sx)


def _dot(a: F4, b: F4) -> F4:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2], np.float32)
