"""Lights with an extent as a table: one of them is chosen by its power, and a point on it, without a shape in the scene.

Lights of USD have no body: no ray is ever to hit one. Choosing and sampling them by arithmetic on a small table takes a
fifth of the time of Mitsuba's emitter calls, and a light cannot shade another one. Triangles of glowing surfaces are rows
of the same table, so a scene with a hundred lights costs one shadow ray a sample, as one with a single light does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.render.lighting import PlacedLight, ies_grid
from twinstage.render.mi.runtime import Mitsuba
from twinstage.scene.columns import F4, F8
from twinstage.scene.ies import COLUMNS, ROWS
from twinstage.scene.snapshot import Shaping

KINDS = ("rect", "disk", "sphere", "cylinder", "point", "line", "triangle")
QUADS = 9
MOST_MET = 8
"""So many of the strongest lamps are also found by rays that are reflected: mirrors show them without noise."""
_NEVER = 4.0
"""[rad]: where a cone ends that cuts nothing."""

_MET = 16
"""Added to the kind of lamps that reflected rays find, too."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """A light with an extent: its pose, world_from_shape f8[4, 4] (Mitsuba's unit shapes), and a rectangle's image."""

    placed: PlacedLight
    matrix: F8
    image: F4 | None = None

    @property
    def kind(self) -> str:
        """What of `KINDS` it is sampled as."""
        hint = self.placed.light is not None and self.placed.light.treat_as_point
        return {"sphere": "point", "cylinder": "line"}.get(self.placed.kind, "") if hint else self.placed.kind


@dataclass(frozen=True, slots=True)
class Glow:
    """Triangles of glowing surfaces: corners f4[t, 3, 3] relative to the scene's origin, mean radiance f4[t, 3], row u4[t]."""

    corners: F4 = field(default_factory=lambda: np.zeros((0, 3, 3), np.float32))
    radiance: F4 = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    row: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint32))


@dataclass(frozen=True, slots=True)
class LampSample:
    """A point on a lamp (Point3f), and the radiance that it sends over there, divided by the density of the choice.

    `weight` (Color3f) times a BSDF value with its cosine is the light that is reflected, if nothing is in between;
    `pdf`: density of the direction; `bodied`: whether it is a glowing surface; `met`: whether reflected rays find it, too;
    `index`: its row.
    """

    point: Any
    direction: Any
    weight: Any
    pdf: Any
    bodied: Any
    met: Any
    index: Any


