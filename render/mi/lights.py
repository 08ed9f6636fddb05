"""UsdLux lights -> lists and tables for our integrators, and Mitsuba emitters for the scalar variant.

Lights light, but have no body: camera rays look through them, so that pictures show what the label pass sees. The scalar
variant samples Mitsuba's own emitters: their shapes let rays pass (`null`); a scene holds one environment, so constant
domes add up, the first textured dome is the map, further ones count as their mean colour; shaping, images on rectangles,
multipliers and gprims as lights are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twinstage.render.images import decode, linear_pixels
from twinstage.render.kept import KeptArrays
from twinstage.render.lighting import PlacedLight, placed_lights, world_from_map
from twinstage.render.mi.arrays import rewrite_attributes
from twinstage.render.mi.lamps import Glow, Lamp, LampTable
from twinstage.render.mi.runtime import Mitsuba
from twinstage.render.mi.sky import MapTable, Sky, map_table, merged_map
from twinstage.scene.columns import F4, F8
from twinstage.scene.snapshot import Snapshot

ENVIRONMENT = "environment"
LIGHT_PREFIX = "light"


@dataclass(frozen=True, slots=True)
class Sun:
    """A distant light: where its light goes to, its irradiance, half of the angle that it is wide [rad], multipliers."""

    direction: F8
    irradiance: tuple[float, float, float]
    half_angle: float
    reflects: tuple[float, float]
    shadow: bool


@dataclass(frozen=True, slots=True)
class Lights:
    """The lights of a snapshot for our integrators, which need none of them as an object.

    suns: distant lights; table: lamps and glowing surfaces, or None; sky: all domes.
    """

    suns: tuple[Sun, ...]
    table: LampTable | None
    sky: Sky

    @property
    def mapped(self) -> bool:
        """Whether there is a map to sample."""
        return self.sky.table is not None


class LightBuilder:
    """Dictionaries and parameters of the lights; decoded maps are kept between scenes, the latest ones.

    With `listed`, none becomes part of the scene; `lights` lists them all.
    """

    def __init__(self, mi: Any, largest_map: int, *, listed: bool) -> None:
        self._mi = mi
        self._largest = largest_map
        self._listed = listed
        self._maps = KeptArrays()
        self._table: tuple[tuple[object, ...], MapTable] | None = None
        self._lamps: LampTable | None = None

    def structure(self, snapshot: Snapshot) -> tuple[object, ...]:
        """What has to be equal for `parameters` to fit a scene built before; hashable."""
        out: list[object] = []
        for placed in () if self._listed else _with_multipliers(snapshot):
            texture = placed.light.texture if placed.light is not None and placed.kind == "dome" else -1
            tint = _chroma(placed.radiance) if texture >= 0 else None
            sky = snapshot.textures[texture].hash if texture >= 0 else None
            out.append((placed.kind, sky, tint))
        if any(isinstance(item, tuple) and item[1] for item in out):
            # A map with other domes mixed into it cannot follow their colours in place.
            out.append(self._constant(snapshot))
        return tuple(out)

    def dicts(self, snapshot: Snapshot, origin: F8) -> dict[str, Any]:
        """Emitters and light shapes by id, in the order of the lights, moved so that `origin` [m] is at 0."""
        out: dict[str, Any] = {}
        if self._listed:
            return out
        environment = self._environment(snapshot)
        if environment is not None:
            out[ENVIRONMENT] = environment
        for key, placed in self._bodies(snapshot):
            out[key] = self._body(placed, origin)
        return out

    def lights(
        self, runtime: Mitsuba, snapshot: Snapshot, origin: F8, glow: Glow, surface_rows: int
    ) -> Lights:
        """The lights as lists and a table; `glow`: the triangles that glow, of materials 0 to `surface_rows`."""
        lights = placed_lights(snapshot)
        lamps = [
            Lamp(placed, _matrix(placed, origin), self._image(snapshot, placed))
            for placed in lights
            if placed.kind not in ("dome", "distant")
        ]
        table = None
        if lamps or len(glow.row) > 0:
            table = LampTable(runtime, lamps, glow, surface_rows)
            rewrite_attributes(runtime.dr, self._lamps, table)
            self._lamps = table
        return Lights(
            suns=tuple(_sun(placed) for placed in lights if placed.kind == "distant"),
            table=table,
            sky=self._sky(runtime, snapshot, lights),
        )

    def _sky(self, runtime: Mitsuba, snapshot: Snapshot, lights: tuple[PlacedLight, ...]) -> Sky:
        """All domes. One map keeps its tint apart, so that other colours change nothing else; several become one."""
        domes = [placed for placed in lights if placed.kind == "dome"]
        maps = [p for p in domes if p.light is not None and p.light.texture >= 0]
        plain = [p for p in domes if p.light is None or p.light.texture < 0]
        red, green, blue = np.sum([placed.radiance for placed in plain] or [(0.0, 0.0, 0.0)], 0).tolist()
        reflects = max(domes, key=lambda placed: sum(placed.radiance)).reflects if domes else (1.0, 1.0)
        poses = [_map_pose(placed)[:3, :3] for placed in maps]
        found = [snapshot.textures[p.light.texture].hash for p in maps if p.light is not None]
        tint, table = (1.0, 1.0, 1.0), None
        if len(maps) == 1:
            tint = maps[0].radiance
        key: tuple[object, ...] = tuple(found)
        if len(maps) > 1:
            key += tuple((p.radiance, pose.tobytes()) for p, pose in zip(maps, poses, strict=True))
        if maps and (self._table is None or self._table[0] != key):
            pixels = [self._map(snapshot, p.light.texture) for p in maps if p.light is not None]
            if len(maps) > 1:
                pixels = [
                    merged_map(
                        [(m, p.radiance, pose) for m, p, pose in zip(pixels, maps, poses, strict=True)]
                    )
                ]
            self._table = key, map_table(self._mi, pixels[0])
        if maps and self._table is not None:
            table = self._table[1]
        return Sky(runtime, (red, green, blue), tint, table, poses[0] if poses else np.eye(3), reflects)

    def _image(self, snapshot: Snapshot, placed: PlacedLight) -> F4 | None:
        if placed.light is None or placed.light.texture < 0 or placed.kind != "rect":
            return None
        return self._map(snapshot, placed.light.texture)

    def parameters(self, snapshot: Snapshot, origin: F8) -> dict[str, Any]:
        """Values by scene parameter for a scene of the same structure."""
        mi = self._mi
        out: dict[str, Any] = {}
        if self._listed:
            return out
        first = next(_textured_domes(snapshot), None)
        if first is not None:
            out[f"{ENVIRONMENT}.scale"] = float(max(first.radiance))
            out[f"{ENVIRONMENT}.to_world"] = mi.Transform4f(_map_pose(first))
        elif max(constant := self._constant(snapshot)) > 0:
            out[f"{ENVIRONMENT}.radiance.value"] = mi.Color3f(*constant)
        for key, placed in self._bodies(snapshot):
            out[f"{key}.to_world"] = mi.Transform4f(_matrix(placed, origin))
            name = "irradiance" if placed.kind == "distant" else "emitter.radiance"
            out[f"{key}.{name}.value"] = mi.Color3f(*(float(c) for c in placed.radiance))
        return out

    def _bodies(self, snapshot: Snapshot) -> list[tuple[str, PlacedLight]]:
        """The lights that are objects of the scene besides the environment, by id."""
        return [
            (f"{LIGHT_PREFIX}{i}", p) for i, p in enumerate(_with_multipliers(snapshot)) if p.kind != "dome"
        ]

    def _body(self, placed: PlacedLight, origin: F8) -> dict[str, Any]:
        to_world = self._mi.ScalarTransform4f(_matrix(placed, origin))
        rgb = {"type": "rgb", "value": list(placed.radiance)}
        if placed.kind == "distant":
            return {"type": "directional", "to_world": to_world, "irradiance": rgb}
        shape = {"rect": "rectangle", "disk": "disk", "sphere": "sphere", "cylinder": "cylinder"}[placed.kind]
        return {
            "type": shape,
            "to_world": to_world,
            "bsdf": {"type": "null"},
            "emitter": {"type": "area", "radiance": rgb},
        }

    def _environment(self, snapshot: Snapshot) -> dict[str, Any] | None:
        constant = self._constant(snapshot)
        first = next(_textured_domes(snapshot), None)
        if first is None or first.light is None:
            sky: dict[str, Any] = {"type": "constant", "radiance": {"type": "rgb", "value": list(constant)}}
            return sky if max(constant) > 0 else None
        peak = max(first.radiance)
        pixels = self._map(snapshot, first.light.texture) * np.array(_chroma(first.radiance), np.float32)
        pixels = pixels + np.array(constant, np.float32) / np.float32(peak)
        return {
            "type": "envmap",
            "bitmap": self._mi.Bitmap(np.ascontiguousarray(pixels, np.float32)),
            "scale": peak,
            "to_world": self._mi.ScalarTransform4f(_map_pose(first)),
        }

    def _constant(self, snapshot: Snapshot) -> tuple[float, float, float]:
        """The sum of all domes that are not the map."""
        total = np.zeros(3)
        first = next(_textured_domes(snapshot), None)
        for placed in _with_multipliers(snapshot):
            if placed.kind != "dome" or placed is first or (first and placed.light is first.light):
                continue
            colour = np.array(placed.radiance)
            if placed.light is not None and placed.light.texture >= 0:
                colour = colour * self._map(snapshot, placed.light.texture).mean((0, 1))
            total += colour
        red, green, blue = total.tolist()
        return red, green, blue

    def _map(self, snapshot: Snapshot, texture: int) -> F4:
        source = snapshot.textures[texture]
        return self._maps.get(source.hash, lambda: linear_pixels(decode(source, self._largest)))


def _with_multipliers(snapshot: Snapshot) -> tuple[PlacedLight, ...]:
    """The lights with `diffuse` in their radiance, for emitters that know one multiplier only."""
    lights = (
        replace(p, radiance=tuple(c * p.reflects[0] for c in p.radiance))  # type: ignore[arg-type]
        for p in placed_lights(snapshot)
    )
    return tuple(p for p in lights if max(p.radiance) > 0)


def _sun(placed: PlacedLight) -> Sun:
    light = placed.light
    return Sun(
        direction=-_orthonormal(placed.world_from_light[:3, :3])[:, 2],
        irradiance=placed.radiance,
        half_angle=min(light.angle / 2, np.pi / 2) if light is not None else 0.0,
        reflects=placed.reflects,
        shadow=light is None or light.shadow,
    )


def _map_pose(placed: PlacedLight) -> F8:
    pose = np.eye(4)
    if placed.light is not None:
        pose[:3, :3] = world_from_map(placed.light, placed.world_from_light)
    return pose


def _textured_domes(snapshot: Snapshot) -> Iterator[PlacedLight]:
    return (
        p
        for p in _with_multipliers(snapshot)
        if p.kind == "dome" and p.light is not None and p.light.texture >= 0
    )


def _chroma(radiance: tuple[float, float, float]) -> tuple[float, float, float]:
    peak = max(radiance)
    red, green, blue = (round(c / peak, 6) for c in radiance)
    return red, green, blue


def _matrix(placed: PlacedLight, origin: F8) -> F8:
    """world_from_shape: Mitsuba's unit shapes face +Z, UsdLux lights -Z; sizes go into the scale."""
    world = np.array(placed.world_from_light)
    world[:3, 3] -= origin
    light = placed.light
    turn = np.diag([1.0, -1.0, -1.0, 1.0])  # about X: +Z becomes -Z
    if placed.kind == "distant":
        world[:3, :3], world[:3, 3] = _orthonormal(world[:3, :3]), 0.0
        return world @ turn  # `directional` shines along +Z
    assert light is not None
    if placed.kind == "rect":
        return world @ turn @ np.diag([light.width / 2, light.height / 2, 1.0, 1.0])
    if placed.kind == "disk":
        return world @ turn @ np.diag([light.radius, light.radius, 1.0, 1.0])
    sx, sy, sz = np.linalg.norm(world[:3, :3], axis=0)
    world[:3, :3] = _orthonormal(world[:3, :3])
    if placed.kind == "sphere":
        radius = light.radius * float(sx * sy * sz) ** (1 / 3)
        return world @ np.diag([radius, radius, radius, 1.0])
    # Mitsuba's cylinder runs along +Z from 0 to 1, UsdLux's along X around the middle.
    along = np.array([[0.0, 0, 1, -0.5], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1]])
    radius = light.radius * float(np.sqrt(sy * sz))
    out: F8 = world @ np.diag([light.length * sx, radius, radius, 1.0]) @ along
    return out


def _orthonormal(linear: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd(linear)
    rotation: np.ndarray = u @ vt
    return rotation
