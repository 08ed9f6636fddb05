"""The lidar: beams from a pattern, returns with ranges, intensities and labels.

Axes of the sensor: +x forward, +y left, +z up; forward is the camera's optical axis. Every beam starts from where the
sensor is at the beam's own time and meets the scene as it is then.

Stages, in this order:
    1. beams       `patterns`; `angle_sigma` turns the true beam away from the reported one
    2. rays        `subrays` a beam, spread over its footprint (Vogel's spiral), weighted by exp(-2 (r / r0)^2) with r0
                   at half the divergence: the profile of a Gaussian beam
    3. hits        as the label pass casts; a surface of opacity o sends back the share o and lets (1 - o)^2 pass (there
                   and back), up to `layers` surfaces deep
    4. echoes      hits of a beam that follow each other within `pulse` are one (`echoes.clustered`)
    5. power       `echoes.reflected` * (reference_range / range)^2 * exp(-2 extinction range): a Lambertian target that
                   fills the beam, seen through air
    6. detection   between min_range and max_range, with probability 1 / (1 + (p0 / p)^steepness), p0 the power of a 10 %
                   target at `range_of_10_percent`; of these the share `drop` is lost
    7. choice      which returns of a beam are reported
    8. noise       range + bias + sigma * normal, then rounded to `range_step`
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from twinstage.render.capture import Camera
from twinstage.render.sensors.base import SENSORS, Sensed, Sensor, View
from twinstage.render.sensors.casting import Caster, turned
from twinstage.render.sensors.classes import class_ids
from twinstage.render.sensors.echoes import (
    MOST_ECHOES,
    Echoes,
    chosen,
    clustered,
    joined,
    place_in_beam,
    reflected,
)
from twinstage.render.sensors.noise import Noise
from twinstage.render.sensors.patterns import AnyPattern, Beams, Spinning, unit_vectors
from twinstage.render.sensors.surfaces import surfaces
from twinstage.scene.columns import F8, frozen

CAMERA_FROM_LIDAR = frozen(
    np.array([[0.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]),
    np.float64,
)
"""Axes of a lidar in those of a camera (OpenCV)."""

COLUMNS = {
    "xyz": "f4[3], in the sensor's axes [m]",
    "range": "f4 [m]",
    "true_range": "f4, before noise [m]",
    "intensity": "f4, from 0 to 1",
    "ring": "i4, channel or row",
    "azimuth": "f4, reported [rad]",
    "elevation": "f4, reported [rad]",
    "time": "f8, from the frame's time [s]",
    "return_number": "u1, from 1 by range, of the beam's reported returns",
    "returns": "u1, how many returns of the beam are reported",
    "beam": "i4, number of the beam in the scan",
    "object": "i4, instance_id: row of Snapshot.objects + 1, 0 = none",
    "instance": "i4, row of Snapshot.instances + 1",
    "semantic": "i4, class id, 0 = none",
    "material": "i4, row of Snapshot.materials + 1",
    "normal": "f4[3], unit shading normal in the world on the sensor's side",
}
"""Columns of a point cloud, with what they hold."""

_RAYS_AT_ONCE = 262_144
_SKIP = 1e-4
"""How far behind a partly transparent surface a ray goes on [m]."""


@SENSORS.register
class Lidar(Sensor):
    """A lidar; see the module for the stages.

    Attributes:
        pattern: where beams go, by `kind` or by name (`patterns.PRESETS`).
        near: where beams begin [m]: inside the sensor's own housing nothing is hit.
        min_range, max_range: no return outside [m]; what is too near still blocks the beam.
        subrays: rays a beam. divergence: full angle at 1/e^2 [mrad], used where there are several.
        layers: most partly transparent surfaces that a ray passes, plus one.
        pulse: distance within which echoes melt together [m].
        returns, most_returns: which echoes are reported; `most_returns` with `all`.
        intensity: `power` falls with the square of the range, `reflectivity` is compensated for it (not for air).
        reference_range: where a white target facing the sensor has the intensity 1 [m].
        extinction: of the air [1/m]: 3 / visibility of fog (Koschmieder).
        range_of_10_percent: where a matt target of 10 % is detected half of the time [m]; None: power never decides.
        steepness: of that decision. drop: share of returns lost by chance.
        range_sigma, range_bias: [m]. range_step: quantum of ranges [m], 0 for none. intensity_bits: 0 for none.
        angle_sigma: of azimuth and elevation [degree].
        deskew: points in the sensor's axes at the scan's start, not at each beam's time.
        motion_steps: parts of the scan within which things move evenly.
        formats: what `save` writes: pcd, ply, kitti (.bin and SemanticKITTI's .label).
    """

    kind: Literal["lidar"] = "lidar"
    pattern: AnyPattern = Spinning(channels=32, elevation_range=(-25.0, 15.0))
    near: Annotated[float, Field(ge=0)] = 0.05
    min_range: Annotated[float, Field(ge=0)] = 0.1
    max_range: Annotated[float, Field(gt=0)] = 120.0
    subrays: Annotated[int, Field(ge=1, le=256)] = 1
    divergence: Annotated[float, Field(ge=0, le=500)] = 3.0
    layers: Annotated[int, Field(ge=1, le=MOST_ECHOES)] = 4
    pulse: Annotated[float, Field(ge=0)] = 0.3
    returns: Literal["strongest", "first", "last", "dual", "all"] = "strongest"
    most_returns: Annotated[int, Field(ge=1, le=MOST_ECHOES)] = 3
    intensity: Literal["power", "reflectivity"] = "power"
    reference_range: Annotated[float, Field(gt=0)] = 10.0
    extinction: Annotated[float, Field(ge=0)] = 0.0
    range_of_10_percent: Annotated[float, Field(gt=0)] | None = None
    steepness: Annotated[float, Field(gt=0, le=64)] = 8.0
    drop: Annotated[float, Field(ge=0, le=1)] = 0.0
    range_sigma: Annotated[float, Field(ge=0)] = 0.0
    range_bias: float = 0.0
    range_step: Annotated[float, Field(ge=0)] = 0.0
    intensity_bits: Annotated[int, Field(ge=0, le=16)] = 0
    angle_sigma: Annotated[float, Field(ge=0, le=10)] = 0.0
    deskew: bool = False
    motion_steps: Annotated[int, Field(ge=1, le=1024)] = 16
    formats: tuple[Literal["pcd", "ply", "kitti"], ...] = ("pcd", "ply", "kitti")

    @model_validator(mode="after")
    def _ordered(self) -> "Lidar":
        if not self.near <= self.min_range < self.max_range:
            raise ValueError("near, min_range and max_range rise in this order")
        return self

    def looks(self, camera: Camera) -> tuple[float, float]:
        """From the frame's time to the scan's end [s]."""
        return 0.0, float(self.pattern.beams().seconds.max())

    def __call__(self, view: View) -> Sensed:
        """The columns of `COLUMNS`, a row a reported return, by beam and range."""
        beams, noise = self.pattern.beams(), Noise(view.seed, "lidar")
        caster = self._caster(view, beams)
        size = max(_RAYS_AT_ONCE // self.subrays, 1)
        parts = [
            self._echoes(view, caster, beams, noise, np.arange(first, min(first + size, len(beams))))
            for first in range(0, len(beams), size)
        ]
        echoes = self._detected(joined(parts), len(beams), noise)
        echoes = echoes.take(chosen(echoes, self.returns, self.most_returns))
        return Sensed("lidar", self._columns(view, caster, beams, echoes, noise), view.camera)

    def save(self, sensed: Sensed, folder: Path, stem: str) -> list[Path]:
        """`stem.pcd`, `stem.ply`, `stem.bin` and `stem.label`, as `formats` says."""
        from twinstage.render.sensors.clouds import save_cloud

        return [
            path for form in self.formats for path in save_cloud(sensed.arrays, folder / f"{stem}.{form}")
        ]

    def _caster(self, view: View, beams: Beams) -> Caster:
        end = float(beams.seconds.max())
        if view.motion is None or end <= 0:
            return Caster(view.snapshot if view.motion is None else view.motion.at(0.0))
        times = np.linspace(0.0, end, self.motion_steps + 1).tolist()
        keys = [t for t in view.motion.seconds if 0 < t < end]
        return Caster(view.snapshot, view.motion, sorted({*times, *keys}))

    def _echoes(self, view: View, caster: Caster, beams: Beams, noise: Noise, rows: np.ndarray) -> Echoes:
        """All echoes of some beams, before detection."""
        origins, directions, weight = self._rays(view, beams, noise, rows)
        k = len(weight)
        ray_beam, seconds = np.repeat(rows, k), np.repeat(beams.seconds[rows], k)
        share, start = np.tile(weight, len(rows)), np.full(len(rows) * k, self.near)
        left = np.arange(len(ray_beam))
        found = []
        for _ in range(self.layers):
            o, d, s = origins[left], directions[left], seconds[left]
            hits = caster.cast(o, d, seconds=s, near=start[left], far=self.max_range)
            look = surfaces(caster, hits, d, s)
            solid = look.opacity.astype(np.float64)
            light = reflected(look.albedo, look.metallic, look.roughness, look.cosine)
            at = np.flatnonzero((hits.instance >= 0) & (solid > 0))
            distance = hits.t[at]
            power = share[left[at]] * solid[at] * light[at] / np.maximum(distance, 1e-3) ** 2
            power *= np.exp(-2 * self.extinction * distance)
            columns = {
                "instance": hits.instance[at],
                "material": look.material[at],
                "normal": look.normal[at],
            }
            found.append(Echoes(ray_beam[left[at]], distance, power, columns))
            through = np.flatnonzero((hits.instance >= 0) & (solid < 1))
            if through.size == 0:
                break
            share[left[through]] *= (1 - solid[through]) ** 2
            start[left[through]] = hits.t[through] + _SKIP
            left = left[through]
        return clustered(joined(found), self.pulse)

    def _rays(self, view: View, beams: Beams, noise: Noise, rows: np.ndarray) -> tuple[F8, F8, F8]:
        """World origins and unit directions f8[beams * subrays, 3], and the weight f8[subrays] of each subray."""
        azimuth, elevation = beams.azimuth[rows], beams.elevation[rows]
        if self.angle_sigma > 0:
            stray = np.radians(self.angle_sigma) * noise.normal("angle", (len(beams), 2))[rows]
            azimuth, elevation = azimuth + stray[:, 0], elevation + stray[:, 1]
        local, weight = _footprint(azimuth, elevation, self.subrays, self.divergence * 1e-3)
        pose = _poses(view, beams.seconds[rows])
        k = len(weight)
        if pose.ndim == 2:
            directions = turned(pose[:3, :3], local.reshape(-1, 3))
            origins = np.broadcast_to(pose[:3, 3], directions.shape)
        else:
            directions = turned(np.repeat(pose[:, :3, :3], k, axis=0), local.reshape(-1, 3))
            origins = np.repeat(pose[:, :3, 3], k, axis=0)
        return origins, directions, weight

    def _detected(self, echoes: Echoes, beams: int, noise: Noise) -> Echoes:
        place = place_in_beam(echoes.beam)
        echoes = echoes.take(np.flatnonzero(place < MOST_ECHOES))
        place = place_in_beam(echoes.beam)
        keep = (echoes.range >= self.min_range) & (echoes.range <= self.max_range)
        if self.range_of_10_percent is not None:
            ratio = 0.1 / self.range_of_10_percent**2 / np.maximum(echoes.power, 1e-30)
            chance = 1 / (1 + np.minimum(ratio, 1e9) ** self.steepness)
            keep &= noise.uniform("detection", (beams, MOST_ECHOES))[echoes.beam, place] < chance
        if self.drop > 0:
            keep &= noise.uniform("drop", (beams, MOST_ECHOES))[echoes.beam, place] >= self.drop
        return echoes.take(np.flatnonzero(keep))

    def _columns(
        self, view: View, caster: Caster, beams: Beams, echoes: Echoes, noise: Noise
    ) -> dict[str, np.ndarray]:
        beam, table = echoes.beam, caster.snapshot.instances
        number = place_in_beam(beam)
        distance = echoes.range + self.range_bias
        if self.range_sigma > 0:
            distance += self.range_sigma * noise.normal("range", (len(beams), MOST_ECHOES))[beam, number]
        if self.range_step > 0:
            distance = np.rint(distance / self.range_step) * self.range_step
        bright = echoes.power * (self.reference_range**2 if self.intensity == "power" else echoes.range**2)
        bright = np.clip(bright, 0.0, 1.0)
        if self.intensity_bits:
            steps = 2**self.intensity_bits - 1
            bright = np.rint(bright * steps) / steps
        xyz = unit_vectors(beams.azimuth[beam], beams.elevation[beam]) * distance[:, None]
        if self.deskew:
            xyz = _deskewed(view, xyz, beams.seconds[beam])
        instance = echoes.columns["instance"]
        owner = table.object[instance]
        columns = {
            "xyz": xyz.astype(np.float32),
            "range": distance.astype(np.float32),
            "true_range": echoes.range.astype(np.float32),
            "intensity": bright.astype(np.float32),
            "ring": beams.ring[beam],
            "azimuth": beams.azimuth[beam].astype(np.float32),
            "elevation": beams.elevation[beam].astype(np.float32),
            "time": beams.seconds[beam],
            "return_number": (number + 1).astype(np.uint8),
            "returns": np.bincount(beam, minlength=len(beams))[beam].astype(np.uint8),
            "beam": beam.astype(np.int32),
            "object": (owner + 1).astype(np.int32),
            "instance": (instance + 1).astype(np.int32),
            "semantic": class_ids(caster.snapshot, view.classes)[owner + 1],
            "material": (echoes.columns["material"] + 1).astype(np.int32),
            "normal": echoes.columns["normal"],
        }
        return {name: frozen(column, column.dtype.type) for name, column in columns.items()}


def _footprint(azimuth: F8, elevation: F8, count: int, divergence: float) -> tuple[F8, F8]:
    """Unit directions f8[n, count, 3] over each beam's footprint, and weights f8[count] that sum to 1."""
    middle = unit_vectors(azimuth, elevation)
    if count == 1:
        return middle[:, None, :], np.ones(1)
    left = np.stack([-np.sin(azimuth), np.cos(azimuth), np.zeros_like(azimuth)], -1)
    up = np.cross(middle, left)
    # Vogel's spiral covers a disk evenly; the first ray is the beam's own.
    radius = np.sqrt(np.arange(count) / (count - 1))
    angle = np.arange(count) * np.pi * (3 - np.sqrt(5))
    tangent = np.tan(divergence / 2) * radius
    out = (
        middle[:, None]
        + (tangent * np.cos(angle))[None, :, None] * left[:, None]
        + (tangent * np.sin(angle))[None, :, None] * up[:, None]
    )
    weight = np.exp(-2 * radius**2)
    return out / np.linalg.norm(out, axis=-1, keepdims=True), weight / weight.sum()


def _poses(view: View, seconds: F8) -> F8:
    """world_from_sensor f8[4, 4], or f8[n, 4, 4] at those times where the sensor moves."""
    camera = view.camera
    pose = camera.world_from_camera if camera.path is None else camera.path.at(seconds)
    out: F8 = pose @ CAMERA_FROM_LIDAR
    return out


def _deskewed(view: View, xyz: F8, seconds: F8) -> F8:
    """Points of each beam's moment in the axes of the scan's start."""
    if view.camera.path is None:
        return xyz
    then, start = _poses(view, seconds), _poses(view, np.zeros(1))[0]
    world = np.einsum("nij,nj->ni", then[:, :3, :3], xyz) + then[:, :3, 3]
    out: F8 = (world - start[:3, 3]) @ start[:3, :3]
    return out