class LampTable:
    """The lamps of a snapshot, then the triangles that glow."""

    def __init__(self, runtime: Mitsuba, lamps: Sequence[Lamp], glow: Glow, surface_rows: int) -> None:
        mi = runtime.mi
        self._runtime = runtime
        self.count = len(lamps) + len(glow.row)
        self.kinds = tuple(sorted({lamp.kind for lamp in lamps} | ({"triangle"} if len(glow.row) else set())))
        rows = np.zeros((self.count, QUADS, 4), np.float32)
        for k, lamp in enumerate(lamps):
            rows[k] = _row(lamp)
        areas = _triangles(rows[len(lamps) :], glow)
        power = np.array([_flux(lamp) for lamp in lamps], np.float64)
        power += (
            0.1 * power.mean() if len(power) else 0.0
        )  # a far bright light must not make a near dim one noisy
        bright = glow.radiance.mean(1, dtype=np.float64)
        weights = np.concatenate([power, 2 * areas * bright]) + 1e-12
        total = float(weights.sum())
        # What `sample` needs is the area over the chance that the lamp is chosen with.
        rows[:, 3, 3] *= total / weights
        self._met = tuple((k, lamps[k].kind) for k in _strongest(lamps, power))
        codes = rows[:, 8, 3].copy()
        codes[[k for k, _ in self._met]] += _MET
        self._choice = mi.Float(alias_table(weights / total, codes).ravel())
        self._rows = mi.Float(rows.ravel())
        self.has_glow = len(glow.row) > 0
        self.has_lamps = len(lamps) > 0
        density = np.zeros(max(surface_rows, 1), np.float32)
        density[glow.row] = 2 * bright / total
        self._density = mi.Float(density)
        lights = [lamp.placed for lamp in lamps]
        self._shaped = any(p.light is not None and p.light.shaping is not None for p in lights)
        self.parted = any(p.reflects != (1.0, 1.0) for p in lights)
        self.shadowless = any(p.light is not None and not p.light.shadow for p in lights)
        self._profiles, self._images = _profiles(mi, rows, lamps), _images(mi, rows, lamps)
        if self._profiles is not None or self._images is not None:
            self._rows = mi.Float(rows.ravel())

    def quad(self, index: Any, number: int, active: Any) -> Any:
        """Four numbers of a lamp (mi.Vector4f)."""
        mi, dr = self._runtime.mi, self._runtime.dr
        return dr.gather(mi.Vector4f, self._rows, index * QUADS + number, active)

    def glow_pdf(self, row: Any, distance: Any, cosine: Any, active: Any) -> Any:
        """Density with which `sample` chooses a direction that hits a glowing surface of that material."""
        mi, dr = self._runtime.mi, self._runtime.dr
        return (
            dr.gather(mi.Float, self._density, row, active) * dr.square(distance) / dr.maximum(cosine, 1e-4)
        )

    def parts(self, index: Any, active: Any) -> tuple[Any, Any]:
        """The multipliers of what is reflected, matt and glossy."""
        found = self.quad(index, 5, active)
        return found[2], found[3]

    def casts_shadow(self, index: Any, active: Any) -> Any:
        """Whether things stand in a lamp's way."""
        return self.quad(index, 6, active)[3] > 0.5

    def sample(self, position: Any, number: Any, active: Any) -> LampSample:
        """A lamp and a point on it as seen from `position`, by two numbers in [0, 1)."""
        mi, dr = self._runtime.mi, self._runtime.dr
        index, first, code = self._chosen(number.x, active)
        quads = [self.quad(index, k, active) for k in range(4)]
        axes = [mi.Vector3f(q[0], q[1], q[2]) for q in quads[:3]]
        centre = mi.Point3f(quads[0][3], quads[1][3], quads[2][3])
        strong = code >= float(_MET)
        kind = dr.select(strong, code - float(_MET), code)
        point, normal, uv = mi.Point3f(0.0), mi.Vector3f(0.0, 0.0, 1.0), mi.Point2f(first, number.y)
        for name in self.kinds:
            here, outward = self._on(name, axes, centre, position, uv)
            match = kind == float(KINDS.index(name))
            point, normal = dr.select(match, here, point), dr.select(match, outward, normal)
        toward = point - position
        distance2 = dr.maximum(dr.squared_norm(toward), 1e-8)
        direction = toward * dr.rsqrt(distance2)
        facing = -dr.dot(dr.normalize(normal), direction)
        bodied = kind == float(KINDS.index("triangle"))
        facing = dr.select(bodied, dr.abs(facing), dr.maximum(facing, 0.0))
        radiance = mi.Color3f(quads[3][0], quads[3][1], quads[3][2])
        if self._images is not None:
            radiance *= self._pictured(index, uv, active)
        if self._shaped:
            radiance *= self._formed(index, direction, active)
        size = facing * quads[3][3] / distance2
        pdf = dr.select(size > 0.0, dr.rcp(size), 0.0)
        return LampSample(point, direction, radiance * size, pdf, bodied, bodied | strong, index)

    def _chosen(self, number: Any, active: Any) -> tuple[Any, Any, Any]:
        """A row by a number in [0, 1), the number stretched so that it is one again, and the row's code."""
        mi, dr = self._runtime.mi, self._runtime.dr
        across = number * float(self.count)
        cell = dr.minimum(mi.UInt32(across), self.count - 1)
        within = across - mi.Float(cell)
        limit, other, code, its = dr.gather(mi.Vector4f, self._choice, cell, active)
        own = within < limit
        index = dr.select(own, cell, mi.UInt32(other))
        first = dr.select(own, within / limit, (within - limit) / (1.0 - limit))
        return index, dr.clip(first, 0.0, 1.0 - 2.0**-24), dr.select(own, code, its)

    @property
    def meets(self) -> bool:
        """Whether reflected rays find any lamp or glowing surface."""
        return self.has_glow or bool(self._met)

    def on_the_way(self, origin: Any, direction: Any, distance: Any, density: Any, active: Any) -> Any:
        """Light (Color3f) of the lamps that a reflected ray meets before `distance`, weighted against `sample`.

        `density`: with which the ray was chosen.
        """
        mi, dr = self._runtime.mi, self._runtime.dr
        light = mi.Color3f(0.0)
        for number, kind in self._met:
            index = dr.opaque(mi.UInt32, number)
            quads = [self.quad(index, k, active) for k in range(4)]
            x, y = (mi.Vector3f(q[0], q[1], q[2]) for q in quads[:2])
            toward = mi.Point3f(quads[0][3], quads[1][3], quads[2][3]) - origin
            t, facing, u, v, hit = _met_at(dr, kind, x, y, toward, direction)
            hit = active & hit & (t > 1e-4) & (t < distance) & (facing > 0.0)
            radiance = mi.Color3f(quads[3][0], quads[3][1], quads[3][2])
            if self._images is not None and kind == "rect":
                radiance *= self._pictured(index, mi.Point2f(0.5 + 0.5 * u, 0.5 + 0.5 * v), hit)
            if self._shaped:
                radiance *= self._formed(index, direction, hit)
            pdf = dr.square(t) / dr.maximum(facing * quads[3][3], 1e-12)
            square = dr.square(density)
            light += dr.select(hit, radiance * (square / (square + dr.square(pdf))), mi.Color3f(0.0))
        return light

    def _formed(self, index: Any, direction: Any, active: Any) -> Any:
        """`render.lighting.shaping_factor` of the chosen lamps, for light that goes against `direction`."""
        mi, dr = self._runtime.mi, self._runtime.dr
        fifth, sixth = self.quad(index, 4, active), self.quad(index, 5, active)
        seventh = self.quad(index, 6, active)
        axis = mi.Vector3f(fifth[0], fifth[1], fifth[2])
        cosine = -dr.dot(axis, direction)
        inner, outer, focus = fifth[3], sixth[0], sixth[1]
        tint = mi.Color3f(seventh[0], seventh[1], seventh[2])
        angle = dr.safe_acos(cosine)
        share = dr.select(focus > 0.0, dr.power(dr.maximum(cosine, 1e-6), focus), 1.0)
        at = dr.clip((angle - inner) / dr.maximum(outer - inner, 1e-6), 0.0, 1.0)
        cone = dr.select(outer < dr.pi, 1.0 - at * at * (3.0 - 2.0 * at), 1.0)
        factor = (share + (1.0 - share) * tint) * cone
        if self._profiles is not None:
            factor *= self._profiled(index, axis, angle, -direction, active)
        return factor

    def _profiled(self, index: Any, axis: Any, angle: Any, emitted: Any, active: Any) -> Any:
        """The IES profile, bilinearly."""
        mi, dr = self._runtime.mi, self._runtime.dr
        eighth, ninth = self.quad(index, 7, active), self.quad(index, 8, active)
        number, scale = eighth[0], eighth[1]
        x = mi.Vector3f(ninth[0], ninth[1], ninth[2])
        y = dr.cross(-axis, x)
        theta = dr.select(scale > 0.0, angle / dr.maximum(scale, 1e-6), angle)
        theta = dr.select(scale < 0.0, (angle - dr.pi) / dr.maximum(-scale, 1e-6) + dr.pi, theta)
        inside = (theta >= 0.0) & (theta <= dr.pi)
        phi = dr.atan2(dr.dot(emitted, y), dr.dot(emitted, x))
        phi = dr.select(phi < 0.0, phi + dr.two_pi, phi)
        row = dr.clip(theta * dr.inv_pi, 0.0, 1.0) * (ROWS - 1)
        column = dr.clip(phi * dr.inv_two_pi, 0.0, 1.0) * (COLUMNS - 1)
        top, left = dr.minimum(mi.UInt32(row), ROWS - 2), dr.minimum(mi.UInt32(column), COLUMNS - 2)
        down, right = row - mi.Float(top), column - mi.Float(left)
        active = active & (number > 0.5)
        at = mi.UInt32(dr.maximum(number - 1.0, 0.0)) * (ROWS * COLUMNS) + top * COLUMNS + left
        corner = [dr.gather(mi.Float, self._profiles, at + k, active) for k in (0, 1, COLUMNS, COLUMNS + 1)]
        mixed = dr.lerp(dr.lerp(corner[0], corner[1], right), dr.lerp(corner[2], corner[3], right), down)
        return dr.select(active, dr.select(inside, mixed, 0.0), 1.0)

    def _pictured(self, index: Any, uv: Any, active: Any) -> Any:
        """The pixel of a rectangle's image at the sampled point: u along X, v along Y upwards."""
        mi, dr = self._runtime.mi, self._runtime.dr
        where, pixels = self._images
        offset, width, height = (dr.gather(mi.UInt32, where, index * 3 + k, active) for k in range(3))
        shown = active & (width > 0)
        column = dr.minimum(mi.UInt32(uv.x * mi.Float(width)), dr.maximum(width, 1) - 1)
        # `Lamp.matrix` turns a rectangle about X, so its y runs from the top of the image to the bottom.
        line = dr.minimum(mi.UInt32(uv.y * mi.Float(height)), dr.maximum(height, 1) - 1)
        at = (offset + line * width + column) * 3
        found = mi.Color3f(*(dr.gather(mi.Float, pixels, at + c, shown) for c in range(3)))
        return dr.select(shown, found, 1.0)

    def _on(self, name: str, axes: list[Any], centre: Any, position: Any, number: Any) -> tuple[Any, Any]:
        """A point on a shape, on the side of `position` where the shape is closed, and the normal there."""
        mi, dr = self._runtime.mi, self._runtime.dr
        x, y, z = axes
        if name == "rect":
            return centre + x * (2 * number.x - 1) + y * (2 * number.y - 1), dr.cross(x, y)
        if name == "disk":
            at = mi.warp.square_to_uniform_disk_concentric(number)
            return centre + x * at.x + y * at.y, dr.cross(x, y)
        if name == "triangle":
            root = dr.sqrt(1.0 - number.x)
            return centre + x * (1.0 - root) + y * (root * number.y), dr.cross(x, y)
        if name == "sphere":
            at = mi.warp.square_to_uniform_sphere(number)
            normal = x * at.x + y * at.y + z * at.z
            normal = dr.select(dr.dot(normal, position - centre) < 0, -normal, normal)
            return centre + normal, normal
        if name == "point":
            return centre, position - centre
        if name == "line":
            point = centre + z * number.y
            toward, along = position - point, dr.normalize(z)
            return point, toward - along * dr.dot(toward, along)
        sin, cos = dr.sincos(2 * dr.pi * number.x)
        axis_point, normal = centre + z * number.y, x * cos + y * sin
        normal = dr.select(dr.dot(normal, position - axis_point) < 0, -normal, normal)
        return axis_point + normal, normal


