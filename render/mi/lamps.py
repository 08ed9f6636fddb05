"""Area lights as a table: one of them is chosen, and a point on it, without a shape in the scene.

For `direct`, lights need no shape: no ray is ever to hit one. Choosing and sampling them by arithmetic on a small table
takes a fifth of the time of Mitsuba's emitter calls, and a light cannot shade another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.render.lighting import PlacedLight
from twinstage.render.mi.runtime import Mitsuba
from twinstage.scene.columns import F8
from twinstage.scene.snapshot import Shaping

SHAPING_WIDTH = 9
KINDS = ("rect", "disk", "sphere", "cylinder")


@dataclass(frozen=True, slots=True)
class LampSample:
    """A point on a lamp (Point3f), and the radiance that it sends over there, divided by the density of the choice.

    `weight` (Color3f) times a BSDF value with its cosine is the light that is reflected, if nothing is in between.
    """

    point: Any
    direction: Any
    weight: Any


class LampTable:
    """The area lights of a snapshot: kind, world_from_shape f8[4, 4] (Mitsuba's unit shapes), radiance."""

    def __init__(self, runtime: Mitsuba, lights: Sequence[tuple[PlacedLight, F8]]) -> None:
        mi = runtime.mi
        self._runtime = runtime
        self.kinds = tuple(sorted({placed.kind for placed, _ in lights}))
        matrices = np.array([matrix for _, matrix in lights], np.float64)
        radiance = np.array([placed.radiance for placed, _ in lights], np.float64)
        areas = np.array([_area(placed.kind, matrix) for placed, matrix in lights])
        # By power, but nobody is forgotten.
        power = areas * radiance.max(1)
        weights = power + 0.02 * power.sum() + 1e-12
        self._choice = mi.DiscreteDistribution(mi.Float((weights / weights.sum()).astype(np.float32)))
        self._matrix = mi.Float(matrices[:, :3].astype(np.float32).ravel())
        self._radiance = mi.Float(radiance.astype(np.float32).ravel())
        self._area = mi.Float(areas.astype(np.float32))
        self._kind = mi.UInt32(np.array([KINDS.index(placed.kind) for placed, _ in lights], np.uint32))
        shapings = [placed.light.shaping if placed.light is not None else None for placed, _ in lights]
        rows = [_shaping_row(shaping, placed) for shaping, (placed, _) in zip(shapings, lights, strict=True)]
        self._shaping = mi.Float(np.array(rows, np.float32).ravel()) if any(shapings) else None

    def sample(self, position: Any, number: Any, active: Any) -> LampSample:
        """A lamp and a point on it as seen from `position`, by two numbers in [0, 1)."""
        mi, dr = self._runtime.mi, self._runtime.dr
        index, first, share = self._choice.sample_reuse_pmf(number.x, active)
        m = [dr.gather(mi.Float, self._matrix, index * 12 + k, active) for k in range(12)]
        axes = [mi.Vector3f(m[k], m[4 + k], m[8 + k]) for k in range(3)]
        centre = mi.Point3f(m[3], m[7], m[11])
        kind = dr.gather(mi.UInt32, self._kind, index, active)
        point, normal = mi.Point3f(0.0), mi.Vector3f(0.0, 0.0, 1.0)
        for name in self.kinds:
            here, outward = self._on(name, axes, centre, position, mi.Point2f(first, number.y))
            match = kind == KINDS.index(name)
            point, normal = dr.select(match, here, point), dr.select(match, outward, normal)
        toward = point - position
        distance2 = dr.maximum(dr.squared_norm(toward), 1e-8)
        direction = toward * dr.rsqrt(distance2)
        facing = dr.maximum(-dr.dot(dr.normalize(normal), direction), 0.0)
        radiance = mi.Color3f(*(dr.gather(mi.Float, self._radiance, index * 3 + k, active) for k in range(3)))
        if self._shaping is not None:
            radiance *= self._shaped(index, direction, active)
        area = dr.gather(mi.Float, self._area, index, active)
        return LampSample(point, direction, radiance * (facing * area / (distance2 * share)))

    def _shaped(self, index: Any, direction: Any, active: Any) -> Any:
        """`render.lighting.shaping_factor` of the chosen lamps, for light that goes against `direction`."""
        mi, dr = self._runtime.mi, self._runtime.dr
        row = [
            dr.gather(mi.Float, self._shaping, index * SHAPING_WIDTH + k, active)
            for k in range(SHAPING_WIDTH)
        ]
        cosine = -dr.dot(mi.Vector3f(*row[:3]), direction)
        inner, outer, focus, tint = row[3], row[4], row[5], mi.Color3f(*row[6:9])
        share = dr.select(focus > 0.0, dr.power(dr.maximum(cosine, 1e-6), focus), 1.0)
        at = dr.clip((dr.safe_acos(cosine) - inner) / dr.maximum(outer - inner, 1e-6), 0.0, 1.0)
        cone = dr.select(outer < dr.pi, 1.0 - at * at * (3.0 - 2.0 * at), 1.0)
        return (share + (1.0 - share) * tint) * cone

    def _on(self, name: str, axes: list[Any], centre: Any, position: Any, number: Any) -> tuple[Any, Any]:
        """A point on a shape, on the side of `position` where the shape is closed, and the normal there."""
        mi, dr = self._runtime.mi, self._runtime.dr
        x, y, z = axes
        if name == "rect":
            return centre + x * (2 * number.x - 1) + y * (2 * number.y - 1), dr.cross(x, y)
        if name == "disk":
            at = mi.warp.square_to_uniform_disk_concentric(number)
            return centre + x * at.x + y * at.y, dr.cross(x, y)
        if name == "sphere":
            at = mi.warp.square_to_uniform_sphere(number)
            normal = x * at.x + y * at.y + z * at.z
            normal = dr.select(dr.dot(normal, position - centre) < 0, -normal, normal)
            return centre + normal, normal
        sin, cos = dr.sincos(2 * dr.pi * number.x)
        axis_point, normal = centre + z * number.y, x * cos + y * sin
        normal = dr.select(dr.dot(normal, position - axis_point) < 0, -normal, normal)
        return axis_point + normal, normal


def _area(kind: str, matrix: F8) -> float:
    """Area that `sample` chooses from [m^2]: of closed shapes the half that is turned to the position."""
    x, y, z = (matrix[:3, k] for k in range(3))
    if kind == "rect":
        return 4 * float(np.linalg.norm(np.cross(x, y)))
    if kind == "disk":
        return float(np.pi * np.linalg.norm(np.cross(x, y)))
    if kind == "sphere":
        return float(2 * np.pi * np.linalg.norm(x) * np.linalg.norm(y))
    return float(np.pi * np.linalg.norm(x) * np.linalg.norm(z))


def _shaping_row(shaping: Shaping | None, placed: PlacedLight) -> list[float]:
    """Axis, angle where the cone begins to fade and where it ends [rad], focus, focus tint: `SHAPING_WIDTH` numbers."""
    axis = -placed.world_from_light[:3, 2]
    axis = axis / max(float(np.linalg.norm(axis)), 1e-12)
    if shaping is None:
        return [*axis.tolist(), 4.0, 4.0, 0.0, 0.0, 0.0, 0.0]
    inner = (1 - shaping.cone_softness) * shaping.cone_angle
    outer = shaping.cone_angle if shaping.cone_angle < np.pi else 4.0
    return [*axis.tolist(), inner, outer, shaping.focus, *shaping.focus_tint]