def _met_at(
    dr: Any, kind: str, x: Any, y: Any, toward: Any, direction: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """Where a ray meets a lamp: distance, cosine there, the lamp's coordinates in [-1, 1], and whether it does."""
    if kind == "sphere":
        along = dr.dot(toward, direction)
        radius2 = dr.squared_norm(x)
        away = toward - direction * along
        inside = radius2 - dr.squared_norm(away)
        depth = dr.safe_sqrt(inside)
        zero = dr.zeros(type(along))
        return along - depth, depth * dr.rsqrt(radius2), zero, zero, inside > 0.0
    normal = dr.normalize(dr.cross(x, y))
    cosine = dr.dot(normal, direction)
    t = dr.dot(normal, toward) / cosine
    at = direction * t - toward
    u, v = dr.dot(at, x) / dr.squared_norm(x), dr.dot(at, y) / dr.squared_norm(y)
    if kind == "disk":
        return t, -cosine, u, v, dr.square(u) + dr.square(v) <= 1.0
    return t, -cosine, u, v, (dr.abs(u) <= 1.0) & (dr.abs(v) <= 1.0)


def _strongest(lamps: Sequence[Lamp], power: np.ndarray) -> list[int]:
    """Rows of the lamps that rays are to find: flat ones without shear and spheres, without multipliers of their own."""

    def fit(lamp: Lamp) -> bool:
        x, y = lamp.matrix[:3, 0], lamp.matrix[:3, 1]
        square = abs(float(x @ y)) < 1e-6 * float(np.linalg.norm(x) * np.linalg.norm(y))
        light = lamp.placed.light
        shadow = light is None or light.shadow
        return (
            lamp.kind in ("rect", "disk", "sphere")
            and square
            and shadow
            and lamp.placed.reflects == (1.0, 1.0)
        )

    order = sorted(range(len(lamps)), key=lambda k: (-float(power[k]), k))
    return sorted([k for k in order if fit(lamps[k])][:MOST_MET])


def alias_table(shares: np.ndarray, codes: np.ndarray) -> F4:
    """Walker's alias method, f4[n, 4]: how far into its cell a row keeps it, who has the rest, and both's codes.

    `shares` f8[n] add up to 1. One look chooses among any number of rows.
    """
    n = len(shares)
    height = np.asarray(shares, np.float64) * n
    limit, other = np.ones(n), np.arange(n)
    small, large = np.flatnonzero(height < 1.0).tolist(), np.flatnonzero(height >= 1.0).tolist()
    height = height.tolist()
    while small and large:
        low, high = small.pop(), large[-1]
        limit[low], other[low] = height[low], high
        height[high] -= 1.0 - height[low]
        if height[high] < 1.0:
            small.append(large.pop())
    return np.stack([limit, other, codes, codes[other]], 1).astype(np.float32)


def _area(kind: str, matrix: F8) -> float:
    """Area that `sample` chooses from [m^2]: of closed shapes the half that is turned to the position."""
    x, y, z = (float(np.linalg.norm(matrix[:3, k])) for k in range(3))
    if kind in ("rect", "disk"):
        skew = float(np.linalg.norm(np.cross(matrix[:3, 0], matrix[:3, 1])))
        return (4.0 if kind == "rect" else np.pi) * skew
    # A point shows a sphere's disc, a line a cylinder's width.
    return {
        "sphere": 2 * np.pi * x * y,
        "point": np.pi * x * y,
        "cylinder": np.pi * x * z,
        "line": 2 * x * z,
    }[kind]


def _flux(lamp: Lamp) -> float:
    """Light that a lamp gives, over pi; shaping is left out but for the share of a narrow cone."""
    area, bright = _area(lamp.kind, lamp.matrix), float(np.mean(lamp.placed.radiance))
    if lamp.image is not None:
        bright *= float(lamp.image.mean())
    closed = {"sphere": 2.0, "point": 4.0, "cylinder": 2.0, "line": np.pi}.get(lamp.kind, 1.0)
    light = lamp.placed.light
    if light is not None and light.shaping is not None and light.shaping.cone_angle < np.pi / 2:
        closed *= float(np.sin(light.shaping.cone_angle) ** 2) / (2.0 if closed > 1 else 1.0)
    return area * bright * closed


def _row(lamp: Lamp) -> F4:
    """The numbers of a lamp, f4[QUADS, 4]."""
    out = np.zeros((QUADS, 4), np.float32)
    placed, light = lamp.placed, lamp.placed.light
    out[:3, :3], out[:3, 3] = lamp.matrix[:3, :3].T, lamp.matrix[:3, 3]
    out[3] = *placed.radiance, _area(lamp.kind, lamp.matrix)
    axes = placed.world_from_light[:3, :3]
    axes = axes / np.maximum(np.linalg.norm(axes, axis=0), 1e-12)
    shaping = light.shaping if light is not None and light.shaping is not None else Shaping(cone_angle=np.pi)
    inner = (1 - shaping.cone_softness) * shaping.cone_angle
    whole = shaping.cone_angle >= np.pi
    out[4] = *-axes[:, 2], _NEVER if whole else inner
    out[5] = _NEVER if whole else shaping.cone_angle, shaping.focus, *placed.reflects
    out[6] = *shaping.focus_tint, 1.0 if light is None or light.shadow else 0.0
    out[7, 1] = shaping.ies_angle_scale
    out[8] = *axes[:, 0], KINDS.index(lamp.kind)
    return out


def _triangles(rows: F4, glow: Glow) -> np.ndarray:
    """Fill the rows of glowing triangles; their areas f8[t]."""
    first, second = (glow.corners[:, k] - glow.corners[:, 0] for k in (1, 2))
    areas = np.linalg.norm(np.cross(first.astype(np.float64), second), axis=1) / 2
    rows[:, 0, :3], rows[:, 1, :3] = first, second
    rows[:, :3, 3] = glow.corners[:, 0]
    rows[:, 3, :3], rows[:, 3, 3] = glow.radiance, areas
    rows[:, 4, 3], rows[:, 5, 0] = _NEVER, _NEVER
    rows[:, 5, 2:], rows[:, 6, 3] = 1.0, 1.0
    rows[:, 8, 3] = KINDS.index("triangle")
    out: np.ndarray = areas
    return out


def _profiles(mi: Any, rows: F4, lamps: Sequence[Lamp]) -> Any:
    """The IES grids of all lamps in one buffer, or None; rows get their numbers, from 1 on."""
    grids: dict[tuple[bytes, bool], F4] = {}
    for k, lamp in enumerate(lamps):
        shaping = lamp.placed.light.shaping if lamp.placed.light is not None else None
        grid = ies_grid(shaping.ies, shaping.ies_normalize) if shaping is not None and shaping.ies else None
        if shaping is None or grid is None:
            continue
        key = (shaping.ies, shaping.ies_normalize)
        grids.setdefault(key, grid)
        rows[k, 7, 0] = 1 + list(grids).index(key)
    return mi.Float(np.concatenate([grid.ravel() for grid in grids.values()])) if grids else None


def _images(mi: Any, rows: F4, lamps: Sequence[Lamp]) -> Any:
    """Where each lamp's image lies (u4: first pixel, width, height) and all pixels, or None."""
    if all(lamp.image is None for lamp in lamps):
        return None
    where = np.zeros((len(rows), 3), np.uint32)
    parts, start = [], 0
    for k, lamp in enumerate(lamps):
        if lamp.image is not None:
            height, width = lamp.image.shape[:2]
            where[k] = start, width, height
            parts.append(lamp.image.reshape(-1, 3))
            start += width * height
    return mi.UInt32(where.ravel()), mi.Float(np.concatenate(parts).astype(np.float32).ravel())
